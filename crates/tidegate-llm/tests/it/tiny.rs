//! Tiny models with random weights, written as the files that people have.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the numbers of tests are small"
)]

use std::path::Path;

use serde_json::{Map, Value, json};
use tidegate_base::DType;

/// A family's shape, small enough for the oracle.
#[derive(Debug, Clone)]
pub(crate) struct Tiny {
    pub(crate) architecture: &'static str,
    pub(crate) vocabulary: usize,
    pub(crate) hidden: usize,
    pub(crate) layers: usize,
    pub(crate) heads: usize,
    pub(crate) kv_heads: usize,
    pub(crate) head_dim: usize,
    pub(crate) ffn: usize,
    pub(crate) window: Option<usize>,
    pub(crate) tied: bool,
    /// Llama 3's rope scaling, over an original context of 16.
    pub(crate) scaled: bool,
    pub(crate) seed: u64,
}

pub(crate) fn tiny(architecture: &'static str) -> Tiny {
    let qwen3 = architecture == "qwen3";
    Tiny {
        architecture,
        vocabulary: 101,
        hidden: 64,
        layers: 3,
        heads: 4,
        kv_heads: 2,
        head_dim: if qwen3 { 32 } else { 16 },
        ffn: 96,
        window: (architecture == "mistral").then_some(11),
        tied: qwen3,
        scaled: architecture == "llama",
        seed: 7,
    }
}

/// A tensor by both its names, with its shape and whether it is a norm (near 1) or not (near 0).
pub(crate) struct Slot {
    gguf: String,
    pub(crate) hugging: String,
    pub(crate) shape: Vec<usize>,
    norm: bool,
}

impl Tiny {
    fn slots(&self) -> Vec<Slot> {
        let (hidden, ffn) = (self.hidden, self.ffn);
        let (q, kv) = (self.heads * self.head_dim, self.kv_heads * self.head_dim);
        let mut slots = Vec::new();
        let mut add = |gguf: String, hugging: String, shape: &[usize]| {
            let norm = gguf.contains("norm");
            slots.push(Slot {
                gguf,
                hugging,
                shape: shape.to_vec(),
                norm,
            });
        };
        add(
            "token_embd.weight".into(),
            "model.embed_tokens.weight".into(),
            &[self.vocabulary, hidden],
        );
        for layer in 0..self.layers {
            for (gguf, hugging, shape) in [
                ("attn_norm", "input_layernorm", vec![hidden]),
                ("attn_q", "self_attn.q_proj", vec![q, hidden]),
                ("attn_k", "self_attn.k_proj", vec![kv, hidden]),
                ("attn_v", "self_attn.v_proj", vec![kv, hidden]),
                ("attn_output", "self_attn.o_proj", vec![hidden, q]),
                ("ffn_norm", "post_attention_layernorm", vec![hidden]),
                ("ffn_gate", "mlp.gate_proj", vec![ffn, hidden]),
                ("ffn_up", "mlp.up_proj", vec![ffn, hidden]),
                ("ffn_down", "mlp.down_proj", vec![hidden, ffn]),
            ] {
                let (gguf, hugging) = (
                    format!("blk.{layer}.{gguf}"),
                    format!("model.layers.{layer}.{hugging}"),
                );
                if self.architecture == "qwen2" && ["_q", "_k", "_v"].iter().any(|end| gguf.ends_with(end)) {
                    add(format!("{gguf}.bias"), format!("{hugging}.bias"), &shape[..1]);
                }
                if self.architecture == "qwen3" && ["_q", "_k"].iter().any(|end| gguf.ends_with(end)) {
                    let norm = hugging.replace("_proj", "_norm");
                    add(
                        format!("{gguf}_norm.weight"),
                        format!("{norm}.weight"),
                        &[self.head_dim],
                    );
                }
                add(format!("{gguf}.weight"), format!("{hugging}.weight"), &shape);
            }
        }
        add("output_norm.weight".into(), "model.norm.weight".into(), &[hidden]);
        if !self.tied {
            add(
                "output.weight".into(),
                "lm_head.weight".into(),
                &[self.vocabulary, hidden],
            );
        }
        slots
    }

