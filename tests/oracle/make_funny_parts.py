#!/usr/bin/env python
"""Writes tests/data/eval/funny_parts: birds of our own in the layout of FunnyBirds, flat and 32 pixels a side, a linear model, and the
scores that the protocols of Hesse, Schaub-Meyer and Roth (2023) give its explanations, computed here from their definitions.

    python tests/oracle/make_funny_parts.py [--out DIR]
"""

import argparse
import itertools
import json
import pathlib

import numpy as np
from PIL import Image

DATA = pathlib.Path(__file__).resolve().parents[1] / "data" / "eval" / "funny_parts"
SIDE, BLOCK = 32, 4
PARTS = ("beak", "eye", "foot", "tail", "wing")
# Variant of each part, in the order of PARTS. Classes 1 and 2 share two parts each with class 0, and not the same ones.
CLASSES = [(0, 0, 0, 0, 0), (0, 0, 1, 1, 1), (1, 1, 0, 0, 1), (1, 0, 1, 0, 2), (2, 1, 1, 2, 0), (2, 2, 0, 1, 2)]
# Instances: part, colour in a part map, and where it is: top, left, height, width.
INSTANCES = [
    ("beak", (255, 255, 0), (9, 24, 3, 4)), ("eye", (255, 255, 253), (6, 18, 2, 2)), ("eye", (255, 255, 254), (6, 22, 2, 2)),
    ("foot", (255, 0, 1), (24, 10, 5, 2)), ("foot", (255, 0, 2), (24, 16, 5, 2)), ("tail", (0, 0, 255), (16, 1, 4, 7)),
    ("wing", (0, 255, 1), (13, 9, 5, 6)), ("wing", (0, 255, 2), (13, 17, 5, 4)),
]
BODY, BODY_COLOUR, GROUND = (8, 8, 16, 16), (170, 170, 170), (0, 0, 0)
THRESHOLDS = np.linspace(0.01, 0.5, 80)


def fill(picture, box, colour):
    top, left, height, width = box
    picture[max(top, 0):top + height, max(left, 0):left + width] = colour


def draw(scene, parts=PARTS, without=None, part_map=False):
    """A scene from the back to the front: objects of the background, the body, the parts that are kept."""
    picture = np.zeros((SIDE, SIDE, 3), np.uint8)
    picture[:] = GROUND if part_map else (235, 240, 245)
    for n, (box, colour) in enumerate(scene["objects"]):
        if n != without:
            fill(picture, box, (204, 204, 204 + n) if part_map else colour)
    fill(picture, np.add(BODY, (*scene["shift"], 0, 0)), BODY_COLOUR if part_map else (120, 110, 100))
    for part, colour, box in INSTANCES:
        if part not in parts:
            continue
        variant = CLASSES[scene["class"]][PARTS.index(part)]
        shade = [(220, 60, 50), (60, 190, 70), (50, 80, 220)][variant]
        fill(picture, np.add(box, (*scene["shift"], 0, 0)), colour if part_map else shade)
    return picture


def save(path, picture):
    path.parent.mkdir(parents=True, exist_ok=True)
    alpha = np.full((SIDE, SIDE, 1), 255, np.uint8)
    Image.fromarray(np.concatenate([picture, alpha], 2)).save(path, optimize=True)


