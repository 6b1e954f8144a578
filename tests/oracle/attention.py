"""Attention maps made visible: while `materialised()` is active, every attention of the model is computed as
A = softmax(Q K^T * scale + mask), O = A V, and A is kept as a tensor of the autograd graph."""

import contextlib
import math

import torch
from torch import nn
from torch.nn import functional as F


@contextlib.contextmanager
def materialised(change=lambda index, attention_map: attention_map):
    """Yields a list that receives A [B, h, M, N] of every attention, in the order in which they run. `change` may put
    another A in place of the index-th."""
    maps = []

    def attention(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False):
        assert dropout_p == 0.0 and not enable_gqa, "not needed by the models in here"
        logits = query @ key.transpose(-2, -1) * (1 / math.sqrt(query.shape[-1]) if scale is None else scale)
        if is_causal:
            attn_mask = torch.ones(logits.shape[-2:], dtype=torch.bool).tril()
        if attn_mask is not None:
            logits = logits.masked_fill(~attn_mask, -math.inf) if attn_mask.dtype == torch.bool else logits + attn_mask
        attention_map = change(len(maps), torch.softmax(logits, dim=-1))
        assert attention_map.dim() == 4, "expected [B, h, M, N]"
        maps.append(attention_map)
        return attention_map @ value

    stock_attention, stock_forward = F.scaled_dot_product_attention, nn.MultiheadAttention.forward

    def without_weights(self, *args, **kwargs):
        # With need_weights the module takes another road, past scaled_dot_product_attention.
        kwargs["need_weights"] = False
        return stock_forward(self, *args, **kwargs)

    fast_path = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    F.scaled_dot_product_attention, nn.MultiheadAttention.forward = attention, without_weights
    try:
        yield maps
    finally:
        F.scaled_dot_product_attention, nn.MultiheadAttention.forward = stock_attention, stock_forward
        torch.backends.mha.set_fastpath_enabled(fast_path)
