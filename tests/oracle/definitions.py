"""LeGrad by its definition, in double precision on materialised attention.

Nothing here is clever: N x N maps are stored, gradients come from autograd. A `specimen` (see zoo.py) gives the model,
its blocks and its readout. The other methods are in baselines.py.
"""

import dataclasses

import torch
from torch.nn import functional as F

from attention import materialised


@dataclasses.dataclass
class Target:
    """What is explained; exactly one of the three is given."""

    classes: list = None           # K indices
    per_image: torch.Tensor = None  # [B, K] indices
    embeddings: torch.Tensor = None  # [K, C] or [B, K, C]
    similarity: str = "cosine"

    def scores(self, output):
        """s [B, K] of an output [B, C]."""
        if self.classes is not None:
            return torch.stack([output[:, c] for c in self.classes], dim=1)
        if self.per_image is not None:
            return output.gather(1, self.per_image % output.shape[1])
        embeddings = self.embeddings.to(output.dtype)
        if self.similarity == "cosine":
            output, embeddings = F.normalize(output, dim=-1), F.normalize(embeddings, dim=-1)
        if embeddings.dim() == 2:
            embeddings = embeddings.expand(output.shape[0], -1, -1)
        return (output[:, None, :] * embeddings).sum(-1)


def run(specimen, images):
    """Z^l [B, N, d] of every block, A^l [B, h, N, N] of every block, and the model's output [B, C]."""
    tokens, handles = [], []

    def keep(module, arguments, result):
        result = result[0] if isinstance(result, tuple) else result
        if not specimen.tokens_first:
            tokens.append(result)
            return None
        tokens.append(result.transpose(0, 1))
        return tokens[-1].transpose(0, 1)  # so that gradients are taken on the way

    for block in specimen.blocks:
        handles.append(block.register_forward_hook(keep))
    try:
        with materialised() as maps:
            output = specimen.output(specimen.model(images))
    finally:
        for handle in handles:
            handle.remove()
    blocks = len(specimen.blocks)
    assert len(tokens) == blocks and len(maps) == blocks + (1 if specimen.pooler else 0)
    return tokens, maps[:blocks], output


def on_grid(specimen, columns):
    """[..., N] -> [..., rows, columns]: patch columns only."""
    patches = columns[..., specimen.patch_positions]
    return patches.reshape(*patches.shape[:-1], *specimen.grid)


def over_all_tokens(specimen, pooler_map):
    """A pooler's A [B, h, M, n] over the tokens it attends to -> [B, h, M, N]: 0 at the others."""
    if specimen.pooler_tokens is None:
        return pooler_map
    return pooler_map @ torch.eye(specimen.tokens, dtype=pooler_map.dtype)[specimen.pooler_tokens]


def gradients(scores, attention):
    """d scores[:, k] / dA for every k: [K, B, h, M, N]. Images do not mix, so one sum over B serves all of them."""
    return torch.stack(
        [torch.autograd.grad(scores[:, k].sum(), attention, retain_graph=True)[0] for k in range(scores.shape[1])]
    )


def legrad(specimen, images, target, readout="model", layers=None, relu=True, negative_slope=0.0):
    """Returns maps [B, K, rows, columns], layer scores [L, B, K] and layer maps [L, B, K, rows, columns]."""
    tokens, attention, _ = run(specimen, images)
    if readout == "auto":
        one_row = not specimen.pooler and len(specimen.readout_rows) == 1
        readout = "token_mean" if one_row else "model"
    layer_scores, layer_maps = [], []
    for layer in range(len(tokens)) if layers is None else sorted({l % len(tokens) for l in layers}):
        z = tokens[layer]
        if readout == "token_mean":
            z = z.mean(dim=1, keepdim=True).expand_as(z)
        with materialised() as pooler_maps:
            scores = target.scores(specimen.readout(z))
        explained = pooler_maps[0] if specimen.pooler else attention[layer]
        gradient = gradients(scores, explained).transpose(0, 1)  # [B, K, h, M, N]
        if specimen.pooler:
            gradient = over_all_tokens(specimen, gradient)
        if relu:
            gradient = torch.where(gradient > 0, gradient, negative_slope * gradient)
        layer_scores.append(scores.detach())
        layer_maps.append(on_grid(specimen, gradient.mean(dim=(2, 3))))
    layer_maps = torch.stack(layer_maps)
    return layer_maps.mean(dim=0), torch.stack(layer_scores), layer_maps
