"""A vision transformer of our own, small enough to be varied line by line. It scripts and traces."""

import torch
from torch import nn
from torch.nn import functional as F

WIDTH, CLASSES = 16, 7


class Block(nn.Module):
    def __init__(self, dropout: float):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.project = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.widen, self.narrow = nn.Linear(WIDTH, 24), nn.Linear(24, WIDTH)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        b, n, d = x.shape
        qkv = self.qkv(self.norm1(x)).reshape(b, n, 3, 2, d // 2).permute(2, 0, 3, 1, 4)
        context = F.scaled_dot_product_attention(qkv[0], qkv[1], qkv[2])
        x = x + self.dropout(self.project(context.transpose(1, 2).reshape(b, n, d)))
        return x + self.dropout(self.narrow(F.gelu(self.widen(self.norm2(x)))))


class TinyVit(nn.Module):
    """Two blocks of width 16 with 2 heads, 4 x 4 patches and a class token."""

    def __init__(self, dropout: float = 0.0):
        super().__init__()
        self.patches = nn.Conv2d(3, WIDTH, kernel_size=4, stride=4)
        self.token = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.position = nn.Parameter(torch.zeros(1, 17, WIDTH))
        self.blocks = nn.Sequential(Block(dropout), Block(dropout))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, CLASSES)

    def tokens(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], dim=1) + self.position
        return self.norm(self.blocks(x))

    def forward(self, x):
        return self.head(self.tokens(x)[:, 0])


class TokensAtTheEnd(TinyVit):
    """Patches first, then the class token and a register, which nobody reads."""

    def __init__(self):
        super().__init__()
        self.register = nn.Parameter(torch.zeros(1, 1, WIDTH))

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([x + self.position[:, 1:], self.token.expand(x.shape[0], -1, -1),
                       self.register.expand(x.shape[0], -1, -1)], dim=1)
        return self.head(self.norm(self.blocks(x))[:, -2])
