"""What a home tells of a model, whatever home it is."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from .errors import ExportError


def without(model: torch.nn.Module, part: str) -> torch.nn.Module:
    """The same model with a part left out, so that it is not written; all others are shared."""
    rest = copy.copy(model)
    rest._modules = {**model._modules, part: torch.nn.Identity()}
    return rest


@dataclass
class Words:
    """The text side: ids [K, length] to embeddings [K, d], and how a prompt becomes ids."""

    tower: torch.nn.Module
    tokenize: Callable[[list[str]], torch.Tensor]
    rules: dict[str, Any]  # the manifest's object `text`, without `file` and `checks`
    files: dict[str, bytes] = field(default_factory=dict)  # the tokenizer's, by name in the bundle


@dataclass
class Model:
    """A model of some home, in evaluation mode."""

    kind: str  # as in a manifest: classifier, embedding, clip, siglip
    vision: torch.nn.Module  # images [B, 3, H, W] to [B, C]
    preprocessing: dict[str, Any]
    labels: list[str] | None = None
    words: Words | None = None
    logits: dict[str, float] = field(default_factory=dict)  # `scale` and `bias`
    more: dict[str, Any] = field(default_factory=dict)  # other fields of the manifest


@dataclass(frozen=True)
class Asked:
    """What the command line asks a home for."""

    name: str
    pretrained: str | None = None  # a home's own name of some weights
    checkpoint: Path | None = None
    config: Path | None = None


def load_checkpoint(model: torch.nn.Module, asked: Asked) -> None:
    """A state dict of the user's own, where there is one."""
    if not asked.checkpoint:
        return
    try:
        model.load_state_dict(torch.load(asked.checkpoint, map_location="cpu", weights_only=True))
    except Exception as error:
        raise ExportError(f"{asked.checkpoint} does not fit {asked.name}: {str(error).splitlines()[0]}") from error
