//! The engine's thread with a pseudo-model: streams, cancels, slow readers, overload, drain, failure.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tidegate_base::{Clock, Fault, FaultKind, Retry, SystemClock};
use tidegate_engine::{FinishReason, Sampling};
use tidegate_llm::config::EngineConfig;
use tidegate_llm::random::mix;
use tidegate_llm::sample::{Sampler, Scratch, Surroundings, score};
use tidegate_llm::stats::Deaf;
use tidegate_llm::worker::{Ask, Intake, Phase, PromptScore, Pull, Tokens, Worker};

use crate::fake::{self, Fake};

const VOCABULARY: usize = 100;
const END: u32 = 0;

/// A worker over a fake of 64 pages of 8 tokens, 400 positions, 32 rows; changed as told.
pub(crate) fn start(change: impl FnOnce(&mut Fake, &mut EngineConfig)) -> (Worker, Arc<[AtomicU64]>) {
    start_at(Arc::new(SystemClock::new()), change)
}

/// The same with another clock.
fn start_at(
    clock: Arc<dyn Clock>,
    change: impl FnOnce(&mut Fake, &mut EngineConfig),
) -> (Worker, Arc<[AtomicU64]>) {
    let mut fake = Fake::new(VOCABULARY, 400, 200, 8, 32);
    let mut config = EngineConfig {
        max_running: 8,
        max_waiting: 8,
        ..EngineConfig::default()
    };
    change(&mut fake, &mut config);
    let log = Arc::clone(&fake.allocations);
    let tokens = Tokens {
        known: VOCABULARY,
        end: vec![END],
    };
    let worker = Worker::start(Box::new(fake), &config, tokens, clock, Arc::new(Deaf)).unwrap();
    (worker, log)
}

/// A clock that goes when it is told to.
#[derive(Debug, Default)]
struct Hand(AtomicU64);

impl Hand {
    fn advance(&self, millis: u64) {
        self.0.fetch_add(millis, Ordering::Relaxed);
    }
}

impl Clock for Hand {
    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Relaxed))
    }
    fn unix(&self) -> Duration {
        self.monotonic()
    }
}

/// What a reader got.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) cached: Option<usize>,
    pub(crate) scores: Vec<PromptScore>,
    pub(crate) tokens: Vec<u32>,
    pub(crate) logprobs: Vec<(f32, Vec<(u32, f32)>)>,
    pub(crate) end: Option<Result<(FinishReason, usize), Fault>>,
}

impl Answer {
    fn take(&mut self, pull: Result<Pull, Fault>, top: &[(u32, f32)]) {
        assert!(self.end.is_none());
        match pull {
            Ok(Pull::Opened { cached, scores }) => {
                assert!(self.tokens.is_empty() && self.cached.is_none());
                self.cached = Some(cached);
                self.scores = scores;
            }
            Ok(Pull::Token { token, logprob }) => {
                assert!(self.cached.is_some(), "a token before the opening");
                self.tokens.push(token);
                self.logprobs.push((logprob, top.to_vec()));
            }
            Ok(Pull::Finished { reason, generated }) => self.end = Some(Ok((reason, generated))),
            Err(fault) => self.end = Some(Err(fault)),
        }
    }

    fn fault(self) -> Fault {
        self.end.unwrap().unwrap_err()
    }
}

/// The next thing, if there is one.
async fn pull(intake: &mut Intake, top: &mut Vec<(u32, f32)>) -> Option<Result<Pull, Fault>> {
    poll_fn(|context| intake.poll(context, top)).await
}

/// Reads to the end.
pub(crate) async fn read(intake: Intake) -> Answer {
    read_on(Answer::default(), intake).await
}

/// Reads the rest.
async fn read_on(mut answer: Answer, mut intake: Intake) -> Answer {
    let mut top = Vec::new();
    while let Some(next) = pull(&mut intake, &mut top).await {
        answer.take(next, &top);
    }
    answer
}

