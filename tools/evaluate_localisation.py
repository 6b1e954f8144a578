#!/usr/bin/env python3
"""Measure how well heatmaps find objects, on pictures with COCO instance annotations.

For every picture and every class in it, a method's map for that class is held against the class's mask:

  pointing      the map's maximum lies on the object (or at most --within pixels from it)
  IoU           of the object, predicted to be where the map is above its mean
  mIoU          mean of that and of the background's IoU
  own > other   in pictures of several classes: the map's mean is higher on the object than on any other class's
  own highest   the same, and higher than on the background too

Some rows say what the figures are worth: the masks themselves (the best there can be), raw attention (the same map for
every class), a random map and a blob in the middle of the picture, which know nothing. Maps come from the program
(--program build/bin/legrad, run once a class), from plain PyTorch autograd (--python, of a classifier), or from folders
of PICTURE.npy, [K, H, W], the picture's classes in the order of their first annotation (--maps NAME=DIR). A model that is
asked in words gets a prompt for each class (--prompt "a photo of a {}").
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from PIL import Image
from pycocotools.coco import COCO

from emoji_scenes.metrics import clustered_mean, ious_at_mean, points_at
from emoji_scenes.reference_maps import MapMaker, ReferenceModel, centred_blob, random_map, resize

READOUTS = ("token_mean", "model")  # of LeGrad, by plain autograd
COLUMNS = {"pointing": "pointing", "iou": "IoU", "miou": "mIoU", "own_over_other": "own > other", "own_highest": "own highest"}


@dataclass(frozen=True)
class Picture:
    """A picture and the masks of its classes, each the union of that class's objects."""

    index: int
    file: Path
    masks: dict[str, np.ndarray]

    @property
    def names(self) -> list[str]:
        return list(self.masks)


def read_pictures(folder: Path, limit: int | None) -> list[Picture]:
    """The annotated pictures of a folder, in the order of instances.json. Crowds are left out."""
    devnull = open(os.devnull, "w", encoding="utf-8")
    stdout, sys.stdout = sys.stdout, devnull  # pycocotools prints its progress
    try:
        coco = COCO(str(folder / "instances.json"))
    finally:
        sys.stdout = stdout
        devnull.close()
    pictures = []
    for index, image in enumerate(coco.loadImgs(coco.getImgIds())[:limit]):
        masks: dict[str, np.ndarray] = {}
        for annotation in coco.loadAnns(coco.getAnnIds(imgIds=image["id"], iscrowd=False)):
            name = coco.cats[annotation["category_id"]]["name"]
            mask = coco.annToMask(annotation).astype(bool)
            masks[name] = masks[name] | mask if name in masks else mask
        if masks:
            pictures.append(Picture(index, folder / image["file_name"], masks))
    return pictures


class ProgramMaps:
    """Maps by running the program: once a class, on all the pictures that have it, as loading takes longer than explaining."""

    def __init__(self, command: list[str], prompt: str | None, pictures: list[Picture], folder: Path) -> None:
        self._command, self._prompt, self._pictures, self._folder = command, prompt, pictures, folder
        self._done: dict[str, Path] = {}

    def _run(self, name: str) -> Path:
        """Explain class `name` wherever it is; returns the folder with PICTURE.npy, [1, H, W]."""
        if name not in self._done:
            files = [str(p.file) for p in self._pictures if name in p.masks]
            out = self._folder / f"class-{len(self._done):03d}"
            target = ["--prompt", self._prompt.format(name)] if self._prompt else ["--class", name]
            command = [*self._command, "--image", *files, *target, "--npy", "--out", str(out)]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode != 0:
                sys.exit(f"{self._command[0]} ended with {done.returncode} for class {name!r}: {done.stderr.strip()}")
            self._done[name] = out
        return self._done[name]

    def __call__(self, file: Path, names: list[str]) -> np.ndarray:
        return np.concatenate([np.load(self._run(name) / f"{file.stem}.npy") for name in names])


def python_maker(reference: ReferenceModel, readout: str) -> MapMaker:
    """LeGrad by plain autograd."""

    def make(file: Path, names: list[str]) -> np.ndarray:
        picture = Image.open(file)
        targets = [reference.labels.index(name) for name in names]
        maps = reference.legrad(reference.preprocess(picture), targets, readout)
        return np.stack([resize(m, picture.height, picture.width) for m in maps])

    return make


def folder_maker(folder: Path) -> MapMaker:
    """Maps that are there already."""
    return lambda file, names: np.load(folder / f"{file.stem}.npy")


def same_for_all(grid_map: Callable[[Image.Image], np.ndarray]) -> MapMaker:
    """Class-agnostic maps: `grid_map(picture)` at grid size, repeated for every class."""

    def maker(file: Path, names: list[str]) -> np.ndarray:
        picture = Image.open(file)
        return np.stack([resize(grid_map(picture), picture.height, picture.width) for _ in range(len(names))])

    return maker


def masks_maker(pictures: list[Picture]) -> MapMaker:
    """What a map that knows everything would be."""
    masks = {picture.file: picture.masks for picture in pictures}
    return lambda file, names: np.stack([masks[file][name].astype(np.float32) for name in names])


