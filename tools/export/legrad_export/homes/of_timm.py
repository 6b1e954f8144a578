"""timm's classifiers, and its towers without a head."""

from __future__ import annotations


import timm
import timm.data

from ..errors import ExportError, unknown_model
from ..model import Asked, Model
from .preprocessing import preprocessing

RESIZE = {"center": "shortest_edge_crop", "squash": "squash"}


def version() -> str:
    return timm.__version__


def labels_of(model: object, classes: int) -> list[str] | None:
    """ImageNet's names where the model was trained on one of its lists."""
    subset = timm.data.infer_imagenet_subset(model)
    if not subset:
        return None
    info = timm.data.ImageNetInfo(subset)
    return [info.index_to_description(index) for index in range(classes)]


def load(asked: Asked) -> Model:
    architecture = asked.name.split(".")[0]
    if not timm.is_model(architecture):
        raise unknown_model("timm", asked.name, timm.list_models())
    name = asked.name
    if asked.pretrained not in (None, "default"):
        name = f"{architecture}.{asked.pretrained}"
    try:
        model = timm.create_model(name, pretrained=asked.pretrained is not None,
                                  checkpoint_path=str(asked.checkpoint) if asked.checkpoint else "").eval()
    except Exception as error:
        raise ExportError(f"timm cannot make {name}: {str(error).splitlines()[0]}") from error
    config = timm.data.resolve_model_data_config(model)
    if config["crop_mode"] not in RESIZE:
        raise ExportError(f"{name} crops its pictures by {config['crop_mode']!r}, which a manifest has no name for")
    classes = getattr(model, "num_classes", 0)
    resize = RESIZE[config["crop_mode"]]
    return Model(
        kind="classifier" if classes else "embedding", vision=model, labels=labels_of(model, classes) if classes else None,
        preprocessing=preprocessing(config["input_size"][1:], config["mean"], config["std"], config["interpolation"], resize,
                                    crop=config["crop_pct"] if resize == "shortest_edge_crop" else 1.0))
