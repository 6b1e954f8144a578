#!/usr/bin/env python3
"""Export a checkpoint of train_classifier.py as a TorchScript archive with the manifest that tells how to feed it.

The archive is traced at batch 1, checked against the eager model at batch 2, and stripped of the source locations that
tracing records (they would carry the paths of the machine that exported it). Held-out accuracy is measured on the
archive itself and written into the manifest.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parent / "export"))

import timm
import torch
import torch.nn.functional as F

from emoji_scenes.glyphs import DEFAULT_FONT, load_classes
from legrad_export import checks
from train_classifier import held_out_accuracy
from vit_training import HELD_OUT_SEED, make_model

LICENCE = "Apache-2.0 (weights); training pictures made from Noto Color Emoji, OFL-1.1"
ROUNDED = 1e-2  # how far float16 weights may be from those that were trained, of the largest number of an output
WRITTEN_BY_THE_WRITER = ("version", ".data/version", ".data/serialization_id")


def strip_debug_records(source: Path, target: Path) -> None:
    """Copy an archive without debug records and traced inputs. The container's own writer keeps the tensors aligned."""
    reader = torch._C.PyTorchFileReader(str(source))
    writer = torch._C.PyTorchFileWriter(str(target))
    for name in reader.get_all_records():
        if name.endswith(".debug_pkl") or name.startswith("traced_inputs") or name in WRITTEN_BY_THE_WRITER:
            continue
        data = reader.get_record(name)
        writer.write_record(name, data, len(data))
    writer.write_end_of_file()


def deflate(archive: Path) -> None:
    """Compress an archive's records, which LibTorch reads as well: a tenth less to keep."""
    with zipfile.ZipFile(archive) as stored:
        records = [(record.filename, stored.read(record)) for record in stored.infolist()]
    with zipfile.ZipFile(archive, "w") as deflated:
        for name, data in records:
            deflated.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED, compresslevel=9)


def export(model: torch.nn.Module, size: int, target: Path) -> torch.jit.ScriptModule:
    """Trace, save, load again and compare; returns the loaded archive."""
    model.eval()
    torch.manual_seed(0)
    with torch.no_grad(), tempfile.TemporaryDirectory() as folder:
        traced = torch.jit.trace(model, torch.rand(1, 3, size, size) * 2 - 1)
        raw = Path(folder) / target.name
        traced.save(str(raw))
        # The container takes the name of its root folder from the file's name, so both have the same one.
        strip_debug_records(raw, target)
        archive = torch.jit.load(str(target))
        pictures = torch.rand(2, 3, size, size) * 4 - 2
        torch.testing.assert_close(archive(pictures), model(pictures), rtol=1e-5, atol=1e-5)
    return archive


def export_rounded(module: torch.nn.Module, small: torch.Tensor, large: torch.Tensor, target: Path) -> None:
    """Trace in float16 on `small`, save, load again; compare on `large`, by cosine, with the module as it was trained."""
    with torch.no_grad(), tempfile.TemporaryDirectory() as folder:
        expected = module.eval()(large)
        module.half()
        narrow = (lambda inputs: inputs.half() if inputs.is_floating_point() else inputs)
        traced = torch.jit.trace(module, narrow(small), check_trace=False)
        raw = Path(folder) / target.name
        traced.save(str(raw))
        strip_debug_records(raw, target)
        deflate(target)
        found = torch.jit.load(str(target))(narrow(large)).float()
        away = 1 - F.cosine_similarity(found, expected).min().item()
        print(f"{target.name}: 1 - cosine, float16 against float32, is {away:.1e} at most")
        if not away < 1e-4:
            sys.exit(f"{target} has lost too much in float16")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, required=True, help="checkpoint.pt of train_classifier.py")
    parser.add_argument("--out", type=Path, required=True, help="folder for vision.ts and manifest.json")
    parser.add_argument("--name", help="the model's name (default: the folder's)")
    parser.add_argument("--held-out-count", type=int, default=3000, help="scenes to measure accuracy on (%(default)s)")
    parser.add_argument("--font", type=Path, default=DEFAULT_FONT, help="NotoColorEmoji.ttf (%(default)s)")
    return parser.parse_args()


def main() -> int:
    options = parse_arguments()
    torch.set_num_threads(1)
    state: dict[str, Any] = torch.load(options.checkpoint, weights_only=True)
    classes = load_classes()
    if state["labels"] != [c.label for c in classes]:
        sys.exit(f"{options.checkpoint} was trained on other classes")
    model = make_model(len(classes), state["model_options"])
    model.load_state_dict(state["model"])
    size = state["model_options"]["img_size"]
    cells = size // state["model_options"]["patch_size"]

    bent_at, fraction = state["anchor"]
    schedule = {"ends_at": state["scenes"]}
    if fraction > 0:  # the budget was changed on the way
        schedule |= {"bent_at": int(bent_at), "fraction_done_there": round(fraction, 4)}

    options.out.mkdir(parents=True, exist_ok=True)
    archive = export(model, size, options.out / "vision.ts")
    accuracy = held_out_accuracy(archive, options.font, options.held_out_count, size)
    preprocessing = {"size": [size, size], "mean": [state["mean"]] * 3, "std": [state["std"]] * 3,
                     "interpolation": "bilinear", "resize": "squash"}
    manifest = {
        "schema_version": 1,
        "name": options.name or options.out.resolve().name,
        "vision": "vision.ts",
        "kind": "classifier",
        "preprocessing": preprocessing,
        "check": checks.output_check(model, preprocessing),
        "labels": state["labels"],
        "grid": [cells, cells],
        "exporter": {"torch": torch.__version__, "timm": timm.__version__},
        "licence": LICENCE,
        "training": {
            "architecture": {"class": "timm VisionTransformer", **state["model_options"]},
            "data": "emoji scenes, image-level labels only",
            "seed": state["seed"],
            "scenes_seen": state["seen"],
            "schedule": schedule,
            "seconds": round(state["seconds"]),
            "held_out": {
                "top1_in_set": round(accuracy, 4), "count": options.held_out_count, "seed": HELD_OUT_SEED,
            },
        },
    }
    (options.out / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(manifest["training"], indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
