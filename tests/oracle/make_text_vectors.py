#!/usr/bin/env python
"""Writes folders with a tokenizer, the manifest that describes it, and prompts with the tokens that its home makes of them.

    python tests/oracle/make_text_vectors.py                  # tests/data/text: small vocabularies of our own, a hundred prompts each
    python tests/oracle/make_text_vectors.py --full DIR       # the homes' own vocabularies too, and more than ten thousand prompts

Homes are open_clip (SimpleTokenizer), transformers (CLIPTokenizer, SiglipTokenizer, T5Tokenizer, Siglip2Tokenizer) and sentencepiece.
"""

import argparse
import collections
import gzip
import importlib.util
import io
import json
import pathlib
import random
import shutil
import sys
import types

import ftfy
import open_clip.tokenizer
import regex
import sentencepiece
import transformers
import transformers.convert_slow_tokenizer
from transformers.models.siglip.tokenization_siglip import SiglipTokenizer

import text_strings

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools" / "export"))
from legrad_export import sentencepiece_model  # noqa: E402

DATA = pathlib.Path(__file__).resolve().parents[1] / "data" / "text"
LENGTH = 77
SCHEMA_VERSION = 1
HEADER = '#version: "tests/oracle/make_text_vectors.py"'
FTFY_FIX_ENCODING = ftfy.fix_encoding

# What the manifests say of each home's rules.
OPEN_CLIP = {"lower": (["ftfy-lite", "whitespace"], "python"),
             "whitespace": (["ftfy-lite", "whitespace"], "none"),
             "canonicalize": (["ftfy-lite", "canonicalize"], "python")}


def corpus(seed=7):
    random_ = random.Random(seed)
    return [*text_strings.captions(random_, 1500), *text_strings.WORDS_ELSEWHERE * 3]


# CLIP's byte-level BPE


def trained_merges(count):
    """Merges of our own captions, "a b</w>": the most frequent neighbours, of equal ones the first by name."""
    letters = open_clip.tokenizer.bytes_to_unicode()
    pattern = regex.compile(r"'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+")
    counts = collections.Counter(word for text in corpus() for word in pattern.findall(text.lower()))
    words = {word: [letters[byte] for byte in word.encode()] for word in counts}
    for pieces in words.values():
        pieces[-1] += "</w>"
    merges = []
    while len(merges) < count:
        pairs = collections.Counter()
        for word, pieces in words.items():
            for pair in zip(pieces, pieces[1:]):
                pairs[pair] += counts[word]
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(" ".join(best))
        for pieces in words.values():
            for at in reversed(range(len(pieces) - 1)):
                if tuple(pieces[at:at + 2]) == best:
                    pieces[at:at + 2] = ["".join(best)]
    return merges


def published_merges():
    lines = gzip.open(open_clip.tokenizer.default_bpe()).read().decode().split("\n")
    return lines[1:49152 - 256 - 2 + 1]


def openai_vocabulary(merges, special):
    letters = list(open_clip.tokenizer.bytes_to_unicode().values())
    pieces = [*letters, *(letter + "</w>" for letter in letters), *("".join(merge.split()) for merge in merges), *special]
    return {piece: number for number, piece in enumerate(pieces)}


def text_object(tokenizer, clean, lower, pad, begin, end, special=None, length=LENGTH):
    text = {"tokenizer": tokenizer, "clean": clean, "lower": lower, "length": length, "pad": pad, "end": end, "keep_end": True}
    if begin is not None:
        text["begin"] = begin
    if special is not None:
        text["special"] = special
    return text


def open_clip_case(folder, merges, clean, plain=False):
    """A list of merges as OpenAI's, packed or plain. No line end after the last: open_clip would number an empty piece."""
    listed = "\n".join([HEADER, *merges])
    packed = folder / "bpe.txt.gz"
    packed.write_bytes(gzip.compress(listed.encode(), mtime=0))
    tokenizer = open_clip.tokenizer.SimpleTokenizer(bpe_path=str(packed), clean=clean)
    file = "bpe.txt.gz"
    if plain:
        packed.unlink()
        file = "bpe.txt"
        (folder / file).write_text(listed)
    begin, end = tokenizer.sot_token_id, tokenizer.eot_token_id
    special = {"found_in": "cleaned", "tokens": {"<start_of_text>": begin, "<end_of_text>": end}}
    text = text_object({"kind": "clip_bpe", "file": file}, *OPEN_CLIP[clean], 0, begin, end, special)

    def ids(prompt):
        return ([begin, *tokenizer.encode(prompt)][:LENGTH - 1] + [end], len(tokenizer.encode(prompt)) + 2)

    return text, ids


