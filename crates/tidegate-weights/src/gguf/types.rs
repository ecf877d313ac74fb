//! The numbers that GGUF files use for tensor types and file types, by name.

use tidegate_base::DType;

/// Names of `enum ggml_type` that this project does not compute with (`ggml.h`), so that an error
/// can name them.
const UNSUPPORTED: &[(u32, &str)] = &[
    (4, "Q4_2"),
    (5, "Q4_3"),
    (9, "Q8_1"),
    (10, "Q2_K"),
    (11, "Q3_K"),
    (15, "Q8_K"),
    (16, "IQ2_XXS"),
    (17, "IQ2_XS"),
    (18, "IQ3_XXS"),
    (19, "IQ1_S"),
    (20, "IQ4_NL"),
    (21, "IQ3_S"),
    (22, "IQ2_S"),
    (23, "IQ4_XS"),
    (24, "I8"),
    (25, "I16"),
    (26, "I32"),
    (27, "I64"),
    (28, "F64"),
    (29, "IQ1_M"),
    (31, "Q4_0_4_4"),
    (32, "Q4_0_4_8"),
    (33, "Q4_0_8_8"),
    (34, "TQ1_0"),
    (35, "TQ2_0"),
    (36, "IQ4_NL_4_4"),
    (37, "IQ4_NL_4_8"),
    (38, "IQ4_NL_8_8"),
    (39, "MXFP4"),
    (40, "NVFP4"),
];

/// Names of `enum llama_ftype` (`llama.h`), the value of `general.file_type`, as llama.cpp prints
/// them.
const FILE_TYPES: &[(u64, &str)] = &[
    (0, "F32"),
    (1, "F16"),
    (2, "Q4_0"),
    (3, "Q4_1"),
    (7, "Q8_0"),
    (8, "Q5_0"),
    (9, "Q5_1"),
    (10, "Q2_K - Medium"),
    (11, "Q3_K - Small"),
    (12, "Q3_K - Medium"),
    (13, "Q3_K - Large"),
    (14, "Q4_K - Small"),
    (15, "Q4_K - Medium"),
    (16, "Q5_K - Small"),
    (17, "Q5_K - Medium"),
    (18, "Q6_K"),
    (19, "IQ2_XXS"),
    (20, "IQ2_XS"),
    (21, "Q2_K - Small"),
    (22, "IQ3_XS"),
    (23, "IQ3_XXS"),
    (24, "IQ1_S"),
    (25, "IQ4_NL"),
    (26, "IQ3_S"),
    (27, "IQ3_M"),
    (28, "IQ2_S"),
    (29, "IQ2_M"),
    (30, "IQ4_XS"),
    (31, "IQ1_M"),
    (32, "BF16"),
    (36, "TQ1_0"),
    (37, "TQ2_0"),
    (38, "MXFP4 MoE"),
];

/// The name of a `ggml_type`, also of those that are not supported; `type N` for unknown ones.
pub fn ggml_type_name(number: u32) -> String {
    let supported = DType::from_ggml(number).map(DType::name);
    let name = supported.or_else(|| find(UNSUPPORTED, number));
    name.map_or_else(|| format!("the tensor type {number}"), ToOwned::to_owned)
}

/// The name of a `general.file_type`.
pub fn file_type_name(number: u64) -> Option<&'static str> {
    find(FILE_TYPES, number)
}

/// The supported types, for error messages.
pub(super) fn supported() -> String {
    DType::all().map(DType::name).collect::<Vec<_>>().join(", ")
}

fn find<N: PartialEq + Copy>(table: &[(N, &'static str)], number: N) -> Option<&'static str> {
    table.iter().find(|row| row.0 == number).map(|row| row.1)
}
