"""Balance: from the losses of all tasks to one number to minimise.

Losses come normalised: a predictor that knows only the training mean has about 1 (see `motet.tasks`). All
methods take them so but `likelihood_weights`, by which they count in nats again. A task without a row in the
batch has no loss: it takes no part in the step, nor does its learned weight. Every method multiplies its own
weights by those of the configuration. Methods that look at gradients stand in `motet.training.surgery`.

K tasks of a step, T tasks of the model.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from motet.config.balance import Balance as Settings
from motet.training.processes import total


class Balance(nn.Module, ABC):
    """What all methods have: weights from the configuration, and the end of an epoch."""

    def __init__(self, weights: dict[str, float]) -> None:
        super().__init__()
        self.weights = weights

    @abstractmethod
    def forward(self, losses: dict[str, Tensor]) -> Tensor:
        """One scalar to minimise."""

    def current(self) -> dict[str, float]:
        """Task name -> weight."""
        return dict(self.weights)

    def hear(self, losses: dict[str, float]) -> None:
        """Take the losses of a step."""

    def epoch_over(self) -> None:
        """Know that an epoch has ended."""


class FixedBalance(Balance):
    """Weights from the configuration, never changed."""

    def forward(self, losses: dict[str, Tensor]) -> Tensor:
        """Weighted sum of the losses, a scalar."""
        return torch.stack([self.weights[name] * loss for name, loss in losses.items()]).sum()


def likelihood_weights(
    weights: dict[str, float], nats: dict[str, float], power: float = 1.0
) -> dict[str, float]:
    """Weights by which losses count as much as their labels tell, in nats, to a power.

    A loss comes in units of what a constant guess has. To the power of 1 it counts in nats again, and the sum
    of the losses is, but for a factor, the log-likelihood of all labels: of a click that half of the views
    get 0.69 nats, of a like that one in fifty gets 0.1, of the next of 7,583 items 8.9. To the power of 0 all
    count alike: then the few likes push as hard as all clicks, and learn by heart. What lies between is
    measured in docs/balancing.md.

    Args:
        weights: Task name -> factor.
        nats: Task name -> nats of a loss of 1.
        power: Of the nats.

    Returns:
        Task name -> weight; their mean is 1 where the factors are 1.

    >>> likelihood_weights({"next": 1.0, "like": 2.0}, {"next": 9.0, "like": 1.0}, 0.5)
    {'next': 1.5, 'like': 1.0}
    """
    told = {name: nats[name] ** power for name in weights}
    counted = [told[name] for name, weight in weights.items() if weight > 0]
    mean = sum(counted) / max(len(counted), 1)
    return {name: weight * told[name] / mean for name, weight in weights.items()}


class UncertaintyBalance(Balance):
    """Weights learned as each task's noise (Kendall, Gal, Cipolla, CVPR 2018, arXiv:1705.07115).

    With s = log of the variance, the sum is over ``weight * (exp(-s) * loss + s) / 2``; at the optimum s is
    the log of the loss.
    """

    def __init__(self, weights: dict[str, float]) -> None:
        super().__init__(weights)
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


class DynamicAverage(Balance):
    """Dynamic weight average (Liu, Johns, Davison, CVPR 2019, arXiv:1803.10704).

    The weights of an epoch are ``T softmax(r / temperature)`` with r the loss of the last epoch over that of
    the one before: a task that gains little counts more. Until two epochs are over all weights are 1. Tasks
    of weight 0 are not among the T.
    """

    def __init__(self, weights: dict[str, float], temperature: float) -> None:
        super().__init__(weights)
        self.temperature, self.place = temperature, {name: place for place, name in enumerate(weights)}
        self.register_buffer("past_2T", torch.full((2, len(weights)), torch.nan))  # mean losses of two epochs
        self.register_buffer("sum_T", torch.zeros(len(weights)))
        self.register_buffer("steps_T", torch.zeros(len(weights)))

    def forward(self, losses: dict[str, Tensor]) -> Tensor:
        """Weighted sum of the losses, a scalar."""
        weights = self.current()
        return torch.stack([weights[name] * loss for name, loss in losses.items()]).sum()

    def current(self) -> dict[str, float]:
        """Task name -> weight."""
        before_T, last_T = self.get_buffer("past_2T")
        rate_T = torch.nan_to_num(last_T / before_T, nan=1.0, posinf=1.0)
        learns_T = torch.tensor([weight > 0 for weight in self.weights.values()])
        share_T = (rate_T / self.temperature).masked_fill(~learns_T, -torch.inf).softmax(0)
        mine_T = share_T * learns_T.sum()
        return {name: weight * float(mine_T[self.place[name]]) for name, weight in self.weights.items()}

    def hear(self, losses: dict[str, float]) -> None:
        """Add the losses of a step to those of the epoch."""
        for name, loss in losses.items():
            self.get_buffer("sum_T")[self.place[name]] += loss
            self.get_buffer("steps_T")[self.place[name]] += 1

    def epoch_over(self) -> None:
        """Take the mean losses of the epoch; a task that was not trained keeps its rate."""
        past_2T = self.get_buffer("past_2T")
        sum_T, steps_T = (total(self.get_buffer(name)) for name in ("sum_T", "steps_T"))
        trained_T = steps_T > 0
        past_2T[0, trained_T] = past_2T[1, trained_T]
        past_2T[1, trained_T] = (sum_T / steps_T)[trained_T]
        self.get_buffer("sum_T").zero_()
        self.get_buffer("steps_T").zero_()


class RandomBalance(Balance):
    """Random weights, new in every step (Lin, Ye, Zhang, Tsang, TMLR 2022, arXiv:2111.10603).

    They are the softmax of standard normal numbers, times their count: on average every weight is 1. For a
    task of weight 0 nothing is drawn.
    """

    def forward(self, losses: dict[str, Tensor]) -> Tensor:
        """Weighted sum of the losses, a scalar."""
        learned = [name for name in losses if self.weights[name] > 0]
        mine_K = torch.softmax(torch.randn(len(learned)), 0) * len(learned)
        mine = dict(zip(learned, mine_K.tolist(), strict=True))
        terms = [self.weights[name] * mine.get(name, 0.0) * loss for name, loss in losses.items()]
        return torch.stack(terms).sum()


class GeometricBalance(Balance):
    """The geometric mean of the losses (Chennupati et al., CVPR workshops 2019, arXiv:1904.08492).

    Times the count of tasks, so that it is the sum of the losses where they are equal. The weights of the
    configuration are exponents, as in a weighted geometric mean.
    """

    def forward(self, losses: dict[str, Tensor]) -> Tensor:
        """Weighted geometric mean of the losses times their count, a scalar."""
        weight_K = torch.tensor([self.weights[name] for name in losses])
        log_K = torch.stack([loss.float().clamp_min(1e-8).log() for loss in losses.values()])
        whole = weight_K.sum().clamp_min(1e-8)
        return whole * ((weight_K * log_K).sum() / whole).exp()


def build_balance(settings: Settings, weights: dict[str, float]) -> Balance:
    """The balance that the configuration names, one of those that weigh losses."""
    match settings.kind:
        case "uncertainty":
            return UncertaintyBalance(weights)
        case "dwa":
            return DynamicAverage(weights, settings.temperature)
        case "random":
            return RandomBalance(weights)
        case "geometric":
            return GeometricBalance(weights)
        case _:
            return FixedBalance(weights)
