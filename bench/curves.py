#!/usr/bin/env python
"""How the cost of LeGrad grows with the picture, the prompts and the batch, beside a plain forward and beside plain autograd that keeps
all attention maps. Writes the measurements as JSON and draws them.

    .deps/oracle/bin/python bench/curves.py --json curves.json --figures docs/figures
    .deps/oracle/bin/python bench/curves.py --draw curves.json --figures docs/figures
"""

import argparse
import json
import pathlib
import statistics
import sys
import tempfile

import cases
import machine
import turns

HERE = pathlib.Path(__file__).resolve().parent

# The model of each curve, what grows along it, and up to where plain autograd is run beside ours. Beyond, it has no room
# (its maps grow with the square of the tokens) or takes minutes.
CURVES = {
    "tokens": dict(case="narrow", option="side", values=[224, 448, 896, 1344, 2048], peer_up_to=896,
                   axis="tokens (224² to 2048² pixels)", model="ViT of width 192, 3 heads, 4 blocks, patches of 16"),
    "tokens_b16": dict(case="timm", option="side", values=[224, 448, 672], peer_up_to=448,
                       axis="tokens (224² to 672² pixels)", model="ViT-B/16"),
    "prompts": dict(case="timm", option="targets", values=[1, 3, 10, 30, 100], peer_up_to=10, axis="targets, one image",
                    model="ViT-B/16 at 224²"),
    "batch": dict(case="timm", option="batch", values=[1, 4, 16, 64], peer_up_to=4, axis="images in a call, one target",
                  model="ViT-B/16 at 224²"),
}
SECONDS = 10  # for the rounds of a point; at least one, at most so many:
ROUNDS = 7


def ours(build, file, option, value, runs):
    command = [build / "bin/legrad_bench", "--model", file, "--threads", turns.THREADS, "--runs", runs, "--on-request", "--json"]
    return command + ([f"--{option}", value] if option != "side" else [])


def peer(case, option, value, folder):
    return [sys.executable, "-W", "ignore", HERE / "peers.py", "--name", "plain-legrad", "--case", case, f"--{option}", value,
            "--map", folder / "map.npy"]


def point(curve, value, build, folder):
    """One value of a curve: ours, and plain autograd while it fits, taking turns."""
    side = value if curve["option"] == "side" else 224
    file = folder / f"{curve['case']}-{side}.pt"
    if not file.exists():
        cases.export(cases.CASES[curve["case"]](side), file)
    runs = 1 if side > 600 or (curve["option"] == "batch" and value > 8) else ROUNDS  # to choose between two forwards by
    workers = {"ours": turns.Worker(ours(build, file, curve["option"], value, runs))}
    if value <= curve["peer_up_to"]:
        workers["plain_autograd"] = turns.Worker(peer(curve["case"], curve["option"], value, folder))
    spent = 0
    rounds = 0
    while rounds < 1 or (rounds < ROUNDS and spent < 1000 * SECONDS):
        for worker in workers.values():
            worker.round()
            spent += worker.rounds[-1]["forward_ms"] + worker.rounds[-1]["explain_ms"]
        rounds += 1
    found = {"value": value, "tokens": (side // 16) ** 2 + 1, "rounds": rounds, "forward_ms": workers["ours"].median("forward_ms")}
    for name, worker in workers.items():
        ratios = [mine["explain_ms"] / plain["forward_ms"] for mine, plain in zip(worker.rounds, workers["ours"].rounds)]
        found[name] = {"explain_ms": worker.median("explain_ms"), "ratio": statistics.median(ratios),
                       "extra_mib": worker.first["extra_mib"]}
        worker.close()
    return found


def measured(names, build):
    result = {"machine": machine.described(), "curves": {}}
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            curve = CURVES[name]
            result["curves"][name] = {**curve, "points": []}
            for value in curve["values"]:
                found = point(curve, value, build, pathlib.Path(folder))
                print(name, json.dumps(found), file=sys.stderr, flush=True)
                result["curves"][name]["points"].append(found)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--build", type=pathlib.Path, default=HERE.parent / "build", help="where bin/legrad_bench is")
    parser.add_argument("--curve", choices=CURVES, action="append", help="only this one; may be repeated")
    parser.add_argument("--json", type=pathlib.Path, help="where the measurements go")
    parser.add_argument("--draw", type=pathlib.Path, help="draw these earlier measurements and measure nothing")
    parser.add_argument("--figures", type=pathlib.Path, help="folder for the pictures")
    options = parser.parse_args()
    if options.draw:
        result = json.loads(options.draw.read_text())
    else:
        result = measured(options.curve or list(CURVES), options.build.resolve())
    if options.json:
        options.json.write_text(json.dumps(result, indent=1))
    if options.figures:
        import draw_curves

        draw_curves.draw(result, options.figures)


if __name__ == "__main__":
    main()
