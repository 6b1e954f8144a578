#!/usr/bin/env python3
"""Draw the README's figures with the program: docs/where-it-looks.png and docs/comparison.png, and docs/photographs.png with
--clip and --photographs.

The program draws every heatmap; this puts the overlays of a few pictures side by side, with their classes above.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

WIDTH = 240  # pixels of a picture
GAP = 8
HEADING = 38
SCENES = {
    "scene-03.png": ["elephant", "car", "strawberry"],
    "scene-08.png": ["doughnut", "gift", "tree"],
}
PHOTOGRAPHS = {
    "coffee.png": ["cup", "spoon"],
    "astronaut.png": ["person", "banner"],
    "chelsea.png": ["cat", "pillow"],
}


def explained(program: Path, model: Path, scene: Path, classes: list[str], out: Path) -> list[Image.Image]:
    """The picture, and its overlay for every class."""
    wanted = [word for name in classes for word in ("--class", name)]
    subprocess.run(
        [program, "explain", "--model", model, "--image", scene, "--out", out, *wanted],
        check=True, stdout=subprocess.DEVNULL)
    files = [scene, *(out / f"{scene.stem}-{name}.png" for name in classes)]
    pictures = [Image.open(file).convert("RGB") for file in files]
    height = round(WIDTH * pictures[0].height / pictures[0].width)
    return [picture.resize((WIDTH, height), Image.Resampling.LANCZOS) for picture in pictures]


def where_it_looks(
        program: Path, model: Path, folder: Path, wanted: dict[str, list[str]], font: ImageFont.FreeTypeFont) -> Image.Image:
    """A row for each picture, a column for each of its classes."""
    rows = []
    for name, classes in wanted.items():
        with tempfile.TemporaryDirectory() as out:
            rows.append((["input", *classes], explained(program, model, folder / name, classes, Path(out))))
    columns = max(len(headings) for headings, _ in rows)
    height = sum(pictures[0].height + HEADING for _, pictures in rows)
    figure = Image.new("RGB", (columns * (WIDTH + GAP) + GAP, height + GAP), "white")
    draw = ImageDraw.Draw(figure)
    top = 0
    for headings, pictures in rows:
        top += HEADING
        for column, (picture, heading) in enumerate(zip(pictures, headings, strict=True)):
            left = column * (WIDTH + GAP) + GAP
            figure.paste(picture, (left, top))
            draw.text((left + WIDTH / 2, top - HEADING / 2), heading, fill="black", font=font, anchor="mm")
        top += pictures[0].height
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, default=Path("build/bin/legrad"))
    parser.add_argument("--model", type=Path, default=Path("models/emoji-vit"))
    parser.add_argument("--scenes", type=Path, default=Path("examples/scenes"))
    parser.add_argument("--clip", type=Path, help="folder of a CLIP with the 171 classes of COCO-Stuff as labels")
    parser.add_argument("--photographs", type=Path, help="folder with scikit-image's coffee, astronaut and chelsea")
    parser.add_argument("--out", type=Path, default=Path("docs"))
    parser.add_argument("--font", default="DejaVuSans.ttf", help="a TrueType font for the headings")
    options = parser.parse_args()

    options.out.mkdir(parents=True, exist_ok=True)
    font = ImageFont.truetype(options.font, 18)
    figure = where_it_looks(options.program, options.model, options.scenes, SCENES, font)
    figure.save(options.out / "where-it-looks.png", optimize=True)
    if options.clip and options.photographs:
        figure = where_it_looks(options.program, options.clip, options.photographs, PHOTOGRAPHS, font)
        figure.save(options.out / "photographs.png", optimize=True)
    subprocess.run(
        [options.program, "compare", "--model", options.model, "--image", options.scenes / "scene-03.png",
         "--class", "car", "--class", "elephant", "--cell", "120", "--out", options.out / "comparison.png"],
        check=True)


if __name__ == "__main__":
    main()
