#!/usr/bin/env python3
"""Prefill and decode speed of `tidegate bench engine` beside llama.cpp's `llama-bench`, in one run.

    bench/compare_engine.py --tidegate target/release/tidegate --llama-bench PATH MODEL.gguf...

For each model and thread count both programs run in turn, as often as --rounds says, so that a noisy
machine disturbs both alike. The table shows the best round of each, and the ratio.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path


def tidegate(program: str, model: Path, threads: int, prompt: int, gen: int) -> dict[str, float]:
    """One run of our own engine benchmark."""
    command = [program, "bench", "engine", "--model", str(model), "--prompt", str(prompt), "--gen", str(gen),
               "--threads", str(threads), "--sequences", "1", "--json"]
    report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return {"prefill": report["prefill_tokens_per_second"], "decode": report["decode_tokens_per_second"]}


def llama_bench(program: str, model: Path, threads: int, prompt: int, gen: int) -> dict[str, float]:
    """One run of llama-bench: a prompt test and a generation test."""
    command = [program, "-m", str(model), "-p", str(prompt), "-n", str(gen), "-t", str(threads), "-r", "1",
               "-o", "json"]
    rows = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return {("prefill" if row["n_prompt"] else "decode"): row["avg_ts"] for row in rows}


def best(rounds: list[dict[str, float]]) -> dict[str, float]:
    """The best figure of each kind over all rounds."""
    return {kind: max(one[kind] for one in rounds) for kind in ("prefill", "decode")}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tidegate", default="target/release/tidegate")
    parser.add_argument("--llama-bench", required=True)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--gen", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("models", type=Path, nargs="+")
    options = parser.parse_args()

    print("| file | threads | prefill, tidegate | llama.cpp | ratio | decode, tidegate | llama.cpp | ratio |")
    print("|---|---|---|---|---|---|---|---|")
    for model in options.models:
        for threads in options.threads:
            ours, theirs = [], []
            for _ in range(options.rounds):
                shape = (model, threads, options.prompt, options.gen)
                ours.append(tidegate(options.tidegate, *shape))
                theirs.append(llama_bench(options.llama_bench, *shape))
            us, them = best(ours), best(theirs)
            cells = [model.stem, str(threads)]
            for kind in ("prefill", "decode"):
                cells += [f"{us[kind]:.1f}", f"{them[kind]:.1f}", f"**{us[kind] / them[kind]:.2f}**"]
            print("| " + " | ".join(cells) + " |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
