//! Writes small GGUF and safetensors files, right ones and wrong ones.

use tidegate_base::DType;

/// A GGUF file under construction.
#[derive(Clone, Default)]
pub(crate) struct GgufFile {
    metadata: Vec<u8>,
    entries: u64,
    table: Vec<u8>,
    tensors: u64,
    data: Vec<u8>,
}

/// A metadata value with its GGUF type number.
pub(crate) struct Raw(pub(crate) u32, pub(crate) Vec<u8>);

pub(crate) fn string(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
}

pub(crate) fn text(text: &str) -> Raw {
    Raw(8, string(text))
}

pub(crate) fn u32(value: u32) -> Raw {
    Raw(4, value.to_le_bytes().into())
}

pub(crate) fn f32(value: f32) -> Raw {
    Raw(6, value.to_le_bytes().into())
}

pub(crate) fn flag(value: bool) -> Raw {
    Raw(7, vec![value.into()])
}

pub(crate) fn array(kind: u32, elements: &[Vec<u8>]) -> Raw {
    let head = [&kind.to_le_bytes()[..], &(elements.len() as u64).to_le_bytes()].concat();
    Raw(9, [head, elements.concat()].concat())
}

pub(crate) fn texts(texts: &[&str]) -> Raw {
    array(8, &texts.iter().map(|text| string(text)).collect::<Vec<_>>())
}

pub(crate) fn f32s(values: &[f32]) -> Raw {
    array(
        6,
        &values
            .iter()
            .map(|value| value.to_le_bytes().into())
            .collect::<Vec<_>>(),
    )
}

pub(crate) fn i32s(values: &[i32]) -> Raw {
    array(
        5,
        &values
            .iter()
            .map(|value| value.to_le_bytes().into())
            .collect::<Vec<_>>(),
    )
}

impl GgufFile {
    pub(crate) fn set(mut self, key: &str, value: Raw) -> Self {
        self.metadata.extend(string(key));
        self.metadata.extend(value.0.to_le_bytes());
        self.metadata.extend(value.1);
        self.entries += 1;
        self
    }

    /// Adds a row of the tensor table as given: dimensions innermost first, any type and offset.
    pub(crate) fn row(mut self, name: &str, dimensions: &[u64], kind: u32, offset: u64) -> Self {
        self.table.extend(string(name));
        self.table
            .extend(u32::try_from(dimensions.len()).unwrap().to_le_bytes());
        for size in dimensions {
            self.table.extend(size.to_le_bytes());
        }
        self.table.extend(kind.to_le_bytes());
        self.table.extend(offset.to_le_bytes());
        self.tensors += 1;
        self
    }

    /// Adds a tensor of counting bytes; the shape is outermost first.
    pub(crate) fn tensor(self, name: &str, dtype: DType, shape: &[usize]) -> Self {
        let elements = shape.iter().product();
        let dimensions: Vec<u64> = shape.iter().rev().map(|&size| size as u64).collect();
        let offset = self.data.len() as u64;
        let mut file = self.row(name, &dimensions, dtype.ggml(), offset);
        let bytes = dtype.bytes_for(elements).unwrap();
        file.data.extend((0..=250).cycle().take(bytes));
        file.data.resize(file.data.len().next_multiple_of(32), 0);
        file
    }

    /// Adds bytes to the data.
    pub(crate) fn bytes(mut self, count: usize) -> Self {
        self.data.resize(self.data.len() + count, 0);
        self
    }

    pub(crate) fn finish(&self) -> Vec<u8> {
        self.finish_as(3, 32)
    }

    pub(crate) fn finish_as(&self, version: u32, alignment: usize) -> Vec<u8> {
        let mut file = b"GGUF".to_vec();
        file.extend(version.to_le_bytes());
        file.extend(self.tensors.to_le_bytes());
        file.extend(self.entries.to_le_bytes());
        file.extend(&self.metadata);
        file.extend(&self.table);
        file.resize(file.len().next_multiple_of(alignment), 0);
        file.extend(&self.data);
        file
    }
}

