#!/usr/bin/env python3
"""Makes the inputs that the fuzzers start from, of the models and arrays that the tests have, and of a few files written by hand.

    tests/fuzz/make_corpus.py [--out DIR]

What a fuzzer found is added to a target's folder by hand, under a name that says what it was, and stays there.
"""

import argparse
import io
import json
import pathlib
import struct
import zipfile
import zlib

TESTS = pathlib.Path(__file__).resolve().parents[1]
MODELS = TESTS / "data" / "refusals"


def records(name):
    with zipfile.ZipFile(MODELS / f"{name}.pt") as archive:
        return {info.filename.split("/", 1)[1]: archive.read(info) for info in archive.infolist()}


def zipped(content, method=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in content.items():
            archive.writestr(zipfile.ZipInfo("a/" + name), data, method)
    return buffer.getvalue()


def archives():
    code = {"code/__torch__.py": b"class M(Module):\n  pass\n", "constants.pkl": b"\x80\x02).", "data.pkl": b"\x80\x02).", "data/0": b"\0" * 16,
            "version": b"3\n", "byteorder": b"little"}
    program = {"archive_format": b"pt2", "version": b"3\n", "models/model.json": b"{}", "data/weights/weight_0": b"\0" * 16,
               "data/weights/model_weights_config.json": b'{"config": {}}'}
    yield "torchscript", zipped(code)
    yield "compressed", zipped(code, zipfile.ZIP_DEFLATED)
    yield "exported", zipped(program)
    yield "weights", zipped({"data.pkl": b"\x80\x02).", "data/0": b"\0" * 16})
    # Sizes and places beyond 32 bits, as zip64 says them.
    plain = zipped({"version": b"3\n"})
    start = plain.index(b"PK\1\2")
    entry, end = bytearray(plain[start:plain.index(b"PK\5\6")]), plain[plain.index(b"PK\5\6"):]
    size = len(plain) - len(end) - start
    entry[20:28] = b"\xff" * 8
    entry[42:46] = b"\xff" * 4
    entry[30:32] = struct.pack("<H", 28)
    entry += struct.pack("<HHQQQ", 1, 24, 2, 2, 0)
    large = struct.pack("<IQHHIIQQQQ", 0x06064b50, 44, 45, 45, 0, 0, 1, 1, size + 28, start)
    locator = struct.pack("<IIQI", 0x07064b50, 0, start + size + 28, 1)
    yield "zip64", plain[:start] + bytes(entry) + large + locator + end


def arrays():
    def npy(descr, shape, data, order="False", version=1):
        text = f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}"
        text = text.ljust(117) + "\n"
        return b"\x93NUMPY" + bytes([version, 0]) + len(text).to_bytes(2 if version == 1 else 4, "little") + text.encode() + data

    for descr, size in [("|b1", 1), ("|i1", 1), ("|u1", 1), ("<i2", 2), ("<u2", 2), ("<f2", 2), ("<i4", 4), ("<u4", 4), ("<f4", 4), ("<i8", 8),
                        ("<u8", 8), ("<f8", 8)]:
        yield descr[1:], npy(descr, "(2, 3)", b"\1" * (6 * size))
    yield "fortran", npy("<f4", "(2, 3)", b"\1" * 24, "True")
    yield "version2", npy("<f4", "(3,)", b"\1" * 12, version=2)
    yield "version3", npy("<f4", "()", b"\1" * 4, version=3)
    yield "empty", npy("<f4", "(0, 4611686018427387904, 4)", b"")
    yield "long", npy("<i2", "(2L, 3L)", b"\1" * 12)


