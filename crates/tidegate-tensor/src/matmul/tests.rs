//! Products of every type on every instruction set, against plain loops.

use tidegate_base::DType;

use super::*;
use crate::arena::Arena;
use crate::cpu::Cpu;
use crate::dequant::dequantize;
use crate::testing::{Numbers, assert_close};

fn product(pool: &Pool, matrix: &Matrix, values: &[f32], tokens: usize) -> Vec<f32> {
    let mut inputs = Inputs::new(tokens, matrix.cols());
    let mut out = vec![f32::NAN; tokens * matrix.rows()];
    let mut loaded = inputs.load(values, tokens, matrix.cols());
    matmul(pool, matrix, &mut loaded, &mut out);
    out
}

/// The product in double precision with unrounded activations.
fn exact(dtype: DType, rows: usize, cols: usize, data: &[u8], values: &[f32]) -> Vec<f32> {
    let mut weights = vec![0.0; rows * cols];
    dequantize(dtype, data, &mut weights).unwrap();
    let dot = |row: &[f32], token: &[f32]| {
        let products = row.iter().zip(token).map(|(a, b)| f64::from(*a) * f64::from(*b));
        products.sum::<f64>() as f32
    };
    let tokens = values.chunks_exact(cols);
    tokens
        .flat_map(|token| weights.chunks_exact(cols).map(move |row| dot(row, token)))
        .collect()
}

fn columns(dtype: DType) -> &'static [usize] {
    match dtype.block_len() {
        1 => &[1, 2, 3, 5, 31, 64, 100, 1023, 1030, 2100],
        32 => &[32, 64, 96, 160, 1056],
        _ => &[256, 512, 1280],
    }
}

#[test]
fn the_scalar_kernels_multiply_what_dequantize_reads() {
    let pool = Pool::new(1, Cpu::scalar());
    let mut numbers = Numbers::new(1);
    for dtype in DType::all() {
        for cols in columns(dtype) {
            let (rows, tokens) = (19, 3);
            let data = numbers.blocks(dtype, rows * cols);
            let values = numbers.floats(tokens * cols);
            let matrix = Matrix::pack(&pool, dtype, rows, *cols, &data).unwrap();
            let expected = exact(dtype, rows, *cols, &data, &values);
            // Activations of up to 1 are rounded by up to 1/254.
            let tolerance = if dtype.block_len() == 1 { 1e-5 } else { 2e-2 };
            let what = format!("{dtype} of {cols} columns");
            assert_close(
                &product(&pool, &matrix, &values, tokens),
                &expected,
                tolerance,
                &what,
            );
        }
    }
}

#[test]
fn rounding_loses_nothing_when_activations_are_whole_numbers() {
    let pool = Pool::new(1, Cpu::scalar());
    let mut numbers = Numbers::new(2);
    for dtype in DType::all() {
        let (rows, cols) = (16, 512);
        let data = numbers.blocks(dtype, rows * cols);
        let values: Vec<f32> = (0..cols)
            .map(|i| {
                if i % 32 == 7 {
                    127.0
                } else {
                    (numbers.float() * 127.0).round()
                }
            })
            .collect();
        let matrix = Matrix::pack(&pool, dtype, rows, cols, &data).unwrap();
        let expected = exact(dtype, rows, cols, &data, &values);
        assert_close(
            &product(&pool, &matrix, &values, 1),
            &expected,
            1e-5,
            dtype.name(),
        );
    }
}

#[test]
fn every_instruction_set_agrees_with_the_scalar_one() {
    let mut numbers = Numbers::new(3);
    let scalar = Pool::new(1, Cpu::scalar());
    for cpu in Cpu::available().skip(1) {
        let pool = Pool::new(2, cpu);
        for dtype in DType::all() {
            for rows in 1..40 {
                let cols = columns(dtype)[rows % columns(dtype).len()];
                let tokens = 1 + (rows * 7) % 20;
                let data = numbers.blocks(dtype, rows * cols);
                let values = numbers.floats(tokens * cols);
                let matrix = Matrix::pack(&pool, dtype, rows, cols, &data).unwrap();
                let expected = product(&scalar, &matrix, &values, tokens);
                let got = product(&pool, &matrix, &values, tokens);
                let what = format!("{cpu:?} {dtype} {rows} x {cols} with {tokens} tokens");
                assert_close(&got, &expected, 1e-5, &what);
            }
        }
    }
}

