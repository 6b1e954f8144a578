"""LeGrad for prompts by plain autograd, on attention matrices that are computed as such."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

READOUTS = ("model", "token_mean")


def legrad(pair: Any, images: torch.Tensor, embeddings: torch.Tensor, readout: str = "model") -> torch.Tensor:
    """Raw maps [B, K, rows, columns] of pictures [B, 3, H, W] for each picture's own K embeddings [B, K, e].

    For each block, the positive part of the gradient of the cosine between the embedding read from that block's output and
    the prompt's, by that block's attention, or by the pooler's where the model has one; mean over heads and queries; mean
    over blocks. `readout` is "model", or "token_mean": the mean of all tokens stands for every token.
    """
    if readout not in READOUTS:
        raise ValueError(f"readout {readout!r}")
    with torch.no_grad():
        tokens = pair.embed(images)
    total = torch.zeros(*embeddings.shape[:2], tokens.shape[1])
    for index in range(len(pair.blocks)):
        tokens, attention = pair.block(index, tokens.detach().requires_grad_())
        seen = tokens if readout == "model" else tokens.mean(1, keepdim=True).expand_as(tokens)
        read, pooling = pair.read(seen)
        scores = torch.einsum("be,bke->bk", F.normalize(read, dim=-1), F.normalize(embeddings, dim=-1))
        for column, score in enumerate(scores.sum(0)):  # pictures do not mix
            (gradient,) = torch.autograd.grad(score, attention if pooling is None else pooling, retain_graph=True)
            total[:, column] += gradient.relu().mean((1, 2))
    return (total[..., pair.prefix:] / len(pair.blocks)).unflatten(-1, (pair.grid, pair.grid))


@torch.no_grad()
def raw_attention(pair: Any, images: torch.Tensor) -> torch.Tensor:
    """The readout's attention, mean of the heads, [B, rows, columns]: the class token's in the last block, or the pooler's."""
    tokens = pair.embed(images)
    for index in range(len(pair.blocks)):
        tokens, attention = pair.block(index, tokens)
    _, pooling = pair.read(tokens)
    row = (attention if pooling is None else pooling)[:, :, 0, pair.prefix:]
    return row.mean(1).unflatten(-1, (pair.grid, pair.grid))
