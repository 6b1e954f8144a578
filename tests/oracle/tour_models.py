"""The stops of the tour: one name for every class of stock vision transformer, of all names that differ in size alone."""

import dataclasses
import functools
from typing import Callable

import torch
from torch import nn

WIDTH, DEPTH, HEADS, CLASSES = 48, 3, 4, 7


@dataclasses.dataclass
class Stop:
    home: str
    kind: str                      # the class
    build: Callable                # -> the model, in eval mode
    image: tuple                   # height, width
    output: Callable = lambda result: result
    inputs: Callable = None        # images -> all inputs
    for_oracle: Callable = lambda model: None  # puts it on the road on which attention can be materialised


# timm

def timm_model(name, **options):
    import timm

    return timm.create_model(name, **{**dict(num_classes=CLASSES, embed_dim=WIDTH, depth=DEPTH, num_heads=HEADS), **options}).eval()


TIMM = """
aimv2_1b_patch14_224 aimv2_3b_patch14_224 beit3_base_patch16_224 beit3_giant_patch14_224 eva_large_patch14_196 flexivit_base
test_vit test_vit2 test_vit3 test_vit4 vit_base_patch8_224 vit_base_patch14_dinov2 vit_base_patch14_reg1_tipsv2
vit_base_patch14_reg4_dinov2 vit_base_patch16_18x2_224 vit_base_patch16_224_miil vit_base_patch16_clip_224
vit_base_patch16_clip_quickgelu_224 vit_base_patch16_gap_224 vit_base_patch16_radio_v3 vit_base_patch16_reg4_gap_256
vit_base_patch16_rpn_224 vit_base_patch16_siglip_224 vit_base_patch16_xp_224 vit_base_patch32_siglip_256
vit_base_patch32_siglip_gap_256 vit_betwixt_patch16_gap_256 vit_betwixt_patch16_reg1_gap_256 vit_betwixt_patch16_reg4_gap_256
vit_dlittle_patch16_reg1_gap_256 vit_dpwee_patch16_reg1_gap_256 vit_dwee_patch16_reg1_gap_256 vit_giant_patch14_224
vit_giant_patch14_clip_224 vit_giant_patch14_dinov2 vit_giant_patch14_reg1_tipsv2 vit_giant_patch14_reg4_dinov2
vit_giant_patch16_gap_224 vit_giant_patch16_radio_v3 vit_gigantic_patch14_224 vit_gigantic_patch14_clip_224
vit_gigantic_patch14_clip_quickgelu_224 vit_huge_patch16_radio_v4 vit_intern300m_patch14_448 vit_little_patch16_reg1_gap_256
vit_little_patch16_reg4_gap_256 vit_pwee_patch16_reg1_gap_256 vit_so150m2_patch16_reg1_gap_256 vit_so150m_patch16_reg4_gap_256
vit_so150m_patch16_reg4_map_256 vit_so400m_patch14_reg1_tipsv2 vit_so400m_patch14_siglip_224 vit_so400m_patch14_siglip_gap_224
vit_so400m_patch16_radio_v4 vit_wee_patch16_reg1_gap_256
deit3_base_patch16_224 deit_base_distilled_patch16_224 beit_base_patch16_224
eva02_base_patch14_224 eva02_base_patch16_clip_224 eva02_enormous_patch14_clip_224 eva02_small_patch14_224 eva_giant_patch14_224
eva_giant_patch14_clip_224 vit_7b_patch16_dinov3 vit_base_patch16_dinov3 vit_base_patch16_lingbot vit_base_patch16_rope_224
vit_base_patch16_rope_ape_224 vit_base_patch16_rope_mixed_224 vit_base_patch16_rope_mixed_ape_224
vit_base_patch16_rope_reg1_gap_256 vit_betwixt_patch16_rope_reg4_gap_256 vit_giant_patch16_lingbot vit_huge_plus_patch16_dinov3
vit_pe_core_base_patch16_224 vit_pe_core_gigantic_patch14_448 vit_pe_lang_gigantic_patch14_448 vit_pe_lang_large_patch14_448
vit_tiny_r_s16_p8_224 vit_base_r26_s32_224
test_vit_relpos vit_relpos_base_patch16_224 vit_relpos_base_patch16_cls_224 vit_relpos_base_patch16_clsgap_224
vit_relpos_base_patch16_plus_240 vit_relpos_base_patch16_rpn_224 vit_srelpos_medium_patch16_224
samvit_base_patch16 samvit_base_patch16_224
deepseek_vit_412m deepseek_vit_412m_enc qwen3_vit_88m qwen3_vit_88m_enc qwen3_vit_88m_merge gemma4_vit_167m gemma4_vit_167m_enc
""".split()
NAFLEX = """
naflexvit_base_patch16_gap naflexvit_base_patch16_map naflexvit_base_patch16_radio_v3 naflexvit_base_patch16_siglip
naflexvit_so150m2_patch16_reg1_gap naflexvit_so150m2_patch16_reg1_map
""".split()
SAPIENS = dict(num_kv_heads=HEADS)
# Refused by name: hierarchical, windowed, several streams, channel or class attention, no attention.
TIMM_OTHERS = """
cait_xxs24_224 coat_tiny convit_tiny crossvit_9_240 davit_tiny edgenext_xx_small efficientformer_l1 hiera_tiny_224 levit_128s
maxvit_pico_rw_256 mvitv2_tiny nest_tiny pit_ti_224 pvt_v2_b0 resnet10t swin_tiny_patch4_window7_224 swinv2_tiny_window8_256
tnt_s_patch16_224 twins_pcpvt_small volo_d1_224 xcit_nano_12_p16_224 mixer_s32_224 mobilevitv2_050 mobilevit_xxs poolformer_s12
botnet26t_256 visformer_tiny vitamin_small_224
""".split()


