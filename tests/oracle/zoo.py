"""Small seeded vision transformers from their stock homes, each with what the oracle has to know of it."""

import dataclasses
import functools
import math
from typing import Callable

import torch
from torch import nn

WIDTH, DEPTH, CLASSES = 32, 3, 7  # heads differ from model to model, and from the depth


@dataclasses.dataclass
class Specimen:
    model: nn.Module
    blocks: list             # modules whose outputs are Z^1 ... Z^L
    readout: Callable        # Z [B, N, d] -> output [B, C], final norm and head included
    image: tuple             # height, width
    grid: tuple              # rows, columns
    prefix: int              # tokens that are no patches
    readout_kind: str        # "token", "tokens", "patch tokens", "all tokens", "pooler"
    readout_rows: list       # rows of Z^L that the output depends on; empty for a pooler
    heads: int
    pooler_heads: int = 0
    pooler_queries: int = 0
    pooler_tokens: list = None  # those a pooler attends to; None: all of them
    pooler_queries_read: list = None  # those the output is computed from; None: all of them
    output: Callable = lambda result: result  # what the model returns -> [B, C]
    patches_first: bool = False  # the other tokens come after the patches
    behind: int = 0          # or so many of them do
    sites: int = 1           # attentions side by side in a block; `heads` are those of all of them
    differential: bool = False  # whether those weigh the same values
    rows_stand_alone: bool = True  # whether no block adds something of its own to each token, as positions
    width: int = WIDTH
    exported: nn.Module = None  # what is exported, where `model` is only its image half
    inputs: Callable = lambda images: (images,)  # all inputs of what is exported, in its order
    methods: tuple = ()      # (name, slice of the inputs) of methods that are exported beside forward
    call: Callable = lambda exported, inputs: exported(*inputs)  # what `model` gives, of the exported
    for_oracle: Callable = lambda: None  # puts the model on the road on which attention can be materialised
    tokens_first: bool = False  # blocks take [N, B, d]

    @property
    def pooler(self):
        return self.readout_kind == "pooler"

    @property
    def rows_read(self):
        """Of the attention that is explained where the readout is: the readout rows, or the queries read of a pooler's."""
        if not self.pooler:
            return self.readout_rows
        return list(range(self.pooler_queries)) if self.pooler_queries_read is None else self.pooler_queries_read

    @property
    def tokens(self):
        return self.prefix + self.grid[0] * self.grid[1]

    @property
    def patch_positions(self):
        first = 0 if self.patches_first else self.prefix - self.behind
        return list(range(first, first + self.grid[0] * self.grid[1]))


def randomise(model, seed):
    """Weights that make every part matter: attention far from flat, no zero, no unit scale. Values are those of float32
    (also in a float64 model), so that code that passes through float32 on its way loses nothing."""
    generator = torch.Generator().manual_seed(seed)
    owner = {id(p): m for m in model.modules() for p in m.parameters(recurse=False)}
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float32)
        leaf = name.rsplit(".", 1)[-1]
        dense = isinstance(owner[id(parameter)], (nn.Linear, nn.Conv2d, nn.MultiheadAttention)) and parameter.dim() > 1
        if dense:
            value = 1.4 * noise / math.sqrt(parameter[0].numel())
        elif leaf == "proj":  # the tower's projection, [in, out]
            value = 1.4 * noise / math.sqrt(parameter.shape[0])
        elif leaf.endswith("bias"):
            value = 0.3 * noise
        elif parameter.dim() == 1 and leaf in ("weight", "gamma", "lambda1"):  # norms and layer scales
            value = 1 + 0.3 * noise
        else:  # class, distillation and register tokens, position embeddings, probes
            value = 0.8 * noise
        parameter.data = value.to(parameter.dtype)
    return model.eval()


