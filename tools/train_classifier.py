#!/usr/bin/env python3
"""Train the small vision transformer of models/emoji-vit on emoji scenes, from image-level labels only.

One process makes scenes, one trains, each with one thread. Every scene is new (the series `--seed`, scene 0, 1, 2 ...),
so the accuracy printed on the batches before each step is an accuracy on unseen scenes. The loss is the softmax
cross-entropy on the normalised multi-hot labels; masks are never used.

The first part of the training shows the model a random half of each picture's patches (--patch-drop), which makes a
step more than twice as fast; the rest shows all of them, as at inference.

Stop it at any time and start it again with the same --out: it goes on from the last checkpoint. --scenes may be
changed on resuming; the cosine is then followed from the learning rate's present place to its new end.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing as mp
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import timm
import torch
import torch.nn.functional as F
from timm.layers import PatchDropout

from emoji_scenes.glyphs import DEFAULT_FONT, load_classes
from emoji_scenes.scene import Resampling, SceneMaker, plan_scene

MODEL_OPTIONS: dict[str, Any] = {
    "img_size": 112, "patch_size": 8, "embed_dim": 192, "depth": 6, "num_heads": 3, "class_token": True,
}
MEAN, STD = 0.5, 0.25
HELD_OUT_SEED = 1000
FILTERS = (Resampling.BILINEAR, Resampling.BICUBIC, Resampling.BOX, Resampling.HAMMING)


def make_model(class_count: int, options: dict[str, Any] | None = None) -> timm.models.VisionTransformer:
    """The architecture; `options` come from a checkpoint."""
    return timm.models.VisionTransformer(num_classes=class_count, **(options or MODEL_OPTIONS))


def prepare_for_training(model: timm.models.VisionTransformer) -> PatchDropout:
    """Use plain matrix products for attention (at 197 tokens a third faster on a CPU) and add the patch dropout."""
    for block in model.blocks:
        block.attn.fused_attn = False
    model.patch_drop = PatchDropout(0.5, num_prefix_tokens=model.num_prefix_tokens)
    return model.patch_drop


def make_batch(maker: SceneMaker, seed: int, first: int, count: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Scenes first ... first + count - 1 of a series: pixels uint8 [count, size, size, 3], multi-hot bool labels.

    The way glyphs are resampled varies from scene to scene, so that the model does not depend on it.
    """
    pixels = np.empty((count, size, size, 3), np.uint8)
    labels = np.zeros((count, len(maker.classes)), bool)
    for row in range(count):
        plan = plan_scene(seed, first + row, len(maker.classes))
        scene = maker.render(plan, size, FILTERS[(first + row) % len(FILTERS)])
        pixels[row] = scene.pixels
        labels[row, scene.labels] = True
    return pixels, labels


def normalise(pixels: np.ndarray) -> torch.Tensor:
    """uint8 [B, H, W, 3] to the model's input, float32 [B, 3, H, W]."""
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div_(255).sub_(MEAN).div_(STD).contiguous()


def produce(queue: mp.Queue, font: Path, seed: int, first: int, count: int, size: int) -> None:
    """Body of the process that makes scenes."""
    maker = SceneMaker(font=font)
    while True:
        queue.put((first, *make_batch(maker, seed, first, count, size)))
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
def held_out_accuracy(model: torch.nn.Module, maker: SceneMaker, count: int, size: int, seed: int = HELD_OUT_SEED) -> float:
    """Share of held-out scenes whose highest logit is the class of an object that is there."""
    model.eval()
    hits = 0
    for first in range(0, count, 100):
        pixels, labels = make_batch(maker, seed, first, min(100, count - first), size)
        best = model(normalise(pixels)).argmax(1).numpy()
        hits += int(labels[np.arange(len(labels)), best].sum())
    return hits / count


