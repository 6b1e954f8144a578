"""Words' scores by their definitions, in double precision on attention maps that are written out: a text tower cut short behind
block l gives s^l, and autograd the gradient at A^l."""

import contextlib

import torch
from torch import nn
from torch.nn import functional as F

from attention import materialised
from relevance import kept_queries_and_keys


def blocks_of(model):
    """The list of the text side's blocks, and whose attribute it is."""
    found = [(module, name, child) for path, module in model.named_modules() if not {"visual", "text_decoder"} & set(path.split("."))
             for name, child in module.named_children() if isinstance(child, nn.ModuleList) and name in ("resblocks", "layers")]
    (place,) = found
    return place


@contextlib.contextmanager
def cut_short(model, count):
    """The model with the first `count` of its blocks alone."""
    parent, name, blocks = blocks_of(model)
    setattr(parent, name, blocks[:count])
    try:
        yield
    finally:
        setattr(parent, name, blocks)


def cosines(embeddings, images):
    return (F.normalize(embeddings, dim=-1) * F.normalize(images, dim=-1)).sum(-1)


def words_legrad(model, encode, ids, images):
    """1/L Σ_l 1/(hN) Σ_{h,i} relu(∂s^l/∂A^l_{h,i,j}); [K, N]."""
    maps = []
    for count in range(1, len(blocks_of(model)[2]) + 1):
        with cut_short(model, count), materialised() as attention:
            score = cosines(encode(ids), images).sum()
        assert len(attention) == count
        (gradient,) = torch.autograd.grad(score, attention[-1])
        maps.append((gradient.clamp(min=0) * (attention[-1] != 0)).mean(dim=(1, 2)))
    return torch.stack(maps).mean(0).detach()


def words_grad_eclip(model, encode, ids, images, read, heads="model", last=8):
    """relu(Σ_l Σ_h λ_{h,j} <∂s/∂O_{h,r}, V_{h,j}>), the product being ∂s/∂A_{h,r,j}; `read` [K] is r."""
    parts = []
    with kept_queries_and_keys(parts), materialised() as attention:
        score = cosines(encode(ids), images).sum()
    gradients = torch.autograd.grad(score, attention)
    row, total = torch.arange(len(ids)), 0
    for (query, key), a, gradient in list(zip(parts, attention, gradients))[-last:]:
        if heads == "one":
            query, key = (p.transpose(1, 2).flatten(2)[:, None] for p in (query, key))
        near = F.normalize(query[row, :, read], dim=-1)[:, :, None] @ F.normalize(key, dim=-1).transpose(-2, -1)  # [K, h, 1, N]
        least, most = near.amin(-1, keepdim=True), near.amax(-1, keepdim=True)
        seen = a[row, :, read] != 0
        total = total + ((((near - least) / (most - least))[:, :, 0] * gradient[row, :, read]) * seen).sum(1)
    return total.clamp(min=0).detach()