def timm_vit(image=(16, 16), patch=4, heads=2, **options):
    from timm.models.vision_transformer import VisionTransformer

    model = VisionTransformer(
        img_size=image, patch_size=patch, embed_dim=WIDTH, depth=DEPTH, num_heads=heads, mlp_ratio=0.75,
        num_classes=CLASSES, **options,
    )
    grid = (image[0] // patch, image[1] // patch)
    prefix = model.num_prefix_tokens
    patches = list(range(prefix, prefix + grid[0] * grid[1]))
    kind, rows = {
        "token": ("token", [0]),
        "avg": ("patch tokens", patches),
        "avgmax": ("patch tokens", patches),
        "max": ("patch tokens", patches),
        "map": ("pooler", []),
    }[model.global_pool]
    pooler = model.attn_pool

    if options.get("pool_include_prefix") and kind == "patch tokens":
        kind, rows = "all tokens", [*range(prefix), *patches]
    return Specimen(
        model, list(model.blocks), lambda z: model.forward_head(model.norm(z)), image, grid, prefix, kind, rows, heads,
        pooler_heads=pooler.num_heads if pooler is not None else 0,
        pooler_queries=pooler.latent_len if pooler is not None else 0,
        pooler_tokens=patches if pooler is not None and prefix and not model.pool_include_prefix else None,
    )


def timm_distilled(heads=4):
    from timm.models.deit import VisionTransformerDistilled

    model = VisionTransformerDistilled(
        img_size=16, patch_size=4, embed_dim=WIDTH, depth=DEPTH, num_heads=heads, mlp_ratio=0.75, num_classes=CLASSES
    )

    def readout(z):
        z = model.norm(z)
        return (model.head(z[:, 0]) + model.head_dist(z[:, 1])) / 2

    return Specimen(model, list(model.blocks), readout, (16, 16), (4, 4), 2, "tokens", [0, 1], heads)


def torchvision_vit(heads=4):
    from torchvision.models.vision_transformer import VisionTransformer

    model = VisionTransformer(
        image_size=24, patch_size=6, num_layers=DEPTH, num_heads=heads, hidden_dim=WIDTH, mlp_dim=40,
        num_classes=CLASSES,
    )
    return Specimen(
        model, list(model.encoder.layers), lambda z: model.heads(model.encoder.ln(z)[:, 0]), (24, 24), (4, 4), 1,
        "token", [0], heads,
    )


def open_clip_vit(heads=4, image=(16, 16), **options):
    from open_clip.transformer import VisionTransformer

    model = VisionTransformer(
        image_size=image, patch_size=4, width=WIDTH, layers=DEPTH, heads=heads, mlp_ratio=0.75, output_dim=20, **options
    )
    grid = (image[0] // 4, image[1] // 4)
    pooler = model.attn_pool

    def readout(z):
        if pooler is not None:  # CoCa: all latents are pooled, the first is read
            return model.ln_post(pooler(z))[:, 0] @ model.proj
        return model.ln_post(z)[:, 0] @ model.proj

    return Specimen(
        model, list(model.transformer.resblocks), readout, image, grid, 1, "token" if pooler is None else "pooler",
        [0] if pooler is None else [], heads, pooler_heads=pooler.attn.num_heads if pooler is not None else 0,
        pooler_queries=pooler.query.shape[0] if pooler is not None else 0,
        pooler_queries_read=[0] if pooler is not None else None,
    )


class Normalised(nn.Module):
    """A tower whose embeddings have length 1, as `encode_image(..., normalize=True)` gives them."""

    def __init__(self, tower):
        super().__init__()
        self.tower = tower

    def forward(self, images):
        return nn.functional.normalize(self.tower(images), dim=-1)


def open_clip_normalised(**options):
    specimen = open_clip_vit(**options)
    return dataclasses.replace(
        specimen, model=Normalised(specimen.model), readout=lambda z: nn.functional.normalize(specimen.readout(z), dim=-1)
    )


def transformers_sizes(heads, attention, **options):
    return dict(
        hidden_size=WIDTH, num_hidden_layers=DEPTH, num_attention_heads=heads, intermediate_size=24, image_size=16,
        patch_size=4, attn_implementation=attention, **options,
    )


def transformers_vit(attention, heads=2):
    from transformers import ViTConfig, ViTForImageClassification

    model = ViTForImageClassification(ViTConfig(**transformers_sizes(heads, attention, num_labels=CLASSES)))
    return Specimen(
        model, list(model.vit.layers), lambda z: model.classifier(model.vit.layernorm(z)[:, 0]), (16, 16), (4, 4), 1,
        "token", [0], heads, output=lambda result: result["logits"],
        for_oracle=lambda: model.set_attn_implementation("sdpa"),
    )


def transformers_clip(attention, heads=4):
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    model = CLIPVisionModelWithProjection(CLIPVisionConfig(**transformers_sizes(heads, attention, projection_dim=20)))
    tower = model.vision_model
    return Specimen(
        model, list(tower.encoder.layers), lambda z: model.visual_projection(tower.post_layernorm(z[:, 0])),
        (16, 16), (4, 4), 1, "token", [0], heads, output=lambda result: result["image_embeds"],
        for_oracle=lambda: model.set_attn_implementation("sdpa"),
    )


def transformers_siglip(attention, heads=4):
    from transformers import SiglipVisionConfig, SiglipVisionModel

    model = SiglipVisionModel(SiglipVisionConfig(**transformers_sizes(heads, attention)))
    return Specimen(
        model, list(model.encoder.layers), lambda z: model.head(model.post_layernorm(z)), (16, 16), (4, 4), 0,
        "pooler", [], heads, pooler_heads=heads, pooler_queries=1, output=lambda result: result["pooler_output"],
        for_oracle=lambda: model.set_attn_implementation("sdpa"),
    )


def transformers_dinov2_registers(attention, heads=4, registers=2):
    from transformers import Dinov2WithRegistersConfig, Dinov2WithRegistersForImageClassification

    sizes = transformers_sizes(heads, attention, num_labels=CLASSES, num_register_tokens=registers, mlp_ratio=1)
    del sizes["intermediate_size"]
    model = Dinov2WithRegistersForImageClassification(Dinov2WithRegistersConfig(**sizes))
    tower, prefix = model.dinov2_with_registers, 1 + registers

    def readout(z):
        z = tower.layernorm(z)
        return model.classifier(torch.cat([z[:, 0], z[:, prefix:].mean(dim=1)], dim=1))

    return Specimen(
        model, list(tower.encoder.layer), readout, (16, 16), (4, 4), prefix, "all tokens",
        [0, *range(prefix, prefix + 16)], heads, output=lambda result: result["logits"],
        for_oracle=lambda: model.set_attn_implementation("sdpa"),
    )


def own_tokens_at_the_end():
    import tiny

    model = tiny.TokensAtTheEnd()
    return Specimen(
        model, list(model.blocks), lambda z: model.head(model.norm(z)[:, -2]), (16, 16), (4, 4), 2, "token", [16], 2,
        patches_first=True, width=tiny.WIDTH,
    )


@dataclasses.dataclass(frozen=True)
class Entry:
    """A fixture: a model, the form it is exported in, and its dtype."""

    build: Callable
    home: str
    form: str                # "trace", "script", "trace+freeze", "script+freeze"
    dtype: torch.dtype = torch.float64
    seed: int = 0
    example_batch: int = 1   # of the images that a trace is taken with
    embeddings: bool = False  # the output is an embedding, so targets are embeddings
    size_needed: bool = False  # nothing in the file tells the size of the images, so it has to be given
    load_dtype: torch.dtype = None  # what the file is converted to when it is loaded
    refusal: str = ""        # a part of the message with which the file has to be refused
    quantised: str = ""      # linear layers hold int8 weights: "per tensor", "per channel", "affine" (with zero points)


make = functools.partial
FIXTURES = {
    "timm_cls_trace": Entry(make(timm_vit), "timm", "trace", seed=1),
    "timm_cls_script": Entry(make(timm_vit), "timm", "script", seed=1),
    "timm_cls_freeze": Entry(make(timm_vit), "timm", "script+freeze", seed=1),
    "timm_cls_float": Entry(make(timm_vit), "timm", "trace", torch.float32, seed=1),
    "timm_registers": Entry(
        make(timm_vit, heads=4, reg_tokens=4, init_values=1.0, no_embed_class=True, qk_norm=True), "timm", "trace",
        seed=2),
    "timm_gap": Entry(
        make(timm_vit, image=(16, 24), heads=4, class_token=False, global_pool="avg"), "timm", "trace", seed=3,
        size_needed=True),
    "timm_gap_registers": Entry(
        make(timm_vit, class_token=False, reg_tokens=2, global_pool="avg"), "timm", "script", seed=4),
    "timm_avgmax": Entry(make(timm_vit, heads=4, global_pool="avgmax"), "timm", "trace", seed=5, example_batch=2),
    "timm_map": Entry(make(timm_vit, class_token=False, global_pool="map"), "timm", "trace", seed=6),
    "timm_map_float": Entry(
        make(timm_vit, class_token=False, global_pool="map"), "timm", "script", torch.float32, seed=6),
    "timm_distilled": Entry(make(timm_distilled), "timm", "script", seed=7),
    "timm_rectangular": Entry(make(timm_vit, image=(24, 12)), "timm", "trace", seed=8, size_needed=True),
    "torchvision_trace": Entry(make(torchvision_vit), "torchvision", "trace", seed=9),
    "torchvision_script": Entry(make(torchvision_vit), "torchvision", "script", seed=9),
    "open_clip_tower": Entry(make(open_clip_vit), "open_clip", "trace", seed=10, embeddings=True),
    "open_clip_normalised": Entry(
        make(open_clip_normalised, heads=2, ls_init_value=1.0), "open_clip", "trace", seed=16, embeddings=True),
    "open_clip_coca": Entry(
        make(open_clip_vit, attentional_pool=True, attn_pooler_queries=5, attn_pooler_heads=2), "open_clip", "trace",
        seed=11, embeddings=True),
    "transformers_vit_eager": Entry(
        make(transformers_vit, "eager"), "transformers", "trace", torch.float32, seed=12),
    "transformers_vit_sdpa": Entry(make(transformers_vit, "sdpa"), "transformers", "trace", seed=12),
    "transformers_clip_eager": Entry(
        make(transformers_clip, "eager"), "transformers", "trace", torch.float32, seed=13, embeddings=True),
    "transformers_clip_sdpa": Entry(
        make(transformers_clip, "sdpa"), "transformers", "trace", seed=13, embeddings=True),
    "transformers_siglip": Entry(
        make(transformers_siglip, "sdpa"), "transformers", "trace", seed=14, embeddings=True),
    "transformers_dinov2_registers": Entry(
        make(transformers_dinov2_registers, "eager"), "transformers", "trace", seed=15),
    "timm_cls_pt2": Entry(make(timm_vit), "timm", "export", seed=1),
    "timm_map_pt2_static": Entry(
        make(timm_vit, class_token=False, global_pool="map"), "timm", "export, static", torch.float32, seed=6),
    "open_clip_tower_pt2": Entry(make(open_clip_vit), "open_clip", "export", seed=10, embeddings=True),
    "own_tokens_at_the_end": Entry(make(own_tokens_at_the_end), "own", "script", seed=17),
    "timm_cls_int8": Entry(make(timm_vit, heads=4), "timm", "trace", torch.float32, seed=66, quantised="affine"),
}


def build(entry):
    """The specimen in eval mode, float32."""
    specimen = entry.build()
    randomise(specimen.model, entry.seed)
    return specimen


def quantise(model, scheme):
    """The model with int8 weights in its linear layers, which round their inputs; `model` itself gets the same weights,
    dequantised, and rounds nothing."""
    from torch.ao import quantization
    from torch.ao.nn.quantized.dynamic import Linear

    observers = {
        "per tensor": quantization.default_dynamic_qconfig.weight,
        "per channel": quantization.default_per_channel_weight_observer,
        "affine": quantization.MinMaxObserver.with_args(dtype=torch.qint8, qscheme=torch.per_tensor_affine),
    }
    how = quantization.QConfig(activation=quantization.default_dynamic_quant_observer, weight=observers[scheme])
    quantised = quantization.quantize_dynamic(model, {nn.Linear: how})
    layers = {name: layer for name, layer in quantised.named_modules() if isinstance(layer, Linear)}
    for name, layer in layers.items():
        model.get_submodule(name).weight.data = layer.weight().dequantize()
    return quantised, len(layers)
