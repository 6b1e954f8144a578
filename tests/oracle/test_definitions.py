#!/usr/bin/env python
"""Checks the oracle itself: gradients by central differences on A, sums by plain loops, no autograd.

    python tests/oracle/test_definitions.py
"""

import unittest

import torch

import baselines
import definitions
import zoo
from attention import materialised

STEP = 1e-5
LAYERS = range(zoo.DEPTH)


def tiny(**options):
    """A model with 2 x 3 patches, its image [1, 3, 8, 12] and a target of one class."""
    specimen = zoo.timm_vit(image=(8, 12), heads=2, **options)
    zoo.randomise(specimen.model, seed=3)
    specimen.model.to(torch.float64)
    images = torch.randn(1, 3, 8, 12, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    return specimen, images


CLASS = 2


def block_output(specimen, images, layer, change):
    """Z^l of a forward in which `change` acts on the attention maps."""
    kept = []
    handle = specimen.blocks[layer].register_forward_hook(lambda module, arguments, result: kept.append(result))
    with torch.no_grad(), materialised(change):
        specimen.model(images)
    handle.remove()
    return kept[0]


def differences(score, shape):
    """ds/dA [h, M, N] where score(change) is s with A changed by `change(A)`."""
    gradient = torch.zeros(shape, dtype=torch.float64)
    for entry in range(gradient.numel()):
        values = []
        for step in (STEP, -STEP):
            bump = torch.zeros(gradient.numel(), dtype=torch.float64)
            bump[entry] = step
            values.append(score(lambda a: a + bump.view(shape)))
        gradient.view(-1)[entry] = (values[0] - values[1]) / (2 * STEP)
    return gradient


class AgainstDifferences(unittest.TestCase):
    def layer_gradient(self, specimen, images, layer, scored, expand):
        """d s^scored / dA^layer, A^layer the block's own; s^scored = readout(Z^scored)."""

        def score(change):
            z = block_output(specimen, images, scored, lambda i, a: change(a) if i == layer else a)
            return specimen.readout(expand(z)).detach()[0, CLASS]

        return differences(score, (2, specimen.tokens, specimen.tokens))

    def pooler_gradient(self, specimen, images, layer):
        """d s^layer / dA, A the pooler's attention to Z^layer."""
        z = block_output(specimen, images, layer, lambda i, a: a)

        def score(change):
            with torch.no_grad(), materialised(lambda i, a: change(a)):
                return specimen.readout(z)[0, CLASS]

        return differences(score, (2, 1, specimen.tokens))

    def expected_legrad(self, specimen, gradients):
        """eq. 7 and 10 with loops; gradients: one [h, M, N] a layer."""
        row, total = torch.zeros(specimen.tokens, dtype=torch.float64), 0
        for gradient in gradients:
            heads, queries, tokens = gradient.shape
            for h in range(heads):
                for i in range(queries):
                    for j in range(tokens):
                        row[j] += max(gradient[h, i, j].item(), 0) / (heads * queries * len(gradients))
        return row[specimen.prefix:].view(specimen.grid)

    def assert_close(self, found, expected):
        self.assertEqual(tuple(found.shape), (1, 1, *expected.shape))
        error = ((found[0, 0] - expected).abs().max() / expected.abs().max()).item()
        self.assertLess(error, 1e-6)

    def test_legrad_of_a_class_token(self):
        specimen, images = tiny(reg_tokens=1)
        for readout, expand in (("model", lambda z: z), ("token_mean", lambda z: z.mean(1, keepdim=True).expand_as(z))):
            gradients = [self.layer_gradient(specimen, images, layer, layer, expand) for layer in LAYERS]
            maps, _, _ = definitions.legrad(specimen, images, definitions.Target(classes=[CLASS]), readout)
            self.assert_close(maps, self.expected_legrad(specimen, gradients))

    def test_legrad_of_a_pooler(self):
        specimen, images = tiny(class_token=False, global_pool="map")
        gradients = [self.pooler_gradient(specimen, images, layer) for layer in LAYERS]
        maps, _, _ = definitions.legrad(specimen, images, definitions.Target(classes=[CLASS]))
        self.assert_close(maps, self.expected_legrad(specimen, gradients))

    def relevances(self, specimen, images):
        """Abar of every block, from differences of the final score."""
        _, attention, _ = definitions.run(specimen, images)
        found = []
        for layer in LAYERS:
            gradient = self.layer_gradient(specimen, images, layer, LAYERS[-1], lambda z: z)
            found.append((gradient * attention[layer][0].detach()).clamp(min=0).mean(0))
        return found

    def test_chefer_cam_of_a_patch_mean(self):
        specimen, images = tiny(global_pool="avg")
        # R = (I + Abar^L) ... (I + Abar^1), each path of one or more steps counted by itself.
        first, second, third = self.relevances(specimen, images)
        paths = first + second + third + second @ first + third @ first + third @ second + third @ second @ first
        expected = paths[specimen.prefix:].mean(0)[specimen.prefix:].view(specimen.grid)
        self.assert_close(baselines.chefer_cam(specimen, images, definitions.Target(classes=[CLASS])), expected)

    def test_chefer_cam_of_a_pooler(self):
        specimen, images = tiny(class_token=False, global_pool="map")
        with materialised() as maps:
            specimen.model(images)
        gradient = self.pooler_gradient(specimen, images, LAYERS[-1])
        row = (gradient * maps[-1][0].detach()).clamp(min=0).mean(0)
        for relevance in reversed(self.relevances(specimen, images)):
            row = row + row @ relevance
        expected = row[0].view(specimen.grid)
        self.assert_close(baselines.chefer_cam(specimen, images, definitions.Target(classes=[CLASS])), expected)


if __name__ == "__main__":
    torch.set_num_threads(1)
    unittest.main()
