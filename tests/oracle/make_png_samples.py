#!/usr/bin/env python
"""Writes tests/data/eval/png: small PNGs of every form of mask, all five filters in each, and their samples as Pillow reads them.

    python tests/oracle/make_png_samples.py [--out DIR]
"""

import argparse
import pathlib
import struct
import zlib

import numpy as np
from PIL import Image

DATA = pathlib.Path(__file__).resolve().parents[1] / "data" / "eval" / "png"
GREY, RGB, PALETTE, RGBA = 0, 2, 3, 6
CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, RGBA: 4}


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def filtered(number, row, above, step):
    """A row as its filter stores it."""
    row, above = row.astype(int), above.astype(int)
    left = np.concatenate([np.zeros(step, int), row])[: row.size]
    upper_left = np.concatenate([np.zeros(step, int), above])[: row.size]
    if number == 4:
        near = np.abs(np.stack([above - upper_left, left - upper_left, left + above - 2 * upper_left]))
        guess = np.choose(near.argmin(0), [left, above, upper_left])
    else:
        guess = [0, left, above, (left + above) // 2][number]
    return ((row - guess) % 256).astype(np.uint8).tobytes()


def png(samples, colour_type, depth):
    """`samples` [H, W, channels]; filters take turns."""
    height, width, channels = samples.shape
    bits = np.unpackbits(samples.reshape(height, -1, 1).astype(np.uint8), axis=2)[:, :, 8 - depth:]
    rows = np.packbits(bits.reshape(height, -1), axis=1)
    step = max(1, channels * depth // 8)
    above, data = np.zeros_like(rows[0]), b""
    for y, row in enumerate(rows):
        data += bytes([y % 5]) + filtered(y % 5, row, above, step)
        above = row
    packed = zlib.compress(data)
    # Colours in the palette are there twice: they do not tell which index they are of.
    palette = chunk(b"PLTE", bytes([10, 20, 30] * (1 << depth))) if colour_type == PALETTE else b""
    half = len(packed) // 2
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)) + palette
            + chunk(b"IDAT", packed[:half]) + chunk(b"IDAT", packed[half:]) + chunk(b"IEND", b""))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=pathlib.Path, default=DATA)
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(3)
    forms = [(GREY, 8), (PALETTE, 1), (PALETTE, 2), (PALETTE, 4), (PALETTE, 8), (RGB, 8), (RGBA, 8)]
    for colour_type, depth in forms:
        name = {GREY: "grey", RGB: "rgb", PALETTE: "palette", RGBA: "rgba"}[colour_type] + str(depth)
        samples = rng.integers(0, 1 << depth, (11, 13, CHANNELS[colour_type]))
        samples[3:8, 2:9] = samples[0, 0]
        (out / f"{name}.png").write_bytes(png(samples, colour_type, depth))
        with Image.open(out / f"{name}.png") as picture:
            seen = np.asarray(picture, np.uint8)
        np.save(out / f"{name}.npy", seen.reshape(11, 13, -1))


if __name__ == "__main__":
    main()
