//! Which tokens stay in the race, and the draw among them.

use std::cmp::Ordering;

use tidegate_engine::Sampling;

/// How many of the best tokens are sorted at first; `top_p` rarely needs more.
const SORTED_AT_FIRST: usize = 64;

/// Draws a token. `weights` are in proportion to the probabilities, the largest is 1; `unit` is the
/// random number, from 0 to 1.
pub(super) fn draw(weights: &mut [f32], order: &mut Vec<u32>, sampling: &Sampling, unit: f64) -> u32 {
    let least = if sampling.min_p > 0.0 {
        sampling.min_p.min(1.0)
    } else {
        0.0
    };
    if sampling.top_k == 0 && sampling.top_p >= 1.0 {
        return walk(weights, least, unit);
    }
    order.clear();
    let kept = |weight: f32| weight > 0.0 && weight >= least;
    order.extend(
        (0_u32..)
            .zip(&*weights)
            .filter(|(_, weight)| kept(**weight))
            .map(|(token, _)| token),
    );
    let better = |first: &u32, second: &u32| rank(weights, *first, *second);
    let top_k = sampling.top_k as usize;
    if top_k > 0 && top_k < order.len() {
        order.select_nth_unstable_by(top_k - 1, better);
        order.truncate(top_k);
    }
    if sampling.top_p < 1.0 {
        keep_top_p(weights, order, f64::from(sampling.top_p));
    }
    let total: f64 = order.iter().map(|token| weight(weights, *token)).sum();
    let mut left = unit * total;
    for token in &*order {
        left -= weight(weights, *token);
        if left < 0.0 {
            return *token;
        }
    }
    // Rounding may leave a crumb; there is at least the best token.
    order.last().copied().unwrap_or(0)
}

/// Keeps the smallest set of best tokens whose share reaches `top_p`; at least one.
fn keep_top_p(weights: &[f32], order: &mut Vec<u32>, top_p: f64) {
    let total: f64 = order.iter().map(|token| weight(weights, *token)).sum();
    let wanted = top_p.max(0.0) * total;
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

/// The draw among all tokens that weigh at least `least`, in the order of their numbers.
fn walk(weights: &[f32], least: f32, unit: f64) -> u32 {
    let kept = || {
        (0_u32..)
            .zip(weights)
            .filter(|(_, weight)| **weight > 0.0 && **weight >= least)
    };
    let total: f64 = kept().map(|(_, weight)| f64::from(*weight)).sum();
    let mut left = unit * total;
    let mut last = 0;
    for (token, weight) in kept() {
        left -= f64::from(*weight);
        last = token;
        if left < 0.0 {
            break;
        }
    }
    last
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
