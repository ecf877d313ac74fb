//! The small operations against their definitions in double precision.

use proptest::prelude::*;

use super::*;
use crate::testing::{Numbers, assert_close};

fn pools() -> impl Iterator<Item = Pool> {
    Cpu::available().flat_map(|cpu| [1, 3].map(|threads| Pool::new(threads, cpu)))
}

#[test]
fn exp_is_right_to_a_unit_in_the_last_place_or_two() {
    for cpu in Cpu::available() {
        let mut worst = 0.0_f64;
        for start in -870..880 {
            let mut x: Vec<f32> = (0..101)
                .map(|i| start as f32 / 10.0 + i as f32 / 1010.0)
                .collect();
            let expected: Vec<f64> = x.iter().map(|x| f64::from(*x).exp()).collect();
            kernel::exp_and_sum(cpu, &mut x, 0.0);
            for (x, expected) in x.iter().zip(expected) {
                worst = worst.max((f64::from(*x) / expected - 1.0).abs());
            }
        }
        assert!(worst < 2.5e-7, "{cpu:?}: {worst}");
        let mut edges = [f32::NEG_INFINITY, -1e30, -88.0, 0.0, f32::NAN];
        kernel::exp_and_sum(cpu, &mut edges, 0.0);
        assert_eq!(edges[..4], [0.0, 0.0, 0.0, 1.0]);
        assert!(edges[4].is_nan());
    }
}

#[test]
fn rows_are_normalised_one_by_one() {
    let mut numbers = Numbers::new(1);
    for pool in pools() {
        for (rows, width) in [(1, 1), (3, 5), (40, 768), (2, 64), (300, 17)] {
            let x = numbers.floats(rows * width);
            let weight = numbers.floats(width);
            let mut out = vec![0.0; x.len()];
            rms_norm(&pool, &x, &weight, 1e-5, &mut out);
            for (row, out) in x.chunks_exact(width).zip(out.chunks_exact(width)) {
                let squares: f64 = row.iter().map(|x| f64::from(*x).powi(2)).sum();
                let factor = 1.0 / (squares / width as f64 + 1e-5).sqrt();
                let expected: Vec<f32> = (row.iter().zip(&weight))
                    .map(|(x, weight)| (f64::from(*x) * factor * f64::from(*weight)) as f32)
                    .collect();
                assert_close(out, &expected, 1e-6, "rms_norm");
            }
        }
    }
}

#[test]
fn the_gate_opens_as_silu_says() {
    let mut numbers = Numbers::new(2);
    for pool in pools() {
        let up = numbers.floats(40_000);
        let gate: Vec<f32> = numbers.floats(40_000).iter().map(|x| x * 100.0).collect();
        let expected: Vec<f32> = (gate.iter().zip(&up))
            .map(|(gate, up)| {
                let gate = f64::from(*gate);
                (gate / (1.0 + (-gate).exp()) * f64::from(*up)) as f32
            })
            .collect();
        let mut out = gate.clone();
        silu_mul(&pool, &mut out, &up);
        assert_close(&out, &expected, 1e-6, "silu_mul");
        add_in_place(&pool, &mut out, &up);
        let expected: Vec<f32> = expected.iter().zip(&up).map(|(x, y)| x + y).collect();
        assert_close(&out, &expected, 1e-6, "add_in_place");
        let mut out = vec![1.0; 12 * 3001];
        add_bias(&pool, &mut out, &up[..3001]);
        assert!(out.iter().enumerate().all(|(i, x)| *x == 1.0 + up[i % 3001]));
    }
}

#[test]
fn rope_turns_pairs_and_leaves_the_rest() {
    let mut numbers = Numbers::new(3);
    let frequencies = [1.0, 0.3, 0.01];
    for pool in pools() {
        for pairing in [Pairing::Interleaved, Pairing::Halves] {
            let table = RopeTable::new(6, &frequencies, 50, pairing);
            assert_eq!(table.positions(), 50);
            let positions = [0, 7, 49];
            let (heads, head_dim) = (2, 10);
            let x = numbers.floats(positions.len() * heads * head_dim);
            let mut out = x.clone();
            rope(&pool, &mut out, head_dim, &positions, &table);
            for (number, (x, out)) in x.chunks_exact(10).zip(out.chunks_exact(10)).enumerate() {
                let position = positions[number / heads];
                assert_eq!(x[6..], out[6..], "the part that does not turn");
                for (pair, frequency) in frequencies.iter().enumerate() {
                    let (a, b) = match pairing {
                        Pairing::Interleaved => (2 * pair, 2 * pair + 1),
                        Pairing::Halves => (pair, pair + 3),
                    };
                    let (sine, cosine) = (position as f32 * frequency).sin_cos();
                    let expected = [x[a] * cosine - x[b] * sine, x[a] * sine + x[b] * cosine];
                    assert_close(&[out[a], out[b]], &expected, 1e-5, "a pair");
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn probabilities_add_up_to_one(mut x in prop::collection::vec(-300.0_f32..300.0, 1..200)) {
        let mut logs = x.clone();
        let best = argmax(&x);
        softmax(&mut x);
        log_softmax(&mut logs);
        prop_assert!((x.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        prop_assert_eq!(argmax(&x), best);
        for (x, log) in x.iter().zip(&logs) {
            prop_assert!((x - log.exp()).abs() < 1e-5);
        }
    }

    #[test]
    fn the_largest_is_found(x in prop::collection::vec(any::<f32>(), 0..100)) {
        let numbers = || x.iter().enumerate().filter(|(_, x)| !x.is_nan());
        let most = numbers().map(|(_, x)| *x).fold(f32::NEG_INFINITY, f32::max);
        let expected = numbers().find(|(_, x)| **x == most).map_or(0, |(place, _)| place);
        prop_assert_eq!(argmax(&x), expected);
    }
}
