"""Balance: from the losses of all tasks to one number to minimise.

Losses come normalised: a predictor that knows only the training mean has about 1 (see `motet.tasks`). A task
without a row in the batch has no loss: it takes no part in the step, nor does its learned weight.
"""

from typing import Literal, assert_never

import torch
from torch import Tensor, nn


class FixedBalance(nn.Module):
    """Weights from the configuration, never changed."""

    def __init__(self, weights: dict[str, float]) -> None:
        super().__init__()
        self.weights = weights

    def forward(self, losses: dict[str, Tensor]) -> Tensor:
        """Weighted sum of the losses, a scalar."""
        return torch.stack([self.weights[name] * loss for name, loss in losses.items()]).sum()

    def current(self) -> dict[str, float]:
        """Task name -> weight."""
        return dict(self.weights)


class UncertaintyBalance(nn.Module):
    """Weights learned as each task's noise (Kendall, Gal, Cipolla, CVPR 2018, arXiv:1705.07115).

    With s = log of the variance, the sum is over ``weight * (exp(-s) * loss + s) / 2``; at the optimum s is
    the log of the loss.
    """

    def __init__(self, weights: dict[str, float]) -> None:
        super().__init__()
        self.weights = weights
        zeros = {f"of_{name}": nn.Parameter(torch.zeros(())) for name in weights}  # "type" is taken
        self.log_variance = nn.ParameterDict(zeros)

    def forward(self, losses: dict[str, Tensor]) -> Tensor:
        """Sum of the weighted losses and of their log variances, a scalar."""
        terms = []
        for name, loss in losses.items():
            log_variance = self.log_variance[f"of_{name}"]
            terms.append(self.weights[name] * 0.5 * (torch.exp(-log_variance) * loss + log_variance))
        return torch.stack(terms).sum()

    def current(self) -> dict[str, float]:
        """Task name -> weight."""
        return {
            name: weight * float(torch.exp(-self.log_variance[f"of_{name}"].detach())) / 2
            for name, weight in self.weights.items()
        }


Balance = FixedBalance | UncertaintyBalance


def build_balance(kind: Literal["fixed", "uncertainty"], weights: dict[str, float]) -> Balance:
    """The balance that the configuration names."""
    match kind:
        case "fixed":
            return FixedBalance(weights)
        case "uncertainty":
            return UncertaintyBalance(weights)
        case _:
            assert_never(kind)
