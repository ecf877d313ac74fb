//! Thousands of random schedules on tiny pools: every output is what the sequence gives alone, no page
//! is lost or freed twice, everything ends.
//!
//! `TIDEGATE_SIMULATIONS` sets how many schedules run, `TIDEGATE_SEED` replays one.

use std::collections::HashMap;
use std::time::Duration;

use tidegate_engine::{FinishReason, Sampling};
use tidegate_llm::Forward;
use tidegate_llm::pages::PagePool;
use tidegate_llm::random::draw;
use tidegate_llm::sample::{Sampler, Scratch, Surroundings};
use tidegate_llm::schedule::{
    Arrival, Cut, Effect, Limits, Output, Purpose, Refusal, Scheduler, SequenceId, Totals,
};

use crate::fake::{self, Fake};

const VOCABULARY: usize = 40;
const END: u32 = 0;

/// A series of random numbers.
struct Dice {
    seed: u64,
    number: u64,
}

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.number += 1;
        usize::try_from(draw(self.seed, self.number) % bound.max(1) as u64).unwrap()
    }

    fn from(&mut self, least: usize, most: usize) -> usize {
        least + self.below(most + 1 - least)
    }

    fn token(&mut self, least: u32) -> u32 {
        u32::try_from(self.from(least as usize, VOCABULARY - 1)).unwrap()
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// What the test knows of a sequence in flight.
struct Flight {
    arrival: Arrival,
    sampler: Sampler,
    answer: Vec<u32>,
    states: usize,
    scored: usize,
    waits_for_leader: bool,
    is_blocked: bool,
    expected: Expected,
}

/// What the sequence gives when it runs alone.
struct Expected {
    answer: Vec<u32>,
    reason: Option<FinishReason>,
}

fn alone(arrival: &Arrival, mut sampler: Sampler) -> Expected {
    let mut tokens = arrival.prompt.clone();
    let mut scratch = Scratch::new(VOCABULARY);
    let mut answer = Vec::new();
    while answer.len() < arrival.max_tokens {
        let around = Surroundings {
            tokens: &tokens,
            generated_from: arrival.prompt.len(),
            allowed: None,
        };
        let token = sampler
            .choose(&fake::logits(&tokens, VOCABULARY), around, &mut scratch)
            .unwrap();
        tokens.push(token);
        if token == END && !arrival.ignore_end {
            return Expected {
                answer,
                reason: Some(FinishReason::Stop),
            };
        }
        answer.push(token);
    }
    let reason = (arrival.max_tokens > 0).then_some(FinishReason::Length);
    Expected { answer, reason }
}

struct World {
    dice: Dice,
    scheduler: Scheduler,
    model: Fake,
    flights: HashMap<SequenceId, Flight>,
    prefixes: Vec<Vec<u32>>,
    now: Duration,
    finished: usize,
    totals: Totals,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut dice = Dice { seed, number: 0 };
        let (page_size, pages) = (dice.from(1, 8), dice.from(2, 24));
        let rows = dice.from(1, 24);
        let context = dice.from(8, 80);
        let mut model = Fake::new(VOCABULARY, context, pages, page_size, rows);
        model.outputs = dice.from(1, rows);
        let limits = Limits {
            running: dice.from(1, 6),
            waiting: dice.from(1, 12),
            rows,
            outputs: model.outputs,
            prefill_beside: dice.from(1, 12),
            context,
            stall: Duration::from_millis(40),
            end_tokens: vec![END],
        };
        let prefixes = (0..3)
            .map(|_| {
                let length = dice.from(1, 40);
                (0..length).map(|_| dice.token(1)).collect()
            })
            .collect();
        Self {
            scheduler: Scheduler::new(limits, PagePool::new(pages, page_size, seed)),
            model,
            dice,
            flights: HashMap::new(),
            prefixes,
            now: Duration::ZERO,
            finished: 0,
            totals: Totals::default(),
        }
    }

    fn arrive(&mut self) {
        let dice = &mut self.dice;
        let which = dice.below(self.prefixes.len());
        let shared = dice.from(0, self.prefixes[which].len());
        let mut prompt = self.prefixes[which][..shared].to_vec();
        for _ in 0..dice.below(12) {
            prompt.push(dice.token(0));
        }
        let purpose = if dice.chance(10) {
            Purpose::Embed
        } else {
            Purpose::Generate
        };
        let mut arrival = Arrival {
            prompt,
            max_tokens: if purpose == Purpose::Embed {
                0
            } else {
                dice.from(0, 30)
            },
            priority: i8::try_from(dice.below(3)).unwrap() - 1,
            deadline: dice.chance(5).then(|| self.now + Duration::from_millis(60)),
            after: None,
            purpose,
            score_prompt: purpose == Purpose::Generate && dice.chance(8),
            ignore_end: dice.chance(30),
        };
        let sampling = Sampling {
            temperature: if dice.chance(50) { 0.0 } else { 1.0 },
            presence_penalty: if dice.chance(20) { 0.5 } else { 0.0 },
            seed: Some(dice.below(1000) as u64),
            ..Sampling::default()
        };
        let siblings = if dice.chance(15) { dice.from(1, 3) } else { 0 };
        let mut leader = None;
        for choice in 0..=u32::try_from(siblings).unwrap() {
            arrival.after = leader;
            let sampler = Sampler::new(sampling.clone(), 0).for_choice(choice);
            let Some(id) = self.submit(arrival.clone(), sampler) else {
                return;
            };
            leader = leader.or(Some(id));
        }
    }

    fn submit(&mut self, arrival: Arrival, sampler: Sampler) -> Option<SequenceId> {
        let limits = self.scheduler.limits().clone();
        let room = limits.running + limits.waiting;
        match self.scheduler.submit(arrival.clone(), self.now) {
            Ok(id) => {
                let expected = alone(&arrival, sampler.clone());
                let flight = Flight {
                    waits_for_leader: arrival.after.is_some(),
                    is_blocked: false,
                    arrival,
                    sampler,
                    answer: Vec::new(),
                    states: 0,
                    scored: 0,
                    expected,
                };
                assert!(self.flights.insert(id, flight).is_none(), "an id was used twice");
                Some(id)
            }
            Err(Refusal::Empty) => {
                assert!(arrival.prompt.is_empty());
                None
            }
            Err(Refusal::Context { needed, .. }) => {
                assert!(needed > limits.context);
                None
            }
            Err(Refusal::Pool { needed, total }) => {
                assert!(needed > total);
                None
            }
            Err(Refusal::Full { .. }) => {
                assert_eq!(self.flights.len(), room);
                None
            }
        }
    }

    /// Cancels one, blocks or unblocks another.
    fn disturb(&mut self) {
        let mut ids: Vec<SequenceId> = self.flights.keys().copied().collect();
        ids.sort_by_key(|id| id.slot());
        if ids.is_empty() {
            return;
        }
        let id = ids[self.dice.below(ids.len())];
        if self.dice.chance(20) {
            let before = self.scheduler.pool().available();
            assert!(self.scheduler.cancel(id));
            assert!(!self.scheduler.cancel(id), "cancelled twice");
            assert!(self.scheduler.pool().available() >= before);
            let flight = self.flights.remove(&id).unwrap();
            assert!(flight.expected.answer.starts_with(&flight.answer));
        } else {
            let blocked = self.dice.chance(50);
            self.flights.get_mut(&id).unwrap().is_blocked = blocked;
            self.scheduler.set_blocked(id, blocked, self.now);
        }
    }

    fn turn(&mut self) {
        self.now += Duration::from_millis(1);
        let waiting: Vec<SequenceId> = self.scheduler.waiting_ids().collect();
        self.scheduler.decide(self.now);
        self.check(|scheduler| scheduler.audit());
        self.heed(&waiting);
        if self.scheduler.step().tokens.is_empty() {
            // Whoever drives the scheduler sleeps now: nothing may be left that could run.
            let is_waiting_for_readers = self
                .scheduler
                .running_ids()
                .any(|id| self.flights[&id].is_blocked);
            assert!(
                self.flights.is_empty() || is_waiting_for_readers,
                "seed {}",
                self.dice.seed
            );
            self.scheduler.decide(self.now);
            assert!(self.scheduler.step().tokens.is_empty() && self.scheduler.effects().is_empty());
            return;
        }
        let step = self.scheduler.step();
        let step_outputs = self.scheduler.outputs().to_vec();
        if self.scheduler.embeds() {
            let mut row = 0;
            let states = self.model.hidden_states(&step).unwrap();
            for (id, span) in self.scheduler.owners().iter().zip(step.spans) {
                let flight = self.flights.get_mut(id).unwrap();
                assert_eq!(span.first_position as usize, flight.states);
                for _ in 0..span.rows {
                    flight.states += 1;
                    let seen = flight.arrival.prompt[..flight.states].iter().copied();
                    assert_eq!(states[row * 2..row * 2 + 2], fake::hidden(fake::digest(seen)));
                    row += 1;
                }
            }
            self.scheduler.commit();
        } else {
            let logits = self.model.forward(&step).unwrap().to_vec();
            self.scheduler.commit();
            for (number, output) in step_outputs.iter().enumerate() {
                self.take(*output, &logits[number * VOCABULARY..(number + 1) * VOCABULARY]);
            }
        }
        self.check(|scheduler| scheduler.audit());
        for effect in self.scheduler.effects().to_vec() {
            if let Effect::Read { id } = effect {
                let flight = self.flights.remove(&id).unwrap();
                let length = flight.arrival.prompt.len();
                match flight.arrival.purpose {
                    Purpose::Embed => assert_eq!(flight.states, length),
                    Purpose::Generate => {
                        assert_eq!(flight.arrival.max_tokens, 0);
                        assert!(!flight.arrival.score_prompt || flight.scored == length - 1);
                    }
                }
                self.finished += 1;
            }
        }
    }

    fn take(&mut self, output: Output, logits: &[f32]) {
        let flight = self.flights.get_mut(&output.id).unwrap();
        if let Some(token) = output.known {
            assert_eq!(token, flight.arrival.prompt[output.position]);
            flight.scored += 1;
            assert_eq!(output.position, flight.scored);
            assert_eq!(
                logits,
                fake::logits(&flight.arrival.prompt[..output.position], VOCABULARY)
            );
            return;
        }
        let (tokens, generated_from) = self.scheduler.tokens(output.id).unwrap();
        let around = Surroundings {
            tokens,
            generated_from,
            allowed: None,
        };
        let token = flight
            .sampler
            .choose(logits, around, &mut Scratch::new(VOCABULARY))
            .unwrap();
        let verdict = self.scheduler.accept(output.id, token).unwrap();
        if verdict.is_text {
            flight.answer.push(token);
        }
        assert!(
            flight.expected.answer.starts_with(&flight.answer),
            "seed {}",
            self.dice.seed
        );
        if verdict.end.is_some() {
            let flight = self.flights.remove(&output.id).unwrap();
            assert_eq!(flight.answer, flight.expected.answer, "seed {}", self.dice.seed);
            assert_eq!(verdict.end, flight.expected.reason);
            if flight.arrival.score_prompt {
                assert_eq!(flight.scored, flight.arrival.prompt.len() - 1);
            }
            self.finished += 1;
        }
    }

    /// Looks at what the scheduler did by itself.
    fn heed(&mut self, waiting: &[SequenceId]) {
        for effect in self.scheduler.effects().to_vec() {
            match effect {
                Effect::Admitted { id, .. } => {
                    let still: Vec<SequenceId> = self.scheduler.waiting_ids().collect();
                    let priority = self.flights[&id].arrival.priority;
                    // Nobody of the same or a higher priority who came earlier is still waiting,
                    // but for those who wait for a sibling.
                    let before = waiting.iter().take_while(|other| **other != id);
                    for other in before.filter(|other| still.contains(other)) {
                        let other = &self.flights[other];
                        assert!(other.waits_for_leader || other.arrival.priority < priority);
                    }
                }
                Effect::Cut { id, why } => {
                    let flight = self.flights.remove(&id).unwrap();
                    assert!(flight.expected.answer.starts_with(&flight.answer));
                    let late = flight
                        .arrival
                        .deadline
                        .is_some_and(|deadline| deadline <= self.now);
                    assert_eq!(why == Cut::Deadline, late);
                }
                Effect::Read { .. } => {}
            }
        }
        self.totals = self.scheduler.totals();
    }

    fn check(&self, rule: impl FnOnce(&Scheduler) -> Result<(), String>) {
        if let Err(broken) = rule(&self.scheduler) {
            panic!("seed {}: {broken}", self.dice.seed);
        }
    }
}

