"""The block of HSTU: attention without a softmax, gated.

Source: Zhai et al., ICML 2024, arXiv:2402.17152, equations 1 to 3.

U, V, Q, K = split(SiLU(f1(norm(X))));  A = SiLU(Q K^T + bias) / n;  Y = X + f2(norm(A V) * U).

n is the number of states in sight of the query: 1 for the first state, S for the last. The authors' code
divides all rows by one N instead, the length that timelines are padded to; then padding would move a
state. The norm after A V takes a factor of a row out again, so the two differ by no more than its epsilon.
Shapes: B timelines, S states, D width, H heads.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from motet.nn.dropout import Dropout


class HSTUBlock(nn.Module):
    """Pointwise aggregated attention with a gate in place of a feed-forward layer."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm_in = nn.LayerNorm(width)
        self.into = nn.Linear(width, 4 * width)
        self.norm_mixed = nn.LayerNorm(width)
        self.out = nn.Linear(width, width)
        self.dropout = Dropout(dropout)

    def forward(self, x_BSD: Tensor, bias_BHSS: Tensor | None) -> Tensor:
        """Map ``(B, S, D)`` to ``(B, S, D)``; ``bias_BHSS`` holds -inf where a key is out of sight."""
        B, S, D = x_BSD.shape
        u, v, q, k = F.silu(self.into(self.norm_in(x_BSD))).chunk(4, dim=-1)
        q, k, v = (part.view(B, S, self.heads, -1).transpose(1, 2) for part in (q, k, v))
        score = q @ k.transpose(-1, -2)
        if bias_BHSS is not None:
            score = score + bias_BHSS.clamp(min=-1e4)  # SiLU of -inf would be NaN; of -1e4 it is 0
        seen_S = torch.arange(1, S + 1, device=x_BSD.device, dtype=x_BSD.dtype)
        weight = F.silu(score) / seen_S[:, None]
        mixed = (weight @ v).transpose(1, 2).reshape(B, S, D)
        out: Tensor = x_BSD + self.dropout(self.out(self.norm_mixed(mixed) * u))
        return out
