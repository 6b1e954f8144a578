#!/usr/bin/env python3
"""Train models/emoji-clip: pictures of emoji scenes and what is said of them; masks are never used.

One process makes scenes and captions, one trains, each with one thread. Every scene is new (the series `--seed`). The
image tower starts from models/emoji-vit. The schedule has three parts, as fractions of the cosine:

  to --freeze-until      the first --frozen blocks of the image tower stay as they are
  to --patch-drop-until  a random half of the patches is left out of each picture
  to the end             everything is seen and trained

Stop it at any time and start it again with the same --out: it goes on from the last checkpoint. --scenes may be changed
on resuming; the cosine is then followed from its present place to the new end.
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

from emoji_clip import data
from emoji_clip.kinds import KINDS, LOSSES
from emoji_clip.measure import held_out_figures
from emoji_scenes.glyphs import DEFAULT_FONT
from vit_training import HELD_OUT_SEED, Schedule, save

LARGEST_SCALE = 100.0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", choices=KINDS, default="clip", help="architecture and loss (%(default)s)")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoint.pt and log.txt")
    parser.add_argument("--trunk", type=Path, default=Path("models/emoji-vit/vision.ts"),
                        help="start of the image tower (%(default)s)")
    parser.add_argument("--scenes", type=int, default=64_000, help="scenes in all: where the cosine ends (%(default)s)")
    parser.add_argument("--batch", type=int, default=128, help="scenes a step (%(default)s)")
    parser.add_argument("--rate", type=float, default=1e-3, help="peak learning rate of what starts anew (%(default)s)")
    parser.add_argument("--trunk-rate", type=float, default=3e-4, help="peak learning rate of the trunk (%(default)s)")
    parser.add_argument("--weight-decay", type=float, default=0.05, help="AdamW's (%(default)s)")
    parser.add_argument("--warm-up", type=int, default=3_200, help="scenes of warm-up (%(default)s)")
    parser.add_argument("--frozen", type=int, default=4, help="blocks of the trunk frozen at first (%(default)s)")
    parser.add_argument("--freeze-until", type=float, default=0.45, help="fraction of the cosine with it (%(default)s)")
    parser.add_argument("--patch-drop-until", type=float, default=0.9, help="fraction of the cosine with it (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help=f"series of the training scenes, not {HELD_OUT_SEED} (%(default)s)")
    parser.add_argument("--font", type=Path, default=DEFAULT_FONT, help="NotoColorEmoji.ttf (%(default)s)")
    parser.add_argument("--log-every", type=int, default=50, help="steps (%(default)s)")
    parser.add_argument("--save-every", type=float, default=180, help="seconds between checkpoints (%(default)s)")
    parser.add_argument("--final-count", type=int, default=1000, help="held-out scenes at the end (%(default)s)")
    return parser.parse_args()


def make_optimiser(pair: Any, options: argparse.Namespace) -> torch.optim.AdamW:
    """Two learning rates, each with and without weight decay. `share` is a group's part of --rate."""
    trunk = {id(p) for p in pair.trunk()}
    groups: dict[tuple[float, float], list[torch.nn.Parameter]] = {}
    for parameter in pair.model.parameters():
        share = options.trunk_rate / options.rate if id(parameter) in trunk else 1.0
        decay = options.weight_decay if parameter.ndim >= 2 and parameter.shape[0] != 1 else 0.0
        groups.setdefault((share, decay), []).append(parameter)
    return torch.optim.AdamW([{"params": p, "share": s, "weight_decay": d} for (s, d), p in groups.items()],
                             lr=options.rate, betas=(0.9, 0.98))


