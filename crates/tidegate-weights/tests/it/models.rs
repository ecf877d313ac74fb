//! Configurations and checkpoints of both formats: what is read, and what the refusal says.

use serde_json::{Value, json};
use tidegate_base::DType;
use tidegate_weights::{Checkpoint, Gguf, ModelConfig, RopePairing, RopeScaling, Summary, Tokenizer};

use crate::build::{self, GgufFile, f32, safetensors, text, u32};
use crate::fixtures;

fn from_gguf(file: &GgufFile) -> Result<ModelConfig, String> {
    let file = file.finish();
    let gguf = Gguf::parse(&file).unwrap();
    Checkpoint::from_gguf(&gguf)
        .map(|checkpoint| checkpoint.config)
        .map_err(|error| error.to_string())
}

fn refused_gguf(file: &GgufFile, expect: &str) {
    let message = from_gguf(file).expect_err(expect);
    assert!(message.contains(expect), "expected `{expect}` in `{message}`");
}

#[test]
fn a_gguf_model_is_read() {
    let config = from_gguf(&build::llama()).unwrap();
    assert_eq!(
        (config.architecture.as_str(), config.name.as_str()),
        ("llama", "Tiny")
    );
    assert_eq!(
        (config.vocabulary, config.hidden, config.layers, config.ffn),
        (16, 8, 1, 12)
    );
    assert_eq!((config.heads, config.kv_heads, config.head_dim), (2, 1, 4));
    assert_eq!((config.context_length, config.sliding_window), (64, None));
    assert_eq!((config.rope.theta, config.rope.dimensions), (10_000.0, 4));
    assert_eq!(
        (config.rope.pairing, config.rope.scaling),
        (RopePairing::Interleaved, RopeScaling::None)
    );
    assert!(!config.tie_embeddings);
}

#[test]
fn gguf_options_are_read() {
    let config = from_gguf(
        &build::llama()
            .set("llama.attention.sliding_window", u32(32))
            .set("llama.rope.scaling.type", text("linear"))
            .set("llama.rope.scaling.factor", f32(4.0))
            .set("llama.rope.freq_base", f32(500_000.0)),
    )
    .unwrap();
    assert_eq!(config.sliding_window, Some(32));
    assert_eq!(config.rope.scaling, RopeScaling::Linear { factor: 4.0 });
    assert_eq!(config.rope.theta, 500_000.0);
    let whole = from_gguf(&build::llama().set("llama.attention.sliding_window", u32(64))).unwrap();
    assert_eq!(whole.sliding_window, None);
}

#[test]
fn gguf_models_that_cannot_be_computed_are_refused() {
    refused_gguf(
        &GgufFile::default().set("general.architecture", text("mamba")),
        "the architecture `mamba` is not supported: expected one of llama, mistral, qwen2, qwen3",
    );
    refused_gguf(&GgufFile::default(), "`general.architecture` is missing");
    let bare = GgufFile::default().set("general.architecture", text("qwen3"));
    refused_gguf(&bare, "`qwen3.embedding_length` is missing");
    let more = |key: &str, value| build::llama().set(key, value);
    refused_gguf(
        &more("llama.expert_count", u32(8)),
        "a mixture of 8 experts, which is not supported",
    );
    refused_gguf(
        &more("llama.rope.scaling.type", text("yarn")),
        "asks for `yarn`, which is not supported",
    );
    refused_gguf(
        &more("llama.attention.value_length", u32(8)),
        "values of 8 elements beside keys of 4",
    );
    refused_gguf(
        &more("llama.rope.freq_base", f32(f32::NAN)),
        "`rope theta` is NaN: expected a positive number",
    );
    let stray = build::llama().tensor("blk.0.attn_q_norm.weight", DType::F32, &[4]);
    refused_gguf(
        &stray,
        "tensor `blk.0.attn_q_norm.weight` is not part of a `llama` model",
    );
    let layer = build::llama().tensor("blk.1.attn_q.weight", DType::F16, &[8, 8]);
    refused_gguf(
        &layer,
        "tensor `blk.1.attn_q.weight` is not part of a `llama` model",
    );
    let shape = build::llama().tensor("rope_freqs.weight", DType::F32, &[8]);
    refused_gguf(
        &shape,
        "tensor `rope_freqs.weight` has the shape [8]: expected [2] from the configuration",
    );
}

