//! Whether everybody can still finish: the banker's algorithm over pages.
//!
//! A running sequence holds pages, has a firm promise of those for its prompt, and a *claim* on the
//! pages that its answer may need at most. Claims are not reserved, for most answers end long before
//! their limit. Instead a page is handed out against a claim only if afterwards there is an order in
//! which all running sequences could take everything they claim and finish, one after another, each
//! giving its pages back (Dijkstra 1965). With one kind of resource that order is by claim, smallest
//! first: if the smallest does not fit, none does.
//!
//! A page that several sequences share comes back when the last of them is through. Taking up a
//! shared page instead of an own one, and giving up an own page for an equal one, leave a safe state
//! safe: both only move a page that would have come back later to the free ones now.

use super::Scheduler;
use crate::pages::PagePool;
use crate::sequence::Sequence;

/// Buffers of the check.
#[derive(Debug, Clone)]
pub(super) struct Scratch {
    /// Running slots by claim.
    order: Vec<(usize, u32)>,
    /// How many sequences that are not through hold each page.
    holders: Vec<u32>,
}

/// A grant that is only thought of: this many pages for this slot.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grant {
    pub(super) slot: u32,
    pub(super) pages: usize,
}

impl Scratch {
    pub(super) fn new(running: usize, pages: usize) -> Self {
        Self {
            order: Vec::with_capacity(running),
            holders: vec![0; pages],
        }
    }

    /// Whether all of `running` can finish after `grant`.
    pub(super) fn is_safe(
        &mut self,
        pool: &PagePool,
        slots: &[Option<Sequence>],
        running: &[u32],
        grant: Option<Grant>,
    ) -> bool {
        let granted = grant.map_or(0, |grant| grant.pages);
        let Some(mut available) = pool.available().checked_sub(granted) else {
            return false;
        };
        let claim_of = |slot: u32, sequence: &Sequence| {
            let own = grant
                .filter(|grant| grant.slot == slot)
                .map_or(0, |grant| grant.pages);
            sequence.claim.saturating_sub(own)
        };
        self.order.clear();
        let mut claims = 0;
        for slot in running {
            if let Some(sequence) = &slots[*slot as usize] {
                let claim = claim_of(*slot, sequence);
                claims += claim;
                self.order.push((claim, *slot));
            }
        }
        if claims <= available {
            return true;
        }
        pool.holders(&mut self.holders);
        self.order.sort_unstable();
        for (claim, slot) in &self.order {
            if *claim > available {
                return false;
            }
            let Some(sequence) = &slots[*slot as usize] else {
                continue;
            };
            // It takes its claim, finishes, and gives back everything that nobody else holds.
            let own = grant
                .filter(|grant| grant.slot == *slot)
                .map_or(0, |grant| grant.pages);
            available += sequence.promised + own;
            for page in &sequence.pages {
                let holders = &mut self.holders[*page as usize];
                *holders = holders.saturating_sub(1);
                available += usize::from(*holders == 0);
            }
        }
        true
    }
}

impl Scheduler {
    /// Promises a running sequence `pages` more of its claim, if everybody can still finish then.
    pub(super) fn grant(&mut self, slot: u32, pages: usize) -> bool {
        let grant = Grant { slot, pages };
        let is_safe = self
            .safety
            .is_safe(&self.pool, &self.slots, &self.running, Some(grant));
        if !is_safe || !self.pool.reserve(pages) {
            return false;
        }
        if let Some(sequence) = self.slots[slot as usize].as_mut() {
            sequence.promised += pages;
            sequence.claim -= pages;
        }
        true
    }

    /// Whether all running sequences can finish.
    pub(super) fn is_safe(&mut self) -> bool {
        self.safety.is_safe(&self.pool, &self.slots, &self.running, None)
    }
}