def measure(make: MapMaker, pictures: list[Picture], within: float) -> dict[str, Any]:
    """One row of the table."""
    columns: dict[str, list[float]] = {"pointing": [], "iou": [], "miou": []}
    rivals: dict[str, list[float]] = {"own_over_other": [], "own_highest": []}
    clusters: list[int] = []
    clusters_of_several: list[int] = []
    for picture in pictures:
        maps = make(picture.file, picture.names)
        shape = (len(picture.masks), *next(iter(picture.masks.values())).shape)
        if maps.shape != shape:
            sys.exit(f"{picture.file.name}: a map of shape {maps.shape}, expected {shape}")
        background = ~np.any(list(picture.masks.values()), axis=0)
        for name, heatmap, mask in zip(picture.names, maps, picture.masks.values()):
            inside, outside = ious_at_mean(heatmap, mask)
            columns["pointing"].append(points_at(heatmap, mask, within))
            columns["iou"].append(inside)
            columns["miou"].append((inside + outside) / 2)
            clusters.append(picture.index)
            others = [heatmap[other].mean() for key, other in picture.masks.items() if key != name and other.any()]
            if others and mask.any():
                own = heatmap[mask].mean()
                rivals["own_over_other"].append(own > max(others))
                rivals["own_highest"].append(own > max(*others, heatmap[background].mean()))
                clusters_of_several.append(picture.index)
    return {**{name: asdict(clustered_mean(values, clusters)) for name, values in columns.items()},
            **{name: asdict(clustered_mean(values, clusters_of_several)) for name, values in rivals.items()}}


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=Path, required=True, help="folder of pictures and instances.json")
    parser.add_argument("--model", type=Path, default=Path("models/emoji-vit"), help="model folder (%(default)s)")
    parser.add_argument("--program", type=Path, help="the legrad program, to make the maps with")
    parser.add_argument("--python", action="store_true", help="make LeGrad's maps with plain PyTorch autograd")
    parser.add_argument("--methods", nargs="+", metavar="METHOD",
                        default=["legrad", "legrad/readout=token_mean", "grad_cam", "chefer_cam", "raw_attention"],
                        help="with --program: which to run, as `legrad methods` spells them (%(default)s)")
    parser.add_argument("--prompt", metavar="TEXT", help='what a class is asked for with, as in "a photo of a {}"')
    parser.add_argument("--maps", nargs="+", default=[], metavar="NAME=DIR", help="folders of maps made before")
    parser.add_argument("--keep", type=Path, help="with --program: folder for what it writes (default: thrown away)")
    parser.add_argument("--within", type=float, default=0.0,
                        help="pixels by which pointing may miss; the pointing game allows 15 (%(default)s)")
    parser.add_argument("--limit", type=int, help="only the first so many pictures")
    parser.add_argument("--seed", type=int, default=0, help="of the random maps (%(default)s)")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    options = parser.parse_args()
    for pair in options.maps:
        if "=" not in pair:
            parser.error(f"--maps {pair}: NAME=DIR is needed")
    if options.prompt and (options.python or "{}" not in options.prompt):
        parser.error("--prompt needs a place {} for the class, and goes without --python")
    return options


def make_rows(
    options: argparse.Namespace, reference: ReferenceModel | None, pictures: list[Picture], scratch: Path
) -> dict[str, MapMaker]:
    """Everything to measure, by the name of its row."""
    rows: dict[str, MapMaker] = {"the masks": masks_maker(pictures)}
    if options.program:
        for number, name in enumerate(options.methods):
            folder = (options.keep or scratch) / f"method-{number:02d}"
            folder.mkdir(parents=True, exist_ok=True)
            command = [str(options.program), "explain", "--model", str(options.model), "--method", name]
            rows[name] = ProgramMaps(command, options.prompt, pictures, folder)
    if options.python:
        for readout in READOUTS:
            rows[f"legrad/readout={readout} (python)"] = python_maker(reference, readout)
    for pair in options.maps:
        name, folder = pair.split("=", 1)
        rows[name] = folder_maker(Path(folder))
    rng = np.random.default_rng(options.seed)
    grid = tuple(json.loads((options.model / "manifest.json").read_text(encoding="utf-8"))["grid"])
    blob = centred_blob(grid)
    if reference:
        rows["raw attention (python)"] = same_for_all(lambda p: reference.raw_attention(reference.preprocess(p)))
    rows["centred blob"] = same_for_all(lambda p: blob)
    rows["random"] = same_for_all(lambda p: random_map(grid, rng))
    return rows


def best_class_is_there(reference: ReferenceModel, pictures: list[Picture]) -> float:
    """How often the classifier's best class is one of the picture's."""
    unknown = sorted({name for p in pictures for name in p.names} - set(reference.labels))
    if unknown:
        sys.exit(f"the model does not know {', '.join(unknown)}")
    return float(np.mean([
        reference.labels[int(reference.logits(reference.preprocess(Image.open(p.file))).argmax())] in p.masks
        for p in pictures]))


def main() -> int:
    options = parse_arguments()
    torch.set_num_threads(1)
    reference = None if options.prompt else ReferenceModel(options.model)
    pictures = read_pictures(options.scenes, options.limit)
    objects = sum(len(p.masks) for p in pictures)
    if not objects:
        sys.exit(f"{options.scenes}: no objects")

    print(f"{options.scenes}: {objects} objects in {len(pictures)} pictures")
    top1 = best_class_is_there(reference, pictures) if reference else None
    if top1 is not None:
        print(f"the model's best class is there in {top1:.1%} of them")
    print(f"\n{'map':34s} " + " ".join(f"{column:>16s}" for column in COLUMNS.values()))
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name, make in make_rows(options, reference, pictures, Path(scratch)).items():
            row = results[name] = measure(make, pictures, options.within)
            cells = (f"{row[c]['value']:.3f} ± {row[c]['error']:.3f}" for c in COLUMNS)
            print(f"{name:34s} " + " ".join(f"{cell:>16s}" for cell in cells), flush=True)
    print("\n± is one standard error; the objects of a picture count as one draw.")
    if options.json:
        report = {
            "model": options.model.name, "prompt": options.prompt, "pictures": len(pictures), "objects": objects, "seed": options.seed,
            "within": options.within, "top1_in_set": top1, "maps": results,
        }
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
