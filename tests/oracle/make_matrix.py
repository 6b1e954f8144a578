#!/usr/bin/env python
"""Writes the whole matrix of stock exports, the committed fixtures' rows included, as fixtures into a folder.

    python tests/oracle/make_matrix.py --out build/matrix [--only NAME]... [--pt2]
    LEGRAD_FIXTURES=build/matrix build/bin/fixture_test
"""

import argparse
import dataclasses
import multiprocessing
import multiprocessing.connection
import os
import pathlib
import sys
import warnings

import torch

import make_fixtures
import matrix
import zoo

# torch.export unrolls a loop over the images of its example, and has no name for the inputs of a DataParallel.
NOT_EXPORTED = ("wrapped_loop_trace", "wrapped_parallel_trace")  # and none whose weights are packed as int8


def rows(pt2):
    """Every row by its name; with `pt2` also each traced row as torch.export writes it."""
    found = {**zoo.FIXTURES, **matrix.ROWS}
    if pt2:
        exported = {f"{name}_pt2": dataclasses.replace(entry, form="export", size_needed=False) for name, entry in found.items()
                    if entry.form == "trace" and name not in NOT_EXPORTED and f"{name}_pt2" not in found and not entry.refusal and not entry.quantised and entry.home != "OpenAI CLIP"}
        for name in ("timm_cls_trace", "timm_map", "torchvision_trace", "open_clip_tower", "transformers_clip_sdpa",
                     "transformers_siglip"):
            exported[f"{name}_pt2_static"] = dataclasses.replace(found[name], form="export, static", size_needed=False)
        for name in ("timm_cls_trace", "timm_map", "timm_beit", "timm_dinov3", "timm_registers", "torchvision_trace", "open_clip_tower",
                     "open_clip_coca", "transformers_clip_sdpa", "transformers_vit_eager", "transformers_siglip", "own_mask",
                     "timm_parallel_things", "timm_differential", "transformers_yolos_sdpa", "own_encoder_pre_norm",
                     "own_encoder_post_norm"):
            row = found.get(f"{name}_pt2", found[name])
            exported[f"{name}_pt2_decomposed"] = dataclasses.replace(row, form="export, decomposed", size_needed=False)
        for name in ("timm_cls_trace", "timm_eva02", "timm_dinov3", "transformers_clip_sdpa", "transformers_dinov3_sdpa",
                     "timm_parallel_things", "transformers_yolos_sdpa", "own_encoder_pre_norm"):
            exported[f"{name}_pt2_grad"] = dataclasses.replace(found[name], form="export, with gradients", size_needed=False)
        exported["timm_dynamic_size_pt2_sizes"] = dataclasses.replace(found["timm_dynamic_size"], form="export, free sizes")
        found.update(exported)
    return found


# Rows that are also compared by the methods with rules: what the committed fixtures have no operator for.
BY_RULES = ("own_encoder_pre_norm", "own_mask", "timm_cls_trace_pt2_decomposed", "timm_dinov3", "timm_eva02", "timm_layer_scale", "timm_parallel_things",
            "timm_post_norm", "timm_qk_norm", "timm_rms_norm", "transformers_beit_sdpa")


def write(entries, out):
    """Writes rows, each in a process of its own, forked off after the libraries were imported, as many at a time as there are
    cores. Returns the names of those that failed."""
    waiting, running, failed = list(entries), {}, []
    while waiting or running:
        while waiting and len(running) < os.cpu_count():
            name = waiting.pop(0)
            process = multiprocessing.get_context("fork").Process(target=make_fixtures.write, args=(name, entries[name], out, name in BY_RULES))
            process.start()
            running[process.sentinel] = name, process
        for sentinel in multiprocessing.connection.wait(running):
            name, process = running.pop(sentinel)
            process.join()
            if process.exitcode != 0:
                failed.append(name)
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--only", action="append", metavar="NAME")
    parser.add_argument("--pt2", action="store_true", help="also write what torch.export gives")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    every = rows(arguments.pt2)
    if failed := write({name: every[name] for name in arguments.only or every}, arguments.out):
        sys.exit("failed: " + " ".join(failed))


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":  # the scripting compiler's order of attributes comes from sets
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "PYTHONHASHSEED": "0"})
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    for library in ("timm", "torchvision", "open_clip", "transformers"):
        __import__(library)
    main()
