//! GGUF and safetensors files, right and wrong: what is read, and what the refusal says.

use tidegate_base::DType;
use tidegate_weights::gguf::{Value, limits};
use tidegate_weights::safetensors::{HEADER_BYTES_MAX, Index};
use tidegate_weights::{Gguf, SafeTensors};

use crate::build::{self, GgufFile, Raw, array, safetensors, text, texts, u32};

/// Checks that a file is refused with a message that contains `expect`.
fn refused(file: &[u8], expect: &str) {
    let message = Gguf::parse(file).expect_err(expect).to_string();
    assert!(message.contains(expect), "expected `{expect}` in `{message}`");
}

#[test]
fn a_gguf_file_is_read() {
    for version in [2, 3] {
        let file = build::llama().finish_as(version, 32);
        let gguf = Gguf::parse(&file).unwrap();
        assert_eq!(gguf.version, version);
        assert_eq!(gguf.metadata("general.name"), Some(&Value::String("Tiny")));
        assert_eq!(gguf.unsigned("llama.block_count"), Ok(Some(1)));
        assert_eq!(gguf.unsigned("absent"), Ok(None));
        let tokens = gguf.array("tokenizer.ggml.tokens").unwrap().unwrap();
        assert_eq!(tokens.len(), 16);
        assert_eq!(tokens.strings().unwrap().nth(8), Some("ab"));
        let kinds = gguf.array("tokenizer.ggml.token_type").unwrap().unwrap();
        assert_eq!(
            kinds.integers().unwrap().take(4).collect::<Vec<_>>(),
            [2, 3, 3, 6]
        );
        assert_eq!(gguf.tensors().len(), 12);
        let down = gguf.tensor("blk.0.ffn_down.weight").unwrap();
        assert_eq!(
            (down.shape.as_slice(), down.dtype, down.data.len()),
            (&[8, 12][..], DType::F16, 192)
        );
        assert_eq!(down.data[..3], [0, 1, 2]);
    }
}

#[test]
fn a_value_of_the_wrong_type_is_named() {
    let file = build::llama().finish();
    let gguf = Gguf::parse(&file).unwrap();
    let message = gguf.unsigned("general.name").unwrap_err().to_string();
    assert_eq!(
        message,
        "metadata key `general.name` should be a whole number that is not negative, but is a string"
    );
}

#[test]
fn wrong_headers_are_refused() {
    refused(b"", "the file ends at byte 0 inside the header");
    refused(
        b"GGML\x03\0\0\0",
        "not a GGUF file: expected the bytes `GGUF` at the start, found `GGML`",
    );
    refused(b"GGUF\x01\0\0\0", "version 1 is not supported: expected 2 or 3");
    refused(b"GGUF\x04\0\0\0", "version 4 is not supported");
    refused(b"GGUF\0\0\0\x03", "big-endian GGUF is not supported");
    let counts = |tensors: u64, entries: u64| {
        [
            b"GGUF\x03\0\0\0",
            &tensors.to_le_bytes()[..],
            &entries.to_le_bytes(),
        ]
        .concat()
    };
    refused(
        &counts(u64::MAX, 0),
        "the number of tensors at byte 8: 18446744073709551615 is more than the limit",
    );
    refused(&counts(0, 1 << 40), "the number of metadata entries at byte 16");
    refused(&counts(limits::TENSORS_MAX, 0), "inside the name of tensor 0");
}

#[test]
fn wrong_metadata_is_refused() {
    let with = |value| GgufFile::default().set("k", value).finish();
    refused(
        &with(Raw(13, vec![0; 8])),
        "metadata key `k` has the unknown value type 13 at byte 33",
    );
    refused(&with(Raw(7, vec![2])), "metadata key `k` has the boolean 2");
    refused(
        &with(Raw(8, u64::MAX.to_le_bytes().into())),
        "is more than the limit",
    );
    refused(
        &with(Raw(8, 99_u64.to_le_bytes().into())),
        "inside the value of metadata key `k`",
    );
    refused(
        &with(Raw(8, [&1_u64.to_le_bytes()[..], b"\xff"].concat())),
        "is not valid UTF-8",
    );
    refused(&with(array(9, &[])), "array of arrays");
    let long = [
        &0_u32.to_le_bytes()[..],
        &(limits::ARRAY_LEN_MAX + 1).to_le_bytes(),
    ]
    .concat();
    refused(&with(Raw(9, long)), "16777217 is more than the limit of 16777216");
    let twice = GgufFile::default().set("k", u32(1)).set("k", u32(1));
    refused(&twice.finish(), "metadata key `k` appears twice");
    refused(
        &GgufFile::default().set("split.count", u32(3)).finish(),
        "one of 3 parts of a split model",
    );
    for alignment in [0, 3, 1 << 21] {
        refused(
            &GgufFile::default()
                .set("general.alignment", u32(alignment))
                .finish(),
            "power of two",
        );
    }
}

