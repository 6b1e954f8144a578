"""What a step of the training is given: scenes, as tokens of the frozen blocks, and captions with the table of their truth."""

from __future__ import annotations

import multiprocessing as mp
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from emoji_scenes.captions import Caption, CaptionMaker, truth
from emoji_scenes.scene import Plan, SceneMaker, plan_scene
from train_classifier import FILTERS, normalise

from .model import Tower, make_model

REPEAT = 0.3  # share of the scenes of several objects where some are of the same class, for the counts
TRUE_CAPTIONS, FALSE_CAPTIONS = 2, 1  # drawn for each scene


def draw_plans(seed: int, first: int, count: int, class_count: int, **options: Any) -> list[Plan]:
    return [plan_scene(seed, first + row, class_count, **options) for row in range(count)]


def draw_captions(maker: CaptionMaker, plans: list[Plan], true: int, false: int) -> list[Caption]:
    """`true` true and `false` false captions of every plan; they depend on nothing but the plan."""
    captions = []
    for plan in plans:
        rng = np.random.default_rng((*plan.seed, 3))
        drawn = [maker.draw(plan, rng) for _ in range(true)]
        captions += drawn + [maker.draw_false(plan, drawn[-1 - twin], rng) for twin in range(false)]
    return captions


@dataclass
class Batch:
    """`tokens` [B, 1 + n, d] go into the first block that learns; `truths` [B, texts] says which text is true of which."""

    first: int
    tokens: torch.Tensor
    texts: list[str]
    truths: torch.Tensor


@dataclass(frozen=True)
class Recipe:
    """What the process that makes scenes has to know. Scenes before `drop_before` lose `patch_drop` of their patches."""

    font: Path
    seed: int
    batch: int
    frozen_blocks: int
    patch_drop: float
    drop_before: int


class BatchMaker:
    """Makes batches in order. The state of the model is needed for its frozen blocks alone."""

    def __init__(self, recipe: Recipe, state: dict[str, torch.Tensor], vocabulary: int, options: dict[str, Any]) -> None:
        self._recipe = recipe
        self._scenes = SceneMaker(font=recipe.font)
        self._captions = CaptionMaker(self._scenes.classes)
        self._model = make_model(vocabulary, options)
        self._model.load_state_dict(state)
        self._tower = Tower(self._model)
        self._size = options["vision"]["image_size"]

    def _kept(self, first: int, count: int) -> torch.Tensor | None:
        """A random choice of patches for every picture."""
        if first >= self._recipe.drop_before:
            return None
        patches = self._model.visual.grid_size[0] * self._model.visual.grid_size[1]
        order = torch.rand(count, patches, generator=torch.Generator().manual_seed(first)).argsort(1)
        return order[:, :round(patches * (1 - self._recipe.patch_drop))]

    @torch.no_grad()
    def make(self, first: int) -> Batch:
        recipe, classes = self._recipe, len(self._scenes.classes)
        plans = draw_plans(recipe.seed, first, recipe.batch, classes, repeat=REPEAT)
        pixels = np.stack([self._scenes.render(plan, self._size, FILTERS[plan.seed[1] % len(FILTERS)]).pixels
                           for plan in plans])
        with torch.autocast("cpu", torch.bfloat16):
            tokens = self._tower.front(normalise(pixels), recipe.frozen_blocks, self._kept(first, recipe.batch))
        captions = draw_captions(self._captions, plans, TRUE_CAPTIONS, FALSE_CAPTIONS)
        return Batch(first, tokens.bfloat16(), [c.text for c in captions], torch.from_numpy(truth(plans, captions)))


def produce(queue: mp.Queue, first: int, recipe: Recipe, state: dict[str, torch.Tensor], *arguments: Any) -> None:
    """Body of the process that makes batches."""
    torch.set_num_threads(1)
    maker = BatchMaker(recipe, state, *arguments)
    while True:
        batch = maker.make(first)
        # As bytes: a tensor on a queue would hold a file descriptor each.
        queue.put((batch.first, batch.tokens.view(torch.int16).numpy(), batch.texts, batch.truths.numpy()))
        first += recipe.batch


def received(item: tuple[int, np.ndarray, list[str], np.ndarray]) -> Batch:
    """What `produce` put on the queue."""
    first, tokens, texts, truths = item
    return Batch(first, torch.from_numpy(tokens).view(torch.bfloat16), texts, torch.from_numpy(truths))
