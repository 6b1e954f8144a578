"""torchvision's classifiers."""

from __future__ import annotations

import difflib

import torch
import torchvision

from ..errors import ExportError
from ..model import Asked, Model
from .preprocessing import preprocessing


def version() -> str:
    return torchvision.__version__


def load(asked: Asked) -> Model:
    names = torchvision.models.list_models(module=torchvision.models)
    if asked.name not in names:
        near = difflib.get_close_matches(asked.name, names, 3, 0.4)
        raise ExportError(f"torchvision has no model {asked.name!r}; the nearest are {', '.join(near) or 'none'}")
    known = torchvision.models.get_model_weights(asked.name)
    if asked.pretrained not in (None, "default", *known.__members__):
        raise ExportError(f"torchvision has no weights {asked.pretrained!r} of {asked.name}; it has {', '.join(known.__members__)}")
    weights = known[asked.pretrained] if asked.pretrained in known.__members__ else known.DEFAULT
    model = torchvision.models.get_model(asked.name, weights=weights if asked.pretrained else None)
    if asked.checkpoint:
        try:
            model.load_state_dict(torch.load(asked.checkpoint, map_location="cpu", weights_only=True))
        except Exception as error:
            raise ExportError(f"{asked.checkpoint} does not fit {asked.name}: {str(error).splitlines()[0]}") from error
    steps = weights.transforms()
    side = steps.crop_size[0]
    return Model(
        kind="classifier", vision=model.eval(), labels=list(weights.meta["categories"]),
        preprocessing=preprocessing((side, side), steps.mean, steps.std, steps.interpolation.value, "shortest_edge_crop",
                                    crop=side / steps.resize_size[0]))