#[test]
fn the_largest_codes_and_activations_do_not_overflow() {
    let mut numbers = Numbers::new(8);
    let scalar = Pool::new(1, Cpu::scalar());
    for cpu in Cpu::available() {
        let pool = Pool::new(1, cpu);
        for dtype in DType::all().filter(|dtype| dtype.block_len() > 1) {
            let (rows, cols) = (16, 256);
            // Codes of all ones and all zeroes: the ends of every range, -128 and -1 among them.
            for codes in [0xFF, 0x00, 0x80, 0x7F] {
                let mut data = numbers.blocks(dtype, rows * cols);
                let scaled = data.clone();
                data.fill(codes);
                for (block, scaled) in data
                    .chunks_exact_mut(dtype.block_bytes())
                    .zip(scaled.chunks_exact(dtype.block_bytes()))
                {
                    let scales = if dtype == DType::Q6_K { 208..210 } else { 0..2 };
                    block[scales.clone()].copy_from_slice(&scaled[scales]);
                    if !matches!(dtype, DType::Q4_0 | DType::Q5_0 | DType::Q8_0 | DType::Q6_K) {
                        block[2..4].copy_from_slice(&scaled[2..4]);
                    }
                }
                let matrix = Matrix::pack(&pool, dtype, rows, cols, &data).unwrap();
                for value in [1.0, -1.0] {
                    let values = vec![value; cols];
                    let expected = product(&scalar, &matrix, &values, 1);
                    let got = product(&pool, &matrix, &values, 1);
                    let what = format!("{cpu:?} {dtype} {codes:x} times {value}");
                    assert_close(&got, &expected, 1e-5, &what);
                    let expected = exact(dtype, rows, cols, &data, &values);
                    assert_close(&got, &expected, 1e-4, &what);
                }
            }
        }
    }
}

#[test]
fn every_number_of_tokens_agrees_with_one_at_a_time() {
    let mut numbers = Numbers::new(4);
    for cpu in Cpu::available() {
        let pool = Pool::new(1, cpu);
        for dtype in [DType::Q4_0, DType::Q6_K, DType::F16] {
            let (rows, cols) = (35, 256);
            let data = numbers.blocks(dtype, rows * cols);
            let matrix = Matrix::pack(&pool, dtype, rows, cols, &data).unwrap();
            for tokens in 1..=40 {
                let values = numbers.floats(tokens * cols);
                let got = product(&pool, &matrix, &values, tokens);
                for token in 0..tokens {
                    let alone = product(&pool, &matrix, &values[token * cols..][..cols], 1);
                    let what = format!("{cpu:?} {dtype}: token {token} of {tokens}");
                    assert_close(&got[token * rows..][..rows], &alone, 1e-5, &what);
                }
            }
        }
    }
}

#[test]
fn one_load_serves_matrices_of_every_type() {
    let pool = Pool::new(2, Cpu::detect());
    let mut numbers = Numbers::new(5);
    let (rows, cols, tokens) = (20, 512, 7);
    let values = numbers.floats(tokens * cols);
    let mut inputs = Inputs::new(tokens, cols);
    let mut loaded = inputs.load(&values, tokens, cols);
    for dtype in DType::all().chain(DType::all()) {
        let data = numbers.blocks(dtype, rows * cols);
        let matrix = Matrix::pack(&pool, dtype, rows, cols, &data).unwrap();
        let mut got = vec![0.0; tokens * rows];
        matmul(&pool, &matrix, &mut loaded, &mut got);
        assert_eq!(got, product(&pool, &matrix, &values, tokens), "{dtype}");
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let mut numbers = Numbers::new(6);
    for dtype in [DType::Q4_0, DType::F16, DType::Q6_K] {
        let (rows, cols, tokens) = (300, 1280, 13);
        let data = numbers.blocks(dtype, rows * cols);
        let values = numbers.floats(tokens * cols);
        let results = [1, 2, 5].map(|threads| {
            let pool = Pool::new(threads, Cpu::detect());
            let matrix = Matrix::pack(&pool, dtype, rows, cols, &data).unwrap();
            product(&pool, &matrix, &values, tokens)
        });
        assert_eq!(results[0], results[1]);
        assert_eq!(results[0], results[2]);
    }
}

#[test]
fn infinities_and_not_numbers_spoil_their_token_and_no_other() {
    let mut numbers = Numbers::new(7);
    for cpu in Cpu::available() {
        let pool = Pool::new(1, cpu);
        for dtype in DType::all() {
            let (rows, cols, tokens) = (17, 256, 3);
            let data = numbers.blocks(dtype, rows * cols);
            let matrix = Matrix::pack(&pool, dtype, rows, cols, &data).unwrap();
            let clean = numbers.floats(tokens * cols);
            let expected = product(&pool, &matrix, &clean, tokens);
            for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, 1e-45] {
                let mut values = clean.clone();
                values[cols + 40] = bad;
                let got = product(&pool, &matrix, &values, tokens);
                assert_eq!(got[..rows], expected[..rows]);
                assert_eq!(got[2 * rows..], expected[2 * rows..]);
            }
        }
    }
}