    /// `config.json` as Hugging Face writes it.
    pub(crate) fn config(&self) -> Value {
        let mut config = json!({
            "model_type": self.architecture,
            "architectures": [match self.architecture {
                "llama" => "LlamaForCausalLM",
                "mistral" => "MistralForCausalLM",
                "qwen2" => "Qwen2ForCausalLM",
                _ => "Qwen3ForCausalLM",
            }],
            "vocab_size": self.vocabulary,
            "hidden_size": self.hidden,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.kv_heads,
            "head_dim": self.head_dim,
            "intermediate_size": self.ffn,
            "max_position_embeddings": 256,
            "rms_norm_eps": 1e-5,
            "rope_theta": 10000.0,
            "hidden_act": "silu",
            "sliding_window": self.window,
            "tie_word_embeddings": self.tied,
        });
        if self.scaled {
            config["rope_scaling"] = json!({
                "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                "original_max_position_embeddings": 16,
            });
        }
        config
    }

    /// Writes `config.json` and `model.safetensors`; `edit` may spoil the tensors first.
    pub(crate) fn write_safetensors(&self, folder: &Path, edit: impl Fn(&mut Vec<Slot>)) {
        let mut random = Random(self.seed);
        let (mut header, mut data) = (Map::new(), Vec::new());
        let mut slots = self.slots();
        edit(&mut slots);
        for slot in slots {
            let start = data.len();
            for value in random.values(&slot) {
                data.extend_from_slice(&value.to_le_bytes());
            }
            let entry = json!({ "dtype": "F32", "shape": slot.shape, "data_offsets": [start, data.len()] });
            header.insert(slot.hugging, entry);
        }
        let header = Value::Object(header).to_string();
        let mut file = (header.len() as u64).to_le_bytes().to_vec();
        file.extend_from_slice(header.as_bytes());
        file.extend_from_slice(&data);
        fs_err::write(folder.join("model.safetensors"), file).unwrap();
        fs_err::write(folder.join("config.json"), self.config().to_string()).unwrap();
    }

    /// Writes a GGUF file whose matrices have the type that `dtype` gives for each name.
    pub(crate) fn write_gguf(&self, path: &Path, dtype: impl Fn(&str) -> DType) {
        let mut random = Random(self.seed);
        let (mut infos, mut data) = (Vec::new(), Vec::new());
        let slots = self.slots();
        for slot in &slots {
            let dtype = if slot.shape.len() == 1 {
                DType::F32
            } else {
                dtype(&slot.gguf)
            };
            data.resize(data.len().next_multiple_of(32), 0);
            put_text(&mut infos, &slot.gguf);
            put(&mut infos, slot.shape.len() as u32);
            for size in slot.shape.iter().rev() {
                put(&mut infos, *size as u64);
            }
            put(&mut infos, dtype.ggml());
            put(&mut infos, data.len() as u64);
            random.quantised(slot, dtype, &mut data);
        }
        let metadata = self.metadata();
        let mut file = b"GGUF".to_vec();
        put(&mut file, 3u32);
        put(&mut file, slots.len() as u64);
        put(&mut file, metadata.len() as u64);
        for (key, value) in &metadata {
            put_text(&mut file, key);
            value.write(&mut file);
        }
        file.extend_from_slice(&infos);
        file.resize(file.len().next_multiple_of(32), 0);
        file.extend_from_slice(&data);
        fs_err::write(path, file).unwrap();
    }

    fn metadata(&self) -> Vec<(String, Meta)> {
        // Mistral has no architecture of its own in GGUF.
        let architecture = if self.architecture == "mistral" {
            "llama"
        } else {
            self.architecture
        };
        let mut metadata = vec![(
            "general.architecture".to_owned(),
            Meta::Text(architecture.to_owned()),
        )];
        for (key, value) in [
            ("vocab_size", self.vocabulary),
            ("context_length", 256),
            ("embedding_length", self.hidden),
            ("block_count", self.layers),
            ("feed_forward_length", self.ffn),
            ("attention.head_count", self.heads),
            ("attention.head_count_kv", self.kv_heads),
            ("attention.key_length", self.head_dim),
            ("attention.value_length", self.head_dim),
            ("rope.dimension_count", self.head_dim),
        ] {
            metadata.push((format!("{architecture}.{key}"), Meta::Number(value as u32)));
        }
        if let Some(window) = self.window {
            metadata.push((
                format!("{architecture}.attention.sliding_window"),
                Meta::Number(window as u32),
            ));
        }
        metadata.push((format!("{architecture}.rope.freq_base"), Meta::Real(10000.0)));
        metadata.push((
            format!("{architecture}.attention.layer_norm_rms_epsilon"),
            Meta::Real(1e-5),
        ));
        let tokens = (0..self.vocabulary).map(|token| format!("t{token}")).collect();
        metadata.push(("tokenizer.ggml.tokens".to_owned(), Meta::Texts(tokens)));
        metadata
    }
}