/// Runs one schedule; answers with the sequences that finished, and the counts.
fn run(seed: u64) -> (usize, Totals) {
    let mut world = World::new(seed);
    let turns = world.dice.from(20, 120);
    for _ in 0..turns {
        if world.dice.chance(40) {
            world.arrive();
        }
        if world.dice.chance(25) {
            world.disturb();
        }
        world.turn();
    }
    // No one comes any more and every reader reads: all that is left must end, and soon.
    let ids: Vec<SequenceId> = world.flights.keys().copied().collect();
    let mut rows = 0;
    for id in ids {
        world.scheduler.set_blocked(id, false, world.now);
        world.flights.get_mut(&id).unwrap().is_blocked = false;
        let arrival = &world.flights[&id].arrival;
        rows += arrival.prompt.len() + arrival.max_tokens + 2;
    }
    for _ in 0..2 * rows {
        world.turn();
    }
    assert!(
        world.flights.is_empty(),
        "seed {seed}: {} never ended",
        world.flights.len()
    );
    let pool = world.scheduler.pool();
    assert_eq!((pool.held(), pool.reserved()), (0, 0), "seed {seed}");
    assert_eq!(pool.available(), pool.total());
    (world.finished, world.totals)
}

#[test]
fn every_schedule_gives_each_sequence_what_it_gives_alone() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    if let Some(seed) = number("TIDEGATE_SEED") {
        run(seed);
        return;
    }
    let schedules = number("TIDEGATE_SIMULATIONS").unwrap_or(10_000);
    let (mut finished, mut hits, mut pauses) = (0, 0, 0);
    for seed in 0..schedules {
        let (more, totals) = run(seed);
        finished += more;
        hits += totals.prefix_hits;
        pauses += totals.pauses;
    }
    println!(
        "{schedules} schedules, {finished} sequences finished, {hits} prompt tokens found in the cache, \
         {pauses} pauses for want of a page"
    );
    assert!(finished as u64 > 5 * schedules && hits > 10 * schedules && pauses > schedules / 10);
}
