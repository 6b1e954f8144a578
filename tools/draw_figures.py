#!/usr/bin/env python3
"""Draw the README's two figures with the program: docs/where-it-looks.png and docs/comparison.png.

The program draws every heatmap; this puts the overlays of a few scenes side by side, with their classes above.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

SIDE = 240  # pixels of a picture
GAP = 8
HEADING = 38
ROWS = {
    "scene-03.png": ["elephant", "car", "strawberry"],
    "scene-08.png": ["doughnut", "gift", "tree"],
}


def explained(program: Path, model: Path, scene: Path, classes: list[str], out: Path) -> list[Image.Image]:
    """The picture, and its overlay for every class."""
    wanted = [word for name in classes for word in ("--class", name)]
    subprocess.run(
        [program, "explain", "--model", model, "--image", scene, "--out", out, *wanted],
        check=True, stdout=subprocess.DEVNULL)
    files = [scene, *(out / f"{scene.stem}-{name}.png" for name in classes)]
    return [Image.open(file).convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS) for file in files]


def where_it_looks(program: Path, model: Path, scenes: Path, font: ImageFont.FreeTypeFont) -> Image.Image:
    columns = 1 + max(len(classes) for classes in ROWS.values())
    figure = Image.new("RGB", (columns * (SIDE + GAP), len(ROWS) * (SIDE + HEADING) + GAP), "white")
    draw = ImageDraw.Draw(figure)
    for row, (scene, classes) in enumerate(ROWS.items()):
        with tempfile.TemporaryDirectory() as out:
            pictures = explained(program, model, scenes / scene, classes, Path(out))
        top = row * (SIDE + HEADING) + HEADING
        for column, (picture, heading) in enumerate(zip(pictures, ["input", *classes], strict=True)):
            left = column * (SIDE + GAP) + GAP
            figure.paste(picture, (left, top))
            draw.text((left + SIDE / 2, top - HEADING / 2), heading, fill="black", font=font, anchor="mm")
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, default=Path("build/bin/legrad"))
    parser.add_argument("--model", type=Path, default=Path("models/emoji-vit"))
    parser.add_argument("--scenes", type=Path, default=Path("examples/scenes"))
    parser.add_argument("--out", type=Path, default=Path("docs"))
    parser.add_argument("--font", default="DejaVuSans.ttf", help="a TrueType font for the headings")
    options = parser.parse_args()

    options.out.mkdir(parents=True, exist_ok=True)
    font = ImageFont.truetype(options.font, 18)
    figure = where_it_looks(options.program, options.model, options.scenes, font)
    figure.save(options.out / "where-it-looks.png", optimize=True)
    subprocess.run(
        [options.program, "compare", "--model", options.model, "--image", options.scenes / "scene-03.png",
         "--class", "car", "--class", "elephant", "--cell", "150", "--out", options.out / "comparison.png"],
        check=True)


if __name__ == "__main__":
    main()
