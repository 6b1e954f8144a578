"""Write scenes as FunnyBirds is published: pictures, part maps, and pictures without some parts or an object.

    classes.json, parts.json, dataset_test.json
    test/CLASS/000012.png and test_part_map/CLASS/000012.png
    test_interventions/CLASS/000012/body_beak_eye.png                        with these parts only, all 32 subsets
    test_interventions/CLASS/000012/background_interventions/0.png           without an object
"""

from __future__ import annotations

import json
import shutil
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from .kinds import HERE, PARTS, Kinds
from .scene import BODY, Plan, plan_scene, render, render_keys

# What a part map shows the instances of a part in, the further one first; an object n is 204, 204, 204 + n.
FLAT = {
    (BODY, 0): (170, 170, 170), ("beak", 0): (255, 255, 0), ("tail", 0): (0, 0, 255),
    ("eye", 0): (255, 255, 253), ("eye", 1): (255, 255, 254), ("foot", 0): (255, 0, 1), ("foot", 1): (255, 0, 2),
    ("wing", 0): (0, 255, 1), ("wing", 1): (0, 255, 2),
}


def whole_creatures(seed: int, count: int, kinds: Kinds) -> list[Plan]:
    """The first scenes of a series, the classes in turn, but not in the order of their numbers: neighbours look alike."""
    return [plan_scene(seed, n, kinds, label=n * 7 % len(kinds.classes)) for n in range(count)]


def part_map(plan: Plan, size: int) -> np.ndarray:
    """What is seen in each pixel, as flat colours, uint8 [size, size, 3]; black where there is nothing."""
    colours = [(204, 204, 204 + t.key) if isinstance(t.key, int) else FLAT[t.key] for t in plan.things]
    return np.array([*colours, (0, 0, 0)], np.uint8)[render_keys(plan, size)]


def _described(plan: Plan, kinds: Kinds) -> dict[str, Any]:
    entry: dict[str, Any] = {"class_idx": plan.label}
    for part, variant in zip(PARTS, plan.variants):
        entry |= {f"{part}_{key}": value for key, value in kinds.parts[part][variant].items()}
    for key, values in (("bg_objects", [kind for kind, _ in plan.objects]), ("bg_color", [c for _, c in plan.objects])):
        entry[key] = "".join(f"{value}," for value in values)
    return entry


def _save(pixels: np.ndarray, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(file)


def write_test_set(folder: Path, plans: list[Plan], kinds: Kinds, size: int) -> None:
    """Write whole creatures, one picture a plan, with all that can be taken away from each."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("classes.json", "parts.json"):
        shutil.copyfile(HERE / name, folder / name)
    for index, plan in enumerate(plans):
        place = Path(str(plan.label)) / f"{index:06d}"
        _save(render(plan, size), folder / "test" / place.with_suffix(".png"))
        _save(part_map(plan, size), folder / "test_part_map" / place.with_suffix(".png"))
        without = folder / "test_interventions" / place
        for kept in (c for n in range(len(PARTS) + 1) for c in combinations(PARTS, n)):
            gone = [part for part in PARTS if part not in kept]
            _save(render(plan, size, gone), without / f"body_{'_'.join(kept)}.png")
        for n in range(len(plan.objects)):
            _save(render(plan, size, [n]), without / "background_interventions" / f"{n}.png")
    scenes = json.dumps([_described(plan, kinds) for plan in plans], indent=1)
    (folder / "dataset_test.json").write_text(scenes + "\n", encoding="utf-8")
