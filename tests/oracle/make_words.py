#!/usr/bin/env python
"""Writes tests/data/words: bundles of whole small CLIPs of open_clip, prompts, and what open_clip's own tokenizer and text tower make
of them, end to end from strings.

    python tests/oracle/make_words.py [--out DIR]
"""

import argparse
import json
import pathlib
import shutil

import numpy as np
import open_clip.tokenizer
import torch
from open_clip.model import CLIP
from torch import nn

import zoo
from export import save
from make_text_towers import Text

DATA = pathlib.Path(__file__).resolve().parents[1] / "data"
LENGTH = 16
PROMPTS = ["a cat", "two yellow rockets at night", "  A  CAT ", "¿Dónde está?", "it&#39;s", ""]
TEMPLATES = ["a photo of a {}", "{} at night"]


class Vision(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.visual = model.visual

    def forward(self, images):
        return self.visual(images)


def unit(x):
    return x / x.norm(dim=-1, keepdim=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=DATA / "words")
    out = parser.parse_args().out
    torch.set_num_threads(1)
    vocabulary = DATA / "text" / "open_clip_lower"
    text = json.loads((vocabulary / "manifest.json").read_text())["text"]
    tokenizer = open_clip.tokenizer.SimpleTokenizer(bpe_path=str(vocabulary / "bpe.txt.gz"), context_length=LENGTH)
    vision_options = dict(image_size=16, patch_size=4, width=16, layers=2, head_width=8)
    text_options = dict(context_length=LENGTH, vocab_size=tokenizer.vocab_size, width=16, heads=2, layers=2)
    model = CLIP(12, vision_options, text_options).eval().double()
    zoo.randomise(model, 90)

    ids = tokenizer(PROMPTS)
    with torch.no_grad():
        embeddings = unit(model.encode_text(ids))
        ensemble = torch.stack([unit(unit(model.encode_text(tokenizer([t.format(p) for t in TEMPLATES]))).mean(0)) for p in PROMPTS])
        images = torch.randn(2, 3, 16, 16, dtype=torch.double, generator=torch.Generator().manual_seed(3))
        towers = {"split": {"vision": (Vision(model), (images,)), "text": (Text(model), (ids[:2],))},
                  "whole": {"vision": (model, (images, ids[:2]))}}
        for name, parts in towers.items():
            folder = out / name
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            files = {}
            for part, (module, example) in parts.items():
                exported = torch.jit.trace(module, example, check_trace=False)
                files[part] = save(exported, folder / part).name
            shutil.copy(vocabulary / "bpe.txt.gz", folder)
            described = text | {"length": LENGTH} | ({"file": files["text"]} if "text" in files else {})
            described["checks"] = [{"prompt": prompt, "ids": [i for i in row.tolist() if i]}
                                   for prompt, row in zip(PROMPTS[:3], ids)]
            manifest = {"schema_version": 1, "name": f"words-{name}", "kind": "clip", "vision": files["vision"],
                        "preprocessing": {"size": [16, 16]}, "text": described, "templates": TEMPLATES,
                        "empty_prompt": "a photo of", "scale": 20}
            (folder / "manifest.json").write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")
        np.save(out / "embeddings.npy", embeddings.numpy())
        np.save(out / "ensemble.npy", ensemble.numpy())
        np.save(out / "empty.npy", unit(model.encode_text(tokenizer(["a photo of"]))).numpy())
    (out / "prompts.txt").write_text("\n".join(PROMPTS) + "\n")


if __name__ == "__main__":
    main()