def transformers_case(folder, merges, one_file):
    names = ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = openai_vocabulary(merges, names)
    tokenizer = transformers.CLIPTokenizer(vocab=vocabulary, merges=[tuple(merge.split()) for merge in merges])
    if one_file:
        tokenizer.backend_tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
        files = {"file": "tokenizer.json"}
    else:
        (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False))
        (folder / "merges.txt").write_text("\n".join([HEADER, *merges, ""]))
        files = {"file": "vocab.json", "merges": "merges.txt"}
    begin, end = (vocabulary[name] for name in names)
    special = {"found_in": "raw", "tokens": {names[0]: begin, names[1]: end}}
    text = text_object({"kind": "clip_bpe", **files}, ["nfc"], "huggingface", end, begin, end, special)

    def ids(prompt):
        return tokenizer(prompt, truncation=True, max_length=LENGTH)["input_ids"], len(tokenizer(prompt)["input_ids"])

    return text, ids


# SentencePiece

OWN_RULES = ("41\t61", "42\t62", "C4\t61 308", "FB01\t66 69", "2003\t20", "A0\t20", "9\t20", "A\t20", "D\t20", "B2\t32", "200B\t", "3000\t20",
             "2026\t2E 2E 2E", "FF21\t41", "4B 301\t6B", "308\t")


def train(folder, **options):
    if "normalization_rule_name" not in options:
        rules = folder / "rules.tsv"
        rules.write_text("\n".join(OWN_RULES) + "\n")
        options["normalization_rule_tsv"] = str(rules)
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(corpus()), model_writer=model, minloglevel=2, num_threads=1,
                                                  hard_vocab_limit=options["model_type"] == "bpe", **options)
    (folder / "rules.tsv").unlink(missing_ok=True)
    return model.getvalue()


def sentencepiece_case(folder, model, clean=([], "none"), cleaned=lambda prompt: prompt):
    (folder / "spiece.model").write_bytes(model)
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    end = max(processor.eos_id(), 1)
    text = text_object({"kind": "sentencepiece", "file": "spiece.model"}, *clean, end, None, end)

    def ids(prompt):
        whole = processor.encode(cleaned(prompt)) + [end]
        return whole[:LENGTH - 1] + [end] if len(whole) > LENGTH else whole, len(whole)

    return text, ids


def proto_fields(message):
    """Numbers and values of a protocol buffer's message."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at, value, shift = at + 1, value | (byte & 127) << shift, shift + 7
            if byte < 128:
                return value

    while at < len(message):
        tag = varint()
        size = {0: 0, 1: 8, 5: 4}.get(tag & 7)
        if size == 0:
            yield tag >> 3, varint()
            continue
        size = varint() if size is None else size
        at += size
        yield tag >> 3, message[at - size:at]


def pieces_of(model):
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    return [(processor.id_to_piece(number), processor.get_score(number)) for number in range(processor.get_piece_size())]


def converted(tokenizer):
    """The SentencePiece model that legrad_export makes of what transformers would publish."""
    return sentencepiece_model.convert(json.loads(tokenizer.backend_tokenizer.to_str()))


def t5_case(folder, model):
    """open_clip's SigLIP: its cleaning, then transformers' T5Tokenizer, which is Hugging Face's own Unigram."""
    normalizer = dict(proto_fields(model))[3]
    tokenizer = transformers.T5Tokenizer(vocab=pieces_of(model), _spm_precompiled_charsmap=dict(proto_fields(normalizer))[2], extra_ids=0)
    text, _ = sentencepiece_case(folder, converted(tokenizer), CANONICAL["open_clip"])

    def ids(prompt):
        cleaned = open_clip_canonical(prompt)
        return tokenizer(cleaned, truncation=True, max_length=LENGTH)["input_ids"], len(tokenizer(cleaned)["input_ids"])

    return text, ids


def siglip2_case(folder, model):
    """transformers' SigLIP 2: Hugging Face's own BPE with byte fallback."""
    vocabulary = {piece: number for number, (piece, _) in enumerate(pieces_of(model))}
    merges = transformers.convert_slow_tokenizer.generate_merges(vocabulary, dict(pieces_of(model)))
    tokenizer = transformers.Siglip2Tokenizer(vocab=vocabulary, merges=merges)
    text, _ = sentencepiece_case(folder, converted(tokenizer), ([], "huggingface"))
    text["special"] = {"found_in": "raw", "tokens": {name: vocabulary[name] for name in ("<pad>", "<eos>", "<bos>", "<unk>")}}
    end = vocabulary["<eos>"]

    def ids(prompt):
        whole = tokenizer(prompt, add_special_tokens=False)["input_ids"]
        return [*whole[:LENGTH - 1], end], len(whole) + 1

    return text, ids


def open_clip_canonical(prompt):
    return open_clip.tokenizer.get_clean_fn("canonicalize")(prompt)


def transformers_canonical(prompt):
    as_siglip = types.SimpleNamespace(do_lower_case=True)
    as_siglip.remove_punctuation = lambda text: SiglipTokenizer.remove_punctuation(as_siglip, text)
    return SiglipTokenizer.canonicalize_text(as_siglip, prompt)


CANONICAL = {"open_clip": (["ftfy-lite", "canonicalize"], "python"), "transformers": (["lower", "punctuation", "whitespace"], "python")}

