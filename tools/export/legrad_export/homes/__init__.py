"""A module a home: `load(Asked) -> Model` and `version()`."""

HOMES = {"open_clip": "of_open_clip", "timm": "of_timm", "torchvision": "of_torchvision", "transformers": "of_transformers"}
