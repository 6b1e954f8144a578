#!/usr/bin/env python
"""One way of others to explain a ViT-B/16, as its documentation has it, in a process that takes turns with others (turns.py).

    python bench/peers.py --name legrad-torch --case open_clip --map map.npy
"""

import argparse
import contextlib
import copy
import io

import torch

import cases
import turns

BLOCK = 7  # where GradCAM looks by default in our library, of 12


def as_pictures(tokens):
    """What CAM libraries ask of a transformer's user: tokens [B, N, d] to [B, d, rows, columns], patches only."""
    side = round((tokens.shape[1] - 1) ** 0.5)
    return tokens[:, 1:].transpose(1, 2).unflatten(2, (side, side))


def of_patches(row):
    side = round(row.shape[-1] ** 0.5)
    return row.unflatten(-1, (side, side))


def pytorch_grad_cam(case):
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    cam = GradCAM(case.model, [case.model.blocks[BLOCK]], reshape_transform=as_pictures)
    return lambda: torch.from_numpy(cam(case.image, [ClassifierOutputTarget(case.target)])[0])


def torchcam_grad_cam(case):
    from torchcam.methods import GradCAM

    cam = GradCAM(case.model, f"blocks.{BLOCK}", tuple(case.image.shape[1:]), reshape_transform=as_pictures)
    return lambda: cam(case.target, case.model(case.image))[0][0]


def torchcam_legrad(case):
    from torchcam.methods import LeGrad

    cam = LeGrad(case.model, list(case.model.encoder.layers))
    return lambda: cam(case.target, case.model(case.image))[0][0]


def legrad_torch(case):
    from legrad import LeWrapper

    for block in case.model.transformer.resblocks:
        block.attn.batch_first = False  # it is of the time when tokens came first
    with contextlib.redirect_stdout(io.StringIO()):
        wrapped = LeWrapper(case.whole, layer_index=0)
    return lambda: wrapped.compute_legrad(text_embedding=case.embedding, image=case.image).detach()[0, 0]


def captum(case):
    from captum.attr import LayerGradientXActivation

    method = LayerGradientXActivation(case.model, case.model.blocks[BLOCK])
    return lambda: of_patches(method.attribute(case.image, target=case.target).detach().sum(-1)[0, 1:])


def lxt(case):
    import transformers.pytorch_utils
    from torchvision.models import vision_transformer

    for name in ("find_pruneable_heads_and_indices", "prune_linear_layer", "apply_chunking_to_forward"):  # of older versions
        if not hasattr(transformers.pytorch_utils, name):
            setattr(transformers.pytorch_utils, name, None)
    from lxt.efficient import monkey_patch

    monkey_patch(vision_transformer)

    def explain():
        image = case.image.clone().requires_grad_()
        case.model(image)[0, case.target].backward()
        return torch.nn.functional.avg_pool2d((image * image.grad).detach().sum(1), 16)[0]

    return explain


class KeptMaps:
    """The attention maps and the tokens of a timm model's blocks while it runs, with what autograd needs to go back to them."""

    def __init__(self, model):
        self.model = model.requires_grad_(False)
        for block in model.blocks:
            block.attn.fused_attn = False
            block.attn.attn_drop.register_forward_hook(lambda _, __, maps: self.maps.append(maps))
            block.register_forward_hook(lambda _, __, tokens: self.tokens.append(tokens))

    def run(self, images):
        self.maps, self.tokens = [], []
        scores = self.model(images.clone().requires_grad_())
        return scores, self.maps, self.tokens

    def forget(self):
        del self.maps, self.tokens


def chefer(case):
    """CheferCAM by its equations 5 and 6, ICCV 2021: R starts as the identity; every block adds what its attention raises the score by,
    the mean over heads of the positive part of gradient times attention, times R."""
    kept = KeptMaps(case.model)

    def explain():
        scores, maps, _ = kept.run(case.image)
        slopes = torch.autograd.grad(scores[0, case.target], maps)
        relevance = torch.eye(maps[0].shape[-1])
        for attention, slope in zip(maps, slopes):
            relevance = relevance + (slope * attention.detach()).clamp(min=0).mean(1)[0] @ relevance
        kept.forget()
        return of_patches(relevance[0, 1:])

    return explain


def plain_legrad(case):
    """LeGrad by its equations 7 and 10: of each block's own score the gradient at its attention map, its positive part's mean over heads
    and queries, the mean over blocks. By autograd, with the maps kept, one target after the other."""
    kept = KeptMaps(case.model)

    def explain():
        _, maps, tokens = kept.run(case.image)
        found = 0
        for attention, after in zip(maps, tokens):
            scores = case.model.forward_head(case.model.norm(after)).sum(0)
            slopes = [torch.autograd.grad(scores[case.target + k], attention, retain_graph=True)[0].clamp(min=0).mean((1, 2))
                      for k in range(case.targets)]
            found = found + torch.stack(slopes, 1)
        kept.forget()
        return of_patches(found[0, 0, 1:])

    return explain


PEERS = {
    "legrad-torch": legrad_torch,
    "torch-cam-legrad": torchcam_legrad,
    "plain-legrad": plain_legrad,
    "torch-cam-gradcam": torchcam_grad_cam,
    "pytorch-grad-cam": pytorch_grad_cam,
    "captum": captum,
    "chefer": chefer,
    "lxt": lxt,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--name", choices=PEERS, required=True)
    parser.add_argument("--case", choices=cases.CASES, required=True)
    parser.add_argument("--map", required=True, help="where its map goes, [rows, columns]")
    sizes = parser.add_argument_group("for plain-legrad on a timm model")
    sizes.add_argument("--side", type=int, default=224)
    sizes.add_argument("--batch", type=int, default=1)
    sizes.add_argument("--targets", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(turns.THREADS)
    case = cases.CASES[options.case](*([options.side] if options.name == "plain-legrad" else []))
    case.image = case.image.repeat(options.batch, 1, 1, 1)
    case.targets = options.targets
    plain = copy.deepcopy(case.model)  # which no peer has changed
    explain = PEERS[options.name](case)

    @torch.inference_mode()
    def forward():
        plain(case.image)

    turns.serve(forward, explain, options.map)


if __name__ == "__main__":
    main()
