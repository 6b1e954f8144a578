"""The rows of the matrix: every stock home, architecture, file kind and attention form that we say we explain, and those
that have to be refused. Small seeded variants of real classes; see zoo.py for what a row has to know of its model."""

import dataclasses
import functools

import torch
from torch import nn

import forms
import zoo
from zoo import CLASSES, DEPTH, WIDTH, Entry, Specimen, timm_vit, transformers_sizes

make = functools.partial


def specimen(model, blocks, readout, prefix, kind, heads, rows=None, image=(16, 16), grid=(4, 4), **options):
    patches = list(range(prefix, prefix + grid[0] * grid[1]))
    rows = {"token": [0], "tokens": [0, 1], "patch tokens": patches, "pooler": [], "all tokens": rows}[kind]
    return Specimen(model, list(blocks), readout, image, grid, prefix, kind, rows, heads, **options)


# timm

def unfused(build):
    """The same model with softmax attention written out, as timm exports it after set_fused_attn(False)."""
    row = build()

    def fuse(on):
        for module in row.model.modules():
            if hasattr(module, "fused_attn"):
                module.fused_attn = on

    fuse(False)
    return dataclasses.replace(row, for_oracle=lambda: fuse(True))


def timm_parallel():
    from timm.models.vision_transformer import ParallelScalingBlock

    return timm_vit(block_fn=ParallelScalingBlock, init_values=1.0)


def timm_parallel_things():
    from timm.models.vision_transformer import ParallelThingsBlock

    return dataclasses.replace(timm_vit(block_fn=ParallelThingsBlock), sites=2, heads=4)


def timm_differential():
    from timm.models.vision_transformer import DiffParallelScalingBlock

    return dataclasses.replace(timm_vit(block_fn=DiffParallelScalingBlock), sites=2, heads=4, differential=True)


def timm_differential_attention():
    return dataclasses.replace(timm_vit(attn_layer="diff"), sites=2, heads=4, differential=True)


def timm_post_norm():
    from timm.models.vision_transformer import ResPostBlock

    return timm_vit(heads=4, block_fn=ResPostBlock)


def timm_rms_norm():
    from timm.layers import RmsNorm

    return timm_vit(heads=4, norm_layer=RmsNorm, qk_norm=True)


def timm_hybrid(stem):
    from timm.models import vision_transformer_hybrid as hybrid

    if stem == "conv":
        backbone = hybrid.ConvStem(channels=(8, 16, WIDTH), kernel_size=3, stride=(2, 2, 1), depth=3)
        size, patch = 16, 1
    else:
        backbone, size, patch = hybrid._resnetv2(layers=(), stem_type="fixed"), 32, 2
    from timm.models.vision_transformer import VisionTransformer

    model = VisionTransformer(
        img_size=size, patch_size=patch, embed_dim=WIDTH, depth=DEPTH, num_heads=4, mlp_ratio=0.75, num_classes=CLASSES,
        embed_layer=make(hybrid.HybridEmbed, backbone=backbone, proj=stem != "conv"))
    return specimen(model, model.blocks, lambda z: model.head(model.norm(z)[:, 0]), 1, "token", 4, image=(size, size))


def timm_beit(heads=4, **options):
    from timm.models.beit import Beit

    model = Beit(img_size=16, patch_size=4, embed_dim=WIDTH, depth=DEPTH, num_heads=heads, mlp_ratio=0.75,
                 num_classes=CLASSES, **options)
    return specimen(model, model.blocks, lambda z: model.forward_head(model.norm(z)), 1, "patch tokens", heads)


def timm_eva(heads=2, **options):
    from timm.models.eva import Eva

    model = Eva(img_size=16, patch_size=4, embed_dim=WIDTH, depth=DEPTH, num_heads=heads, mlp_ratio=0.75,
                num_classes=CLASSES, **options)
    kind = {"avg": "patch tokens", "token": "token"}[options.get("global_pool", "avg")]
    return specimen(model, model.blocks, lambda z: model.forward_head(model.norm(z)), model.num_prefix_tokens, kind, heads)


