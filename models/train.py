"""Trains the bundled model on generated conversations, within a budget of wall-clock time.

    python models/train.py models/build --minutes 80

Writes `checkpoint.pt` every few minutes; started again, it goes on from there.
"""

import argparse
import json
import random
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

from data.mix import conversation
from network import Llama, Shape
from render import ANSWER, ASKED, VARIANTS, render

POOL = 2048  # conversations that are sorted by length together
IGNORED = 0


def encode(tokenizer: Tokenizer, seed: int, index: int, context: int):
    """Token ids and, for each, how much predicting it counts: answers in full, questions a little."""
    talk = conversation(seed, index)
    text = render(talk, template=VARIANTS[index % len(VARIANTS)]) + "<|endoftext|>"
    encoding = tokenizer.encode(text, add_special_tokens=False)
    weights = [0.0] * len(encoding.ids)
    starts = [begin for begin, _ in encoding.offsets]
    answers = [message for message in talk["messages"] if message["role"] == "assistant"]
    for pattern, weight in ((ASKED, 0.1), (ANSWER, 1.0)):
        for order, match in enumerate(pattern.finditer(text)):
            # Where a grammar forces JSON, its first token is not the model's own choice.
            own = match.start(1) + (weight == 1.0 and "forced" in answers[order])
            for i, begin in enumerate(starts):
                if own <= begin < match.end(1):
                    weights[i] = weight
    return encoding.ids[:context], weights[:context]


def batches(tokenizer, seed, first, tokens, context):
    """Endless batches of like-long conversations, padded; yields the index to go on from, too."""
    rng = random.Random(first)
    while True:
        pool = sorted(
            (encode(tokenizer, seed, i, context) for i in range(first, first + POOL)), key=lambda x: len(x[0])
        )
        first += POOL
        groups, group = [], []
        for item in pool:
            if group and (len(group) + 1) * len(item[0]) > tokens:
                groups.append(group)
                group = []
            group.append(item)
        rng.shuffle(groups)
        for group in groups:
            width = max(len(ids) for ids, _ in group)
            ids = torch.full((len(group), width), IGNORED, dtype=torch.long)
            weights = torch.zeros(len(group), width)
            for row, (item, weight) in enumerate(group):
                ids[row, : len(item)] = torch.tensor(item)
                weights[row, : len(weight)] = torch.tensor(weight)
            yield ids, weights, first


def loss_of(model, ids, weights):
    """Weighted cross-entropy; logits are made only where they count. Also the plain loss on answers."""
    targets, weights = ids[:, 1:].reshape(-1), weights[:, 1:].reshape(-1)
    with torch.autocast("cpu", torch.bfloat16):
        states = model.hidden(ids[:, :-1]).reshape(-1, model.shape.hidden)
        keep = weights.nonzero().squeeze(1)
        logits = model.logits(states[keep])
    losses = F.cross_entropy(logits.float(), targets[keep], reduction="none")
    weights = weights[keep]
    answers = weights == 1.0
    return (losses * weights).sum() / weights.sum(), losses[answers].mean().item()


def rate(progress: float, step: int) -> float:
    """Warm up, hold, and go down in a line over the last 40 % of the time."""
    return min(1.0, (step + 1) / 100) * min(1.0, max(0.02, (1.0 - progress) / 0.4))


def optimizers(model, speed):
    matrices = [p for n, p in model.named_parameters() if p.dim() == 2 and "embed" not in n]
    rest = [p for n, p in model.named_parameters() if p.dim() != 2 or "embed" in n]
    return [
        torch.optim.Muon(matrices, lr=speed, weight_decay=0.05, momentum=0.95, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(rest, lr=speed, betas=(0.9, 0.98), weight_decay=0.0, fused=True),
    ]


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("folder", type=Path)
    args.add_argument("--minutes", type=float, default=80, help="wall-clock budget; the learning rate follows it")
    args.add_argument("--tokens", type=int, default=6144, help="tokens in a batch, padding included")
    args.add_argument("--rate", type=float, default=3e-3)
    args.add_argument("--seed", type=int, default=1)
    args.add_argument("--save-minutes", type=float, default=3)
    args = args.parse_args()
    torch.manual_seed(args.seed)
    tokenizer = Tokenizer.from_file(str(args.folder / "tokenizer.json"))
    shape = Shape(vocab=tokenizer.get_vocab_size())
    model = Llama(shape)
    tuners = optimizers(model, args.rate)
    done = {"step": 0, "tokens": 0, "seconds": 0.0, "next": 0}
    path = args.folder / "checkpoint.pt"
    if path.exists():
        saved = torch.load(path, weights_only=True)
        model.load_state_dict(saved["model"])
        for tuner, state in zip(tuners, saved["tuners"]):
            tuner.load_state_dict(state)
        done = saved["done"]
    print(json.dumps({"parameters": sum(p.numel() for p in model.parameters()), **shape.as_dict()}), flush=True)

    def save():
        state = {
            "model": model.state_dict(),
            "tuners": [t.state_dict() for t in tuners],
            "done": done,
            "shape": shape.as_dict(),
        }
        torch.save(state, path.with_suffix(".new"))
        path.with_suffix(".new").rename(path)

    begun, saved_at, spoken, smooth = time.time() - done["seconds"], time.time(), time.time(), None
    for ids, weights, following in batches(tokenizer, args.seed, done["next"], args.tokens, shape.context):
        done["seconds"], done["next"] = time.time() - begun, following
        progress = done["seconds"] / (args.minutes * 60)
        if progress >= 1:
            break
        for tuner in tuners:
            for group in tuner.param_groups:
                group["lr"] = args.rate * rate(progress, done["step"])
        loss, answers = loss_of(model, ids, weights)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for tuner in tuners:
            tuner.step()
            tuner.zero_grad(set_to_none=True)
        done["step"] += 1
        done["tokens"] += ids.numel()
        smooth = answers if smooth is None else 0.95 * smooth + 0.05 * answers
        if time.time() - spoken > 15:
            spoken = time.time()
            speed = done["tokens"] / done["seconds"]
            print(
                f"step {done['step']} tokens {done['tokens']} minutes {done['seconds'] / 60:.1f} loss {smooth:.4f} tok/s {speed:.0f}",
                flush=True,
            )
        if time.time() - saved_at > args.save_minutes * 60:
            saved_at = time.time()
            save()
    save()
    print(f"done: {done}", flush=True)


if __name__ == "__main__":
    main()
