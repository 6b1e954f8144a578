"""What a model of words and pictures can do, on scenes it has not seen."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from emoji_scenes.captions import Caption, CaptionMaker, truth
from emoji_scenes.glyphs import DEFAULT_FONT
from emoji_scenes.metrics import clustered_mean, points_at
from emoji_scenes.reference_maps import centred_blob, random_map, resize
from emoji_scenes.scene import Plan, SceneMaker, plan_scene

from .data import caption_plan, captions_of
from .maps import READOUTS, legrad, raw_attention

TEMPLATES = ("a photo of a {}", "a picture of a {}", "a {}", "{}")
GALLERY = 100  # scenes that retrieval chooses among


class Encoder:
    """Normalised embeddings of plans and of texts."""

    def __init__(self, pair: Any, font: Path = DEFAULT_FONT) -> None:
        self.pair = pair
        self.maker = SceneMaker(font=font)
        self._tokenize = pair.make_tokenizer()
        pair.model.eval()

    def pixels(self, plans: list[Plan]) -> torch.Tensor:
        """The model's input, [B, 3, H, W]."""
        stack = np.stack([self.maker.render(plan, self.pair.size).pixels for plan in plans])
        return self.pair.normalise(torch.from_numpy(stack).permute(0, 3, 1, 2).float() / 255)

    @torch.no_grad()
    def pictures(self, plans: list[Plan]) -> torch.Tensor:
        parts = [self.pair.back(self.pair.front(self.pixels(plans[i:i + 50]), 0), 0) for i in range(0, len(plans), 50)]
        return F.normalize(torch.cat(parts), dim=-1)

    @torch.no_grad()
    def texts(self, texts: list[str]) -> torch.Tensor:
        return F.normalize(self.pair.encode_text(self._tokenize(texts)), dim=-1)

    def classes(self, templates: tuple[str, ...] = TEMPLATES) -> torch.Tensor:
        """For every label the mean over the templates, normalised: [classes, e]."""
        every = self.texts([t.format(c.label) for c in self.maker.classes for t in templates])
        return F.normalize(every.unflatten(0, (-1, len(templates))).mean(1), dim=-1)


def zero_shot(encoder: Encoder, seed: int, count: int) -> float:
    """Share of scenes for which the label with the highest cosine is that of an object that is there."""
    heads, hits = encoder.classes(), 0
    for first in range(0, count, 100):
        plans = [plan_scene(seed, i, len(heads)) for i in range(first, min(first + 100, count))]
        best = (encoder.pictures(plans) @ heads.T).argmax(1).tolist()
        hits += sum(b in {o.class_index for o in plan.objects} for b, plan in zip(best, plans))
    return hits / count


def changed(true: Caption, false: Caption) -> str:
    """In what a caption and its false twin differ."""
    a, b = true.claim, false.claim
    if a.relation != b.relation:
        return "relation"
    if a.place != b.place:
        return "place"
    for x, y in zip(a.things, b.things):
        if x.class_index != y.class_index:
            return "object"
        if x.count != y.count:
            return "count"
        if x.colour != y.colour:
            return "colour"
    raise ValueError("the twin says the same")


def captions(encoder: Encoder, seed: int, count: int) -> dict[str, Any]:
    """Retrieval among GALLERY scenes and their captions, and how often a caption beats its false twin."""
    drawer = CaptionMaker(encoder.maker.classes)
    to_text = to_scene = texts_asked = 0
    chance_text = chance_scene = 0.0
    wins: dict[str, list[bool]] = defaultdict(list)
    for first in range(0, count, GALLERY):
        plans = [caption_plan(seed, i, encoder.maker) for i in range(first, min(first + GALLERY, count))]
        drawn = [captions_of(plan, drawer) for plan in plans]
        pictures = encoder.pictures(plans)
        unique = list({true.text: true for true, _, _ in drawn}.values())
        table = torch.from_numpy(truth(plans, unique, encoder.maker.classes))
        cosines = pictures @ encoder.texts([c.text for c in unique]).T
        to_text += int(table.gather(1, cosines.argmax(1, keepdim=True)).sum())
        to_scene += int(table.T.gather(1, cosines.T.argmax(1, keepdim=True)).sum())
        texts_asked += len(unique)
        chance_text += float(table.float().mean(1).sum())
        chance_scene += float(table.float().mean(0).sum())
        trues = (pictures * encoder.texts([true.text for true, _, _ in drawn])).sum(1)
        falses = (pictures * encoder.texts([false.text for _, _, false in drawn])).sum(1)
        for (true, _, false), won in zip(drawn, (trues > falses).tolist()):
            wins[changed(true, false)].append(won)
    return {
        "scene_to_caption": to_text / count, "scene_to_caption_chance": chance_text / count,
        "caption_to_scene": to_scene / texts_asked, "caption_to_scene_chance": chance_scene / texts_asked,
        "true_over_false": {name: {"rate": float(np.mean(w)), "count": len(w)} for name, w in sorted(wins.items())},
    }


def localisation(encoder: Encoder, seed: int, count: int) -> dict[str, Any]:
    """Maps of scenes of two objects, one prompt for each.

    "own above other" is how often a prompt's map has a higher mean on its own object than on the other, "own highest" than
    on the other and on the background, "pointing" how often its maximum lies on its object.
    """
    heads, grid, size = encoder.classes(), (encoder.pair.grid,) * 2, encoder.pair.size
    rng = np.random.default_rng(0)
    rows: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    clusters: list[int] = []
    for index in range(count):
        plan = plan_scene(seed, index, len(heads), least=2, most=2)
        scene = encoder.maker.render(plan, size)
        if not all(mask.any() for mask in scene.masks):
            continue
        clusters += [index] * 2
        pixels = encoder.pixels([plan])
        made = {f"legrad, {readout}": legrad(encoder.pair, pixels, heads[scene.labels][None], readout)[0].numpy()
                for readout in READOUTS}
        made["raw attention"] = np.stack([raw_attention(encoder.pair, pixels)[0].numpy()] * 2)
        made["centred blob"] = np.stack([centred_blob(grid)] * 2)
        made["random"] = np.stack([random_map(grid, rng) for _ in range(2)])
        outside = ~(scene.masks[0] | scene.masks[1])
        for name, heatmaps in made.items():
            for column, mask in enumerate(scene.masks):
                heatmap = resize(heatmaps[column], size, size)
                mine, others, ground = (heatmap[m].mean() for m in (mask, scene.masks[1 - column], outside))
                rows[name]["own above other"].append(float(mine > others))
                rows[name]["own highest"].append(float(mine > max(others, ground)))
                rows[name]["pointing"].append(float(points_at(heatmap, mask)))
    return {name: {column: asdict(clustered_mean(values, clusters)) for column, values in columns.items()}
            for name, columns in rows.items()}


def held_out_figures(pair: Any, seed: int, count: int, font: Path = DEFAULT_FONT) -> dict[str, Any]:
    """What it knows, without its maps."""
    encoder = Encoder(pair, font)
    return {"seed": seed, "count": count, "zero_shot_top1_in_set": zero_shot(encoder, seed, count),
            **captions(encoder, seed, count)}
