"""What the trainings of our classifiers share: the model, the schedule of the learning rate, checkpoints, and the loop.

One process makes pictures, one trains, each with one thread. The loss is the softmax cross-entropy on the normalised
multi-hot labels, which is the mean of the cross-entropies to each class that the picture shows.

The first part of the training shows the model a random half of each picture's patches (--patch-drop), which makes a
step more than twice as fast; the rest shows all of them, as at inference.

Stopped at any time and started again with the same --out, a training goes on from its last checkpoint. The number of
scenes may be changed on resuming; the cosine is then followed from the learning rate's present place to its new end.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing as mp
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
import torch.nn.functional as F
from timm.layers import PatchDropout

HELD_OUT_SEED = 1000

# batches(first, count): pixels uint8 [count, size, size, 3] and multi-hot bool labels of scenes first, first + 1, ...
Batches = Callable[[int, int], tuple[np.ndarray, np.ndarray]]


def make_model(class_count: int, options: dict[str, Any]) -> timm.models.VisionTransformer:
    """The architecture; `options` come from a training's constants or its checkpoint."""
    return timm.models.VisionTransformer(num_classes=class_count, **options)


def prepare_for_training(model: timm.models.VisionTransformer) -> PatchDropout:
    """Use plain matrix products for attention (at 197 tokens a third faster on a CPU) and add the patch dropout."""
    for block in model.blocks:
        block.attn.fused_attn = False
    model.patch_drop = PatchDropout(0.5, num_prefix_tokens=model.num_prefix_tokens)
    return model.patch_drop


def normalise(pixels: np.ndarray, mean: float, std: float) -> torch.Tensor:
    """uint8 [B, H, W, 3] to the model's input, float32 [B, 3, H, W]."""
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div_(255).sub_(mean).div_(std).contiguous()


def produce(queue: mp.Queue, open_batches: Callable[[], Batches], first: int, count: int) -> None:
    """Body of the process that makes scenes."""
    batches = open_batches()
    while True:
        queue.put((first, *batches(first, count)))
        first += count


class Schedule:
    """Linear warm-up, then a half cosine to 0 at `total` scenes.

    `anchor` = (scenes, fraction of the cosine done there): the cosine runs from that point to its end at `total`,
    so a changed budget bends the curve without a jump.
    """

    def __init__(self, peak: float, warm_up: int, total: int, anchor: tuple[float, float]) -> None:
        self.peak, self.warm_up, self.total, self.anchor = peak, warm_up, total, anchor

    def fraction(self, seen: float) -> float:
        """Fraction of the cosine done after `seen` scenes."""
        start, done = self.anchor
        span = max(1.0, self.total - start)
        return min(1.0, done + (1 - done) * max(0.0, seen - start) / span)

    def rate(self, seen: float) -> float:
        """Learning rate after `seen` scenes."""
        return self.peak * min(1.0, (seen + 1) / self.warm_up) * (0.5 + 0.5 * math.cos(math.pi * self.fraction(seen)))


@torch.no_grad()
def hits(model: torch.nn.Module, batches: Batches, count: int, mean: float, std: float, step: int = 100) -> np.ndarray:
    """bool [count]: for which of the first scenes the highest logit is of a class that the labels allow."""
    model.eval()
    found = []
    for first in range(0, count, step):
        pixels, labels = batches(first, min(step, count - first))
        best = model(normalise(pixels, mean, std)).argmax(1).numpy()
        found.append(labels[np.arange(len(labels)), best])
    return np.concatenate(found)


