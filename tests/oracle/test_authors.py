#!/usr/bin/env python
"""Checks baselines.py against what their authors published: pytorch-grad-cam, torch-cam and legrad-torch, as they are installed; and
the equations of papers whose code is no package, multiplied out into sums over paths, where baselines.py steps from block to block.

    python tests/oracle/test_authors.py
"""

import contextlib
import dataclasses
import functools
import io
import itertools
import unittest

import torch
from torch.nn import functional as F

import baselines
import definitions
import zoo

CLASSES = [2, 5]
BATCH = 2


def specimen(**options):
    made = zoo.timm_vit(heads=4, **options)
    zoo.randomise(made.model, seed=21)
    made.model.to(torch.float64)
    generator = torch.Generator().manual_seed(22)
    return made, torch.randn(BATCH, 3, *made.image, generator=generator, dtype=torch.float64)


def as_pictures(made):
    """What CAM libraries ask of a transformer's user: tokens [B, N, d] to [B, d, rows, columns], patches only."""
    return lambda tokens: tokens[:, made.patch_positions].transpose(1, 2).unflatten(2, made.grid)


def over_paths(maps):
    """Every way from the last block to the first, told apart by the blocks in which it moves from token to token: the sum over all
    non-empty sets of blocks of the product of their maps. [B, N, N]."""
    depth = len(maps)
    products = []
    for length in range(1, depth + 1):
        for moved in itertools.combinations(range(depth), length):
            products.append(functools.reduce(torch.matmul, [maps[block] for block in reversed(moved)]))
    return torch.stack(products).sum(dim=0)


def lazy_walk(maps):
    """Abnar & Zuidema 2020, section 3, as the random walk that it is: in every block, stay with probability 1/2 (the skip), or follow
    the attention with probability 1/2. All ways are equally likely, and one of them moves nowhere."""
    return (torch.eye(maps[0].shape[-1]) + over_paths(maps)) / 2 ** len(maps)


def relevance(score, maps):
    """Chefer 2021b, eq. 5, of every map [B, h, M, N]: what raises the score, the mean over heads of (A * ds/dA)+."""
    slopes = torch.autograd.grad(score, maps, retain_graph=True)
    return [(a.detach() * slope).clamp(min=0).mean(dim=1) for a, slope in zip(maps, slopes)]


class AgainstTheAuthors(unittest.TestCase):
    def setUp(self):
        torch.set_default_dtype(torch.float64)
        self.addCleanup(torch.set_default_dtype, torch.float32)

    def assert_close(self, found, expected):
        self.assertEqual(found.shape, expected.shape)
        self.assertLess(((found - expected).abs().max() / expected.abs().max()).item(), 1e-12)

    def test_grad_cam_is_pytorch_grad_cams(self):
        from pytorch_grad_cam import GradCAM
        from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

        made, images = specimen(reg_tokens=1)
        expected = baselines.grad_cam(made, images, definitions.Target(classes=CLASSES), [1], include_prefix=False)
        cam = GradCAM(made.model, [made.blocks[1]], reshape_transform=as_pictures(made))
        for k, index in enumerate(CLASSES):
            targets = [ClassifierOutputTarget(index)] * BATCH
            cam(images, targets)
            seen = cam.activations_and_grads
            found = cam.get_cam_image(images, made.blocks[1], targets, seen.activations[0].numpy(),
                                      seen.gradients[0].numpy())
            # It sums over the width where eq. 12 takes the mean.
            self.assert_close(torch.tensor(found).clamp(min=0) / made.width, expected[:, k])

    def test_grad_cam_is_torch_cams(self):
        from torchcam.methods import GradCAM

        made, images = specimen(global_pool="avg")
        expected = baselines.grad_cam(made, images, definitions.Target(classes=CLASSES), [0], include_prefix=False)
        for k, index in enumerate(CLASSES):
            with GradCAM(made.model, "blocks.0", made.image, reshape_transform=as_pictures(made)) as extractor:
                (found,) = extractor(index, made.model(images), normalized=False)
            self.assert_close(found.detach() / made.width, expected[:, k])

    def test_rollout_is_a_lazy_walk(self):
        made, images = specimen()
        target = definitions.Target(classes=CLASSES)
        _, attention, _, _ = baselines.final(made, images, target)
        for start_layer in (0, 1):
            walk = lazy_walk([a.detach().mean(dim=1) for a in attention[start_layer:]])
            from_class_token = walk[:, 0, made.patch_positions].unflatten(1, made.grid)
            found = baselines.rollout(made, images, target, start_layer=start_layer)
            for k in range(len(CLASSES)):
                self.assert_close(found[:, k], from_class_token)

    def test_chefer_cam_is_a_sum_over_paths(self):
        made, images = specimen()
        target = definitions.Target(classes=CLASSES)
        _, attention, _, scores = baselines.final(made, images, target)
        for start_layer in (0, 1):
            found = baselines.chefer_cam(made, images, target, start_layer=start_layer)
            for k in range(len(CLASSES)):
                # eq. 6 from R = I: R - I is all ways of one step or more.
                paths = over_paths(relevance(scores[:, k].sum(), attention[start_layer:]))
                self.assert_close(found[:, k], paths[:, 0, made.patch_positions].unflatten(1, made.grid))

    def test_chefer_cam_of_a_pooler_is_a_last_step_over_paths(self):
        made, images = specimen(class_token=False, global_pool="map")
        target = definitions.Target(classes=CLASSES)
        _, attention, pooler, scores = baselines.final(made, images, target)
        for k in range(len(CLASSES)):
            *blocks, last = relevance(scores[:, k].sum(), [*attention, pooler])
            paths = over_paths(blocks)
            # eq. 10 with the queries' own R = I: the last step, alone or after a way. By eq. 8 and 9 each token's ways sum to 1.
            for normalize, ways in ((False, paths), (True, F.normalize(paths, p=1, dim=-1))):
                found = baselines.chefer_cam(made, images, target, normalize=normalize)
                expected = last + torch.einsum("bqi,bij->bqj", last, ways)
                self.assert_close(found[:, k], expected[:, 0].unflatten(1, made.grid))

    def test_the_correction_is_legrad_torchs(self):
        from legrad import LeWrapper
        from open_clip.timm_model import TimmModel

        made, images = specimen(class_token=False, global_pool="map")
        made.model.reset_classifier(0)
        # Their code pools Z^l without the final norm, and normalises.
        published = dataclasses.replace(made, readout=lambda z: F.normalize(made.model.attn_pool(z), dim=-1))
        text, empty = F.normalize(torch.randn(2, 1, made.width, generator=torch.Generator().manual_seed(23)), dim=-1)
        image = images[:1]

        def maps(embedding):
            return definitions.legrad(published, image, definitions.Target(embeddings=embedding, similarity="dot"))[0]

        expected = baselines.corrected(maps(text), maps(empty))
        least, greatest = expected.amin((-1, -2), keepdim=True), expected.amax((-1, -2), keepdim=True)
        expected = F.interpolate((expected - least) / (greatest - least), scale_factor=4, mode="bilinear")

        clip = torch.nn.Module()
        clip.visual = TimmModel("vit_tiny_patch16_224", embed_dim=made.width, pool="map", proj=None, pretrained=False)
        clip.visual.trunk = made.model
        clip.encode_image = clip.visual
        with contextlib.redirect_stdout(io.StringIO()):
            wrapper = LeWrapper(clip, layer_index=0)
        wrapper.empty_embedding = empty.t()
        self.assert_close(wrapper.compute_legrad_siglip(text, image).detach(), expected)


if __name__ == "__main__":
    torch.set_num_threads(1)
    unittest.main()
