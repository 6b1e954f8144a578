#!/usr/bin/env python
"""Compares the program with other people's LeGrad on the same stock export: legrad-torch 1.1 for CLIP, CoCa and SigLIP, torch-cam
0.5 for torchvision. Needs build/bin/legrad.

    python tests/oracle/test_peers.py
"""

import contextlib
import io
import os
import pathlib
import subprocess
import tempfile
import unittest

import numpy as np
import torch
from torch.nn import functional as F

import zoo

PROGRAM = pathlib.Path(os.environ.get("LEGRAD_PROGRAM", pathlib.Path(__file__).resolve().parents[2] / "build/bin/legrad"))
TOLERANCE = 1e-4  # after min-max


def min_max(maps):
    low, high = maps.amin((-1, -2), keepdim=True), maps.amax((-1, -2), keepdim=True)
    return (maps - low) / (high - low)


def ours(model, image, method, embeddings=None, options=()):
    """Raw maps [B, K, rows, columns] that the program makes by a method, as `--method` spells it, for a traced model."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        torch.jit.trace(model, image, check_trace=False).save(str(folder / "model.pt"))
        np.save(folder / "image.npy", image.numpy())
        if embeddings is not None:
            np.save(folder / "embeddings.npy", embeddings.numpy())
            options = [*options, "--text-embedding", str(folder / "embeddings.npy")]
        size = f"{image.shape[2]}x{image.shape[3]}"
        subprocess.run([PROGRAM, "explain", "--model", folder / "model.pt", "--input-npy", folder / "image.npy", "--size", size,
                        "--method", method, "--no-correction", "--out", folder / "out", *options], check=True, capture_output=True)
        return torch.from_numpy(np.load(folder / "out" / "raw.npy"))


def enlarged(maps, patch):
    return min_max(F.interpolate(maps, scale_factor=patch, mode="bilinear"))


def wrapped(model, layer_index):
    from legrad import LeWrapper

    with contextlib.redirect_stdout(io.StringIO()):
        return LeWrapper(model, layer_index=layer_index)


def with_tokens_first(visual):
    """An open_clip tower as the wrapper takes it, which is of the time when tokens came first, in the blocks and in the pooler."""
    for block in visual.transformer.resblocks:
        block.attn.batch_first = False
    pooler = visual.attn_pool

    def pool(tokens):
        keys = pooler.ln_k(tokens).transpose(0, 1)
        queries = pooler.ln_q(pooler.query).unsqueeze(1).expand(-1, len(tokens), -1)
        return pooler.attn(queries, keys, keys)[0].transpose(0, 1)

    if pooler is not None:
        pooler.forward = pool


def text_tower():
    return dict(context_length=8, vocab_size=50, width=32, heads=4, layers=1)


class Peers(unittest.TestCase):
    def close(self, found, expected):
        self.assertEqual(found.shape, expected.shape)
        self.assertLess((found - expected).abs().max().item(), TOLERANCE)

    def test_clip(self):
        from open_clip.model import CLIP

        for layers, index in (("0:", 0), ("-2:", -2)):
            model = CLIP(20, dict(layers=4, width=32, head_width=8, patch_size=4, image_size=16), text_tower())
            zoo.randomise(model, seed=3)
            generator = torch.Generator().manual_seed(4)
            image, text = torch.randn(1, 3, 16, 16, generator=generator), torch.randn(2, 20, generator=generator)
            text = F.normalize(text, dim=-1)
            found = ours(model.visual, image, f"legrad/readout=token_mean/layers={layers}", text)
            with_tokens_first(model.visual)
            expected = wrapped(model, index).compute_legrad(text_embedding=text, image=image).detach()
            self.close(min_max(F.interpolate(found, scale_factor=4, mode="bilinear")), min_max(expected))

    def test_coca(self):
        from open_clip.transformer import VisionTransformer
        from open_clip.model import CLIP

        for layers, index in (("0:", 0), ("-2:", -2)):
            model = CLIP(20, dict(layers=4, width=32, head_width=8, patch_size=4, image_size=16, attentional_pool=True,
                                  attn_pooler_queries=5, attn_pooler_heads=2), text_tower())
            self.assertIsInstance(model.visual, VisionTransformer)
            zoo.randomise(model, seed=5)
            generator = torch.Generator().manual_seed(6)
            image, text = torch.randn(1, 3, 16, 16, generator=generator), torch.randn(1, 20, generator=generator)
            found = ours(model.visual, image, f"legrad/readout=published/layers={layers}", text, ["--similarity", "dot"])
            with_tokens_first(model.visual)
            expected = wrapped(model, index).compute_legrad(text_embedding=text, image=image).detach()
            self.close(enlarged(found, 4), expected)

    def test_siglip(self):
        from open_clip.model import CustomTextCLIP

        vision = dict(timm_model_name="vit_base_patch16_siglip_224", timm_pool="map", timm_proj="none", image_size=224)
        for layers, index in (("0:", 0), ("-2:", -2)):
            model = CustomTextCLIP(768, vision, text_tower()).eval()
            zoo.randomise(model, seed=7)
            generator = torch.Generator().manual_seed(8)
            image, text = torch.randn(1, 3, 224, 224, generator=generator), torch.randn(1, 768, generator=generator)
            text = F.normalize(text, dim=-1)
            found = ours(model.visual, image, f"legrad/readout=published/layers={layers}", text)
            expected = wrapped(model, index).compute_legrad(text_embedding=text, image=image, apply_correction=False)
            self.close(F.interpolate(min_max(found), scale_factor=16, mode="bilinear"), expected.detach())

    def test_torchvision(self):
        from torchcam.methods import LeGrad

        made = zoo.torchvision_vit()
        zoo.randomise(made.model, seed=9)
        image = torch.randn(1, 3, *made.image, generator=torch.Generator().manual_seed(10))
        for chosen in ([0, 1, 2], [1, 2]):
            method = f"legrad/readout=token_mean/layers={','.join(map(str, chosen))}"
            found = ours(made.model, image, method, options=["--class", "3"])
            layers = [made.model.encoder.layers[index] for index in chosen]
            with LeGrad(made.model, target_layer=layers) as cam:
                scores = made.model(image)
                expected = cam(class_idx=3, scores=scores)
            self.close(min_max(found)[:, 0], min_max(torch.stack([m.detach() for m in expected]).mean(0) if len(expected) > 1
                                                      else expected[0].detach()))


if __name__ == "__main__":
    torch.set_num_threads(1)
    unittest.main()
