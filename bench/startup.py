#!/usr/bin/env python3
"""Time from the start of `tidegate serve` to the first token, and the memory beside the weights.

    bench/startup.py --tidegate target/release/tidegate [MODEL.gguf...]

Without a model it starts the bundled one. Each row is the median of --rounds starts: when the process
had printed its address, and when a client that connects at once had its first streamed token. Memory is
what `/metrics` says the process holds, after that answer, less the weights. The KV pool is reserved
address space that becomes resident as it is used, so of the rest only a few pages are the pool's.
"""

import argparse
import http.client
import json
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def size(text: str) -> float:
    """`96.0 MiB` in bytes."""
    number, unit = text.split()
    return float(number) * UNITS[unit]


def start(tidegate: str, model: Path | None) -> dict[str, float]:
    """One start: seconds to the banner and to the first token, and bytes."""
    command = [tidegate, "serve", "--listen", "127.0.0.1:0"] + (["--model", f"m={model}"] if model else [])
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        banner = ""
        while "curl" not in banner:
            banner += process.stdout.readline()
        printed = time.perf_counter() - begun
        port = int(re.search(r"127\.0\.0\.1:(\d+)", banner)[1])
        connection = http.client.HTTPConnection("127.0.0.1", port)
        body = {"model": "m" if model else "tide", "stream": True, "max_tokens": 16, "prompt": "Hello there"}
        connection.request("POST", "/v1/completions", json.dumps(body), {"content-type": "application/json"})
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        answer.readline()
        first = time.perf_counter() - begun
        answer.read()
        connection.request("GET", "/metrics")
        page = connection.getresponse().read().decode()
        resident = float(re.search(r"^process_resident_memory_bytes\S* (\S+)", page, re.M)[1])
        weights, pool = re.search(r"weights (\S+ \S+)  keys and values (\S+ \S+)", banner).groups()
    finally:
        process.terminate()
        process.wait(timeout=30)
    return {"printed": printed, "first": first, "resident": resident, "weights": size(weights), "pool": size(pool)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tidegate", default="target/release/tidegate")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("models", type=Path, nargs="*")
    options = parser.parse_args()
    print("| model | listens after ms | first token after ms | weights MiB | KV pool MiB | resident MiB | resident less weights |")
    print("|---|---|---|---|---|---|---|")
    for model in options.models or [None]:
        rounds = [start(options.tidegate, model) for _ in range(options.rounds)]
        row = {kind: statistics.median(one[kind] for one in rounds) for kind in rounds[0]}
        mib = {kind: row[kind] / (1 << 20) for kind in ("weights", "pool", "resident")}
        beyond = mib["resident"] - mib["weights"]
        print(f"| {model.stem if model else 'tide'} | {row['printed'] * 1000:.0f} | {row['first'] * 1000:.0f} | "
              f"{mib['weights']:.0f} | {mib['pool']:.0f} | {mib['resident']:.0f} | {beyond:.0f} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