def timm_patch(name):
    return next((int(p.removeprefix("patch")) for p in name.split("_") if p.startswith("patch") and p[5:].isdigit()), 16)


def timm_stops():
    for name in TIMM:
        side = 128 if "_r" in name and "patch" not in name else 4 * timm_patch(name)
        yield name, Stop("timm", name, functools.partial(timm_model, name, img_size=side), (side, side))
    for name in NAFLEX:
        yield name, Stop("timm", name, functools.partial(timm_model, name), (64, 64))
    yield "vit_base_patch16_sapiens2", Stop(
        "timm", "vit_base_patch16_sapiens2", functools.partial(timm_model, "vit_base_patch16_sapiens2", img_size=64, **SAPIENS), (64, 64))
    for name in TIMM_OTHERS:
        side = 256 if "256" in name or "vit_" in name[:9] and "mobile" in name else 224
        yield name, Stop("timm", name, functools.partial(other_timm_model, name), (side, side))


def other_timm_model(name):
    import timm

    return timm.create_model(name, num_classes=CLASSES).eval()


# transformers

def sizes(**options):
    return {**dict(hidden_size=WIDTH, num_hidden_layers=DEPTH, num_attention_heads=HEADS, intermediate_size=64, image_size=64,
                   patch_size=16, attn_implementation="sdpa"), **options}


def transformers_model(name, config, options):
    import transformers

    options = dict(options)
    attention = options.pop("attn_implementation")
    made = getattr(transformers, name)(getattr(transformers, config)(**options, attn_implementation=attention))
    return made.eval()


def first_of(*names):
    def output(result):
        if isinstance(result, torch.Tensor):
            return result
        return next(result[name] for name in names if name in result and result[name] is not None)

    return output


class Plain(nn.Module):
    """A model's one output, as exporters of our users would wrap it."""

    def __init__(self, model, output):
        super().__init__()
        self.model, self.output = model, output

    def forward(self, pixel_values):
        return self.output(self.model(pixel_values=pixel_values))


def mean_of_tokens(result):
    return result.last_hidden_state.mean(dim=1)


