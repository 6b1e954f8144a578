"""Attention written in ways that no stock home uses now, but that exports in the wild do, in an otherwise plain vision
transformer. `spelled_out = False` gives the same function by scaled_dot_product_attention, for the oracle."""

import math

import torch
from torch import nn
from torch.nn import functional as F

WIDTH, CLASSES, DEPTH = 32, 7, 3


class Attention(nn.Module):
    def __init__(self, form: str, heads: int, key_heads: int, tokens: int):
        super().__init__()
        self.form, self.heads, self.key_heads = form, heads, key_heads
        self.size = WIDTH // heads
        self.query = nn.Linear(WIDTH, WIDTH)
        self.key = nn.Linear(WIDTH, key_heads * self.size)
        self.value = nn.Linear(WIDTH, key_heads * self.size)
        self.project = nn.Linear(WIDTH, WIDTH)
        self.mask = nn.Parameter(torch.zeros(tokens, tokens)) if form == "mask" else None
        self.spelled_out = True

    @property
    def scale(self):
        return 0.3 if self.form == "scale" else 1 / math.sqrt(self.size)

    def spelled(self, q, k, v):
        b, h, n, d = q.shape
        if self.form == "bmm":
            q, k, v = (part.reshape(b * h, n, d) for part in (q, k, v))
            weights = torch.softmax(torch.bmm(q * self.scale, k.transpose(1, 2)), dim=-1)
            return torch.bmm(weights, v).view(b, h, n, d)
        if self.form == "baddbmm":
            q, k, v = (part.reshape(b * h, n, d) for part in (q, k, v))
            none = torch.zeros(1, 1, 1, dtype=q.dtype)
            weights = torch.baddbmm(none, q, k.transpose(1, 2), beta=0.0, alpha=self.scale).softmax(dim=-1)
            return torch.bmm(weights, v).view(b, h, n, d)
        if self.form == "einsum":
            weights = (torch.einsum("bhid,bhjd->bhij", q, k) * self.scale).softmax(dim=-1)
            return torch.einsum("bhij,bhjd->bhid", weights, v)
        if self.form == "grouped":
            return F.scaled_dot_product_attention(q, k, v, enable_gqa=True)
        return F.scaled_dot_product_attention(
            q, k, v, attn_mask=self.mask, scale=self.scale if self.form == "scale" else None)

    def forward(self, x):
        b, n, _ = x.shape
        q = self.query(x).view(b, n, self.heads, self.size).transpose(1, 2)
        k = self.key(x).view(b, n, self.key_heads, self.size).transpose(1, 2)
        v = self.value(x).view(b, n, self.key_heads, self.size).transpose(1, 2)
        repeats = self.heads // self.key_heads
        if repeats > 1 and (self.form == "repeated" or not self.spelled_out):
            k, v = k.repeat_interleave(repeats, dim=1), v.repeat_interleave(repeats, dim=1)
        if self.spelled_out:
            context = self.spelled(q, k, v)
        else:
            context = F.scaled_dot_product_attention(q, k, v, attn_mask=self.mask, scale=self.scale)
        return self.project(context.transpose(1, 2).reshape(b, n, WIDTH))


class Block(nn.Module):
    def __init__(self, in_place: bool, *attention):
        super().__init__()
        self.in_place = in_place
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.attention = Attention(*attention)
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 24), nn.ReLU(inplace=in_place), nn.Linear(24, WIDTH))

    def forward(self, x):
        if self.in_place:
            x += self.attention(self.norm1(x))
            x += self.mlp(self.norm2(x))
            return x
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class FormVit(nn.Module):
    """4 x 4 patches and `extra` further tokens, in front or at the end; the first of them is read, or without any the
    mean of the patches."""

    def __init__(self, form="sdpa", heads=4, key_heads=4, extra=1, at_end=False, in_place=False):
        super().__init__()
        self.extra, self.at_end = extra, at_end
        self.patches = nn.Conv2d(3, WIDTH, kernel_size=4, stride=4)
        self.tokens = nn.Parameter(torch.zeros(1, extra, WIDTH)) if extra else None
        self.position = nn.Parameter(torch.zeros(1, 16, WIDTH))
        self.blocks = nn.Sequential(*(Block(in_place, form, heads, key_heads, 16 + extra) for _ in range(DEPTH)))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, CLASSES)

    def read(self, z):
        z = self.norm(z)
        return self.head(z[:, 16 if self.at_end else 0] if self.extra else z.mean(dim=1))

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2) + self.position
        if self.extra:
            tokens = self.tokens.expand(x.shape[0], -1, -1)
            x = torch.cat([x, tokens] if self.at_end else [tokens, x], dim=1)
        return self.read(self.blocks(x))


