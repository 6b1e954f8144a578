"""Preprocessing as a manifest says it."""

from __future__ import annotations

from typing import Any

from ..errors import ExportError


def preprocessing(size: tuple[int, int], mean: Any, std: Any, interpolation: str, resize: str, **more: Any) -> dict[str, Any]:
    """`more`: `crop` and `fill`, which are left out where they change nothing."""
    if interpolation not in ("bilinear", "bicubic"):
        raise ExportError(f"the model's pictures are resized by {interpolation} interpolation; bilinear and bicubic are known here")
    made = {"size": list(size), "mean": list(mean), "std": list(std), "interpolation": interpolation, "resize": resize}
    if more.get("crop", 1.0) != 1.0:
        made["crop"] = more["crop"]
    if more.get("fill", 0) != 0:
        made["fill"] = more["fill"]
    return made
