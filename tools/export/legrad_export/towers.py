"""A module to a file, in one of the two forms that PyTorch writes."""

from __future__ import annotations

from pathlib import Path

import torch

from .errors import ExportError

SUFFIX = {"torchscript": ".pt", "exported-program": ".pt2"}


def save(module: torch.nn.Module, example: torch.Tensor, file: Path, form: str) -> None:
    """Writes the module for any number of rows of `example` [2, ...], and sees that the file gives what the module gives."""
    with torch.no_grad():
        if form == "torchscript":
            torch.jit.save(torch.jit.trace(module, example, check_trace=False), str(file))
            again = torch.jit.load(str(file))
        else:
            program = torch.export.export(module, (example,), dynamic_shapes=[{0: torch.export.Dim("batch")}])
            torch.export.save(program, str(file))
            again = torch.export.load(str(file)).module()
        rows = torch.cat([example, example.flip(0)[:1]])  # another batch size than was seen
        expected, found = module(rows), again(rows)
    off = ((found - expected).abs().max() / expected.abs().max().clamp_min(1e-30)).item()
    if not off < 1e-3:
        raise ExportError(f"{file.name} gives other numbers than the model it was made from (off by {off:.1e}); "
                          f"try the other --format")