/// Lets the engine's thread wait for a reader and wake one, so that libraries have made what they keep
/// for a thread. Answers with the steps so far.
pub(crate) async fn warm_up(worker: &Worker) -> usize {
    let intake = worker.generate(endless(&[1, 2, 3], 100)).unwrap().remove(0);
    // Waking a task is another way through the runtime than waking the test itself.
    let answers = tokio::task::JoinSet::from_iter([read(intake)]).join_all().await;
    assert_eq!(answers[0].tokens.len(), 100);
    usize::try_from(worker.counters().values().steps).unwrap()
}

/// Reads until this many tokens are there.
async fn read_some(intake: &mut Intake, tokens: usize) -> Answer {
    let (mut answer, mut top) = (Answer::default(), Vec::new());
    while answer.tokens.len() < tokens {
        let next = pull(intake, &mut top).await.unwrap();
        answer.take(next, &top);
    }
    answer
}

fn ask(prompt: &[u32], max_tokens: usize) -> Ask {
    Ask {
        prompt: prompt.to_vec(),
        max_tokens,
        choices: 1,
        seed: 7,
        ..Ask::default()
    }
}

fn endless(prompt: &[u32], max_tokens: usize) -> Ask {
    Ask {
        ignore_end: true,
        ..ask(prompt, max_tokens)
    }
}

/// The answer to a prompt when it is alone, without end tokens.
fn alone(prompt: &[u32], max_tokens: usize, sampling: &Sampling, choice: u32) -> Vec<u32> {
    let mut tokens = prompt.to_vec();
    let mut sampler = Sampler::new(sampling.clone(), 7).for_choice(choice);
    let mut scratch = Scratch::new(VOCABULARY);
    for _ in 0..max_tokens {
        let around = Surroundings {
            tokens: &tokens,
            generated_from: prompt.len(),
            allowed: None,
        };
        let logits = fake::logits(&tokens, VOCABULARY);
        let token = sampler.choose(&logits, around, &mut scratch).unwrap();
        tokens.push(token);
    }
    tokens.split_off(prompt.len())
}

fn prompt(seed: u64, length: u64) -> Vec<u32> {
    (0..length)
        .map(|place| u32::try_from(mix(seed + place) % 99).unwrap() + 1)
        .collect()
}

