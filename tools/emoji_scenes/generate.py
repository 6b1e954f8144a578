#!/usr/bin/env python3
"""Generate emoji scenes: PNG files and instances.json in COCO's format. The same options give the same files."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

if not __package__:  # run as a script
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from emoji_scenes.coco import CocoWriter
from emoji_scenes.glyphs import CLASSES_FILE, DEFAULT_FONT, load_classes
from emoji_scenes.scene import SceneMaker, plan_scene


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder to write into (made if missing)")
    parser.add_argument("--seed", type=int, default=1000,
                        help="series; 0 is what the shipped model was trained on, 1000 is held out (%(default)s)")
    parser.add_argument("--count", type=int, default=300, help="number of scenes (%(default)s)")
    parser.add_argument("--first", type=int, default=0, help="index of the first scene in the series (%(default)s)")
    parser.add_argument("--pick", type=int, nargs="+", metavar="INDEX", help="these scenes of the series, in this order")
    parser.add_argument("--size", type=int, default=112, help="pixels a side; the composition stays the same (%(default)s)")
    parser.add_argument("--least", type=int, default=1, help="objects a scene, at least (%(default)s)")
    parser.add_argument("--most", type=int, default=3, help="objects a scene, at most (%(default)s)")
    parser.add_argument("--classes", type=Path, default=CLASSES_FILE, help="class list (JSON)")
    parser.add_argument("--font", type=Path, default=DEFAULT_FONT, help="NotoColorEmoji.ttf (%(default)s)")
    parser.add_argument("--prefix", default="scene-", help="start of the file names (%(default)s)")
    options = parser.parse_args()
    if not 1 <= options.least <= options.most:
        parser.error("1 <= --least <= --most is needed")
    return options


def main() -> int:
    options = parse_arguments()
    classes = load_classes(options.classes)
    maker = SceneMaker(classes, options.font)
    indices = options.pick or range(options.first, options.first + options.count)
    about = {
        "description": f"Emoji scenes, series {options.seed}, {options.size} pixels a side",
        "seed": options.seed, "scenes": list(indices), "objects": [options.least, options.most],
    }
    writer = CocoWriter(options.out, classes, about)
    digits = max(2, len(str(len(indices))))
    for number, index in enumerate(indices, 1):
        plan = plan_scene(options.seed, index, len(classes), options.least, options.most)
        writer.add(maker.render(plan, options.size), f"{options.prefix}{number:0{digits}d}.png")
    print(writer.finish())
    return 0


if __name__ == "__main__":
    sys.exit(main())
