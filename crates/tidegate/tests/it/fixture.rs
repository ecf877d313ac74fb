//! A tiny chat model with random weights, written as a GGUF file. Greedy decoding only ever picks
//! small letters and spaces, so that its answers are text.

use std::path::Path;

const HIDDEN: usize = 64;
const LAYERS: usize = 2;
const HEADS: usize = 4;
const KV_HEADS: usize = 2;
const HEAD_DIM: usize = 16;
const FFN: usize = 96;
const CONTEXT: u32 = 512;

const TEMPLATE: &str = "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n\
                        {% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

/// Writes the model.
pub(crate) fn write(path: &Path) {
    let tokens = tokens();
    let vocabulary = tokens.len();
    let (mut infos, mut data, mut count) = (Vec::new(), Vec::new(), 0_u64);
    let mut seed = 7;
    for (name, rows, columns) in shapes(vocabulary) {
        data.resize(data.len().next_multiple_of(32), 0);
        put_text(&mut infos, &name);
        let shape: &[usize] = if rows == 0 { &[columns] } else { &[columns, rows] };
        infos.extend(u32::try_from(shape.len()).unwrap().to_le_bytes());
        shape
            .iter()
            .for_each(|size| infos.extend((*size as u64).to_le_bytes()));
        infos.extend(0_u32.to_le_bytes());
        infos.extend((data.len() as u64).to_le_bytes());
        for row in 0..rows.max(1) {
            let says = name != "output.weight" || tokens.get(row).is_some_and(|token| is_said(token));
            let scale = if says { 0.3 } else { 0.0 };
            for _ in 0..columns {
                let value = if rows == 0 { 1.0 } else { random(&mut seed) * scale };
                data.extend(value.to_le_bytes());
            }
        }
        count += 1;
    }
    let (entries, metadata) = metadata(&tokens);
    let mut file = b"GGUF".to_vec();
    file.extend(3_u32.to_le_bytes());
    file.extend(count.to_le_bytes());
    file.extend(entries.to_le_bytes());
    file.extend(metadata);
    file.extend(infos);
    file.resize(file.len().next_multiple_of(32), 0);
    file.extend(data);
    fs_err::write(path, file).unwrap();
}

/// Whether the model may ever say the token.
fn is_said(token: &str) -> bool {
    matches!(token.as_bytes(), [byte] if byte.is_ascii_lowercase())
}

/// (name, rows, columns); no rows for a vector.
fn shapes(vocabulary: usize) -> Vec<(String, usize, usize)> {
    let kv = KV_HEADS * HEAD_DIM;
    let mut shapes = vec![("token_embd.weight".to_owned(), vocabulary, HIDDEN)];
    for layer in 0..LAYERS {
        for (name, rows, columns) in [
            ("attn_norm", 0, HIDDEN),
            ("attn_q", HIDDEN, HIDDEN),
            ("attn_k", kv, HIDDEN),
            ("attn_v", kv, HIDDEN),
            ("attn_output", HIDDEN, HIDDEN),
            ("ffn_norm", 0, HIDDEN),
            ("ffn_gate", FFN, HIDDEN),
            ("ffn_up", FFN, HIDDEN),
            ("ffn_down", HIDDEN, FFN),
        ] {
            shapes.push((format!("blk.{layer}.{name}.weight"), rows, columns));
        }
    }
    shapes.push(("output_norm.weight".to_owned(), 0, HIDDEN));
    shapes.push(("output.weight".to_owned(), vocabulary, HIDDEN));
    shapes
}

/// The 256 bytes as GPT-2 writes them, one merged pair, and the two control tokens of ChatML.
fn tokens() -> Vec<String> {
    let printable = |byte: u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    let mut next = 256;
    let mut tokens: Vec<String> = (0..=255_u8)
        .map(|byte| {
            let letter = if printable(byte) {
                char::from(byte)
            } else {
                next += 1;
                char::from_u32(next - 1).unwrap()
            };
            letter.to_string()
        })
        .collect();
    tokens.extend(["th", "<|im_start|>", "<|im_end|>"].map(str::to_owned));
    tokens
}

fn metadata(tokens: &[String]) -> (u64, Vec<u8>) {
    let mut bytes = Vec::new();
    let mut entries = 0;
    let mut text = |key: &str, value: &str| {
        put_text(&mut bytes, key);
        bytes.extend(8_u32.to_le_bytes());
        put_text(&mut bytes, value);
        entries += 1;
    };
    text("general.architecture", "llama");
    text("general.name", "fixture");
    text("tokenizer.ggml.model", "gpt2");
    text("tokenizer.ggml.pre", "llama-bpe");
    text("tokenizer.chat_template", TEMPLATE);
    let last = u32::try_from(tokens.len()).unwrap() - 1;
    let sizes = [HIDDEN, LAYERS, FFN, HEADS, KV_HEADS, HEAD_DIM].map(|size| u32::try_from(size).unwrap());
    for (key, value) in [
        ("llama.context_length", CONTEXT),
        ("llama.embedding_length", sizes[0]),
        ("llama.block_count", sizes[1]),
        ("llama.feed_forward_length", sizes[2]),
        ("llama.attention.head_count", sizes[3]),
        ("llama.attention.head_count_kv", sizes[4]),
        ("llama.rope.dimension_count", sizes[5]),
        ("tokenizer.ggml.eos_token_id", last),
        ("tokenizer.ggml.bos_token_id", last - 1),
    ] {
        put_text(&mut bytes, key);
        bytes.extend(4_u32.to_le_bytes());
        bytes.extend(value.to_le_bytes());
        entries += 1;
    }
    for (key, value) in [
        ("llama.attention.layer_norm_rms_epsilon", 1e-5_f32),
        ("llama.rope.freq_base", 1e4),
    ] {
        put_text(&mut bytes, key);
        bytes.extend(6_u32.to_le_bytes());
        bytes.extend(value.to_le_bytes());
        entries += 1;
    }
    put_text(&mut bytes, "tokenizer.ggml.add_bos_token");
    bytes.extend(7_u32.to_le_bytes());
    bytes.push(0);
    entries += 1;
    for (key, texts) in [
        ("tokenizer.ggml.tokens", tokens),
        ("tokenizer.ggml.merges", &["t h".to_owned()]),
    ] {
        put_text(&mut bytes, key);
        bytes.extend(9_u32.to_le_bytes());
        bytes.extend(8_u32.to_le_bytes());
        bytes.extend((texts.len() as u64).to_le_bytes());
        texts.iter().for_each(|text| put_text(&mut bytes, text));
        entries += 1;
    }
    put_text(&mut bytes, "tokenizer.ggml.token_type");
    bytes.extend(9_u32.to_le_bytes());
    bytes.extend(5_u32.to_le_bytes());
    bytes.extend((tokens.len() as u64).to_le_bytes());
    for token in tokens {
        bytes.extend(if token.starts_with("<|im") { 3_u32 } else { 1 }.to_le_bytes());
    }
    (entries + 1, bytes)
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend((text.len() as u64).to_le_bytes());
    bytes.extend(text.as_bytes());
}

/// From -1 to 1; SplitMix64.
fn random(state: &mut u64) -> f32 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let small = u16::try_from((mixed ^ (mixed >> 31)) & 0xffff).unwrap();
    f32::from(small) / 32_768.0 - 1.0
}
