#!/usr/bin/env python3
"""Writes the table of docs/methods.md from what fixture_test found, or checks that it is still so.

    GTEST_OUTPUT=json:found.json build/bin/fixture_test && tests/methods/methods_table.py [--check] found.json
"""

import argparse
import collections
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs" / "methods.md"
BEGIN, END = "<!-- table: made by tests/methods/methods_table.py -->\n", "<!-- end of table -->\n"
METHODS = ["legrad", "grad_cam", "attention_cam", "raw_attention", "rollout", "chefer_cam", "transformer_attribution",
           "partial_lrp", "text_span", "attn_lrp", "grad_eclip"]
KINDS = {
    "token": "class token", "tokens": "distilled (two tokens)", "patch tokens": "mean of patches",
    "all tokens": "class token and mean", "pooler": "attentional pooler",
}
OPTIONS = {
    "legrad token_mean": "`legrad/readout=token_mean`", "attention_cam layer": "`attention_cam/layer`",
    "raw_attention layer": "`raw_attention/layer`", "partial_lrp layer": "`partial_lrp/layer`",
    "grad_eclip layer": "`grad_eclip/layer`", "chefer_cam normalize": "`chefer_cam/normalize`",
}
# How a definition that names the class token is read where there is none alone; everything else is as published.
MEAN_OF_ROWS = "mean of the rows read"
GENERALISED = {
    (method, kind): MEAN_OF_ROWS
    for method in ("attention_cam", "raw_attention", "rollout", "chefer_cam", "transformer_attribution", "partial_lrp",
                   "grad_eclip")
    for kind in ("tokens", "patch tokens", "all tokens")
} | {
    ("text_span", kind): "sum of the rows read" for kind in ("tokens", "patch tokens", "all tokens")
} | {
    ("transformer_attribution", "pooler"): "a decoder layer without skip, as CheferCAM",
    ("partial_lrp", "pooler"): "the pooler's attention", ("grad_eclip", "pooler"): "the pooler's attention",
    ("text_span", "pooler"): "refused",
    ("legrad", "pooler"): "§8.1, the pooler's attention", ("attention_cam", "pooler"): "§8.5, the pooler's attention",
    ("raw_attention", "pooler"): "§8.5, the pooler's attention", ("rollout", "pooler"): "starts with the pooler's rows",
    ("chefer_cam", "pooler"): "§8.5, a decoder layer without skip",
}


def found(results):
    """Maps that were compared, {(method, kind): [(error, tolerance)]}, and options, {(option, kind): word}."""
    maps, options = collections.defaultdict(list), {}
    for suite in json.loads(results.read_text())["testsuites"]:
        for test in suite["testsuite"]:
            if suite["name"] != "Fixtures/FixtureTest":
                continue
            if test.get("failures"):
                sys.exit(f"{test['name']} failed")
            name = test["name"].split("/")[-1]
            fixture = json.loads((ROOT / "tests/data/fixtures" / name / "fixture.json").read_text())
            kind = fixture["structure"]["readout"]
            for number, case in enumerate(fixture["cases"]):
                method = case["method"]
                error = test.get(f"case{number}" if method == "legrad" else f"{method}_{number}")
                if error is not None:
                    maps[method, kind].append((float(error), case["tolerance"]))
            for option in OPTIONS:
                if option in test:
                    known = options.setdefault((option, kind), test[option])
                    assert known == test[option], f"{option} differs between models of one kind, {kind}"
    return maps, options


def table(results):
    maps, options = found(results)
    lines = ["| | " + " | ".join(KINDS.values()) + " |", "|---" * (len(KINDS) + 1) + "|"]
    for method in METHODS:
        cells = []
        for kind in KINDS:
            compared = maps[method, kind]
            assert compared or GENERALISED.get((method, kind)) == "refused", f"no fixture compares {method} on a model of kind {kind}"
            assert all(error <= tolerance for error, tolerance in compared)
            cells.append(GENERALISED.get((method, kind), "as defined"))
        lines.append(f"| `{method}` | " + " | ".join(cells) + " |")
    for option, title in OPTIONS.items():
        lines.append(f"| {title} | " + " | ".join(options[option, kind] for kind in KINDS) + " |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=pathlib.Path)
    parser.add_argument("--check", action="store_true", help="change nothing; fail where the table says something else")
    arguments = parser.parse_args()
    docs = DOCS.read_text()
    before, rest = docs.split(BEGIN)
    _, after = rest.split(END)
    now = before + BEGIN + table(arguments.results) + END + after
    if arguments.check and now != docs:
        sys.exit(f"{DOCS} is out of date; make it anew with tests/methods/methods_table.py {arguments.results}")
    if not arguments.check:
        DOCS.write_text(now)


if __name__ == "__main__":
    main()
