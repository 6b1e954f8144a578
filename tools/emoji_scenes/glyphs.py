"""The class list and the glyph bitmaps of Noto Color Emoji."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

DEFAULT_FONT = Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")
CLASSES_FILE = Path(__file__).with_name("classes.json")

_STRIKE = 109  # the only bitmap size the font holds; its glyphs are 136 x 128 pixels
_VARIATION_SELECTORS = str.maketrans("", "", "\ufe0e\ufe0f")


@dataclass(frozen=True)
class EmojiClass:
    """One class: the label we print, the emoji it is drawn with and the emoji's CLDR short name."""

    label: str
    emoji: str
    cldr_name: str


def load_classes(path: Path = CLASSES_FILE) -> list[EmojiClass]:
    """Read the class list; the position in it is the class index."""
    rows = json.loads(Path(path).read_text(encoding="utf-8"))
    classes = [EmojiClass(r["label"], r["emoji"].translate(_VARIATION_SELECTORS), r["cldr_name"]) for r in rows]
    labels = [c.label for c in classes]
    if len(set(labels)) != len(labels):
        raise ValueError(f"{path}: labels are not unique")
    return classes


def load_glyphs(classes: list[EmojiClass], font: Path = DEFAULT_FONT) -> list[Image.Image]:
    """Draw every class's glyph once, cropped to its ink, as RGBA with straight (not premultiplied) alpha."""
    face = ImageFont.truetype(str(font), _STRIKE)
    glyphs = []
    for entry in classes:
        canvas = Image.new("RGBA", (160, 160), (0, 0, 0, 0))
        ImageDraw.Draw(canvas).text((8, 8), entry.emoji, font=face, embedded_color=True)
        box = canvas.getbbox()
        if box is None:
            raise ValueError(f"{font}: no glyph for {entry.label!r}")
        pixels = np.asarray(canvas.crop(box), np.float32).copy()
        # Drawn on a transparent canvas, the colours come premultiplied: undo that, or the edges turn dark.
        pixels[..., :3] *= 255.0 / np.maximum(pixels[..., 3:], 1.0)
        glyphs.append(Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8)))
    return glyphs
