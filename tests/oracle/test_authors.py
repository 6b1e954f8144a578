#!/usr/bin/env python
"""Checks baselines.py against other people's code: pytorch-grad-cam, torch-cam and legrad-torch as they are; of the repositories that
cannot be installed, the functions in question, copied (hila-chefer/Transformer-MM-Explainability at 58eaea85, MIT).

    python tests/oracle/test_authors.py
"""

import contextlib
import dataclasses
import io
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


# --- Transformer-MM-Explainability, DETR/modules/ExplanationGenerator.py and CLIP_explainability.ipynb, less .to(device)


def compute_rollout_attention(all_layer_matrices, start_layer=0):
    # adding residual consideration
    num_tokens = all_layer_matrices[0].shape[1]
    eye = torch.eye(num_tokens)
    all_layer_matrices = [all_layer_matrices[i] + eye for i in range(len(all_layer_matrices))]
    all_layer_matrices = [all_layer_matrices[i] / all_layer_matrices[i].sum(dim=-1, keepdim=True)
                          for i in range(len(all_layer_matrices))]
    matrices_aug = all_layer_matrices
    joint_attention = matrices_aug[start_layer]
    for i in range(start_layer+1, len(matrices_aug)):
        joint_attention = matrices_aug[i].matmul(joint_attention)
    return joint_attention


def avg_heads(cam, grad):
    cam = cam.reshape(-1, cam.shape[-2], cam.shape[-1])
    grad = grad.reshape(-1, grad.shape[-2], grad.shape[-1])
    cam = grad * cam
    cam = cam.clamp(min=0).mean(dim=0)
    return cam


def handle_residual(orig_self_attention):
    self_attention = orig_self_attention.clone()
    diag_idx = range(self_attention.shape[-1])
    self_attention -= torch.eye(self_attention.shape[-1])
    assert self_attention[diag_idx, diag_idx].min() >= 0
    self_attention = self_attention / self_attention.sum(dim=-1, keepdim=True)
    self_attention += torch.eye(self_attention.shape[-1])
    return self_attention


def clip_image_relevance(one_hot, image_attn_blocks, start_layer, batch_size):
    """The image half of `interpret`; `image_attn_blocks` are the attn_probs, [B*h, N, N]."""
    num_tokens = image_attn_blocks[0].shape[-1]
    R = torch.eye(num_tokens, num_tokens, dtype=image_attn_blocks[0].dtype)
    R = R.unsqueeze(0).expand(batch_size, num_tokens, num_tokens)
    for i, blk in enumerate(image_attn_blocks):
        if i < start_layer:
            continue
        grad = torch.autograd.grad(one_hot, [blk], retain_graph=True)[0].detach()
        cam = blk.detach()
        cam = cam.reshape(-1, cam.shape[-1], cam.shape[-1])
        grad = grad.reshape(-1, grad.shape[-1], grad.shape[-1])
        cam = grad * cam
        cam = cam.reshape(batch_size, -1, cam.shape[-1], cam.shape[-1])
        cam = cam.clamp(min=0).mean(dim=1)
        R = R + torch.bmm(cam, R)
    return R[:, 0, 1:]


class AgainstTheirCode(unittest.TestCase):
    def setUp(self):
        torch.set_default_dtype(torch.float64)  # the copied code makes its torch.eye of it
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

    def test_rollout_is_chefers(self):
        made, images = specimen()
        target = definitions.Target(classes=CLASSES)
        _, attention, _, _ = baselines.final(made, images, target)
        for start_layer in (0, 1):
            heads_averaged = [a.mean(dim=1).detach() for a in attention]
            joint = compute_rollout_attention(heads_averaged, start_layer)
            found = joint[:, 0, 1:].unflatten(1, made.grid)
            expected = baselines.rollout(made, images, target, start_layer=start_layer)
            self.assert_close(found, expected[:, 0])
            self.assert_close(found, expected[:, 1])

    def test_chefer_cam_is_chefers_for_clip(self):
        made, images = specimen()
        target = definitions.Target(classes=CLASSES)
        _, attention, _, scores = baselines.final(made, images, target)
        for start_layer in (0, 1):
            expected = baselines.chefer_cam(made, images, target, start_layer=start_layer)
            for k in range(len(CLASSES)):
                found = clip_image_relevance(scores[:, k].sum(), attention, start_layer, BATCH)
                self.assert_close(found.unflatten(1, made.grid), expected[:, k])

    def test_chefer_cam_of_a_pooler_is_detrs_rules(self):
        made, images = specimen(class_token=False, global_pool="map")
        target = definitions.Target(classes=CLASSES)
        for image in range(BATCH):  # their rules know no batch
            one = images[image:image + 1]
            _, attention, pooler, scores = baselines.final(made, one, target)
            for k in range(len(CLASSES)):
                def relevance(a):
                    return avg_heads(a.detach(), torch.autograd.grad(scores[:, k].sum(), a, retain_graph=True)[0])

                r = torch.eye(made.tokens)
                for a in attention:  # handle_self_attention_image
                    r = r + torch.matmul(relevance(a), r)
                # apply_mm_attention_rules, without the queries' own R (an identity, which eq. 8 cannot normalise)
                for normalize, r_image in ((False, r), (True, handle_residual(r))):
                    found = torch.matmul(relevance(pooler), r_image)
                    expected = baselines.chefer_cam(made, one, target, normalize=normalize)
                    self.assert_close(found[0].unflatten(0, made.grid), expected[0, k])

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
