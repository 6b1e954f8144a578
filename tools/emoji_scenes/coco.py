"""Write scenes as PNG files with COCO instance annotations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask

from .glyphs import EmojiClass
from .scene import Scene

LICENCE = {"id": 1, "name": "SIL Open Font License 1.1 (glyphs: Noto Color Emoji)", "url": "https://openfontlicense.org"}


class CocoWriter:
    """Collects scenes: `add` writes the picture, `finish` writes instances.json.

    Category ids are class index + 1, as COCO keeps 0 free.
    """

    def __init__(self, folder: Path, classes: list[EmojiClass], about: dict[str, Any]) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._data: dict[str, Any] = {
            "info": about,
            "licenses": [LICENCE],
            "images": [],
            "annotations": [],
            "categories": [{"id": i + 1, "name": c.label, "supercategory": "emoji"} for i, c in enumerate(classes)],
        }

    def add(self, scene: Scene, file_name: str) -> None:
        """Write one picture and note its objects. An object no pixel of which can be seen gets no annotation."""
        height, width = scene.pixels.shape[:2]
        Image.fromarray(scene.pixels).save(self.folder / file_name, optimize=True)
        image_id = len(self._data["images"]) + 1
        self._data["images"].append(
            {"id": image_id, "file_name": file_name, "width": width, "height": height, "license": 1})
        for label, mask in zip(scene.labels, scene.masks):
            if not mask.any():
                continue
            encoded = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
            self._data["annotations"].append({
                "id": len(self._data["annotations"]) + 1,
                "image_id": image_id,
                "category_id": label + 1,
                "segmentation": {"size": list(encoded["size"]), "counts": encoded["counts"].decode("ascii")},
                "bbox": [float(v) for v in coco_mask.toBbox(encoded)],
                "area": int(coco_mask.area(encoded)),
                "iscrowd": 0,
            })

    def finish(self) -> Path:
        """Write instances.json and return its path."""
        path = self.folder / "instances.json"
        path.write_text(json.dumps(self._data, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        return path
