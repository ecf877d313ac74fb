//! Hugging Face's tensor names in GGUF's words.

/// Names outside the blocks.
const WHOLE: [(&str, &str); 3] = [
    ("embed_tokens.weight", "token_embd.weight"),
    ("norm.weight", "output_norm.weight"),
    ("lm_head.weight", "output.weight"),
];

/// Names inside a block, without `.weight` and `.bias`.
const BLOCK: [(&str, &str); 11] = [
    ("self_attn.q_proj", "attn_q"),
    ("self_attn.k_proj", "attn_k"),
    ("self_attn.v_proj", "attn_v"),
    ("self_attn.o_proj", "attn_output"),
    ("self_attn.q_norm", "attn_q_norm"),
    ("self_attn.k_norm", "attn_k_norm"),
    ("mlp.gate_proj", "ffn_gate"),
    ("mlp.up_proj", "ffn_up"),
    ("mlp.down_proj", "ffn_down"),
    ("input_layernorm", "attn_norm"),
    ("post_attention_layernorm", "ffn_norm"),
];

/// What a checkpoint's name means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// GGUF's name for it.
    Known(String),
    /// A table that old checkpoints store and that follows from the configuration.
    Derived,
    /// Nothing that is known.
    Unknown,
}

/// Translates a name. Models saved without their output matrix leave out the `model.` in front.
pub(super) fn translate(name: &str) -> Name {
    let name = name.strip_prefix("model.").unwrap_or(name);
    if let Some(row) = WHOLE.iter().find(|row| row.0 == name) {
        return Name::Known(row.1.to_owned());
    }
    in_block(name).unwrap_or(Name::Unknown)
}

fn in_block(name: &str) -> Option<Name> {
    let (layer, rest) = name.strip_prefix("layers.")?.split_once('.')?;
    // `01` and `+1` are not layers.
    let number: usize = layer
        .parse()
        .ok()
        .filter(|number: &usize| number.to_string() == layer)?;
    if rest == "self_attn.rotary_emb.inv_freq" {
        return Some(Name::Derived);
    }
    let (stem, kind) = rest
        .rsplit_once('.')
        .filter(|(_, kind)| matches!(*kind, "weight" | "bias"))?;
    let ours = BLOCK.iter().find(|row| row.0 == stem)?.1;
    Some(Name::Known(format!("blk.{number}.{ours}.{kind}")))
}

#[cfg(test)]
mod tests {
    use super::{Name, translate};

    fn check(name: &str, expect: &str) {
        assert_eq!(translate(name), Name::Known(expect.to_owned()), "{name}");
    }

    #[test]
    fn names_are_translated() {
        check("model.embed_tokens.weight", "token_embd.weight");
        check("embed_tokens.weight", "token_embd.weight");
        check("lm_head.weight", "output.weight");
        check("model.norm.weight", "output_norm.weight");
        check("model.layers.31.self_attn.q_proj.bias", "blk.31.attn_q.bias");
        check("layers.0.self_attn.k_norm.weight", "blk.0.attn_k_norm.weight");
        check(
            "model.layers.2.post_attention_layernorm.weight",
            "blk.2.ffn_norm.weight",
        );
    }

    #[test]
    fn unknown_names_are_said_to_be_so() {
        for name in [
            "model.layers.01.mlp.up_proj.weight",
            "model.layers.0.mlp.experts.weight",
            "visual.x",
            "",
        ] {
            assert_eq!(translate(name), Name::Unknown, "{name}");
        }
        assert_eq!(
            translate("model.layers.0.self_attn.rotary_emb.inv_freq"),
            Name::Derived
        );
    }
}
