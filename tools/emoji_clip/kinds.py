"""The models that train_clip.py trains, by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from . import loss
from .clip import ClipPair
from .siglip import SiglipPair

KINDS: dict[str, Any] = {"clip": ClipPair, "siglip": SiglipPair}
LOSSES = {"clip": loss.contrastive, "siglip": loss.sigmoid}


def load_pair(checkpoint: Path) -> tuple[Any, dict[str, Any]]:
    """The model of a checkpoint, and the checkpoint."""
    state = torch.load(checkpoint, weights_only=True)
    pair = KINDS[state["kind"]](state["options"])
    pair.model.load_state_dict(state["model"])
    pair.model.eval()
    return pair, state
