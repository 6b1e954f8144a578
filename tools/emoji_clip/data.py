"""Batches of scenes with captions, and which of the captions are true of which scenes."""

from __future__ import annotations

import multiprocessing as mp
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from emoji_scenes.captions import Caption, CaptionMaker, truth
from emoji_scenes.colours import recolour
from emoji_scenes.scene import Plan, Resampling, SceneMaker, plan_scene

REPEAT = 0.3  # share of scenes of several objects in which some are of the same class
RECOLOUR = 0.6  # share of the paintable objects that are painted
FILTERS = (Resampling.BILINEAR, Resampling.BICUBIC, Resampling.BOX, Resampling.HAMMING)

Tokenizer = Callable[[list[str]], torch.Tensor]


@dataclass
class Batch:
    """B scenes: pixels uint8 [B, H, W, 3], the ids [T, length] of T different texts, and bool [B, T]: true of the scene."""

    pixels: np.ndarray
    tokens: np.ndarray
    truth: np.ndarray


def caption_plan(seed: int, index: int, maker: SceneMaker) -> Plan:
    """Scene `index` of a series, as captions are drawn for."""
    return recolour(plan_scene(seed, index, len(maker.classes), repeat=REPEAT), maker.classes, RECOLOUR)


def captions_of(plan: Plan, captions: CaptionMaker) -> list[Caption]:
    """Three texts of a scene: a caption, one that only names an object, and one like the first that is not true."""
    rng = np.random.default_rng((*plan.seed, 4))
    caption = captions.draw(plan, rng)
    return [caption, captions.draw_simple(plan, rng), captions.draw_false(plan, caption, rng)]


def make_batch(
    maker: SceneMaker, captions: CaptionMaker, tokenize: Tokenizer, seed: int, first: int, count: int, size: int
) -> Batch:
    """Scenes first ... first + count - 1 of a series. Resampling varies, so that the model does not depend on it."""
    plans = [caption_plan(seed, first + row, maker) for row in range(count)]
    pixels = np.stack([maker.render(plan, size, FILTERS[(first + row) % len(FILTERS)]).pixels
                       for row, plan in enumerate(plans)])
    texts = {caption.text: caption for plan in plans for caption in captions_of(plan, captions)}
    return Batch(pixels, tokenize(list(texts)).numpy(), truth(plans, list(texts.values()), maker.classes))


def produce(
    queue: mp.Queue, font: Path, make_tokenizer: Callable[[], Tokenizer], seed: int, first: int, count: int, size: int
) -> None:
    """Body of the process that makes batches."""
    torch.set_num_threads(1)
    maker = SceneMaker(font=font)
    captions, tokenize = CaptionMaker(maker.classes), make_tokenizer()
    while True:
        queue.put((first, make_batch(maker, captions, tokenize, seed, first, count, size)))
        first += count
