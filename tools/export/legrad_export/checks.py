"""What a bundle is held against: an image that anybody can make again, and prompts that try a tokenizer."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

SEED = 1
TOLERANCE = 1e-3
PROMPTS = (
    "", "a cat", "A  Cat ", "a photo of a dog", "two red apples on a table", "it's a fish & chips!", "caf\u00e9",
    "na\u00efve \u732b \U0001f431", "\u0642\u0637\u0629", "left_of", "3.14 + 2,000 = ?", "\u201cquoted\u201d \u2014 dash", "&lt;b&gt;",
    "tab\there", "UPPER lower MiXeD", "e\u0301", "\ufb01ligature", "#hash @at %percent", "don't we'll they've",
    "a very long prompt " * 12,
)


def uniform(seed: int, count: int) -> np.ndarray:
    """The first `count` numbers of SplitMix64, their highest 24 bits as float32 in [0, 1)."""
    k = np.arange(1, count + 1, dtype=np.uint64)
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + k * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return (z >> np.uint64(40)).astype(np.float32) / np.float32(2**24)


def image(preprocessing: dict[str, Any], seed: int = SEED) -> torch.Tensor:
    """[1, 3, H, W] as the model is fed: pixels in [0, 1) by channel, row and column, minus mean, over std."""
    height, width = preprocessing["size"]
    pixels = torch.from_numpy(uniform(seed, 3 * height * width)).reshape(1, 3, height, width)
    mean, std = (torch.tensor(preprocessing[name], dtype=torch.float32).reshape(1, 3, 1, 1) for name in ("mean", "std"))
    return (pixels - mean) / std


def output_check(module: torch.nn.Module, preprocessing: dict[str, Any], tolerance: float = TOLERANCE) -> dict[str, Any]:
    """The manifest's object `check` of a module in float32."""
    with torch.no_grad():
        output = module(image(preprocessing))[0].float()
    return {"seed": SEED, "output": [round(number, 7) for number in output.tolist()], "tolerance": tolerance}


def ids_without_padding(row: list[int], rules: dict[str, Any]) -> list[int]:
    """A row of ids up to its end, or to where nothing but padding follows."""
    if rules.get("end") is not None and rules["end"] in row:
        return row[:row.index(rules["end"]) + 1]
    while row and row[-1] == rules["pad"]:
        row = row[:-1]
    return row