def pictures():
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    def tiff(order, width=5, height=4, orientation=6):
        pack = lambda form, *values: struct.pack((">" if order == b"MM" else "<") + form, *values)
        entries = [(256, 4, width), (257, 4, height)]
        body = b"".join(pack("HHII", tag, kind, 1, value) for tag, kind, value in entries)
        body += pack("HHIHH", 274, 3, 1, orientation, 0)
        return order + pack("H", 42) + pack("I", 8) + pack("H", 3) + body + pack("I", 0)

    def segment(marker, data):
        return bytes([0xff, marker]) + struct.pack(">H", len(data) + 2) + data

    def riff(*chunks):
        body = b"WEBP" + b"".join(kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for kind, data in chunks)
        return b"RIFF" + struct.pack("<I", len(body)) + body

    exif = tiff(b"II")
    header = struct.pack(">IIBBBBB", 5, 4, 8, 2, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\x7f" * 15) * 4)
    yield "png", b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"eXIf", exif) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    frame = segment(0xc0, struct.pack(">BHHB", 8, 4, 5, 1) + b"\1\x11\0")
    yield "jpeg", b"\xff\xd8" + segment(0xe1, b"Exif\0\0" + exif) + frame + segment(0xda, b"\1\1\0\0\x3f\0") + b"\x12\xff\0\xff\xd0\x34\xff\xd9"
    yield "webp", riff((b"VP8 ", b"\0\0\0\x9d\1\x2a" + struct.pack("<HH", 5, 4)))
    yield "webp_lossless", riff((b"VP8L", b"\x2f" + struct.pack("<I", 4 | 3 << 14)))
    yield "webp_extended", riff((b"VP8X", b"\x08\0\0\0" + b"\4\0\0\3\0\0"), (b"EXIF", exif))
    yield "bmp", b"BM" + struct.pack("<IIIIiiHHIIiiII", 54 + 64, 0, 54, 40, 5, -4, 1, 24, 0, 64, 0, 0, 0, 0) + b"\x7f" * 64
    yield "bmp_os2", b"BM" + struct.pack("<IIIIHHHH", 26 + 64, 0, 26, 12, 5, 4, 1, 24) + b"\x7f" * 64
    yield "tiff_little", exif
    yield "tiff_big", tiff(b"MM")
    yield "pnm", b"P6 # a remark\n5 4\n255\n" + b"\x7f" * 60


def manifests():
    everything = {"schema_version": 1, "name": "x", "vision": "vision.ts", "kind": "siglip", "empty_embedding": "vision.ts",
                  "preprocessing": {"size": [16, 16], "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "interpolation": "bicubic",
                                    "resize": "shortest_edge_crop"},
                  "labels": ["crane", "Crane", "apple"], "grid": [4, 4]}
    text = json.dumps(everything).encode()
    yield "everything", text
    yield "class_by_name", text + b"\0CRANE"
    yield "class_by_index", text + b"\0-1"
    yield "unknown_class", text + b"\0aple"
    yield "least", b'{"schema_version": 1, "vision": "vision.ts"}'
    yield "outside", b'{"schema_version": 1, "vision": "../../etc/passwd"}'
    yield "bundled", (TESTS.parent / "models" / "emoji-vit" / "manifest.json").read_bytes()[:4000]


