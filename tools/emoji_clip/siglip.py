"""models/emoji-siglip: timm's vision transformer with an attention pooler and open_clip's text transformer, small.

So is SigLIP put together in open_clip: no class token, no projection behind the pooler, a text tower that sees its padding
and is read at its last position. `SiglipPair` runs the image tower as `ClipPair` does.
"""

from __future__ import annotations

import math
import re
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from open_clip.transformer import TextTransformer
from timm.models import VisionTransformer

from .vocabulary import CONTEXT_LENGTH, UNIGRAM_FILE

OPTIONS: dict[str, Any] = {
    "vision": {"img_size": 112, "patch_size": 8, "embed_dim": 192, "depth": 5, "num_heads": 3, "class_token": False,
               "global_pool": "map", "num_classes": 0},
    "text": {"context_length": CONTEXT_LENGTH, "width": 128, "heads": 2, "layers": 2, "output_dim": 192,
             "no_causal_mask": True, "proj_bias": True, "pool_type": "last"},
}
MEAN, STD = 0.5, 0.25  # as the trunk was trained with
END = 1  # the end's id, which is the padding's too


def canonicalize(text: str) -> str:
    """SigLIP's cleaning: no underscores, no ASCII punctuation, lower case, single spaces."""
    text = text.replace("_", " ").translate(str.maketrans("", "", string.punctuation))
    return re.sub(r"\s+", " ", text.lower()).strip()


def make_tokenizer() -> Callable[[list[str]], torch.Tensor]:
    """Ids [T, length] of texts: pieces, the end, and the end again as padding. What is too long keeps its end."""
    import sentencepiece

    pieces = sentencepiece.SentencePieceProcessor(model_file=str(UNIGRAM_FILE))

    def tokenize(texts: list[str]) -> torch.Tensor:
        ids = torch.full((len(texts), CONTEXT_LENGTH), END)
        for row, text in enumerate(texts):
            found = pieces.encode(canonicalize(text))[:CONTEXT_LENGTH - 1]
            ids[row, :len(found)] = torch.tensor(found, dtype=torch.long)
        return ids

    return tokenize


class Model(torch.nn.Module):
    """Two towers, and the scale and bias that make a cosine a logit."""

    def __init__(self, options: dict[str, Any], vocabulary: int) -> None:
        super().__init__()
        self.visual = VisionTransformer(**options["vision"])
        self.text = TextTransformer(vocab_size=vocabulary, **options["text"])
        self.logit_scale = torch.nn.Parameter(torch.tensor(math.log(10.0)))
        self.logit_bias = torch.nn.Parameter(torch.tensor(-5.0))


class SiglipPair:
    """A model with its image tower block by block; `options` come from a checkpoint."""

    make_tokenizer = staticmethod(make_tokenizer)
    vocabulary_file = UNIGRAM_FILE
    mean, std = MEAN, STD
    prefix = 0  # no class token

    def __init__(self, options: dict[str, Any] | None = None) -> None:
        import sentencepiece

        self.options = options or OPTIONS
        vocabulary = sentencepiece.SentencePieceProcessor(model_file=str(UNIGRAM_FILE)).vocab_size()
        self.model = Model(self.options, vocabulary)
        self.visual = self.model.visual
        self.blocks = list(self.visual.blocks)
        self.size: int = self.options["vision"]["img_size"]
        self.grid = self.size // self.options["vision"]["patch_size"]
        self.patches = self.grid**2

    @staticmethod
    def text_rules() -> dict[str, Any]:
        """What makes of a prompt the ids that `make_tokenizer` makes, as a manifest says it."""
        return {
            "tokenizer": {"kind": "sentencepiece", "file": UNIGRAM_FILE.name}, "clean": ["canonicalize"], "lower": "python",
            "length": CONTEXT_LENGTH, "pad": END, "end": END, "keep_end": True,
        }

    def trunk(self) -> list[torch.nn.Parameter]:
        """What starts from another model's weights."""
        return [p for name, p in self.visual.named_parameters() if not name.startswith("attn_pool.")]

    def load_trunk(self, archive: Path) -> None:
        """Copy embeddings, as many blocks as there are, and the final norm of a timm vision transformer's archive."""
        source = torch.jit.load(str(archive), map_location="cpu").state_dict()
        source["pos_embed"] = source["pos_embed"][:, 1:]  # the class token's goes with it
        wanted = self.visual.state_dict()
        missing, _ = self.visual.load_state_dict({k: v for k, v in source.items() if k in wanted}, strict=False)
        if any(not name.startswith("attn_pool.") for name in missing):
            raise ValueError(f"{archive}: missing {missing}")

    def encode_text(self, ids: torch.Tensor) -> torch.Tensor:
        """Embeddings [T, e] of token ids [T, length], not normalised."""
        return self.model.text(ids)

    @staticmethod
    def normalise(pictures: torch.Tensor) -> torch.Tensor:
        """Pictures in 0..1 to the model's input."""
        return (pictures - MEAN) / STD

    def logits(self, cosines: torch.Tensor) -> torch.Tensor:
        return cosines * self.model.logit_scale.exp() + self.model.logit_bias

    def embed(self, images: torch.Tensor, kept: torch.Tensor | None = None) -> torch.Tensor:
        """Patches [B, N, d]; `kept` [B, n] leaves only these."""
        tokens = self.visual._pos_embed(self.visual.patch_embed(images))
        return tokens if kept is None else tokens.gather(1, kept[..., None].expand(-1, -1, tokens.shape[-1]))

    def block(self, index: int, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Output [B, N, d] of a block, and its attention [B, h, N, N]."""
        block = self.blocks[index]
        attn = block.attn
        query, key, value = (t.unflatten(-1, (attn.num_heads, -1)).transpose(1, 2)
                             for t in attn.qkv(block.norm1(tokens)).chunk(3, -1))
        attention = (query @ key.transpose(-2, -1) * attn.scale).softmax(-1)
        tokens = tokens + attn.proj((attention.to(value.dtype) @ value).transpose(1, 2).flatten(-2))
        return tokens + block.mlp(block.norm2(tokens)), attention

    def read(self, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The embedding [B, e] pooled from a block's output, not normalised, and the pooler's attention [B, h, 1, N]."""
        pool = self.visual.attn_pool
        tokens = self.visual.norm(tokens)
        heads = (lambda t: t.unflatten(-1, (pool.num_heads, -1)).transpose(1, 2))
        query = heads(pool.q(pool.latent.expand(len(tokens), -1, -1)))
        key, value = (heads(t) for t in pool.kv(tokens).chunk(2, -1))
        attention = (query @ key.transpose(-2, -1) * pool.scale).softmax(-1)
        pooled = pool.proj((attention.to(value.dtype) @ value).transpose(1, 2).flatten(-2))
        return (pooled + pool.mlp(pool.norm(pooled)))[:, 0], attention

    def front(self, images: torch.Tensor, count: int, kept: torch.Tensor | None = None) -> torch.Tensor:
        """Tokens after the first `count` blocks."""
        tokens = self.embed(images, kept)
        for index in range(count):
            tokens, _ = self.block(index, tokens)
        return tokens

    def back(self, tokens: torch.Tensor, first: int) -> torch.Tensor:
        """Embedding from the tokens that block `first` is given."""
        for index in range(first, len(self.blocks)):
            tokens, _ = self.block(index, tokens)
        return self.read(tokens)[0]
