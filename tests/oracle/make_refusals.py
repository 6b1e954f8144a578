#!/usr/bin/env python
"""Writes tests/data/refusals: files that must be refused at load, each with one thing wrong, and some that must not be.

    python tests/oracle/make_refusals.py [--out DIR]

Most are the same tiny vision transformer ("accepted.pt") with one bad line added, so that the bad line is what is refused.
"""

import argparse
import io
import json
import os
import pathlib
import pickle
import sys
import warnings
import zipfile
from typing import Tuple

import torch
from torch import nn
from torch.ao import quantization

from export import rewritten, save, without_traces
from tiny import CLASSES, WIDTH, Block, TinyVit
from zoo import quantise, randomise

DATA = pathlib.Path(__file__).resolve().parents[1] / "data" / "refusals"
IMAGE = (1, 3, 16, 16)


# --- models of another kind ---------------------------------------------------------------------------------------------


class TextIds(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.blocks, self.head = nn.Embedding(50, WIDTH), Block(0.0), nn.Linear(WIDTH, CLASSES)

    def forward(self, ids):
        return self.head(self.blocks(self.words(ids)).mean(1))


class FromTokens(nn.Module):
    """A transformer without patch embedding: its input is [B, N, d]."""

    def __init__(self):
        super().__init__()
        self.blocks, self.head = nn.Sequential(Block(0.0), Block(0.0)), nn.Linear(WIDTH, CLASSES)

    def forward(self, x):
        return self.head(self.blocks(x)[:, 0])


class TwoImages(TinyVit):
    def forward(self, first, second):
        return self.head(self.tokens(first)[:, 0] - self.tokens(second)[:, 0])


class NoOutputRow(TinyVit):
    """Returns tokens [B, N, d]: there is no output [B, C] to explain."""

    def forward(self, x):
        return self.tokens(x)


# --- one bad line in `forward` ------------------------------------------------------------------------------------------


class LoopsForEver(TinyVit):
    def forward(self, x):
        while True:
            x = x * 0.5
        return self.head(self.tokens(x)[:, 0])


class LoopsLong(TinyVit):
    def forward(self, x):
        count = 0
        for i in range(1_000_000_000_000):
            count += i % 3
        return self.head(self.tokens(x)[:, 0]) + float(count)


class LoopsNested(TinyVit):
    def forward(self, x):
        count = 0
        for i in range(100_000):
            for j in range(100_000):
                count += j % 3
        return self.head(self.tokens(x)[:, 0]) + float(count)


class ZerosOfTerabytes(TinyVit):
    def forward(self, x):
        return self.head(self.tokens(x)[:, 0]) + torch.zeros(10_000_000_000_000).sum()


class RepeatsToTerabytes(TinyVit):
    def forward(self, x):
        return self.head(self.tokens(x)[:, 0]) + x.repeat([1, 100_000, 100_000, 10]).sum()


class DoublesToTerabytes(TinyVit):
    def forward(self, x):
        y = x
        for _ in range(40):
            y = torch.cat([y, y], dim=1)
        return self.head(self.tokens(x)[:, 0]) + y.sum()


class ListOfTerabytes(TinyVit):
    def forward(self, x):
        numbers = [0] * 1_000_000_000_000
        return self.head(self.tokens(x)[:, 0]) + float(len(numbers))


class TextOfTerabytes(TinyVit):
    def forward(self, x):
        text = "ab"
        for _ in range(42):
            text = text + text
        return self.head(self.tokens(x)[:, 0]) + float(len(text))


class BranchesOnPixels(TinyVit):
    def forward(self, x):
        if bool(x.sum() > 0):
            x = -x
        return self.head(self.tokens(x)[:, 0])


class NumberFromPixels(TinyVit):
    """A Python number made of pixels: frozen at one image's value it would be wrong for every other."""

    def forward(self, x):
        return self.head(self.tokens(x * float(x.mean()))[:, 0])


class AddsNoise(TinyVit):
    def forward(self, x):
        return self.head(self.tokens(x + torch.rand_like(x))[:, 0])


class MixesImages(TinyVit):
    """What one image gives depends on the others of its batch."""

    def forward(self, x):
        return self.head(self.tokens(x - x.mean(0, keepdim=True))[:, 0])


class WritesAFile(TinyVit):
    def forward(self, x):
        torch.save(x, "legrad_wrote_this")
        return self.head(self.tokens(x)[:, 0])


# --- code that runs while a file is loaded ------------------------------------------------------------------------------


class PositionThatWritesAFile(nn.Module):
    def __init__(self):
        super().__init__()
        self.position = nn.Parameter(torch.zeros(1, 17, WIDTH))

    def forward(self, x):
        return x + self.position

    @torch.jit.export
    def __getstate__(self) -> Tuple[torch.Tensor, bool]:
        return self.position, self.training

    @torch.jit.export
    def __setstate__(self, state: Tuple[torch.Tensor, bool]) -> None:
        torch.save(state[0], "legrad_wrote_this")
        self.position = state[0]
        self.training = state[1]


class PositionThatLoopsForEver(PositionThatWritesAFile):
    @torch.jit.export
    def __setstate__(self, state: Tuple[torch.Tensor, bool]) -> None:
        self.position = state[0]
        while True:
            self.training = state[1]


class StateWritesAFile(TinyVit):
    def __init__(self):
        super().__init__()
        self.more_position = PositionThatWritesAFile()

    def tokens(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = self.more_position(torch.cat([self.token.expand(x.shape[0], -1, -1), x], dim=1) + self.position)
        return self.norm(self.blocks(x))


class StateLoopsForEver(StateWritesAFile):
    def __init__(self):
        super().__init__()
        self.more_position = PositionThatLoopsForEver()


SCRIPTED = {
    "accepted": TinyVit,
    "text_ids": TextIds,
    "from_tokens": FromTokens,
    "two_images": TwoImages,
    "no_output_row": NoOutputRow,
    "loops_for_ever": LoopsForEver,
    "loops_long": LoopsLong,
    "loops_nested": LoopsNested,
    "zeros_of_terabytes": ZerosOfTerabytes,
    "repeats_to_terabytes": RepeatsToTerabytes,
    "doubles_to_terabytes": DoublesToTerabytes,
    "list_of_terabytes": ListOfTerabytes,
    "text_of_terabytes": TextOfTerabytes,
    "branches_on_pixels": BranchesOnPixels,
    "number_from_pixels": NumberFromPixels,
    "adds_noise": AddsNoise,
    "mixes_images": MixesImages,
    "writes_a_file": WritesAFile,
    "state_writes_a_file": StateWritesAFile,
    "state_loops_for_ever": StateLoopsForEver,
}


def cnn():
    from timm.models.resnet import BasicBlock, ResNet

    model = randomise(ResNet(BasicBlock, layers=(1, 1, 1, 1), channels=(4, 4, 8, 8), num_classes=CLASSES), seed=1)
    return torch.jit.trace(model, torch.rand(1, 3, 32, 32), check_trace=False)


def swin():
    from timm.models.swin_transformer import SwinTransformer

    model = SwinTransformer(
        img_size=32, patch_size=2, window_size=4, embed_dim=8, depths=(2, 2), num_heads=(2, 2), mlp_ratio=1.0,
        num_classes=CLASSES,
    )
    return torch.jit.trace(randomise(model, seed=2), torch.rand(1, 3, 32, 32), check_trace=False)


def training_dropout():
    model = randomise(TinyVit(dropout=0.25), seed=3).train()
    return torch.jit.trace(model, torch.rand(IMAGE), check_trace=False)


def int8(scheme):
    """A model with int8 weights in its linear layers, which is accepted."""
    quantised, _ = quantise(randomise(TinyVit(), seed=4), scheme)
    return torch.jit.trace(quantised, torch.rand(IMAGE), check_trace=False)


def quantised_statically():
    """Its head takes and gives int8, by ranges that were measured beforehand."""
    model = randomise(TinyVit(), seed=4)
    model.head = quantization.QuantWrapper(model.head)
    model.head.qconfig = quantization.get_default_qconfig("x86")
    model = quantization.prepare(model)
    model(torch.rand(IMAGE))
    return torch.jit.trace(quantization.convert(model), torch.rand(IMAGE), check_trace=False)


def quantised_to_halves():
    model = quantization.quantize_dynamic(randomise(TinyVit(), seed=4), {nn.Linear}, dtype=torch.float16)
    return torch.jit.trace(model, torch.rand(IMAGE), check_trace=False)


class QuantisedBuffer(TinyVit):
    """A quantised tensor that no linear layer packs."""

    def __init__(self):
        super().__init__()
        self.register_buffer("shift", torch.quantize_per_tensor(torch.rand(1, 17, WIDTH), 0.01, 0, torch.qint8))

    def forward(self, x):
        return self.head((self.tokens(x) + self.shift.dequantize())[:, 0])


def quantised_buffer():
    return torch.jit.trace(randomise(QuantisedBuffer(), seed=4), torch.rand(IMAGE), check_trace=False)


FOREIGN = torch.library.Library("legrad_test_foreign", "DEF")  # the operator lives as long as this does
FOREIGN.define("twice(Tensor x) -> Tensor")
FOREIGN.impl("twice", lambda x: 2 * x, "CompositeExplicitAutograd")


class CallsAForeignOperator(TinyVit):
    def forward(self, x):
        return self.head(self.tokens(torch.ops.legrad_test_foreign.twice(x))[:, 0])


def foreign_operator():
    return torch.jit.trace(randomise(CallsAForeignOperator(), seed=5), torch.rand(IMAGE), check_trace=False)


def flipped(archive, ending):
    """The archive with the lowest bit of one byte of its largest record that ends so turned over."""
    with zipfile.ZipFile(io.BytesIO(archive)) as reader:
        record = max((r for r in reader.infolist() if r.filename.endswith(ending[0]) or ending[1] in r.filename),
                     key=lambda r: r.file_size)
        assert record.compress_type == zipfile.ZIP_STORED
        content = reader.read(record)
    place = archive.index(content) + len(content) // 2
    return archive[:place] + bytes([archive[place] ^ 1]) + archive[place + 1:]


# --- an exported program (.pt2) with one thing wrong --------------------------------------------------------------------


def program(model):
    batch = torch.export.Dim("batch")
    buffer = io.BytesIO()
    exported = torch.export.export(model.eval(), (torch.rand(2, *IMAGE[1:]),), dynamic_shapes=({0: batch},))
    torch.export.save(exported, buffer)
    return rewritten(buffer.getvalue(), without_traces)


def edited(archive, record, edit):
    """The archive with the JSON of one record changed by `edit`."""

    def change(name, content):
        if name != record:
            return content
        root = json.loads(content)
        edit(root)
        return json.dumps(root).encode()

    return rewritten(archive, change)


class Counts(TinyVit):
    def __init__(self):
        super().__init__()
        self.register_buffer("seen", torch.zeros(1))

    def forward(self, x):
        self.seen.add_(1)
        return super().forward(x) + self.seen


class Condition(TinyVit):
    def forward(self, x):
        return torch.cond(x.sum() > 0, lambda y: y * 2, lambda y: y + 1, (super().forward(x),))


def exported_programs():
    accepted = program(randomise(TinyVit(), seed=0))
    weights, model = "data/weights/model_weights_config.json", "models/model.json"

    def first(root):
        return next(entry for entry in root["config"].values() if len(entry["tensor_meta"]["sizes"]) == 4)

    def node(root, target):
        return next(n for n in root["graph_module"]["graph"]["nodes"] if target in n["target"])

    def with_weight(edit):
        return edited(accepted, weights, lambda root: edit(first(root)))

    def with_model(edit):
        return edited(accepted, model, edit)

    yield "accepted", accepted
    yield "pickled_weight", with_weight(lambda e: e.update(use_pickle=True))
    yield "short_weight", with_weight(lambda e: e["tensor_meta"]["sizes"][0].update(as_int=1 << 30))
    yield "long_strides", with_weight(lambda e: e["tensor_meta"]["strides"][0].update(as_int=1 << 39))
    yield "negative_size", with_weight(lambda e: e["tensor_meta"]["sizes"][1].update(as_int=-3))
    yield "path", with_weight(lambda e: e.update(path_name="../../etc/passwd"))
    yield "no_weight", edited(accepted, weights, lambda root: root["config"].popitem())
    yield "other_schema", with_model(lambda root: root["schema_version"].update(major=9))
    yield "unknown_operator", with_model(lambda root: node(root, "gelu").update(target="torch.ops.aten.gelu3.default"))
    yield "quantised", with_model(
        lambda root: node(root, "gelu").update(target="torch.ops.quantized_decomposed.quantize_per_tensor.default"))
    yield "nested", rewritten(accepted, lambda name, c: b"[" * 100000 + b"]" * 100000 if name == model else c)
    yield "no_json", rewritten(accepted, lambda name, c: c[:-20] if name == model else c)
    yield "big_endian", rewritten(accepted, lambda name, c: c, byteorder=b"big")
    yield "package", rewritten(accepted, lambda name, c: c, names=lambda name: name.replace("models/", "data/aotinductor/"))
    yield "older_layout", rewritten(
        accepted, lambda name, c: c, names=lambda name: "serialized_exported_program.json" if name == model else name)
    yield "foreign_operator", program(randomise(CallsAForeignOperator(), seed=5))
    yield "condition", program(randomise(Condition(), seed=0))
    yield "mutated_buffer", program(randomise(Counts(), seed=0))


def write_all(out):
    out.mkdir(parents=True, exist_ok=True)
    for name, kind in SCRIPTED.items():
        save(torch.jit.script(randomise(kind(), seed=0)), out / f"{name}.pt")
    for make in (cnn, swin, training_dropout, quantised_statically, quantised_to_halves, quantised_buffer, foreign_operator):
        save(make(), out / f"{make.__name__}.pt")
    save(int8("affine"), out / "accepted_int8.pt")
    save(int8("per channel"), out / "accepted_int8_by_channel.pt")

    accepted = (out / "accepted.pt").read_bytes()
    (out / "flipped_weight.pt").write_bytes(flipped(accepted, (".none", "/data/")))
    (out / "flipped_code.pt").write_bytes(flipped(accepted, (".py", "/code/")))
    # The patch embedding holds half the numbers that its shape asks for.
    short = rewritten(accepted, lambda name, content: content[: len(content) // 2] if len(content) == WIDTH * 48 * 4 else content)
    (out / "short_weight.pt").write_bytes(short)
    (out / "truncated.pt").write_bytes(accepted[: len(accepted) * 2 // 3])
    (out / "pickle.pt").write_bytes(pickle.dumps({"weight": [0.0] * 10}))
    torch.save(randomise(TinyVit(), seed=6).head.state_dict(), out / "state_dict.pt")
    (out / "text.pt").write_text("This is not a model.\n")
    (out / "empty.pt").write_bytes(b"")
    for name, archive in exported_programs():
        (out / f"exported_{name}.pt").write_bytes(archive)
    folder = out / "folder.pt"
    folder.mkdir(exist_ok=True)
    (folder / "text.txt").write_text("A folder is no model either.\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=DATA)
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    write_all(parser.parse_args().out)


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":  # see make_fixtures.py
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "PYTHONHASHSEED": "0"})
    main()