def first_token(result):
    return result.last_hidden_state[:, 0]


EAGER = dict(attn_implementation="eager")  # these have no other
# name of the stop: (model, config, options, what to take of the result; None: the result as it is)
TRANSFORMERS = {
    "ViT": ("ViTForImageClassification", "ViTConfig", dict(num_labels=CLASSES), None),
    "DeiT": ("DeiTForImageClassification", "DeiTConfig", dict(num_labels=CLASSES), None),
    "DeiT distilled": ("DeiTForImageClassificationWithTeacher", "DeiTConfig", dict(num_labels=CLASSES), None),
    "BEiT": ("BeitForImageClassification", "BeitConfig", dict(num_labels=CLASSES), None),
    "BEiT relative": ("BeitForImageClassification", "BeitConfig", dict(num_labels=CLASSES, use_relative_position_bias=True), None),
    "Data2Vec": ("Data2VecVisionForImageClassification", "Data2VecVisionConfig", dict(num_labels=CLASSES), None),
    "DINOv2": ("Dinov2ForImageClassification", "Dinov2Config", dict(num_labels=CLASSES, mlp_ratio=1), None),
    "DINOv2 SwiGLU": ("Dinov2ForImageClassification", "Dinov2Config", dict(num_labels=CLASSES, mlp_ratio=1, use_swiglu_ffn=True), None),
    "DINOv2 registers": ("Dinov2WithRegistersForImageClassification", "Dinov2WithRegistersConfig",
                         dict(num_labels=CLASSES, mlp_ratio=1, num_register_tokens=2), None),
    "DINOv3": ("DINOv3ViTModel", "DINOv3ViTConfig", dict(num_register_tokens=4), None),
    "CLIP vision": ("CLIPVisionModelWithProjection", "CLIPVisionConfig", dict(projection_dim=20), None),
    "CLIP classifier": ("CLIPForImageClassification", "CLIPConfig", None, None),
    "MetaCLIP 2": ("MetaClip2VisionModelWithProjection", "MetaClip2VisionConfig", dict(projection_dim=20), None),
    "SigLIP vision": ("SiglipVisionModel", "SiglipVisionConfig", {}, None),
    "SigLIP classifier": ("SiglipForImageClassification", "SiglipConfig", None, None),
    "AltCLIP vision": ("AltCLIPVisionModel", "AltCLIPVisionConfig", {}, None),
    "ChineseCLIP vision": ("ChineseCLIPVisionModel", "ChineseCLIPVisionConfig", {}, None),
    "CLIPSeg vision": ("CLIPSegVisionModel", "CLIPSegVisionConfig", {}, None),
    "BLIP vision": ("BlipVisionModel", "BlipVisionConfig", EAGER, None),
    "BLIP-2 vision": ("Blip2VisionModel", "Blip2VisionConfig", {}, None),
    "InstructBLIP vision": ("InstructBlipVisionModel", "InstructBlipVisionConfig", {}, None),
    "AIMv2": ("Aimv2VisionModel", "Aimv2VisionConfig", dict(use_head=True, is_native=False), None),
    "GIT vision": ("GitVisionModel", "GitVisionConfig", EAGER, first_token),
    "GroupViT vision": ("GroupViTVisionModel", "GroupViTVisionConfig", EAGER, None),
    "I-JEPA": ("IJepaForImageClassification", "IJepaConfig", dict(num_labels=CLASSES), None),
    "ViT MSN": ("ViTMSNForImageClassification", "ViTMSNConfig", dict(num_labels=CLASSES), None),
    "MLCD": ("MLCDVisionModel", "MLCDVisionConfig", dict(num_key_value_groups=1), None),
    "OWL-ViT vision": ("OwlViTVisionModel", "OwlViTVisionConfig", {}, None),
    "OWLv2 vision": ("Owlv2VisionModel", "Owlv2VisionConfig", {}, None),
    "InternVL vision": ("InternVLVisionModel", "InternVLVisionConfig", dict(image_size=[64, 64], patch_size=[16, 16]), mean_of_tokens),
    "Janus vision": ("JanusVisionModel", "JanusVisionConfig", {}, None),
    "YOLOS": ("YolosModel", "YolosConfig", dict(image_size=[64, 64], num_detection_tokens=5), None),
    "ViTPose backbone": ("VitPoseBackbone", "VitPoseBackboneConfig", dict(image_size=[64, 64], patch_size=[16, 16]),
                         lambda result: result.feature_maps[0].mean(dim=1)),
    "X-CLIP vision": ("XCLIPVisionModel", "XCLIPVisionConfig", dict(mit_hidden_size=WIDTH, num_frames=1), None),
    "Pixtral vision": ("PixtralVisionModel", "PixtralVisionConfig", {}, mean_of_tokens),
    "Step 3 vision": ("Step3p7VisionModel", "Step3p7VisionConfig", {}, mean_of_tokens),
    "Phi-4 vision": ("Phi4MultimodalVisionModel", "Phi4MultimodalVisionConfig", {}, None),
    "TIPSv2 vision": ("Tipsv2VisionModel", "Tipsv2VisionConfig", {}, None),
    "SAM vision": ("SamVisionModel", "SamVisionConfig", dict(output_channels=16), None),
    "Swin": ("SwinForImageClassification", "SwinConfig", None, None),
    "SegFormer": ("SegformerForImageClassification", "SegformerConfig", None, None),
    "PVT": ("PvtForImageClassification", "PvtConfig", None, None),
    "CvT": ("CvtForImageClassification", "CvtConfig", None, None),
}


