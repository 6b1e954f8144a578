"""GEM (Bousselham et al., CVPR 2024) by its definition, in double precision: a second path through the last blocks, made of the
model's own modules."""

import operator

import torch
from torch.nn import functional as F

from definitions import on_grid, run
from relevance import NoRule

# What every home calls a block's first norm, the layer behind its attention, and the scale behind that.
NORMS = ("norm1", "ln_1", "layernorm_before", "layer_norm1")
LAYERS = ("attn.proj", "attn.out_proj", "self_attention.out_proj", "self_attn.out_proj", "attention.o_proj", "project")
SCALES = ("ls1", "ls_1", "layer_scale1", "lambda_1", "gamma_1")


def part(block, names):
    for name in names:
        try:
            return operator.attrgetter(name)(block)
        except AttributeError:
            continue
    return None


def attended(specimen, images):
    """Z^l and, of every block, (Q, K, V) and what its first norm gives."""
    parts, normed, handles = [], [], []
    for block in specimen.blocks:
        handles.append(part(block, NORMS).register_forward_hook(lambda module, arguments, result: normed.append(result)))
    softmax, matmul = torch.softmax, torch.Tensor.__matmul__
    waiting = []  # Q and K of the last product; then those and A, until A's product with V

    def product(a, b):
        if len(waiting) == 2 and a is waiting[1]:
            parts.append((*waiting[0], b))
        elif a.dim() == b.dim() == 4:
            waiting[:] = [(a, b.transpose(-2, -1))]
        return matmul(a, b)

    def kept(*args, **kwargs):
        waiting[1:] = [softmax(*args, **kwargs)]
        return waiting[1]

    torch.softmax, torch.Tensor.__matmul__ = kept, product
    try:
        tokens, _, _ = run(specimen, images)
    finally:
        torch.softmax, torch.Tensor.__matmul__ = softmax, matmul
        for handle in handles:
            handle.remove()
    normed = [x.transpose(0, 1) if specimen.tokens_first else x for x in normed]
    assert len(parts) == len(normed) == len(specimen.blocks)
    return tokens, parts, normed


def like_to_like(p, values, sharpness):
    return torch.softmax(sharpness * (p @ p.transpose(-2, -1)), dim=-1) @ values


def gem(specimen, images, target, start_layer=None, iterations=1):
    if specimen.sites > 1 or any(type(block).__name__ == "ResPostBlock" or part(block, LAYERS) is None or part(block, NORMS) is None
                                 for block in specimen.blocks):
        raise NoRule("attention is not added as it is")
    tokens, parts, normed = attended(specimen, images)
    depth = len(tokens)
    first = max(depth - 6, 0) if start_layer is None else start_layer % depth
    embedded = []
    handle = specimen.blocks[0].register_forward_pre_hook(lambda module, arguments: embedded.append(arguments[0]))
    specimen.model(images)
    handle.remove()
    start = embedded[0].transpose(0, 1) if specimen.tokens_first else embedded[0]
    stream = start if first == 0 else tokens[first - 1]
    for block, (query, key, value), x in list(zip(specimen.blocks, parts, normed))[first:]:
        sharpness = x.norm(dim=-1).mean(dim=-1)[:, None, None, None] / query.shape[-1] ** 0.5
        contexts = []
        for p in (query, key, value):
            for _ in range(iterations):
                p = F.normalize(p, dim=-1)
                p = like_to_like(p, p, sharpness)
            contexts.append(like_to_like(F.normalize(p, dim=-1), value, sharpness))
        added = part(block, LAYERS)((sum(contexts) / 3).transpose(1, 2).flatten(2))
        scale = part(block, SCALES)
        if scale is not None:
            added = scale(added) if callable(scale) else scale * added
        stream = stream + added
    scores = [target.scores(specimen.readout(stream[:, j:j + 1].expand_as(stream))) for j in range(stream.shape[1])]
    return on_grid(specimen, torch.stack(scores, dim=-1).detach())


def cases(specimen, named):
    """(method, options, target) of a fixture."""
    if not specimen.pooler:
        yield "gem", {}, named["main"]
        yield "gem", {"start_layer": -1, "iterations": 2}, named["second"]
