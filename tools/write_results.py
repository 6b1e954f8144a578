#!/usr/bin/env python3
"""Sets what scripts/reproduce measured beside the figures that LeGrad's paper reports, as Markdown.

    tools/write_results.py MEASURED OUT.md

MEASURED holds a folder for each table, with the results.json of `legrad evaluate`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

NEGATIVE = "perturbation_negative_{}_from_0"
POSITIVE = "perturbation_positive_{}_from_0"
LAST = "legrad/layers=-1"

# What follows this line in OUT.md stays.
KEPT = "<!-- From here on written by hand. -->"

# The paper's figures (Bousselham et al., arXiv 2404.03214, supplement), by our names of methods and metrics.
# Perturbation: 100 times the area; p-mIoU, which no metric of ours on scenes stands for, is left out.
FOUR = [NEGATIVE.format("predicted"), NEGATIVE.format("target"), POSITIVE.format("predicted"), POSITIVE.format("target")]
TWO = [NEGATIVE.format("target"), POSITIVE.format("target")]
CO12 = ["csdc", "pc", "dc", "distractibility", "sd", "ts"]
OF_THE_MODEL = ("accuracy", "background_independence")  # the same for every map

BIRDS = {
    "grad_cam": [0.75, 0.67, 0.68, 0.91, 0.70, 0.48],
    "rollout": [0.86, 0.80, 0.82, 0.80, 0.76, 0.0],
    "chefer_cam": [0.91, 0.92, 0.89, 0.90, 0.74, 0.95],
    "legrad": [0.90, 0.83, 0.92, 1.0, 0.77, 0.97],
}

TABLES = {
    "table6": ("Table 6: GradCAM's options and LeGrad on a CLIP", TWO, 100, {
        "grad_cam": [45.26, 22.86],
        "grad_cam/include_prefix=no": [41.29, 24.20],
        "grad_cam/multi_layer=yes": [45.31, 22.54],
        "legrad": [52.27, 13.97],
    }, "CLIP ViT-B/16 on ImageNet"),
    "table7": ("Table 7: methods on a SigLIP", FOUR, 100, {
        "rollout": [47.81, 47.81, 25.74, 25.74],
        "raw_attention": [44.42, 44.42, 25.85, 25.85],
        "grad_cam": [41.25, 44.42, 35.10, 33.50],
        "attention_cam": [45.62, 45.71, 45.01, 44.92],
        "chefer_cam": [47.12, 49.13, 22.35, 21.15],
        "legrad": [50.08, 51.67, 18.48, 17.55],
    }, "SigLIP-B/16 on ImageNet"),
    "table8": ("Table 8: LeGrad without its ReLU, and on the last block alone", TWO, 100, {
        LAST + "/relu=no": [47.81, 20.80],
        LAST: [49.32, 19.95],
        "legrad/relu=no": [52.01, 16.80],
        "legrad": [54.48, 15.23],
    }, "CLIP ViT-L/14 on ImageNet"),
    "table9": ("Table 9: methods on a classifier", FOUR, 100, {
        "rollout": [53.10, 53.10, 20.06, 20.06],
        "raw_attention": [45.55, 45.55, 24.01, 24.01],
        "grad_cam": [43.17, 42.97, 26.89, 26.99],
        "attention_cam": [41.53, 42.03, 33.54, 34.05],
        "transformer_attribution": [54.19, 55.09, 17.01, 16.36],
        "partial_lrp": [50.28, 50.29, 19.82, 19.80],
        "chefer_cam": [54.68, 55.70, 17.30, 16.75],
        "legrad": [54.72, 56.43, 15.20, 14.13],
    }, "ViT-B/16 on ImageNet"),
    "table10": ("Table 10: LeGrad with a LeakyReLU", TWO, 100, {
        "legrad": [54.48, 15.23],
        "legrad/negative_slope=0.1": [54.33, 15.39],
        "legrad/negative_slope=0.5": [53.25, 15.84],
        "legrad/negative_slope=0.7": [52.96, 16.33],
        "legrad/negative_slope=1": [52.01, 16.80],
    }, "CLIP ViT-L/14 on ImageNet"),
    "table11-creatures": ("Table 11: FunnyBirds' protocols, on creatures of our own", CO12, 1, BIRDS,
                          "ViT-B/16 on FunnyBirds, which are other creatures"),
    "table11": ("Table 11: FunnyBirds' protocols, on FunnyBirds", CO12, 1, BIRDS, "ViT-B/16 on FunnyBirds"),
    "classifier": ("Where every method points, on a classifier", [], 1, {}, ""),
    "clip": ("Where every method points, on a CLIP", [], 1, {}, ""),
    "siglip": ("Where every method points, on a SigLIP", [], 1, {}, ""),
}

# What a table is about, where its title does not tell.
NOTES = {
    "table11-creatures": "Flat creatures of 112 pixels (tools/creatures), told apart by five parts, each of which can be taken "
                         "away, as can the objects around. `random` and the shuffled weights say what a figure is worth here.",
    "table11": "FunnyBirds' rendered birds, as far as they are at hand. Pictures without interventions count for `csdc` and "
               "`accuracy` alone.",
}

SHORT = {
    NEGATIVE.format("predicted"): "negative, predicted ↑",
    NEGATIVE.format("target"): "negative, target ↑",
    POSITIVE.format("predicted"): "positive, predicted ↓",
    POSITIVE.format("target"): "positive, target ↓",
}


def ranks(values: list[float]) -> list[float]:
    """Average ranks, 1 for the least."""
    order = sorted(values)
    return [(order.index(v) + 1 + len(order) - order[::-1].index(v)) / 2 for v in values]


def correlation(a: list[float], b: list[float]) -> float | None:
    """Spearman's rank correlation; none where one of them is constant."""
    x, y = ranks(a), ranks(b)
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    covariance = sum((p - mean_x) * (q - mean_y) for p, q in zip(x, y))
    spread = (sum((p - mean_x) ** 2 for p in x) * sum((q - mean_y) ** 2 for q in y)) ** 0.5
    return covariance / spread if spread > 0 else None


