"""Colours that can be said of objects, and glyphs painted in others.

A few glyphs have one colour that could as well be another. Painting turns the hue of just that colour's pixels, so what a
caption calls a green car is green and still has its windows and wheels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from .glyphs import EmojiClass

if TYPE_CHECKING:  # scene.py paints with what is here
    from .scene import Placement, Plan

# One colour for what is mostly of it in Noto Color Emoji; what has several, or another in other fonts' eyes, has none.
NATURAL = {
    "apple": "red", "balloon": "red", "banana": "yellow", "basketball": "orange", "cactus": "green", "car": "red",
    "carrot": "orange", "clock": "red", "dolphin": "blue", "elephant": "grey", "fish": "yellow", "fox": "orange",
    "frog": "green", "grapes": "purple", "guitar": "red", "helicopter": "yellow", "key": "yellow", "koala": "grey",
    "ladybird": "red", "pig": "pink", "rabbit": "grey", "shoe": "blue", "star": "yellow", "strawberry": "red",
    "tree": "green", "turtle": "green",
}
HUES = {"red": 2, "yellow": 48, "green": 120, "blue": 210, "purple": 280}  # degrees
PAINTABLE = ("balloon", "car", "guitar", "helicopter", "key", "shoe", "star")
SPREAD = 45  # degrees on either side of a glyph's own hue that are painted
LEAST_SATURATION = 0.25


def colour_of(item: Placement, classes: Sequence[EmojiClass]) -> str | None:
    """The colour that may be said of an object."""
    return item.colour or NATURAL.get(classes[item.class_index].label)


def recolour(plan: Plan, classes: Sequence[EmojiClass], share: float) -> Plan:
    """Paint a share of the plan's paintable classes, all objects of a class alike."""
    rng = np.random.default_rng((*plan.seed, 3))
    chosen: dict[int, str | None] = {}
    for item in plan.objects:
        label = classes[item.class_index].label
        if label in PAINTABLE and item.class_index not in chosen:
            others = [c for c in HUES if c != NATURAL[label]]
            chosen[item.class_index] = others[int(rng.integers(len(others)))] if rng.random() < share else None
    return replace(plan, objects=tuple(replace(o, colour=chosen.get(o.class_index)) for o in plan.objects))


def paint(glyph: Image.Image, own: str, other: str) -> Image.Image:
    """A copy of an RGBA glyph in which the colour `own` is turned into `other`."""
    hsv = np.asarray(glyph.convert("RGB").convert("HSV"), np.float32).copy()
    away = (hsv[..., 0] * (360 / 255) - HUES[own] + 180) % 360 - 180
    painted = (np.abs(away) <= SPREAD) & (hsv[..., 1] >= 255 * LEAST_SATURATION)
    # Shades keep a third of their distance in hue: an orange edge of something yellow is not to become another colour.
    hsv[..., 0] = np.where(painted, ((HUES[other] + away / 3) % 360) * (255 / 360), hsv[..., 0])
    result = Image.fromarray(np.rint(hsv).astype(np.uint8), "HSV").convert("RGB")
    result.putalpha(glyph.getchannel("A"))
    return result
