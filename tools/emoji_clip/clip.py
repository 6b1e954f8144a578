"""models/emoji-clip: open_clip's CLIP, small; its image tower starts from models/emoji-vit.

`ClipPair` runs the image tower's blocks with attention as plain matrix products. That is faster than the fused kernel at
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

MEAN, STD = 0.5, 0.25  # as the trunk was trained with


def make_tokenizer() -> open_clip.SimpleTokenizer:
    return open_clip.SimpleTokenizer(bpe_path=str(BPE_FILE), context_length=CONTEXT_LENGTH)


class ClipPair:
    """A model with its image tower block by block; `options` come from a checkpoint."""

    make_tokenizer = staticmethod(make_tokenizer)
    vocabulary_file = BPE_FILE
    mean, std = MEAN, STD

    def __init__(self, options: dict[str, Any] | None = None) -> None:
        self.options = options or OPTIONS
        self.model = CLIP(self.options["embed_dim"], CLIPVisionCfg(**self.options["vision"]),
                          CLIPTextCfg(**self.options["text"], vocab_size=make_tokenizer().vocab_size))
        self.visual = self.model.visual
        self.blocks = list(self.visual.transformer.resblocks)
        self.size: int = self.options["vision"]["image_size"]
        self.grid = self.size // self.options["vision"]["patch_size"]
        self.patches = self.grid**2
        self.prefix = 1  # the class token

    @staticmethod
    def text_rules() -> dict[str, Any]:
        """What makes of a prompt the ids that `make_tokenizer` makes, as a manifest says it."""
        tokenizer = make_tokenizer()
        begin, end = tokenizer.sot_token_id, tokenizer.eot_token_id
        return {
            "tokenizer": {"kind": "clip_bpe", "file": BPE_FILE.name}, "clean": ["ftfy-lite", "whitespace"], "lower": "python",
            "length": CONTEXT_LENGTH, "pad": 0, "begin": begin, "end": end, "keep_end": True,
            "special": {"found_in": "cleaned", "tokens": {"<start_of_text>": begin, "<end_of_text>": end}},
        }

    def trunk(self) -> list[torch.nn.Parameter]:
        """What starts from another model's weights."""
        return [p for p in self.visual.parameters() if p is not self.visual.proj]

    def load_trunk(self, archive: Path) -> None:
        """Copy the blocks, embeddings and final norm of a timm vision transformer's archive into the image tower."""
        source = torch.jit.load(str(archive), map_location="cpu").state_dict()
        position = source["pos_embed"][0].clone()
        position[1:] += source["patch_embed.proj.bias"]  # open_clip's patch convolution has no bias
        state = {
            "conv1.weight": source["patch_embed.proj.weight"], "class_embedding": source["cls_token"][0, 0],
            "positional_embedding": position, "ln_post.weight": source["norm.weight"], "ln_post.bias": source["norm.bias"],
        }
        names = {"ln_1.": "norm1.", "ln_2.": "norm2.", "attn.in_proj_": "attn.qkv.", "attn.out_proj.": "attn.proj.",
                 "mlp.c_fc.": "mlp.fc1.", "mlp.c_proj.": "mlp.fc2."}
        for index in range(len(self.blocks)):
            for ours, theirs in names.items():
                for kind in ("weight", "bias"):
                    state[f"transformer.resblocks.{index}.{ours}{kind}"] = source[f"blocks.{index}.{theirs}{kind}"]
        missing, unexpected = self.visual.load_state_dict(state, strict=False)
        if unexpected or set(missing) != {"proj"}:
            raise ValueError(f"{archive}: missing {missing}, unexpected {unexpected}")

    def encode_text(self, ids: torch.Tensor) -> torch.Tensor:
        """Embeddings [T, e] of token ids [T, length], not normalised; columns that only pad cost nothing, as tokens see back."""
        model, length = self.model, int(ids.argmax(1).max()) + 1
        tokens = model.token_embedding(ids[:, :length]) + model.positional_embedding[:length]
        tokens = model.ln_final(model.transformer(tokens, attn_mask=model.attn_mask[:length, :length]))
        return tokens[torch.arange(len(ids)), ids.argmax(1)] @ model.text_projection

    @staticmethod
    def normalise(pictures: torch.Tensor) -> torch.Tensor:
        """Pictures in 0..1 to the model's input."""
        return (pictures - MEAN) / STD

    def logits(self, cosines: torch.Tensor) -> torch.Tensor:
        return cosines * self.model.logit_scale.exp()

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

    def read(self, tokens: torch.Tensor) -> tuple[torch.Tensor, None]:
        """The embedding [B, e] read from a block's output, not normalised; no pooler has an attention here."""
        return self.visual.ln_post(tokens[:, 0]) @ self.visual.proj, None

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
        return self.read(tokens)[0]
