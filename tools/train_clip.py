#!/usr/bin/env python3
"""Train models/emoji-clip, open_clip's CLIP, on emoji scenes and captions that are true of them.

The image tower starts from models/emoji-vit. Its first blocks stay as they are (--frozen-blocks), so that the process
that makes scenes runs them too, and the process that trains is given tokens. As in CLIP, the loss is a softmax
cross-entropy over the batch both ways. With 60 classes most captions are true of several scenes of a batch, so the
target is every pair that is true, in equal parts, and a third of the captions are made to be false of their scene.

One process makes scenes, one trains, each with one thread. Every scene is new, so the figures printed on the batches
before each step are on unseen scenes. Stop it at any time and start it again with the same --out: it goes on from the
last checkpoint. --scenes may be changed on resuming; the cosine then bends to its new end.
"""

from __future__ import annotations

import argparse
import multiprocessing as mp
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
import torch.nn.functional as F
from open_clip.model import CLIP

from emoji_clip.batches import Batch, Recipe, produce, received
from emoji_clip.model import OPTIONS, Tower, load_trunk, make_model, make_tokenizer
from emoji_scenes.glyphs import DEFAULT_FONT, load_classes
from train_classifier import HELD_OUT_SEED, MEAN, STD, Schedule, save

ROOT = Path(__file__).resolve().parent.parent
LARGEST_LOG_SCALE = 4.6052  # ln 100, CLIP's own bound


def text_embedding(model: CLIP, ids: torch.Tensor) -> torch.Tensor:
    """`model.encode_text` without the padding that all texts share: behind the end, a causal tower sees nothing of it."""
    length = int(ids.argmax(1).max()) + 1
    ids = ids[:, :length]
    tokens = model.token_embedding(ids) + model.positional_embedding[:length]
    tokens = model.transformer(tokens, attn_mask=model.attn_mask[:length, :length])
    ends = model.ln_final(tokens[torch.arange(len(ids)), ids.argmax(1)])
    return ends @ model.text_projection


