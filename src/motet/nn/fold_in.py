"""FoldIn: what a user thinks of items, from the labels that the user has given so far.

label = item bias + user bias + user factors . item factors (Koren, Bell, Volinsky, Computer 2009). Items
come out of their vectors; a user is the solution of a small ridge regression on the events before the row, in
closed form, so that a new label counts at once. It is pulled to what the user's vector says. Gradients go
through the solution (Bertinetto et al., ICLR 2019, arXiv:1805.08136). All tasks are solved together.
Shapes: B timelines, L events, R rows, T tasks, D width, A one bias and the factors.
"""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

START = 0.2  # spread of the first item factors
RIDGE = 5.0  # strength that pulls a user to what is expected, in events, at the start


class FoldIn(nn.Module):
    """What one task's ridge regression goes by.

    Args:
        width: Width of item and user vectors.
        factors: Length of an item's factors.
        mean: Of the labels in training.
        deviation: Of the same.
    """

    def __init__(self, width: int, factors: int, mean: float, deviation: float) -> None:
        super().__init__()
        self.mean, self.deviation = mean, max(deviation, 1e-6)
        self.item = nn.Linear(width, 1 + factors)  # bias and factors, out of a normalised vector
        self.expected = nn.Linear(width, 1 + factors)
        self.gain = nn.Parameter(torch.ones(()))
        self.log_ridge = nn.Parameter(torch.full((1 + factors,), math.log(RIDGE)))
        nn.init.normal_(self.item.weight[1:], std=START * width**-0.5)
        for weight in (self.item.weight[0], self.item.bias, self.expected.weight, self.expected.bias):
            nn.init.zeros_(weight)


class FoldIns(nn.Module):
    """Ridge regressions of several tasks' labels on item factors, one a user, task and row.

    Args:
        of: Task -> its own.
    """

    def __init__(self, of: Mapping[str, FoldIn]) -> None:
        super().__init__()
        self.tasks = list(of)
        self.of = nn.ModuleDict({f"of_{name}": each for name, each in of.items()})  # "type" is taken
        of_T = of.values()
        self.register_buffer("mean_T", torch.tensor([each.mean for each in of_T]), persistent=False)
        self.register_buffer("spread_T", torch.tensor([each.deviation for each in of_T]), persistent=False)

    def forward(
        self,
        candidate_RD: Tensor,
        item_BLD: Tensor,
        told: Mapping[str, Tensor],
        user_BD: Tensor,
        seen_2R: Tensor,
    ) -> dict[str, Tensor]:
        """Task -> expected labels, in deviations from their mean, ``(R,)``.

        Args:
            candidate_RD: Vectors of the candidates.
            item_BLD: Vectors of the events' items.
            told: Task -> labels of the events, ``(B, L)``; NaN where there is none.
            user_BD: Vectors of the users.
            seen_2R: For each row its timeline and how many of its events it may read, int64.
        """
        if not self.tasks:
            return {}
        label_BLT = torch.stack([told[name] for name in self.tasks], -1)
        with torch.autocast("cpu", enabled=False):
            found_RT = self._solved(
                candidate_RD.float(), item_BLD.float(), label_BLT, user_BD.float(), seen_2R
            )
        return dict(zip(self.tasks, found_RT.unbind(1), strict=True))

    def _solved(
        self, candidate_RD: Tensor, item_BLD: Tensor, label_BLT: Tensor, user_BD: Tensor, seen_2R: Tensor
    ) -> Tensor:
        timeline_R, state_R = seen_2R
        own = [each for each in self.of.values() if isinstance(each, FoldIn)]
        item, expected = _beside([each.item for each in own]), _beside([each.expected for each in own])
        bias_BLT, design_BLTA = self._items(item_BLD, item)
        expected_BTA = self._each(functional.linear(user_BD, *expected))
        ridge_TA = torch.stack([each.log_ridge for each in own]).exp()
        label_BLT = (label_BLT - self.get_buffer("mean_T")) / self.get_buffer("spread_T")
        rest_BLT = label_BLT - bias_BLT - (design_BLTA * expected_BTA[:, None]).sum(-1)
        design_BLTA = design_BLTA * (~label_BLT.isnan())[..., None]
        right_BLTA = design_BLTA * rest_BLT.nan_to_num(0.0)[..., None]
        gram_BLTAA = design_BLTA[..., None] * design_BLTA[..., None, :]
        gram_RTAA = sums_before(gram_BLTAA)[timeline_R, state_R] + torch.diag_embed(ridge_TA)
        right_RTA = sums_before(right_BLTA)[timeline_R, state_R]
        user_RTA = expected_BTA[timeline_R] + torch.linalg.solve(gram_RTAA, right_RTA)
        bias_RT, design_RTA = self._items(candidate_RD, item)
        out: Tensor = bias_RT + (design_RTA * user_RTA).sum(-1)
        return out * torch.stack([each.gain for each in own])

    def _items(self, item_XD: Tensor, item: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Biases of items ``(..., T)``, and one and their factors ``(..., T, A)``."""
        normal_XD = functional.layer_norm(item_XD, item_XD.shape[-1:])
        said_XTA = self._each(functional.linear(normal_XD, *item))
        bias_XT1, factor_XTF = said_XTA[..., :1], said_XTA[..., 1:]
        return bias_XT1.squeeze(-1), torch.cat([torch.ones_like(bias_XT1), factor_XTF], -1)

    def _each(self, said_XA: Tensor) -> Tensor:
        """What was said for all tasks side by side, a row a task."""
        tasks = len(self.tasks)
        return said_XA.view(*said_XA.shape[:-1], tasks, said_XA.shape[-1] // tasks)


def _beside(parts: Sequence[nn.Linear]) -> tuple[Tensor, Tensor]:
    """Weights and biases of several linear maps of the same vectors, as those of one."""
    return torch.cat([each.weight for each in parts]), torch.cat([each.bias for each in parts])


def sums_before(value_BLX: Tensor) -> Tensor:
    """Sums of the first 0, 1, ..., L values of each timeline, ``(B, L + 1, ...)``.

    >>> sums_before(torch.tensor([[1.0, 2.0]])).tolist()
    [[0.0, 1.0, 3.0]]
    """
    none_B1X = value_BLX.new_zeros(len(value_BLX), 1, *value_BLX.shape[2:])
    return torch.cat([none_B1X, value_BLX.cumsum(1)], 1)
