#!/usr/bin/env python
"""Writes tests/data/text_towers: small text towers as their homes make and as torch exports them, ids of tokens, the
embeddings that the model itself gives for them, and what words count for embeddings of images (words.py).

    python tests/oracle/make_text_towers.py [--only NAME]
    python tests/oracle/make_text_towers.py --all DIR    # of every home and family, in both forms
"""

import argparse
import pathlib
import shutil

import numpy as np
import torch
from torch import nn

import words
import zoo
from export import save

DATA = pathlib.Path(__file__).resolve().parents[1] / "data" / "text_towers"
VOCABULARY, LENGTH, TEXTS = 61, 9, 4


class Text(nn.Module):
    """The text side of an open_clip model alone."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, text):
        return self.model.encode_text(text)


def open_clip(whole=False, siglip=False, **options):
    from open_clip.model import CLIP, CustomTextCLIP

    vision = dict(image_size=16, patch_size=4, width=16, layers=2, head_width=8)
    text = dict(context_length=LENGTH, vocab_size=VOCABULARY, width=16, heads=2, layers=2, **options)
    if siglip:
        text |= dict(no_causal_mask=True, pool_type="last", proj_bias=True)
    model = (CustomTextCLIP if siglip else CLIP)(12, vision, text)
    return model if whole else Text(model)


def open_clip_of(family):
    """A family's text side as open_clip's configuration of it has it, smaller."""
    from open_clip.coca_model import CoCa
    from open_clip.model import CustomTextCLIP

    vision = dict(image_size=16, patch_size=4, width=16, layers=2, head_width=8)
    small = dict(context_length=LENGTH, vocab_size=VOCABULARY, width=16, heads=2, layers=2)
    if family == "coca":
        # A row of ids is as long as the context; a class token takes the place of the last one.
        text = small | dict(context_length=LENGTH, embed_cls=True, output_tokens=True)
        return Text(CoCa(12, small | dict(attn_pooler_heads=2), text, vision | dict(attentional_pool=True, attn_pooler_heads=2)))
    if family == "metaclip":
        return Text(CustomTextCLIP(12, vision, small, quick_gelu=True))
    if family == "siglip2":
        text = small | dict(no_causal_mask=True, proj_bias=True, pool_type="last", norm_kwargs=dict(eps=1e-6),
                            act_kwargs=dict(approximate="tanh"))
        return Text(CustomTextCLIP(12, vision, text, init_logit_bias=-10))
    return Text(CustomTextCLIP(12, vision, small | dict(no_causal_mask=family == "mobileclip_s1")))  # EVA's, MobileCLIP's


class TransformersText(nn.Module):
    def __init__(self, model, field):
        super().__init__()
        self.model, self.field = model, field

    def forward(self, input_ids):
        return getattr(self.model(input_ids=input_ids), self.field)


def transformers_clip(end=2, attention="sdpa"):
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection

    config = CLIPTextConfig(vocab_size=VOCABULARY, hidden_size=16, intermediate_size=24, projection_dim=12,
                            num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=LENGTH, eos_token_id=end,
                            attn_implementation=attention)
    return TransformersText(CLIPTextModelWithProjection(config), "text_embeds")


def transformers_siglip(attention="eager"):
    from transformers import SiglipTextConfig, SiglipTextModel

    config = SiglipTextConfig(vocab_size=VOCABULARY, hidden_size=16, intermediate_size=24, num_hidden_layers=2,
                              num_attention_heads=2, max_position_embeddings=LENGTH, projection_size=12,
                              attn_implementation=attention)
    return TransformersText(SiglipTextModel(config), "pooler_output")


def transformers_metaclip2():
    from transformers import MetaClip2TextConfig, MetaClip2TextModelWithProjection

    config = MetaClip2TextConfig(vocab_size=VOCABULARY, hidden_size=16, intermediate_size=24, projection_dim=12, num_hidden_layers=2,
                                 num_attention_heads=2, max_position_embeddings=LENGTH, eos_token_id=VOCABULARY - 1)
    return TransformersText(MetaClip2TextModelWithProjection(config), "text_embeds")


def transformers_siglip2():
    from transformers import Siglip2TextConfig, Siglip2TextModel

    config = Siglip2TextConfig(vocab_size=VOCABULARY, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2,
                               max_position_embeddings=LENGTH, projection_size=12)
    return TransformersText(Siglip2TextModel(config), "pooler_output")


FAMILIES = {
    **{f"open_clip_{family}": (open_clip_of, dict(family=family))
       for family in ("coca", "metaclip", "eva", "mobileclip_s1", "mobileclip_b", "siglip2")},
    "open_clip": (open_clip, {}), "open_clip_siglip": (open_clip, dict(siglip=True)), "transformers_clip": (transformers_clip, {}),
    "transformers_siglip": (transformers_siglip, {}), "transformers_metaclip2": (transformers_metaclip2, {}),
    "transformers_siglip2": (transformers_siglip2, {}),
}
ALL = {f"{name}_{suffix}": (build, options, form) for name, (build, options) in FAMILIES.items()
       for suffix, form in (("trace", "trace"), ("pt2", "export"))}

TOWERS = {
    "open_clip_trace": (open_clip, {}, "trace"),
    "open_clip_pt2": (open_clip, {}, "export"),
    "open_clip_siglip_trace": (open_clip, dict(siglip=True), "trace"),
    "transformers_clip_trace": (transformers_clip, {}, "trace"),
    "transformers_clip_first_end_pt2": (transformers_clip, dict(end=VOCABULARY - 1), "export"),
    "transformers_siglip_pt2": (transformers_siglip, {}, "export"),
    "open_clip_whole_trace": (open_clip, dict(whole=True), "whole"),
}


def texts(seed):
    """Ids as tokenizers give them: a beginning, words, the end, the largest id, at another place each, padding."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(1, VOCABULARY - 2, (TEXTS, LENGTH), generator=generator)
    for row in range(TEXTS):
        end = LENGTH - 1 - 2 * row
        ids[row, 0], ids[row, end] = VOCABULARY - 2, VOCABULARY - 1
        ids[row, end + 1:] = 0
    return ids