/// A complete `llama` model of one layer with a SentencePiece vocabulary of 16 tokens.
pub(crate) fn llama() -> GgufFile {
    let file = [
        ("context_length", 64),
        ("embedding_length", 8),
        ("block_count", 1),
        ("feed_forward_length", 12),
        ("attention.head_count", 2),
        ("attention.head_count_kv", 1),
        ("rope.dimension_count", 4),
    ]
    .into_iter()
    .fold(
        GgufFile::default().set("general.architecture", text("llama")),
        |file, (key, value)| file.set(&format!("llama.{key}"), u32(value)),
    );
    let file = file
        .set("llama.attention.layer_norm_rms_epsilon", f32(1e-5))
        .set("general.name", text("Tiny"))
        .set("general.file_type", u32(1));
    block(spm(file)).tensor("output.weight", DType::F16, &[16, 8])
}

/// The tensors of [`llama`], save the output matrix.
fn block(file: GgufFile) -> GgufFile {
    file.tensor("token_embd.weight", DType::F16, &[16, 8])
        .tensor("blk.0.attn_norm.weight", DType::F32, &[8])
        .tensor("blk.0.attn_q.weight", DType::F16, &[8, 8])
        .tensor("blk.0.attn_k.weight", DType::F16, &[4, 8])
        .tensor("blk.0.attn_v.weight", DType::F16, &[4, 8])
        .tensor("blk.0.attn_output.weight", DType::F16, &[8, 8])
        .tensor("blk.0.ffn_norm.weight", DType::F32, &[8])
        .tensor("blk.0.ffn_gate.weight", DType::F16, &[12, 8])
        .tensor("blk.0.ffn_up.weight", DType::F16, &[12, 8])
        .tensor("blk.0.ffn_down.weight", DType::F16, &[8, 12])
        .tensor("output_norm.weight", DType::F32, &[8])
}

/// A SentencePiece vocabulary of 16 tokens.
pub(crate) fn spm(file: GgufFile) -> GgufFile {
    let tokens = [
        "<unk>", "<s>", "</s>", "<0x0A>", "▁", "a", "b", "c", "ab", "▁a", "▁ab", "bc", "abc", "<tool>",
        "<x>", "▁▁",
    ];
    let kinds = [2, 3, 3, 6, 1, 1, 1, 1, 1, 1, 1, 5, 1, 4, 3, 1];
    let scores: Vec<f32> = (0..16).map(|place| -(place as f32)).collect();
    file.set("tokenizer.ggml.model", text("llama"))
        .set("tokenizer.ggml.tokens", texts(&tokens))
        .set("tokenizer.ggml.scores", f32s(&scores))
        .set("tokenizer.ggml.token_type", i32s(&kinds))
        .set("tokenizer.ggml.bos_token_id", u32(1))
        .set("tokenizer.ggml.eos_token_id", u32(2))
        .set("tokenizer.chat_template", text("{{ messages }}"))
}

/// A byte-level vocabulary of 9 tokens.
pub(crate) fn byte_level() -> GgufFile {
    let tokens = [
        "a",
        "b",
        "c",
        "Ġ",
        "ab",
        "Ġa",
        "abc",
        "<|im_end|>",
        "<|im_start|>",
    ];
    GgufFile::default()
        .set("tokenizer.ggml.model", text("gpt2"))
        .set("tokenizer.ggml.pre", text("gpt-2"))
        .set("tokenizer.ggml.tokens", texts(&tokens))
        .set("tokenizer.ggml.token_type", i32s(&[1, 1, 1, 1, 1, 1, 1, 4, 3]))
        .set("tokenizer.ggml.merges", texts(&["a b", "Ġ a", "ab c"]))
        .set("tokenizer.ggml.eos_token_id", u32(7))
}

/// A unigram vocabulary of 8 tokens.
pub(crate) fn unigram() -> GgufFile {
    let tokens = ["<pad>", "</s>", "<unk>", "▁", "a", "b", "ab", "▁a"];
    GgufFile::default()
        .set("tokenizer.ggml.model", text("t5"))
        .set("tokenizer.ggml.tokens", texts(&tokens))
        .set(
            "tokenizer.ggml.scores",
            f32s(&[0.0, 0.0, 0.0, -1.0, -2.0, -3.0, -2.5, -2.0]),
        )
        .set("tokenizer.ggml.token_type", i32s(&[3, 3, 2, 1, 1, 1, 1, 1]))
        .set("tokenizer.ggml.add_eos_token", flag(true))
}

/// A safetensors file with this header and so many bytes of data.
pub(crate) fn safetensors(header: &str, data: usize) -> Vec<u8> {
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.resize(file.len() + data, 7);
    file
}