def timm_dinov3(**options):
    return timm_eva(
        global_pool="token", dynamic_img_size=True, qkv_bias=False, init_values=1.0, rope_type="dinov3",
        rope_temperature=100, rope_rotate_half=True, use_rot_pos_emb=True, use_abs_pos_emb=False, num_reg_tokens=4,
        use_fc_norm=False, **options)


def timm_naflex(heads=4, **options):
    """Patches are unfolded and go through a linear layer; positions are resampled from a grid."""
    from timm.models.naflexvit import NaFlexVit, NaFlexVitCfg

    model = NaFlexVit(NaFlexVitCfg(patch_size=4, embed_dim=WIDTH, depth=DEPTH, num_heads=heads, mlp_ratio=0.75,
                                   pos_embed_grid_size=(4, 4), **options), num_classes=CLASSES)
    prefix, kind = model.num_prefix_tokens, {"avg": "patch tokens", "map": "pooler"}[options["global_pool"]]
    pooler = dict(pooler_heads=heads, pooler_queries=1) if kind == "pooler" else {}
    if pooler and prefix:
        pooler["pooler_tokens"] = list(range(prefix, prefix + 16))
    return specimen(model, model.blocks, lambda z: model.forward_head(model.norm(z)), prefix, kind, heads, **pooler)


def timm_named(name, **options):
    """For what has to be refused: nothing of the model needs to be known."""
    import timm

    return Specimen(timm.create_model(name, num_classes=CLASSES, **options), [], None, (224, 224), (1, 1), 0, "", [], 1)


# open_clip

class ImageHalf(nn.Module):
    """The image half of a model of image and text: what the oracle looks at."""

    def __init__(self, whole, embed):
        super().__init__()
        self.whole, self.embed = whole, embed

    def forward(self, images):
        return self.embed(self.whole, images)


def with_text(images):
    return images, torch.tensor([[1, 5, 7, 2, 0, 0, 0, 0]]).expand(images.shape[0], -1)