def store_words(folder, name, model, encode, ids, seed):
    """What is given for embeddings of images, one a text; of SigLIP and CoCa the last token is read, of others the end token."""
    with torch.no_grad():
        width = encode(ids).shape[1]
    images = torch.randn(TEXTS, width, generator=torch.Generator().manual_seed(500 + seed), dtype=torch.double)
    for module in model.modules():  # so that its attention is the function that is replaced
        if hasattr(getattr(module, "config", None), "_attn_implementation"):
            module.config._attn_implementation = "sdpa"
    arrays = {"images": images, "words_legrad": words.words_legrad(model, encode, ids, images)}
    last = torch.full((TEXTS,), arrays["words_legrad"].shape[1] - 1)  # CoCa adds a token
    read = last if "siglip" in name or "coca" in name else ids.argmax(dim=-1)
    for heads in ("model", "one"):
        arrays[f"words_grad_eclip_{heads}"] = words.words_grad_eclip(model, encode, ids, images, read, heads)
    for file, array in arrays.items():
        np.save(folder / f"{file}.npy", array.numpy())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", type=pathlib.Path, metavar="DIR")
    parser.add_argument("--only")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for seed, (name, (build, options, form)) in enumerate((ALL if arguments.all else TOWERS).items()):
        if arguments.only not in (None, name):
            continue
        folder = (arguments.all or DATA) / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        torch.manual_seed(seed)
        model = build(**options).eval().double()
        zoo.randomise(model, 70 + seed)
        ids = texts(seed)
        with torch.no_grad():
            if form == "whole":
                images = torch.randn(2, 3, 16, 16, dtype=torch.double)
                exported = torch.jit.trace(model, (images, ids[:2]), check_trace=False)
                expected = model.encode_text(ids, normalize=True)
            else:
                example = ids[:2]
                if form == "trace":
                    exported = torch.jit.trace(model, example, check_trace=False)
                else:
                    exported = torch.export.export(model, (example,), dynamic_shapes=({0: torch.export.Dim.DYNAMIC},))
                expected = model(ids)
        save(exported, folder / "model")
        np.save(folder / "ids.npy", ids.numpy())
        np.save(folder / "embeddings.npy", expected.numpy())
        store_words(folder, name, model, model.encode_text if form == "whole" else model, ids, seed)
        print(f"{name:34}{sum(file.stat().st_size for file in folder.iterdir()) / 1024:6.0f} KiB")


if __name__ == "__main__":
    main()
