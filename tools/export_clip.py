#!/usr/bin/env python3
"""Export a checkpoint of train_clip.py as a bundle: two TorchScript archives, the vocabulary, and the manifest.

The archives are of float16, to be loaded in float32 on a CPU, as the manifest's `dtype` says. Each is traced at one batch
size, checked at another against the eager model before rounding, and stripped of what tracing records of this machine.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import open_clip
import timm
import torch
import torch.nn.functional as F

from emoji_clip.kinds import load_pair
from emoji_clip.measure import TEMPLATES
from export_model import LICENCE, ROUNDED, export_rounded
from legrad_export import checks as bundle_checks

CHECKS = (
    "", "a cat", "A  Cat ", "two apples", "a photo of a dog", "a red car", "a green car", "a cat left of a green car",
    "three bunches of grapes above a turtle", "an evergreen tree on the right", "one purple balloon", "a picture of a guitar",
    "a basketball, a koala and an octopus", "an image of two strawberries", "a scene with a lady beetle", "helicopter",
    "it's a fish & chips!", "caf\u00e9 \u732b \U0001f431", "left_of",
    "a bus right of a bus above a bus below a bus left of a bus right of a bus",
)


class TextOf(torch.nn.Module):
    """The text side of open_clip's CLIP, ids to embeddings."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        for name in ("token_embedding", "transformer", "ln_final"):
            setattr(self, name, getattr(model, name))
        self.positional_embedding, self.text_projection = model.positional_embedding, model.text_projection
        self.register_buffer("attn_mask", model.attn_mask, persistent=False)
        self.text_pool_type = model.text_pool_type

    forward = open_clip.model.CLIP.encode_text


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, required=True, help="checkpoint.pt of train_clip.py")
    parser.add_argument("--figures", type=Path, help="what evaluate_clip.py --json wrote of it")
    parser.add_argument("--out", type=Path, required=True, help="the bundle's folder")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    pair, state = load_pair(options.checkpoint)
    options.out.mkdir(parents=True, exist_ok=True)

    pictures = torch.rand(3, 3, pair.size, pair.size) * 4 - 2
    tokenize = pair.make_tokenizer()
    ids = tokenize(list(CHECKS))
    text = TextOf(pair.model) if state["kind"] == "clip" else pair.model.text
    logits = {"scale": pair.model.logit_scale.exp().item()}
    if getattr(pair.model, "logit_bias", None) is not None:
        logits["bias"] = pair.model.logit_bias.item()
    preprocessing = {"size": [pair.size] * 2, "mean": [pair.mean] * 3, "std": [pair.std] * 3,
                     "interpolation": "bilinear", "resize": "squash"}
    check = bundle_checks.output_check(pair.model.visual, preprocessing, ROUNDED)
    with torch.no_grad():
        vectors = F.normalize(text.eval()(ids), dim=-1)
    export_rounded(pair.model.visual, pictures[:1], pictures, options.out / "vision.ts")
    export_rounded(text, ids[:2], ids, options.out / "text.ts")

    rules = pair.text_rules()
    shutil.copy(pair.vocabulary_file, options.out / rules["tokenizer"]["file"])
    checks: list[dict[str, Any]] = [{"prompt": prompt, "ids": bundle_checks.ids_without_padding(row, rules)}
                                    for prompt, row in zip(CHECKS, ids.tolist())]
    for entry, vector in list(zip(checks, vectors.tolist()))[:4]:
        entry["embedding"] = [round(number, 6) for number in vector]
    manifest: dict[str, Any] = {
        "schema_version": 1, "name": options.out.resolve().name, "vision": "vision.ts", "kind": state["kind"], "dtype": "float32",
        "preprocessing": preprocessing, "check": check,
        "grid": [pair.grid] * 2,
        "similarity": "cosine", **{name: round(value, 6) for name, value in logits.items()},
        "templates": list(TEMPLATES), "empty_prompt": "a photo of",
        "text": {"file": "text.ts", **rules, "checks": checks},
        "exporter": {"torch": torch.__version__, "timm": timm.__version__, "open_clip": open_clip.__version__},
        "licence": LICENCE,
        "training": {"architecture": state["options"], "data": "emoji scenes and captions, no masks",
                     "trunk": "emoji-vit", "seed": state["seed"], "scenes_seen": state["seen"],
                     "seconds": round(state["seconds"])},
    }
    if options.figures:
        manifest["training"]["held_out"] = json.loads(options.figures.read_text(encoding="utf-8"))
    (options.out / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    for file in sorted(options.out.iterdir()):
        print(f"{file.stat().st_size:9d} {file.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