def save(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint so that a reader never sees half of one."""
    scratch = path.with_suffix(".part")
    torch.save(state, scratch)
    scratch.replace(path)


def add_arguments(parser: argparse.ArgumentParser, scenes: int) -> None:
    """The options of train()."""
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoint.pt and log.txt")
    parser.add_argument("--scenes", type=int, default=scenes, help="scenes in all: where the cosine ends (%(default)s)")
    parser.add_argument("--batch", type=int, default=64, help="scenes a step (%(default)s)")
    parser.add_argument("--rate", type=float, default=1e-3, help="peak learning rate (%(default)s)")
    parser.add_argument("--weight-decay", type=float, default=0.05, help="AdamW's (%(default)s)")
    parser.add_argument("--warm-up", type=int, default=6_400, help="scenes of warm-up (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help=f"series of the training scenes, not {HELD_OUT_SEED} (%(default)s)")
    parser.add_argument("--patch-drop", type=float, default=0.5, help="share of patches left out at first (%(default)s)")
    parser.add_argument("--patch-drop-until", type=float, default=0.7, help="fraction of the cosine with it (%(default)s)")
    parser.add_argument("--float32", action="store_true", help="no bfloat16 autocast")
    parser.add_argument("--log-every", type=int, default=200, help="steps (%(default)s)")
    parser.add_argument("--save-every", type=float, default=180, help="seconds between checkpoints (%(default)s)")


def train(model: timm.models.VisionTransformer, open_batches: Callable[[], Batches], about: dict[str, Any],
          options: argparse.Namespace, measure: Callable[[], dict[str, Any]]) -> None:
    """Train `model` and leave a checkpoint in options.out, with what measure() says of the trained model as `held_out`.

    `about` goes into the checkpoint: at least the classes' `labels`, `model_options`, and the `mean` and `std` of the input.
    """
    if options.seed == HELD_OUT_SEED:
        sys.exit(f"--seed {HELD_OUT_SEED} is the held-out series")
    options.out.mkdir(parents=True, exist_ok=True)
    checkpoint, log = options.out / "checkpoint.pt", options.out / "log.txt"
    decay = [p for p in model.parameters() if p.ndim >= 2 and p.shape[0] != 1]
    plain = [p for p in model.parameters() if p.ndim < 2 or p.shape[0] == 1]
    optimiser = torch.optim.AdamW(
        [{"params": decay, "weight_decay": options.weight_decay}, {"params": plain, "weight_decay": 0.0}],
        lr=options.rate, betas=(0.9, 0.98))
    seen, seconds, anchor = 0, 0.0, (float(options.warm_up), 0.0)
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        if state["labels"] != about["labels"]:
            sys.exit(f"{checkpoint} was trained on other classes")
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        torch.set_rng_state(state["rng"])
        seen, seconds, anchor = state["seen"], state["seconds"], tuple(state["anchor"])
        if state["scenes"] != options.scenes:
            before = Schedule(options.rate, options.warm_up, state["scenes"], anchor)
            anchor = (float(max(seen, options.warm_up)), before.fraction(seen))
    schedule = Schedule(options.rate, options.warm_up, options.scenes, anchor)
    held_out: dict[str, Any] | None = None

    def say(text: str) -> None:
        print(text, flush=True)
        with log.open("a", encoding="utf-8") as stream:
            stream.write(text + "\n")

    def save_now() -> None:
        save(checkpoint, {
            **about, "model": model.state_dict(), "optimiser": optimiser.state_dict(), "rng": torch.get_rng_state(),
            "seen": seen, "seconds": seconds, "anchor": list(schedule.anchor), "scenes": options.scenes,
            "seed": options.seed, "held_out": held_out,
        })

    context = mp.get_context("spawn")
    queue = context.Queue(maxsize=8)
    producer = context.Process(target=produce, args=(queue, open_batches, seen, options.batch), daemon=True)
    producer.start()
    patch_drop = prepare_for_training(model)
    parameters = sum(p.numel() for p in model.parameters())
    say(f"# from scene {seen} to {options.scenes}, {len(about['labels'])} classes, {parameters} parameters")

    steps, losses, right, log_seen = 0, 0.0, 0.0, seen
    mark = log_mark = last_save = time.monotonic()
    model.train()
    while seen < options.scenes:
        first, pixels, labels = queue.get()
        assert first == seen, "scenes out of order"
        target = torch.from_numpy(labels)
        dropping = schedule.fraction(seen) < options.patch_drop_until
        patch_drop.prob = options.patch_drop if dropping else 0.0
        with torch.autocast("cpu", torch.bfloat16, enabled=not options.float32):
            logits = model(normalise(pixels, about["mean"], about["std"]))
        logits = logits.float()
        weights = target.float() / target.sum(1, keepdim=True)
        loss = -(weights * F.log_softmax(logits, 1)).sum(1).mean()
        for group in optimiser.param_groups:
            group["lr"] = schedule.rate(seen)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        seen += options.batch
        steps += 1
        losses += loss.item()
        right += target.gather(1, logits.argmax(1, keepdim=True)).float().mean().item()
        now = time.monotonic()
        if steps == options.log_every:
            seconds += now - mark
            say(f"scenes {seen:7d}  seconds {seconds:7.0f}  scenes/s {(seen - log_seen) / (now - log_mark):5.1f}  "
                f"rate {schedule.rate(seen):.2e}  patch drop {patch_drop.prob:.1f}  loss {losses / steps:.4f}  "
                f"top-1-in-set {right / steps:.4f}")
            steps, losses, right, log_seen = 0, 0.0, 0.0, seen
            mark = log_mark = now
        if now - last_save > options.save_every:
            seconds += now - mark
            mark = now
            save_now()
            last_save = now
    seconds += time.monotonic() - mark
    producer.terminate()
    save_now()
    held_out = measure()
    say(f"# held out: {held_out}, {seconds:.0f} s of training")
    save_now()
