"""open_clip's CLIPs, SigLIPs, CoCas and the like."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import open_clip
import torch
from open_clip.tokenizer import HFTokenizer, SimpleTokenizer, default_bpe

from ..errors import ExportError, unknown_model
from ..model import Asked, Model, Words, without
from .preprocessing import preprocessing
from .tokenizers import spiece_of

RESIZE = {"shortest": "shortest_edge_crop", "squash": "squash", "longest": "longest_edge_pad"}
TEMPLATE = "a photo of a {}"


def version() -> str:
    return open_clip.__version__


class Vision(torch.nn.Module):
    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.visual = model.visual

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        output = self.visual(images)
        return output[0] if isinstance(output, tuple) else output


class Text(torch.nn.Module):
    """The text side alone; its parameters are the model's own."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.model.encode_text(ids)


def simple_rules(tokenizer: SimpleTokenizer) -> dict[str, Any]:
    begin, end = tokenizer.sot_token_id, tokenizer.eot_token_id
    return {"tokenizer": {"kind": "clip_bpe", "file": Path(default_bpe()).name}, "clean": ["ftfy-lite", "whitespace"],
            "lower": "python", "length": tokenizer.context_length, "pad": 0, "begin": begin, "end": end, "keep_end": True,
            "special": {"found_in": "cleaned", "tokens": {"<start_of_text>": begin, "<end_of_text>": end}}}


def words_of(model: torch.nn.Module, tokenizer: Any) -> Words:
    if isinstance(tokenizer, SimpleTokenizer):
        if tokenizer.reduction_fn is not None or tokenizer.clean_fn.__name__ != "_clean_lower":
            raise ExportError("this model's tokenizer cleans or shortens texts in a way that a manifest has no name for")
        rules, files = simple_rules(tokenizer), {Path(default_bpe()).name: Path(default_bpe()).read_bytes()}
    elif isinstance(tokenizer, HFTokenizer):
        if tokenizer.clean_fn.__name__ not in ("_clean_canonicalize", "_clean_whitespace"):
            raise ExportError(f"this model's tokenizer cleans texts by {tokenizer.clean_fn.__name__}, which is not known here")
        clean = {"_clean_canonicalize": ["ftfy-lite", "canonicalize"], "_clean_whitespace": ["ftfy-lite", "whitespace"]}
        rules = {"tokenizer": {"kind": "sentencepiece", "file": "spiece.model"}, "clean": clean[tokenizer.clean_fn.__name__],
                 "lower": "python" if tokenizer.clean_fn.__name__ == "_clean_canonicalize" else "none",
                 "length": tokenizer.context_length, "pad": tokenizer.tokenizer.pad_token_id,
                 "end": tokenizer.tokenizer.eos_token_id, "keep_end": True}
        files = {"spiece.model": spiece_of(tokenizer.tokenizer)}
    else:
        raise ExportError(f"this model's tokenizer is a {type(tokenizer).__name__}, which legrad does not read; "
                          f"ask in embeddings instead")
    return Words(tower=Text(without(model, "visual")).eval(), tokenize=lambda prompts: tokenizer(prompts), rules=rules, files=files)


def check_name(asked: Asked) -> None:
    if asked.config:
        try:
            json.loads(asked.config.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ExportError(f"--config {asked.config}: {str(error).splitlines()[0]}") from error
        if asked.config.stem != asked.name:
            raise ExportError(f"--config {asked.config} describes a model named {asked.config.stem!r}; give --name {asked.config.stem}")
        open_clip.add_model_config(asked.config)
    names = open_clip.list_models()
    if asked.name not in names:
        raise unknown_model("open_clip", asked.name, names)
    tags = open_clip.list_pretrained_tags_by_model(asked.name)
    if asked.pretrained and asked.pretrained not in tags:
        raise ExportError(f"open_clip has no weights {asked.pretrained!r} of {asked.name}; it has {', '.join(tags) or 'none'}")


def load(asked: Asked) -> Model:
    logging.getLogger().setLevel(logging.ERROR)
    check_name(asked)
    try:
        model = open_clip.create_model(asked.name, pretrained=str(asked.checkpoint) if asked.checkpoint else asked.pretrained).eval()
        tokenizer = open_clip.get_tokenizer(asked.name)
    except Exception as error:
        raise ExportError(f"open_clip cannot make {asked.name}: {str(error).splitlines()[0]}") from error
    told = open_clip.get_model_preprocess_cfg(model)
    side = told["size"]
    size = (side, side) if isinstance(side, int) else tuple(side)
    if told["resize_mode"] == "shortest" and size[0] != size[1]:
        raise ExportError(f"{asked.name} crops to {size[0]} x {size[1]}, and only squares are known here")
    bias = getattr(model, "logit_bias", None)
    logits = {"scale": model.logit_scale.exp().item()}
    if bias is not None:
        logits["bias"] = bias.item()
    vision = Vision(model).eval()
    return Model(
        kind="siglip" if bias is not None else "clip", vision=vision, words=words_of(model, tokenizer), logits=logits,
        preprocessing=preprocessing(size, told["mean"], told["std"], told["interpolation"], RESIZE[told["resize_mode"]],
                                    fill=told.get("fill_color", 0)),
        more={"similarity": "cosine", **({"empty_prompt": "a photo of"} if bias is not None else {})})