def save(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint so that a reader never sees half of one."""
    scratch = path.with_suffix(".part")
    torch.save(state, scratch)
    scratch.replace(path)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoint.pt and log.txt")
    parser.add_argument("--scenes", type=int, default=130_000, help="scenes in all: where the cosine ends (%(default)s)")
    parser.add_argument("--batch", type=int, default=64, help="scenes a step (%(default)s)")
    parser.add_argument("--rate", type=float, default=1e-3, help="peak learning rate (%(default)s)")
    parser.add_argument("--weight-decay", type=float, default=0.05, help="AdamW's (%(default)s)")
    parser.add_argument("--warm-up", type=int, default=6_400, help="scenes of warm-up (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help=f"series of the training scenes, not {HELD_OUT_SEED} (%(default)s)")
    parser.add_argument("--patch-drop", type=float, default=0.5, help="share of patches left out at first (%(default)s)")
    parser.add_argument("--patch-drop-until", type=float, default=0.7, help="fraction of the cosine with it (%(default)s)")
    parser.add_argument("--float32", action="store_true", help="no bfloat16 autocast")
    parser.add_argument("--font", type=Path, default=DEFAULT_FONT, help="NotoColorEmoji.ttf (%(default)s)")
    parser.add_argument("--log-every", type=int, default=200, help="steps (%(default)s)")
    parser.add_argument("--save-every", type=float, default=180, help="seconds between checkpoints (%(default)s)")
    parser.add_argument("--final-count", type=int, default=3000, help="held-out scenes at the end (%(default)s)")
    return parser.parse_args()


def main() -> int:
    options = parse_arguments()
    if options.seed == HELD_OUT_SEED:
        sys.exit(f"--seed {HELD_OUT_SEED} is the held-out series")
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    checkpoint, log = options.out / "checkpoint.pt", options.out / "log.txt"

    classes = load_classes()
    size = MODEL_OPTIONS["img_size"]
    model = make_model(len(classes))
    decay = [p for p in model.parameters() if p.ndim >= 2 and p.shape[0] != 1]
    plain = [p for p in model.parameters() if p.ndim < 2 or p.shape[0] == 1]
    optimiser = torch.optim.AdamW(
        [{"params": decay, "weight_decay": options.weight_decay}, {"params": plain, "weight_decay": 0.0}],
        lr=options.rate, betas=(0.9, 0.98))
    seen, seconds, anchor = 0, 0.0, (float(options.warm_up), 0.0)
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        if state["labels"] != [c.label for c in classes]:
            sys.exit(f"{checkpoint} was trained on other classes")
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        torch.set_rng_state(state["rng"])
        seen, seconds, anchor = state["seen"], state["seconds"], tuple(state["anchor"])
        if state["scenes"] != options.scenes:
            before = Schedule(options.rate, options.warm_up, state["scenes"], anchor)
            anchor = (float(max(seen, options.warm_up)), before.fraction(seen))
    schedule = Schedule(options.rate, options.warm_up, options.scenes, anchor)

    def say(text: str) -> None:
        print(text, flush=True)
        with log.open("a", encoding="utf-8") as stream:
            stream.write(text + "\n")

    def state_now() -> dict[str, Any]:
        return {
            "model": model.state_dict(), "optimiser": optimiser.state_dict(), "rng": torch.get_rng_state(), "seen": seen,
            "seconds": seconds, "anchor": list(schedule.anchor), "scenes": options.scenes, "seed": options.seed,
            "labels": [c.label for c in classes], "model_options": MODEL_OPTIONS, "mean": MEAN, "std": STD, "held_out": held_out,
        }

    held_out: dict[str, Any] | None = None
    context = mp.get_context("spawn")
    queue = context.Queue(maxsize=8)
    producer = context.Process(
        target=produce, args=(queue, options.font, options.seed, seen, options.batch, size), daemon=True)
    producer.start()
    patch_drop = prepare_for_training(model)
    parameters = sum(p.numel() for p in model.parameters())
    say(f"# from scene {seen} to {options.scenes}, {len(classes)} classes, {parameters} parameters")

    steps, losses, hits, log_seen = 0, 0.0, 0.0, seen
    mark = log_mark = last_save = time.monotonic()
    model.train()
    while seen < options.scenes:
        first, pixels, labels = queue.get()
        assert first == seen, "scenes out of order"
        target = torch.from_numpy(labels)
        dropping = schedule.fraction(seen) < options.patch_drop_until
        patch_drop.prob = options.patch_drop if dropping else 0.0
        with torch.autocast("cpu", torch.bfloat16, enabled=not options.float32):
            logits = model(normalise(pixels))
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
        hits += target.gather(1, logits.argmax(1, keepdim=True)).float().mean().item()
        now = time.monotonic()
        if steps == options.log_every:
            seconds += now - mark
            say(f"scenes {seen:7d}  seconds {seconds:7.0f}  scenes/s {(seen - log_seen) / (now - log_mark):5.1f}  "
                f"rate {schedule.rate(seen):.2e}  patch drop {patch_drop.prob:.1f}  loss {losses / steps:.4f}  top-1-in-set {hits / steps:.4f}")
            steps, losses, hits, log_seen = 0, 0.0, 0.0, seen
            mark = log_mark = now
        if now - last_save > options.save_every:
            seconds += now - mark
            mark = now
            save(checkpoint, state_now())
            last_save = now
    seconds += time.monotonic() - mark
    producer.terminate()
    save(checkpoint, state_now())
    accuracy = held_out_accuracy(model, SceneMaker(classes, options.font), options.final_count, size)
    held_out = {"top1_in_set": accuracy, "count": options.final_count, "seed": HELD_OUT_SEED}
    say(f"# held out: top-1-in-set {accuracy:.4f} on {options.final_count} scenes of series {HELD_OUT_SEED}, {seconds:.0f} s of training")
    save(checkpoint, state_now())
    return 0


if __name__ == "__main__":
    sys.exit(main())
