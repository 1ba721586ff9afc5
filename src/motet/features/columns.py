"""ColumnEncoder: categorical codes and numbers of one table row, as one vector.

Shapes: ``...`` any leading dimensions, J code slots, V numbers, D width; T rows, N codes.
"""

from typing import Any

import torch
from torch import Tensor, nn

FEW_CODES = 16  # up to so many codes a slot, a product with their counts is faster than looking each one up


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
            out = self._codes(code)
        if self.linear is not None:
            missing = number.isnan()
            out = out + self.linear(torch.cat([number.nan_to_num(0.0), missing.float()], -1))
        return out

    def _codes(self, code: Tensor) -> Tensor:
        assert self.embedding is not None
        weight_ND = self.embedding.weight
        if len(weight_ND) > FEW_CODES * code.shape[-1]:
            found: Tensor = self.embedding(code).sum(-2)
            return found
        summed: Tensor = _CountedSum.apply(code.reshape(-1, code.shape[-1]), weight_ND)  # type: ignore[no-untyped-call]
        return summed.view(*code.shape[:-1], self.width)


class _CountedSum(torch.autograd.Function):
    """Sums of a few codes' vectors, as a product of how often each row has each code with the vectors."""

    @staticmethod
    def forward(ctx: Any, code_TJ: Tensor, weight_ND: Tensor) -> Tensor:
        count_TN = weight_ND.new_zeros(len(code_TJ), len(weight_ND))
        count_TN.scatter_add_(1, code_TJ, weight_ND.new_ones(()).expand_as(code_TJ))
        count_TN[:, 0] = 0.0  # an empty slot
        ctx.save_for_backward(count_TN)
        with torch.autocast(weight_ND.device.type, enabled=False):
            return count_TN @ weight_ND

    @staticmethod
    def backward(ctx: Any, grad_TD: Tensor) -> tuple[None, Tensor]:
        (count_TN,) = ctx.saved_tensors
        with torch.autocast(grad_TD.device.type, enabled=False):
            return None, count_TN.t() @ grad_TD.to(count_TN.dtype)
