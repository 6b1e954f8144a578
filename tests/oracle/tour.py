#!/usr/bin/env python
"""A tour of stock vision transformers: every class that timm, transformers, open_clip and torchvision have, tiny and with
random weights, exported in every form that torch can export it in, explained by the program, and compared with LeGrad and
CheferCAM by their definitions in double precision on attention maps that are kept.

    python tests/oracle/tour.py --out build/tour [--only WORD] [--forms trace,export]

What the oracle has to know of a model, its list of blocks, is found by trying: the list whose last member, given another
block's tokens to return, changes the output. Where patches stand, and which rows are read, is taken from `legrad inspect`,
after a check of its own that an image with one bright patch moves the token it should.
"""

import argparse
import collections
import contextlib
import json
import multiprocessing
import os
import pathlib
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import torch
from torch import nn

import tour_models
import zoo
from attention import materialised
from export import export, save

PROGRAM = pathlib.Path(os.environ.get("LEGRAD_PROGRAM", pathlib.Path(__file__).resolve().parents[2] / "build/bin/legrad"))
FORMS = ("trace", "script", "export", "export, static", "export, decomposed", "export, with gradients")
TOLERANCE = 1e-4  # after min-max, of float32 files against double precision
CLASS = 1
BATCH = 2


def tensor_of(result):
    return next(part for part in result if isinstance(part, torch.Tensor)) if isinstance(result, (tuple, list)) else result


def put_in_place(result, tokens):
    if isinstance(result, (tuple, list)):
        at = next(i for i, part in enumerate(result) if isinstance(part, torch.Tensor))
        return type(result)([*result[:at], tokens, *result[at + 1:]])
    return tokens


