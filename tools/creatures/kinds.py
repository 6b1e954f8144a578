"""Parts, their variants, and the classes made of them, as files of FunnyBirds' layout have them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

PARTS = ("beak", "eye", "foot", "tail", "wing")
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Kinds:
    """`parts`: for each part its variants; `classes`: which variant of each a class has, int [classes, parts]."""

    parts: dict[str, list[dict[str, str]]]
    classes: np.ndarray


def load_kinds(folder: Path = HERE) -> Kinds:
    """Read parts.json and classes.json of a folder; this one's are the creatures'."""
    rows = json.loads((folder / "classes.json").read_text(encoding="utf-8"))
    classes = np.array([[row["parts"][part] for part in PARTS] for row in rows])
    return Kinds(json.loads((folder / "parts.json").read_text(encoding="utf-8")), classes)


def agreeing(classes: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """bool [classes]: those that have every part of `seen`, -1 being a part that is not there."""
    return ((classes == seen) | (np.asarray(seen) < 0)).all(1)


def contrasting(classes: np.ndarray, label: int) -> list[tuple[int, int]]:
    """Pairs of classes that share exactly two parts with class `label`, but not the same ones."""
    shared = classes == classes[label]
    two = np.flatnonzero(shared.sum(1) == 2)
    return [(int(a), int(b)) for a in two for b in two if a < b and not (shared[a] & shared[b]).any()]
