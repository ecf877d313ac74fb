"""Turns a conversation into text with the chat template that ships in the GGUF, and marks what the assistant says."""

import json
import re
from pathlib import Path

from jinja2.sandbox import ImmutableSandboxedEnvironment

TEMPLATE = (Path(__file__).parent / "chat_template.jinja").read_text()
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<tool_call>", "</tool_call>"]
ANSWER = re.compile(r"<\|im_start\|>assistant\n(.*?<\|im_end\|>)", re.S)
ASKED = re.compile(r"<\|im_start\|>user\n(.*?<\|im_end\|>)", re.S)


def tojson(value, compact=False, ordered=False):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":") if compact else None, sort_keys=ordered)


def compiled(compact=False, ordered=False):
    """Template engines differ in how `tojson` writes spaces and key order: the model sees both."""
    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    env.filters["tojson"] = lambda value: tojson(value, compact, ordered)
    return env.from_string(TEMPLATE)


SPACED = compiled()
VARIANTS = [SPACED, SPACED, compiled(compact=True), compiled(compact=True, ordered=True), compiled(ordered=True)]


def render(conversation: dict, ask: bool = False, template=SPACED) -> str:
    return template.render(messages=conversation["messages"], tools=conversation["tools"], add_generation_prompt=ask)
