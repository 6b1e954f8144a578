#!/usr/bin/env python3
"""Export a checkpoint of train_creatures.py as a bundle: a TorchScript archive of float16, to be loaded in float32."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import timm
import torch

from creatures.kinds import load_kinds
from export_model import ROUNDED, export_rounded
from legrad_export import checks
from train_creatures import PartsHead, held_out
from vit_training import make_model

OURS = {"licence": "Apache-2.0", "data": "creatures (tools/creatures), labels only"}
BIRDS = {"licence": "Apache-2.0 (weights; FunnyBirds' generator and renderer are Apache-2.0)",
         "data": "FunnyBirds' training pictures (Hesse, Schaub-Meyer and Roth, ICCV 2023, arXiv 2308.06248), labels only"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True, help="checkpoint.pt of train_creatures.py")
    parser.add_argument("--funnybirds", type=Path, help="FunnyBirds' folder, if the model was trained on it")
    parser.add_argument("--out", type=Path, required=True, help="the bundle's folder")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    kinds = load_kinds(options.funnybirds) if options.funnybirds else load_kinds()
    state = torch.load(options.checkpoint, weights_only=True)
    shape = state["model_options"]
    if len(state["labels"]) != len(kinds.classes):
        sys.exit(f"{options.checkpoint} was trained on other classes")
    model = make_model(len(kinds.classes), shape)
    model.head = PartsHead(shape["embed_dim"], kinds.classes)
    model.load_state_dict(state["model"])
    model.head = model.head.as_linear()
    model.eval()

    size, cells = shape["img_size"], shape["img_size"] // shape["patch_size"]
    preprocessing = {"size": [size] * 2, "mean": [state["mean"]] * 3, "std": [state["std"]] * 3,
                     "interpolation": "bilinear", "resize": "squash"}
    check = checks.output_check(model, preprocessing, ROUNDED)
    options.out.mkdir(parents=True, exist_ok=True)
    pictures = torch.rand(3, 3, size, size) * 4 - 2
    export_rounded(model, pictures[:1], pictures, options.out / "vision.ts")
    about = BIRDS if options.funnybirds else OURS
    manifest = {
        "schema_version": 1, "name": options.out.resolve().name, "vision": "vision.ts", "kind": "classifier",
        "dtype": "float32", "preprocessing": preprocessing, "check": check, "labels": state["labels"], "grid": [cells] * 2,
        "exporter": {"torch": torch.__version__, "timm": timm.__version__}, "licence": about["licence"],
        "training": {"architecture": {"class": "timm VisionTransformer", **shape}, "data": about["data"], "seed": state["seed"],
                     "scenes_seen": state["seen"], "seconds": round(state["seconds"]),
                     # Of the weights as they were rounded.
                     "held_out": held_out(model.float(), kinds, size, options.funnybirds)},
    }
    (options.out / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(manifest["training"], indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