def cell(row: dict | None, times: float) -> str:
    if not row or row["value"] is None:
        return "–"
    digits = 1 if times == 100 else 3
    text = f"{times * row['value']:.{digits}f}"
    return text if row["stderr"] is None else f"{text} ± {times * row['stderr']:.{digits}f}"


def table(name: str, measured: dict) -> list[str]:
    title, compared, times, paper, where = TABLES[name]
    rows = {(row["method"], row["metric"]): row for row in measured["rows"]}
    metrics = {metric["name"]: metric for metric in measured["metrics"]}
    shown = [m for m in compared if m in metrics] + [m for m in metrics if m not in compared]
    subjects = list(dict.fromkeys(row["method"] for row in measured["rows"]))
    controls = {row["method"] for row in measured["rows"] if row["control"]}
    settings = measured["settings"]

    def heading(metric: str) -> str:
        return SHORT.get(metric, f"{metric} {'↑' if metrics[metric]['higher_is_better'] else '↓'}")

    lines = [f"## {title}", "",
             f"`{settings['model']}`, {measured['pictures']} pictures of `{settings['data']}`, seed {settings['seed']}. "
             + (f"In brackets what the paper has, for {where}. " if where else "") + NOTES.get(name, ""), "",
             "| map | " + " | ".join(heading(m) for m in shown) + " |", "|---" * (len(shown) + 1) + "|"]
    for subject in subjects:
        cells = []
        for metric in shown:
            scale = times if metric in compared else 1
            text = cell(rows.get((subject, metric)), scale)
            if subject in paper and metric in compared:
                text += f" ({paper[subject][compared.index(metric)]:g})"
            cells.append(text)
        lines.append(f"| {f'*{subject}*' if subject in controls else f'`{subject}`'} | " + " | ".join(cells) + " |")
    lines.append("")
    for metric in (m for m in shown if m not in OF_THE_MODEL):
        tells = metrics[metric]["tells_from_random"]
        both = [s for s in paper if metric in compared and rows.get((s, metric), {}).get("value") is not None]
        said = []
        if tells is False:
            said.append("tells no method from a random map here, so it ranks nothing")
        elif len(both) > 2:
            ours = [rows[s, metric]["value"] for s in both]
            theirs = [paper[s][compared.index(metric)] for s in both]
            rho = correlation(ours, theirs)
            if rho is not None:
                said.append(f"rank correlation with the paper's order {rho:+.2f} over {len(both)} rows")
        if metric in metrics and tells is not False:
            methods = [s for s in subjects if s not in controls and rows.get((s, metric), {}).get("value") is not None]
            best = min(methods, key=lambda s: rows[s, metric]["value"] * (-1 if metrics[metric]["higher_is_better"] else 1),
                       default=None)
            if best:
                place = sorted(methods, key=lambda s: rows[s, metric]["value"],
                               reverse=metrics[metric]["higher_is_better"])
                said.append(f"best `{best}`" + (f", `legrad` is number {place.index('legrad') + 1} of {len(place)}"
                                                if "legrad" in place and best != "legrad" else ""))
        if said:
            lines.append(f"- {heading(metric)}: " + "; ".join(said) + ".")
    lines.append("")
    if "layers" in measured:
        layers = measured["layers"]
        lines += ["LeGrad's positive gradient by block (§10), and of it on tokens that are no patches (§7.2):", "",
                  "| block | " + " | ".join(str(i) for i in range(len(layers["gradient_share"]))) + " |",
                  "|---" * (len(layers["gradient_share"]) + 1) + "|",
                  "| share | " + " | ".join(f"{s:.3f}" for s in layers["gradient_share"]) + " |",
                  "| on prefix tokens | " + " | ".join(f"{s:.3f}" for s in layers["prefix_share"]) + " |", ""]
    return lines


def main() -> int:
    measured, out = map(Path, sys.argv[1:])
    lines = ["# Results", "",
             "Made by `scripts/reproduce`. Perturbation is 100 times the area under accuracy from the whole picture to 90 % of it "
             "gone, as the paper has it; ↑ higher is better, ↓ lower. ± is one standard error over pictures. Controls are in "
             "italics. **These are small models on small pictures**, trained on scenes of emoji or drawn creatures; the paper's are large ones on "
             "photographs, so what is comparable is the order of the methods, not the figures.", ""]
    for name in TABLES:
        file = measured / name / "results.json"
        if file.exists():
            lines += table(name, json.loads(file.read_text(encoding="utf-8")))
    if out.exists() and KEPT in (before := out.read_text(encoding="utf-8")):
        lines += [KEPT + before.split(KEPT, 1)[1].rstrip()]
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("\n".join(line.rstrip() for line in lines).rstrip() + "\n", encoding="utf-8")
    print(out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