/// Waits until nothing runs any more.
async fn idle(worker: &Worker) {
    for _ in 0..2000 {
        let load = worker.load();
        if (load.running, load.waiting, load.pages_used) == (0, 0, 0) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("still busy: {:?}", worker.load());
}

#[tokio::test]
async fn many_answers_at_once_are_what_each_is_alone() {
    let (worker, _) = start(|_, config| config.max_waiting = 64);
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..40 {
        let prompt = prompt(number % 5, 3 + number % 37);
        let ask = endless(&prompt, 50);
        let expected = alone(&prompt, 50, &ask.sampling, 0);
        let intake = worker.generate(ask).unwrap().remove(0);
        tasks.spawn(async move { (read(intake).await, expected) });
    }
    while let Some(result) = tasks.join_next().await {
        let (answer, expected) = result.unwrap();
        assert_eq!(answer.tokens, expected);
        assert_eq!(answer.end.unwrap().unwrap(), (FinishReason::Length, 50));
    }
    idle(&worker).await;
    let counters = worker.counters().values();
    assert_eq!((counters.finished, counters.generated_tokens), (40, 2000));
    assert!(counters.prefix_hit_tokens > 0);
}

#[tokio::test]
async fn answers_that_outgrow_the_pool_together_all_finish() {
    let (worker, _) = start(|fake, _| *fake = Fake::new(VOCABULARY, 400, 64, 8, 32));
    let intakes: Vec<_> = (0..6)
        .map(|seed| {
            worker
                .generate(endless(&prompt(seed, 10), 300))
                .unwrap()
                .remove(0)
        })
        .collect();
    let mut tasks = tokio::task::JoinSet::new();
    for (seed, intake) in (0..).zip(intakes) {
        tasks.spawn(async move { (seed, read(intake).await) });
    }
    while let Some(result) = tasks.join_next().await {
        let (seed, answer) = result.unwrap();
        assert_eq!(
            answer.tokens,
            alone(&prompt(seed, 10), 300, &Sampling::default(), 0)
        );
    }
    // Each needs 39 of the 64 pages; one after another it would have been 1800 steps and more.
    let counters = worker.counters().values();
    assert!(counters.page_pauses > 0 && counters.steps < 1700, "{counters:?}");
}

#[tokio::test]
async fn an_end_token_ends_and_is_not_text() {
    let (worker, _) = start(|_, _| ());
    let mut stops = 0;
    for number in 0..20 {
        let prompt = prompt(number, 5);
        let ask = ask(&prompt, 100);
        let mut expected = alone(&prompt, 100, &ask.sampling, 0);
        let answer = read(worker.generate(ask).unwrap().remove(0)).await;
        let (reason, generated) = answer.end.unwrap().unwrap();
        if let Some(end) = expected.iter().position(|token| *token == END) {
            expected.truncate(end);
            assert_eq!((reason, generated), (FinishReason::Stop, end + 1));
            stops += 1;
        } else {
            assert_eq!((reason, generated), (FinishReason::Length, 100));
        }
        assert_eq!(answer.tokens, expected);
    }
    assert!(stops > 5);
}

#[tokio::test]
async fn choices_share_the_pages_of_the_prompt() {
    let (worker, _) = start(|_, _| ());
    let prompt = prompt(1, 43);
    let ask = Ask {
        choices: 4,
        ..endless(&prompt, 20)
    };
    let sampling = ask.sampling.clone();
    let intakes = worker.generate(ask).unwrap();
    for (choice, intake) in (0..).zip(intakes) {
        let answer = read(intake).await;
        assert_eq!(answer.tokens, alone(&prompt, 20, &sampling, choice));
        // Five full pages of eight.
        assert_eq!(answer.cached, Some(if choice == 0 { 0 } else { 40 }));
    }
}

#[tokio::test]
async fn logarithms_are_the_models_own() {
    let (worker, _) = start(|_, _| ());
    let prompt = prompt(3, 70);
    let ask = Ask {
        logprobs: Some(20),
        score_prompt: true,
        ..endless(&prompt, 10)
    };
    let answer = read(worker.generate(ask).unwrap().remove(0)).await;
    let expect = |context: &[u32], token: u32| {
        let mut top = Vec::new();
        let logprob = score::score(&fake::logits(context, VOCABULARY), token, 20, &mut top);
        (logprob, top)
    };
    assert_eq!(answer.scores.len(), 69);
    for (place, found) in answer.scores.iter().enumerate() {
        let (logprob, top) = expect(&prompt[..=place], prompt[place + 1]);
        assert_eq!((found.logprob, &found.top), (logprob, &top));
    }
    let mut context = prompt;
    for (token, found) in answer.tokens.iter().zip(&answer.logprobs) {
        assert_eq!(*found, expect(&context, *token));
        context.push(*token);
    }
}

#[tokio::test]
async fn a_prompt_can_be_scored_without_an_answer() {
    let (worker, _) = start(|_, _| ());
    let ask = Ask {
        score_prompt: true,
        logprobs: Some(0),
        ..ask(&prompt(3, 70), 0)
    };
    let answer = read(worker.generate(ask).unwrap().remove(0)).await;
    assert_eq!((answer.scores.len(), answer.tokens.len()), (69, 0));
    assert_eq!(answer.end.unwrap().unwrap(), (FinishReason::Length, 0));
}

#[tokio::test]
async fn a_reader_that_goes_away_frees_its_pages_within_a_step() {
    let (worker, _) = start(|fake, _| fake.pace = Duration::from_millis(20));
    let mut intake = worker.generate(endless(&prompt(1, 20), 300)).unwrap().remove(0);
    read_some(&mut intake, 2).await;
    assert!(worker.load().pages_used > 0);
    drop(intake);
    let steps = worker.counters().values().steps;
    idle(&worker).await;
    let counters = worker.counters().values();
    assert!(
        counters.steps <= steps + 1,
        "{} steps later",
        counters.steps - steps
    );
    assert_eq!(counters.cancelled, 1);
}

#[tokio::test]
async fn a_slow_reader_pauses_alone_and_goes_on() {
    let (worker, _) = start(|_, config| config.reader_tokens = 4);
    let slow_prompt = prompt(1, 10);
    let mut slow = worker.generate(endless(&slow_prompt, 60)).unwrap().remove(0);
    let first = read_some(&mut slow, 1).await;
    let quick_prompt = prompt(2, 10);
    let quick = read(worker.generate(endless(&quick_prompt, 200)).unwrap().remove(0)).await;
    assert_eq!(quick.tokens, alone(&quick_prompt, 200, &Sampling::default(), 0));
    // One was read and four are in the ring: the quick one did not carry the slow one on.
    let counters = worker.counters().values();
    assert!(counters.generated_tokens <= 200 + 6, "{counters:?}");
    let whole = read_on(first, slow).await;
    assert_eq!(whole.tokens, alone(&slow_prompt, 60, &Sampling::default(), 0));
}

#[tokio::test]
async fn a_reader_that_stalls_is_cut() {
    let hand = Arc::new(Hand::default());
    let (worker, _) = start_at(hand.clone(), |_, config| {
        config.reader_tokens = 4;
        config.reader_stall = Duration::from_millis(50);
    });
    let intake = worker.generate(endless(&prompt(1, 10), 60)).unwrap().remove(0);
    while worker.counters().values().generated_tokens < 4 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    hand.advance(40);
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(worker.load().running, 1, "not before its time");
    hand.advance(60);
    idle(&worker).await;
    let answer = read(intake).await;
    assert_eq!(answer.tokens.len(), 4, "what was in the ring is still read");
    assert_eq!(answer.fault().code, Some("slow_reader"));
}

#[tokio::test]
async fn a_deadline_ends_running_and_waiting_sequences() {
    let hand = Arc::new(Hand::default());
    let (worker, _) = start_at(hand.clone(), |fake, config| {
        fake.pace = Duration::from_millis(1);
        config.max_running = 1;
    });
    let ask = || Ask {
        deadline: Some(Duration::from_millis(60)),
        ..endless(&prompt(1, 10), 300)
    };
    let mut running = worker.generate(ask()).unwrap().remove(0);
    let waiting = worker.generate(ask()).unwrap().remove(0);
    let begun = read_some(&mut running, 2).await;
    hand.advance(59);
    assert_eq!((worker.load().running, worker.load().waiting), (1, 1));
    hand.advance(1);
    assert_eq!(read_on(begun, running).await.fault().kind, FaultKind::Deadline);
    let waited = read(waiting).await;
    assert!(waited.tokens.is_empty());
    assert_eq!(waited.fault().kind, FaultKind::Deadline);
}

#[tokio::test]
async fn beyond_the_queue_requests_are_refused_and_later_ones_fit_again() {
    let (worker, _) = start(|fake, config| {
        fake.pace = Duration::from_millis(5);
        (config.max_running, config.max_waiting) = (2, 3);
    });
    let mut intakes = Vec::new();
    for number in 0..5 {
        intakes.extend(worker.generate(endless(&prompt(number, 10), 30)).unwrap());
    }
    let fault = worker.generate(endless(&prompt(9, 10), 30)).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Overloaded);
    assert!(matches!(fault.retry, Retry::After(wait) if wait >= Duration::from_secs(1)));
    assert_eq!(worker.counters().values().refused, 1);
    for intake in intakes {
        read(intake).await.end.unwrap().unwrap();
    }
    let answer = read(worker.generate(endless(&prompt(9, 10), 30)).unwrap().remove(0)).await;
    assert_eq!(answer.tokens.len(), 30);
}

