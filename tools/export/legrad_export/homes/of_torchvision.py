"""torchvision's classifiers."""

from __future__ import annotations


import torchvision

from ..errors import ExportError, unknown_model
from ..model import Asked, Model, load_checkpoint
from .preprocessing import preprocessing


def version() -> str:
    return torchvision.__version__


def load(asked: Asked) -> Model:
    names = torchvision.models.list_models(module=torchvision.models)
    if asked.name not in names:
        raise unknown_model("torchvision", asked.name, names)
    known = torchvision.models.get_model_weights(asked.name)
    if asked.pretrained not in (None, "default", *known.__members__):
        raise ExportError(f"torchvision has no weights {asked.pretrained!r} of {asked.name}; it has {', '.join(known.__members__)}")
    weights = known[asked.pretrained] if asked.pretrained in known.__members__ else known.DEFAULT
    model = torchvision.models.get_model(asked.name, weights=weights if asked.pretrained else None)
    load_checkpoint(model, asked)
    steps = weights.transforms()
    side = steps.crop_size[0]
    return Model(
        kind="classifier", vision=model.eval(), labels=list(weights.meta["categories"]),
        preprocessing=preprocessing((side, side), steps.mean, steps.std, steps.interpolation.value, "shortest_edge_crop",
                                    crop=side / steps.resize_size[0]))