#[test]
fn shapes_that_cannot_be_packed_are_named() {
    let pool = Pool::new(1, Cpu::scalar());
    let pack = |dtype, rows, cols, bytes| {
        let error = Matrix::pack(&pool, dtype, rows, cols, &vec![0; bytes]).unwrap_err();
        error.to_string()
    };
    assert_eq!(
        pack(DType::Q4_K, 2, 128, 144),
        "row of `Q4_K` has 128 elements, expected a multiple of 256"
    );
    assert_eq!(
        pack(DType::F16, 2, 2, 7),
        "tensor of `F16` has 7 bytes, expected 8"
    );
    assert_eq!(
        pack(DType::F16, 0, 2, 0),
        "`rows` of 0 cannot be used, expected at least 1"
    );
    assert!(pack(DType::F32, usize::MAX, 2, 0).contains("fits in memory"));
}

/// Alike or not, one thread or more.
#[test]
fn several_matrices_at_once_give_what_each_gives_alone() {
    let mut numbers = Numbers::new(11);
    let cols = 256;
    for threads in [1, 3] {
        let pool = Pool::new(threads, Cpu::detect());
        for dtypes in [
            [DType::Q4_0, DType::Q4_0, DType::Q4_0],
            [DType::Q4_K, DType::Q4_K, DType::Q6_K],
            [DType::F16, DType::Q8_0, DType::F32],
        ] {
            for tokens in [1, 5, 40] {
                let values = numbers.floats(tokens * cols);
                let [a, b, c] = [(dtypes[0], 40), (dtypes[1], 5), (dtypes[2], 300)].map(|(dtype, rows)| {
                    let data = numbers.blocks(dtype, rows * cols);
                    Matrix::pack(&pool, dtype, rows, cols, &data).unwrap()
                });
                let mut inputs = Inputs::new(tokens, cols);
                let mut loaded = inputs.load(&values, tokens, cols);
                let [mut x, mut y, mut z] = [&a, &b, &c].map(|matrix| vec![f32::NAN; tokens * matrix.rows()]);
                matmul_each(
                    &pool,
                    [(&a, &mut x[..]), (&b, &mut y[..]), (&c, &mut z[..])],
                    &mut loaded,
                );
                for (matrix, out) in [(&a, x), (&b, y), (&c, z)] {
                    assert_eq!(product(&pool, matrix, &values, tokens), out, "{dtypes:?}");
                }
            }
        }
    }
}

#[test]
fn packed_memory_is_known_beforehand() {
    let pool = Pool::new(1, Cpu::scalar());
    let mut numbers = Numbers::new(12);
    for dtype in DType::all() {
        let data = numbers.blocks(dtype, 37 * 512);
        let matrix = Matrix::pack(&pool, dtype, 37, 512, &data).unwrap();
        assert_eq!(matrix.bytes(), Matrix::packed_bytes(dtype, 37, 512), "{dtype}");

        // And enough: nothing is left beside the arena, and the place changes no result.
        let arena = Arena::new(Matrix::room_for(dtype, 37, 512)).unwrap();
        let packed = Matrix::pack_into(&arena, &pool, dtype, 37, 512, &data).unwrap();
        assert!(arena.take(256).is_none(), "{dtype}");
        let values = numbers.floats(512);
        assert_eq!(
            product(&pool, &packed, &values, 1),
            product(&pool, &matrix, &values, 1),
            "{dtype}"
        );
    }
}
