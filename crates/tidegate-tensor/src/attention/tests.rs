//! Attention on every instruction set against the textbook.

use half::f16;

use super::*;
use crate::cpu::Cpu;
use crate::testing::{Numbers, assert_close};

#[derive(Debug, Clone, Copy)]
struct Case {
    dtype: KvDType,
    heads: usize,
    kv_heads: usize,
    head_dim: usize,
    page_size: usize,
    window: Option<usize>,
}

const CASE: Case = Case {
    dtype: KvDType::F16,
    heads: 4,
    kv_heads: 2,
    head_dim: 64,
    page_size: 16,
    window: None,
};

/// Sequences of keys, values and queries, in steps of some rows.
fn check(cpu: Cpu, case: Case, sequences: &[&[usize]]) {
    let Case {
        heads,
        kv_heads,
        head_dim,
        page_size,
        ..
    } = case;
    let pool = Pool::new(2, cpu);
    let mut numbers = Numbers::new(11);
    let lengths: Vec<usize> = sequences.iter().map(|steps| steps.iter().sum()).collect();
    let pages_each = lengths
        .iter()
        .map(|len| len.div_ceil(page_size))
        .max()
        .unwrap_or(0);
    let mut store = KvStore::new(KvShape {
        dtype: case.dtype,
        layers: 2,
        pages: pages_each * sequences.len() + 1,
        page_size,
        kv_heads,
        head_dim,
    })
    .unwrap();
    // Pages in no order, page 0 unused.
    let pages: Vec<u32> = (1..=pages_each * sequences.len())
        .rev()
        .map(|page| page as u32)
        .collect();
    let mut past: Vec<(Vec<f32>, Vec<f32>)> = vec![(vec![], vec![]); sequences.len()];
    let shape = Shape {
        heads,
        scale: 0.3,
        window: case.window,
    };
    for step in 0..sequences.iter().map(|steps| steps.len()).max().unwrap_or(0) {
        let (spans, rows) = spans_of(sequences, step, pages_each);
        let batch = Batch {
            spans: &spans,
            pages: &pages,
        };
        let keys = numbers.floats(rows * kv_heads * head_dim);
        let values = numbers.floats(rows * kv_heads * head_dim);
        let queries = numbers.floats(rows * heads * head_dim);
        store.store(&pool, 1, batch, &keys, &values);
        let mut out = vec![f32::NAN; queries.len()];
        attend(&pool, shape, &store, 1, batch, &queries, &mut out);
        for span in &spans {
            let row = kv_heads * head_dim;
            let (past_keys, past_values) = &mut past[span.pages.start / pages_each];
            past_keys.extend(&keys[span.first_row * row..][..span.rows * row]);
            past_values.extend(&values[span.first_row * row..][..span.rows * row]);
            let row = heads * head_dim;
            let range = span.first_row * row..(span.first_row + span.rows) * row;
            let expected = textbook(case, span, &queries[range.clone()], past_keys, past_values);
            let what = format!("{cpu:?} {case:?} step {step}, {span:?}");
            assert_close(&out[range], &expected, 1e-5, &what);
        }
    }
}

/// The spans of one step, and its rows: every sequence that has such a step takes part.
fn spans_of(sequences: &[&[usize]], step: usize, pages_each: usize) -> (Vec<Span>, usize) {
    let (mut spans, mut rows) = (Vec::new(), 0);
    for (number, steps) in sequences.iter().enumerate() {
        if let Some(step_rows) = steps.get(step) {
            spans.push(Span {
                first_row: rows,
                rows: *step_rows,
                first_position: steps[..step].iter().sum(),
                pages: number * pages_each..(number + 1) * pages_each,
            });
            rows += step_rows;
        }
    }
    (spans, rows)
}

/// Softmax of scaled products, position by position, in double precision.
fn textbook(case: Case, span: &Span, queries: &[f32], keys: &[f32], values: &[f32]) -> Vec<f32> {
    let Case {
        heads,
        kv_heads,
        head_dim,
        ..
    } = case;
    let kept = |x: f32| match case.dtype {
        KvDType::F32 => f64::from(x),
        KvDType::F16 => f16::from_f32(x).to_f64(),
    };
    let mut out = Vec::new();
    for (number, query) in queries.chunks_exact(head_dim).enumerate() {
        let (row, head) = (number / heads, number % heads);
        let position = span.first_position + row;
        let first = case
            .window
            .map_or(0, |window| (position + 1).saturating_sub(window));
        let at = |p: usize| (p * kv_heads + head / (heads / kv_heads)) * head_dim;
        let weights: Vec<f64> = (first..=position)
            .map(|p| {
                let key = &keys[at(p)..][..head_dim];
                let products = query.iter().zip(key).map(|(q, k)| f64::from(*q) * kept(*k));
                (products.sum::<f64>() * 0.3).exp()
            })
            .collect();
        let total: f64 = weights.iter().sum();
        for element in 0..head_dim {
            let sum: f64 = (first..=position)
                .zip(&weights)
                .map(|(p, weight)| weight * kept(values[at(p) + element]))
                .sum();
            out.push((sum / total) as f32);
        }
    }
    out
}

