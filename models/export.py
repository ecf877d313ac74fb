"""Writes a checkpoint as GGUF: weights Q8_0, norms F32, tokenizer and chat template inside.

python models/export.py models/build models/tide-4m-q8_0.gguf
"""

import json
import sys
from pathlib import Path

import gguf
import numpy as np
import torch

from render import SPECIALS, TEMPLATE

ARCH = gguf.MODEL_ARCH.LLAMA


def interleave(weight: np.ndarray, heads: int) -> np.ndarray:
    """GGUF's `llama` rotates neighbours (0,1), (2,3)...; the checkpoint rotates halves. Reorder the rows of q and k."""
    rows, columns = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def add_header(out: gguf.GGUFWriter, shape: dict) -> None:
    out.add_name("Tide")
    out.add_description("The small language model that is bundled with Tidegate")
    out.add_license("apache-2.0")
    out.add_author("The Tidegate project")
    out.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    out.add_quantization_version(gguf.GGML_QUANT_VERSION)
    out.add_vocab_size(shape["vocab"])
    out.add_context_length(shape["context"])
    out.add_embedding_length(shape["hidden"])
    out.add_block_count(shape["layers"])
    out.add_feed_forward_length(shape["ffn"])
    out.add_head_count(shape["heads"])
    out.add_head_count_kv(shape["kv_heads"])
    out.add_rope_dimension_count(shape["head_dim"])
    out.add_rope_freq_base(shape["rope_theta"])
    out.add_layer_norm_rms_eps(shape["norm_eps"])


def add_tokenizer(out: gguf.GGUFWriter, tokenizer: dict) -> None:
    vocab = tokenizer["model"]["vocab"]
    tokens = sorted(vocab, key=vocab.get)
    kinds = {text: gguf.TokenType.CONTROL for text in SPECIALS[:3]} | {
        text: gguf.TokenType.USER_DEFINED for text in SPECIALS[3:]
    }
    merges = tokenizer["model"]["merges"]
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre("qwen2")
    out.add_token_list(tokens)
    out.add_token_types([kinds.get(token, gguf.TokenType.NORMAL) for token in tokens])
    out.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in merges])
    out.add_bos_token_id(vocab["<|endoftext|>"])
    out.add_eos_token_id(vocab["<|im_end|>"])
    out.add_eot_token_id(vocab["<|im_end|>"])
    out.add_pad_token_id(vocab["<|endoftext|>"])
    out.add_add_bos_token(False)
    out.add_chat_template(TEMPLATE)


def export(folder: Path, path: Path) -> None:
    saved = torch.load(folder / "checkpoint.pt", weights_only=True)
    shape = saved["shape"]
    out = gguf.GGUFWriter(path, gguf.MODEL_ARCH_NAMES[ARCH])
    add_header(out, shape)
    add_tokenizer(out, json.loads((folder / "tokenizer.json").read_text()))
    names = gguf.get_tensor_name_map(ARCH, shape["layers"])
    for name, weight in saved["model"].items():
        data = weight.float().numpy()
        if "q_proj" in name or "k_proj" in name:
            data = interleave(data, shape["heads"] if "q_proj" in name else shape["kv_heads"])
        target = names.get_name(name, try_suffixes=(".weight",))
        if data.ndim == 1:
            out.add_tensor(target, data)
        else:
            kind = gguf.GGMLQuantizationType.Q8_0
            out.add_tensor(target, gguf.quants.quantize(np.ascontiguousarray(data), kind), raw_dtype=kind)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB, trained on {saved['done']}")


if __name__ == "__main__":
    export(Path(sys.argv[1]), Path(sys.argv[2]))
