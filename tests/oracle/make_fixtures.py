#!/usr/bin/env python
"""Writes tests/data/fixtures: small stock exports with what the methods give for them by definition.

    python tests/oracle/make_fixtures.py [--only NAME]... [--out DIR]
"""

import argparse
import dataclasses
import json
import multiprocessing
import os
import pathlib
import shutil
import sys
import warnings

import numpy as np
import torch

import baselines
import definitions
import gem
import relevance
import zoo
from export import export, load, save

DATA = pathlib.Path(__file__).resolve().parents[1] / "data" / "fixtures"
TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-5}
FORWARD_TOLERANCE = {**TOLERANCE, torch.float16: 3e-2, torch.qint8: 0.2}
BATCH = 2


def targets(entry, output):
    """Targets of a fixture by name, with K = 2 or 3."""
    generator = torch.Generator().manual_seed(100 + entry.seed)
    width = output.shape[1]
    if entry.embeddings:
        def embeddings(*shape):
            return torch.randn(*shape, width, generator=generator)

        return {
            "main": definitions.Target(embeddings=embeddings(2)),
            "second": definitions.Target(embeddings=embeddings(3), similarity="dot"),
            "third": definitions.Target(embeddings=embeddings(BATCH, 2)),
        }
    return {
        "main": definitions.Target(classes=[1, -2]),
        "second": definitions.Target(classes=[0, 3, 4]),
        "third": definitions.Target(per_image=torch.tensor([[2, 5], [6, 0]])),
    }


def cases(specimen, named, by_rules):
    """(method, options, target, whether layer scores and maps are stored too)."""
    yield "legrad", {"readout": "model"}, named["main"], True
    if not specimen.pooler:
        yield "legrad", {"readout": "token_mean"}, named["main"], True
        yield "legrad", {"readout": "token_mean", "layers": [-1, 0]}, named["second"], False
    yield "legrad", {"readout": "auto"}, named["third"], False
    yield "legrad", {"readout": "model", "layers": [0, -1], "relu": False}, named["second"], True
    yield "legrad", {"readout": "model", "negative_slope": 0.1}, named["third"], False
    yield "chefer_cam", {}, named["main"], False
    yield "chefer_cam", {"layers": [1, -1]}, named["second"], False
    yield "chefer_cam", {}, named["third"], False
    for method, options, target in baselines.cases(specimen, named):
        yield method, options, target, False
    if by_rules:  # these take a while
        yield "legrad", {"readout": "model", "rules": "libra"}, named["main"], True
        if not specimen.pooler:
            yield "legrad", {"readout": "token_mean", "rules": "libra"}, named["third"], False
        for method, options, target in [*relevance.cases(specimen, named), *gem.cases(specimen, named)]:
            yield method, options, target, False


def tolerance(method, dtype):
    """Relevance is divided by sums of terms that nearly cancel, which makes more of a float32 forward's own rounding: the
    definition itself, computed in float32, is off by up to 6e-5."""
    by_rules = method in ("transformer_attribution", "partial_lrp")
    return 1e-3 if by_rules and dtype == torch.float32 else TOLERANCE[dtype]


class Folder:
    """A fixture's folder; tensors go to .npy files beside fixture.json."""

    def __init__(self, path):
        self.path = path
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)

    def store(self, name, tensor):
        np.save(self.path / name, tensor.detach().numpy())
        return name

    def describe(self, fixture):
        (self.path / "fixture.json").write_text(json.dumps(fixture, indent=1) + "\n")


