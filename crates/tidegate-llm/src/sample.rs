//! Chooses the next token from a row of logits.
//!
//! The order is vLLM's: allowed tokens (the grammar's mask), `logit_bias`, repetition penalty,
//! frequency and presence penalties, temperature, `min_p`, `top_k`, `top_p`, then one draw. So `min_p`
//! looks at the probabilities of all tokens at this temperature, and `top_p` at those that `min_p`
//! and `top_k` left, made to add up to one again. At temperature 0 the largest logit after the
//! penalties wins, the lower token number where two are equal.
//!
//! A logit that is not a number counts as minus infinity and plus infinity as the largest number; if
//! nothing finite is left the choice fails, it never panics.
//!
//! The draw depends on the seed and on how many tokens the sequence chose before, on nothing else: a
//! seed gives the same answer in every batch, as far as the logits are the same.

use tidegate_engine::Sampling;

use crate::random::draw_unit;

mod filter;
/// How likely tokens are, for reports.
pub mod score;
mod vector;

/// A set of tokens, one bit each: bit `t % 32` of word `t / 32`.
pub type MaskWord = u32;

/// The model gave no finite logit for any token that may be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no token has a finite logit, expected at least one")]
pub struct NothingFinite;

/// Chooses the tokens of one sequence.
#[derive(Debug, Clone)]
pub struct Sampler {
    sampling: Sampling,
    seed: u64,
    drawn: u64,
}

/// Buffers that all samplers of a thread share.
#[derive(Debug)]
pub struct Scratch {
    /// One number for each token: logits, then weights.
    values: Vec<f32>,
    /// Tokens that are still in the race.
    order: Vec<u32>,
    /// How often each token occurs; all zero between two uses.
    counts: Vec<u32>,
}

impl Scratch {
    /// Buffers for a vocabulary of this size.
    pub fn new(vocabulary: usize) -> Self {
        Self {
            values: Vec::with_capacity(vocabulary),
            order: Vec::with_capacity(vocabulary),
            counts: vec![0; vocabulary],
        }
    }
}

/// What a choice looks at beside the logits.
#[derive(Debug, Clone, Copy, Default)]
pub struct Surroundings<'a> {
    /// Prompt and generated tokens.
    pub tokens: &'a [u32],
    /// Where the generated ones begin.
    pub generated_from: usize,
    /// The tokens that may be chosen; all where absent.
    pub allowed: Option<&'a [MaskWord]>,
}

impl Sampler {
    /// A sampler that has chosen nothing yet. `seed` is used where the request has none.
    pub fn new(sampling: Sampling, seed: u64) -> Self {
        Self {
            seed: sampling.seed.unwrap_or(seed),
            sampling,
            drawn: 0,
        }
    }

    /// The sampler of another answer to the same request: the same rules, another series.
    #[must_use]
    pub fn for_choice(mut self, choice: u32) -> Self {
        self.seed = self
            .seed
            .wrapping_add(u64::from(choice).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        self
    }

    /// Chooses a token. Allocates nothing.
    ///
    /// # Errors
    /// Nothing finite is left to choose from.
    pub fn choose(
        &mut self,
        logits: &[f32],
        around: Surroundings<'_>,
        scratch: &mut Scratch,
    ) -> Result<u32, NothingFinite> {
        let number = self.drawn;
        self.drawn += 1;
        if self.is_plain_greedy() && around.allowed.is_none() {
            return best(logits);
        }
        let values = &mut scratch.values;
        values.clear();
        values.extend(logits.iter().map(|logit| tame(*logit)));
        if let Some(allowed) = around.allowed {
            forbid(values, allowed);
        }
        for (token, bias) in &self.sampling.logit_bias {
            if let Some(value) = values.get_mut(*token as usize) {
                *value += tame(*bias);
            }
        }
        self.penalise(around, values, &mut scratch.counts);
        if self.sampling.temperature <= 0.0 {
            return best(values);
        }
        weigh(values, self.sampling.temperature)?;
        let unit = draw_unit(self.seed, number);
        Ok(filter::draw(values, &mut scratch.order, &self.sampling, unit))
    }

    fn is_plain_greedy(&self) -> bool {
        let sampling = &self.sampling;
        sampling.temperature <= 0.0
            && sampling.logit_bias.is_empty()
            && !self.penalises_generated()
            && !self.penalises_repetition()
    }

    fn penalises_generated(&self) -> bool {
        self.sampling.frequency_penalty != 0.0 || self.sampling.presence_penalty != 0.0
    }

    fn penalises_repetition(&self) -> bool {
        self.sampling.repetition_penalty != 1.0 && self.sampling.repetition_penalty > 0.0
    }

    /// Repetition over prompt and answer (Keskar et al. 2019), then frequency and presence over the
    /// answer (`OpenAI`).
    fn penalise(&self, around: Surroundings<'_>, values: &mut [f32], counts: &mut [u32]) {
        if self.penalises_repetition() {
            let penalty = self.sampling.repetition_penalty;
            each_once(around.tokens, counts, |token, _| {
                let value = &mut values[token];
                *value = if *value > 0.0 {
                    *value / penalty
                } else {
                    *value * penalty
                };
            });
        }
        if self.penalises_generated() {
            let generated = around.tokens.get(around.generated_from..).unwrap_or_default();
            each_once(generated, counts, |token, count| {
                let frequency = count as f32 * self.sampling.frequency_penalty;
                values[token] -= frequency + self.sampling.presence_penalty;
            });
        }
    }
}

/// Calls `then` once for each different token, with how often it occurs.
fn each_once(tokens: &[u32], counts: &mut [u32], mut then: impl FnMut(usize, u32)) {
    for token in tokens {
        if let Some(count) = counts.get_mut(*token as usize) {
            *count += 1;
        }
    }
    for token in tokens {
        let token = *token as usize;
        let count = counts.get_mut(token).map_or(0, std::mem::take);
        if count > 0 {
            then(token, count);
        }
    }
}

/// A logit that can be calculated with.
fn tame(logit: f32) -> f32 {
    if logit.is_nan() {
        f32::NEG_INFINITY
    } else {
        logit.min(f32::MAX)
    }
}

/// The token with the largest value; the first of equals.
fn best(values: &[f32]) -> Result<u32, NothingFinite> {
    let largest = vector::largest(values);
    if largest == f32::NEG_INFINITY {
        return Err(NothingFinite);
    }
    let mut places = (0_u32..).zip(values);
    places
        .find(|(_, value)| **value == largest)
        .map(|(token, _)| token)
        .ok_or(NothingFinite)
}

fn forbid(values: &mut [f32], allowed: &[MaskWord]) {
    for (number, chunk) in values.chunks_mut(32).enumerate() {
        let word = allowed.get(number).copied().unwrap_or(0);
        if word == MaskWord::MAX {
            continue;
        }
        for (bit, value) in chunk.iter_mut().enumerate() {
            if word >> bit & 1 == 0 {
                *value = f32::NEG_INFINITY;
            }
        }
    }
}

/// Turns logits into weights: 1 for the best token, the others in proportion.
fn weigh(values: &mut [f32], temperature: f32) -> Result<(), NothingFinite> {
    let largest = vector::largest(values);
    if largest == f32::NEG_INFINITY {
        return Err(NothingFinite);
    }
    let largest = largest.min(f32::MAX);
    for value in values.iter_mut() {
        let weight = vector::exp((*value - largest) / temperature);
        // At infinite temperature every token that may be chosen weighs the same.
        *value = if *value == f32::NEG_INFINITY { 0.0 } else { weight };
    }
    Ok(())
}

#[cfg(test)]
mod tests;
