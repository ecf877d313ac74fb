#!/usr/bin/env python3
"""Aggregate speed of `tidegate serve` beside llama.cpp's `llama-server`, loaded by the same client.

    bench/compare_server.py --tidegate target/release/tidegate --llama-server PATH MODEL.gguf

Starts one server after the other on a free loopback port, loads it with `tidegate bench http` at each
number of clients, and prints one row per number of clients.
"""

import argparse
import contextlib
import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def server(command: list[str], url: str, ready: str) -> Iterator[None]:
    """Runs a server until the block ends."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            with contextlib.suppress(OSError):
                if urllib.request.urlopen(url + ready).status == 200:
                    break
            if process.poll() is not None:
                raise SystemExit(f"the server ended: {' '.join(command)}")
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)


def load(tidegate: str, url: str, model: str, clients: int, options: argparse.Namespace) -> dict:
    """One measured load."""
    command = [tidegate, "bench", "http", "--url", url, "--model", model, "--clients", str(clients),
               "--requests", str(max(clients * 2, 4)), "--prompt-tokens", str(options.prompt), "--gen",
               str(options.gen), "--ignore-eos", "--json"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tidegate", default="target/release/tidegate")
    parser.add_argument("--llama-server", required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4, 8, 16])
    parser.add_argument("--prompt", type=int, default=64)
    parser.add_argument("--gen", type=int, default=64)
    parser.add_argument("model", type=Path)
    options = parser.parse_args()

    threads, model = str(options.threads), str(options.model)
    results = {}
    for name in ("tidegate", "llama.cpp"):
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        if name == "tidegate":
            command = [options.tidegate, "serve", "--model", f"bench={model}", "--listen", f"127.0.0.1:{port}",
                       "--threads", threads]
            ready = "/readyz"
        else:
            slots = max(options.clients)
            command = [options.llama_server, "-m", model, "--port", str(port), "-t", threads, "-np", str(slots),
                       "-c", str(slots * 512), "--no-webui", "-a", "bench"]
            ready = "/health"
        with server(command, url, ready):
            load(options.tidegate, url, "bench", 1, options)  # warm up
            results[name] = [load(options.tidegate, url, "bench", count, options) for count in options.clients]

    print("| clients | tidegate tokens/s | llama-server | ratio | first token p50 ms, tidegate | llama-server |")
    print("|---|---|---|---|---|---|")
    for count, us, them in zip(options.clients, results["tidegate"], results["llama.cpp"], strict=True):
        ours, theirs = us["output_tokens_per_second"], them["output_tokens_per_second"]
        first = [one["time_to_first_token_ms"]["p50"] for one in (us, them)]
        print(f"| {count} | {ours:.1f} | {theirs:.1f} | **{ours / theirs:.2f}** | {first[0]:.0f} | {first[1]:.0f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
