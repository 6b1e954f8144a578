#!/usr/bin/env python
"""Exports tiny models of every home with legrad-export, and compares the program on the folder with the home itself: from a JPEG file, and
from strings. Needs build/bin/legrad.

    python tests/oracle/test_export.py
"""

import contextlib
import io
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import numpy as np
import open_clip
import timm
import torch
import torchvision
import transformers
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "export"))

from legrad_export import checks, command  # noqa: E402

import make_text_vectors  # noqa: E402

PROGRAM = pathlib.Path(os.environ.get("LEGRAD_PROGRAM", ROOT / "build/bin/legrad"))
FORMATS = ("torchscript", "exported-program")
PROMPTS = ["a cat", "Two  RED apples &amp; a caf\u00e9", "\u732b \U0001f431", "", "a photo of a very " + "long " * 90]
TINY_CLIP = {"embed_dim": 24,
             "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "patch_size": 8, "head_width": 16},
             "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 2}}
TINY_TOWER = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}


def export(*arguments):
    """legrad-export's exit code and what it said on stderr."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        code = command.main([str(argument) for argument in arguments])
    return code, said.getvalue()


def program(*arguments):
    return subprocess.run([str(PROGRAM), *map(str, arguments)], capture_output=True, text=True)


def unit(vectors):
    return torch.nn.functional.normalize(vectors.float(), dim=-1).detach().numpy()


class Export(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)
        rows, columns = np.mgrid[0:50, 0:70]
        pixels = np.stack([rows * 5, columns * 3, (rows * columns) % 256], -1).astype(np.uint8)
        self.picture = self.folder / "picture.jpg"
        Image.fromarray(pixels).save(self.picture, quality=92)

    def made(self, *arguments):
        out = self.folder / "made"
        code, said = export(*arguments, "--out", out, "--force")
        self.assertEqual(code, 0, said)
        verified = program("inspect", "--model", out, "--verify")
        self.assertEqual(verified.returncode, 0, verified.stderr)
        explained = program("explain", "--model", out, "--image", self.picture, "--out", self.folder / "maps",
                            *(["--prompt", "a cat"] if "words" in verified.stdout else ["--class", "0"]))
        self.assertEqual(explained.returncode, 0, explained.stderr)
        return out

    def embedded(self, model, *what):
        done = program("embed", "--model", model, *what, "--out", self.folder / "made.npy")
        self.assertEqual(done.returncode, 0, done.stderr)
        return np.load(self.folder / "made.npy")

    def close(self, found, expected, tolerance=1e-4):
        self.assertEqual(found.shape, expected.shape)
        self.assertLess(np.abs(found - expected).max(), tolerance)

    def prompts(self):
        return [part for prompt in PROMPTS for part in ("--prompt", prompt)]

    def config(self):
        file = self.folder / "tiny-clip.json"
        file.write_text(json.dumps(TINY_CLIP))
        return file

    def test_open_clip(self):
        config = self.config()
        asked = ("--from", "open_clip", "--name", "tiny-clip", "--config", config)
        for form in FORMATS:
            for dtype, tolerance in (("float32", 1e-4), ("float16", 2e-2)):
                out = self.made(*asked, "--random-init", "--format", form, "--dtype", dtype)
                torch.manual_seed(0)
                home = open_clip.create_model("tiny-clip").eval()
                self.close(self.embedded(out, *self.prompts()), unit(home.encode_text(open_clip.get_tokenizer("tiny-clip")(PROMPTS))), tolerance)
                for resize, more in (("shortest", {}), ("longest", {"fill": 9}), ("squash", {})):
                    manifest = json.loads((out / "manifest.json").read_text())
                    names = {"shortest": "shortest_edge_crop", "longest": "longest_edge_pad", "squash": "squash"}
                    manifest["preprocessing"] |= {"resize": names[resize], **more}
                    (out / "manifest.json").write_text(json.dumps(manifest))
                    transform = open_clip.transform.image_transform(32, is_train=False, resize_mode=resize, fill_color=more.get("fill", 0),
                                                                    mean=open_clip.OPENAI_DATASET_MEAN, std=open_clip.OPENAI_DATASET_STD)
                    expected = unit(home.encode_image(transform(Image.open(self.picture))[None]))
                    self.close(self.embedded(out, "--image", self.picture), expected, tolerance)

    def test_open_clip_siglip(self):
        """SigLIP's text side as open_clip puts it together: a tokenizer of transformers, a bias, no causal mask."""
        model = (ROOT / "tools/emoji_clip/unigram.model").read_bytes()
        normalizer = dict(make_text_vectors.proto_fields(model))[3]
        tokenizer = transformers.T5Tokenizer(vocab=make_text_vectors.pieces_of(model), extra_ids=0,
                                             _spm_precompiled_charsmap=dict(make_text_vectors.proto_fields(normalizer))[2])
        tokenizer.save_pretrained(self.folder / "tokenizer")
        told = {"embed_dim": 24, "init_logit_bias": -10, "custom_text": True, "vision_cfg": TINY_CLIP["vision_cfg"],
                "text_cfg": {"context_length": 16, "vocab_size": len(tokenizer), "hf_tokenizer_name": str(self.folder / "tokenizer"),
                             "tokenizer_kwargs": {"clean": "canonicalize"}, "width": 16, "heads": 2, "layers": 2, "no_causal_mask": True,
                             "proj_bias": True, "pool_type": "last", "norm_kwargs": {"eps": 1e-6}}}
        (self.folder / "tiny-siglip.json").write_text(json.dumps(told))
        for form in FORMATS:
            out = self.made("--from", "open_clip", "--name", "tiny-siglip", "--config", self.folder / "tiny-siglip.json", "--random-init",
                            "--format", form)
            self.assertEqual(json.loads((out / "manifest.json").read_text())["kind"], "siglip")
            torch.manual_seed(0)
            home = open_clip.create_model("tiny-siglip").eval()
            ids = open_clip.get_tokenizer("tiny-siglip")(PROMPTS)
            self.close(self.embedded(out, *self.prompts()), unit(home.encode_text(ids)))

    def test_documented_names(self):
        """The paper's models are told by names and tags that open_clip has."""
        text = (ROOT / "docs/exporting.md").read_text()
        named = re.findall(r"--from open_clip --name (\S+) --pretrained (\S+)", text)
        self.assertGreaterEqual(len(named), 12)
        for name, tag in named:
            self.assertIn(tag, open_clip.list_pretrained_tags_by_model(name), name)

    def test_checkpoint_and_labels(self):
        config = self.config()
        open_clip.add_model_config(config)
        torch.manual_seed(5)
        home = open_clip.create_model("tiny-clip").eval()
        torch.save(home.state_dict(), self.folder / "weights.pt")
        (self.folder / "classes.txt").write_text("cat\ndog\n\nred apple\n")
        out = self.made("--from", "open_clip", "--name", "tiny-clip", "--config", config, "--checkpoint", self.folder / "weights.pt",
                        "--labels", self.folder / "classes.txt", "--template", "a photo of a {}", "--template", "{}")
        tokenizer = open_clip.get_tokenizer("tiny-clip")
        for row, label in zip(np.load(out / "labels.npy"), ("cat", "dog", "red apple")):
            both = unit(home.encode_text(tokenizer([f"a photo of a {label}", label]))).mean(0)
            self.close(row, both / np.linalg.norm(both), 1e-5)
        seen = program("explain", "--model", out, "--image", self.picture, "--top", "2", "--out", self.folder / "zero-shot")
        self.assertEqual(seen.returncode, 0, seen.stderr)

    def test_timm(self):
        for form in FORMATS:
            out = self.made("--from", "timm", "--name", "vit_tiny_patch16_224", "--random-init", "--format", form)
            told = json.loads((out / "manifest.json").read_text())
            self.assertEqual((told["preprocessing"]["crop"], told["kind"], len(told["labels"])), (0.9, "classifier", 1000))
            torch.manual_seed(0)
            home = timm.create_model("vit_tiny_patch16_224").eval()
            transform = timm.data.create_transform(**timm.data.resolve_model_data_config(home), is_training=False)
            self.scores(out, home(transform(Image.open(self.picture))[None]))

    def test_torchvision(self):
        out = self.made("--from", "torchvision", "--name", "vit_b_32", "--random-init")
        torch.manual_seed(0)
        home = torchvision.models.vit_b_32(weights=None).eval()
        steps = torchvision.models.ViT_B_32_Weights.DEFAULT.transforms()
        self.scores(out, home(steps(Image.open(self.picture))[None]))
        told = json.loads((out / "manifest.json").read_text())
        self.assertEqual((told["labels"][:2], told["preprocessing"]["crop"]), (["tench", "goldfish"], 0.875))

    def scores(self, model, expected):
        """Of three classes, as `explain` tells them."""
        classes = [part for index in (0, 3, 7) for part in ("--class", str(index))]
        done = program("explain", "--model", model, "--image", self.picture, *classes, "--out", self.folder / "scores")
        self.assertEqual(done.returncode, 0, done.stderr)
        found = [float(number) for number in re.findall(r"\s(-?\d+\.\d{4})\s", done.stdout)]  # rounded to 4 places
        self.close(np.array(found), expected[0, [0, 3, 7]].detach().numpy(), 1e-4 * expected.abs().max().item() + 5.1e-5)

    def test_transformers_clip(self):
        folder = self.folder / "home"
        merges = make_text_vectors.published_merges()
        vocabulary = make_text_vectors.openai_vocabulary(merges, ["<|startoftext|>", "<|endoftext|>"])
        tokenizer = transformers.CLIPTokenizer(vocab=vocabulary, merges=[tuple(merge.split()) for merge in merges])
        tokenizer.save_pretrained(folder)
        transformers.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}).save_pretrained(folder)
        config = transformers.CLIPConfig(
            text_config={**TINY_TOWER, "vocab_size": 49408, "max_position_embeddings": 77, "bos_token_id": 49406, "eos_token_id": 49407},
            vision_config={**TINY_TOWER, "image_size": 32, "patch_size": 8}, projection_dim=24)
        home = transformers.CLIPModel(config).eval()
        home.save_pretrained(folder)
        self.transformers_pair(folder, home, tokenizer)

    def test_transformers_siglip(self):
        folder = self.folder / "home"
        folder.mkdir()
        model = (ROOT / "tools/emoji_clip/unigram.model").read_bytes()
        (folder / "spiece.model").write_bytes(model)
        tokenizer = transformers.models.siglip.tokenization_siglip.SiglipTokenizer(
            vocab_file=str(folder / "spiece.model"), pad_token="</s>", model_max_length=16)
        tokenizer.save_pretrained(folder)
        transformers.SiglipImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
        config = transformers.SiglipConfig(
            text_config={**TINY_TOWER, "vocab_size": len(tokenizer), "max_position_embeddings": 16},
            vision_config={**TINY_TOWER, "image_size": 32, "patch_size": 8})
        home = transformers.SiglipModel(config).eval()
        home.save_pretrained(folder)
        self.transformers_pair(folder, home, tokenizer)

    def transformers_pair(self, folder, home, tokenizer):
        processor = transformers.AutoImageProcessor.from_pretrained(folder)
        length = home.config.text_config.max_position_embeddings
        for form in FORMATS:
            out = self.made("--from", "transformers", "--name", folder, "--pretrained", "default", "--format", form)
            ids = tokenizer(PROMPTS, padding="max_length", truncation=True, max_length=length, return_tensors="pt")["input_ids"]
            self.close(self.embedded(out, *self.prompts()), unit(self.tensor(home.get_text_features(input_ids=ids))))
            pixels = processor(images=Image.open(self.picture), return_tensors="pt")["pixel_values"]
            # Its own resizing may round pixels another way than PIL's.
            self.close(self.embedded(out, "--image", self.picture), unit(self.tensor(home.get_image_features(pixel_values=pixels))), 5e-3)

    @staticmethod
    def tensor(output):
        return output if isinstance(output, torch.Tensor) else output.pooler_output

    def test_refusals(self):
        out = self.folder / "out"
        timm_ = ("--from", "timm", "--name", "vit_tiny_patch16_224")
        (self.folder / "bad.pt").write_bytes(b"no weights")
        (self.folder / "classes.txt").write_text("cat\n")
        for arguments, word in (
                ((*timm_, "--out", out), "--random-init"),
                (("--from", "timm", "--name", "vit_tinny", "--random-init", "--out", out), "the nearest are"),
                (("--from", "open_clip", "--name", "ViT-B-61", "--random-init", "--out", out), "nearest are ViT-B-16"),
                (("--from", "open_clip", "--name", "ViT-B-16", "--pretrained", "mine", "--out", out), "it has openai"),
                (("--from", "torchvision", "--name", "vit_b_61", "--random-init", "--out", out), "nearest are vit_b_16"),
                (("--from", "transformers", "--name", self.folder, "--random-init", "--out", out), "cannot make"),
                ((*timm_, "--checkpoint", self.folder / "none.pt", "--out", out), "no such file"),
                ((*timm_, "--checkpoint", self.folder / "bad.pt", "--out", out), "cannot make"),
                ((*timm_, "--random-init", "--labels", self.folder / "classes.txt", "--out", out), "has none"),
                ((*timm_, "--random-init", "--template", "no place", "--out", out), "one place"),
                ((*timm_, "--random-init", "--out", self.folder), "--force"),
                ((*timm_, "--random-init", "--force", "--out", self.folder), "no model's folder")):
            code, said = export(*arguments)
            self.assertEqual(code, 2, arguments)
            self.assertIn(word, said)
            self.assertEqual(said.count("\n"), 1, said)
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()), ["bad.pt", "classes.txt", "picture.jpg"])

    def test_verify_finds_another_model(self):
        out = self.made("--from", "open_clip", "--name", "tiny-clip", "--config", self.config(), "--random-init")
        told = json.loads((out / "manifest.json").read_text())
        for change, word in ((lambda m: m["check"]["output"].__setitem__(0, 9.0), "is off by"),
                             (lambda m: m["text"]["checks"][1]["embedding"].__setitem__(0, 0.9), "'a cat' is off by"),
                             (lambda m: m["text"]["checks"][1]["ids"].__setitem__(1, 5), "the tokens"),
                             (lambda m: m["check"]["output"].pop(), "has 23 numbers")):
            changed = json.loads(json.dumps(told))
            change(changed)
            (out / "manifest.json").write_text(json.dumps(changed))
            done = program("inspect", "--model", out, "--verify")
            self.assertEqual((done.returncode, done.stderr.count("\n")), (2, 1), done.stderr)
            self.assertIn(word, done.stderr)

    def test_numbers_are_splitmix64(self):
        first = checks.uniform(1234567, 3)  # of the published 6457827717110365317, 3203168211198807973, 9817491932198370423
        expected = [number >> 40 for number in (6457827717110365317, 3203168211198807973, 9817491932198370423)]
        self.assertEqual((first * 2**24).astype(int).tolist(), expected)


if __name__ == "__main__":
    torch.set_num_threads(1)
    unittest.main()
