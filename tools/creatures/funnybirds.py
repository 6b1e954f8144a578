"""FunnyBirds' training pictures as batches: pixels, and the classes that agree with every part still present."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from .kinds import PARTS, agreeing, load_kinds

HELD_OUT_PER_CLASS = 4
MARGIN = 16  # pixels of 256 by which a training picture is enlarged, made smaller or moved


def variants_seen(scene: dict[str, Any], own: np.ndarray) -> np.ndarray:
    """The variants of the scene's class `own`, -1 for a part that the scene goes without."""
    return np.array([-1 if scene[f"{part}_model"] == "placeholder" else v for part, v in zip(PARTS, own)])


class FunnyBirdsBatches:
    """Training pictures again and again, each time in another order, mirrored or not, slightly moved and scaled."""

    def __init__(self, path: Path, size: int, seed: int) -> None:
        self.path, self.size, self.seed = path, size, seed
        self.scenes, self.test_scenes = (
            json.loads((path / f"dataset_{split}.json").read_text(encoding="utf-8")) for split in ("train", "test"))
        classes = load_kinds(path).classes
        self.labels = np.array([agreeing(classes, variants_seen(s, classes[s["class_idx"]])) for s in self.scenes])
        by_class = np.argsort([s["class_idx"] for s in self.scenes], kind="stable").reshape(len(classes), -1)
        self.used, self.held_out = by_class[:, :-HELD_OUT_PER_CLASS].ravel(), by_class[:, -HELD_OUT_PER_CLASS:].ravel()
        self._pictures: dict[int, Image.Image] = {}

    def read(self, index: int) -> Image.Image:
        """A training picture of full size."""
        if index not in self._pictures:
            file = self.path / "train" / str(self.scenes[index]["class_idx"]) / f"{index:06d}.png"
            self._pictures[index] = Image.open(file).convert("RGB")
        return self._pictures[index]

    def varied(self, index: int, rng: np.random.Generator) -> np.ndarray:
        """A training picture as the model is to see it this time; what lies outside of the picture is background."""
        picture = self.read(index)
        side = picture.width
        background = max(picture.getcolors(side * side))[1]
        canvas = Image.new("RGB", (side + 2 * MARGIN,) * 2, background)
        canvas.paste(picture, (MARGIN, MARGIN))
        width = rng.uniform(side - MARGIN, side + 2 * MARGIN)
        left, top = rng.uniform(0, side + 2 * MARGIN - width, 2)
        box = (left, top, left + width, top + width)
        seen = canvas.resize((self.size,) * 2, Image.Resampling.BILINEAR, box)
        return np.asarray(seen)[:, ::-1] if rng.integers(2) else np.asarray(seen)

    def __call__(self, first: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        chosen = []
        pixels = np.empty((count, self.size, self.size, 3), np.uint8)
        for row, number in enumerate(range(first, first + count)):
            epoch, place = divmod(number, len(self.used))
            order = np.random.default_rng((self.seed, epoch)).permutation(self.used)
            chosen.append(order[place])
            pixels[row] = self.varied(order[place], np.random.default_rng((self.seed, number, 1)))
        return pixels, self.labels[chosen]

    def unused(self, first: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Training pictures that are held out, as they are."""
        chosen = self.held_out[first:first + count]
        return np.stack([self._resized(self.read(index)) for index in chosen]), self.labels[chosen]

    def test(self, first: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Pictures of the test set."""
        classes = [scene["class_idx"] for scene in self.test_scenes[first:first + count]]
        files = [self.path / "test" / str(c) / f"{first + row:06d}.png" for row, c in enumerate(classes)]
        pixels = [self._resized(Image.open(file).convert("RGB")) for file in files]
        return np.stack(pixels), np.eye(len(self.labels[0]), dtype=bool)[classes]

    def _resized(self, picture: Image.Image) -> np.ndarray:
        return np.asarray(picture.resize((self.size,) * 2, Image.Resampling.BILINEAR))