#[tokio::test]
async fn higher_priority_goes_first() {
    let (worker, _) = start(|fake, config| {
        fake.pace = Duration::from_millis(10);
        config.max_running = 1;
    });
    let with_priority = |priority| Ask {
        priority,
        ..endless(&prompt(1, 4), 10)
    };
    let (sender, mut ends) = tokio::sync::mpsc::unbounded_channel();
    let mut tasks = tokio::task::JoinSet::new();
    // The first runs at once; the others wait for it.
    for (number, priority) in [(0, 0), (1, 0), (2, 5), (3, -5), (4, 5)] {
        let intake = worker.generate(with_priority(priority)).unwrap().remove(0);
        let sender = sender.clone();
        tasks.spawn(async move {
            read(intake).await;
            sender.send(number).unwrap();
        });
        while worker.load().running == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    let mut order = Vec::new();
    while order.len() < 5 {
        order.push(ends.recv().await.unwrap());
    }
    assert_eq!(order, [0, 2, 4, 1, 3]);
}

#[tokio::test]
async fn draining_finishes_what_runs_and_takes_no_more() {
    let (worker, _) = start(|fake, _| fake.pace = Duration::from_millis(2));
    let worker = Arc::new(worker);
    let running = worker.generate(endless(&prompt(1, 10), 50)).unwrap().remove(0);
    let reader = tokio::task::JoinSet::from_iter([read(running)]);
    let drainer = Arc::clone(&worker);
    let mut drain =
        tokio::task::JoinSet::from_iter([async move { drainer.drain(Duration::from_secs(10)).await }]);
    tokio::time::sleep(Duration::from_millis(10)).await;
    let refused = worker.generate(endless(&prompt(1, 10), 5)).unwrap_err();
    assert_eq!(refused.kind, FaultKind::Unavailable);
    assert_eq!(reader.join_all().await[0].tokens.len(), 50);
    assert!(drain.join_next().await.unwrap().unwrap());
    assert_eq!(*worker.phase().borrow(), Phase::Stopped);
}

#[tokio::test]
async fn what_does_not_finish_in_time_is_cut() {
    let (worker, _) = start(|fake, _| fake.pace = Duration::from_millis(5));
    let running = worker.generate(endless(&prompt(1, 10), 300)).unwrap().remove(0);
    assert!(!worker.drain(Duration::from_millis(50)).await);
    let answer = read(running).await;
    assert!(!answer.tokens.is_empty());
    assert_eq!(answer.fault().code, Some("shutting_down"));
}

#[tokio::test]
async fn a_model_that_panics_fails_its_requests_and_the_engine() {
    let (worker, _) = start(|fake, config| {
        fake.panic_at = Some(10);
        config.max_running = 2;
    });
    let mut intakes = Vec::new();
    for number in 0..4 {
        intakes.extend(worker.generate(endless(&prompt(number, 10), 50)).unwrap());
    }
    for intake in intakes {
        let fault = read(intake).await.fault();
        assert_eq!(fault.kind, FaultKind::Internal);
        assert!(fault.detail.unwrap().contains("panics as told"));
    }
    worker
        .phase()
        .wait_for(|phase| *phase == Phase::Failed)
        .await
        .unwrap();
    let refused = worker.generate(endless(&prompt(1, 10), 5)).unwrap_err();
    assert_eq!(refused.code, Some("engine_failed"));
    assert_eq!(worker.load().pages_used, 0);
}

#[tokio::test]
async fn a_vector_is_the_mean_of_the_hidden_states() {
    let (worker, _) = start(|_, _| ());
    let generated = worker.generate(endless(&prompt(7, 30), 100)).unwrap().remove(0);
    let vectors: Vec<_> = (0..3)
        .map(|seed| worker.embed(prompt(seed, 100)).unwrap())
        .collect();
    for (seed, vector) in (0..).zip(vectors) {
        let vector = vector.await.unwrap().unwrap();
        let prompt = prompt(seed, 100);
        let mut expected = [0.0_f32; 2];
        for end in 1..=prompt.len() {
            let state = fake::hidden(fake::digest(prompt[..end].iter().copied()));
            expected[0] += state[0] / 100.0;
            expected[1] += state[1] / 100.0;
        }
        for (found, expected) in vector.iter().zip(expected) {
            assert!((found - expected).abs() < 0.05, "{vector:?} {expected:?}");
        }
    }
    assert_eq!(read(generated).await.tokens.len(), 100);
    idle(&worker).await;
    // Only the generating sequence left known pages behind.
    assert!(worker.load().pages_cached <= 130 / 8);
}

#[tokio::test]
async fn what_can_never_fit_is_refused_with_both_numbers() {
    let (worker, _) = start(|_, _| ());
    let fault = worker.generate(ask(&prompt(1, 390), 20)).unwrap_err();
    assert_eq!(fault.code, Some("context_length_exceeded"));
    assert!(
        fault.public.contains("410") && fault.public.contains("400"),
        "{fault}"
    );
}
