//! A model whose next token depends on every token that it can see, read back through the page table.
//!
//! A wrong page table, a page handed out twice or a prefix shared by mistake gives wrong tokens.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tidegate_llm::random::mix;
use tidegate_llm::{Forward, Step, StepError};

/// What a slot holds before anything is stored: never a token.
const POISON: u32 = u32::MAX;

/// The pseudo-model.
pub(crate) struct Fake {
    pub vocabulary: usize,
    pub context: usize,
    pub page_size: usize,
    pub rows: usize,
    pub outputs: usize,
    slots: Vec<u32>,
    answer: Vec<f32>,
    /// Panics when this many steps were computed.
    pub panic_at: Option<usize>,
    /// How long a step takes.
    pub pace: Duration,
    pub steps: usize,
    /// No step begins while somebody else holds this.
    pub gate: Arc<Mutex<()>>,
    /// For each step: how often its thread had allocated when it began.
    pub allocations: Arc<[AtomicU64]>,
}

impl Fake {
    pub(crate) fn new(
        vocabulary: usize,
        context: usize,
        pages: usize,
        page_size: usize,
        rows: usize,
    ) -> Self {
        Self {
            vocabulary,
            context,
            page_size,
            rows,
            outputs: rows,
            slots: vec![POISON; pages * page_size],
            answer: Vec::with_capacity(rows * vocabulary),
            panic_at: None,
            pace: Duration::ZERO,
            steps: 0,
            gate: Arc::default(),
            allocations: (0..1000).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Calls `then` with (row, digest of everything the row sees).
    fn run(&mut self, step: &Step<'_>, mut then: impl FnMut(u32, u64, &mut Vec<f32>)) {
        drop(self.gate.lock());
        if let Some(place) = self.allocations.get(self.steps) {
            place.store(crate::allocations::on_this_thread(), Ordering::Relaxed);
        }
        self.steps += 1;
        assert_ne!(Some(self.steps), self.panic_at, "the fake panics as told");
        if !self.pace.is_zero() {
            std::thread::sleep(self.pace);
        }
        let slot = |position: usize, pages: &[u32]| {
            pages[position / self.page_size] as usize * self.page_size + position % self.page_size
        };
        for span in step.spans {
            let pages = &step.page_table[span.pages.start as usize..span.pages.end as usize];
            for row in 0..span.rows as usize {
                let place = slot(span.first_position as usize + row, pages);
                self.slots[place] = step.tokens[span.first_row as usize + row];
            }
        }
        self.answer.clear();
        for span in step.spans {
            let pages = &step.page_table[span.pages.start as usize..span.pages.end as usize];
            for row in 0..span.rows {
                let position = span.first_position as usize + row as usize;
                let seen = (0..=position).map(|position| self.slots[slot(position, pages)]);
                then(span.first_row + row, digest(seen), &mut self.answer);
            }
        }
    }
}

impl Forward for Fake {
    fn vocabulary(&self) -> usize {
        self.vocabulary
    }
    fn hidden(&self) -> usize {
        2
    }
    fn context_length(&self) -> usize {
        self.context
    }
    fn page_size(&self) -> usize {
        self.page_size
    }
    fn pages(&self) -> usize {
        self.slots.len() / self.page_size
    }
    fn max_rows(&self) -> usize {
        self.rows
    }
    fn max_outputs(&self) -> usize {
        self.outputs
    }

    fn forward(&mut self, step: &Step<'_>) -> Result<&[f32], StepError> {
        step.check(self)?;
        let vocabulary = self.vocabulary;
        let mut next = 0;
        self.run(step, |row, digest, answer| {
            if step.outputs.get(next) == Some(&row) {
                next += 1;
                answer.extend((0..vocabulary).map(|token| logit(digest, token)));
            }
        });
        Ok(&self.answer)
    }

    fn hidden_states(&mut self, step: &Step<'_>) -> Result<&[f32], StepError> {
        step.check(self)?;
        self.run(step, |_, digest, answer| answer.extend(hidden(digest)));
        Ok(&self.answer)
    }
}

/// Everything that a row sees, in one number.
pub(crate) fn digest(tokens: impl IntoIterator<Item = u32>) -> u64 {
    tokens
        .into_iter()
        .fold(1, |digest, token| mix(digest ^ u64::from(token)))
}

/// The logits after these tokens.
pub(crate) fn logits(tokens: &[u32], vocabulary: usize) -> Vec<f32> {
    let digest = digest(tokens.iter().copied());
    (0..vocabulary).map(|token| logit(digest, token)).collect()
}

/// The hidden state after tokens with this digest.
pub(crate) fn hidden(digest: u64) -> [f32; 2] {
    [
        (digest % 1000) as f32 - 500.0,
        (digest / 1000 % 1000) as f32 - 500.0,
    ]
}

fn logit(digest: u64, token: usize) -> f32 {
    (mix(digest ^ (token as u64) << 20) >> 40) as f32 / (1 << 21) as f32
}
