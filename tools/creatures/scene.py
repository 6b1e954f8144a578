"""Plan a creature among objects from a seed, then draw it with or without any of its parts and any of the objects.

Everything is drawn as flat outlines four times as large and then made smaller, so edges are smooth; taking something away
leaves all else as it is. Positions are fractions of the picture's side.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from .colours import AROUND, COLOURS, Colour, muted, toned, varied
from .kinds import PARTS, Kinds, agreeing
from .shapes import OBJECTS, SHAPES, Layer, ellipse

FINER = 4
MOST_OBJECTS = 6
OUTLINE = 0.011  # of the picture's side
BODY = "body"

# Where the two or one of a part are attached to a creature about 1 long that looks to the right: x, y, degrees that the
# part's x axis is turned by, length. The later is the nearer one.
ATTACHED = {
    "tail": ((-0.21, 0.07, 176, 0.29),),
    "wing": ((0.07, -0.03, 268, 0.34), (-0.01, 0.02, 236, 0.37)),
    "foot": ((0.09, 0.17, 80, 0.23), (-0.07, 0.18, 96, 0.23)),
    "eye": ((0.245, -0.215, 0, 0.052), (0.135, -0.215, 0, 0.058)),
    "beak": ((0.28, -0.14, 5, 0.15),),
}
FROM_BEHIND = ((("tail", 0), ("wing", 0), ("foot", 0), ("foot", 1)), (("wing", 1), ("eye", 0), ("eye", 1), ("beak", 0)))


@dataclass(frozen=True)
class Pose:
    """Turns, scales, mirrors and moves a shape's frame."""

    x: float
    y: float
    degrees: float
    length: float
    mirrored: bool = False

    def __call__(self, points: np.ndarray) -> np.ndarray:
        turn = math.radians(self.degrees)
        cos, sin = self.length * math.cos(turn), self.length * math.sin(turn)
        moved = points @ np.array([[cos, sin], [-sin, cos]])
        return moved * (-1 if self.mirrored else 1, 1) + (self.x, self.y)


@dataclass(frozen=True)
class Thing:
    """A part's instance ("eye", 1), the body or an object (n): outlines in the picture, their colours and edges' colours."""

    key: tuple[str, int] | int
    layers: tuple[tuple[np.ndarray, Colour, Colour | None], ...]


@dataclass(frozen=True)
class Plan:
    """A scene before drawing: the class, the parts that are there, and things from the furthest to the nearest."""

    label: int
    variants: tuple[int, ...]  # of each part; -1 where it is left out
    objects: tuple[tuple[int, str], ...]  # kind and colour
    background: tuple[Colour, Colour, float]
    things: tuple[Thing, ...]


def _thing(key: tuple[str, int] | int, layers: list[Layer], colour: Colour, *poses: Pose) -> Thing:
    edge = toned(colour, -0.45)
    done = []
    for layer in layers:
        outline = layer.outline
        for pose in poses:
            outline = pose(outline)
        own = COLOURS[layer.tone] if isinstance(layer.tone, str) else toned(colour, layer.tone)
        done.append((outline, own, edge if layer.edged else None))
    return Thing(key, tuple(done))


def _objects(rng: np.random.Generator, kinds: list[tuple[int, str]]) -> Iterator[Thing]:
    for n, (kind, colour) in enumerate(kinds):
        pose = Pose(*rng.uniform(0.06, 0.94, 2), rng.uniform(0, 360), rng.uniform(0.045, 0.1))
        yield _thing(n, OBJECTS[kind], varied(COLOURS[colour], rng), pose)


def _creature(rng: np.random.Generator, kinds: Kinds, variants: tuple[int, ...]) -> Iterator[Thing]:
    size = rng.uniform(0.66, 0.94)
    reach = 0.5 - size / 2
    x, y = (0.5 + rng.uniform(-1, 1) * (reach + 0.03) for _ in range(2))
    whole = Pose(x, y, rng.uniform(-22, 22), size, mirrored=bool(rng.integers(2)))
    skin = muted(rng, (0.04, 0.2), (0.78, 0.97))
    # The same draws whatever is there, so that a scene without a part is the scene with it but for that part.
    parts: dict[tuple[str, int], Thing] = {}
    for part, variant in zip(PARTS, variants):
        kind = kinds.parts[part][max(variant, 0)]
        colour = varied(COLOURS[kind["color"]], rng)
        swing, growth = rng.uniform(-9, 9), rng.uniform(0.92, 1.1)
        for n, (x, y, degrees, length) in enumerate(ATTACHED[part]):
            further = n == 0 and part == "wing"
            pose = Pose(x, y, degrees + (0 if part == "eye" else swing), length * growth)
            if variant >= 0:
                shade = toned(colour, -0.18) if further else colour
                parts[part, n] = _thing((part, n), SHAPES[part][kind["model"]], shade, pose, whole)
    tilt, stout = rng.uniform(-8, 8), rng.uniform(0.93, 1.07)
    body = [Layer(ellipse(-0.02, 0.05, 0.235, 0.165 * stout, -14 + tilt)), Layer(ellipse(0.19, -0.16, 0.135, 0.13)),
            Layer(ellipse(-0.02, 0.05, 0.229, 0.159 * stout, -14 + tilt), edged=False),
            Layer(ellipse(0.0, 0.1, 0.15, 0.085, -14 + tilt), 0.5, edged=False)]
    behind, before = FROM_BEHIND
    yield from (parts[key] for key in behind if key in parts)
    yield _thing((BODY, 0), body, skin, whole)
    yield from (parts[key] for key in before if key in parts)


