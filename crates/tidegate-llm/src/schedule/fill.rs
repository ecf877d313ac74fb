//! What the next step holds.

use super::{Purpose, Scheduler};

impl Scheduler {
    /// Fills the plan with one kind of work; where both are there, they take turns.
    pub(super) fn fill_plan(&mut self) {
        self.is_short = false;
        let (mut generates, mut embeds) = (false, false);
        for slot in &self.running {
            if let Some(sequence) = &self.slots[*slot as usize] {
                let embed = sequence.arrival.purpose == Purpose::Embed;
                embeds |= embed;
                generates |= !embed && sequence.blocked_since.is_none();
            }
        }
        let embed_first = embeds && !(generates && self.embedded_last);
        if !embed_first {
            self.plan_answers();
        }
        self.embedded_last = embeds && self.plan.rows() == 0;
        if self.embedded_last {
            // Beside answers it is kept as short as a prompt is.
            let budget = if generates {
                self.limits.rows.min(self.limits.prefill_beside)
            } else {
                self.limits.rows
            };
            self.plan.set_purpose(Purpose::Embed);
            self.plan_prompts(Purpose::Embed, budget);
        }
    }

    /// A row for everyone who generates, and prompts beside.
    fn plan_answers(&mut self) {
        self.plan.set_purpose(Purpose::Generate);
        for place in 0..self.running.len() {
            let slot = self.running[place];
            let is_ready = self.slots[slot as usize]
                .as_ref()
                .is_some_and(|sequence| sequence.blocked_since.is_none() && sequence.decodes());
            if is_ready {
                self.plan_rows(slot, 1);
            }
        }
        let left = self.limits.rows - self.plan.rows();
        let budget = if self.plan.rows() == 0 {
            left
        } else {
            left.min(self.limits.prefill_beside)
        };
        self.plan_prompts(Purpose::Generate, budget);
    }

    /// Gives up to `budget` rows to prompts, in the order of rank.
    fn plan_prompts(&mut self, purpose: Purpose, mut budget: usize) {
        for place in 0..self.running.len() {
            let slot = self.running[place];
            let wants = self.slots[slot as usize]
                .as_ref()
                .is_some_and(|sequence| sequence.arrival.purpose == purpose && !sequence.has_read_prompt());
            if budget == 0 {
                return;
            }
            if wants {
                self.take_known(slot);
                let rows = self.chunk(slot, budget);
                self.plan_rows(slot, rows);
                budget -= rows;
            }
        }
    }

    /// How many rows of a prompt to take now, of at most `budget`.
    fn chunk(&self, slot: u32, budget: usize) -> usize {
        let Some(sequence) = &self.slots[slot as usize] else {
            return 0;
        };
        let outputs = self.limits.outputs - self.plan.outputs().len();
        let mut rows = sequence.pending().min(budget);
        if sequence.arrival.score_prompt {
            return rows.min(outputs);
        }
        if rows == sequence.pending() && sequence.arrival.max_tokens > 0 && outputs == 0 {
            rows -= 1;
        }
        if rows < sequence.pending() {
            // Whole pages where possible, so that prefixes computed elsewhere can be taken up.
            let size = self.pool.page_size();
            let end = (sequence.computed + rows) / size * size;
            if end > sequence.computed {
                rows = end - sequence.computed;
            }
        }
        rows
    }

    /// Plans the next `rows` tokens of a sequence, taking pages for them: promised ones for a prompt,
    /// those of its claim for an answer. Where none can be given the sequence pauses.
    fn plan_rows(&mut self, slot: u32, rows: usize) {
        let Some((id, sequence)) = self.id_at(slot).zip(self.slots[slot as usize].as_ref()) else {
            return;
        };
        if rows == 0 {
            return;
        }
        let end = sequence.computed + rows;
        let missing = self
            .pool
            .pages_for(end)
            .saturating_sub(sequence.pages.len() + sequence.promised);
        if missing > 0 && !self.grant(slot, missing) {
            self.is_short = true;
            self.totals.pauses += 1;
            return;
        }
        let Some(sequence) = self.slots[slot as usize].as_mut() else {
            return;
        };
        while sequence.pages.len() < self.pool.pages_for(end) {
            let Some(page) = self.pool.take() else {
                debug_assert!(false, "a promised page was not there");
                return;
            };
            sequence.promised -= 1;
            sequence.pages.push(page);
        }
        self.plan.push(id, sequence, rows);
    }
}