class Norm(nn.LayerNorm):
    """A layer norm in float32, whatever the weights are."""

    def forward(self, x):
        wide = x.to(torch.float64 if x.dtype == torch.float64 else torch.float32)
        weight, bias = self.weight.to(wide.dtype), self.bias.to(wide.dtype)
        return F.layer_norm(wide, self.normalized_shape, weight, bias, self.eps).to(x.dtype)


class OpenAiBlock(nn.Module):
    """A block of OpenAI's CLIP as its archives hold it: tokens first [N, B, d], heads merged into the batch."""

    def __init__(self, width, heads, causal):
        super().__init__()
        self.heads, self.causal, self.spelled_out = heads, causal, True
        self.ln_1, self.ln_2 = Norm(width), Norm(width)
        self.in_proj, self.out_proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.c_fc, self.c_proj = nn.Linear(width, 24), nn.Linear(24, width)

    def attention(self, x):
        n, b, d = x.shape
        size = d // self.heads
        q, k, v = self.in_proj(x).chunk(3, dim=-1)
        q = q * size ** -0.5
        q, k, v = (part.contiguous().view(n, b * self.heads, size).transpose(0, 1) for part in (q, k, v))
        if not self.spelled_out:
            split = [part.view(b, self.heads, n, size) for part in (q, k, v)]
            context = F.scaled_dot_product_attention(*split, scale=1.0).view(b * self.heads, n, size)
        else:
            logits = torch.bmm(q, k.transpose(1, 2))
            if self.causal:
                logits = logits + torch.full((n, n), -1e4, dtype=x.dtype).triu(1)
            context = torch.bmm(torch.softmax(logits, dim=-1), v)
        return self.out_proj(context.transpose(0, 1).contiguous().view(n, b, d))

    def forward(self, x):
        x = x + self.attention(self.ln_1(x))
        h = self.c_fc(self.ln_2(x))
        return x + self.c_proj(h * torch.sigmoid(1.702 * h))


class OpenAiClip(nn.Module):
    """OpenAI's CLIP as its archives were made: traced on image and text, half precision."""

    def __init__(self, width=WIDTH, heads=4, output=20, vocabulary=50, context=8):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, kernel_size=4, stride=4, bias=False)
        self.class_embedding = nn.Parameter(torch.zeros(width))
        self.positional_embedding = nn.Parameter(torch.zeros(17, width))
        self.ln_pre, self.ln_post = Norm(width), Norm(width)
        self.resblocks = nn.Sequential(*(OpenAiBlock(width, heads, False) for _ in range(DEPTH)))
        self.proj = nn.Parameter(torch.zeros(width, output))
        self.token_embedding = nn.Embedding(vocabulary, width)
        self.text_position = nn.Parameter(torch.zeros(context, width))
        self.text_blocks = nn.Sequential(*(OpenAiBlock(width, heads, True) for _ in range(2)))
        self.ln_final = Norm(width)
        self.text_projection = nn.Parameter(torch.zeros(width, output))
        self.logit_scale = nn.Parameter(torch.zeros([]))

    def encode_image(self, image):
        x = self.conv1(image.to(self.conv1.weight.dtype))
        x = x.reshape(x.shape[0], x.shape[1], -1).permute(0, 2, 1)
        zeros = torch.zeros(x.shape[0], 1, x.shape[-1], dtype=x.dtype, device=x.device)
        x = torch.cat([self.class_embedding.to(x.dtype) + zeros, x], dim=1)
        x = self.ln_pre(x + self.positional_embedding.to(x.dtype)).permute(1, 0, 2)
        return self.ln_post(self.resblocks(x).permute(1, 0, 2)[:, 0, :]) @ self.proj

    def encode_text(self, text):
        x = (self.token_embedding(text) + self.text_position).permute(1, 0, 2)
        x = self.ln_final(self.text_blocks(x).permute(1, 0, 2))
        return x[torch.arange(x.shape[0]), text.argmax(dim=-1)] @ self.text_projection

    def forward(self, image, text):
        image_features, text_features = self.encode_image(image), self.encode_text(text)
        image_features = image_features / image_features.norm(dim=-1, keepdim=True)
        text_features = text_features / text_features.norm(dim=-1, keepdim=True)
        logits = self.logit_scale.exp() * image_features @ text_features.t()
        return logits, logits.t()