#[test]
fn wrong_tensors_are_refused() {
    let row = |dimensions: &[u64], kind, offset| {
        GgufFile::default()
            .row("t", dimensions, kind, offset)
            .bytes(64)
            .finish()
    };
    refused(&row(&[], 0, 0), "tensor `t` has 0 dimensions: expected 1 to 4");
    refused(&row(&[1; 5], 0, 0), "tensor `t` has 5 dimensions");
    refused(
        &row(&[4, 0], 0, 0),
        "tensor `t` has the shape [0, 4], which holds nothing or too much",
    );
    refused(&row(&[u64::MAX, 2], 0, 0), "holds nothing or too much");
    refused(&row(&[1 << 62], 0, 0), "holds nothing or too much");
    refused(
        &row(&[256], 10, 0),
        "tensor `t`: Q2_K is not supported: expected one of F32, F16, BF16, Q4_0",
    );
    refused(&row(&[32], 39, 0), "MXFP4 is not supported");
    refused(&row(&[32], 20, 0), "IQ4_NL is not supported");
    refused(&row(&[32], 999, 0), "the tensor type 999 is not supported");
    refused(
        &row(&[48, 2], 2, 0),
        "rows of 48 elements are not whole blocks of Q4_0 (32 elements)",
    );
    refused(
        &row(&[4], 0, 8),
        "begins at byte 8 of the data, which is not a multiple of 32",
    );
    refused(
        &row(&[17], 0, 0),
        "needs 68 bytes from byte 64, but the file ends at byte 128",
    );
    refused(&row(&[4], 0, 1 << 40), "but the file ends at byte 128");
    refused(&row(&[4], 0, u64::MAX - 31), "but the file ends at byte 128");
    let twice = GgufFile::default()
        .row("t", &[4], 0, 0)
        .row("t", &[4], 0, 32)
        .bytes(64);
    refused(&twice.finish(), "tensor `t` appears twice");
    let over = GgufFile::default()
        .row("a", &[12], 0, 0)
        .row("b", &[4], 0, 32)
        .bytes(64);
    refused(&over.finish(), "tensors `a` and `b` overlap");
}

#[test]
fn the_alignment_of_the_file_is_kept() {
    let file = GgufFile::default()
        .set("general.alignment", u32(128))
        .row("t", &[4], 0, 0)
        .bytes(16);
    let file = file.finish_as(3, 128);
    let gguf = Gguf::parse(&file).unwrap();
    assert!(gguf.data_offset().is_multiple_of(128));
    assert_eq!(gguf.tensor("t").unwrap().data.len(), 16);
}

#[test]
fn empty_arrays_and_keys_are_read() {
    let file = GgufFile::default()
        .set("", text(""))
        .set("none", texts(&[]))
        .finish();
    let gguf = Gguf::parse(&file).unwrap();
    assert_eq!(gguf.text(""), Ok(Some("")));
    assert!(gguf.array("none").unwrap().unwrap().is_empty());
}

fn refused_safetensors(header: &str, data: usize, expect: &str) {
    let message = SafeTensors::parse(&safetensors(header, data))
        .expect_err(expect)
        .to_string();
    assert!(message.contains(expect), "expected `{expect}` in `{message}`");
}

#[test]
fn a_safetensors_file_is_read() {
    let header = r#"{"__metadata__":{"format":"pt"},"b":{"dtype":"BF16","shape":[2,3],"data_offsets":[4,16]},
        "a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}  "#;
    let file = safetensors(header, 16);
    let read = SafeTensors::parse(&file).unwrap();
    assert_eq!(read.metadata()["format"], "pt");
    let b = read.tensor("b").unwrap();
    assert_eq!(
        (b.shape.as_slice(), b.dtype, b.data.len()),
        (&[2, 3][..], DType::BF16, 12)
    );
    assert_eq!(read.tensor("a").unwrap().elements(), 1);
}

