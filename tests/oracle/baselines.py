"""The paper's baselines by their definitions, in double precision on materialised attention; see definitions.py.

Nothing here is clever: N x N maps are stored and multiplied, gradients come from autograd.
"""

import torch

from attention import materialised
from definitions import gradients, on_grid, over_all_tokens, run


def final(specimen, images, target):
    """Z^l, A^l of every block, the pooler's A (None without one), and the final scores [B, K], all of one graph."""
    tokens, attention, _ = run(specimen, images)
    with materialised() as pooler_maps:
        scores = target.scores(specimen.readout(tokens[-1]))
    return tokens, attention, pooler_maps[0] if specimen.pooler else None, scores


def chosen(layers, start_layer, depth):
    return [l for l in range(depth) if l >= start_layer and (layers is None or l in {k % depth for k in layers})]


def readout_mean(specimen, rows):
    """The uniform mean of the rows the output is computed from: [..., M, N] -> [..., N]; of a pooler's, the queries read."""
    return rows[..., specimen.rows_read, :].mean(dim=-2)


def grad_cam(specimen, images, target, layers=None, include_prefix=True, multi_layer=False):
    """eq. 12: w = mean_i ds/dz_i, map = relu(mean_c w_c Z_jc)."""
    tokens, _, _, scores = final(specimen, images, target)
    depth = len(tokens)
    if layers is None:
        layers = range(depth) if multi_layer else [max(round(2 * depth / 3) - 1, 0)]
    maps = []
    for z in (tokens[layer] for layer in layers):
        per_target = []
        for k in range(scores.shape[1]):
            (gradient,) = torch.autograd.grad(scores[:, k].sum(), z, retain_graph=True)
            rows = gradient if include_prefix else gradient[:, specimen.patch_positions]
            w = rows.mean(dim=1)
            per_target.append(torch.einsum("bd,bnd->bn", w, z).div(z.shape[-1]).clamp(min=0).detach())
        maps.append(torch.stack(per_target, dim=1))
    return on_grid(specimen, torch.stack(maps).mean(dim=0))


def attention_cam(specimen, images, target, layer=-1):
    """eq. 13: w_h = mean_ij ds/dA_hij, map = sum_h w_h A_h, the class token's row."""
    _, attention, pooler, scores = final(specimen, images, target)
    a = pooler if specimen.pooler else attention[layer]
    gradient = gradients(scores, a)
    if specimen.pooler:
        gradient, a = over_all_tokens(specimen, gradient), over_all_tokens(specimen, a)
    w = gradient.mean(dim=(-1, -2))  # [K, B, h]
    weighted = torch.einsum("kbh,bhmn->bkmn", w, a).detach()
    return on_grid(specimen, readout_mean(specimen, weighted))


def raw_attention(specimen, images, target, layer=-1):
    """eq. 14: the class token's row, heads averaged; the same for every target."""
    _, attention, pooler, scores = final(specimen, images, target)
    a = (pooler if specimen.pooler else attention[layer]).detach()
    if specimen.pooler:
        a = over_all_tokens(specimen, a)
    row = readout_mean(specimen, a.mean(dim=1))
    return on_grid(specimen, row[:, None].expand(-1, scores.shape[1], -1))


def discarded(fused, ratio):
    """The smallest entries of each row 0."""
    fused = fused.clone()
    for row in fused.view(-1, fused.shape[-1]):
        row[torch.argsort(row)[: int(ratio * row.numel())]] = 0
    return fused


def rollout(specimen, images, target, layers=None, start_layer=0, head_fusion="mean", discard_ratio=0.0):
    """Abnar & Zuidema: the product of the row-normalised A + I; the same for every target."""
    _, attention, pooler, scores = final(specimen, images, target)

    def fuse(a):
        a = a.detach()
        fused = {"mean": a.mean(dim=1), "max": a.max(dim=1).values, "min": a.min(dim=1).values}[head_fusion]
        return discarded(fused, discard_ratio)

    product = torch.eye(attention[0].shape[-1], dtype=scores.dtype)
    for layer in chosen(layers, start_layer, len(attention)):
        with_skip = fuse(attention[layer]) + torch.eye(product.shape[-1], dtype=scores.dtype)
        product = (with_skip / with_skip.sum(dim=-1, keepdim=True)) @ product
    if specimen.pooler:
        pooled = fuse(over_all_tokens(specimen, pooler))
        product = (pooled / pooled.sum(dim=-1, keepdim=True)) @ product
    row = readout_mean(specimen, product)
    return on_grid(specimen, row[:, None].expand(-1, scores.shape[1], -1))


def chefer_cam(specimen, images, target, layers=None, start_layer=0, normalize=False):
    """Chefer 2021b, eq. 5, 6; for a pooler eq. 10 without skip and R_qq, with `normalize` eq. 8 and 9 on R_kk."""
    _, attention, pooler, scores = final(specimen, images, target)

    def relevance(a):
        return (gradients(scores, a) * a).clamp(min=0).mean(dim=2).transpose(0, 1).detach()  # [B, K, M, N]

    identity = torch.eye(attention[0].shape[-1], dtype=scores.dtype)
    r = identity.expand(*scores.shape, -1, -1)
    for layer in chosen(layers, start_layer, len(attention)):
        r = r + relevance(attention[layer]) @ r
    if not specimen.pooler:
        return on_grid(specimen, readout_mean(specimen, r - identity))
    if normalize:
        r = (r - identity) / (r - identity).sum(dim=-1, keepdim=True) + identity
    return on_grid(specimen, readout_mean(specimen, over_all_tokens(specimen, relevance(pooler)) @ r))


def corrected(maps, empty_maps, threshold=0.8):
    """eq. 15: 0 where the empty prompt's map [B, 1, rows, columns], min-max normalised, is above the threshold."""
    least, greatest = empty_maps.amin((-1, -2), keepdim=True), empty_maps.amax((-1, -2), keepdim=True)
    return torch.where((empty_maps - least) / (greatest - least) > threshold, 0, maps)


METHODS = {f.__name__: f for f in (grad_cam, attention_cam, raw_attention, rollout, chefer_cam)}


def of_maps_alone(specimen, named):
    yield "raw_attention", {}, named["main"]
    if not specimen.pooler:
        yield "raw_attention", {"layer": 1}, named["second"]
    yield "rollout", {}, named["main"]
    yield "rollout", {"start_layer": 1, "head_fusion": "max", "discard_ratio": 0.3}, named["second"]
    yield "rollout", {"layers": [0, -1], "head_fusion": "min"}, named["third"]


def cases(specimen, named):
    """(method, options, target) of a fixture, after those of LeGrad and plain CheferCAM."""
    yield "grad_cam", {}, named["main"]
    yield "grad_cam", {"layers": [0], "include_prefix": False}, named["second"]
    yield "grad_cam", {"multi_layer": True}, named["third"]
    yield "attention_cam", {}, named["main"]
    if not specimen.pooler:
        yield "attention_cam", {"layer": 0}, named["third"]
    if not specimen.differential:
        yield from of_maps_alone(specimen, named)
    yield "chefer_cam", {"start_layer": 1}, named["second"]
    if specimen.pooler:
        yield "chefer_cam", {"normalize": True}, named["main"]
        yield "chefer_cam", {"normalize": True, "layers": [0, 2]}, named["third"]