class GemmaTower(nn.Module):
    """Gemma 4's tower takes patches and their places; this takes images, cuts them, and reads the mean of what is pooled."""

    def __init__(self):
        super().__init__()
        self.tower = transformers_model("Gemma4VisionModel", "Gemma4VisionConfig", sizes(
            num_key_value_heads=HEADS, head_dim=WIDTH // HEADS, global_head_dim=WIDTH // HEADS, pooling_kernel_size=2,
            position_embedding_size=8))
        self.register_buffer("places", torch.cartesian_prod(torch.arange(4), torch.arange(4)).flip(1)[None], persistent=False)

    def forward(self, images):
        b = images.shape[0]
        patches = images.unflatten(2, (4, 16)).unflatten(4, (4, 16)).permute(0, 2, 4, 3, 5, 1).flatten(3).flatten(1, 2)
        pooled = self.tower(patches, self.places.expand(b, -1, -1)).last_hidden_state
        return pooled.reshape(b, -1, WIDTH).mean(dim=1)


def without_causal_flags(model):
    """Phi-4's attention says that it is causal, and is so where no mask is given; exports have the mask, which is of ones."""
    for module in model.modules():
        if hasattr(module, "is_causal"):
            module.is_causal = False


OUTPUTS = first_of("logits", "image_embeds", "pooler_output", "last_hidden_state")


def transformers_stops():
    for title, (name, config, options, take) in TRANSFORMERS.items():
        side = 64 if options is not None else 224

        def build(name=name, config=config, options=options, take=take):
            import transformers

            if options is None:
                if "CLIP" in name or "Siglip" in name:
                    text = dict(hidden_size=WIDTH, num_hidden_layers=1, num_attention_heads=HEADS, intermediate_size=64, vocab_size=50)
                    made = getattr(transformers, name)(getattr(transformers, config)(
                        vision_config=sizes(), text_config=text, num_labels=CLASSES, attn_implementation="sdpa")).eval()
                else:
                    made = getattr(transformers, name)(getattr(transformers, config)(num_labels=CLASSES)).eval()
            else:
                made = transformers_model(name, config, sizes(**options))
            return Plain(made, take) if take else made

        if options is None and ("CLIP" in name or "Siglip" in name):
            side = 64
        yield "transformers " + title, Stop(
            "transformers", name, build, (side, side), output=(lambda result: result) if take else OUTPUTS,
            for_oracle=without_causal_flags)
    yield "transformers Gemma 4 vision", Stop("transformers", "Gemma4VisionModel", lambda: GemmaTower().eval(), (64, 64))


