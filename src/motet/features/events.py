"""EventEncoder: one token an event; UserEncoder: one token a user, the start of every timeline.

Shapes: B timelines, L events, D width.
"""

import torch
from torch import Tensor, nn

from motet.batch import Batch
from motet.features.columns import ColumnEncoder


class EventEncoder(nn.Module):
    """Event token = item vector + type, value, context and outcome columns + how long since the event before.

    Args:
        codes: Size of the code range of event columns.
        numbers: Numeric event columns.
        width: Width of a token.
        timed: Whether the log has times.
    """

    def __init__(self, codes: int, numbers: int, width: int, *, timed: bool) -> None:
        super().__init__()
        self.columns = ColumnEncoder(codes, numbers, width)
        self.gap = nn.Linear(1, width) if timed else None
        self.norm = nn.LayerNorm(width)

    def forward(self, batch: Batch, item_BLD: Tensor) -> Tensor:
        """Tokens ``(B, L, D)`` of the events, given their item vectors."""
        token = item_BLD + self.columns(batch.code_BLJ, batch.number_BLV)
        if self.gap is not None:
            before = torch.cat([batch.time_BL[:, :1], batch.time_BL[:, :-1]], 1)
            gap = torch.log1p((batch.time_BL - before).clamp(min=0) / 60).float() / 5
            token = token + self.gap(gap[..., None])
        out: Tensor = self.norm(token)
        return out


class UserEncoder(nn.Module):
    """A user's token out of the columns of the users file; without any, the same learned vector for all."""

    def __init__(self, codes: int, numbers: int, width: int) -> None:
        super().__init__()
        self.columns = ColumnEncoder(codes, numbers, width)
        self.start = nn.Parameter(torch.randn(width) * 0.02)
        self.norm = nn.LayerNorm(width)

    def forward(self, batch: Batch) -> Tensor:
        """Tokens ``(B, D)``."""
        out: Tensor = self.norm(self.start + self.columns(batch.user_code_BJ, batch.user_number_BV))
        return out
