"""The shapes that creatures are made of, as closed outlines in a frame of their own.

A part's frame has its origin where the part is attached, x pointing outwards and y down or backwards; the part is about 1
long. A shape is a list of layers, the later over the earlier ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Layer:
    """An outline [n, 2] and its colour: a name, or how much lighter (> 0) or darker (< 0) than the part's it is."""

    outline: np.ndarray
    tone: float | str = 0.0
    edged: bool = True


def sharp(points: Points) -> np.ndarray:
    return np.array(points, float)


def smooth(points: Points, steps: int = 6) -> np.ndarray:
    """A closed Catmull-Rom curve through the points."""
    p = np.array(points, float)
    a, b, c, d = (np.roll(p, k, 0)[:, None] for k in (1, 0, -1, -2))
    t = (np.arange(steps) / steps)[None, :, None]
    curve = b + t / 2 * (c - a) + t**2 / 2 * (2 * a - 5 * b + 4 * c - d) + t**3 / 2 * (3 * (b - c) + d - a)
    return curve.reshape(-1, 2)


def ellipse(x: float, y: float, rx: float, ry: float, degrees: float = 0, steps: int = 28) -> np.ndarray:
    angle, turn = np.arange(steps) * (2 * math.pi / steps), math.radians(degrees)
    u, v = rx * np.cos(angle), ry * np.sin(angle)
    return np.stack([x + u * math.cos(turn) - v * math.sin(turn), y + u * math.sin(turn) + v * math.cos(turn)], 1)


def band(points: Points, widths: Sequence[float]) -> np.ndarray:
    """A stroke along the points, as wide as given at each."""
    p = np.array(points, float)
    along = np.gradient(p, axis=0)
    across = np.stack([-along[:, 1], along[:, 0]], 1) / np.linalg.norm(along, axis=1, keepdims=True)
    half = across * np.array(widths)[:, None] / 2
    return np.concatenate([p + half, (p - half)[::-1]])


def petal(degrees: float, length: float, width: float) -> np.ndarray:
    """An ellipse that begins at the origin."""
    turn = math.radians(degrees)
    return ellipse(length / 2 * math.cos(turn), length / 2 * math.sin(turn), length / 2, width / 2, degrees)


def leg(width: float = 0.2, end: float = 0.8) -> Layer:
    return Layer(sharp([(-0.1, -width / 2), (end, -width / 2), (end, width / 2), (-0.1, width / 2)]), -0.15)


def star(points: int = 5, inner: float = 0.45) -> np.ndarray:
    angle = np.arange(2 * points) * (math.pi / points) - math.pi / 2
    radius = np.where(np.arange(2 * points) % 2, inner, 1.0)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)


def _curl() -> np.ndarray:
    t = np.linspace(0, 1, 24)
    angle, radius = math.pi / 2 * (1 - 3.4 * t), 0.4 - 0.16 * t
    points = np.stack([0.55 + radius * np.cos(angle), -0.4 + radius * np.sin(angle)], 1)
    points = np.concatenate([[(-0.1, 0.0), (0.2, 0.0)], points])
    return band(points.tolist(), np.linspace(0.28, 0.2, len(points)))


