"""Writes GGUF files with random weights, to measure speed with: no download, any size, any type.

    python bench/make_models.py FOLDER                       # every size in every type
    python bench/make_models.py FOLDER --size 134m --type q8_0

Needs numpy and gguf. The text such a model writes means nothing; the work it takes is that of a
real one of the same shape. One random block per kind of tensor is made and used in every layer.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np

STD = 0.02
CONTEXT = 2048
VOCAB = 32000
TYPES = {
    "f16": (gguf.GGMLQuantizationType.F16, gguf.LlamaFileType.MOSTLY_F16),
    "q8_0": (gguf.GGMLQuantizationType.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0),
    "q4_0": (gguf.GGMLQuantizationType.Q4_0, gguf.LlamaFileType.MOSTLY_Q4_0),
}


@dataclass
class Shape:
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    ffn: int

    def matrices(self) -> dict[str, tuple[int, int]]:
        """Rows and columns of the matrices of one layer."""
        kv = self.hidden // self.heads * self.kv_heads
        return {
            "attn_q": (self.hidden, self.hidden), "attn_k": (kv, self.hidden), "attn_v": (kv, self.hidden),
            "attn_output": (self.hidden, self.hidden), "ffn_gate": (self.ffn, self.hidden),
            "ffn_up": (self.ffn, self.hidden), "ffn_down": (self.hidden, self.ffn),
        }


SIZES = {
    "134m": Shape(hidden=768, layers=12, heads=12, kv_heads=12, ffn=2048),
    "1.1b": Shape(hidden=2048, layers=22, heads=32, kv_heads=4, ffn=5632),  # the shape of TinyLlama
}


def write(path: Path, shape: Shape, kind: str) -> None:
    quantisation, file_type = TYPES[kind]
    random = np.random.default_rng(0)

    def block(rows: int, columns: int) -> np.ndarray:
        values = random.standard_normal((rows, columns), dtype=np.float32) * np.float32(STD)
        return gguf.quants.quantize(values, quantisation)

    out = gguf.GGUFWriter(path, "llama")
    out.add_name(path.stem)
    out.add_file_type(file_type)
    out.add_quantization_version(gguf.GGML_QUANT_VERSION)
    out.add_vocab_size(VOCAB)
    out.add_context_length(CONTEXT)
    out.add_embedding_length(shape.hidden)
    out.add_block_count(shape.layers)
    out.add_feed_forward_length(shape.ffn)
    out.add_head_count(shape.heads)
    out.add_head_count_kv(shape.kv_heads)
    out.add_rope_dimension_count(shape.hidden // shape.heads)
    out.add_rope_freq_base(10000.0)
    out.add_layer_norm_rms_eps(1e-5)
    add_tokenizer(out)

    def add(name: str, data: np.ndarray) -> None:
        raw = None if data.dtype in (np.float32, np.float16) else quantisation
        out.add_tensor(name, data, raw_dtype=raw)

    ones = np.ones(shape.hidden, dtype=np.float32)
    layer = {name: block(*size) for name, size in shape.matrices().items()}
    add("token_embd.weight", block(VOCAB, shape.hidden))
    for index in range(shape.layers):
        add(f"blk.{index}.attn_norm.weight", ones)
        add(f"blk.{index}.ffn_norm.weight", ones)
        for name, data in layer.items():
            add(f"blk.{index}.{name}.weight", data)
    add("output_norm.weight", ones)
    add("output.weight", block(VOCAB, shape.hidden))
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


def add_tokenizer(out: gguf.GGUFWriter) -> None:
    """A made-up byte-level BPE: every byte, then every pair, triple and quadruple of common letters."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in printable]
    alphabet = {b: chr(b) for b in printable} | {b: chr(256 + i) for i, b in enumerate(others)}
    tokens = ["<unk>", "<s>", "</s>"] + [alphabet[b] for b in range(256)]
    seen, merges = set(tokens), []
    letters, space = "etaoinsrhldcumfpgwybvkxjqz", alphabet[32]
    parents = [space, *letters]
    while len(tokens) < VOCAB:
        children = []
        for left in parents:
            for right in letters:
                if len(tokens) < VOCAB and left + right not in seen:
                    merges.append(f"{left} {right}")
                    tokens.append(left + right)
                    seen.add(left + right)
                    children.append(left + right)
        parents = children
    control, normal = gguf.TokenType.CONTROL, gguf.TokenType.NORMAL
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre("qwen2")
    out.add_token_list(tokens)
    out.add_token_types([control] * 3 + [normal] * (VOCAB - 3))
    out.add_token_merges(merges)
    out.add_bos_token_id(1)
    out.add_eos_token_id(2)
    out.add_add_bos_token(False)
    # Both servers are loaded through their chat endpoint, with the same short prompt around a message.
    out.add_chat_template("{% for message in messages %}{{ message.role }}: {{ message.content }} {% endfor %}")


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("folder", type=Path)
    args.add_argument("--size", choices=SIZES)
    args.add_argument("--type", choices=TYPES)
    args = args.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    for size in [args.size] if args.size else SIZES:
        for kind in [args.type] if args.type else TYPES:
            path = args.folder / f"llama-{size}-{kind}.gguf"
            write(path, SIZES[size], kind)
            print(f"{path}: {path.stat().st_size / 2**20:.0f} MiB", flush=True)


if __name__ == "__main__":
    main()
