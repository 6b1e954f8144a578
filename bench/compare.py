#!/usr/bin/env python
"""Times our explanations and those of others on the same weights, taking turns in one run: each is a process of its own that works only
when asked. Says besides whether both give the same map, so that equal work is compared.

    .deps/oracle/bin/python bench/compare.py --json compare.json --markdown compare.md
"""

import argparse
import dataclasses
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

import numpy as np
import torch

import cases
import machine
import turns

HERE = pathlib.Path(__file__).resolve().parent
SAME = 1e-3  # the most by which two maps of the same definition may lie apart after min-max: float32, 12 blocks


@dataclasses.dataclass
class Ours:
    method: str  # as `--method` spells it
    embedding: bool = False

    def __str__(self):
        return f"ours, `{self.method}`"

    def command(self, case, folder, build):
        more = ["--embeddings"] if self.embedding else []
        return [build / "bin/legrad_bench", "--model", folder / "model.pt", "--methods", self.method, "--threads", turns.THREADS,
                "--on-request", "--json", *more]

    def map(self, case, folder, build):
        out = folder / "ours"
        target = ["--text-embedding", folder / "embedding.npy"] if self.embedding else ["--class", str(case.target)]
        subprocess.run([build / "bin/legrad", "explain", "--model", folder / "model.pt", "--input-npy", folder / "image.npy",
                        "--size", "x".join(map(str, case.image.shape[2:])), "--method", self.method, "--no-correction",
                        "--out", out, *target], check=True, capture_output=True, text=True, env=turns.environment())
        return torch.from_numpy(np.load(out / "raw.npy"))[0, 0]


@dataclasses.dataclass
class Peer:
    name: str  # as peers.py knows it
    title: str
    like: Ours = None  # what of ours gives the same map
    note: str = ""  # where that is nothing: what it computes
    changes_torch: bool = False  # so that its own forward is nobody's

    def __str__(self):
        return self.title

    def command(self, case, folder, build):
        return [sys.executable, "-W", "ignore", HERE / "peers.py", "--name", self.name, "--case", folder.name,
                "--map", folder / f"{self.name}.npy"]

    def map(self, folder):
        return torch.from_numpy(np.load(folder / f"{self.name}.npy"))


@dataclasses.dataclass
class OpenVino(Peer):
    python: str = ""  # of its environment

    def command(self, case, folder, build):
        cases.export_onnx(case, folder / "model.onnx")
        return [self.python, "-W", "ignore", HERE / "openvino_peer.py", "--model", folder / "model.onnx",
                "--image", folder / "image.npy", "--target", case.target, "--map", folder / f"{self.name}.npy"]


LEGRAD = Ours("legrad")
GRAD_CAM = Ours("grad_cam/include_prefix=no")
CHEFER = Ours("chefer_cam")
TOKEN_MEAN = Ours("legrad/readout=token_mean")
ATTN_LRP = Ours("attn_lrp/rules=cp")
CLIP_LEGRAD = Ours("legrad/readout=token_mean", embedding=True)

ROWS = {
    "timm": [
        LEGRAD,
        Peer("plain-legrad", "LeGrad, plain autograd over kept maps", LEGRAD),
        CHEFER,
        Peer("chefer", "CheferCAM, plain autograd over kept maps", CHEFER),
        GRAD_CAM,
        Peer("torch-cam-gradcam", "torch-cam `GradCAM`", GRAD_CAM),
        Peer("pytorch-grad-cam", "pytorch-grad-cam `GradCAM`", GRAD_CAM),
        Peer("captum", "captum `LayerGradientXActivation`", note="gradient times activation, summed over the width; signed"),
    ],
    "torchvision": [
        TOKEN_MEAN,
        Peer("torch-cam-legrad", "torch-cam `LeGrad`", TOKEN_MEAN),
        ATTN_LRP,
        Peer("lxt", "lxt's AttnLRP", ATTN_LRP, changes_torch=True),
    ],
    "open_clip": [
        CLIP_LEGRAD,
        Peer("legrad-torch", "legrad-torch", CLIP_LEGRAD),
    ],
}


def fastest_forward(workers):
    """Of the ways in which a plain forward was run here, the fastest: its name, and its time in each round."""
    ways = {"eager": [w for row, w in workers if isinstance(row, Peer) and not row.changes_torch and not isinstance(row, OpenVino)],
            "archive": [w for row, w in workers if isinstance(row, Ours)]}
    times = {way: [statistics.median(moment) for moment in zip(*([one["forward_ms"] for one in w.rounds] for w in members))]
             for way, members in ways.items() if members}
    way = min(times, key=lambda name: statistics.median(times[name]))
    return way, times[way]