def write(name, entry, out, by_rules=True):
    folder = Folder(out / name)
    generator = torch.Generator().manual_seed(1000 + entry.seed)
    specimen = zoo.build(entry)
    images = torch.randn(BATCH, 3, *specimen.image, generator=generator)

    dtype = entry.load_dtype or entry.dtype

    # Export in the file's dtype; then the same weights, in double, for the oracle.
    specimen.model.to(entry.dtype)
    to_export, layers = specimen, 0
    if entry.quantised:
        quantised, layers = zoo.quantise(specimen.exported or specimen.model, entry.quantised)
        to_export = dataclasses.replace(specimen, exported=quantised)
    file = save(export(to_export, entry.form, entry.dtype, entry.example_batch), folder.path / "model")
    if entry.refusal:
        folder.describe({"file": file.name, "home": entry.home, "form": entry.form, "refusal": entry.refusal})
        return
    saved = load(file)
    with torch.no_grad():
        one_by_one = torch.cat([specimen.output(specimen.call(saved, specimen.inputs(image[None].to(entry.dtype))))
                                for image in images])

    specimen.for_oracle()
    specimen.model.to(torch.float64)
    exact = images.to(torch.float64)
    tokens, _, output = definitions.run(specimen, exact)
    difference = (one_by_one.double() - output).abs().max() / output.abs().max()
    assert difference < FORWARD_TOLERANCE[torch.qint8 if entry.quantised else entry.dtype], f"{name}: the export differs from the model by {difference:.1e}"
    readout_difference = ((specimen.readout(tokens[-1]) - output).abs().max() / output.abs().max()).item()
    assert readout_difference < 1e-14, f"{name}: the readout is not the model's own ({readout_difference:.1e})"

    described = []
    for number, (method, options, target, by_layer) in enumerate(cases(specimen, targets(entry, output), by_rules)):
        case = {"method": method, **({"relu": True, "negative_slope": 0} if method == "legrad" else {}), **options}
        case.setdefault("layers", None)
        if target.classes is not None:
            case["targets"] = {"classes": target.classes}
        elif target.per_image is not None:
            case["targets"] = {"per_image": folder.store(f"case{number}_classes.npy", target.per_image)}
        else:
            embeddings = folder.store(f"case{number}_embeddings.npy", target.embeddings.to(dtype))
            case["targets"] = {"embeddings": embeddings, "similarity": target.similarity}
        if method == "legrad":
            maps, layer_scores, layer_maps = relevance.legrad(specimen, exact, target, **options)
            if by_layer:
                case["layer_scores"] = folder.store(f"case{number}_layer_scores.npy", layer_scores)
                case["layer_maps"] = folder.store(f"case{number}_layer_maps.npy", layer_maps)
        else:
            try:
                maps = {**baselines.METHODS, **relevance.METHODS, "gem": gem.gem}[method](specimen, exact, target, **options)
            except relevance.NoRule:
                continue
        varies = maps.amax((-1, -2)) > maps.amin((-1, -2))
        # GradCAM's and Grad-ECLIP's ReLU is after their sums, so that some of their maps are all zeros.
        enough = varies.any() if method in ("grad_cam", "grad_eclip") else varies.all()
        assert maps.isfinite().all() and enough, f"{name}: a flat map of {method}"
        case["expected"] = folder.store(f"case{number}.npy", maps)
        case["tolerance"] = tolerance(method, dtype)
        described.append(case)

    fixture = {
        "file": file.name,
        "home": entry.home,
        "form": entry.form,
        "dtype": str(dtype).removeprefix("torch."),
        "converted": dtype != entry.dtype,
        "quantised_layers": layers,
        "images": folder.store("images.npy", images.to(dtype)),
        "output": folder.store("output.npy", output),
        "tolerance": TOLERANCE[dtype],
        "size_needed": entry.size_needed,
        "by_rules": by_rules,
        "structure": {
            "input": specimen.image,
            "channels": 3,
            "blocks": len(specimen.blocks),
            "heads": specimen.heads,
            "differential": specimen.differential,
            "width": specimen.width,
            "tokens": specimen.tokens,
            "prefix_tokens": specimen.prefix,
            "grid": specimen.grid,
            "patch_positions": specimen.patch_positions,
            "readout": specimen.readout_kind,
            "readout_rows": specimen.readout_rows,
            "rows_stand_alone": specimen.rows_stand_alone,
            "pooler_heads": specimen.pooler_heads,
            "pooler_queries": specimen.pooler_queries,
            "pooler_queries_read": specimen.rows_read if specimen.pooler else [],
            "output_width": output.shape[1],
            "normalized_output": bool((output.norm(dim=1) - 1).abs().max() < 1e-6),
        },
        "cases": described,
    }
    folder.describe(fixture)
    size = sum(file.stat().st_size for file in folder.path.iterdir())
    print(f"{name:32} {size / 1024:6.0f} KiB  export vs. model {difference:.1e}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", metavar="NAME", choices=zoo.FIXTURES)
    parser.add_argument("--out", type=pathlib.Path, default=DATA)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")  # the tracer's remarks on Python branches, and TorchScript's age
    for name in arguments.only or zoo.FIXTURES:
        # A process for each: names inside an archive count what was exported before it in the same process.
        process = multiprocessing.get_context("fork").Process(target=write, args=(name, zoo.FIXTURES[name], arguments.out))
        process.start()
        process.join()
        if process.exitcode != 0:
            sys.exit(f"{name} failed")


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":  # the scripting compiler's order of attributes comes from sets
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "PYTHONHASHSEED": "0"})
    main()
