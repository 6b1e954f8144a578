"""What is explained: ViT-B/16 at 224² from three homes, with random weights that are the same in every process that asks for them."""

import dataclasses
import pathlib
import sys

import torch
from torch import nn
from torch.nn import functional as F

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "tests/oracle"))
import zoo  # noqa: E402


@dataclasses.dataclass
class Case:
    model: nn.Module  # pictures -> scores or embeddings
    image: torch.Tensor
    whole: nn.Module = None  # what the model is a part of, where a peer wants that
    target: int = 3
    targets: int = 1  # so many, from that one on
    embedding: torch.Tensor = None  # in place of the target: what the output is compared with, [1, width]


def random(*shape, seed):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def timm(side=224, name="vit_base_patch16_224", **options):
    import timm as home

    model = home.create_model(name, img_size=side, **options).eval()
    zoo.randomise(model, seed=1)
    return Case(model, random(1, 3, side, side, seed=2))


def narrow(side=224):
    """What a slow machine can run on 16 thousand tokens."""
    return timm(side, "vit_tiny_patch16_224", depth=4)


def torchvision():
    from torchvision.models import vit_b_16

    model = vit_b_16().eval()
    zoo.randomise(model, seed=3)
    return Case(model, random(1, 3, 224, 224, seed=4))


def open_clip():
    from open_clip.model import CLIP

    vision = dict(layers=12, width=768, head_width=64, patch_size=16, image_size=224)
    text = dict(context_length=8, vocab_size=50, width=64, heads=1, layers=1)
    whole = CLIP(512, vision, text).eval()
    zoo.randomise(whole, seed=5)
    return Case(whole.visual, random(1, 3, 224, 224, seed=6), whole, embedding=F.normalize(random(1, 512, seed=7), dim=-1))


CASES = {"timm": timm, "narrow": narrow, "torchvision": torchvision, "open_clip": open_clip}


@torch.no_grad()
def export(case, file):
    torch.jit.trace(case.model, case.image, check_trace=False).save(str(file))


@torch.no_grad()
def export_onnx(case, file):
    torch.onnx.export(case.model, (case.image,), str(file), dynamo=False, input_names=["images"],
                      dynamic_axes={"images": {0: "batch"}})


def min_max(maps):
    return (maps - maps.min()) / (maps.max() - maps.min())


def apart(ours, theirs):
    """The largest difference of two maps after min-max, ours enlarged to the size of theirs."""
    enlarged = F.interpolate(min_max(ours)[None, None], theirs.shape, mode="bilinear")[0, 0]
    return (min_max(enlarged) - min_max(theirs)).abs().max().item()