def contrastive_loss(logits: torch.Tensor, truths: torch.Tensor) -> torch.Tensor:
    """Cross-entropy, scenes over texts and texts over scenes, to all true pairs in equal parts."""
    pairs = truths.float()

    def one_way(scores: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        count = target.sum(1)
        losses = -(F.log_softmax(scores, 1) * target).sum(1) / count.clamp_min(1)
        return losses[count > 0].mean()

    return (one_way(logits, pairs) + one_way(logits.T, pairs.T)) / 2


def groups(model: CLIP, frozen_blocks: int, trunk_rate: float, weight_decay: float) -> list[dict[str, Any]]:
    """Parameters for AdamW: trunk and the rest, with and without decay; the frozen ones learn nothing."""
    frozen = ("visual.conv1", "visual.class_embedding", "visual.positional_embedding",
              *(f"visual.transformer.resblocks.{index}." for index in range(frozen_blocks)))
    split: dict[tuple[bool, bool], list[torch.nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if frozen_blocks and name.startswith(frozen):
            parameter.requires_grad_(False)
            continue
        trunk = name.startswith("visual.") and name != "visual.proj"
        plain = parameter.ndim < 2 or "embedding" in name
        split.setdefault((trunk, plain), []).append(parameter)
    return [{"params": parameters, "weight_decay": 0.0 if plain else weight_decay, "factor": trunk_rate if trunk else 1.0}
            for (trunk, plain), parameters in split.items()]


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoint.pt and log.txt")
    parser.add_argument("--trunk", type=Path, default=ROOT / "models/emoji-vit/vision.ts", help="archive to start from")
    parser.add_argument("--scenes", type=int, default=160_000, help="scenes in all: where the cosine ends (%(default)s)")
    parser.add_argument("--batch", type=int, default=128, help="scenes a step (%(default)s)")
    parser.add_argument("--rate", type=float, default=1e-3, help="peak learning rate (%(default)s)")
    parser.add_argument("--trunk-rate", type=float, default=0.2, help="the trunk's share of the rate (%(default)s)")
    parser.add_argument("--frozen-blocks", type=int, default=4, help="first blocks that do not learn (%(default)s)")
    parser.add_argument("--weight-decay", type=float, default=0.05, help="AdamW's (%(default)s)")
    parser.add_argument("--warm-up", type=int, default=6_400, help="scenes of warm-up (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help=f"series of the scenes, not {HELD_OUT_SEED} (%(default)s)")
    parser.add_argument("--patch-drop", type=float, default=0.5, help="share of patches left out at first (%(default)s)")
    parser.add_argument("--patch-drop-until", type=float, default=0.7, help="fraction of the scenes with it (%(default)s)")
    parser.add_argument("--font", type=Path, default=DEFAULT_FONT, help="NotoColorEmoji.ttf (%(default)s)")
    parser.add_argument("--log-every", type=int, default=25, help="steps (%(default)s)")
    parser.add_argument("--save-every", type=float, default=180, help="seconds between checkpoints (%(default)s)")
    return parser.parse_args()


class Trainer:
    """Model, optimiser and what a checkpoint holds of them."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.tokenizer = make_tokenizer()
        self.model = make_model(self.tokenizer.vocab_size)
        load_trunk(self.model, options.trunk)
        self.tower = Tower(self.model)
        self.optimiser = torch.optim.AdamW(
            groups(self.model, options.frozen_blocks, options.trunk_rate, options.weight_decay),
            lr=options.rate, betas=(0.9, 0.98))
        self.seen, self.seconds = 0, 0.0
        anchor = (float(options.warm_up), 0.0)
        self.file = options.out / "checkpoint.pt"
        if self.file.exists():
            state = torch.load(self.file, weights_only=True)
            if state["options"] != OPTIONS or state["frozen_blocks"] != options.frozen_blocks:
                sys.exit(f"{self.file} was trained with another architecture or other frozen blocks")
            self.model.load_state_dict(state["model"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.seen, self.seconds, anchor = state["seen"], state["seconds"], tuple(state["anchor"])
            if state["scenes"] != options.scenes:
                before = Schedule(options.rate, options.warm_up, state["scenes"], anchor)
                anchor = (float(max(self.seen, options.warm_up)), before.fraction(self.seen))
        self.schedule = Schedule(options.rate, options.warm_up, options.scenes, anchor)

    def save(self) -> None:
        options = self.options
        save(self.file, {
            "model": self.model.state_dict(), "optimiser": self.optimiser.state_dict(), "seen": self.seen,
            "seconds": self.seconds, "anchor": list(self.schedule.anchor), "scenes": options.scenes, "seed": options.seed,
            "batch": options.batch, "frozen_blocks": options.frozen_blocks, "options": OPTIONS, "mean": MEAN, "std": STD,
            "vocabulary": self.tokenizer.vocab_size, "labels": [c.label for c in load_classes()]})

    def step(self, batch: Batch) -> tuple[float, float, float]:
        """One step; returns the loss and how often the best text is true of the scene, the best scene true of the text."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.schedule.rate(self.seen) * group["factor"]
        with torch.autocast("cpu", torch.bfloat16):
            images = self.tower.back(batch.tokens.float(), self.options.frozen_blocks)
            texts = text_embedding(self.model, self.tokenizer(batch.texts))
        images, texts = F.normalize(images.float(), dim=-1), F.normalize(texts.float(), dim=-1)
        logits = self.model.logit_scale.exp() * images @ texts.T
        loss = contrastive_loss(logits, batch.truths)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for p in self.model.parameters() if p.requires_grad], 1.0)
        self.optimiser.step()
        with torch.no_grad():
            self.model.logit_scale.clamp_(0, LARGEST_LOG_SCALE)
            scene_hits = batch.truths.gather(1, logits.argmax(1, keepdim=True)).float().mean()
            some = batch.truths.any(0)
            text_hits = batch.truths.gather(0, logits.argmax(0, keepdim=True))[0, some].float().mean()
        self.seen += len(batch.tokens)
        return loss.item(), scene_hits.item(), text_hits.item()


def main() -> int:
    options = parse_arguments()
    if options.seed == HELD_OUT_SEED:
        sys.exit(f"--seed {HELD_OUT_SEED} is the held-out series")
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(options)

    def say(text: str) -> None:
        print(text, flush=True)
        with (options.out / "log.txt").open("a", encoding="utf-8") as stream:
            stream.write(text + "\n")

    recipe = Recipe(options.font, options.seed, options.batch, options.frozen_blocks, options.patch_drop,
                    int(options.patch_drop_until * options.scenes))
    context = mp.get_context("spawn")
    queue = context.Queue(maxsize=6)
    state = {name: value.clone() for name, value in trainer.model.state_dict().items()}
    producer = context.Process(target=produce, daemon=True, args=(
        queue, trainer.seen, recipe, state, trainer.tokenizer.vocab_size, OPTIONS))
    producer.start()
    say(f"# from scene {trainer.seen} to {options.scenes}, {sum(p.numel() for p in trainer.model.parameters())} parameters, "
        f"{sum(p.numel() for p in trainer.model.parameters() if p.requires_grad)} of them learning")

    sums, steps, log_seen = [0.0] * 3, 0, trainer.seen
    mark = log_mark = last_save = time.monotonic()
    while trainer.seen < options.scenes:
        batch = received(queue.get())
        assert batch.first == trainer.seen, "scenes out of order"
        sums = [total + value for total, value in zip(sums, trainer.step(batch))]
        steps += 1
        now = time.monotonic()
        trainer.seconds += now - mark
        mark = now
        if steps == options.log_every:
            loss, scene_hits, text_hits = (total / steps for total in sums)
            say(f"scenes {trainer.seen:7d}  seconds {trainer.seconds:6.0f}  scenes/s "
                f"{(trainer.seen - log_seen) / (now - log_mark):5.1f}  rate {trainer.schedule.rate(trainer.seen):.2e}  "
                f"loss {loss:.4f}  scene to text {scene_hits:.3f}  text to scene {text_hits:.3f}  "
                f"scale {trainer.model.logit_scale.exp().item():.1f}")
            sums, steps, log_seen, log_mark = [0.0] * 3, 0, trainer.seen, now
        if now - last_save > options.save_every:
            trainer.save()
            last_save = now
    producer.terminate()
    trainer.save()
    say(f"# done after {trainer.seconds:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