def open_clip_whole(heads=4):
    import open_clip
    from open_clip.model import CLIPTextCfg, CLIPVisionCfg

    clip = open_clip.CLIP(
        20, CLIPVisionCfg(layers=DEPTH, width=WIDTH, head_width=WIDTH // heads, mlp_ratio=0.75, patch_size=4, image_size=16),
        CLIPTextCfg(context_length=8, vocab_size=50, width=WIDTH, heads=heads, layers=2))
    tower = clip.visual
    return specimen(
        ImageHalf(clip, lambda whole, x: whole.encode_image(x, normalize=True)), tower.transformer.resblocks,
        lambda z: nn.functional.normalize(tower.ln_post(z)[:, 0] @ tower.proj, dim=-1), 1, "token", heads,
        exported=clip, inputs=with_text, call=lambda saved, inputs: saved(*inputs)[0])


def open_clip_coca_whole(heads=4):
    import open_clip
    from open_clip.coca_model import MultimodalCfg
    from open_clip.model import CLIPTextCfg, CLIPVisionCfg

    coca = open_clip.CoCa(
        WIDTH,
        MultimodalCfg(context_length=8, vocab_size=50, width=WIDTH, heads=heads, layers=2, mlp_ratio=1),
        CLIPTextCfg(context_length=8, vocab_size=50, width=WIDTH, heads=heads, layers=2, embed_cls=True, output_tokens=True),
        CLIPVisionCfg(layers=DEPTH, width=WIDTH, head_width=WIDTH // heads, mlp_ratio=0.75, patch_size=4, image_size=16,
                      attentional_pool=True, attn_pooler_queries=5, attn_pooler_heads=2, output_tokens=True))
    tower = coca.visual
    return specimen(
        ImageHalf(coca, lambda whole, x: whole.encode_image(x)), tower.transformer.resblocks,
        lambda z: nn.functional.normalize(tower.ln_post(tower.attn_pool(z))[:, 0] @ tower.proj, dim=-1), 1, "pooler", heads,
        exported=coca, inputs=with_text, call=lambda saved, inputs: saved(*inputs)["image_features"],
        pooler_heads=2, pooler_queries=5, pooler_queries_read=[0])


def openai_archive(text=True, heads=4):
    clip = forms.OpenAiClip(heads=heads)

    def spelled_out():
        for module in clip.modules():
            if hasattr(module, "spelled_out"):
                module.spelled_out = False

    half = ImageHalf(clip, lambda whole, x: whole.encode_image(x))
    return specimen(
        half, clip.image.blocks, lambda z: clip.image.norm(z)[:, 0] @ clip.image.proj, 1, "token", heads,
        **(dict(exported=clip, inputs=with_text, methods=(("encode_image", slice(0, 1)), ("encode_text", slice(1, 2))),
                call=lambda saved, inputs: saved.encode_image(inputs[0])) if text else {}),
        for_oracle=spelled_out, tokens_first=True)


# transformers

def hf(name, attention, blocks, readout, prefix, kind, heads=4, output="logits", **options):
    import transformers

    sizes = transformers_sizes(heads, attention, **({"num_labels": CLASSES} if output == "logits" else {}))
    config = getattr(transformers, name.replace("ForImageClassification", "").replace("WithTeacher", "").replace(
        "DINOv3ViTModel", "DINOv3ViT").replace("YolosModel", "Yolos").replace("VisionModel", "Vision") + "Config")(**{**sizes, **options})
    model = getattr(transformers, name)(config)
    rows = [0, *range(prefix, prefix + 16)]
    pooler = dict(pooler_heads=heads, pooler_queries=1) if kind == "pooler" else {}
    return specimen(model, blocks(model), lambda z: readout(model, z), prefix, kind, heads, rows=rows,
                    output=lambda result: result[output], for_oracle=lambda: model.set_attn_implementation("sdpa"), **pooler)


def hf_deit(attention):
    return hf("DeiTForImageClassification", attention, lambda m: m.deit.layers,
              lambda m, z: m.classifier(m.deit.layernorm(z)[:, 0]), 2, "token")


def hf_deit_distilled(attention):
    def readout(m, z):
        z = m.deit.layernorm(z)
        return (m.cls_classifier(z[:, 0]) + m.distillation_classifier(z[:, 1])) / 2

    return hf("DeiTForImageClassificationWithTeacher", attention, lambda m: m.deit.layers, readout, 2, "tokens")


def hf_dinov2(attention):
    def readout(m, z):
        z = m.dinov2.layernorm(z)
        return m.classifier(torch.cat([z[:, 0], z[:, 1:].mean(dim=1)], dim=1))

    return hf("Dinov2ForImageClassification", attention, lambda m: m.dinov2.encoder.layer, readout, 1, "all tokens",
              mlp_ratio=1)


def hf_beit(attention, **options):
    return hf("BeitForImageClassification", attention, lambda m: m.beit.layers,
              lambda m, z: m.classifier(m.beit.pooler(m.beit.layernorm(z))),
              1, "patch tokens", **options)


def hf_dinov3(attention):
    return hf("DINOv3ViTModel", attention, lambda m: m.model.layer, lambda m, z: m.norm(z)[:, 0], 5, "token",
              output="pooler_output", num_register_tokens=4)


def hf_aimv2(attention):
    return hf("Aimv2VisionModel", attention, lambda m: m.encoder.layers, lambda m, z: m.head(m.rms_norm(z)), 0, "pooler",
              output="pooler_output", use_head=True, is_native=False)


def hf_yolos(attention):
    """Positions are added between blocks, detection tokens stand behind the patches."""
    row = hf("YolosModel", attention, lambda m: m.encoder.layer, lambda m, z: m.pooler(m.layernorm(z)), 6, "token",
             output="pooler_output", num_detection_tokens=5, image_size=[16, 16])
    return dataclasses.replace(row, behind=5, rows_stand_alone=False)


class PlainOutputs(nn.Module):
    """What a trace can return: the model's own result holds dictionaries in a dictionary."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, text, images):
        result = self.model(input_ids=text, pixel_values=images)
        return result.image_embeds, result.text_embeds, result.logits_per_image


def hf_whole(family, attention, heads=4):
    import transformers

    sizes = transformers_sizes(heads, attention)
    text = dict(hidden_size=WIDTH, intermediate_size=24, num_hidden_layers=2, num_attention_heads=heads, vocab_size=50,
                max_position_embeddings=8, attn_implementation=attention)
    if family == "clip":
        config = transformers.CLIPConfig(
            text_config={**text, "eos_token_id": 2, "bos_token_id": 0, "pad_token_id": 1}, vision_config=sizes,
            projection_dim=20, attn_implementation=attention)
        model = transformers.CLIPModel(config)
        tower = model.vision_model

        def readout(z):
            return nn.functional.normalize(model.visual_projection(tower.post_layernorm(z[:, 0])), dim=-1)

        kind, prefix, pooler = "token", 1, {}
    else:
        config = transformers.SiglipConfig(
            text_config={**text, "eos_token_id": 2, "bos_token_id": 0, "pad_token_id": 1, "projection_size": WIDTH},
            vision_config=sizes, attn_implementation=attention)
        model = transformers.SiglipModel(config)
        tower = model.vision_model

        def readout(z):
            return nn.functional.normalize(tower.head(tower.post_layernorm(z)), dim=-1)

        kind, prefix, pooler = "pooler", 0, dict(pooler_heads=heads, pooler_queries=1)

    def embed(whole, images):
        return nn.functional.normalize(whole.get_image_features(pixel_values=images).pooler_output, dim=-1)

    return specimen(
        ImageHalf(model, embed), tower.encoder.layers, readout, prefix, kind, heads, exported=PlainOutputs(model),
        for_oracle=lambda: model.set_attn_implementation("sdpa"),
        inputs=lambda images: with_text(images)[::-1], call=lambda saved, inputs: saved(*inputs)[0], **pooler)


class NaflexInputs(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, patches, mask, shapes):
        return self.model(patches, mask, shapes).pooler_output


def hf_siglip2_naflex():
    import transformers

    config = transformers.Siglip2VisionConfig(
        hidden_size=WIDTH, num_hidden_layers=DEPTH, num_attention_heads=4, intermediate_size=24, num_patches=16, patch_size=4)
    model = NaflexInputs(transformers.Siglip2VisionModel(config))

    def inputs(images):
        return (torch.rand(1, 16, 48, dtype=images.dtype), torch.ones(1, 16, dtype=torch.long), torch.tensor([[4, 4]]))

    return Specimen(model, [], None, (16, 16), (4, 4), 0, "", [], 4, inputs=inputs)


# wrappers, as users write them around a model

def wrapped(wrapper, readout=lambda output: output, **options):
    """A timm model inside another module: the same blocks, another way in or out."""
    row = timm_vit(**options)
    inside = row.readout
    return dataclasses.replace(row, model=wrapper(row.model), readout=lambda z: readout(inside(z)))


def one_by_one():
    row = timm_vit()
    return dataclasses.replace(row, exported=forms.OneByOne(row.model).eval())


# attention forms of our own modules

def own(form="sdpa", extra=1, at_end=False, heads=4, **options):
    model = forms.FormVit(form, heads=heads, extra=extra, at_end=at_end, **options)

    def by_sdpa():
        for block in model.blocks:
            block.attention.spelled_out = False
            block.in_place = False

    patches = list(range(0 if at_end else extra, (0 if at_end else extra) + 16))
    rows = [16 if at_end else 0] if extra else patches
    return Specimen(model, list(model.blocks), model.read, (16, 16), (4, 4), extra, "token" if extra else "patch tokens",
                    rows, heads, patches_first=at_end, for_oracle=by_sdpa)


def own_encoder(**options):
    import forms

    model = forms.EncoderVit(**options)
    return Specimen(model, list(model.encoder.layers), model.read, (16, 16), (4, 4), 1, "token", [0], 4)


def own_segmentation():
    import forms

    model = forms.Segmenter()
    return Specimen(model, list(model.blocks), lambda z: model.read(z).mean(dim=(2, 3)), (16, 16), (4, 4), 0, "patch tokens",
                    list(range(16)), 4, output=lambda result: result.mean(dim=(2, 3)))


def own_one_row():
    import forms

    model = forms.OneRow()
    return Specimen(model, list(model.blocks), lambda z: model.read(z)[:, 0], (16, 16), (4, 4), 1, "token", [0], 4,
                    output=lambda result: result[:, 0])


HALF = dict(dtype=torch.float16, load_dtype=torch.float32)
ROWS = {
    # timm
    "timm_cls_unfused": Entry(make(unfused, timm_vit), "timm", "trace", seed=1),
    "timm_cls_trace_freeze": Entry(timm_vit, "timm", "trace+freeze", seed=1),
    "timm_cls_half": Entry(timm_vit, "timm", "trace", seed=1, **HALF),
    "timm_max_pool": Entry(make(timm_vit, heads=4, global_pool="max"), "timm", "trace", seed=20),
    "timm_avg_with_prefix": Entry(make(timm_vit, global_pool="avg", pool_include_prefix=True), "timm", "trace", seed=20),
    "timm_map_script": Entry(make(timm_vit, class_token=False, global_pool="map"), "timm", "script", seed=6),
    "timm_qk_norm": Entry(make(timm_vit, heads=4, qk_norm=True), "timm", "script", seed=21),
    "timm_parallel": Entry(timm_parallel, "timm", "trace", seed=22),
    "timm_parallel_script": Entry(timm_parallel, "timm", "script", seed=22),
    "timm_post_norm": Entry(timm_post_norm, "timm", "trace", seed=23),
    "timm_parallel_things": Entry(timm_parallel_things, "timm", "trace", seed=60),
    "timm_parallel_things_script": Entry(timm_parallel_things, "timm", "script", seed=60),
    "timm_parallel_things_unfused": Entry(make(unfused, timm_parallel_things), "timm", "trace", seed=60),
    # Its lambdas are computed in float32, and a trace adds its numbers to them as tensors.
    "timm_differential": Entry(timm_differential, "timm", "trace", seed=60, dtype=torch.float32),
    "timm_differential_pt2": Entry(timm_differential, "timm", "export", seed=60),
    "timm_differential_script": Entry(timm_differential, "timm", "script", seed=60),
    "timm_differential_attention": Entry(timm_differential_attention, "timm", "trace", seed=61, dtype=torch.float32),
    "timm_differential_attention_pt2": Entry(timm_differential_attention, "timm", "export", seed=61),
    "timm_layer_scale": Entry(make(timm_vit, heads=4, init_values=1.0), "timm", "script+freeze", seed=24),
    "timm_rms_norm": Entry(timm_rms_norm, "timm", "trace", seed=25),
    "timm_pre_norm": Entry(make(timm_vit, pre_norm=True), "timm", "trace", seed=25),
    "timm_conv_stem": Entry(make(timm_hybrid, "conv"), "timm", "trace", seed=26, size_needed=True),
    "timm_resnet_stem": Entry(make(timm_hybrid, "resnet"), "timm", "trace", seed=26, size_needed=True),
    "timm_dynamic_size": Entry(make(timm_vit, dynamic_img_size=True), "timm", "trace", seed=27),
    "timm_dynamic_size_script": Entry(make(timm_vit, dynamic_img_size=True), "timm", "script", seed=27),
    "timm_beit": Entry(make(timm_beit, use_rel_pos_bias=True, init_values=1.0), "timm", "trace", seed=28),
    "timm_beit_script": Entry(make(timm_beit, use_rel_pos_bias=True, init_values=1.0), "timm", "script", seed=28),
    "timm_beit_shared": Entry(make(timm_beit, use_shared_rel_pos_bias=True, use_abs_pos_emb=False), "timm", "trace", seed=29, size_needed=True),
    "timm_beit_unfused": Entry(
        make(unfused, make(timm_beit, use_rel_pos_bias=True, init_values=1.0)), "timm", "trace", seed=28),
    "timm_eva02": Entry(make(timm_eva, swiglu_mlp=True, use_rot_pos_emb=True, ref_feat_shape=(4, 4)), "timm", "trace", seed=30),
    "timm_eva02_script": Entry(
        make(timm_eva, swiglu_mlp=True, use_rot_pos_emb=True, ref_feat_shape=(4, 4)), "timm", "script", seed=30),
    "timm_eva02_scaled": Entry(
        make(timm_eva, swiglu_mlp=True, scale_mlp=True, scale_attn_inner=True, qkv_fused=False, use_rot_pos_emb=True,
             global_pool="token"), "timm", "trace", seed=31),
    "timm_eva_post_norm": Entry(make(timm_eva, use_post_norm=True), "timm", "trace", seed=31),
    "timm_eva_grouped": Entry(
        make(timm_eva, heads=4, attn_type="rope", num_kv_heads=2, qkv_fused=False, use_rot_pos_emb=True), "timm", "trace", seed=32),
    "timm_dinov3": Entry(timm_dinov3, "timm", "trace", seed=33, size_needed=True),
    "timm_dinov3_script": Entry(timm_dinov3, "timm", "script", seed=33, size_needed=True),
    "timm_naflex": Entry(make(timm_naflex, global_pool="avg"), "timm", "trace", torch.float32, seed=61),
    "timm_naflex_map": Entry(make(timm_naflex, global_pool="map", reg_tokens=2), "timm", "trace", torch.float32, seed=62),
    "timm_map_of_patches": Entry(make(timm_vit, global_pool="map"), "timm", "trace", seed=6),
    "timm_map_of_patches_script": Entry(make(timm_vit, global_pool="map"), "timm", "script", seed=6),
    "timm_map_registers": Entry(
        make(timm_vit, heads=4, class_token=False, reg_tokens=2, global_pool="map"), "timm", "trace", seed=63),
    "timm_drop_path_script": Entry(make(timm_vit, drop_path_rate=0.1), "timm", "script", seed=1),
    "timm_patch_dropout_script": Entry(make(timm_vit, patch_drop_rate=0.25), "timm", "script", seed=1),
    # torchvision
    "torchvision_freeze": Entry(zoo.torchvision_vit, "torchvision", "script+freeze", seed=9),
    # open_clip
    "open_clip_whole": Entry(open_clip_whole, "open_clip", "trace", seed=34, embeddings=True),
    "open_clip_whole_script": Entry(open_clip_whole, "open_clip", "script", seed=34, embeddings=True),
    "open_clip_tower_script": Entry(zoo.open_clip_vit, "open_clip", "script", seed=10, embeddings=True),
    "open_clip_coca_whole": Entry(open_clip_coca_whole, "open_clip", "trace", seed=35, embeddings=True),
    "openai_archive": Entry(openai_archive, "OpenAI CLIP", "trace", seed=36, embeddings=True, **HALF),
    "openai_archive_image": Entry(make(openai_archive, text=False), "OpenAI CLIP", "trace", seed=36, embeddings=True, **HALF),
    # transformers
    **{
        f"transformers_{name}_{attention}": Entry(
            make(build, attention), "transformers", "trace", embeddings=embeddings, seed=seed, size_needed=name in ("dinov3", "beit", "beit_relative"),
            # Most eager attention has its softmax in float32, whatever the model's dtype.
            dtype=torch.float32 if attention == "eager" and not name.startswith("dinov") else torch.float64)
        for attention in ("eager", "sdpa")
        for name, build, embeddings, seed in (
            ("clip_whole", make(hf_whole, "clip"), True, 40), ("siglip_whole", make(hf_whole, "siglip"), True, 41),
            ("siglip", zoo.transformers_siglip, True, 14), ("deit", hf_deit, False, 42),
            ("deit_distilled", hf_deit_distilled, False, 43), ("dinov2", hf_dinov2, False, 44),
            ("dinov2_registers", zoo.transformers_dinov2_registers, False, 15), ("beit", hf_beit, False, 45),
            ("beit_relative", make(hf_beit, use_relative_position_bias=True), False, 46),
            ("aimv2", hf_aimv2, True, 47), ("dinov3", hf_dinov3, True, 48), ("yolos", hf_yolos, True, 49))
    },
    # wrappers
    **{f"wrapped_{name}_{form}": Entry(build, "timm", form, seed=64)
       for form in ("trace", "script")
       for name, build in (
           ("normalised", make(wrapped, lambda model: nn.Sequential(forms.Normalise(), model))),
           ("probabilities", make(wrapped, forms.Probabilities, lambda output: output.softmax(dim=-1))),
           ("loop", one_by_one))},
    "wrapped_parallel_trace": Entry(make(wrapped, nn.DataParallel), "timm", "trace", seed=64),
    "own_unfolded": Entry(make(own, unfolded=True), "own", "trace", seed=65),
    # attention forms
    **{f"own_{form}": Entry(make(own, form), "own", "trace", seed=50) for form in ("mask", "scale", "bmm", "baddbmm", "einsum")},
    "own_grouped": Entry(make(own, "grouped", key_heads=2), "own", "trace", seed=51, refusal="grouped queries"),
    "own_grouped_repeated": Entry(make(own, "repeated", key_heads=2), "own", "trace", seed=51),
    # torch.export writes `with torch.no_grad()` and `with torch.autocast` as graphs within the graph.
    "own_wrapped": Entry(make(own, "wrapped"), "own", "export, with gradients", seed=58),
    **{f"own_encoder_{order}{suffix}": Entry(make(own_encoder, norm_first=order == "pre_norm"), "own", form, seed=58)
       for order in ("pre_norm", "post_norm") for form, suffix in (("trace", ""), ("script", "_script"))},
    "own_encoder_gelu": Entry(make(own_encoder, norm_first=True, activation="gelu"), "own", "trace", seed=59),
    "own_segmentation": Entry(own_segmentation, "own", "trace", seed=55),
    "own_one_row": Entry(own_one_row, "own", "trace", seed=56),
    "own_in_place": Entry(make(own, in_place=True), "own", "trace", seed=52),
    "own_in_place_frozen": Entry(make(own, in_place=True), "own", "trace+freeze", seed=52),
    **{f"own_prefix_{n}": Entry(make(own, extra=n), "own", "trace", seed=53 + n) for n in (0, 1, 2, 5)},
    **{f"own_end_{n}": Entry(make(own, extra=n, at_end=True), "own", "trace", seed=53 + n) for n in (1, 2, 5)},
    # int8 weights in linear layers
    **{name: dataclasses.replace(entry, dtype=torch.float32, quantised=scheme, seed=66) for name, scheme, entry in (
        ("timm_int8", "per tensor", Entry(make(timm_vit, heads=4), "timm", "trace")),
        ("timm_int8_script", "per channel", Entry(make(timm_vit, heads=4), "timm", "script")),
        ("timm_int8_freeze", "affine", Entry(make(timm_vit, class_token=False, global_pool="map"), "timm", "trace+freeze")),
        ("torchvision_int8", "per tensor", Entry(zoo.torchvision_vit, "torchvision", "trace")),
        ("torchvision_int8_script", "per channel", Entry(zoo.torchvision_vit, "torchvision", "script")),
        ("open_clip_int8", "per tensor", Entry(zoo.open_clip_vit, "open_clip", "trace", embeddings=True)),
        ("open_clip_normalised_int8", "per channel", Entry(zoo.open_clip_normalised, "open_clip", "trace", embeddings=True)),
        ("transformers_vit_int8", "per tensor", Entry(make(zoo.transformers_vit, "sdpa"), "transformers", "trace")),
        ("transformers_vit_eager_int8", "per channel", Entry(make(zoo.transformers_vit, "eager"), "transformers", "trace")),
        ("transformers_clip_int8", "affine", Entry(make(zoo.transformers_clip, "sdpa"), "transformers", "trace", embeddings=True)))},
    # what has no LeGrad by definition
    "refused_differential_unfused": Entry(make(unfused, timm_differential), "timm", "trace", seed=60, refusal="attention"),
    "refused_cait": Entry(make(timm_named, "cait_xxs24_224", depth=2), "timm", "trace", seed=60, refusal="attention"),
    "refused_xcit": Entry(make(timm_named, "xcit_nano_12_p16_224", depth=2), "timm", "trace", seed=60, refusal="attention"),
    "refused_pit": Entry(make(timm_named, "pit_ti_224"), "timm", "trace", seed=60, refusal="one shape for all blocks"),
    "refused_siglip2_naflex": Entry(hf_siglip2_naflex, "transformers", "trace", seed=60, refusal="input size cannot be told"),
}