/// A `config.json` with some keys changed; `null` removes one.
fn config(architecture: &str, changes: Value) -> Result<ModelConfig, String> {
    let mut config = json!({
        "architectures": [architecture], "hidden_size": 64, "intermediate_size": 128,
        "max_position_embeddings": 4096, "num_attention_heads": 4, "num_hidden_layers": 3,
        "num_key_value_heads": 2, "rms_norm_eps": 1e-5, "rope_theta": 1e6, "vocab_size": 100,
        "hidden_act": "silu", "tie_word_embeddings": true,
    });
    for (key, value) in changes.as_object().unwrap() {
        config[key] = value.clone();
    }
    ModelConfig::from_hf(config.to_string().as_bytes()).map_err(|error| error.to_string())
}

#[test]
fn a_config_json_is_read() {
    let read = config("LlamaForCausalLM", json!({})).unwrap();
    assert_eq!(
        (read.architecture.as_str(), read.head_dim, read.kv_heads),
        ("llama", 16, 2)
    );
    assert_eq!((read.rope.theta, read.rope.pairing), (1e6, RopePairing::Halves));
    assert!(read.tie_embeddings);
    let qwen3 = config("Qwen3ForCausalLM", json!({"head_dim": 32})).unwrap();
    assert_eq!(
        (qwen3.architecture.as_str(), qwen3.head_dim, qwen3.query_width()),
        ("qwen3", 32, 128)
    );
    assert_eq!(config("Qwen3ForCausalLM", json!({})).unwrap().head_dim, 128);
    assert_eq!(
        config("LlamaForCausalLM", json!({"num_key_value_heads": null}))
            .unwrap()
            .kv_heads,
        4
    );
}

#[test]
fn windows_are_read() {
    let window = |class, changes| config(class, changes).map(|config| config.sliding_window);
    let some = json!({"sliding_window": 1024});
    assert_eq!(window("MistralForCausalLM", some.clone()), Ok(Some(1024)));
    assert_eq!(
        window("MistralForCausalLM", json!({"sliding_window": null})),
        Ok(None)
    );
    assert_eq!(window("LlamaForCausalLM", some.clone()), Ok(None));
    assert_eq!(window("Qwen2ForCausalLM", some), Ok(None));
    let used =
        |layers| json!({"sliding_window": 1024, "use_sliding_window": true, "max_window_layers": layers});
    assert_eq!(window("Qwen2ForCausalLM", used(0)), Ok(Some(1024)));
    assert_eq!(window("Qwen2ForCausalLM", used(3)), Ok(None));
    assert!(
        window("Qwen2ForCausalLM", used(1))
            .unwrap_err()
            .contains("1 of 3 layers without a sliding window")
    );
    let mixed = json!({"layer_types": ["full_attention", "sliding_attention", "full_attention"]});
    assert!(
        window("Qwen3ForCausalLM", mixed)
            .unwrap_err()
            .contains("layers of different kinds")
    );
    let full =
        json!({"layer_types": ["full_attention", "full_attention", "full_attention"], "sliding_window": 9});
    assert_eq!(window("Qwen3ForCausalLM", full), Ok(None));
}

