//! Who gets a place, and which pages of its prompt are known already.

use std::time::Duration;

use super::{Cut, Effect, Scheduler, SequenceId};
use crate::pages::PagePool;
use crate::sequence::Sequence;

impl Scheduler {
    /// Ends what is late or not read.
    pub(super) fn expire(&mut self, now: Duration) {
        let mut ended = std::mem::take(&mut self.ended);
        for (slot, sequence) in (0..).zip(&self.slots) {
            let Some(sequence) = sequence else { continue };
            let is_late = sequence.arrival.deadline.is_some_and(|deadline| deadline <= now);
            let is_stalled = sequence
                .blocked_since
                .is_some_and(|since| since + self.limits.stall <= now);
            if is_late || is_stalled {
                let why = if is_late { Cut::Deadline } else { Cut::Stalled };
                let serial = sequence.serial;
                ended.push((SequenceId { slot, serial }, why));
            }
        }
        for (id, why) in ended.drain(..) {
            self.cancel(id);
            self.effects.push(Effect::Cut { id, why });
        }
        self.ended = ended;
    }

    /// Lets waiting sequences in, first come first served within a priority.
    pub(super) fn admit(&mut self, now: Duration) {
        while self.running.len() < self.limits.running {
            let ready = self.waiting.iter().find(|(_, slot)| self.may_start(*slot));
            let Some(&(rank, slot)) = ready else { return };
            if !self.give_pages(slot) {
                return;
            }
            // It counts among the running for the question whether all of them can finish.
            let place = self
                .running
                .partition_point(|other| self.rank_at(*other) < Some(rank));
            self.running.insert(place, slot);
            if !self.has_air() || !self.is_safe() {
                self.running.remove(place);
                self.take_pages_back(slot);
                return;
            }
            self.waiting.remove(&(rank, slot));
            if let Some((id, sequence)) = self.id_at(slot).zip(self.slots[slot as usize].as_mut()) {
                sequence.running = true;
                self.totals.prefix_hits += sequence.cached as u64;
                let waited = now.saturating_sub(sequence.arrived);
                self.effects.push(Effect::Admitted { id, waited });
            }
        }
    }

    /// Whether everybody who runs could take a page of its claim now, so that a newcomer does not
    /// make the others pause at once. One alone needs no air.
    fn has_air(&self) -> bool {
        let claimants = |slot: &&u32| {
            self.slots[**slot as usize]
                .as_ref()
                .is_some_and(|sequence| sequence.claim > 0)
        };
        let count = self.running.iter().filter(claimants).count();
        self.running.len() == 1 || self.pool.available() >= count
    }

    /// Whether the one that a sequence waits for has read its prompt, or is gone.
    fn may_start(&self, slot: u32) -> bool {
        let sequence = self.slots[slot as usize].as_ref();
        let leader = sequence.and_then(|sequence| self.get(sequence.arrival.after?));
        leader.is_none_or(Sequence::has_read_prompt)
    }

    /// Promises a waiting sequence the pages of its prompt, and hands it those of its prefix that are
    /// known. Pages for its answer are only claimed.
    fn give_pages(&mut self, slot: u32) -> bool {
        let Some(sequence) = self.slots[slot as usize].as_mut() else {
            return false;
        };
        let needed = self.pool.pages_for(sequence.positions());
        let for_prompt = self.pool.pages_for(sequence.prompt_len);
        self.prefix.clear();
        let mut idle = 0;
        if sequence.takes_prefix() {
            while let Some(page) = next_known(&self.pool, sequence, &self.prefix) {
                idle += usize::from(self.pool.is_idle(page));
                self.prefix.push(page);
            }
        }
        let missing = for_prompt - self.prefix.len();
        if missing + idle > self.pool.available() {
            return false;
        }
        for page in &self.prefix {
            self.pool.retain(*page);
        }
        let is_promised = self.pool.reserve(missing);
        debug_assert!(is_promised, "pages that were available could not be promised");
        sequence.promised = missing;
        sequence.claim = needed - for_prompt;
        sequence.pages.reserve_exact(needed);
        sequence.pages.extend_from_slice(&self.prefix);
        sequence.registered = self.prefix.len();
        sequence.computed = self.prefix.len() * self.pool.page_size();
        sequence.cached = sequence.computed;
        sequence.tokens.reserve_exact(sequence.arrival.max_tokens);
        true
    }

    /// Undoes `give_pages`.
    fn take_pages_back(&mut self, slot: u32) {
        let Some(sequence) = self.slots[slot as usize].as_mut() else {
            return;
        };
        for page in sequence.pages.drain(..).rev() {
            self.pool.release(page);
        }
        self.pool.unreserve(sequence.promised);
        (sequence.promised, sequence.claim) = (0, 0);
        (sequence.registered, sequence.computed, sequence.cached) = (0, 0, 0);
    }

    /// Takes up pages of the prefix that others computed since this one was admitted.
    pub(super) fn take_known(&mut self, slot: u32) {
        let Some(sequence) = self.slots[slot as usize].as_mut() else {
            return;
        };
        let size = self.pool.page_size();
        if !sequence.takes_prefix() || sequence.computed != sequence.pages.len() * size {
            return;
        }
        while let Some(page) = next_known(&self.pool, sequence, &sequence.pages) {
            self.pool.retain(page);
            self.pool.unreserve(1);
            sequence.promised -= 1;
            sequence.pages.push(page);
            sequence.registered += 1;
            sequence.computed += size;
            sequence.cached += size;
            self.totals.prefix_hits += size as u64;
        }
    }
}

/// The known page that follows `pages` in this sequence's prompt. The last token is never taken from
/// the cache: its logits are wanted.
fn next_known(pool: &PagePool, sequence: &Sequence, pages: &[u32]) -> Option<u32> {
    let (size, start) = (pool.page_size(), pages.len() * pool.page_size());
    if start + size >= sequence.prompt_len {
        return None;
    }
    pool.find(pages.last().copied(), &sequence.tokens[start..start + size])
}
