"""ColumnEncoder: categorical codes and numbers of one table row, as one vector.

Shapes: ``...`` any leading dimensions, J code slots, V numbers, D width.
"""

import torch
from torch import Tensor, nn


class ColumnEncoder(nn.Module):
    """The sum of the embeddings of all codes and of a linear map of the numbers.

    A missing number (NaN) counts as the mean and adds a vector of its own, which is learned.

    Args:
        codes: Size of the code range; code 0 is an empty slot and adds nothing.
        numbers: How many numbers a row has.
        width: Width of the result.
    """

    def __init__(self, codes: int, numbers: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(codes, width, padding_idx=0) if codes > 1 else None
        self.linear = nn.Linear(2 * numbers, width, bias=False) if numbers else None
        self.width = width
        if self.embedding is not None:
            nn.init.normal_(self.embedding.weight, std=0.05)
            with torch.no_grad():
                self.embedding.weight[0] = 0

    def forward(self, code: Tensor, number: Tensor) -> Tensor:
        """Encode codes ``(..., J)`` int64 and numbers ``(..., V)``; returns ``(..., D)``."""
        out = torch.zeros(*code.shape[:-1], self.width, device=code.device)
        if self.embedding is not None:
            out = self.embedding(code).sum(-2)
        if self.linear is not None:
            missing = number.isnan()
            out = out + self.linear(torch.cat([number.nan_to_num(0.0), missing.float()], -1))
        return out
