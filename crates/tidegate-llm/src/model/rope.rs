//! The angles by which rotary position embedding turns each pair of dimensions per position.

use std::f64::consts::TAU;

use tidegate_weights::{Rope, RopeScaling};

/// One frequency for each pair of dimensions: the angle that one position adds, in radians.
///
/// `divisors` is the tensor `rope_freqs.weight` of GGUF files, where the writer has already worked
/// the scaling out; it then takes the place of the config's scaling.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the table is kept in single precision"
)]
pub(crate) fn frequencies(rope: &Rope, divisors: Option<&[f32]>) -> Vec<f32> {
    let dimensions = rope.dimensions as f64;
    (0..rope.dimensions / 2)
        .map(|pair| {
            let plain = f64::from(rope.theta).powf(-2.0 * pair as f64 / dimensions);
            match divisors {
                Some(divisors) => plain / divisors.get(pair).map_or(1.0, |divisor| f64::from(*divisor)),
                None => scaled(plain, &rope.scaling),
            }
        })
        .map(|frequency| frequency as f32)
        .collect()
}

fn scaled(plain: f64, scaling: &RopeScaling) -> f64 {
    match *scaling {
        RopeScaling::None => plain,
        // Chen et al. 2023 (arXiv:2306.15595): all positions are squeezed together.
        RopeScaling::Linear { factor } => plain / f64::from(factor),
        // Llama 3.1: waves that turn less than `low` times in the original context are stretched,
        // those that turn more than `high` times are kept, those between are mixed.
        RopeScaling::Llama3 {
            factor,
            low,
            high,
            original_context,
        } => {
            let turns = original_context as f64 * plain / TAU;
            let (low, high) = (f64::from(low), f64::from(high));
            let keep = ((turns - low) / (high - low)).clamp(0.0, 1.0);
            plain * keep + plain / f64::from(factor) * (1.0 - keep)
        }
    }
}
