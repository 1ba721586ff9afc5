"""Feed-forward parts: a plain stack and the gated layer of a transformer block."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from motet.nn.dropout import Dropout


class MLP(nn.Module):
    """Linear layers with GELU, normalisation and dropout between them; the last width is the output's.

    Args:
        widths: Width of the input and of every layer, at least two numbers.
        dropout: Share of activations dropped after each hidden layer.
    """

    def __init__(self, widths: Sequence[int], dropout: float) -> None:
        super().__init__()
        parts: list[nn.Module] = []
        for before, after in pairwise(widths):
            parts += [nn.Linear(before, after), nn.LayerNorm(after), nn.GELU(), Dropout(dropout)]
        self.layers = nn.Sequential(*parts)
        self.width = widths[-1]

    def forward(self, x_RD: Tensor) -> Tensor:
        """Map ``(..., widths[0])`` to ``(..., widths[-1])``."""
        out: Tensor = self.layers(x_RD)
        return out


class FeedForward(nn.Module):
    """The second half of a transformer block: SwiGLU (Shazeer 2020, arXiv:2002.05202) or GELU."""

    def __init__(
        self, width: int, expansion: float, activation: Literal["swiglu", "gelu"], dropout: float
    ) -> None:
        super().__init__()
        hidden = int(width * expansion)
        self.gated = activation == "swiglu"
        self.into = nn.Linear(width, 2 * hidden if self.gated else hidden)
        self.out = nn.Linear(hidden, width)
        self.dropout = Dropout(dropout)

    def forward(self, x_BSD: Tensor) -> Tensor:
        """Map ``(B, S, D)`` to ``(B, S, D)``."""
        hidden = self.into(x_BSD)
        if self.gated:
            gate, value = hidden.chunk(2, dim=-1)
            hidden = F.silu(gate) * value
        else:
            hidden = F.gelu(hidden)
        out: Tensor = self.out(self.dropout(hidden))
        return out
