"""A causal transformer block, pre-norm, with relative bias.

Source: Vaswani et al. 2017, arXiv:1706.03762; Xiong et al. 2020, arXiv:2002.04745.

Shapes: B timelines, S states, D width, H heads, E width of a head.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from motet.nn.dropout import Dropout
from motet.nn.mlp import FeedForward


class CausalAttention(nn.Module):
    """Self-attention in which a state sees itself and the states before it."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.dropout = Dropout(dropout)

    def forward(self, x_BSD: Tensor, bias_BHSS: Tensor | None) -> Tensor:
        """Mix ``(B, S, D)`` along S; ``bias_BHSS`` holds -inf where a key is out of sight."""
        B, S, D = x_BSD.shape
        q, k, v = self.qkv(x_BSD).view(B, S, 3, self.heads, D // self.heads).permute(2, 0, 3, 1, 4)
        score_BHSS = (q * (D // self.heads) ** -0.5) @ k.transpose(-1, -2)
        if bias_BHSS is not None:
            score_BHSS = score_BHSS + bias_BHSS
        weight = self.dropout(torch.softmax(score_BHSS, dim=-1))
        out: Tensor = self.out((weight @ v).transpose(1, 2).reshape(B, S, D))
        return out


class TransformerBlock(nn.Module):
    """Attention and feed-forward, each behind a normalisation, each added to what came in."""

    def __init__(
        self, width: int, heads: int, dropout: float, activation: Literal["swiglu", "gelu"], expansion: float
    ) -> None:
        super().__init__()
        self.norm_attention = nn.LayerNorm(width)
        self.attention = CausalAttention(width, heads, dropout)
        self.norm_feed = nn.LayerNorm(width)
        self.feed = FeedForward(width, expansion, activation, dropout)
        self.dropout = Dropout(dropout)

    def forward(self, x_BSD: Tensor, bias_BHSS: Tensor | None) -> Tensor:
        """Map ``(B, S, D)`` to ``(B, S, D)``."""
        x_BSD = x_BSD + self.dropout(self.attention(self.norm_attention(x_BSD), bias_BHSS))
        out: Tensor = x_BSD + self.dropout(self.feed(self.norm_feed(x_BSD)))
        return out
