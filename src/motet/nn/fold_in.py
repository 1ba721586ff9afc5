"""FoldIn: what a user thinks of items, from the labels that the user has given so far.

label = item bias + user bias + user factors . item factors (Koren, Bell, Volinsky, Computer 2009). Items
come out of their vectors; a user is the solution of a small ridge regression on the events before the row, in
closed form, so that a new label counts at once. It is pulled to what the user's vector says. Gradients go
through the solution (Bertinetto et al., ICLR 2019, arXiv:1805.08136).
Shapes: B timelines, L events, R rows, D width, A one bias and the factors.
"""

import math

import torch
from torch import Tensor, nn

START = 0.2  # spread of the first item factors


class FoldIn(nn.Module):
    """Ridge regression of labels on item factors, one a user and row.

    Args:
        width: Width of item and user vectors.
        factors: Length of an item's factors.
        mean: Of the labels in training.
        deviation: Of the same.
        ridge: Strength that pulls a user to what is expected, in events, at the start; it is learned.
    """

    def __init__(self, width: int, factors: int, mean: float, deviation: float, ridge: float = 5.0) -> None:
        super().__init__()
        self.mean, self.deviation = mean, max(deviation, 1e-6)
        self.norm = nn.LayerNorm(width)
        self.bias = nn.Linear(width, 1)
        self.factors = nn.Linear(width, factors, bias=False)
        self.expected = nn.Linear(width, 1 + factors)
        self.gain = nn.Parameter(torch.ones(()))
        self.log_ridge = nn.Parameter(torch.full((1 + factors,), math.log(ridge)))
        nn.init.normal_(self.factors.weight, std=START * width**-0.5)
        for weight in (self.bias.weight, self.bias.bias, self.expected.weight, self.expected.bias):
            nn.init.zeros_(weight)

    def forward(
        self, candidate_RD: Tensor, item_BLD: Tensor, label_BL: Tensor, user_BD: Tensor, seen_2R: Tensor
    ) -> Tensor:
        """Expected labels, in deviations from their mean, ``(R,)``.

        Args:
            candidate_RD: Vectors of the candidates.
            item_BLD: Vectors of the events' items.
            label_BL: Labels of the events; NaN where there is none.
            user_BD: Vectors of the users.
            seen_2R: For each row its timeline and how many of its events it may read, int64.
        """
        with torch.autocast("cpu", enabled=False):
            timeline_R, state_R = seen_2R
            event_BLD, candidate_RD = self.norm(item_BLD.float()), self.norm(candidate_RD.float())
            expected_BA = self.expected(user_BD.float())
            bias_BL, design_BLA = self.bias(event_BLD).squeeze(-1), self._design(event_BLD)
            label_BL = (label_BL - self.mean) / self.deviation
            rest_BL = label_BL - bias_BL - (design_BLA @ expected_BA[..., None]).squeeze(-1)
            known_BL1 = (~label_BL.isnan())[..., None]
            design_BLA = design_BLA * known_BL1
            right_BLA = design_BLA * rest_BL.nan_to_num(0.0)[..., None]
            gram_BLAA = design_BLA[..., None] * design_BLA[..., None, :]
            gram_RAA = sums_before(gram_BLAA)[timeline_R, state_R] + torch.diag(self.log_ridge.exp())
            right_RA = sums_before(right_BLA)[timeline_R, state_R]
            user_RA = expected_BA[timeline_R] + torch.linalg.solve(gram_RAA, right_RA)
            out: Tensor = self.bias(candidate_RD).squeeze(-1) + (self._design(candidate_RD) * user_RA).sum(-1)
            return out * self.gain

    def _design(self, item_XD: Tensor) -> Tensor:
        """One and the factors of each item, ``(..., A)``."""
        factor_XF = self.factors(item_XD)
        return torch.cat([torch.ones_like(factor_XF[..., :1]), factor_XF], -1)


def sums_before(value_BLX: Tensor) -> Tensor:
    """Sums of the first 0, 1, ..., L values of each timeline, ``(B, L + 1, ...)``.

    >>> sums_before(torch.tensor([[1.0, 2.0]])).tolist()
    [[0.0, 1.0, 3.0]]
    """
    none_B1X = value_BLX.new_zeros(len(value_BLX), 1, *value_BLX.shape[2:])
    return torch.cat([none_B1X, value_BLX.cumsum(1)], 1)
