"""Plan a scene in size-free units from a seed, then render it at any size with exact masks.

A plan holds positions and sides as fractions of the picture's side, so one plan can be rendered at the 112 pixels
a model is trained on and again, with the same composition, at a size that is pleasant to look at.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from .colours import NATURAL, paint
from .glyphs import DEFAULT_FONT, EmojiClass, load_classes, load_glyphs

Resampling = Image.Resampling

SMALLEST_SIDE = 28 / 112
LARGEST_SIDE = 64 / 112
LARGEST_TURN = 18.0  # degrees
LARGEST_OVERLAP = 0.35  # of the smaller object's box
BACKGROUNDS = ("blobs", "gradient", "stripes", "checks", "plain")


@dataclass(frozen=True)
class Placement:
    """One object: class index, centre and longer side (fractions of the picture's side), pose, and the colour it is painted."""

    class_index: int
    x: float
    y: float
    side: float
    degrees: float
    flipped: bool
    colour: str | None = None


@dataclass(frozen=True)
class Plan:
    """A scene before rendering. Later objects lie over earlier ones."""

    objects: tuple[Placement, ...]
    background: str
    seed: tuple[int, int]


@dataclass
class Scene:
    """A rendered scene: `pixels` uint8 [H, W, 3], and for every object a bool mask [H, W] of what can be seen of it."""

    pixels: np.ndarray
    labels: list[int] = field(default_factory=list)
    masks: list[np.ndarray] = field(default_factory=list)


def _overlap(a: Placement, b: Placement) -> float:
    """Area shared by the two objects' squares, over the smaller square's area."""
    reach = (a.side + b.side) / 2
    shared = math.prod(max(0.0, min(reach - abs(p - q), a.side, b.side)) for p, q in ((a.x, b.x), (a.y, b.y)))
    return shared / min(a.side, b.side) ** 2


def plan_scene(
    seed: int, index: int, class_count: int, least: int = 1, most: int = 3, repeat: float = 0.0
) -> Plan:
    """Plan scene `index` of the series `seed`: `least` to `most` objects.

    They are of different classes, but for a share `repeat` of the scenes of several objects, where two or more are of the
    same class. Those are drawn from a generator of their own, so that all other scenes are what they are without them.
    """
    rng = np.random.default_rng((seed, index))
    count = int(rng.integers(least, most + 1))
    placed: list[Placement] = []
    chosen = rng.choice(class_count, count, replace=False)
    if repeat > 0 and count > 1:
        again = np.random.default_rng((seed, index, 2))
        if again.random() < repeat:
            chosen[1:int(again.integers(2, count + 1))] = chosen[0]
    for class_index in chosen:
        best: tuple[float, Placement] | None = None
        for _ in range(12):
            side = float(rng.uniform(SMALLEST_SIDE, LARGEST_SIDE))
            x, y = (float(v) for v in rng.uniform(side / 2, 1 - side / 2, 2))
            turn = float(rng.uniform(-LARGEST_TURN, LARGEST_TURN))
            trial = Placement(int(class_index), x, y, side, turn, bool(rng.integers(2)))
            worst = max((_overlap(trial, other) for other in placed), default=0.0)
            if best is None or worst < best[0]:
                best = (worst, trial)
            if worst <= LARGEST_OVERLAP:
                break
        assert best is not None
        placed.append(best[1])
    return Plan(tuple(placed), str(rng.choice(BACKGROUNDS, p=(0.5, 0.15, 0.12, 0.08, 0.15))), (seed, index))


def _background(plan: Plan, size: int) -> np.ndarray:
    """Paint the plan's background, float32 [size, size, 3] in 0..255."""
    rng = np.random.default_rng((*plan.seed, 1))
    colours = rng.uniform(0, 255, (2, 3)).astype(np.float32)
    if plan.background == "blobs":
        cells = int(rng.integers(2, 9))
        grid = Image.fromarray(rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8))
        picture = np.asarray(grid.resize((size, size), Resampling.BICUBIC), np.float32)
    else:
        axis = (np.arange(size, dtype=np.float32) + 0.5) / size
        angle, period, phase = rng.uniform(0, 2 * math.pi), rng.uniform(0.08, 0.4), rng.uniform(0, 1)
        across = math.cos(angle) * axis[None, :] + math.sin(angle) * axis[:, None]
        along = -math.sin(angle) * axis[None, :] + math.cos(angle) * axis[:, None]
        if plan.background == "gradient":
            share = (across - across.min()) / (across.max() - across.min())
        elif plan.background == "stripes":
            share = 0.5 + 0.5 * np.sin(2 * math.pi * (across / period + phase))
        elif plan.background == "checks":
            share = np.float32((np.floor(across / period + phase) + np.floor(along / period)) % 2)
        else:
            share = np.zeros((size, size), np.float32)
        share = share.astype(np.float32)[..., None]
        picture = colours[0] * (1 - share) + colours[1] * share
    noise = float(rng.uniform(0, 18))
    return picture + noise * rng.standard_normal((size, size, 3), dtype=np.float32)


class SceneMaker:
    """Holds the glyphs and renders plans."""

    def __init__(self, classes: list[EmojiClass] | None = None, font=DEFAULT_FONT) -> None:
        self.classes = classes if classes is not None else load_classes()
        self._glyphs = load_glyphs(self.classes, font)
        self._painted: dict[tuple[int, str], Image.Image] = {}

    def _glyph(self, item: Placement) -> Image.Image:
        """The object's glyph in its colour."""
        if item.colour is None:
            return self._glyphs[item.class_index]
        key = (item.class_index, item.colour)
        if key not in self._painted:
            own = NATURAL[self.classes[item.class_index].label]
            self._painted[key] = paint(self._glyphs[item.class_index], own, item.colour)
        return self._painted[key]

    def sprite(self, item: Placement, size: int, filter_: Resampling) -> np.ndarray:
        """One object in its pose: premultiplied RGBA, float32 [h, w, 4], colours 0..255 and alpha 0..1."""
        glyph = self._glyph(item)
        if item.flipped:
            glyph = glyph.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        turned = glyph.rotate(item.degrees, Resampling.BILINEAR, expand=True)
        turned = turned.crop(turned.getbbox())
        scale = item.side * size / max(turned.size)
        shape = tuple(max(1, round(length * scale)) for length in turned.size)
        pixels = np.asarray(turned.resize(shape, filter_), np.float32).copy()
        pixels[..., 3] /= 255.0
        pixels[..., :3] *= pixels[..., 3:]
        return pixels

    def render(self, plan: Plan, size: int, filter_: Resampling = Resampling.BILINEAR) -> Scene:
        """Render a plan at `size` x `size`. A pixel belongs to the topmost object that covers at least half of it."""
        canvas = _background(plan, size)
        scene = Scene(pixels=np.empty(0))
        for item in plan.objects:
            sprite = self.sprite(item, size, filter_)
            height, width = sprite.shape[:2]
            top = min(max(round(item.y * size - height / 2), 0), size - height)
            left = min(max(round(item.x * size - width / 2), 0), size - width)
            window = (slice(top, top + height), slice(left, left + width))
            alpha = sprite[..., 3:]
            canvas[window] = canvas[window] * (1 - alpha) + sprite[..., :3]
            solid = alpha[..., 0] >= 0.5
            for mask in scene.masks:
                mask[window] &= ~solid
            mask = np.zeros((size, size), bool)
            mask[window] = solid
            scene.labels.append(item.class_index)
            scene.masks.append(mask)
        scene.pixels = np.clip(np.rint(canvas), 0, 255).astype(np.uint8)
        return scene
