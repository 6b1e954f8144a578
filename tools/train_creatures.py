#!/usr/bin/env python3
"""Train a small vision transformer to tell creatures apart by their parts: our own, or FunnyBirds (--funnybirds).

A picture that misses parts is of every class that agrees with the parts still there, and the loss is the mean of the
cross-entropies to these classes (FunnyBirds' multi-target loss). What a class scores is the sum of what its parts score.
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

from creatures.funnybirds import FunnyBirdsBatches
from creatures.kinds import Kinds, load_kinds
from creatures.scene import CreatureBatches
from vit_training import HELD_OUT_SEED, Batches, add_arguments, hits, make_model, train

MEAN, STD = 0.5, 0.25


class PartsHead(torch.nn.Module):
    """A linear layer whose row for a class is the sum of a row for each of its parts' variants."""

    def __init__(self, width: int, classes: np.ndarray) -> None:
        super().__init__()
        first = np.concatenate([[0], np.cumsum(classes.max(0) + 1)])
        has = torch.zeros(len(classes), int(first[-1]))
        has.scatter_(1, torch.from_numpy(classes + first[:-1]), 1)
        self.register_buffer("has", has, persistent=False)
        self.rows = torch.nn.Linear(width, has.shape[1])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.rows(x) @ self.has.T

    def as_linear(self) -> torch.nn.Linear:
        """The same as one plain layer."""
        layer = torch.nn.Linear(self.rows.in_features, len(self.has))
        layer.weight.data, layer.bias.data = self.has @ self.rows.weight.data, self.has @ self.rows.bias.data
        return layer


def held_out(model: torch.nn.Module, kinds: Kinds, size: int, funnybirds: Path | None) -> dict[str, Any]:
    """How often the best class is right, or, of creatures that miss parts, one of those that may be."""
    def top1(batches: Batches, count: int) -> float:
        return round(float(hits(model, batches, count, MEAN, STD).mean()), 4)

    if funnybirds:
        birds = FunnyBirdsBatches(funnybirds, size, 0)
        count, tests = len(birds.held_out), len(birds.test_scenes)
        return {"test_top1": top1(birds.test, tests), "test_count": tests,
                "top1_in_set_parts_missing": top1(birds.unused, count), "count": count}
    whole, reduced = (CreatureBatches(kinds, size, HELD_OUT_SEED, drop) for drop in (False, True))
    count = 2000
    return {"top1": top1(whole, count), "top1_in_set_parts_missing": top1(reduced, count), "count": count, "seed": HELD_OUT_SEED}


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser, scenes=52_800)
    parser.set_defaults(rate=1.5e-3, warm_up=4_800, patch_drop_until=0.6)
    parser.add_argument("--funnybirds", type=Path, help="train on FunnyBirds' pictures in this folder")
    parser.add_argument("--width", type=int, default=96, help="of the model's tokens (%(default)s)")
    parser.add_argument("--blocks", type=int, default=4, help="of the model (%(default)s)")
    parser.add_argument("--start", type=Path, help="a model of the same shape to start from: archive (vision.ts) or checkpoint.pt")
    return parser.parse_args()


def main() -> int:
    options = parse_arguments()
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    size = 112
    model_options: dict[str, Any] = {"img_size": size, "patch_size": 8, "embed_dim": options.width,
                                     "depth": options.blocks, "num_heads": 3, "class_token": True}
    kinds = load_kinds(options.funnybirds) if options.funnybirds else load_kinds()
    model = make_model(len(kinds.classes), model_options)
    model.head = PartsHead(options.width, kinds.classes)
    if options.start:
        start = (torch.load(options.start, weights_only=True)["model"] if options.start.suffix == ".pt"
                 else torch.jit.load(str(options.start)).state_dict())
        own = model.state_dict()
        fitting = {k: v.float() for k, v in start.items() if k in own and own[k].shape == v.shape}
        missing, _ = model.load_state_dict(fitting, strict=False)
        assert all(name.startswith("head.") for name in missing), missing
    about = {"labels": [str(i) for i in range(len(kinds.classes))], "model_options": model_options, "mean": MEAN, "std": STD}

    open_batches = (partial(FunnyBirdsBatches, options.funnybirds, size, options.seed) if options.funnybirds
                    else partial(CreatureBatches, kinds, size, options.seed, True))
    train(model, open_batches, about, options, lambda: held_out(model, kinds, size, options.funnybirds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
