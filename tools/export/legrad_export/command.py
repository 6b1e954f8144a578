"""legrad-export: a stock model to a folder that legrad reads."""

from __future__ import annotations

import argparse
import importlib
import sys
import warnings
from pathlib import Path

import torch

from . import bundle, homes
from .errors import ExportError
from .model import Asked

EXAMPLES = """examples:
  legrad-export --from open_clip --name ViT-B-16 --pretrained laion2b_s34b_b88k --out clip-b16
  legrad-export --from timm --name vit_base_patch16_224.augreg_in21k_ft_in1k --pretrained default --out vit
  legrad-export --from transformers --name openai/clip-vit-base-patch16 --pretrained default --labels classes.txt --out clip
  legrad-export --from torchvision --name vit_b_16 --pretrained IMAGENET1K_V1 --format exported-program --out vit"""
DTYPES = {"float32": torch.float32, "float16": torch.float16}


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:
        raise ExportError(f"{message}; see legrad-export --help")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = Parser(prog="legrad-export", description=__doc__, epilog=EXAMPLES,
                    formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="home", required=True, choices=sorted(homes.HOMES), help="the library that has the model")
    parser.add_argument("--name", required=True, help="what its home calls it; for transformers a folder will do too")
    weights = parser.add_mutually_exclusive_group(required=True)
    weights.add_argument("--pretrained", metavar="TAG", help="the home's name of its weights; `default` where there is one set")
    weights.add_argument("--checkpoint", type=Path, metavar="FILE", help="weights of your own, as the home saves them")
    weights.add_argument("--random-init", action="store_true", help="no weights: to try things out")
    parser.add_argument("--config", type=Path, metavar="FILE", help="open_clip: a model configuration of your own, which NAME then names")
    parser.add_argument("--format", default="torchscript", choices=sorted(bundle.towers.SUFFIX), help="(%(default)s)")
    parser.add_argument("--dtype", default="float32", choices=DTYPES, help="of the weights on disk; they are loaded as float32 (%(default)s)")
    parser.add_argument("--labels", type=Path, metavar="FILE", help="a class a line, embedded by the text tower: a zero-shot classifier")
    parser.add_argument("--template", action="append", default=[], metavar="TEXT", help='what labels are put in, as in "a photo of a {}"; repeatable')
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the folder to write")
    parser.add_argument("--force", action="store_true", help="replace a model's folder that is there")
    return parser.parse_args(arguments)


def read_labels(file: Path) -> list[str]:
    try:
        lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise ExportError(f"--labels {file}: {error}") from error
    labels = [line for line in lines if line]
    if not labels:
        raise ExportError(f"--labels {file}: no class in it")
    return labels


def run(arguments: list[str] | None) -> None:
    options = parse(arguments)
    for template in options.template:
        if template.count("{}") != 1:
            raise ExportError(f"--template {template!r} needs one place {{}} for a class")
    if options.config and options.home != "open_clip":
        raise ExportError("--config is open_clip's")
    if options.checkpoint and not options.checkpoint.is_file():
        raise ExportError(f"--checkpoint {options.checkpoint}: no such file")
    labels = read_labels(options.labels) if options.labels else None
    try:
        home = importlib.import_module(f"legrad_export.homes.{homes.HOMES[options.home]}")
    except ImportError as error:
        raise ExportError(f"{options.home} cannot be imported ({error}); pip install 'legrad-export[{options.home}]'") from error
    torch.manual_seed(0)
    model = home.load(Asked(options.name, options.pretrained, options.checkpoint, options.config))
    made_with = {"torch": torch.__version__, options.home: home.version()}
    bundle.write(options.out, options.force, model, labels, options.template, options.format, DTYPES[options.dtype], made_with)
    words = " It takes words." if model.words else ""
    print(f"{options.out}: {model.kind}, {model.preprocessing['size'][0]} x {model.preprocessing['size'][1]}.{words} "
          f"Check it with: legrad inspect --model {options.out} --verify")


def main(arguments: list[str] | None = None) -> int:
    warnings.filterwarnings("ignore")
    try:
        run(arguments)
    except ExportError as error:
        print(f"legrad-export: error: {error}", file=sys.stderr)
        return 2
    return 0