def data():
    def coco(*segmentations):
        return b"c" + json.dumps({
            "images": [{"id": 1, "file_name": "a.png", "height": 4, "width": 3}],
            "annotations": [{"id": 10 + i, "image_id": 1, "category_id": 1 + i % 2, "segmentation": segmentation}
                            for i, segmentation in enumerate(segmentations)],
            "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]}).encode()

    def header(depth, colours, width=3, height=2):
        return struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, 0)

    points = (b"ImageId,X,Y,Label,EstimatedYesNo\n0000000000000001,0.5,0.25,/m/1,yes\n00000000000000aa,1,0,/m/2,no\r\n"
              b"0000000000000001,0,1,/m/1,unsure\n0000000000000001,0.1,0.9,/m/2,no")
    birds = json.dumps([{"class_idx": 0, "parts": {part: 0 for part in ("beak", "eye", "foot", "tail", "wing")}}]).encode()
    yield "coco_polygons", coco([[0, 0, 2, 0, 2.5, 3.5, 0, 3]], [[-1, -1, 9, 1, 1, 9], [1, 1, 2, 1, 2, 2]])
    yield "coco_runs", coco({"size": [4, 3], "counts": [2, 4, 6]}, {"size": [4, 3], "counts": [0, 12]})
    yield "coco_text", coco({"size": [4, 3], "counts": "246"}, {"size": [4, 3], "counts": "1111O1L8"})
    yield "open_images", b"o" + points + b'\0LabelName,DisplayName\n/m/1,Cat\n/m/2,"Dress, ""formal"""\n'
    yield "funny_birds", b"f" + birds + b"\0" + json.dumps(
        [{"class_idx": 0, "bg_objects": "1,2,"}, {"class_idx": 0, "bg_objects": ""}]).encode()
    for file in sorted((TESTS / "data" / "eval" / "png").glob("*.png")):
        yield "png_" + file.stem, b"p" + file.read_bytes()
    yield "rows_grey1", b"r" + header(1, 0) + b"\0\xa0\1\x40"
    yield "rows_palette4", b"r" + header(4, 3) + b"\2\x12\x30\4\x45\x60"
    yield "rows_rgb", b"r" + header(8, 2) + (b"\3" + bytes(range(9))) * 2
    yield "rows_rgba", b"r" + header(8, 6) + (b"\4" + bytes(range(12))) * 2


def codes():
    for name in ("accepted", "loops_nested", "state_writes_a_file", "foreign_operator"):
        for record, content in records(name).items():
            if record.endswith(".py") and (name == "accepted" or record.count("/") == 2):
                yield f"{name}_{pathlib.Path(record).stem}", content
    layer = next(code for record, code in records("accepted_int8").items() if b"linear_unpack" in code)
    yield "packed_weights", layer
    yield "everything", b"""op_version_set = 1
class M(Module):
  __parameters__ = ["w", ]
  training : bool
  def forward(self: __torch__.M,
    x: Tensor) -> Tuple[Tensor, Dict[str, int]]:
    a, b, = ops.prim.NumToTensor(1), [0x10, 1.5e-3, -2]
    c = "text\\n" if torch.gt(x, 0) else '\\101'
    d = {"k": 1 // 2, "l": 3 % 2}
    for i in range(2):
      x = torch.add_(x, annotate(List[int], []), alpha=1)
    while bool(x):
      x = x[0:1, ..., None]
    if torch.__is__(a, None) and not True:
      ops.prim.RaiseException("no")
    else:
      pass
    return (x, d)
"""


def pickles():
    for name in ("accepted", "state_dict", "text_ids"):
        for record, content in records(name).items():
            if record.endswith(".pkl") and len(content) < 20_000:
                yield f"{name}_{pathlib.Path(record).stem}", content
    for name in ("accepted_int8", "accepted_int8_by_channel"):
        yield name, records(name)["data.pkl"]


def programs():
    def weight(path, sizes, strides, dtype=7):
        ints = lambda values: [{"as_int": value} for value in values]
        return {"path_name": path, "is_param": True, "use_pickle": False,
                "tensor_meta": {"dtype": dtype, "sizes": ints(sizes), "requires_grad": True, "device": {"type": "cpu", "index": None},
                                "strides": ints(strides), "storage_offset": {"as_int": 0}, "layout": 7}}

    def node(target, outputs, **arguments):
        return {"target": target, "outputs": outputs, "metadata": {"nn_module_stack": "L__self__,,M;L__self__a,a,torch.nn.Linear"},
                "inputs": [{"name": name, "arg": argument, "kind": 1} for name, argument in arguments.items()]}

    tensor = lambda name: {"as_tensor": {"name": name}}
    symbol = lambda name: {"as_sym_int": {"as_name": name}}
    nodes = [
        node("torch.ops.aten.sym_size.int", [symbol("b")], self=tensor("x"), dim={"as_int": 0}),
        node("_operator.add", [symbol("c")], a=symbol("b"), b={"as_sym_int": {"as_int": 1}}),
        node("torch.ops.aten.conv2d.default", [tensor("y")], input=tensor("x"), weight=tensor("p_w"), bias={"as_none": True}, stride={"as_ints": [4, 4]}),
        node("torch.ops.aten.view.default", [tensor("v")], self=tensor("y"), size={"as_sym_ints": [{"as_name": "c"}, {"as_int": -1}]}),
        node("torch.ops.aten.split.Tensor", [{"as_tensors": [{"name": "s0"}, {"name": "s1"}]}], self=tensor("v"), split_size={"as_int": 2},
             dim={"as_int": 1}),
        node("torch.ops.aten.cat.default", [tensor("k")], tensors={"as_tensors": [{"name": "s0"}, {"name": "s1"}]}, dim={"as_int": 1}),
        node("torch.ops.aten.index.Tensor", [tensor("i")], self=tensor("k"),
             indices={"as_optional_tensors": [{"as_none": True}, tensor("p_i")]}),
        node("torch.ops.aten.scaled_dot_product_attention.default", [tensor("a")], query=tensor("i"), key=tensor("i"), value=tensor("i"),
             dropout_p={"as_float": 0.0}, is_causal={"as_bool": False}),
        node("torch.ops.aten._to_copy.default", [tensor("t")], self=tensor("a"), dtype={"as_scalar_type": 7}, layout={"as_layout": 7},
             device={"as_device": {"type": "cpu", "index": None}}, memory_format={"as_memory_format": 1}),
        node("torch.ops.aten.gelu.default", [tensor("g")], self=tensor("t"), approximate={"as_string": "none"}),
        node("torch.ops.aten.clamp.default", [tensor("z")], self=tensor("g"), min={"as_float": "-Infinity"}, max={"as_none": True}),
    ]
    parameter = {"parameter": {"arg": {"name": "p_w"}, "parameter_name": "w"}}
    constant = {"tensor_constant": {"arg": {"name": "p_i"}, "tensor_constant_name": "i"}}
    sizes = [{"as_expr": {"expr_str": "s0", "hint": {"as_int": 2}}}, {"as_int": 3}, {"as_int": 16}, {"as_int": 16}]
    out_spec = json.dumps([1, {"type": "builtins.dict", "context": '["image_embeds"]', "children_spec": []}])
    module = {"graph": {"inputs": [tensor("p_w"), tensor("p_i"), tensor("x")], "outputs": [tensor("z")], "nodes": nodes,
                        "tensor_values": {"x": {"dtype": 7, "sizes": sizes}}},
              "signature": {"input_specs": [parameter, constant, {"user_input": {"arg": tensor("x")}}],
                            "output_specs": [{"user_output": {"arg": tensor("z")}}]},
              "module_call_graph": [{"fqn": "", "signature": {"forward_arg_names": ["images"], "out_spec": out_spec}}]}
    program = {"schema_version": {"major": 8, "minor": 14}, "torch_version": "2.9", "graph_module": module}
    whole = {"model": program, "weights": {"config": {"w": weight("weight_1", [4, 3, 4, 4], [48, 16, 4, 1])}},
             "constants": {"config": {"i": weight("../weights/weight_0", [2], [1], 5)}}}
    yield "outside", json.dumps(whole).encode()
    whole["weights"]["config"]["i"] = weight("weight_0", [2], [1], 5)
    constant["parameter"] = {"arg": {"name": "p_i"}, "parameter_name": "i"}
    del constant["tensor_constant"]
    yield "everything", json.dumps(whole).encode()


def specs():
    yield "list", b"legrad/layers=0,3,-1,rollout"
    yield "everything", b"legrad/layers=-4:/block=7/share=0.25/weights=1,0.5,2e0/relu=off/readout=token_mean"
    yield "all", b"all"
    yield "blanks", b" legrad / layers = all , rollout "


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=TESTS / "fuzz" / "corpus")
    out = parser.parse_args().out
    targets = {"archive": archives, "array": arrays, "code": codes, "data": data, "manifest": manifests, "pickle": pickles, "picture": pictures,
               "program": programs, "spec": specs}
    for target, inputs in targets.items():
        folder = out / target
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in inputs():
            (folder / name).write_bytes(content)


if __name__ == "__main__":
    main()
