"""Losses for pictures of which several of a batch's texts are true."""

from __future__ import annotations

import torch
import torch.nn.functional as F


def contrastive(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """InfoNCE in both directions, of logits [B, T] and truth [B, T].

    Every true pair is held against the false pairs of its row (and of its column) only: what else is true of a picture
    does not compete. The mean is over a row's true pairs, then over rows that have any; likewise for columns.
    """

    def one_way(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        against = logits.masked_fill(truth, -torch.inf).logsumexp(1, keepdim=True)
        pairs = F.softplus(against - logits).masked_fill(~truth, 0.0)
        count = truth.sum(1)
        return (pairs.sum(1) / count.clamp(min=1))[count > 0].mean()

    return (one_way(logits, truth) + one_way(logits.T, truth.T)) / 2


def sigmoid(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """SigLIP's: every pair is judged by itself; the sum over texts, mean over pictures."""
    return F.binary_cross_entropy_with_logits(logits, truth.to(logits.dtype), reduction="none").sum(1).mean()
