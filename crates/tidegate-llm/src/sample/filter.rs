//! Which tokens stay in the race, and the draw among them.

use std::cmp::Ordering;

use tidegate_engine::Sampling;

use super::vector;

/// Tokens are gathered down to this share of the best one's weight first; most races need no more.
const FIRST_SHARE: f32 = 1.0 / 256.0;
/// How many of the best tokens are sorted at first; `top_p` rarely needs more.
const SORTED_AT_FIRST: usize = 64;
/// The draw skips runs of this many tokens by their sums.
const RUN: usize = 1024;

/// Draws a token. `weights` are in proportion to the probabilities, the largest is 1; `unit` is the
/// random number, from 0 to 1.
pub(super) fn draw(weights: &mut [f32], order: &mut Vec<u32>, sampling: &Sampling, unit: f64) -> u32 {
    if sampling.min_p > 0.0 {
        let least = sampling.min_p.min(1.0);
        for weight in weights.iter_mut() {
            *weight = if *weight >= least { *weight } else { 0.0 };
        }
    }
    if sampling.top_k == 0 && sampling.top_p >= 1.0 {
        return walk(weights, unit);
    }
    let top_p = f64::from(sampling.top_p.clamp(0.0, 1.0));
    let top_k = sampling.top_k as usize;
    if top_k == 0 {
        let wanted = top_p * vector::sum(weights);
        gather(weights, order, |order| share(weights, order) >= wanted);
        keep_best(weights, order, wanted);
    } else {
        gather(weights, order, |order| order.len() >= top_k);
        if top_k < order.len() {
            order.select_nth_unstable_by(top_k - 1, |first, second| rank(weights, *first, *second));
            order.truncate(top_k);
        }
        if top_p < 1.0 {
            let wanted = top_p * share(weights, order);
            keep_best(weights, order, wanted);
        }
    }
    // In the order of their numbers: the same draw whatever way the selection left them.
    order.sort_unstable();
    let mut left = unit * share(weights, order);
    for token in &*order {
        left -= weight(weights, *token);
        if left < 0.0 {
            return *token;
        }
    }
    // Rounding may leave a crumb; there is at least the best token.
    order.last().copied().unwrap_or(0)
}

/// Collects the best tokens, at least as many as are enough: all above some weight.
fn gather(weights: &[f32], order: &mut Vec<u32>, is_enough: impl Fn(&[u32]) -> bool) {
    let mut least = FIRST_SHARE;
    loop {
        order.clear();
        let kept = (0_u32..).zip(weights).filter(|(_, weight)| **weight >= least);
        order.extend(kept.map(|(token, _)| token));
        if least <= f32::MIN_POSITIVE || is_enough(order) {
            return;
        }
        least = (least * least).max(f32::MIN_POSITIVE);
    }
}

/// Keeps the fewest of the best tokens whose weights reach `wanted`; at least one.
fn keep_best(weights: &[f32], order: &mut Vec<u32>, wanted: f64) {
    let (mut sorted, mut sum) = (0, 0.0);
    while sorted < order.len() {
        let better = |first: &u32, second: &u32| rank(weights, *first, *second);
        let rest = &mut order[sorted..];
        let next = rest.len().min(SORTED_AT_FIRST.max(sorted * 7));
        if next < rest.len() {
            rest.select_nth_unstable_by(next - 1, better);
        }
        rest[..next].sort_unstable_by(better);
        for place in sorted..sorted + next {
            sum += weight(weights, order[place]);
            if sum >= wanted {
                order.truncate(place + 1);
                return;
            }
        }
        sorted += next;
    }
}

/// The draw among all tokens, in the order of their numbers.
fn walk(weights: &[f32], unit: f64) -> u32 {
    let mut left = unit * vector::sum(weights);
    let (mut first, mut last) = (0_u32, 0);
    for run in weights.chunks(RUN) {
        let sum = vector::sum(run);
        if left < sum {
            for (token, weight) in (first..).zip(run).filter(|(_, weight)| **weight > 0.0) {
                left -= f64::from(*weight);
                last = token;
                if left < 0.0 {
                    break;
                }
            }
            return last;
        }
        left -= sum;
        if let Some(place) = run.iter().rposition(|weight| *weight > 0.0) {
            last = first + u32::try_from(place).unwrap_or(0);
        }
        first += u32::try_from(run.len()).unwrap_or(0);
    }
    last
}

fn share(weights: &[f32], tokens: &[u32]) -> f64 {
    tokens.iter().map(|token| weight(weights, *token)).sum()
}

fn weight(weights: &[f32], token: u32) -> f64 {
    f64::from(weights[token as usize])
}

/// Heavier first, then the lower number.
fn rank(weights: &[f32], first: u32, second: u32) -> Ordering {
    weights[second as usize]
        .total_cmp(&weights[first as usize])
        .then(first.cmp(&second))
}