#[test]
fn wrong_safetensors_files_are_refused() {
    let one = |fields: &str| format!(r#"{{"t":{{{fields}}}}}"#);
    let check = |fields: &str, data, expect| refused_safetensors(&one(fields), data, expect);
    check(
        r#""dtype":"F32","shape":[2],"data_offsets":[0,8]"#,
        4,
        "ends at byte 8 of the data, which has 4 bytes",
    );
    check(
        r#""dtype":"F32","shape":[2],"data_offsets":[0,8]"#,
        9,
        "end at byte 8 of the data, which has 9 bytes",
    );
    check(
        r#""dtype":"F32","shape":[2],"data_offsets":[0,4]"#,
        4,
        "`t` has 4 bytes: expected 8",
    );
    check(
        r#""dtype":"F32","shape":[2],"data_offsets":[4,12]"#,
        12,
        "begins at byte 4 of the data: expected 0",
    );
    check(
        r#""dtype":"F32","shape":[2],"data_offsets":[8,0]"#,
        8,
        "begins at byte 8",
    );
    check(
        r#""dtype":"I64","shape":[2],"data_offsets":[0,16]"#,
        16,
        "I64 is not supported: expected F32, F16 or BF16",
    );
    check(
        r#""dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]"#,
        2,
        "F8_E4M3 is not supported",
    );
    check(
        r#""dtype":"F32","shape":[0],"data_offsets":[0,0]"#,
        0,
        "holds nothing or too much",
    );
    check(
        r#""dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]"#,
        0,
        "too much",
    );
    check(
        r#""dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]"#,
        4,
        "9 dimensions",
    );
    let message = SafeTensors::parse(&[0; 4]).unwrap_err().to_string();
    assert_eq!(
        message,
        "the file has 4 bytes: expected at least 8 of header length"
    );
    let message = SafeTensors::parse(&(HEADER_BYTES_MAX as u64 + 1).to_le_bytes())
        .unwrap_err()
        .to_string();
    assert!(message.contains("expected at most 100000000"), "{message}");
    let message = SafeTensors::parse(&5_u64.to_le_bytes()).unwrap_err().to_string();
    assert_eq!(message, "the header needs 13 bytes, but the file ends after 8");
}

#[test]
fn loose_safetensors_headers_are_refused() {
    let check =
        |fields: &str, data, expect| refused_safetensors(&format!(r#"{{"t":{{{fields}}}}}"#), data, expect);
    check(
        r#""dtype":"F32","shape":[-1],"data_offsets":[0,4]"#,
        4,
        "tensor `t`: invalid value",
    );
    check(r#""dtype":"F32","shape":[1]"#, 4, "missing field `data_offsets`");
    check(
        r#""dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1"#,
        4,
        "unknown field `x`",
    );
    let twice = r#"{"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"t":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#;
    refused_safetensors(twice, 8, "`t` appears twice");
    let gap = r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}"#;
    refused_safetensors(gap, 6, "`b` begins at byte 2 of the data: expected 4");
    refused_safetensors(" {}", 0, "expected `{`");
    refused_safetensors("{} x", 0, "trailing characters");
    refused_safetensors("[]", 0, "expected `{`");
}

#[test]
fn an_index_names_plain_files() {
    let index =
        Index::parse(br#"{"metadata":{},"weight_map":{"a":"x.safetensors","b":"y.safetensors"}}"#).unwrap();
    assert_eq!(
        index.files().into_iter().collect::<Vec<_>>(),
        ["x.safetensors", "y.safetensors"]
    );
    assert_eq!(index.file_of("b"), Some("y.safetensors"));
    for file in ["../x", "/etc/passwd", "a/b", "..", ""] {
        let json = format!(r#"{{"weight_map":{{"a":"{file}"}}}}"#);
        let message = Index::parse(json.as_bytes()).unwrap_err().to_string();
        assert!(message.contains("expected a plain file name"), "{message}");
    }
}