#[test]
fn prompts_and_single_tokens_of_several_sequences() {
    for cpu in Cpu::available() {
        for dtype in [KvDType::F16, KvDType::F32] {
            let case = Case { dtype, ..CASE };
            check(cpu, case, &[&[40, 1, 1, 7], &[1, 1, 1], &[150, 20]]);
        }
    }
}

#[test]
fn every_group_of_heads() {
    for cpu in Cpu::available() {
        for (heads, kv_heads) in [(1, 1), (3, 3), (8, 1), (14, 2), (32, 1), (6, 2)] {
            check(
                cpu,
                Case {
                    heads,
                    kv_heads,
                    ..CASE
                },
                &[&[5, 1, 1], &[33]],
            );
        }
    }
}

#[test]
fn every_length_of_heads_and_pages() {
    for cpu in Cpu::available() {
        for head_dim in [1, 8, 16, 20, 80, 96, 128, 256] {
            check(cpu, Case { head_dim, ..CASE }, &[&[18, 1]]);
        }
        for page_size in [1, 3, 8, 16, 17, 32, 48, 64, 100, 128] {
            check(
                cpu,
                Case { page_size, ..CASE },
                &[&[130, 1, 1], &[page_size, 1], &[page_size + 1]],
            );
        }
    }
}

#[test]
fn a_window_hides_what_is_older() {
    for cpu in Cpu::available() {
        for window in [1, 2, 15, 16, 17, 100, 1000] {
            for page_size in [8, 16, 128] {
                let window = Some(window);
                check(
                    cpu,
                    Case {
                        window,
                        page_size,
                        ..CASE
                    },
                    &[&[200, 1, 1], &[3, 40]],
                );
            }
        }
    }
}

#[test]
fn pages_before_the_window_and_slots_after_the_last_token_are_not_read() {
    for cpu in Cpu::available() {
        let pool = Pool::new(1, cpu);
        let shape = KvShape {
            dtype: KvDType::F32,
            layers: 1,
            pages: 4,
            page_size: 16,
            kv_heads: 1,
            head_dim: 16,
        };
        let mut store = KvStore::new(shape).unwrap();
        let spoiled = vec![f32::NAN; 16 * 16];
        for page in 0..4 {
            let spans = [Span {
                first_row: 0,
                rows: 16,
                first_position: 0,
                pages: 0..1,
            }];
            let batch = Batch {
                spans: &spans,
                pages: &[page],
            };
            store.store(&pool, 0, batch, &spoiled, &spoiled);
        }
        let spans = [Span {
            first_row: 0,
            rows: 4,
            first_position: 32,
            pages: 0..3,
        }];
        let batch = Batch {
            spans: &spans,
            pages: &[3, 2, 1],
        };
        let clean = vec![0.5; 4 * 16];
        store.store(&pool, 0, batch, &clean, &clean);
        let mut out = vec![0.0; 4 * 16];
        let shape = Shape {
            heads: 1,
            scale: 1.0,
            window: Some(1),
        };
        attend(&pool, shape, &store, 0, batch, &clean, &mut out);
        assert_eq!(out, clean);
    }
}

#[test]
fn large_scores_do_not_overflow() {
    for cpu in Cpu::available() {
        let pool = Pool::new(1, cpu);
        let shape = KvShape {
            dtype: KvDType::F32,
            layers: 1,
            pages: 20,
            page_size: 16,
            kv_heads: 1,
            head_dim: 16,
        };
        let mut store = KvStore::new(shape).unwrap();
        let pages: Vec<u32> = (0..20).collect();
        let spans = [Span {
            first_row: 0,
            rows: 300,
            first_position: 0,
            pages: 0..20,
        }];
        let batch = Batch {
            spans: &spans,
            pages: &pages,
        };
        // Keys grow, so that every chunk brings a new maximum, and the last position wins.
        let keys: Vec<f32> = (0..300 * 16).map(|i| (i / 16) as f32).collect();
        store.store(&pool, 0, batch, &keys, &keys);
        let mut out = vec![0.0; 300 * 16];
        let shape = Shape {
            heads: 1,
            scale: 10.0,
            window: None,
        };
        attend(&pool, shape, &store, 0, batch, &vec![10.0; 300 * 16], &mut out);
        assert_close(&out, &keys, 1e-6, "the last value");
    }
}

#[test]
fn a_store_names_what_it_cannot_be() {
    let good = KvShape {
        dtype: KvDType::F16,
        layers: 1,
        pages: 1,
        page_size: 16,
        kv_heads: 1,
        head_dim: 64,
    };
    assert_eq!(KvStore::new(good).unwrap().bytes(), 2 * 16 * 64 * 2);
    let error = |shape| KvStore::new(shape).unwrap_err().to_string();
    assert!(
        error(KvShape {
            head_dim: 300,
            ..good
        })
        .contains("`head_dim` of 300")
    );
    assert!(error(KvShape { page_size: 0, ..good }).contains("`page_size` of 0"));
    assert!(
        error(KvShape {
            pages: usize::MAX,
            ..good
        })
        .contains("fits in memory")
    );
}
