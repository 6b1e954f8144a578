#!/usr/bin/env python
"""Writes tests/data/resized: small stock exports, and what their home's own resampling of the position embedding makes of
images of another size.

    python tests/oracle/make_resized.py [--out DIR]
"""

import argparse
import os
import pathlib
import shutil
import sys
import types

import numpy as np
import torch

import zoo
from export import export, save

DATA = pathlib.Path(__file__).resolve().parents[1] / "data" / "resized"
SIZE = (24, 12)


def by_timm(model, state):
    from timm.models.vision_transformer import checkpoint_filter_fn

    return checkpoint_filter_fn(state, model, interpolation="bicubic", antialias=True)


def by_open_clip(model, state):
    from open_clip.model import resize_pos_embed

    # open_clip's function looks for `model.visual` and the keys of a whole CLIP.
    whole = {f"visual.{key}": value for key, value in state.items()}
    resize_pos_embed(whole, types.SimpleNamespace(visual=model))
    return {key.removeprefix("visual."): value for key, value in whole.items()}


MODELS = {
    "timm_cls": (zoo.timm_vit, dict(), by_timm),
    "timm_registers": (zoo.timm_vit, dict(reg_tokens=4), by_timm),
    "timm_gap": (zoo.timm_vit, dict(class_token=False, global_pool="avg"), by_timm),
    "open_clip_tower": (zoo.open_clip_vit, dict(), by_open_clip),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=DATA)
    out = parser.parse_args().out
    torch.set_num_threads(1)
    for seed, (name, (build, options, resample)) in enumerate(MODELS.items()):
        folder = out / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        specimen = build(**options)
        zoo.randomise(specimen.model, 40 + seed)
        other = build(image=SIZE, **options).model.eval()
        other.load_state_dict(resample(other, dict(specimen.model.state_dict())))
        save(export(specimen, "trace", torch.float32, 1), folder / "model.pt")
        images = torch.randn(2, 3, *SIZE, generator=torch.Generator().manual_seed(seed))
        with torch.no_grad():
            output = other(images)
        np.save(folder / "images.npy", images.numpy())
        np.save(folder / "output.npy", output.numpy())
        print(name, tuple(output.shape))


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "PYTHONHASHSEED": "0"})
    main()
