#!/usr/bin/env python3
"""Train the small vision transformer of models/emoji-vit on emoji scenes, from image-level labels only.

Every scene is new (the series `--seed`, scene 0, 1, 2 ...), so the accuracy printed on the batches before each step is an
accuracy on unseen scenes. Masks are never used.
"""

from __future__ import annotations

import argparse
import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch

from emoji_scenes.glyphs import DEFAULT_FONT, load_classes
from emoji_scenes.scene import Resampling, SceneMaker, plan_scene
from vit_training import HELD_OUT_SEED, Batches, add_arguments, hits, make_model, train

MODEL_OPTIONS: dict[str, Any] = {
    "img_size": 112, "patch_size": 8, "embed_dim": 192, "depth": 6, "num_heads": 3, "class_token": True,
}
MEAN, STD = 0.5, 0.25
FILTERS = (Resampling.BILINEAR, Resampling.BICUBIC, Resampling.BOX, Resampling.HAMMING)


def make_batch(maker: SceneMaker, seed: int, size: int, first: int, count: int) -> tuple[np.ndarray, np.ndarray]:
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


def open_batches(font: Path, seed: int, size: int) -> Batches:
    """The scenes of a series."""
    return partial(make_batch, SceneMaker(font=font), seed, size)


def held_out_accuracy(model: torch.nn.Module, font: Path, count: int, size: int) -> float:
    """Share of held-out scenes whose highest logit is the class of an object that is there."""
    return float(hits(model, open_batches(font, HELD_OUT_SEED, size), count, MEAN, STD).mean())


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser, scenes=130_000)
    parser.add_argument("--font", type=Path, default=DEFAULT_FONT, help="NotoColorEmoji.ttf (%(default)s)")
    parser.add_argument("--final-count", type=int, default=3000, help="held-out scenes at the end (%(default)s)")
    return parser.parse_args()


def main() -> int:
    options = parse_arguments()
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    classes = load_classes()
    size = MODEL_OPTIONS["img_size"]
    model = make_model(len(classes), MODEL_OPTIONS)
    about = {"labels": [c.label for c in classes], "model_options": MODEL_OPTIONS, "mean": MEAN, "std": STD}

    def measure() -> dict[str, Any]:
        accuracy = held_out_accuracy(model, options.font, options.final_count, size)
        return {"top1_in_set": accuracy, "count": options.final_count, "seed": HELD_OUT_SEED}

    train(model, partial(open_batches, options.font, options.seed, size), about, options, measure)
    return 0


if __name__ == "__main__":
    sys.exit(main())