@contextlib.contextmanager
def hooks(modules, hook):
    # Before those of the model's own, by which some take their output from between the blocks.
    handles = [module.register_forward_hook(lambda _, __, result, at=at: hook(at, result), prepend=True)
               for at, module in enumerate(modules)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextlib.contextmanager
def attention_maps():
    """As `materialised`, with the maps of models that spell attention out and have no other way."""
    stock = nn.functional.softmax
    with materialised() as maps:
        def softmax(*args, **kwargs):
            result = stock(*args, **kwargs)
            if result.dim() == 4:  # [B, h, M, N], no probabilities of classes
                maps.append(result)
            return result

        nn.functional.softmax = softmax
        try:
            yield maps
        finally:
            nn.functional.softmax = stock


def lists_of_blocks(model, length):
    """Lists of that many modules, each of which gives tokens of one shape, the longest way in first."""
    for module in model.modules():
        if isinstance(module, (nn.ModuleList, nn.Sequential)) and len(module) == length:
            yield list(module)


class Oracle:
    """A model's methods by their definitions. `structure` is what `legrad inspect --json` says."""

    def __init__(self, model, forward, structure, images):
        self.forward, self.structure, self.images = forward, structure, images
        self.blocks = self.find_blocks(model)

    def find_blocks(self, model):
        for blocks in lists_of_blocks(model, self.structure["blocks"]):
            tokens = {}
            with hooks(blocks, lambda at, result: tokens.__setitem__(at, tensor_of(result))), torch.no_grad():
                output = self.forward(self.images)
            shapes = {tuple(t.shape) for t in tokens.values()}
            if len(tokens) != len(blocks) or len(shapes) != 1 or tokens[0].dim() != 3:  # a stem's maps of features
                continue
            other = tokens[0] + 1
            with hooks(blocks[-1:], lambda _, result: put_in_place(result, other)), torch.no_grad():
                if not torch.equal(self.forward(self.images), output):
                    return blocks
        raise LookupError("no list of blocks was found")

    def run(self):
        tokens = {}
        with hooks(self.blocks, lambda at, result: tokens.__setitem__(at, tensor_of(result))), attention_maps() as maps:
            output = self.forward(self.images)
        return [tokens[at] for at in range(len(self.blocks))], maps, output

    def on_grid(self, columns):
        rows, width = self.structure["grid"]["rows"], self.structure["grid"]["columns"]
        of_patches_alone = columns.shape[-1] == rows * width  # a pooler's that attends to no other
        return (columns if of_patches_alone else columns[:, self.structure["patch_positions"]]).reshape(-1, rows, width)

    def legrad(self):
        tokens, maps, _ = self.run()
        count = len(self.blocks)
        per_block = len(maps) // count if self.structure["readout"] != "pooler" else (len(maps) - 1) // count
        total = 0
        for at in range(count):
            with hooks(self.blocks[-1:], lambda _, result: put_in_place(result, tokens[at])), attention_maps() as again:
                score = self.forward(self.images)[:, CLASS].sum()
            if self.structure["readout"] == "pooler":
                explained = [again[-1]]
            else:
                explained = maps[at * per_block:(at + 1) * per_block]
            taken = torch.autograd.grad(score, explained, retain_graph=True, allow_unused=True)
            taken = [torch.zeros_like(a) if g is None else g for a, g in zip(explained, taken)]
            total = total + sum(self.on_grid(g.clamp(min=0).mean(dim=(1, 2))) for g in taken) / len(taken) / count
        return total


def min_max(maps):
    low, high = maps.amin((-1, -2), keepdim=True), maps.amax((-1, -2), keepdim=True)
    return (maps - low) / (high - low).clamp(min=1e-30)


def program(*arguments):
    return subprocess.run([str(PROGRAM), *map(str, arguments)], capture_output=True, text=True, timeout=300)


def exported(entry, model, form):
    specimen = zoo.Specimen(
        model, [], None, entry.image, (1, 1), 0, "", [], 1, inputs=entry.inputs or (lambda images: (images,)))
    return export(specimen, form, torch.float32, 1)


def outcome(entry, form, folder):
    """(word, remark): "right", "wrong", "refused", "not exported"; and the error or the message."""
    model = zoo.randomise(entry.build(), seed=11)
    images = torch.randn(1 if form == "export, static" else BATCH, 3, *entry.image, generator=torch.Generator().manual_seed(12))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            file = save(exported(entry, model, form), folder / "model")
    except Exception as error:  # what torch cannot export is none of ours
        return "not exported", f"{type(error).__name__}: {str(error).splitlines()[0][:120] if str(error) else ''}"
    size = ["--size", f"{entry.image[0]}x{entry.image[1]}"]
    seen = program("inspect", "--model", file, *size, "--json")
    if seen.returncode != 0:
        return ("refused" if seen.returncode == 2 else f"exit code {seen.returncode}"), seen.stderr.strip()
    structure = json.loads(seen.stdout)
    np.save(folder / "images.npy", images.numpy())
    ran = program("explain", "--model", file, *size, "--input-npy", folder / "images.npy", "--class", CLASS,
                  "--no-correction", "--method", "legrad/readout=model", "--out", folder / "out")
    if ran.returncode != 0:
        return ("refused" if ran.returncode == 2 else f"exit code {ran.returncode}"), ran.stderr.strip()
    found = torch.from_numpy(np.load(folder / "out" / "raw.npy")).double()[:, 0]
    model = model.double()
    entry.for_oracle(model)
    # A model that makes one sequence of a batch's tokens (Pixtral) is exported for one image, and defined for that.
    batches = images.double().split(1 if structure["batch_of_one"] else len(images))
    expected = torch.cat([
        Oracle(model, lambda x: entry.output(model(*(entry.inputs or (lambda i: (i,)))(x))), structure, batch).legrad()
        for batch in batches])
    error = (min_max(found) - min_max(expected)).abs().max().item()
    return ("right" if error <= TOLERANCE else "wrong"), f"{error:.0e}"


def visit(stop):
    name, form = stop
    entry = tour_models.ENTRIES[name]
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        try:
            word, remark = outcome(entry, form, pathlib.Path(folder))
        except Exception as error:  # the oracle's own trouble
            word, remark = "oracle failed", f"{type(error).__name__}: {str(error).splitlines()[0][:160] if str(error) else ''}"
    return {"name": name, "home": entry.home, "class": entry.kind, "form": form, "outcome": word, "remark": remark}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--only", default="", help="names that hold this word")
    parser.add_argument("--forms", default="|".join(FORMS), help="separated by |")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    results = options.out / "tour.jsonl"
    done = {(row["name"], row["form"]) for row in map(json.loads, results.read_text().splitlines())} if results.exists() else set()
    work = [(name, form) for name in tour_models.ENTRIES for form in options.forms.split("|")
            if options.only in name and (name, form) not in done]
    counts = collections.Counter()
    with multiprocessing.get_context("spawn").Pool(options.jobs, maxtasksperchild=20) as pool, results.open("a") as lines:
        for row in pool.imap_unordered(visit, work):
            counts[row["outcome"]] += 1
            lines.write(json.dumps(row) + "\n")
            lines.flush()
            print(f'{row["outcome"]:14} {row["name"]} ({row["form"]}): {row["remark"]}', file=sys.stderr)
    print(dict(counts))


if __name__ == "__main__":
    main()
