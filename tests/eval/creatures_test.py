#!/usr/bin/env python3
"""What tools/creatures promises: FunnyBirds' layout with nothing missing, the same seed the same bytes, a part or an
object taken away changes its own pixels alone, and classes with what each protocol of Co-12 asks of them."""

from __future__ import annotations

import json
import sys
import tempfile
from itertools import combinations
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

from creatures.kinds import PARTS, agreeing, contrasting, load_kinds
from creatures.layout import FLAT, part_map, whole_creatures, write_test_set
from creatures.scene import CreatureBatches, plan_scene, render

KINDS = load_kinds()
SIZE, COUNT = 112, 3


def dilated(mask: np.ndarray) -> np.ndarray:
    """5 x 5, as FunnyBirds' protocols do it."""
    padded = np.pad(mask, 2)
    return np.lib.stride_tricks.sliding_window_view(padded, (5, 5)).any((2, 3))


def contents(folder: str) -> dict[str, bytes]:
    return {f.relative_to(folder).as_posix(): f.read_bytes() for f in Path(folder).rglob("*") if f.is_file()}


def test_the_layout_is_complete_and_the_same_again() -> None:
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        for folder in (first, second):
            write_test_set(Path(folder), whole_creatures(1000, COUNT, KINDS), KINDS, SIZE)
        written = contents(first)
        assert written == contents(second)
    scenes = json.loads(written["dataset_test.json"])
    expected = {"classes.json", "parts.json", "dataset_test.json"}
    for index, scene in enumerate(scenes):
        name = f"{scene['class_idx']}/{index:06d}"
        expected |= {f"test/{name}.png", f"test_part_map/{name}.png"}
        without, objects = f"test_interventions/{name}", scene["bg_objects"].count(",")
        expected |= {f"{without}/body_{'_'.join(kept)}.png" for n in range(6) for kept in combinations(PARTS, n)}
        expected |= {f"{without}/background_interventions/{n}.png" for n in range(objects)}
        assert written[f"{without}/body_{'_'.join(PARTS)}.png"] == written[f"test/{name}.png"]
    assert set(written) == expected


def test_what_is_taken_away_changes_its_own_pixels_alone() -> None:
    seen = dict.fromkeys(PARTS, 0)
    for plan in whole_creatures(1000, 60, KINDS):
        whole, flat = render(plan, SIZE), part_map(plan, SIZE)
        colours = {part: [FLAT[key] for key in FLAT if key[0] == part] for part in PARTS}
        colours |= {n: [(204, 204, 204 + n)] for n in range(len(plan.objects))}
        for what, own in colours.items():
            mask = np.any([(flat == colour).all(2) for colour in own], 0)
            changed = (render(plan, SIZE, [what]) != whole).any(2)
            slivers = (changed & ~dilated(mask)).sum()  # too thin for the part map
            assert slivers <= 8, (plan.label, what, slivers)
            assert not mask.any() or changed.any(), (plan.label, what)
            if what in seen:
                seen[what] += mask.sum() > 20
    assert min(seen.values()) > 55, seen  # parts are hardly ever hidden or out of the picture


def test_classes_have_what_the_protocols_ask_for() -> None:
    classes = KINDS.classes
    assert {plan.label for plan in whole_creatures(1000, len(classes), KINDS)} == set(range(len(classes)))
    assert len(classes) >= 20 and len(np.unique(classes, axis=0)) == len(classes)
    assert list(KINDS.parts) == list(PARTS) and all(len(variants) >= 3 for variants in KINDS.parts.values())
    for variants in KINDS.parts.values():
        assert len({v["model"] for v in variants}) == len({v["color"] for v in variants}) == len(variants)
    assert all(contrasting(classes, label) for label in range(len(classes)))
    assert all(agreeing(classes, own).sum() == 1 for own in classes)


def test_training_scenes_miss_parts_as_often_as_those_of_funnybirds() -> None:
    missing = np.array([np.sum(np.array(plan_scene(0, n, KINDS, drop=True).variants) < 0) for n in range(3000)])
    assert abs((missing > 0).mean() - 5 / 12) < 0.03
    pixels, labels = CreatureBatches(KINDS, SIZE, 0, drop=True)(0, 64)
    assert pixels.shape == (64, SIZE, SIZE, 3)
    assert (labels.sum(1)[missing[:64] == 0] == 1).all() and labels.any(1).all()
    assert labels[missing[:64] == 5].all()


def test_a_plan_without_parts_is_the_plan_but_for_them() -> None:
    reduced = next(p for n in range(100) if min((p := plan_scene(0, n, KINDS, drop=True)).variants) < 0 <= max(p.variants))
    index = next(n for n in range(100) if plan_scene(0, n, KINDS, drop=True).variants == reduced.variants)
    gone = [part for part, variant in zip(PARTS, reduced.variants) if variant < 0]
    assert (render(plan_scene(0, index, KINDS), SIZE, gone) == render(reduced, SIZE)).all()


def main() -> int:
    for name, test in list(globals().items()):
        if name.startswith("test_"):
            test()
            print(f"ok {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