UNIGRAM = dict(model_type="unigram", vocab_size=300, pad_id=0, eos_id=1, unk_id=2, bos_id=-1)
# As Gemma's: nothing is normalised, bytes for what is unknown.
GEMMA = dict(model_type="bpe", vocab_size=520, byte_fallback=True, normalization_rule_name="identity", add_dummy_prefix=False,
             remove_extra_whitespaces=False, pad_id=0, eos_id=1, bos_id=2, unk_id=3, user_defined_symbols=["<mask>", "  ", "<b>"])
SIGLIP2 = {key: value for key, value in GEMMA.items() if key != "user_defined_symbols"}
SIGLIP2.update(pad_piece="<pad>", eos_piece="<eos>", bos_piece="<bos>")
SUFFIX = dict(model_type="unigram", vocab_size=520, byte_fallback=True, treat_whitespace_as_suffix=True, user_defined_symbols=["cat", "ΟΔ", "AB"])


def own_cases():
    merges = trained_merges(300)
    yield "open_clip_lower", lambda folder: open_clip_case(folder, merges, "lower")
    yield "open_clip_whitespace", lambda folder: open_clip_case(folder, merges, "whitespace", plain=True)
    yield "transformers_clip", lambda folder: transformers_case(folder, merges, one_file=True)
    yield "transformers_clip_files", lambda folder: transformers_case(folder, merges, one_file=False)
    yield "unigram", lambda folder: sentencepiece_case(folder, train(folder, **UNIGRAM))
    yield "unigram_suffix", lambda folder: sentencepiece_case(folder, train(folder, **SUFFIX))
    yield "gemma_like", lambda folder: sentencepiece_case(folder, train(folder, **GEMMA))
    yield "siglip_open_clip", lambda folder: sentencepiece_case(folder, train(folder, **UNIGRAM), CANONICAL["open_clip"], open_clip_canonical)
    yield "siglip_transformers", lambda folder: sentencepiece_case(folder, train(folder, **UNIGRAM), CANONICAL["transformers"],
                                                                  transformers_canonical)


def full_cases():
    merges = published_merges()
    yield from own_cases()
    for clean in OPEN_CLIP:
        yield f"published_open_clip_{clean}", lambda folder, clean=clean: open_clip_case(folder, merges, clean)
    yield "published_transformers_clip", lambda folder: transformers_case(folder, merges, one_file=True)
    for rule in ("nmt_nfkc", "nmt_nfkc_cf", "nfkc"):
        options = dict(UNIGRAM, normalization_rule_name=rule, vocab_size=400)
        yield f"unigram_{rule}", lambda folder, options=options: sentencepiece_case(folder, train(folder, **options))
    yield "siglip_open_clip_t5", lambda folder: t5_case(folder, train(folder, **dict(UNIGRAM, normalization_rule_name="nmt_nfkc", vocab_size=400)))
    yield "siglip2_transformers", lambda folder: siglip2_case(folder, train(folder, **SIGLIP2))
    published = pathlib.Path(importlib.util.find_spec("mistral_common").origin).parent / "data"
    for file in sorted(published.glob("*.model.v*")):
        yield f"mistral_{file.name}", lambda folder, file=file: sentencepiece_case(folder, file.read_bytes())


def write(folder, build, prompts):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    text, ids = build(folder)
    vectors = []
    for prompt in prompts:
        tokens, whole = ids(prompt)
        vectors.append({"prompt": prompt, "ids": tokens, "dropped": max(whole - LENGTH, 0)})
    text["checks"] = [{"prompt": vector["prompt"], "ids": vector["ids"]} for vector in vectors[3:6]]
    manifest = {"schema_version": SCHEMA_VERSION, "vision": "vision.ts", "text": text}
    (folder / "manifest.json").write_text(json.dumps(manifest, ensure_ascii=False, indent=1) + "\n")
    lines = ",\n".join(json.dumps(vector, ensure_ascii=False, separators=(",", ":")) for vector in vectors)
    (folder / "vectors.json").write_text(f"[\n{lines}\n]\n")
    print(f"{folder.name}: {len(vectors)} prompts", flush=True)


def say_what_ftfy_repairs(prompts):
    """Text that was decoded wrongly is the one thing that "ftfy-lite" leaves alone."""
    ftfy.fix_encoding = FTFY_FIX_ENCODING
    repaired = [ftfy.fix_text(prompt) for prompt in prompts]
    ftfy.fix_encoding = lambda text: text
    differ = [prompt for prompt, text in zip(prompts, repaired) if ftfy.fix_text(prompt) != text]
    people = set(text_strings.captions(random.Random(0), 1000)) | set(text_strings.WORDS_ELSEWHERE)
    assert not people & set(differ), people & set(differ)
    print(f"ftfy takes {len(differ)} of {len(prompts)} prompts for wrongly decoded; these are compared without that repair", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", type=pathlib.Path, metavar="DIR")
    full = parser.parse_args().full
    prompts = text_strings.everything() if full else text_strings.written(random.Random(3), 12)
    say_what_ftfy_repairs(prompts)
    for name, build in full_cases() if full else own_cases():
        write((full or DATA) / name, build, prompts)


if __name__ == "__main__":
    main()