enum Meta {
    Number(u32),
    Real(f32),
    Text(String),
    Texts(Vec<String>),
}

impl Meta {
    fn write(&self, file: &mut Vec<u8>) {
        match self {
            Self::Number(value) => {
                put(file, 4u32);
                put(file, *value);
            }
            Self::Real(value) => {
                put(file, 6u32);
                put(file, value.to_bits());
            }
            Self::Text(text) => {
                put(file, 8u32);
                put_text(file, text);
            }
            Self::Texts(texts) => {
                put(file, 9u32);
                put(file, 8u32);
                put(file, texts.len() as u64);
                texts.iter().for_each(|text| put_text(file, text));
            }
        }
    }
}

fn put(file: &mut Vec<u8>, value: impl Into<Little>) {
    file.extend_from_slice(&value.into().0);
}

fn put_text(file: &mut Vec<u8>, text: &str) {
    put(file, text.len() as u64);
    file.extend_from_slice(text.as_bytes());
}

struct Little(Vec<u8>);

impl From<u32> for Little {
    fn from(value: u32) -> Self {
        Self(value.to_le_bytes().to_vec())
    }
}

impl From<u64> for Little {
    fn from(value: u64) -> Self {
        Self(value.to_le_bytes().to_vec())
    }
}

/// SplitMix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// From -1 to 1.
    fn real(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    fn values(&mut self, slot: &Slot) -> Vec<f32> {
        let count: usize = slot.shape.iter().product();
        (0..count)
            .map(|_| match (slot.norm, slot.shape.len()) {
                (true, _) => 1.0 + 0.3 * self.real(),
                (_, 1) => 0.5 * self.real(),
                // Wide enough that attention is not flat and the residual stream stays near 1.
                _ => 2.0 * self.real() / columns(slot).sqrt(),
            })
            .collect()
    }

    /// Plain types hold random values; quantised blocks hold random bytes under small scales.
    fn quantised(&mut self, slot: &Slot, dtype: DType, data: &mut Vec<u8>) {
        let values = self.values(slot);
        match dtype {
            DType::F32 => values
                .iter()
                .for_each(|value| data.extend_from_slice(&value.to_le_bytes())),
            DType::F16 => values
                .iter()
                .for_each(|value| data.extend_from_slice(&half::f16::from_f32(*value).to_le_bytes())),
            DType::Q8_0 => {
                for block in values.chunks_exact(32) {
                    let scale = block.iter().fold(0.0f32, |most, value| most.max(value.abs())) / 127.0;
                    data.extend_from_slice(&half::f16::from_f32(scale).to_le_bytes());
                    data.extend(block.iter().map(|value| (value / scale).round() as i8 as u8));
                }
            }
            DType::Q4_0 => {
                for block in values.chunks_exact(32) {
                    let scale = block.iter().fold(0.0f32, |most, value| most.max(value.abs())) / 8.0;
                    data.extend_from_slice(&half::f16::from_f32(scale).to_le_bytes());
                    let nibble = |value: f32| (value / scale + 8.5).clamp(0.0, 15.0) as u8;
                    data.extend((0..16).map(|at| nibble(block[at]) | nibble(block[at + 16]) << 4));
                }
            }
            // Random codes and scales; the numbers come out as large as those of the other types.
            DType::Q4_K => {
                for _ in 0..values.len() / 256 {
                    let scale = 3e-4 * (1.5 + self.real()) * 16.0 / columns(slot).sqrt();
                    data.extend_from_slice(&half::f16::from_f32(scale).to_le_bytes());
                    data.extend_from_slice(&half::f16::from_f32(7.5 * scale).to_le_bytes());
                    data.extend((0..140).map(|_| self.next() as u8));
                }
            }
            DType::Q6_K => {
                for _ in 0..values.len() / 256 {
                    let scale = 7e-5 * (1.5 + self.real()) * 16.0 / columns(slot).sqrt();
                    data.extend((0..208).map(|_| self.next() as u8));
                    data.extend_from_slice(&half::f16::from_f32(scale).to_le_bytes());
                }
            }
            DType::BF16 | DType::Q4_1 | DType::Q5_0 | DType::Q5_1 | DType::Q5_K => {
                panic!("the tiny models have no `{dtype}`")
            }
        }
    }
}

fn columns(slot: &Slot) -> f32 {
    *slot.shape.last().unwrap() as f32
}
