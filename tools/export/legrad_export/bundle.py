"""The folder: written beside its place, then moved there whole."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from . import checks, towers
from .errors import ExportError
from .model import Model, Words


def _text(words: Words, folder: Path, form: str, dtype: torch.dtype) -> dict[str, Any]:
    """The manifest's object `text`; writes the tower and the tokenizer's files."""
    for name, contents in words.files.items():
        (folder / name).write_bytes(contents)
    prompts = list(checks.PROMPTS)
    ids = words.tokenize(prompts)
    with torch.no_grad():
        vectors = F.normalize(words.tower(ids).float(), dim=-1)
    name = "text" + towers.SUFFIX[form]
    towers.save(words.tower.to(dtype), ids[:2], folder / name, form)
    # A home's own padding may stop at the longest of the prompts it is given; a row stands for each alone.
    rows = [checks.ids_without_padding(row, words.rules) for row in ids.tolist()]
    found = [{"prompt": prompt, "ids": row} for prompt, row in zip(prompts, rows)]
    for entry, vector in list(zip(found, vectors.tolist()))[:4]:
        entry["embedding"] = [round(number, 7) for number in vector]
    return {"file": name, **words.rules, "checks": found}


def _labels(model: Model, labels: list[str], templates: list[str], folder: Path) -> dict[str, Any]:
    """Names of classes with their embeddings: a zero-shot classifier that needs no text tower."""
    if model.words is None:
        raise ExportError("--labels are embedded by a text tower, and this model has none")
    made = []
    with torch.no_grad():
        for label in labels:
            ids = model.words.tokenize([template.format(label) for template in templates])
            mean = F.normalize(model.words.tower(ids).float(), dim=-1).mean(0)
            made.append(F.normalize(mean, dim=0))
    np.save(folder / "labels.npy", torch.stack(made).numpy())
    return {"labels": labels, "label_embeddings": "labels.npy"}


def _fill(folder: Path, name: str, model: Model, labels: list[str] | None, templates: list[str], form: str,
          dtype: torch.dtype, made_with: dict[str, str]) -> None:
    check = checks.output_check(model.vision, model.preprocessing, checks.TOLERANCE if dtype == torch.float32 else 1e-2)
    manifest: dict[str, Any] = {
        "schema_version": 1, "name": name, "vision": "vision" + towers.SUFFIX[form], "kind": model.kind,
        "dtype": "float32", "preprocessing": model.preprocessing, **model.logits, **model.more,
        "check": check, "exporter": made_with,
    }
    if templates:
        manifest["templates"] = templates
    if labels:
        manifest.update(_labels(model, labels, templates or ["{}"], folder))
    elif model.labels:
        manifest["labels"] = model.labels
    if model.words:
        manifest["text"] = _text(model.words, folder, form, dtype)
    image = checks.image(model.preprocessing)
    pair = torch.cat([image, image.flip(-1)]).to(dtype)
    towers.save(model.vision.to(dtype), pair, folder / manifest["vision"], form)
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def write(out: Path, force: bool, model: Model, labels: list[str] | None, templates: list[str], form: str,
          dtype: torch.dtype, made_with: dict[str, str]) -> None:
    """All or nothing: what was in `out` before stays until its successor is whole."""
    if out.exists() and not force:
        raise ExportError(f"{out} is there already; give another --out, or --force to replace it")
    if out.exists() and not (out / "manifest.json").exists():
        raise ExportError(f"{out} is no model's folder, so --force leaves it alone; give another --out")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".legrad-export-") as scratch:
        folder = Path(scratch) / "made"
        folder.mkdir()
        _fill(folder, out.resolve().name, model, labels, templates, form, dtype, made_with)
        if out.exists():
            out.rename(Path(scratch) / "before")
        folder.rename(out)
