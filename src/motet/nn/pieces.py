"""Piecewise-linear codes of numbers: what lets plain layers follow steps and bends as trees do.

Shapes: R rows, C numbers, K knots of a number (one more than pieces).
"""

import numpy as np
import torch
from torch import Tensor, nn

_SAMPLE = 20_000  # rows that knots are taken from


class Pieces(nn.Module):
    """Each number, beside how far it has come through each of its pieces.

    After Gorishniy et al. (2022, arXiv:2203.05556). Pieces lie between quantiles, so each holds about as many
    rows; one that is empty gives 0.

    Args:
        numbers: How many numbers a row has.
        pieces: Pieces of each; 0 passes the numbers on as they are.
    """

    def __init__(self, numbers: int, pieces: int) -> None:
        super().__init__()
        self.width = numbers * (1 + pieces)
        self.knot_CK = nn.Parameter(torch.zeros(numbers, pieces + 1), requires_grad=False) if pieces else None

    @torch.no_grad()
    def fit(self, number_RC: np.ndarray) -> None:
        """Lay the knots by the numbers of training rows, ``(R, C)``."""
        if self.knot_CK is None or not len(number_RC):
            return
        chosen = number_RC[:: max(1, len(number_RC) // _SAMPLE)]
        found = [knots(number_R, self.knot_CK.shape[1]) for number_R in chosen.T]
        self.knot_CK.copy_(torch.from_numpy(np.stack(found)))

    def forward(self, number_RC: Tensor) -> Tensor:
        """Codes ``(R, width)``: the numbers, then their pieces."""
        if self.knot_CK is None:
            return number_RC
        begin_CK, length_CK = self.knot_CK[:, :-1], self.knot_CK.diff(dim=1)
        inverse_CK = torch.where(length_CK > 0, 1 / length_CK, 0.0)
        way_RCK = torch.addcmul(-begin_CK * inverse_CK, number_RC[..., None], inverse_CK).clamp_(0, 1)
        return torch.cat([number_RC, way_RCK.flatten(1)], 1)


def knots(number_R: np.ndarray, count: int) -> np.ndarray:
    """Quantiles of numbers, ascending, ``(count,)`` float32; where many are equal, also of those between.

    >>> knots(np.array([0, 0, 0, 0, 0, 0, 0, 1, 4]), 4).tolist()
    [0.0, 1.0, 4.0, 4.0]
    """
    found = np.unique(np.quantile(number_R, np.linspace(0, 1, count)))
    between = number_R[~np.isin(number_R, found)]
    if len(found) < count and len(between):
        more = np.quantile(between, np.linspace(0, 1, count - len(found) + 2)[1:-1])
        found = np.union1d(found, more)
    return np.pad(found, (0, count - len(found)), mode="edge").astype(np.float32)
