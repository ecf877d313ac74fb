//! Repeatable random numbers from a seed and a place, with no state in between.

/// Scrambles a number: the finaliser of SplitMix64 (Steele, Lea, Flood 2014), a bijection.
pub fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// The random number with this number in the series of this seed. The same for the same two,
/// whatever else was drawn.
pub fn draw(seed: u64, number: u64) -> u64 {
    mix(mix(seed) ^ number.wrapping_mul(0xd1b5_4a32_d192_ed03))
}

/// The same as a number from 0 (included) to 1 (excluded) with 53 random bits.
pub fn draw_unit(seed: u64, number: u64) -> f64 {
    const STEP: f64 = 1.0 / (1_u64 << 53) as f64;
    (draw(seed, number) >> 11) as f64 * STEP
}

/// A seed that nobody can guess, from the hasher keys of the standard library.
pub fn fresh_seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_series_is_even_and_repeatable() {
        let mut tenths = [0_u32; 10];
        for number in 0..100_000 {
            let value = draw_unit(7, number);
            assert_eq!(value, draw_unit(7, number));
            let place = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
                .iter()
                .rposition(|least| value >= *least);
            tenths[place.unwrap()] += 1;
        }
        // Standard deviation of each count: 95.
        assert!(
            tenths.iter().all(|count| (9_600..10_400).contains(count)),
            "{tenths:?}"
        );
        assert_ne!(draw(7, 0), draw(8, 0));
    }

    #[test]
    fn fresh_seeds_differ() {
        assert_ne!(fresh_seed(), fresh_seed());
    }
}
