//! Every type, bit for bit as the `gguf` Python package reads it.

use tidegate_base::DType;
use tidegate_tensor::TensorError;
use tidegate_tensor::dequant::dequantize;

/// Written by `tests/fixtures/make.py`.
const FIXTURE: &[u8] = include_bytes!("../fixtures/dequant.bin");

fn take<'a>(rest: &mut &'a [u8], bytes: usize) -> &'a [u8] {
    let (taken, left) = rest.split_at(bytes);
    *rest = left;
    taken
}

fn number(rest: &mut &[u8]) -> u32 {
    let bytes = take(rest, 4);
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

#[test]
fn every_type_has_the_bits_of_the_reference() {
    let mut rest = FIXTURE;
    let mut seen = Vec::new();
    while !rest.is_empty() {
        let dtype = DType::from_ggml(number(&mut rest)).unwrap();
        let elements = number(&mut rest) as usize;
        let blocks = take(&mut rest, dtype.bytes_for(elements).unwrap());
        let mut values = vec![0.0; elements];
        dequantize(dtype, blocks, &mut values).unwrap();
        for (i, value) in values.iter().enumerate() {
            let expected = number(&mut rest);
            assert_eq!(
                value.to_bits(),
                expected,
                "{dtype} element {i}: {value} is not {}",
                f32::from_bits(expected)
            );
        }
        seen.push(dtype);
    }
    assert_eq!(seen, DType::all().collect::<Vec<_>>(), "a type has no fixture");
}

#[test]
fn a_wrong_length_is_named() {
    let mut out = [0.0; 32];
    assert_eq!(
        dequantize(DType::Q4_0, &[0; 17], &mut out),
        Err(TensorError::Bytes {
            dtype: DType::Q4_0,
            bytes: 17,
            expected: 18
        })
    );
    assert_eq!(
        dequantize(DType::Q4_0, &[0; 18], &mut out[..31]),
        Err(TensorError::Columns {
            dtype: DType::Q4_0,
            cols: 31,
            block: 32
        })
    );
}
