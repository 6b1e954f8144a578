"""Writes a SentencePiece .model that cuts text as a Hugging Face tokenizer.json of SigLIP or SigLIP 2 does, for homes that publish nothing
else: Unigram as T5's, or BPE with byte fallback as Gemma's.

    python -m legrad_export.sentencepiece_model tokenizer.json spiece.model

Lower-casing and other cleaning in the file is not part of the model: it goes into the manifest (docs/bundle.md), with check prompts.
"""

import base64
import json
import pathlib
import struct
import sys

from .errors import ExportError

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, BYTE = 1, 2, 3, 4, 6
UNIGRAM, BPE = 1, 2
SPACE = "\u2581"


def varint(number):
    encoded = bytearray()
    while number >= 128:
        encoded.append(number & 127 | 128)
        number >>= 7
    return bytes([*encoded, number])


def integer(field, number):
    return varint(field << 3) + varint(number)


def message(field, content):
    return varint(field << 3 | 2) + varint(len(content)) + content


def piece(text, score, kind):
    return message(1, message(1, text.encode()) + varint(2 << 3 | 5) + struct.pack("<f", score) + integer(3, kind))


def steps(part, name):
    """The steps of a normalizer or pre-tokenizer, whether it is one or a sequence."""
    if part is None:
        return []
    return [inner for step in part[name] for inner in steps(step, name)] if part["type"] == "Sequence" else [part]


def scores(model):
    """Pieces by id with scores; none for one that no merge makes. SentencePiece joins the best score first, Hugging Face the first merge."""
    if model["type"] == "Unigram":
        return [(text, score) for text, score in model["vocab"]]
    ranks = {}
    for rank, merge in enumerate(model["merges"]):
        ranks.setdefault("".join(merge.split(" ") if isinstance(merge, str) else merge), -float(rank))
    texts = sorted(model["vocab"], key=model["vocab"].get)
    if [model["vocab"][text] for text in texts] != list(range(len(texts))):
        raise ExportError("the ids of the tokenizer's vocabulary have gaps")
    return [(text, ranks.get(text, 0.0 if len(text) == 1 else None)) for text in texts]


def unknown_piece(model):
    return model["vocab"][model["unk_id"]][0] if model["type"] == "Unigram" else model["unk_token"]


def convert(tokenizer):
    model = tokenizer["model"]
    if model["type"] not in ("Unigram", "BPE") or model.get("end_of_word_suffix") or model.get("ignore_merges"):
        raise ExportError("of tokenizers only Unigram and BPE as SentencePiece's are converted")
    added = {token["content"]: CONTROL if token["special"] else USER_DEFINED for token in tokenizer.get("added_tokens", [])}
    fallback = bool(model.get("byte_fallback"))
    result = b""
    for text, score in scores(model):
        if text == unknown_piece(model):
            kind = UNKNOWN
        elif fallback and len(text) == 6 and text.startswith("<0x") and text.endswith(">"):
            kind = BYTE
        else:
            kind = added.get(text, NORMAL if score is not None else CONTROL)
        result += piece(text, score or 0.0, kind)
    result += message(2, integer(3, UNIGRAM if model["type"] == "Unigram" else BPE) + integer(35, fallback))

    normalizers = steps(tokenizer.get("normalizer"), "normalizers")
    cutters = steps(tokenizer.get("pre_tokenizer"), "pretokenizers")
    maps = [step["precompiled_charsmap"] for step in normalizers if step["type"] == "Precompiled"]
    prefix = any(step["type"] == "Metaspace" and step.get("prepend_scheme", "always" if step.get("add_prefix_space", True) else "never") != "never"
                 for step in cutters) or any(step["type"] == "Prepend" and step["prepend"] == SPACE for step in normalizers)
    collapse = any(step["type"] == "WhitespaceSplit" for step in cutters) or any(
        step["type"] == "Replace" and step["pattern"] == {"Regex": " {2,}"} for step in normalizers)
    normalizer = b"".join(message(2, base64.b64decode(table)) for table in maps[:1])
    return result + message(3, normalizer + integer(3, prefix) + integer(4, collapse))


def main():
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    tokenizer = json.loads(pathlib.Path(sys.argv[1]).read_text())
    pathlib.Path(sys.argv[2]).write_bytes(convert(tokenizer))


if __name__ == "__main__":
    main()