def verdicts(rows, case, folder, build):
    """What is to be said of each row's map."""
    ours = {}  # by method
    for row in rows:
        if not isinstance(row, Peer):
            yield {}
        elif row.like is None:
            yield {"note": row.note}
        else:
            if row.like.method not in ours:
                ours[row.like.method] = row.like.map(case, folder, build)
            distance = cases.apart(ours[row.like.method], row.map(folder))
            yield {"like": row.like.method, "apart": distance, "same": distance < SAME}


def started(rows, case, folder, build):
    """What could be started. What could not is said, and does not stop the others."""
    workers = []
    for row in rows:
        try:
            workers.append((row, turns.Worker(row.command(case, folder, build))))
        except (RuntimeError, OSError) as error:
            print(f"left out: {row}: {error}", file=sys.stderr)
    return workers


def compare(name, rows, rounds, build, folder):
    case = cases.CASES[name]()
    cases.export(case, folder / "model.pt")
    np.save(folder / "image.npy", case.image.numpy())
    if case.embedding is not None:
        np.save(folder / "embedding.npy", case.embedding.numpy())
    workers = started(rows, case, folder, build)
    try:
        beside_ours = list(verdicts([row for row, _ in workers], case, folder, build))
        for _ in range(rounds):
            for _, worker in workers:
                worker.round()
    finally:
        for _, worker in workers:
            worker.close()
    way, forwards = fastest_forward(workers)
    results = []
    for (row, worker), said in zip(workers, beside_ours):
        own = isinstance(row, OpenVino)  # another engine is measured against its own forward
        base = [one["forward_ms"] for one in worker.rounds] if own else forwards
        ratios = [one["explain_ms"] / forward for one, forward in zip(worker.rounds, base)]
        results.append({"case": name, "what": str(row), "explain_ms": worker.median("explain_ms"),
                        "forward": "its own" if own else way, "forward_ms": statistics.median(base),
                        "ratio": statistics.median(ratios), "extra_mib": worker.first["extra_mib"], "rounds": worker.rounds,
                        **said})
    return results


def table(result):
    lines = ["| ViT-B/16 of | what | × forward | time | memory above the model | its map beside ours |", "|---|---|---|---|---|---|"]
    for row in result["rows"]:
        said = row.get("note", "")
        if "apart" in row:
            said = f"{'the same' if row['same'] else '**not the same**'}, {row['apart']:.0e} apart"
        lines.append(f"| {row['case']} | {row['what']} | {row['ratio']:.2f} | {row['explain_ms']:.0f} ms | {row['extra_mib']:.0f} MiB "
                     f"| {said} |")
    forwards = {row["case"]: row for row in result["rows"] if row["forward"] != "its own"}
    said = ", ".join(f"{name} {row['forward_ms']:.0f} ms ({row['forward']})" for name, row in forwards.items())
    return "\n".join([*lines, "", f"Fastest plain forwards: {said}. {machine.sentence(result['machine'])}", ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--build", type=pathlib.Path, default=HERE.parent / "build", help="where bin/legrad and bin/legrad_bench are")
    parser.add_argument("--rounds", type=int, default=9, help="rounds, of which medians are taken")
    parser.add_argument("--case", choices=ROWS, action="append", help="only this one; may be repeated")
    parser.add_argument("--openvino", help="the Python of an environment with openvino-xai, to have it beside the others")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--markdown", type=pathlib.Path)
    options = parser.parse_args()
    rows = {name: ROWS[name] for name in options.case or ROWS}
    if options.openvino and "timm" in rows:
        note = "the last block run again for each patch alone, in OpenVINO; against OpenVINO's own forward"
        rows["timm"] = [*rows["timm"], OpenVino("openvino-xai", "OpenVINO XAI `ViTReciproCAM`", note=note, python=options.openvino)]
    result = {"machine": machine.described(), "rounds": options.rounds, "rows": []}
    with tempfile.TemporaryDirectory() as folder:
        for name, some in rows.items():
            inside = pathlib.Path(folder) / name
            inside.mkdir()
            result["rows"] += compare(name, some, options.rounds, options.build.resolve(), inside)
    if options.json:
        options.json.write_text(json.dumps(result, indent=1))
    if options.markdown:
        options.markdown.write_text(table(result))
    print(table(result))
    return 0 if all(row.get("same", True) for row in result["rows"]) else 1


if __name__ == "__main__":
    sys.exit(main())
