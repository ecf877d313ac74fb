//! Plain loops over a row of logits that compilers turn into vector code.
//!
//! A row has up to a quarter million numbers and every token of every sequence pays for it, so the
//! loops carry no branches and no calls.

/// How many accumulators run side by side.
const LANES: usize = 16;
/// Below this an exponential is smaller than the smallest normal number.
const LEAST_EXPONENT: f32 = -87.0;

/// The largest number; minus infinity where there is none. What is not a number is not looked at.
pub(super) fn largest(values: &[f32]) -> f32 {
    let larger = |most: f32, value: f32| if value > most { value } else { most };
    let (chunks, rest) = values.as_chunks::<LANES>();
    let mut lanes = [f32::NEG_INFINITY; LANES];
    for chunk in chunks {
        for (most, value) in lanes.iter_mut().zip(chunk) {
            *most = larger(*most, *value);
        }
    }
    lanes.iter().chain(rest).copied().fold(f32::NEG_INFINITY, larger)
}

/// The sum, exact enough for probabilities: short runs in f32, the rest in f64.
pub(super) fn sum(values: &[f32]) -> f64 {
    values.chunks(LANES * 16).map(|run| f64::from(sum_run(run))).sum()
}

fn sum_run(run: &[f32]) -> f32 {
    let (chunks, rest) = run.as_chunks::<LANES>();
    let mut lanes = [0.0_f32; LANES];
    for chunk in chunks {
        for (sum, value) in lanes.iter_mut().zip(chunk) {
            *sum += value;
        }
    }
    lanes.iter().chain(rest).sum()
}

/// Adds up `exp(value - largest)` without changing the values. What is not a number counts as zero.
pub(super) fn sum_exp(values: &[f32], largest: f32) -> f64 {
    let mut total = 0.0;
    for run in values.chunks(LANES * 16) {
        let (chunks, rest) = run.as_chunks::<LANES>();
        let mut lanes = [0.0_f32; LANES];
        for chunk in chunks {
            for (sum, value) in lanes.iter_mut().zip(chunk) {
                *sum += exp(value - largest);
            }
        }
        let rest: f32 = rest.iter().map(|value| exp(value - largest)).sum();
        total += f64::from(lanes.iter().sum::<f32>() + rest);
    }
    total
}

/// e^x for x of at most 0, within 2 units in the last place or so; 0 for what is below -87 or not a
/// number. Larger x count as 0.
#[inline]
pub(super) fn exp(x: f32) -> f32 {
    /// 1.5 * 2^23: adding it rounds to a whole number and leaves that in the low bits.
    const ROUND: f32 = 12_582_912.0;
    // Cephes splits ln 2 so that the remainder stays exact.
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let least = if x > LEAST_EXPONENT { x } else { LEAST_EXPONENT };
    let clamped = if least < 0.0 { least } else { 0.0 };
    let rounded = clamped * std::f32::consts::LOG2_E + ROUND;
    let whole = rounded - ROUND;
    let rest = clamped - whole * LN2_HIGH - whole * LN2_LOW;
    let mut power = 1.987_569_1e-4_f32;
    for coefficient in [
        1.398_2e-3,
        8.333_452e-3,
        4.166_579_6e-2,
        1.666_666_6e-1,
        0.5,
        1.0,
        1.0,
    ] {
        power = power * rest + coefficient;
    }
    let scale = f32::from_bits((rounded.to_bits() << 23).wrapping_add(1.0_f32.to_bits()));
    if x >= LEAST_EXPONENT { power * scale } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_are_exact_to_six_digits() {
        for step in 0..87_000_u32 {
            let x = -(step as f32) / 1_000.0;
            let (found, expected) = (f64::from(exp(x)), f64::from(x).exp());
            assert!((found / expected - 1.0).abs() < 1e-6, "{x}: {found} {expected}");
        }
        assert_eq!(exp(0.0), 1.0);
        for x in [-88.0, -1e30, f32::NEG_INFINITY, f32::NAN] {
            assert_eq!(exp(x), 0.0, "{x}");
        }
        assert_eq!(exp(f32::INFINITY), 1.0);
    }

    #[test]
    fn sums_and_maxima_agree_with_the_plain_ones() {
        for length in [0_u32, 1, 15, 16, 17, 255, 256, 257, 5000] {
            let values: Vec<f32> = (0..length)
                .map(|place| -((place * 7919 % 1000) as f32) / 50.0)
                .collect();
            assert_eq!(
                largest(&values),
                values.iter().copied().fold(f32::NEG_INFINITY, f32::max)
            );
            let plain: f64 = values.iter().copied().map(f64::from).sum();
            assert!((sum(&values) - plain).abs() <= 1e-6 * plain.abs());
            let plain: f64 = values.iter().map(|value| f64::from(*value).exp()).sum();
            assert!((sum_exp(&values, 0.0) - plain).abs() <= 1e-5 * plain);
        }
        assert_eq!(largest(&[f32::NAN, 1.0, f32::NAN]), 1.0);
    }
}
