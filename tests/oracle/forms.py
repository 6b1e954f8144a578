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

    def turned(self, x):
        """Rotary positions by tables, and a factor for each token that no gradient passes."""
        n, d = x.shape[-2:]
        with torch.no_grad():
            angles = torch.arange(n, dtype=x.dtype)[:, None] * 0.4 ** torch.arange(d // 2, dtype=x.dtype)
            cos, sin = angles.cos(), angles.sin()
            factor = 1 + 0.5 * torch.tanh(x[..., :1])
        with torch.autocast("cpu", enabled=False):
            first, second = (x * factor).chunk(2, dim=-1)
            return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)

    def forward(self, x):
        b, n, _ = x.shape
        q = self.query(x).view(b, n, self.heads, self.size).transpose(1, 2)
        k = self.key(x).view(b, n, self.key_heads, self.size).transpose(1, 2)
        v = self.value(x).view(b, n, self.key_heads, self.size).transpose(1, 2)
        if self.form == "wrapped":
            q, k = self.turned(q), self.turned(k)
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


class Unfolded(nn.Module):
    """Patches cut out by reshaping, each through one linear layer, handed on as a convolution would."""

    def __init__(self):
        super().__init__()
        self.norm, self.linear = nn.LayerNorm(3 * 4 * 4), nn.Linear(3 * 4 * 4, WIDTH)

    def forward(self, x):
        b, c, h, w = x.shape
        cells = x.reshape(b, c, h // 4, 4, w // 4, 4).permute(0, 2, 4, 3, 5, 1).reshape(b, (h // 4) * (w // 4), 4 * 4 * c)
        return self.linear(self.norm(cells)).transpose(1, 2).unflatten(2, (h // 4, w // 4))


class Normalise(nn.Module):
    """The preprocessing's last step, kept in the model."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.5, 0.25, 0.375]).view(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor([0.25, 0.5, 0.125]).view(1, 3, 1, 1))

    def forward(self, x):
        return (x - self.mean) / self.deviation


class Probabilities(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model(x).softmax(dim=-1)


class OneByOne(nn.Module):
    """Goes through the images in a loop."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return torch.cat([self.model(x[i:i + 1]) for i in range(x.shape[0])])


class FormVit(nn.Module):
    """4 x 4 patches and `extra` further tokens, in front or at the end; the first of them is read, or without any the
    mean of the patches."""

    def __init__(self, form="sdpa", heads=4, key_heads=4, extra=1, at_end=False, in_place=False, unfolded=False):
        super().__init__()
        self.extra, self.at_end = extra, at_end
        self.patches = Unfolded() if unfolded else nn.Conv2d(3, WIDTH, kernel_size=4, stride=4)
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
    """A block of OpenAI's CLIP in the operators that its archives hold: tokens first [N, B, d], heads merged into the batch."""

    def __init__(self, width, heads, causal):
        super().__init__()
        self.heads, self.causal, self.spelled_out = heads, causal, True
        self.norm1, self.norm2 = Norm(width), Norm(width)
        self.qkv, self.project = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.widen, self.narrow = nn.Linear(width, 24), nn.Linear(24, width)

    def context(self, q, k, v):
        """O [B*h, N, e] of scaled queries."""
        if not self.spelled_out:
            split = [part.unflatten(0, (-1, self.heads)) for part in (q, k, v)]
            return F.scaled_dot_product_attention(*split, scale=1.0).flatten(0, 1)
        logits = torch.bmm(q, k.transpose(1, 2))
        if self.causal:
            logits = logits + torch.full((q.shape[1], q.shape[1]), -1e4, dtype=q.dtype).triu(1)
        return torch.bmm(torch.softmax(logits, dim=-1), v)

    def forward(self, x):
        tokens, batch, width = x.shape
        size = width // self.heads

        def by_head(part):
            return part.contiguous().view(tokens, batch * self.heads, size).transpose(0, 1)

        q, k, v = self.qkv(self.norm1(x)).chunk(3, dim=-1)
        context = self.context(by_head(q * size ** -0.5), by_head(k), by_head(v))
        x = x + self.project(context.transpose(0, 1).contiguous().view(tokens, batch, width))
        hidden = self.widen(self.norm2(x))
        return x + self.narrow(hidden * torch.sigmoid(1.702 * hidden))  # the quick GELU


class OpenAiTower(nn.Module):
    """Blocks between two norms, on batches [B, N, d]; the blocks want tokens first."""

    def __init__(self, width, heads, depth, causal, tokens, output):
        super().__init__()
        self.position = nn.Parameter(torch.zeros(tokens, width))
        self.blocks = nn.Sequential(*(OpenAiBlock(width, heads, causal) for _ in range(depth)))
        self.norm = Norm(width)
        self.proj = nn.Parameter(torch.zeros(width, output))

    def forward(self, x):
        return self.norm(self.blocks(x.permute(1, 0, 2)).permute(1, 0, 2))


class OpenAiClip(nn.Module):
    """OpenAI's CLIP as its archives were made: traced on image and text, half precision."""

    def __init__(self, width=WIDTH, heads=4, output=20, vocabulary=50, context=8):
        super().__init__()
        self.patches = nn.Conv2d(3, width, kernel_size=4, stride=4, bias=False)
        self.class_token = nn.Parameter(torch.zeros(width))
        self.words = nn.Embedding(vocabulary, width)
        self.first_norm = Norm(width)
        self.image = OpenAiTower(width, heads, DEPTH, causal=False, tokens=17, output=output)
        self.text = OpenAiTower(width, heads, 2, causal=True, tokens=context, output=output)
        self.log_scale = nn.Parameter(torch.zeros([]))

    def encode_image(self, image):
        grid = self.patches(image.to(self.patches.weight.dtype))
        batch, width, _, _ = grid.shape
        patches = grid.reshape(batch, width, -1).permute(0, 2, 1)
        # An addition of zeros is how the archives repeat the class token.
        first = self.class_token.to(grid.dtype) + torch.zeros(batch, 1, width, dtype=grid.dtype, device=grid.device)
        tokens = torch.cat([first, patches], dim=1) + self.image.position.to(grid.dtype)
        return self.image(self.first_norm(tokens))[:, 0, :] @ self.image.proj

    def encode_text(self, text):
        tokens = self.text(self.words(text) + self.text.position)
        last = text.argmax(dim=-1)  # the end of a text has the highest number
        return tokens[torch.arange(text.shape[0]), last] @ self.text.proj

    def forward(self, image, text):
        image, text = (part / part.norm(dim=-1, keepdim=True) for part in (self.encode_image(image), self.encode_text(text)))
        similarity = self.log_scale.exp() * image @ text.t()
        return similarity, similarity.t()