#[test]
fn rope_is_read_in_both_spellings() {
    let rope =
        |changes| config("LlamaForCausalLM", changes).map(|config| (config.rope.theta, config.rope.scaling));
    let linear = RopeScaling::Linear { factor: 2.0 };
    assert_eq!(
        rope(json!({"rope_scaling": {"type": "linear", "factor": 2}})),
        Ok((1e6, linear))
    );
    assert_eq!(
        rope(json!({"rope_scaling": {"rope_type": "linear", "factor": 2.0}})),
        Ok((1e6, linear))
    );
    let newer = json!({"rope_theta": null, "rope_parameters": {"rope_type": "linear", "rope_theta": 5e5, "factor": 2.0}});
    assert_eq!(rope(newer), Ok((5e5, linear)));
    let llama3 = json!({"rope_parameters": {"rope_type": "llama3", "rope_theta": 5e5, "factor": 8.0,
        "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}});
    let scaling = RopeScaling::Llama3 {
        factor: 8.0,
        low: 1.0,
        high: 4.0,
        original_context: 8192,
    };
    assert_eq!(rope(llama3), Ok((5e5, scaling)));
    assert_eq!(
        rope(json!({"rope_parameters": {"rope_type": "default", "rope_theta": 5e5}})),
        Ok((5e5, RopeScaling::None))
    );
    for kind in ["dynamic", "yarn", "longrope"] {
        let message = rope(json!({"rope_scaling": {"rope_type": kind, "factor": 2.0}})).unwrap_err();
        assert_eq!(
            message,
            format!("`rope_scaling` asks for the rope type `{kind}`, which is not supported")
        );
    }
    let missing = rope(json!({"rope_scaling": {"rope_type": "linear"}})).unwrap_err();
    assert_eq!(missing, "`rope_scaling.factor` is missing");
}

#[test]
fn models_that_cannot_be_computed_are_refused() {
    let check = |changes, expect: &str| {
        let message = config("LlamaForCausalLM", changes).expect_err(expect);
        assert!(message.contains(expect), "expected `{expect}` in `{message}`");
    };
    check(
        json!({"architectures": ["GPT2LMHeadModel"]}),
        "the architecture `GPT2LMHeadModel` is not supported",
    );
    check(json!({"architectures": null}), "`architectures` is missing");
    check(
        json!({"hidden_size": "64"}),
        "`hidden_size` is \"64\": expected a whole number",
    );
    check(json!({"hidden_size": null}), "`hidden_size` is missing");
    check(
        json!({"hidden_size": 63}),
        "expected a divisor of the hidden size, 63",
    );
    check(
        json!({"num_key_value_heads": 3}),
        "expected a divisor of the 4 heads",
    );
    check(
        json!({"num_key_value_heads": 0}),
        "`key-value heads` is 0: expected 1 to 4096",
    );
    check(
        json!({"head_dim": 15}),
        "`head dimension` is 15: expected an even number",
    );
    check(
        json!({"num_hidden_layers": 1_000_000}),
        "`layers` is 1000000: expected 1 to 1024",
    );
    check(
        json!({"vocab_size": 1_u64 << 40}),
        "`vocabulary` is 1099511627776",
    );
    check(
        json!({"rms_norm_eps": 0}),
        "`norm epsilon` is 0: expected a number between 0 and 1",
    );
    check(
        json!({"hidden_act": "gelu"}),
        "the activation `gelu`, which is not supported",
    );
    check(
        json!({"quantization_config": {"quant_method": "gptq"}}),
        "weights packed by gptq",
    );
    check(json!({"mlp_bias": true}), "biases in the feed-forward part");
    check(
        json!({"partial_rotary_factor": 0.5}),
        "rotation of a part of each head",
    );
    let message = ModelConfig::from_hf(b"{").unwrap_err().to_string();
    assert!(message.starts_with("config.json is not valid JSON"), "{message}");
}

const SHARDS: [&str; 2] = [
    "model-00001-of-00002.safetensors",
    "model-00002-of-00002.safetensors",
];

#[test]
fn a_checkpoint_that_transformers_saved_is_read() {
    let [config, index] = ["config.json", "model.safetensors.index.json"]
        .map(|name| fixtures::fixture(&format!("tiny/{name}")));
    let files = SHARDS.map(|name| fixtures::fixture(&format!("tiny/{name}")));
    let shards = [(SHARDS[0], files[0].as_slice()), (SHARDS[1], files[1].as_slice())];
    let checkpoint = Checkpoint::from_safetensors(&config, &shards, Some(&index)).unwrap();
    assert_eq!(checkpoint.config.architecture, "qwen3");
    assert_eq!(checkpoint.tensor("blk.1.attn_q.weight").unwrap().shape, [32, 16]);
    assert_eq!(checkpoint.tensor("blk.1.attn_k_norm.weight").unwrap().shape, [8]);
    assert_eq!(checkpoint.tensor("token_embd.weight").unwrap().dtype, DType::BF16);
    assert_eq!(
        checkpoint.tensor("nothing").unwrap_err().to_string(),
        "tensor `nothing` is missing"
    );
    let one = Checkpoint::from_safetensors(&config, &shards[..1], None)
        .unwrap_err()
        .to_string();
    assert!(one.ends_with("is missing"), "{one}");
    let swapped = [(SHARDS[1], shards[0].1), (SHARDS[0], shards[1].1)];
    let wrong = Checkpoint::from_safetensors(&config, &swapped, Some(&index))
        .unwrap_err()
        .to_string();
    assert!(wrong.starts_with("the index says that tensor"), "{wrong}");
    let twice = Checkpoint::from_safetensors(&config, &[shards[0], shards[0]], None)
        .unwrap_err()
        .to_string();
    assert!(twice.ends_with("appears twice"), "{twice}");
    let stray = safetensors(
        r#"{"visual.x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#,
        4,
    );
    let with = [shards[0], shards[1], ("x", stray.as_slice())];
    let message = Checkpoint::from_safetensors(&config, &with, None)
        .unwrap_err()
        .to_string();
    assert_eq!(message, "tensor `visual.x` is not part of a `qwen3` model");
}

#[test]
fn a_gguf_file_that_the_gguf_package_wrote_is_read() {
    let file = fixtures::fixture("shapes.gguf");
    let gguf = Gguf::parse(&file).unwrap();
    let checkpoint = Checkpoint::from_gguf(&gguf).unwrap();
    assert_eq!(checkpoint.config.architecture, "qwen2");
    assert_eq!(checkpoint.config.rope.pairing, RopePairing::Halves);
    assert!(checkpoint.config.tie_embeddings);
    let down = checkpoint.tensor("blk.0.ffn_down.weight").unwrap();
    assert_eq!((down.shape.as_slice(), down.dtype), (&[32, 64][..], DType::Q4_0));
    // The script fills this matrix with row * 1000 + column.
    let table = checkpoint.tensor("token_embd.weight").unwrap();
    let values: Vec<f32> = table
        .data
        .as_chunks::<4>()
        .0
        .iter()
        .map(|bytes| f32::from_le_bytes(*bytes))
        .collect();
    assert_eq!(table.shape, [20, 32]);
    assert_eq!(
        (values[1], values[32], values[19 * 32 + 31]),
        (1.0, 1000.0, 19_031.0)
    );
}

#[test]
fn a_summary_counts_what_is_there() {
    let file = build::llama().finish();
    let gguf = Gguf::parse(&file).unwrap();
    let tokenizer = Tokenizer::from_gguf(&gguf).unwrap();
    let summary = Summary::new(&Checkpoint::from_gguf(&gguf).unwrap(), Some(&tokenizer));
    // 2 tables of 16 x 8, 4 projections, 3 feed-forward matrices of 8 x 12, 3 norms of 8.
    let (halves, norms) = (2 * 128 + 64 + 32 + 32 + 64 + 3 * 96, 24);
    assert_eq!(summary.parameters, halves + norms);
    assert_eq!(summary.weight_bytes, halves * 2 + norms * 4);
    assert_eq!(
        (summary.quantisation.as_str(), summary.types[0].dtype),
        ("F16", "F16")
    );
    // Keys and values of one layer, one head of 4, two bytes each.
    assert_eq!(summary.kv_bytes_per_token, 16);
    let tokenizer = summary.tokenizer.unwrap();
    assert_eq!(
        (tokenizer.kind.as_str(), tokenizer.size),
        ("SentencePiece BPE", 16)
    );
    assert_eq!(
        (tokenizer.bos.as_deref(), tokenizer.end),
        (Some("<s>"), vec!["</s>".to_owned()])
    );
    assert!(tokenizer.chat_template);
}
