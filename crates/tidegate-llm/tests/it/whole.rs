//! The whole engine over a real (tiny, random) model: what comes out does not depend on who else runs.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tidegate_base::{DType, SystemClock};
use tidegate_engine::{EmbedRequest, Engine, FinishReason, Params, Prompt, Sampling};
use tidegate_llm::stats::Deaf;
use tidegate_llm::worker::{Ask, Tokens, Worker};
use tidegate_llm::{EngineConfig, Forward, LanguageEngine, Model, Step, StepError};
use tidegate_tensor::Cpu;

use crate::engine::{chat, engine_over, listen};
use crate::oracle::{load, options};
use crate::parrot::VOCABULARY;
use crate::tiny::tiny;
use crate::worker::read;

fn model(architecture: &'static str) -> Model {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("tiny.gguf");
    let shape = crate::tiny::Tiny {
        vocabulary: VOCABULARY,
        ..tiny(architecture)
    };
    shape.write_gguf(&path, |_| DType::F32);
    load(&path, &options(), Cpu::detect())
}

fn engine(architecture: &'static str) -> LanguageEngine {
    let config = EngineConfig {
        prefill_beside: 7,
        ..EngineConfig::default()
    };
    engine_over(Box::new(model(architecture)), true, config)
}

/// A request of some length; the odd ones are drawn with a seed, the even ones greedy.
fn request(number: usize) -> tidegate_engine::ChatRequest {
    let content = format!("{}{number}", "a shared beginning of ".repeat(number % 4));
    let params = Params {
        max_tokens: Some(12),
        ignore_eos: true,
        logprobs: Some(2),
        sampling: Sampling {
            temperature: if number.is_multiple_of(2) { 0.0 } else { 0.9 },
            top_p: 0.95,
            seed: Some(number as u64),
            ..Sampling::default()
        },
        ..Params::default()
    };
    chat(&content, params)
}

#[tokio::test]
async fn answers_do_not_depend_on_the_batch_or_the_cache() {
    for architecture in ["llama", "qwen3"] {
        let together = Arc::new(engine(architecture));
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..16 {
            let engine = Arc::clone(&together);
            tasks.spawn(async move {
                let told = listen(engine.chat(request(number)).await.unwrap()).await;
                (number, told)
            });
        }
        let mut hits = 0;
        while let Some(result) = tasks.join_next().await {
            let (number, told) = result.unwrap();
            let alone = engine(architecture);
            let expected = listen(alone.chat(request(number)).await.unwrap()).await;
            assert_eq!(told.texts, expected.texts, "{architecture} {number}");
            assert_eq!(told.ends, [(0, FinishReason::Length, 12)]);
            for (found, expected) in told.logprobs.iter().zip(&expected.logprobs) {
                assert_eq!(found.token, expected.token);
                assert!((found.logprob - expected.logprob).abs() < 1e-3);
            }
            hits += told.started.unwrap().1;
        }
        assert!(hits > 0, "beginnings were shared");
    }
}

#[tokio::test]
async fn vectors_do_not_depend_on_their_neighbours() {
    let engine = engine("qwen2");
    let inputs: Vec<Prompt> = (0..9)
        .map(|number| Prompt::Text("words and ".repeat(number + 1)))
        .collect();
    let request = |inputs: &[Prompt]| EmbedRequest {
        inputs: inputs.to_vec(),
        dimensions: None,
    };
    let together = engine.embed(request(&inputs)).await.unwrap().vectors;
    for (input, vector) in inputs.iter().zip(&together) {
        let alone = engine
            .embed(request(std::slice::from_ref(input)))
            .await
            .unwrap()
            .vectors;
        let cosine: f32 = alone[0]
            .iter()
            .zip(vector)
            .map(|(first, second)| first * second)
            .sum();
        assert!(cosine > 0.9999, "{cosine}");
    }
    let cosine: f32 = together[0]
        .iter()
        .zip(&together[8])
        .map(|(first, second)| first * second)
        .sum();
    assert!(cosine < 0.9999, "different texts have different vectors");
}

/// Notes how often its thread had allocated when each step began.
struct Counted {
    model: Model,
    /// No step begins while somebody else holds this.
    gate: Arc<Mutex<()>>,
    log: Arc<[AtomicU64]>,
    steps: usize,
}

impl Forward for Counted {
    fn vocabulary(&self) -> usize {
        self.model.vocabulary()
    }
    fn hidden(&self) -> usize {
        self.model.hidden()
    }
    fn context_length(&self) -> usize {
        self.model.context_length()
    }
    fn page_size(&self) -> usize {
        self.model.page_size()
    }
    fn pages(&self) -> usize {
        self.model.pages()
    }
    fn max_rows(&self) -> usize {
        self.model.max_rows()
    }
    fn max_outputs(&self) -> usize {
        self.model.max_outputs()
    }
    fn forward(&mut self, step: &Step<'_>) -> Result<&[f32], StepError> {
        drop(self.gate.lock());
        if let Some(place) = self.log.get(self.steps) {
            place.store(crate::allocations::on_this_thread(), Ordering::Relaxed);
        }
        self.steps += 1;
        self.model.forward(step)
    }
    fn hidden_states(&mut self, step: &Step<'_>) -> Result<&[f32], StepError> {
        self.model.hidden_states(step)
    }
}

#[tokio::test]
async fn a_step_with_a_real_model_allocates_nothing() {
    let log: Arc<[AtomicU64]> = (0..200).map(|_| AtomicU64::new(0)).collect();
    let gate = Arc::new(Mutex::new(()));
    let forward = Counted {
        gate: Arc::clone(&gate),
        model: model("llama"),
        log: Arc::clone(&log),
        steps: 0,
    };
    let tokens = Tokens {
        known: VOCABULARY,
        end: Vec::new(),
    };
    let clock = Arc::new(SystemClock::new());
    let worker = Worker::start(
        Box::new(forward),
        &EngineConfig::default(),
        tokens,
        clock,
        Arc::new(Deaf),
    )
    .unwrap();
    let warm = crate::worker::warm_up(&worker).await;
    let closed = gate.lock();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 1..5 {
        let ask = Ask {
            prompt: vec![number; 9],
            max_tokens: 60,
            ..Ask::default()
        };
        for intake in worker.generate(ask).unwrap() {
            tasks.spawn(read(intake));
        }
    }
    drop(closed);
    while let Some(answer) = tasks.join_next().await {
        assert_eq!(answer.unwrap().tokens.len(), 60);
    }
    // All four joined before the second step and none ended before the 60th.
    let counts: Vec<u64> = log[warm + 10..warm + 58]
        .iter()
        .map(|count| count.load(Ordering::Relaxed))
        .collect();
    assert!(
        counts[0] > 0 && counts.iter().all(|count| *count == counts[0]),
        "{counts:?}"
    );
}
