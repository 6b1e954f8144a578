"""Tokenizers of transformers as files and rules that legrad reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..sentencepiece_model import convert


def spiece_of(tokenizer: Any) -> bytes:
    """A SentencePiece model: the tokenizer's own file, or one that cuts text as its tokenizer.json does."""
    own = getattr(tokenizer, "vocab_file", None)
    if own and str(own).endswith(".model") and Path(own).is_file():
        return Path(own).read_bytes()
    return convert(json.loads(tokenizer.backend_tokenizer.to_str()))


def clip_bpe_of(tokenizer: Any) -> bytes:
    """CLIP's byte-level BPE as a tokenizer.json."""
    return tokenizer.backend_tokenizer.to_str().encode()
