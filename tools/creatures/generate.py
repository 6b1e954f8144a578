#!/usr/bin/env python3
"""Generate creatures in FunnyBirds' layout, for `legrad evaluate`. The same options give the same files."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image

if not __package__:  # run as a script
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from creatures.kinds import PARTS, load_kinds
from creatures.layout import part_map, whole_creatures, write_test_set
from creatures.scene import Plan, render


def contact_sheet(plans: list[Plan], size: int) -> Image.Image:
    """A row a creature: whole, its part map, without one part each, the bare body, and without any object."""
    rows = []
    for plan in plans:
        without = [[], *([part] for part in PARTS), list(PARTS), range(len(plan.objects))]
        pictures = [render(plan, size, gone) for gone in without]
        rows.append(np.concatenate([pictures[0], part_map(plan, size), *pictures[1:]], 1))
    return Image.fromarray(np.concatenate(rows))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="folder to write into (made if missing)")
    parser.add_argument("--sheet", type=Path, help="write a contact sheet of the creatures too, or alone")
    parser.add_argument("--seed", type=int, default=1000,
                        help="series; 0 is what the shipped model was trained on, 1000 is held out (%(default)s)")
    parser.add_argument("--count", type=int, default=50, help="creatures, the classes in turn (%(default)s)")
    parser.add_argument("--size", type=int, default=112, help="pixels a side (%(default)s)")
    options = parser.parse_args()
    if not (options.out or options.sheet):
        parser.error("--out or --sheet is needed")
    return options


def main() -> int:
    options = parse_arguments()
    kinds = load_kinds()
    plans = whole_creatures(options.seed, options.count, kinds)
    if options.out:
        write_test_set(options.out, plans, kinds, options.size)
        print(options.out)
    if options.sheet:
        contact_sheet(plans, options.size).save(options.sheet)
        print(options.sheet)
    return 0


if __name__ == "__main__":
    sys.exit(main())
