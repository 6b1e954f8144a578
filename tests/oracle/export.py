"""Exports with torch's own tools, as a user would, less the debug records (they hold file names of the machine)."""

import io

import torch


def export(specimen, form, dtype, example_batch):
    """A ScriptModule of the specimen, or an ExportedProgram, in the given form."""
    example = torch.rand(example_batch, 3, *specimen.image).to(dtype)
    inputs = specimen.inputs(example)
    model = specimen.exported or specimen.model
    steps = form.split("+")
    with torch.no_grad():
        if steps[0] == "export":
            return export_program(model, specimen.inputs(example.expand(2, -1, -1, -1)))
        if steps[0] == "script":
            module = torch.jit.script(model)
        else:
            traced = {"forward": inputs, **{name: inputs[part] for name, part in specimen.methods}}
            module = torch.jit.trace_module(model, traced, check_trace=False, strict=False)
        if "freeze" in steps:
            module = torch.jit.freeze(module.eval())
    return module


def export_program(model, inputs):
    """torch.export with a free number of images."""
    batch = torch.export.Dim("batch", min=1, max=1024)
    return torch.export.export(model, inputs, dynamic_shapes=[{0: batch} for _ in inputs], strict=False)


def load(path):
    return torch.export.load(path).module() if path.suffix == ".pt2" else torch.jit.load(str(path))


def save(exported, stem):
    """Writes stem.pt2 or stem.pt, and returns its path."""
    if isinstance(exported, torch.export.ExportedProgram):
        path = stem.with_suffix(".pt2")
        torch.export.save(exported, path)
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
