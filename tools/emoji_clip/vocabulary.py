#!/usr/bin/env python3
"""Make the vocabularies from the captions of training scenes.

  bpe      merges in the format of CLIP's vocabulary file, as open_clip's SimpleTokenizer reads it (gzip, a header line,
           one merge a line, no line end after the last: the tokenizer would take an empty line for a merge)
  unigram  a SentencePiece model, with SigLIP's choice of ids: 0 padding (never met), 1 end, 2 unknown

The same options give the same files.
"""

from __future__ import annotations

import argparse
import gzip
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

if not __package__:  # run as a script
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from emoji_scenes.captions import CaptionMaker
from emoji_scenes.colours import recolour
from emoji_scenes.glyphs import load_classes
from emoji_scenes.scene import plan_scene

BPE_FILE = Path(__file__).with_name("bpe.txt.gz")
UNIGRAM_FILE = Path(__file__).with_name("unigram.model")
CONTEXT_LENGTH = 24
# What SimpleTokenizer splits text by, without its special tokens.
CLIP_PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


def corpus(seed: int, count: int) -> Iterator[str]:
    """A caption of each of the first scenes of a series."""
    classes = load_classes()
    maker = CaptionMaker(classes)
    for index in range(count):
        rng = np.random.default_rng((seed, index, 4))
        plan = recolour(plan_scene(seed, index, len(classes), repeat=0.3), classes, 0.6)
        yield maker.draw(plan, rng).text


def write_bpe(lines: Iterator[str], merges: int, target: Path) -> int:
    """Learn byte-level merges and write them; returns how many there are."""
    import json

    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE(continuing_subword_prefix="", end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(CLIP_PATTERN), "removed", invert=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=2 * len(alphabet) + merges, min_frequency=2, initial_alphabet=alphabet, end_of_word_suffix="</w>",
        show_progress=False)
    tokenizer.train_from_iterator(lines, trainer)
    learned = [pair if isinstance(pair, str) else " ".join(pair)
               for pair in json.loads(tokenizer.to_str())["model"]["merges"]][:merges]
    text = "\n".join(["#version: 0.2", *learned])
    target.write_bytes(gzip.compress(text.encode("utf-8"), mtime=0))
    return len(learned)


def write_unigram(lines: Iterator[str], size: int, target: Path) -> int:
    """Train a SentencePiece model; returns the size of its vocabulary."""
    import io

    import sentencepiece

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=lines, model_writer=model, model_type="unigram", vocab_size=size, hard_vocab_limit=False,
        pad_id=0, eos_id=1, unk_id=2, bos_id=-1, pad_piece="<pad>", eos_piece="</s>", unk_piece="<unk>",
        normalization_rule_name="nmt_nfkc", character_coverage=1.0, num_threads=1, minloglevel=2)
    target.write_bytes(model.getvalue())
    return sentencepiece.SentencePieceProcessor(model_proto=model.getvalue()).vocab_size()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=("bpe", "unigram"))
    parser.add_argument("--out", type=Path, help="file to write (default: beside this script)")
    parser.add_argument("--size", type=int, default=400, help="merges, or pieces (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="series of the scenes (%(default)s)")
    parser.add_argument("--count", type=int, default=20_000, help="scenes to take captions of (%(default)s)")
    options = parser.parse_args()
    lines = corpus(options.seed, options.count)
    if options.kind == "bpe":
        target = options.out or BPE_FILE
        size = write_bpe(lines, options.size, target)
    else:
        target = options.out or UNIGRAM_FILE
        size = write_unigram(lines, options.size, target)
    print(f"{target}: {size}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
