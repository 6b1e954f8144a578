#!/usr/bin/env python
"""Writes tests/data/eval/coco_masks.json: polygons and run lengths, and the masks that COCO's own tools (pycocotools) make of them.

    python tests/oracle/make_coco_masks.py [--out FILE] [--cases N] [--seed N]
"""

import argparse
import json
import pathlib

import numpy as np
from pycocotools import mask as coco

DATA = pathlib.Path(__file__).resolve().parents[1] / "data" / "eval"


def counts_of(mask):
    """Run lengths down the columns, the first of zeros."""
    flat = np.asarray(mask, np.uint8).flatten(order="F")
    edges = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff(np.concatenate([[0], edges, [flat.size]])).tolist()
    return ([0] if flat[0] else []) + counts


def by_hand():
    yield 5, 7, [1, 1, 4, 1, 4, 3, 1, 3]  # a rectangle on pixels' edges
    yield 5, 7, [1.5, 1.5, 4.5, 1.5, 4.5, 3.5, 1.5, 3.5]  # and through their centres
    yield 6, 6, [0, 0, 6, 0, 6, 6, 0, 6]  # the whole picture
    yield 6, 6, [-3, -3, 9, -3, 9, 9, -3, 9]  # and more
    yield 6, 6, [8, 8, 9, 8, 9, 9]  # outside
    yield 6, 6, [-8, 1, -2, 1, -2, 4]
    yield 6, 6, [2, 8, 4, 8, 4, 12]
    yield 6, 6, [3, -9, 3.4, 2, 3, 20]  # thin, through the picture
    yield 8, 8, [1, 1, 1, 1, 6, 1, 6, 6, 6, 6, 1, 6, 1, 1]  # corners twice
    yield 8, 8, [1, 1, 7, 7, 7, 1, 1, 7]  # crosses itself
    yield 8, 8, [2, 2, 2, 2, 2, 2]  # a point
    yield 8, 8, [2, 2, 6, 2, 4, 2]  # a line
    yield 1, 9, [0.2, 0, 8, 0.3, 4, 1]
    yield 9, 1, [0, 0.2, 0.3, 8, 1, 4]


def at_random(rng):
    height, width = rng.integers(1, 40, 2)
    corners = rng.integers(3, 12)
    spread = rng.choice([1.0, 1.5, 0.3])
    xy = (rng.random((corners, 2)) - 0.5) * spread + 0.5
    xy = xy * [width, height]
    kind = rng.integers(4)
    xy = [xy, np.round(xy, 2), np.round(xy), np.round(xy * 2) / 2][kind]
    return int(height), int(width), xy.flatten().tolist()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=pathlib.Path, default=DATA / "coco_masks.json")
    parser.add_argument("--cases", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)

    polygons = []
    for height, width, polygon in list(by_hand()) + [at_random(rng) for _ in range(options.cases)]:
        encoded = coco.frPyObjects([polygon], height, width)[0]
        polygons.append({"size": [height, width], "polygon": polygon, "counts": counts_of(coco.decode(encoded))})

    runs = []
    for _ in range(max(10, options.cases // 4)):
        height, width = rng.integers(1, 40, 2)
        mask = (rng.random((height, width)) < rng.choice([0.0, 0.03, 0.5, 1.0])).astype(np.uint8)
        text = coco.encode(np.asfortranarray(mask))["counts"].decode()
        runs.append({"size": [int(height), int(width)], "text": text, "counts": counts_of(mask)})
    # Far apart: numbers of several letters.
    mask = np.zeros((300, 400), np.uint8)
    mask[10:290, 3:5] = mask[7, 390:] = 1
    runs.append({"size": [300, 400], "text": coco.encode(np.asfortranarray(mask))["counts"].decode(), "counts": counts_of(mask)})

    options.out.parent.mkdir(parents=True, exist_ok=True)
    lines = ["[\n " + ",\n ".join(json.dumps(case) for case in cases) + "]" for cases in (polygons, runs)]
    options.out.write_text(f'{{"polygons": {lines[0]},\n"runs": {lines[1]}}}\n')


if __name__ == "__main__":
    main()
