#!/usr/bin/env python
"""Writes tests/data/older: archives of an older torch, with what the model gives. Run with that torch (2.0.1 was used).

    python tests/oracle/make_older.py
"""

import pathlib

import numpy as np
import torch

from tiny import TinyVit

OUT = pathlib.Path(__file__).resolve().parents[1] / "data" / "older"

OUT.mkdir(parents=True, exist_ok=True)
generator = torch.Generator().manual_seed(1)
model = TinyVit().eval()
for parameter in model.parameters():
    parameter.data = torch.randn(parameter.shape, generator=generator) * 0.5
images = torch.randn(2, 3, 16, 16, generator=generator)
torch.jit.trace(model, images[:1], check_trace=False).save(str(OUT / "trace.pt"))
torch.jit.script(model).save(str(OUT / "script.pt"))
with torch.no_grad():
    np.save(OUT / "output.npy", model(images).numpy())
np.save(OUT / "images.npy", images.numpy())
print(torch.__version__)
