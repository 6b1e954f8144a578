"""Heatmaps made in Python: LeGrad by plain autograd, raw attention, and two maps that have not seen the picture.

The model is the timm transformer named in a manifest, with the weights of the archive beside it. Its attention is
computed without fusion, so that each block's attention matrix A is a tensor that can be differentiated.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import timm
import torch
import torch.nn.functional as F
from PIL import Image


class _Keep(torch.nn.Module):
    """Stands where the attention's dropout was (inactive at inference) and keeps what passes: A after the softmax."""

    def forward(self, attention: torch.Tensor) -> torch.Tensor:
        self.attention = attention
        return attention


class ReferenceModel:
    """The classifier of a model folder, in eager PyTorch."""

    def __init__(self, folder: Path) -> None:
        self.manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        options = dict(self.manifest["training"]["architecture"])
        options.pop("class")
        self.labels: list[str] = self.manifest["labels"]
        self.grid: tuple[int, int] = tuple(self.manifest["grid"])
        self._preprocessing = self.manifest["preprocessing"]
        if self._preprocessing["resize"] != "squash":
            raise ValueError("only resize = squash is known here")
        archive = torch.jit.load(str(folder / self.manifest["vision"]), map_location="cpu")
        self.model = timm.models.VisionTransformer(num_classes=len(self.labels), **options)
        self.model.load_state_dict(archive.state_dict())
        self.model.eval()
        for block in self.model.blocks:
            block.attn.fused_attn = False
            block.attn.attn_drop = _Keep()

    def preprocess(self, picture: Image.Image) -> torch.Tensor:
        """A picture of any size to the model's input [1, 3, H, W]."""
        height, width = self._preprocessing["size"]
        filter_ = Image.Resampling[self._preprocessing["interpolation"].upper()]
        pixels = np.asarray(picture.convert("RGB").resize((width, height), filter_), np.float32) / 255
        mean, std = (np.asarray(self._preprocessing[k], np.float32) for k in ("mean", "std"))
        return torch.from_numpy((pixels - mean) / std).permute(2, 0, 1)[None]

    def _blocks(self, images: torch.Tensor) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """Output Z [1, N, d] and attention A [1, heads, N, N] of every block."""
        model = self.model
        tokens = model.norm_pre(model.patch_drop(model._pos_embed(model.patch_embed(images))))
        outputs, attentions = [], []
        for block in model.blocks:
            tokens = block(tokens)
            outputs.append(tokens)
            attentions.append(block.attn.attn_drop.attention)
        return outputs, attentions

    def _patches(self, row: torch.Tensor) -> np.ndarray:
        """A value for every token [N] to the patch grid."""
        return row[self.model.num_prefix_tokens:].reshape(self.grid).detach().numpy()

    def legrad(self, images: torch.Tensor, targets: list[int], readout: str) -> np.ndarray:
        """LeGrad of one picture: float32 [K, rows, columns], raw.

        For each block, the positive part of the gradient of the target's logit, as read from that block's output, by
        that block's A; mean over heads and queries; mean over blocks. `readout` is "model" (the class token of the
        block's output) or "token_mean" (the mean of all its tokens), followed by the model's final norm and head.
        """
        outputs, attentions = self._blocks(images)
        maps = []
        for target in targets:
            total = torch.zeros(attentions[0].shape[-1])
            for tokens, attention in zip(outputs, attentions):
                if readout == "token_mean":
                    tokens = tokens.mean(1, keepdim=True).expand_as(tokens)
                elif readout != "model":
                    raise ValueError(f"readout {readout!r}")
                score = self.model.forward_head(self.model.norm(tokens))[0, target]
                (gradient,) = torch.autograd.grad(score, attention, retain_graph=True)
                total += gradient[0].relu().mean((0, 1))
            maps.append(self._patches(total / len(attentions)))
        return np.stack(maps)

    @torch.no_grad()
    def raw_attention(self, images: torch.Tensor) -> np.ndarray:
        """The class token's attention in the last block, mean of the heads: float32 [rows, columns]."""
        _, attentions = self._blocks(images)
        return self._patches(attentions[-1][0].mean(0)[0])

    @torch.no_grad()
    def logits(self, images: torch.Tensor) -> np.ndarray:
        """The model's output for one picture, [classes]."""
        return self.model(images)[0].numpy()


def resize(heatmap: np.ndarray, height: int, width: int) -> np.ndarray:
    """Bilinear, pixel centres aligned at half pixels, as the library resizes its maps."""
    tensor = torch.from_numpy(np.ascontiguousarray(heatmap, np.float32))[None, None]
    return F.interpolate(tensor, (height, width), mode="bilinear", align_corners=False)[0, 0].numpy()


def random_map(grid: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Uniform noise on the patch grid; smooth once it is resized to the picture."""
    return rng.random(grid, dtype=np.float32)


def centred_blob(grid: tuple[int, int], spread: float = 0.25) -> np.ndarray:
    """A Gaussian in the middle, its standard deviation `spread` of each side."""

    def profile(count: int) -> np.ndarray:
        return np.exp(-0.5 * (((np.arange(count) + 0.5) / count - 0.5) / spread) ** 2)

    return np.outer(profile(grid[0]), profile(grid[1])).astype(np.float32)


MapMaker = Callable[[Path, list[str]], np.ndarray]
"""Picture file and K class names to maps [K, H, W] at the picture's size."""
