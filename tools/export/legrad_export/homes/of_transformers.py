"""transformers' CLIP and SigLIP, and its image classifiers."""

from __future__ import annotations

from typing import Any

import torch
import transformers

from ..errors import ExportError
from ..model import Asked, Model, Words, load_checkpoint, without
from .preprocessing import preprocessing
from .tokenizers import clip_bpe_of, spiece_of

RESAMPLE = {2: "bilinear", 3: "bicubic"}
DUAL = {"clip": "clip", "metaclip_2": "clip", "siglip": "siglip", "siglip2": "siglip"}


def version() -> str:
    return transformers.__version__


class Vision(torch.nn.Module):
    """Images to embeddings, or to a classifier's scores."""

    def __init__(self, model: torch.nn.Module, dual: bool) -> None:
        super().__init__()
        self.model, self.dual = model, dual

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if not self.dual:
            return self.model(pixel_values=images).logits
        output = self.model.get_image_features(pixel_values=images)
        return output if isinstance(output, torch.Tensor) else output.pooler_output


class Text(torch.nn.Module):
    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        output = self.model.get_text_features(input_ids=ids)
        return output if isinstance(output, torch.Tensor) else output.pooler_output


def pictures(name: str) -> dict[str, Any]:
    """What the model's own image processor does."""
    try:
        told = transformers.AutoImageProcessor.from_pretrained(name).to_dict()
    except Exception as error:
        raise ExportError(f"{name} comes without an image processor (preprocessor_config.json): {str(error).splitlines()[0]}") from error
    size, crop = told.get("size") or {}, told.get("crop_size") or {}
    resample = told.get("resample", 3)
    interpolation = RESAMPLE.get(int(getattr(resample, "value", resample)), str(resample))
    mean, std = told.get("image_mean", [0.5] * 3), told.get("image_std", [0.5] * 3)
    if size.get("shortest_edge"):
        if not told.get("do_center_crop") or crop.get("height") != crop.get("width"):
            raise ExportError(f"{name} does not crop its pictures to a square, which a manifest has no name for")
        cut = crop["height"]
        return preprocessing((cut, cut), mean, std, interpolation, "shortest_edge_crop", crop=cut / size["shortest_edge"])
    if size.get("height"):
        return preprocessing((size["height"], size["width"]), mean, std, interpolation, "squash")
    raise ExportError(f"{name} resizes its pictures in a way that a manifest has no name for: {size}")


def words_of(model: torch.nn.Module, name: str, config: Any) -> Words:
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(name)
    except Exception as error:
        raise ExportError(f"{name} comes without its tokenizer: {str(error).splitlines()[0]}") from error
    length = config.text_config.max_position_embeddings

    def tokenize(prompts: list[str]) -> torch.Tensor:
        return tokenizer(prompts, padding="max_length", truncation=True, max_length=length, return_tensors="pt")["input_ids"]

    pad, begin, end = tokenizer.pad_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id
    rules: dict[str, Any] = {"length": length, "pad": pad, "end": end, "keep_end": True}
    if config.model_type in ("clip", "metaclip_2"):
        rules |= {"tokenizer": {"kind": "clip_bpe", "file": "tokenizer.json"}, "clean": ["nfc"], "lower": "huggingface", "begin": begin,
                  "special": {"found_in": "raw", "tokens": {tokenizer.bos_token: begin, tokenizer.eos_token: end}}}
        files = {"tokenizer.json": clip_bpe_of(tokenizer)}
    else:
        clean = ["lower", "punctuation", "whitespace"] if config.model_type == "siglip" else []
        lower = "python" if config.model_type == "siglip" else "huggingface"
        rules |= {"tokenizer": {"kind": "sentencepiece", "file": "spiece.model"}, "clean": clean, "lower": lower}
        files = {"spiece.model": spiece_of(tokenizer)}
    return Words(tower=Text(without(model, "vision_model")).eval(), tokenize=tokenize, rules=rules, files=files)


def load(asked: Asked) -> Model:
    try:
        config = transformers.AutoConfig.from_pretrained(asked.name)
        dual = config.model_type in DUAL
        auto = transformers.AutoModel if dual else transformers.AutoModelForImageClassification
        model = auto.from_pretrained(asked.name) if asked.pretrained else auto.from_config(config)
    except Exception as error:
        raise ExportError(f"transformers cannot make {asked.name}: {str(error).splitlines()[0]}") from error
    load_checkpoint(model, asked)
    model.eval()
    told = pictures(asked.name)
    if not dual:
        named = [config.id2label[index] for index in range(len(config.id2label))]
        return Model(kind="classifier", vision=Vision(model, dual).eval(), preprocessing=told,
                     labels=None if named and named[0] == "LABEL_0" else named)
    logits = {"scale": model.logit_scale.exp().item()}
    if hasattr(model, "logit_bias"):
        logits["bias"] = model.logit_bias.item()
    return Model(kind=DUAL[config.model_type], vision=Vision(without(model, "text_model"), dual).eval(), preprocessing=told, logits=logits,
                 words=words_of(model, asked.name, config),
                 more={"empty_prompt": "a photo of"} if DUAL[config.model_type] == "siglip" else {})