# By the names of parts.json.
BEAKS = {
    "cone": [Layer(sharp([(-0.1, -0.5), (1.0, 0.08), (-0.1, 0.5)])),
             Layer(sharp([(-0.05, 0.06), (1.0, 0.08), (-0.1, 0.5)]), -0.25)],
    "spear": [Layer(sharp([(-0.1, -0.32), (1.65, 0.0), (-0.1, 0.32)])),
              Layer(sharp([(-0.05, 0.0), (1.65, 0.0), (-0.1, 0.32)]), -0.25)],
    "hook": [Layer(smooth([(-0.1, -0.5), (0.45, -0.5), (0.95, -0.05), (0.9, 0.7), (0.6, 0.3), (-0.1, 0.42)]))],
    "bill": [Layer(smooth([(-0.1, -0.28), (0.5, -0.2), (1.05, -0.4), (1.3, 0.0), (1.05, 0.4), (0.5, 0.3), (-0.1, 0.32)])),
             Layer(smooth([(-0.1, 0.06), (0.6, 0.06), (1.3, 0.0), (1.05, 0.4), (0.5, 0.3), (-0.1, 0.32)]), -0.25)],
}
EYES = {
    "round": [Layer(ellipse(0, 0, 1, 1)), Layer(ellipse(0.25, 0.1, 0.5, 0.5), "black")],
    "ring": [Layer(ellipse(0, 0, 1, 1)), Layer(ellipse(0, 0, 0.62, 0.62), "black"),
             Layer(ellipse(-0.2, -0.25, 0.2, 0.2), "white")],
    "slit": [Layer(ellipse(0, 0, 0.8, 1.15)), Layer(ellipse(0, 0, 0.2, 0.85), "black")],
}
FEET = {
    "web": [leg(), Layer(sharp([(0.62, 0.12), (0.78, -0.5), (1.05, -0.85), (1.05, 0.3)]))],
    "claws": [leg(), *(Layer(band([(0.7, 0.0), (0.9, y / 2), (1.08, y)], [0.2, 0.2, 0.1])) for y in (0.6, -0.05, -0.75))],
    "boot": [Layer(smooth([(-0.1, -0.2), (0.5, -0.22), (0.68, -0.7), (1.02, -0.85), (1.06, 0.0), (1.02, 0.26), (0.5, 0.22),
                           (-0.1, 0.2)])),
             Layer(sharp([(0.95, -0.85), (1.08, -0.85), (1.08, 0.28), (0.95, 0.28)]), -0.4)],
    "ball": [leg(), Layer(ellipse(0.75, -0.1, 0.38, 0.38)), Layer(ellipse(0.65, -0.2, 0.13, 0.13), 0.5)],
}
TAILS = {
    "fan": [Layer(petal(a, 1.05, 0.44), t) for a, t in ((38, -0.15), (-38, -0.15), (0, 0.0))],
    "plume": [Layer(smooth([(-0.1, -0.12), (0.35, -0.4), (0.9, -0.5), (1.25, -0.25), (1.0, 0.1), (0.5, 0.25), (-0.1, 0.16)])),
              Layer(smooth([(0.0, 0.0), (0.5, -0.14), (1.1, -0.24), (0.5, 0.0)]), 0.4)],
    "fork": [Layer(sharp([(-0.1, -0.16), (1.15, -0.62), (0.68, 0.0), (1.15, 0.62), (-0.1, 0.16)]))],
    "curl": [Layer(_curl())],
}
WINGS = {
    "paddle": [Layer(smooth([(-0.1, 0.0), (0.35, -0.36), (0.85, -0.34), (1.05, 0.0), (0.8, 0.32), (0.3, 0.3)])),
               Layer(smooth([(0.2, 0.0), (0.45, -0.18), (0.8, -0.16), (0.88, 0.02), (0.7, 0.16), (0.4, 0.14)]), 0.4)],
    "blade": [Layer(smooth([(-0.1, 0.08), (0.25, -0.3), (0.75, -0.42), (1.3, -0.12), (1.28, -0.06), (0.8, 0.02), (0.4, 0.3)])),
              Layer(smooth([(0.15, 0.0), (0.5, -0.22), (1.0, -0.2), (0.5, 0.02)]), 0.4)],
    "scallop": [Layer(np.concatenate([sharp([(-0.1, -0.1), (0.4, -0.34), (1.1, -0.3)]), ellipse(0.93, -0.05, 0.22, 0.26)[:11],
                                      ellipse(0.56, 0.05, 0.22, 0.28)[2:13], ellipse(0.18, 0.1, 0.22, 0.22)[2:13]]))],
    "saw": [Layer(sharp([(-0.1, -0.05), (0.35, -0.4), (1.2, -0.36), (0.88, -0.08), (0.96, 0.2), (0.62, 0.06), (0.62, 0.36),
                         (0.3, 0.14), (0.16, 0.34)])),
            Layer(sharp([(0.1, -0.08), (0.4, -0.27), (0.85, -0.25), (0.3, 0.02)]), 0.4)],
}
SHAPES = {"beak": BEAKS, "eye": EYES, "foot": FEET, "tail": TAILS, "wing": WINGS}

# What lies around, by their numbers in `bg_objects`; the radius is 1.
OBJECTS = (
    [Layer(ellipse(0, 0, 1, 1))],
    [Layer(sharp([(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)]))],
    [Layer(sharp([(0, -1), (0.95, 0.75), (-0.95, 0.75)]))],
    [Layer(star())],
    [Layer(np.concatenate([ellipse(0.55, 0, 0.45, 0.45, -90)[:15], ellipse(-0.55, 0, 0.45, 0.45, 90)[:15]]))],
)
