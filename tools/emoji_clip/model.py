"""The architecture: open_clip's CLIP, small; its image tower starts from models/emoji-vit.

`Tower` runs the image tower's blocks with attention as plain matrix products. That is faster than the fused kernel at
these sizes on a CPU, leaves out what the class token does not need, and gives the attention matrices when asked.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import open_clip
import torch
import torch.nn.functional as F
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg

from .vocabulary import BPE_FILE, CONTEXT_LENGTH

# The trunk's normalisation has eps 1e-6, and no normalisation stands before its blocks.
OPTIONS: dict[str, Any] = {
    "embed_dim": 128,
    "vision": {"image_size": 112, "patch_size": 8, "width": 192, "layers": 6, "head_width": 64, "no_ln_pre": True,
               "norm_kwargs": {"eps": 1e-6}},
    "text": {"context_length": CONTEXT_LENGTH, "width": 128, "heads": 2, "layers": 3},
}


def make_tokenizer(file: Path = BPE_FILE) -> open_clip.SimpleTokenizer:
    return open_clip.SimpleTokenizer(bpe_path=str(file), context_length=CONTEXT_LENGTH)


def make_model(vocabulary: int, options: dict[str, Any] | None = None) -> CLIP:
    """The architecture; `options` come from a checkpoint."""
    options = options or OPTIONS
    return CLIP(options["embed_dim"], CLIPVisionCfg(**options["vision"]),
                CLIPTextCfg(**options["text"], vocab_size=vocabulary))


def load_trunk(model: CLIP, archive: Path) -> None:
    """Copy the blocks, embeddings and final norm of a timm vision transformer's archive into the image tower."""
    source = torch.jit.load(str(archive), map_location="cpu").state_dict()
    visual, state = model.visual, {}
    position = source["pos_embed"][0].clone()
    position[1:] += source["patch_embed.proj.bias"]  # open_clip's patch convolution has no bias
    state["conv1.weight"] = source["patch_embed.proj.weight"]
    state["class_embedding"] = source["cls_token"][0, 0]
    state["positional_embedding"] = position
    state["ln_post.weight"], state["ln_post.bias"] = source["norm.weight"], source["norm.bias"]
    names = {"ln_1": "norm1", "ln_2": "norm2", "attn.in_proj_": "attn.qkv.", "attn.out_proj": "attn.proj",
             "mlp.c_fc": "mlp.fc1", "mlp.c_proj": "mlp.fc2"}
    for index in range(len(visual.transformer.resblocks)):
        for ours, theirs in names.items():
            for kind in ("weight", "bias"):
                dot = "" if ours.endswith("_") else "."
                state[f"transformer.resblocks.{index}.{ours}{dot}{kind}"] = \
                    source[f"blocks.{index}.{theirs.rstrip('.')}.{kind}"]
    missing, unexpected = visual.load_state_dict(state, strict=False)
    if unexpected or set(missing) != {"proj"}:
        raise ValueError(f"{archive}: missing {missing}, unexpected {unexpected}")


class Tower:
    """The image tower of a model, block by block."""

    def __init__(self, model: CLIP) -> None:
        self.visual = model.visual
        self.blocks = list(model.visual.transformer.resblocks)

    def embed(self, images: torch.Tensor, kept: torch.Tensor | None = None) -> torch.Tensor:
        """Class token and patches [B, 1 + N, d]; `kept` [B, n] leaves only these patches."""
        tokens = self.visual._embeds(images)
        if kept is None:
            return tokens
        rows = torch.cat([torch.zeros_like(kept[:, :1]), kept + 1], 1)
        return tokens.gather(1, rows[..., None].expand(-1, -1, tokens.shape[-1]))

    def block(
        self, index: int, tokens: torch.Tensor, queries: int | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Output [B, q, d] of a block for its first `queries` tokens (default: all), and its attention [B, h, q, N]."""
        block = self.blocks[index]
        attn = block.attn
        query, key, value = F.linear(block.ln_1(tokens), attn.in_proj_weight, attn.in_proj_bias).chunk(3, -1)
        heads = (lambda t: t.unflatten(-1, (attn.num_heads, -1)).transpose(1, 2))
        query, key, value = heads(query[:, :queries]), heads(key), heads(value)
        attention = (query @ key.transpose(-2, -1) * attn.head_dim**-0.5).softmax(-1)
        mixed = (attention.to(value.dtype) @ value).transpose(1, 2).flatten(-2)
        tokens = tokens[:, :queries] + attn.out_proj(mixed)
        return tokens + block.mlp(block.ln_2(tokens)), attention

    def read(self, token: torch.Tensor) -> torch.Tensor:
        """The embedding [B, e] read from class tokens [B, d], not normalised."""
        return self.visual.ln_post(token) @ self.visual.proj

    def front(self, images: torch.Tensor, count: int, kept: torch.Tensor | None = None) -> torch.Tensor:
        """Tokens after the first `count` blocks."""
        tokens = self.embed(images, kept)
        for index in range(count):
            tokens, _ = self.block(index, tokens)
        return tokens

    def back(self, tokens: torch.Tensor, first: int) -> torch.Tensor:
        """Embedding from the tokens that block `first` is given."""
        for index in range(first, len(self.blocks) - 1):
            tokens, _ = self.block(index, tokens)
        tokens, _ = self.block(len(self.blocks) - 1, tokens, queries=1)
        return self.read(tokens[:, 0])