# open_clip and torchvision

def open_clip_tower(**options):
    from open_clip.transformer import VisionTransformer

    return VisionTransformer(image_size=64, patch_size=16, width=WIDTH, layers=DEPTH, heads=HEADS, mlp_ratio=1.0, output_dim=20,
                             **options).eval()


def other_stops():
    for title, options in {
        "ViT": {}, "ViT, layer scale": dict(ls_init_value=0.5), "ViT, pool avg": dict(pool_type="avg"),
        "ViT, final norm after pool": dict(final_ln_after_pool=True, pool_type="avg"), "ViT, no pre-norm": dict(no_ln_pre=True),
        "ViT, sin-cos": dict(pos_embed_type="sin_cos_2d"), "CoCa": dict(attentional_pool=True, attn_pooler_queries=5, attn_pooler_heads=HEADS),
        "CoCa, parallel": dict(attentional_pool="parallel", attn_pooler_queries=5, attn_pooler_heads=HEADS),
        "patch dropout": dict(patch_dropout=0.5),
    }.items():
        yield "open_clip " + title, Stop("open_clip", "VisionTransformer, " + title, functools.partial(open_clip_tower, **options), (64, 64))

    def torchvision_vit():
        from torchvision.models.vision_transformer import VisionTransformer

        return VisionTransformer(image_size=64, patch_size=16, num_layers=DEPTH, num_heads=HEADS, hidden_dim=WIDTH, mlp_dim=64,
                                 num_classes=CLASSES).eval()

    def torchvision_conv_stem():
        from torchvision.models.vision_transformer import ConvStemConfig, VisionTransformer

        stem = [ConvStemConfig(out_channels=8 * 2 ** i, kernel_size=3, stride=2) for i in range(4)]
        return VisionTransformer(image_size=64, patch_size=16, num_layers=DEPTH, num_heads=HEADS, hidden_dim=WIDTH, mlp_dim=64,
                                 num_classes=CLASSES, conv_stem_configs=stem).eval()

    def torchvision_named(name):
        import torchvision

        return getattr(torchvision.models, name)(num_classes=CLASSES).eval()

    yield "torchvision ViT", Stop("torchvision", "VisionTransformer", torchvision_vit, (64, 64))
    yield "torchvision ViT, convolution stem", Stop("torchvision", "VisionTransformer", torchvision_conv_stem, (64, 64))
    for name in ("swin_t", "maxvit_t", "resnet18"):
        yield "torchvision " + name, Stop("torchvision", name, functools.partial(torchvision_named, name), (224, 224))


# torch itself

class Encoder(nn.Module):
    """Patches, a class token and positions around torch's own encoder, as many a home-made model has it."""

    def __init__(self, norm_first):
        super().__init__()
        self.patches = nn.Conv2d(3, WIDTH, kernel_size=16, stride=16)
        self.token = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.position = nn.Parameter(torch.zeros(1, 17, WIDTH))
        layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 64, batch_first=True, norm_first=norm_first)
        self.encoder = nn.TransformerEncoder(layer, DEPTH)
        self.head = nn.Linear(WIDTH, CLASSES)

    def forward(self, images):
        patches = self.patches(images).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(images.shape[0], -1, -1), patches], dim=1) + self.position
        return self.head(self.encoder(tokens)[:, 0])


def torch_stops():
    for title, norm_first in (("pre-norm", True), ("post-norm", False)):
        yield f"torch TransformerEncoder, {title}", Stop(
            "torch", f"nn.TransformerEncoder, {title}", lambda norm_first=norm_first: Encoder(norm_first).eval(), (64, 64))


ENTRIES = {**dict(torch_stops()), **dict(timm_stops()), **dict(transformers_stops()), **dict(other_stops())}
