"""Exports with torch's own tools, as a user would, less the debug records (they hold file names of the machine)."""

import io

import torch


def export(specimen, form, dtype, example_batch):
    """A ScriptModule of `specimen.model`, in the given form."""
    example = torch.rand(example_batch, 3, *specimen.image, dtype=dtype)
    steps = form.split("+")
    with torch.no_grad():
        if steps[0] == "script":
            module = torch.jit.script(specimen.model)
        else:
            module = torch.jit.trace(specimen.model, example, check_trace=False, strict=False)
        if "freeze" in steps:
            module = torch.jit.freeze(module.eval())
    return module


def save(module, path):
    buffer = io.BytesIO()
    torch.jit.save(module, buffer)
    buffer.seek(0)
    reader = torch._C.PyTorchFileReader(buffer)
    writer = torch._C.PyTorchFileWriter(str(path))
    for name in reader.get_all_records():
        if name.endswith(".debug_pkl") or name in (".data/serialization_id", "version", "byteorder"):
            continue  # the writer makes its own of the last three
        record = reader.get_record(name)
        writer.write_record(name, record, len(record))
    writer.write_end_of_file()