def features(picture):
    """Means of blocks of a picture in [0, 1]: [3, 8, 8], flat."""
    small = picture.astype(float).reshape(SIDE // BLOCK, BLOCK, SIDE // BLOCK, BLOCK, 3).mean((1, 3)) / 255
    return small.transpose(2, 0, 1).flatten()


def explanation(picture, weights, kind):
    """x * dz/dx [3, H, W]; or the size of its sum over channels in a grid of 5 x 5, enlarged by the nearest neighbour [1, H, W]."""
    gradient = weights.reshape(3, SIDE // BLOCK, SIDE // BLOCK).repeat(BLOCK, 1).repeat(BLOCK, 2) / BLOCK**2
    product = picture.transpose(2, 0, 1) / 255 * gradient
    if kind == "input_x_gradient":
        return product
    near = np.arange(SIDE) * 5 // SIDE
    return grid(product)[np.ix_(near, near)][None]


def grid(product):
    """Every seventh pixel, from the second on, of the size of the sum over channels: [5, 5], rounded to float32."""
    return np.abs(product.sum(0))[1::7, 1::7][:5, :5].astype(np.float32).astype(float)


def grown(mask):
    padded = np.pad(mask, 2)
    return np.any([padded[y:y + SIDE, x:x + SIDE] for y in range(5) for x in range(5)], axis=0)


def ranks(values):
    return np.array([np.mean([i + 1 for i, other in enumerate(sorted(values)) if other == value]) for value in values])


def alike(a, b):
    return {part for part, x, y in zip(PARTS, CLASSES[a], CLASSES[b]) if x == y}


def sufficient(label):
    """Minimal sets of parts that no other class has; none for the last class, as published."""
    if label == len(CLASSES) - 1:
        return []
    subsets = [set(s) for n in range(1, 6) for s in itertools.combinations(PARTS, n)]
    enough = [s for s in subsets if not any(s <= alike(label, c) for c in range(len(CLASSES)) if c != label)]
    return [s for s in enough if not any(other < s for other in enough)]


def scores(scenes, weights, bias, kind):
    sums = {name: [] for name in ("csdc", "pc", "dc", "d", "sd", "ts", "accuracy", "relevant")}

    def z(picture):
        return weights @ features(picture) + bias

    for scene in scenes:
        label, picture, part_map = scene["class"], draw(scene), draw(scene, part_map=True)
        whole = z(picture)
        predicted = int(np.argmax(whole))
        sums["accuracy"].append(predicted == label)

        def importance(target):
            heat = explanation(picture, weights[target], kind).sum(0)
            found = dict.fromkeys(PARTS, 0.0)
            for part, colour, _ in INSTANCES:
                found[part] += heat[grown((part_map == colour).all(2))].sum()
            for n in range(len(scene["objects"])):
                found[n] = heat[grown((part_map == (204, 204, 204 + n)).all(2))].sum()
            return found, heat.sum()

        def important(target, t):
            found, total = importance(target)
            return {part for part in found if found[part] > t * total}

        def kept(parts):
            return z(draw(scene, parts))

        if predicted == label:
            sets = sufficient(label)
            sums["csdc"].append([max([len(s & important(label, t)) / len(s) for s in sets], default=0) for t in THRESHOLDS])
        chosen = [important(predicted, t) & set(PARTS) for t in THRESHOLDS]
        sums["pc"].append([np.argmax(kept(e)) == predicted for e in chosen])
        sums["dc"].append([np.argmax(kept(set(PARTS) - e)) != predicted for e in chosen])

        without = {part: kept(set(PARTS) - {part})[label] for part in PARTS}
        without |= {n: z(draw(scene, without=n))[label] for n in range(len(scene["objects"]))}
        left = {k for k, v in without.items() if abs(whole[label] - v) < abs(0.05 * whole[label]) or whole[label] < v}
        if left:
            sums["d"].append([len(important(label, t) & left) / len(left) for t in THRESHOLDS])
        sums["relevant"] += [n not in left for n in range(len(scene["objects"]))]

        a = ranks([whole[label] - without[part] for part in PARTS])
        b = ranks([importance(label)[0][part] for part in PARTS])
        if a.std() > 0 and b.std() > 0:
            sums["sd"].append(0.5 * np.corrcoef(a, b)[0, 1] + 0.5)

        near = [c for c in range(len(CLASSES)) if c != label and len(alike(label, c)) == 2]
        pairs = [(c, d) for c, d in itertools.combinations(near, 2) if not alike(label, c) & alike(label, d)]
        if pairs:
            (c1, c2), own1, own2 = pairs[0], alike(label, pairs[0][0]), alike(label, pairs[0][1])
            a, b = kept(set(PARTS) - own1), kept(set(PARTS) - own2)
            if a[c1] < b[c1] and b[c2] < a[c2]:
                i1, i2 = importance(c1)[0], importance(c2)[0]
                sums["ts"].append(sum(i1[p] for p in own1) > sum(i2[p] for p in own1))
                sums["ts"].append(sum(i1[p] for p in own2) < sum(i2[p] for p in own2))

    counts = {name: len(values) for name, values in sums.items()}
    csdc, pc, dc, d = (np.mean(np.array(sums[name], float), 0) for name in ("csdc", "pc", "dc", "d"))
    d = 1 - d * len(sums["d"]) / (len(sums["d"]) + 1e-8)
    best = int(np.argmax((csdc + pc + dc) / 3 + d))
    return {
        "scores": {"csdc": csdc[best], "pc": pc[best], "dc": dc[best], "distractibility": d[best], "sd": np.mean(sums["sd"]),
                   "ts": np.mean(sums["ts"]), "accuracy": np.mean(sums["accuracy"]),
                   "background_independence": 1 - np.mean(sums["relevant"])},
        "best": best, "counts": counts,
        "curves": {"csdc": csdc.tolist(), "pc": pc.tolist(), "dc": dc.tolist(), "distractibility": d.tolist()},
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=pathlib.Path, default=DATA)
    parser.add_argument("--seed", type=int, default=11)
    options = parser.parse_args()
    out = options.out
    rng = np.random.default_rng(options.seed)
    # The last class among them, one without a background, and one that the model takes for another.
    labels = [0, 0, 5, 1]
    scenes = []
    for label in labels:
        boxes = [tuple(int(v) for v in (*rng.integers(0, 28, 2), *rng.integers(3, 7, 2))) for _ in range([2, 0, 3, 1][len(scenes)])]
        objects = [(box, tuple(int(v) for v in rng.integers(0, 255, 3))) for box in boxes]
        scenes.append({"class": label, "shift": tuple(int(v) for v in rng.integers(-3, 4, 2)), "objects": objects})

    for index, scene in enumerate(scenes):
        place = f"{scene['class']}/{index:06}"
        save(out / "test" / f"{place}.png", draw(scene))
        save(out / "test_part_map" / f"{place}.png", draw(scene, part_map=True))
        folder = out / "test_interventions" / place
        for n in range(len(PARTS) + 1):
            for kept in itertools.combinations(PARTS, n):
                save(folder / f"body_{'_'.join(kept)}.png", draw(scene, kept))
        for n in range(len(scene["objects"])):
            save(folder / "background_interventions" / f"{n}.png", draw(scene, without=n))
    (out / "classes.json").write_text(
        json.dumps([{"class_idx": c, "parts": dict(zip(PARTS, variants))} for c, variants in enumerate(CLASSES)]) + "\n")
    (out / "dataset_test.json").write_text(
        json.dumps([{"class_idx": s["class"], "bg_objects": "".join("0," for _ in s["objects"])} for s in scenes]) + "\n")

    # A class's weights are how its mean picture differs from all classes': mostly right, and it looks at parts.
    pictures = np.array([features(draw({"class": c, "shift": (0, 0), "objects": []})) for c in range(len(CLASSES))])
    weights = 3 * (pictures - pictures.mean(0)) + rng.normal(0, 0.05, pictures.shape)
    weights = weights.astype(np.float32)
    bias = (1.0 - (weights * pictures).sum(1)).astype(np.float32)
    bias[1] -= 0.7
    np.save(out / "weights.npy", weights)
    np.save(out / "bias.npy", bias)
    expected = {kind: scores(scenes, weights.astype(float), bias.astype(float), kind) for kind in ("input_x_gradient", "grid")}
    (out / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
    for kind, values in expected.items():
        print(kind, values["scores"], values["best"], values["counts"])


if __name__ == "__main__":
    main()
