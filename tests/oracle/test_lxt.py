#!/usr/bin/env python
"""Compares the program's attn_lrp/rules=cp with lxt 2.1, its authors' library, and zennit's gamma rule, on a torchvision ViT. In a
process of its own: lxt changes torch's classes. Needs build/bin/legrad.

    python tests/oracle/test_lxt.py
"""

import unittest

import torch
import transformers.pytorch_utils

import zoo
from test_peers import TOLERANCE, min_max, ours

for name in ("find_pruneable_heads_and_indices", "prune_linear_layer", "apply_chunking_to_forward"):  # of older versions
    if not hasattr(transformers.pytorch_utils, name):
        setattr(transformers.pytorch_utils, name, None)


class Lxt(unittest.TestCase):
    def test_torchvision(self):
        from lxt.efficient import monkey_patch, monkey_patch_zennit
        from torchvision.models import vision_transformer
        from zennit.composites import LayerMapComposite
        from zennit.rules import Gamma

        made = zoo.torchvision_vit()
        zoo.randomise(made.model, seed=9)
        image = torch.randn(1, 3, *made.image, generator=torch.Generator().manual_seed(10))
        plain = {target: ours(made.model, image, "attn_lrp/rules=cp", options=["--class", str(target)]) for target in (0, 3)}
        favoured = ours(made.model, image, "attn_lrp/rules=cp/gamma_patches=0.25", options=["--class", "3"])
        monkey_patch(vision_transformer)
        monkey_patch_zennit()
        rows, columns = made.grid

        def expect(maps, target):
            x = image.clone().requires_grad_()
            made.model(x)[0, target].backward()
            pixels = (x * x.grad).detach().sum(1)
            expected = pixels.reshape(1, rows, image.shape[2] // rows, columns, image.shape[3] // columns).sum(dim=(2, 4))
            self.assertLess((min_max(maps)[:, 0] - min_max(expected)).abs().max().item(), TOLERANCE)
            self.assertLess(((maps[:, 0] - expected).abs().max() / expected.abs().max()).item(), TOLERANCE)

        for target, maps in plain.items():
            expect(maps, target)
        gamma = LayerMapComposite([(torch.nn.Conv2d, Gamma(0.25))])
        gamma.register(made.model)
        expect(favoured, 3)
        gamma.remove()


if __name__ == "__main__":
    torch.set_num_threads(1)
    unittest.main()
