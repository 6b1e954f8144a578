#!/usr/bin/env python3
"""Measure a checkpoint of train_clip.py on held-out scenes: does it know the words, and do its maps find the objects?

  zero-shot     the best of the classes' prompts names an object that is there
  retrieval     among 100 scenes with a caption each: the closest is true
  true > false  a caption is closer than its twin with another object, count, colour, place or relation
  maps          scenes of two objects, a prompt for each; plain autograd, without the program
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

from emoji_clip.kinds import load_pair
from emoji_clip.measure import Encoder, captions, localisation, zero_shot
from emoji_scenes.glyphs import DEFAULT_FONT
from vit_training import HELD_OUT_SEED


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, required=True, help="checkpoint.pt of train_clip.py")
    parser.add_argument("--seed", type=int, default=HELD_OUT_SEED, help="series of the scenes (%(default)s)")
    parser.add_argument("--scenes", type=int, default=3000, help="for the zero-shot accuracy (%(default)s)")
    parser.add_argument("--captions", type=int, default=1000, help="scenes with captions (%(default)s)")
    parser.add_argument("--maps", type=int, default=300, help="scenes of two objects (%(default)s)")
    parser.add_argument("--font", type=Path, default=DEFAULT_FONT, help="NotoColorEmoji.ttf (%(default)s)")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    options = parser.parse_args()
    torch.set_num_threads(1)
    pair, state = load_pair(options.checkpoint)
    encoder = Encoder(pair, options.font)
    print(f"{options.checkpoint}: {state['seen']} scenes seen")
    known = {"zero_shot_top1_in_set": zero_shot(encoder, options.seed, options.scenes),
             **captions(encoder, options.seed, options.captions)}
    print(json.dumps(known, indent=2), flush=True)
    maps = localisation(encoder, options.seed, options.maps)
    for name, row in maps.items():
        print(f"{name:20s}", "  ".join(f"{c} {m['value']:.3f} ± {m['error']:.3f}" for c, m in row.items()))
    if options.json:
        figures = {"seed": options.seed, "scenes": options.scenes, "captions": options.captions, "maps_of": options.maps,
                   "scenes_seen": state["seen"], **known, "maps": maps}
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