def main() -> int:
    options = parse_arguments()
    if options.seed == HELD_OUT_SEED:
        sys.exit(f"--seed {HELD_OUT_SEED} is the held-out series")
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    checkpoint, log = options.out / "checkpoint.pt", options.out / "log.txt"

    kind = KINDS[options.kind]
    pair = kind()
    model, size = pair.model, pair.size
    optimiser = make_optimiser(pair, options)
    seen, seconds, anchor = 0, 0.0, (float(options.warm_up), 0.0)
    figures: dict[str, Any] | None = None
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        if state["options"] != pair.options:
            sys.exit(f"{checkpoint} is of another architecture")
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        torch.set_rng_state(state["rng"])
        seen, seconds, anchor = state["seen"], state["seconds"], tuple(state["anchor"])
        if state["scenes"] != options.scenes:
            before = Schedule(options.rate, options.warm_up, state["scenes"], anchor)
            anchor = (float(max(seen, options.warm_up)), before.fraction(seen))
    else:
        pair.load_trunk(options.trunk)
    schedule = Schedule(options.rate, options.warm_up, options.scenes, anchor)

    def say(text: str) -> None:
        print(text, flush=True)
        with log.open("a", encoding="utf-8") as stream:
            stream.write(text + "\n")

    def state_now() -> dict[str, Any]:
        return {
            "model": model.state_dict(), "optimiser": optimiser.state_dict(), "rng": torch.get_rng_state(), "seen": seen,
            "seconds": seconds, "anchor": list(schedule.anchor), "scenes": options.scenes, "seed": options.seed,
            "kind": options.kind, "options": pair.options, "held_out": figures,
        }

    context = mp.get_context("spawn")
    queue = context.Queue(maxsize=4)
    producer = context.Process(
        target=data.produce,
        args=(queue, options.font, kind.make_tokenizer, options.seed, seen, options.batch, size), daemon=True)
    producer.start()
    say(f"# from scene {seen} to {options.scenes}, {sum(p.numel() for p in model.parameters())} parameters")

    steps, losses, hits, log_seen = 0, 0.0, 0.0, seen
    mark = log_mark = last_save = time.monotonic()
    model.train()
    patches = pair.patches
    while seen < options.scenes:
        first, batch = queue.get()
        assert first == seen, "scenes out of order"
        images = pair.normalise(torch.from_numpy(batch.pixels).permute(0, 3, 1, 2).float() / 255)
        truth = torch.from_numpy(batch.truth)
        fraction = schedule.fraction(seen)
        frozen = options.frozen if fraction < options.freeze_until else 0
        kept = None
        if fraction < options.patch_drop_until:
            kept = torch.rand(len(images), patches).argsort(1)[:, :patches // 2]
        with torch.autocast("cpu", torch.bfloat16):
            with torch.set_grad_enabled(frozen == 0):
                tokens = pair.front(images, frozen, kept)
            seen_as = F.normalize(pair.back(tokens, frozen).float(), dim=-1)
            read_as = F.normalize(pair.encode_text(torch.from_numpy(batch.tokens)).float(), dim=-1)
        cosines = seen_as @ read_as.T
        value = LOSSES[options.kind](pair.logits(cosines), truth)
        for group in optimiser.param_groups:
            group["lr"] = schedule.rate(seen) * group["share"]
        optimiser.zero_grad(set_to_none=True)
        value.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        with torch.no_grad():
            model.logit_scale.clamp_(max=torch.tensor(LARGEST_SCALE).log())
        seen += options.batch
        steps += 1
        losses += value.item()
        hits += truth.gather(1, cosines.argmax(1, keepdim=True)).float().mean().item()
        now = time.monotonic()
        if steps == options.log_every:
            seconds += now - mark
            say(f"scenes {seen:7d}  seconds {seconds:6.0f}  scenes/s {(seen - log_seen) / (now - log_mark):5.1f}  "
                f"rate {schedule.rate(seen):.2e}  frozen {frozen}  patches {patches if kept is None else patches // 2}  "
                f"scale {model.logit_scale.exp().item():.1f}  loss {losses / steps:.4f}  best text is true {hits / steps:.4f}")
            steps, losses, hits, log_seen = 0, 0.0, 0.0, seen
            mark = log_mark = now
        if now - last_save > options.save_every:
            seconds += now - mark
            mark = now
            save(checkpoint, state_now())
            last_save = now
    seconds += time.monotonic() - mark
    producer.terminate()
    save(checkpoint, state_now())
    figures = held_out_figures(pair, HELD_OUT_SEED, options.final_count, options.font)
    say(f"# held out, series {HELD_OUT_SEED}: {figures}; {seconds:.0f} s of training")
    save(checkpoint, state_now())
    return 0


if __name__ == "__main__":
    sys.exit(main())
