"""The colours of creatures, and of what lies around them."""

from __future__ import annotations

import colorsys

import numpy as np

Colour = tuple[int, int, int]

COLOURS: dict[str, Colour] = {
    "red": (226, 78, 66), "orange": (243, 146, 55), "yellow": (247, 211, 76), "green": (92, 170, 72), "teal": (34, 160, 150),
    "blue": (52, 101, 190), "sky": (105, 190, 235), "purple": (122, 80, 165), "pink": (242, 120, 160), "white": (250, 250, 246),
    "black": (34, 32, 40),
}
AROUND = ("red", "orange", "yellow", "green", "teal", "blue", "sky", "purple", "pink")


def toned(colour: Colour, tone: float) -> Colour:
    """Mixed with white (tone > 0) or black (tone < 0)."""
    end = 255 if tone > 0 else 0
    return tuple(round(c + (end - c) * abs(tone)) for c in colour)  # type: ignore[return-value]


def varied(colour: Colour, rng: np.random.Generator, by: float = 14) -> Colour:
    """The same colour in a slightly other light."""
    moved = np.clip(np.rint(colour + rng.uniform(-by, by, 3)), 0, 255)
    return tuple(int(c) for c in moved)  # type: ignore[return-value]


def muted(rng: np.random.Generator, saturation: tuple[float, float], value: tuple[float, float]) -> Colour:
    """A colour of any hue that is neither garish nor dark."""
    rgb = colorsys.hsv_to_rgb(rng.random(), rng.uniform(*saturation), rng.uniform(*value))
    return tuple(round(255 * c) for c in rgb)  # type: ignore[return-value]
