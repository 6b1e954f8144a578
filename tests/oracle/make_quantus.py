#!/usr/bin/env python
"""Writes tests/data/eval/quantus.json: maps, masks, and what Quantus (Hedström et al., JMLR 2023) measures on them, for
tests/eval/metrics/quantus_test.cpp; average precision, which Quantus lacks, is scikit-learn's. Needs quantus 0.6.0, of PyPI, which
brings scikit-learn, and torch.

    python tests/oracle/make_quantus.py [--out FILE]
"""

import argparse
import importlib.metadata
import json
import pathlib

import numpy as np
import quantus
import sklearn.metrics
import torch

FILE = pathlib.Path(__file__).resolve().parents[1] / "data" / "eval" / "quantus.json"
SIZE = (8, 10)
AGAIN = 3  # maps of images with noise


def rounded(values):
    """Few digits, so that the file holds the very numbers that were measured."""
    return np.round(values, 4)


def specimens(random):
    """Maps of several kinds, each with a mask."""
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    blob = np.exp(-((rows - 3) ** 2 + (columns - 6) ** 2) / 8)
    middle = np.zeros(SIZE)
    middle[2:5, 4:8] = 1
    corner = np.zeros(SIZE)
    corner[:2, :3] = 1
    speck = np.full(SIZE, 0.001)
    speck[7, 9] = 1
    yield "even noise", random.random(SIZE), middle
    yield "normal noise, negative too", random.normal(size=SIZE), corner
    yield "a blob on its object", blob, middle
    yield "a blob off its object", blob, corner
    yield "a blob on noise", blob + 0.2 * random.random(SIZE), middle
    yield "mostly negative", random.normal(size=SIZE) - 1.5, middle
    yield "nearly a speck", speck, corner
    yield "all is object", random.random(SIZE), np.ones(SIZE)


def measured(metric, values, mask=None, again=()):
    """What a metric says of one map; the model and its image are not looked at. Maps of noisy images are `again`, in turn."""
    maps = iter(again)
    score = metric(
        model=torch.nn.Flatten(),
        x_batch=np.zeros((1, 1, *SIZE)),
        y_batch=np.zeros(1, dtype=int),
        a_batch=values[None, None],
        s_batch=None if mask is None else mask[None, None].astype(bool),
        explain_func=lambda **_: next(maps)[None, None],
    )
    return float(score[0])


class Layers(torch.nn.Sequential):
    """A model of AGAIN layers that can be drawn anew; nobody looks at what it computes."""

    def __init__(self):
        super().__init__(torch.nn.Flatten(), torch.nn.Linear(SIZE[0] * SIZE[1], 2), *(torch.nn.Linear(2, 2) for _ in range(AGAIN - 1)))


def measured_by_layers(metric, values, again):
    """What a metric says of a map, those of models with more and more layers drawn anew being `again`. A map is asked for
    once more where the model is still as it was."""
    original = []

    def explain(model, inputs, **_):
        weights = model[1].weight.detach().numpy(), model[-1].weight.detach().numpy()
        if not original:
            original.append(weights)
        same = all(np.array_equal(now, before) for now, before in zip(weights, original[0]))
        return (values if same else next(maps))[None, None]

    maps = iter(again)
    score = metric(
        model=Layers().eval(),
        x_batch=np.zeros((1, 1, *SIZE), dtype=np.float32),
        y_batch=np.zeros(1, dtype=int),
        a_batch=values[None, None],
        explain_func=explain,
    )
    return float(score[0])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=FILE)
    out = parser.parse_args().out
    quiet = dict(disable_warnings=True, normalise=False)
    random = np.random.default_rng(0)
    cases = []
    for name, values, mask in specimens(random):
        values = rounded(values)
        again = [rounded(values + 0.1 * random.normal(size=SIZE)) for _ in range(AGAIN)]
        stretched = (values - values.min()) / (values.max() - values.min())
        sensitivity = quantus.MaxSensitivity(nr_samples=AGAIN, abs=False, **quiet)
        cascading = quantus.MPRT(return_average_correlation=True, **quiet)
        efficient = quantus.EfficientMPRT(complexity_func_kwargs={"n_bins": 100}, **quiet)
        cases.append(
            {
                "name": name,
                "map": values.tolist(),
                "mask": mask.astype(int).tolist(),
                "again": [other.tolist() for other in again],
                "sparseness": measured(quantus.Sparseness(abs=True, **quiet), values),
                "complexity": measured(quantus.Complexity(abs=True, **quiet), values),
                "pointing": measured(quantus.PointingGame(abs=False, **quiet), values, mask),
                "relevance_mass_of_min_max": measured(quantus.RelevanceMassAccuracy(abs=False, **quiet), stretched, mask),
                "max_sensitivity": measured(sensitivity, values, again=again),
                "mprt": measured_by_layers(cascading, values, again),
                "emprt": measured_by_layers(efficient, values, again[-1:]),
                "average_precision": float(sklearn.metrics.average_precision_score(mask.ravel(), values.ravel())),
            }
        )
        print(name, {key: value for key, value in cases[-1].items() if isinstance(value, float)})
    out.parent.mkdir(parents=True, exist_ok=True)
    versions = {name: importlib.metadata.version(name) for name in ("quantus", "scikit-learn")}
    written = {**versions, "cases": cases}
    out.write_text(json.dumps(written, separators=(",", ":")).replace('{"name"', '\n{"name"') + "\n")


if __name__ == "__main__":
    main()