def plan_scene(seed: int, index: int, kinds: Kinds, drop: bool = False, label: int | None = None) -> Plan:
    """Plan scene `index` of the series `seed`, of class `label` or of any.

    With `drop` every second creature goes without n random parts, n from 0 to 5, as in FunnyBirds' training pictures.
    """
    rng = np.random.default_rng((seed, index))
    drawn = int(rng.integers(len(kinds.classes)))
    label = drawn if label is None else label
    variants = kinds.classes[label].copy()
    dropped = rng.permutation(len(PARTS))[:rng.integers(len(PARTS) + 1)]
    if rng.random() < 0.5 and drop:
        variants[dropped] = -1
    objects = [(int(rng.integers(len(OBJECTS))), str(rng.choice(AROUND))) for _ in range(rng.integers(MOST_OBJECTS + 1))]
    background = (muted(rng, (0.1, 0.42), (0.55, 0.92)), muted(rng, (0.1, 0.42), (0.55, 0.92)), rng.uniform(0, 2 * math.pi))
    seen = tuple(int(v) for v in variants)
    things = (*_objects(rng, objects), *_creature(rng, kinds, seen))
    return Plan(label, seen, tuple(objects), background, things)


def _gradient(plan: Plan, size: int) -> Image.Image:
    """The background, each of its size x size pixels FINER times as wide."""
    first, second, angle = plan.background
    axis = (np.arange(size) + 0.5) / size - 0.5
    share = (0.5 + 0.7 * (math.cos(angle) * axis[None, :] + math.sin(angle) * axis[:, None]))[..., None].clip(0, 1)
    pixels = np.rint(np.array(first) * (1 - share) + np.array(second) * share).astype(np.uint8)
    return Image.fromarray(pixels).resize((size * FINER,) * 2, Image.Resampling.NEAREST)


def _shown(plan: Plan, without: Collection[str | int]) -> Iterator[Thing]:
    """The things that stay: `without` names parts and objects."""
    return (t for t in plan.things if (t.key if isinstance(t.key, int) else t.key[0]) not in without)


def _draw(brush: ImageDraw.ImageDraw, outline: np.ndarray, scale: float, fill: object, edge: object) -> None:
    points = (outline * scale).ravel().tolist()
    brush.polygon(points, fill=fill)
    if edge is not None:
        brush.line(points + points[:4], fill=edge, width=max(1, round(OUTLINE * scale)))


def render(plan: Plan, size: int, without: Collection[str | int] = ()) -> np.ndarray:
    """The scene's picture, uint8 [size, size, 3]."""
    canvas = _gradient(plan, size)
    brush = ImageDraw.Draw(canvas)
    for thing in _shown(plan, without):
        for outline, colour, edge in thing.layers:
            _draw(brush, outline, size * FINER, colour, edge)
    return np.asarray(canvas.reduce(FINER))


def render_keys(plan: Plan, size: int) -> np.ndarray:
    """Which of plan.things is seen in each pixel's middle, int [size, size]; -1 for none."""
    canvas = Image.new("I", (size * FINER,) * 2, -1)
    brush = ImageDraw.Draw(canvas)
    for n, thing in enumerate(plan.things):
        for outline, _, edge in thing.layers:
            _draw(brush, outline, size * FINER, n, edge and n)
    return np.asarray(canvas)[FINER // 2::FINER, FINER // 2::FINER]


class CreatureBatches:
    """Scenes of a series as a training sees them: pixels, and the classes that agree with every part still there."""

    def __init__(self, kinds: Kinds, size: int, seed: int, drop: bool) -> None:
        self.kinds, self.size, self.seed, self.drop = kinds, size, seed, drop

    def __call__(self, first: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        plans = [plan_scene(self.seed, first + row, self.kinds, self.drop) for row in range(count)]
        labels = [agreeing(self.kinds.classes, plan.variants) for plan in plans]
        return np.stack([render(plan, self.size) for plan in plans]), np.stack(labels)
