#!/usr/bin/env python
"""Writes the table of docs/models.md from a run of the matrix.

    LEGRAD_FIXTURES=build/matrix build/bin/fixture_test --gtest_output=json:build/matrix.json
    python tests/oracle/make_table.py build/matrix build/matrix.json docs/models.md

A run in several shards has a report for each: they stand between the folder and the table.
"""

import importlib.metadata
import json
import pathlib
import sys

INTRODUCTION = """# Models

Every row is a stock export of a small model with random weights (width 32, 3 blocks), of the class that its home uses at
full size. `tests/oracle/make_matrix.py` makes them, with LeGrad and CheferCAM by their definitions, in double precision
on attention maps that are kept, by autograd; `fixture_test` explains the files and compares; `tests/oracle/make_table.py`
writes this table from what it found. *Error* is the worst relative error, max |found − expected| / max |expected|, over
all maps of a row: about 1e-15 for float64 files, 1e-6 for float32 ones. Nothing in here is written by hand.

"""
TOUR = "## The tour"  # what stands behind it is of make_tour_table.py
PACKAGES = {"timm": "timm", "torchvision": "torchvision", "open_clip": "open-clip-torch", "transformers": "transformers"}


def home(name):
    return f"{name} {importlib.metadata.version(PACKAGES[name])}" if name in PACKAGES else name


def as_written(text):
    """What a program recorded: GoogleTest's report has every byte as a character of its own."""
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text


def results(reports):
    """Failures (first lines) and properties by fixture."""
    found = {}
    for suite in (suite for report in reports for suite in report["testsuites"]):
        for test in suite["testsuite"]:
            if "value_param" not in test:
                continue
            row = found.setdefault(test["value_param"].strip('"'), {"failures": [], "properties": {}})
            row["failures"] += [failure["failure"] for failure in test.get("failures", [])]
            known = {"name", "value_param", "file", "line", "status", "result", "timestamp", "time", "classname", "failures"}
            row["properties"].update(
                {f"{test['name']}/{key}": as_written(str(value)) for key, value in test.items() if key not in known})
    return found


def cells(name, fixture, result):
    failures, properties = result["failures"], result["properties"]
    form = fixture["form"] + (" (half)" if fixture.get("converted") else " (int8)" if fixture.get("quantised_layers") else "")
    if "refusal" in fixture:
        said = next((value for key, value in properties.items() if key.endswith("/refusal")), "")
        return [name, home(fixture["home"]), form, "", "", "", "", "", f"refused: {said}" if said and not failures else "FAILED"]
    structure = fixture["structure"]
    errors = [float(value) for key, value in properties.items() if "/case" in key or key.endswith("/output")]
    attention = next((value for key, value in properties.items() if key.endswith("/attention")), "")
    rows = len(structure["readout_rows"]) or f"{structure['pooler_queries']} queries"
    outcome = "FAILED" if failures or not errors else f"{max(errors):.0e}"
    return [name, home(fixture["home"]), form, attention, structure["blocks"], structure["readout"], rows,
            f"{structure['prefix_tokens']}{' (end)' if structure['patch_positions'][0] == 0 and structure['prefix_tokens'] else ''}",
            outcome]


def main(folder, *reports_and_out):
    *reports, out = reports_and_out
    found = results(json.loads(pathlib.Path(report).read_text()) for report in reports)
    lines = ["| model | home | file | attention | blocks | readout | rows | prefix | error |", "|" + "---|" * 9]
    failed = []
    for path in sorted(pathlib.Path(folder).glob("*/fixture.json")):
        name = path.parent.name
        row = cells(name, json.loads(path.read_text()), found[name])
        failed += [name] if row[-1] == "FAILED" else []
        lines.append("| " + " | ".join(str(cell) for cell in row) + " |")
    path = pathlib.Path(out)
    tour = path.read_text().partition(TOUR)[1:] if path.exists() else ()
    path.write_text(INTRODUCTION + "\n".join(lines) + "\n" + "".join(["\n", *tour] if any(tour) else []))
    if failed:
        sys.exit("failed: " + " ".join(failed))


if __name__ == "__main__":
    main(*sys.argv[1:])
