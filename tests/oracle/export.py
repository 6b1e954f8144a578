"""Exports with torch's own tools, as a user would, less the debug records (they hold file names of the machine)."""

import io
import json

import torch


def export(specimen, form, dtype, example_batch):
    """A ScriptModule of the specimen, or an ExportedProgram, in the given form."""
    example = torch.rand(example_batch, 3, *specimen.image).to(dtype)
    inputs = specimen.inputs(example)
    model = specimen.exported or specimen.model
    steps = form.split("+")
    # A user need not know of no_grad; what torch.export writes then holds higher-order operators around some code.
    with torch.set_grad_enabled("with gradients" in form):
        if form == "export, static":  # for a batch of one image
            return torch.export.export(model, inputs, strict=False)
        if steps[0].startswith("export"):
            program = export_program(model, specimen.inputs(example.expand(2, -1, -1, -1)), sizes="sizes" in form)
            return program.run_decompositions() if "decomposed" in form else program
        if steps[0] == "script":
            module = torch.jit.script(model)
        else:
            traced = {"forward": inputs, **{name: inputs[part] for name, part in specimen.methods}}
            module = torch.jit.trace_module(model, traced, check_trace=False, strict=False)
        if "freeze" in steps:
            module = torch.jit.freeze(module.eval())
    return module


def export_program(model, inputs, sizes):
    """torch.export with a free number of images, and of a free size if the model takes that."""
    free = {0: torch.export.Dim("batch", min=1, max=1024)}
    if sizes:
        free.update({2: torch.export.Dim.AUTO, 3: torch.export.Dim.AUTO})
    return torch.export.export(model, inputs, dynamic_shapes=[free for _ in inputs], strict=False)


def load(path):
    return torch.export.load(io.BytesIO(path.read_bytes())).module() if path.suffix == ".pt2" else torch.jit.load(str(path))


def rewritten(archive, change, names=lambda name: name, byteorder=None):
    """The archive with every record's content put through `change(name, content)`; checksums are right again."""
    reader = torch._C.PyTorchFileReader(io.BytesIO(archive))
    buffer = io.BytesIO()
    writer = torch._C.PyTorchFileWriter(buffer)
    for name in reader.get_all_records():
        if byteorder and name == "byteorder":
            writer.write_record(name, byteorder, len(byteorder))
        elif name not in (".data/serialization_id", "version", ".data/version", "byteorder"):
            content = change(name, reader.get_record(name))
            writer.write_record(names(name), content, len(content))
    writer.write_end_of_file()
    return buffer.getvalue()


def without_traces(name, content):
    """Stack traces name the machine's files; the sample inputs are a pickle that nobody reads."""
    if name != "models/model.json":
        return b"" if name.startswith("data/sample_inputs") else content
    root = json.loads(content)
    for node in root["graph_module"]["graph"]["nodes"]:
        node["metadata"].pop("stack_trace", None)
    return json.dumps(root).encode()


def save(exported, stem):
    """Writes stem.pt2 or stem.pt, and returns its path."""
    if isinstance(exported, torch.export.ExportedProgram):
        path = stem.with_suffix(".pt2")
        buffer = io.BytesIO()
        torch.export.save(exported, buffer)
        path.write_bytes(rewritten(buffer.getvalue(), without_traces))
        return path
    path = stem.with_suffix(".pt")
    buffer = io.BytesIO()
    torch.jit.save(exported, buffer)
    buffer.seek(0)
    reader = torch._C.PyTorchFileReader(buffer)
    writer = torch._C.PyTorchFileWriter(str(path))
    for name in reader.get_all_records():
        if name.endswith(".debug_pkl") or name in (".data/serialization_id", "version", "byteorder"):
            continue  # the writer makes its own of the last three
        record = reader.get_record(name)
        writer.write_record(name, record, len(record))
    writer.write_end_of_file()
    return path
