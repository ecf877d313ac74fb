"""Runs an exported GGUF with plain torch: an independent check of the file, and a prompt to chat with.

python models/decode.py models/tide-5m-q8_0.gguf                  # chat in the terminal
python models/decode.py models/tide-5m-q8_0.gguf "Hello!"         # one answer
"""

import sys
from pathlib import Path

import gguf
import numpy as np
import torch
from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

from network import Llama, Shape
from render import tojson
from tokenizer import SPLIT

NAMES = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
}


class Tide:
    """Everything comes from the GGUF: shape, weights, tokenizer and template."""

    def __init__(self, path: Path):
        reader = gguf.GGUFReader(path)
        value = {name: field.contents() for name, field in reader.fields.items()}
        self.shape = Shape(
            vocab=value["llama.vocab_size"],
            hidden=value["llama.embedding_length"],
            layers=value["llama.block_count"],
            heads=value["llama.attention.head_count"],
            kv_heads=value["llama.attention.head_count_kv"],
            head_dim=value["llama.rope.dimension_count"],
            ffn=value["llama.feed_forward_length"],
            context=value["llama.context_length"],
            rope_theta=value["llama.rope.freq_base"],
            norm_eps=value["llama.attention.layer_norm_rms_epsilon"],
        )
        self.model = Llama(self.shape).eval()
        self.model.load_state_dict({self.name(t.name): self.weight(t) for t in reader.tensors})
        self.tokenizer = self.read_tokenizer(value)
        self.end = value["tokenizer.ggml.eos_token_id"]
        env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
        env.filters["tojson"] = tojson
        self.template = env.from_string(value["tokenizer.chat_template"])

    def name(self, name: str) -> str:
        if not name.startswith("blk."):
            return {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight"}[name]
        _, index, part, _ = name.split(".")
        return f"model.layers.{index}.{NAMES[part]}.weight"

    def weight(self, tensor) -> torch.Tensor:
        data = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        if ".attn_q." in tensor.name or ".attn_k." in tensor.name:
            heads = self.shape.heads if ".attn_q." in tensor.name else self.shape.kv_heads
            rows, columns = data.shape
            data = data.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)
        return torch.from_numpy(data.copy())

    def read_tokenizer(self, value: dict) -> Tokenizer:
        tokens, kinds = value["tokenizer.ggml.tokens"], value["tokenizer.ggml.token_type"]
        merges = [tuple(merge.split(" ")) for merge in value["tokenizer.ggml.merges"]]
        tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, merges))
        split = pre_tokenizers.Split(Regex(SPLIT), behavior="isolated")
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
        )
        tokenizer.decoder = decoders.ByteLevel()
        special = [t for t, kind in zip(tokens, kinds) if kind in (gguf.TokenType.CONTROL, gguf.TokenType.USER_DEFINED)]
        tokenizer.add_special_tokens([AddedToken(t, normalized=False) for t in special])
        return tokenizer

    @torch.inference_mode()
    def answer(self, messages: list, tools=None, tokens_max: int = 200, temperature: float = 0.0) -> str:
        """The assistant's next message as text, greedy unless a temperature is given."""
        prompt = self.template.render(messages=messages, tools=tools, add_generation_prompt=True)
        ids = self.tokenizer.encode(prompt, add_special_tokens=False).ids
        caches, out, feed = [{} for _ in range(self.shape.layers)], [], ids
        while len(out) < tokens_max and len(ids) + len(out) < self.shape.context:
            logits = self.model.logits(self.model.hidden(torch.tensor([feed]), caches)[0, -1])
            if temperature > 0:
                token = int(torch.multinomial((logits / temperature).softmax(-1), 1))
            else:
                token = int(logits.argmax())
            if token == self.end:
                break
            out.append(token)
            feed = [token]
        return self.tokenizer.decode(out, skip_special_tokens=False)


def main():
    tide = Tide(Path(sys.argv[1]))
    if len(sys.argv) > 2:
        print(tide.answer([{"role": "user", "content": sys.argv[2]}]))
        return
    messages = []
    while line := input("> "):
        messages.append({"role": "user", "content": line})
        messages.append({"role": "assistant", "content": tide.answer(messages)})
        print(messages[-1]["content"])


if __name__ == "__main__":
    main()
