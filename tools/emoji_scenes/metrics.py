"""How well a heatmap finds an object: pointing and intersection over union, with standard errors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


def points_at(heatmap: np.ndarray, mask: np.ndarray, within: float = 0.0) -> bool:
    """Whether the maximum of the map is on the mask, or at most `within` pixels from one of the mask's pixels.

    A map that is the same everywhere points nowhere. Of several equal maxima the first counts.
    """
    if heatmap.max() == heatmap.min():
        return False
    row, column = np.unravel_index(int(heatmap.argmax()), heatmap.shape)
    if mask[row, column]:
        return True
    if within <= 0:
        return False
    rows, columns = np.nonzero(mask)
    return bool(len(rows)) and float(np.min((rows - row) ** 2 + (columns - column) ** 2)) <= within**2


def ious_at_mean(heatmap: np.ndarray, mask: np.ndarray) -> tuple[float, float]:
    """IoU of object and of background, where the object is predicted to be where the map is above its mean."""
    predicted = heatmap > heatmap.mean()

    def iou(a: np.ndarray, b: np.ndarray) -> float:
        union = int((a | b).sum())
        return int((a & b).sum()) / union if union else 1.0

    return iou(predicted, mask), iou(~predicted, ~mask)


@dataclass(frozen=True)
class Mean:
    """A mean over objects and its standard error."""

    value: float
    error: float


def clustered_mean(values: Sequence[float], pictures: Sequence[int]) -> Mean:
    """Mean over objects; the standard error counts the objects of one picture as one draw, since they are not independent."""
    array = np.asarray(values, float)
    if not len(array):
        return Mean(math.nan, math.nan)
    mean = float(array.mean())
    sums: dict[int, float] = {}
    for value, picture in zip(array, pictures):
        sums[picture] = sums.get(picture, 0.0) + float(value) - mean
    clusters = len(sums)
    if clusters < 2:
        return Mean(mean, math.nan)
    spread = sum(s * s for s in sums.values()) * clusters / (clusters - 1)
    return Mean(mean, math.sqrt(spread) / len(array))
