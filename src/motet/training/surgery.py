"""Surgery: from the gradients of all tasks to one.

A method sees one row a task: the gradient of its weighted loss, at the shared representation or at the shared
parameters (`motet.training.descent`). All are scaled so that equal gradients give their sum.

Shapes: K tasks of the step, N numbers of the gradient.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from motet.config.balance import Balance as Settings
from motet.errors import ConfigError
from motet.training.processes import gramian, of_first


class Surgery(nn.Module, ABC):
    """What all methods have."""

    def __init__(self, tasks: Sequence[str]) -> None:
        super().__init__()
        self.tasks = list(tasks)
        self.last = dict.fromkeys(self.tasks, 1.0)

    @abstractmethod
    def forward(self, gradient_KN: Tensor, losses: dict[str, float], common: int = 0) -> Tensor:
        """The gradient to descend, ``(N,)``.

        Args:
            gradient_KN: In fp32, one row for each of the losses.
            losses: Of the tasks that have one in this step.
            common: Leading numbers of a gradient that other processes share, see `motet.training.processes`.
        """

    def current(self) -> dict[str, float]:
        """Task name -> its weight in the last step that had it; 1 where a method has no weights."""
        return dict(self.last)


class Weighing(Surgery):
    """Methods whose gradient is a weighted sum; the weights follow from the products of the gradients."""

    def forward(self, gradient_KN: Tensor, losses: dict[str, float], common: int = 0) -> Tensor:
        """The weighted sum, ``(N,)``; of several processes each gets its own part, with weights for all."""
        gramian_KK, everywhere = gramian(gradient_KN, losses, self.tasks, common)
        if not everywhere:
            return gradient_KN.sum(0)
        found = dict(zip(everywhere, of_first(self.weigh(gramian_KK, everywhere)), strict=True))
        self.last |= {name: float(weight) for name, weight in found.items()}
        if not losses:
            return gradient_KN.sum(0)
        return torch.stack([found[name] for name in losses]) @ gradient_KN

    @abstractmethod
    def weigh(self, gramian_KK: Tensor, losses: dict[str, float]) -> Tensor:
        """Weights of the gradients, ``(K,)``."""


class ByTorchjd(Weighing):
    """Weights that torchjd works out from the Gramian (Quinton and Rey, arXiv:2406.16232, lists them).

    Args:
        tasks: Names.
        method: A weighting of torchjd.
        scale: What its weights are multiplied by, besides the count of tasks, so that those of equal
            gradients sum to that count; None where they do as they are.
    """

    def __init__(self, tasks: Sequence[str], method: Any, scale: float | None = 1.0) -> None:
        super().__init__(tasks)
        self.method, self.scale = method, scale

    def weigh(self, gramian_KK: Tensor, losses: dict[str, float]) -> Tensor:
        """Its weights; all equal for one task."""
        if len(losses) == 1:
            return torch.ones(1)
        weight_K: Tensor = self.method(gramian_KK)
        return weight_K if self.scale is None else weight_K * len(losses) * self.scale


class Nash(Weighing):
    """The Nash bargaining solution (Navon et al., ICML 2022, arXiv:2202.01017).

    Its weights solve ``G w = 1 / w`` with G the Gramian: the stationary point of the strictly convex function
    ``w G w / 2 - sum(log w)``, found here by Newton steps, which need no state between steps. The weights are
    scaled to sum to the count of tasks.
    """

    def weigh(self, gramian_KK: Tensor, losses: dict[str, float]) -> Tensor:
        """The solution for gradients scaled to a mean norm of 1."""
        size = gramian_KK.diagonal().double().mean().clamp_min(1e-30)
        g_KK = gramian_KK.double() / size + 1e-9 * torch.eye(len(losses), dtype=torch.float64)
        weight_K = g_KK.diagonal().clamp_min(1e-9).rsqrt()
        for _ in range(100):
            slope_K = g_KK @ weight_K - 1 / weight_K
            step_K = torch.linalg.solve(g_KK + torch.diag(weight_K**-2), slope_K)
            decrement = float((step_K @ slope_K).clamp_min(0).sqrt())
            weight_K = weight_K - step_K / (1 + decrement)  # damped: self-concordant, so it stays positive
            if decrement < 1e-10:
                break
        return (weight_K * len(losses) / weight_K.sum()).float()


class GradDrop(Surgery):
    """Sign dropout (Chen et al., NeurIPS 2020, arXiv:2010.06808), by torchjd."""

    def __init__(self, tasks: Sequence[str], method: Any) -> None:
        super().__init__(tasks)
        self.method = method

    def forward(self, gradient_KN: Tensor, losses: dict[str, float], common: int = 0) -> Tensor:
        """The gradient to descend, ``(N,)``; where no task pulls, nothing. Each process drops its own."""
        del losses, common
        combined_N: Tensor = self.method(gradient_KN)
        return combined_N.nan_to_num(0.0)  # 0 / 0 where all gradients are 0


class GradNorm(Weighing):
    """Weights learned so that all tasks train at like rates (Chen et al., ICML 2018, arXiv:1711.02257).

    With norm ``G_k = w_k |g_k|`` and the relative inverse rate ``r_k`` (the loss over its first value, over
    the mean of those), the weights descend the sum of ``|G_k - mean(G) r_k^asymmetry|``, the second part
    taken as constant; then they are scaled to keep their sum. The step is in shares of the mean norm.
    """

    def __init__(self, tasks: Sequence[str], settings: Settings) -> None:
        super().__init__(tasks)
        self.asymmetry, self.rate = settings.asymmetry, settings.rate
        self.register_buffer("weight_T", torch.ones(len(self.tasks)))
        self.register_buffer("first_T", torch.full((len(self.tasks),), torch.nan))

    def weigh(self, gramian_KK: Tensor, losses: dict[str, float]) -> Tensor:
        """The weights of now; then they learn from the norms."""
        place_K = torch.tensor([self.tasks.index(name) for name in losses])
        weight_T, first_T = self.get_buffer("weight_T"), self.get_buffer("first_T")
        loss_K, norm_K = torch.tensor(list(losses.values())), gramian_KK.diagonal().clamp_min(0).sqrt()
        first_T[place_K] = torch.where(first_T[place_K].isnan(), loss_K, first_T[place_K])
        weight_K = weight_T[place_K].clone()
        rate_K = loss_K / first_T[place_K].clamp_min(1e-8)
        scaled_K = weight_K * norm_K
        aim_K = scaled_K.mean() * (rate_K / rate_K.mean().clamp_min(1e-8)) ** self.asymmetry
        step_K = torch.sign(scaled_K - aim_K) * norm_K / norm_K.mean().clamp_min(1e-12)
        new_K = (weight_K - self.rate * step_K).clamp_min(1e-3)
        weight_T[place_K] = new_K * weight_K.sum() / new_K.sum()
        return weight_K


class Priorities(Weighing):
    """Lexicographic descent: a lower task yields where it would worsen a higher one.

    In the order of the tasks, each gradient g is replaced by the nearest g + sum of lambda_h g_h over the
    higher tasks h with ``<g_h, result> >= -tolerance |g_h|^2``: to first order no higher task then loses more
    than that share of what its own step gains. The quadratic program in lambda >= 0 is solved by coordinate
    descent.
    """

    def __init__(self, tasks: Sequence[str], settings: Settings) -> None:
        super().__init__(tasks)
        known = [name for name in settings.order if name in self.tasks]
        self.order = known + [name for name in self.tasks if name not in known]
        self.tolerance = settings.tolerance

    def weigh(self, gramian_KK: Tensor, losses: dict[str, float]) -> Tensor:
        """Sum of what each task keeps, as weights of the gradients."""
        names = list(losses)
        place_K = [names.index(name) for name in self.order if name in losses]
        gramian_KK = gramian_KK.double()
        total_K = torch.zeros(len(names), dtype=torch.float64)
        for rank, place in enumerate(place_K):
            higher = place_K[:rank]
            total_K[place] += 1
            if higher:
                total_K[higher] += self._yielded(gramian_KK, place, higher)
        return total_K.float()

    def _yielded(self, gramian_KK: Tensor, place: int, higher: list[int]) -> Tensor:
        among_HH = gramian_KK[higher][:, higher]
        own_H = among_HH.diagonal()
        lack_H = gramian_KK[higher, place] + self.tolerance * own_H
        lambda_H = torch.zeros(len(higher), dtype=torch.float64)
        for _ in range(100):
            before_H = lambda_H.clone()
            for h in range(len(higher)):
                if own_H[h] > 0:
                    rest = lack_H[h] + among_HH[h] @ lambda_H - own_H[h] * lambda_H[h]
                    lambda_H[h] = (-rest / own_H[h]).clamp_min(0)
            if torch.allclose(before_H, lambda_H, rtol=1e-9, atol=1e-12):
                break
        return lambda_H


def build_surgery(settings: Settings, tasks: Sequence[str]) -> Surgery:
    """The method that the configuration names, one of those that combine gradients.

    Raises:
        ConfigError: It needs a solver that is not installed.
    """
    match settings.kind:
        case "gradnorm":
            return GradNorm(tasks, settings)
        case "priorities":
            return Priorities(tasks, settings)
        case "nash_mtl":
            return Nash(tasks)
    try:
        return _by_torchjd(settings, tasks)
    except ImportError as error:
        raise ConfigError(
            f"training.balance: {settings.kind} needs a solver that is not installed ({error}). "
            'Install it with  pip install "motet[balance]"'
        ) from None


def _by_torchjd(settings: Settings, tasks: Sequence[str]) -> Surgery:
    from torchjd import aggregation as torchjd  # its solvers take a second to load

    if settings.kind == "graddrop":
        return GradDrop(tasks, torchjd.GradDrop())
    if settings.kind == "pcgrad":
        return ByTorchjd(tasks, torchjd.PCGradWeighting(), None)
    if settings.kind == "cagrad":
        return ByTorchjd(tasks, torchjd.CAGradWeighting(c=settings.radius), 1 / (1 + settings.radius))
    plain = {
        "mgda": torchjd.MGDAWeighting,
        "imtl_g": torchjd.IMTLGWeighting,
        "aligned_mtl": torchjd.AlignedMTLWeighting,
        "upgrad": torchjd.UPGradWeighting,
    }
    return ByTorchjd(tasks, plain[settings.kind]())
