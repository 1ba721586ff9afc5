"""Surgery: from the gradients of all tasks to one.

A method sees one row a task: the gradient g_k of its weighted loss, at the shared representation or at the
shared parameters (`motet.training.descent`). All are scaled so that equal gradients give their sum. A task
whose gradient is zero does not pull, and counts as one that is not there: by their formulas MGDA would stand
still, IMTL-G overstep and GradNorm drift.

Shapes: K tasks of the step, N numbers of the gradient; G the Gramian, products of the gradients, ``(K, K)``.
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

    def step_over(self) -> None:
        """Know that a step has ended; with several batches it may have had as many gradients."""

    def current(self) -> dict[str, float]:
        """Task name -> its weight in the last step that had it; 1 where a method has no weights."""
        return dict(self.last)


class Weighing(Surgery):
    """Methods whose gradient is a weighted sum; the weights follow from the products of the gradients."""

    def forward(self, gradient_KN: Tensor, losses: dict[str, float], common: int = 0) -> Tensor:
        """The weighted sum, ``(N,)``; of several processes each gets its own part, with weights for all."""
        gramian_KK, everywhere = gramian(gradient_KN, losses, self.tasks, common)
        pulls = gramian_KK.diagonal().ne(0).tolist()  # a gradient of zero pulls nowhere
        pulling = {name: loss for (name, loss), pull in zip(everywhere.items(), pulls, strict=True) if pull}
        if not pulling:
            return gradient_KN.sum(0)
        weight_K = of_first(self.weigh(gramian_KK[pulls][:, pulls], pulling))
        self.last |= dict(zip(pulling, weight_K.tolist(), strict=True))
        if not losses:
            return gradient_KN.sum(0)
        one = weight_K.new_ones(())
        found = dict(zip(pulling, weight_K, strict=True))
        return torch.stack([found.get(name, one) for name in losses]) @ gradient_KN

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
    """Nash-MTL, the Nash bargaining solution (Navon et al., ICML 2022, arXiv:2202.01017).

    Its weights solve ``G w = 1 / w``: the stationary point of the strictly convex function
    ``w G w / 2 - sum(log w)``, found here by damped Newton steps. They are scaled to sum to K.

    torchjd's `NashMTL` is not used, though the directions agree (a test): it solves a sequence of convex
    programs by cvxpy and ECOS, starts each from the weights of the step before (state that no checkpoint
    would keep), wants the same count of tasks in every step, and reads the gradients themselves where several
    processes know their products alone.
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
    """Gradient sign dropout (Chen et al., NeurIPS 2020, arXiv:2010.06808).

    Each number of the gradient is positive with probability ``(1 + sum g_k / sum |g_k|) / 2``; what has the
    other sign is left out of the sum there. So it is the sum of its positive parts or that of its negative
    ones; torchjd, whose draws these are too, goes through the tasks once more: a step then takes 1.55 times
    a plain one where this takes 1.40 (LOG.md).
    """

    def forward(self, gradient_KN: Tensor, losses: dict[str, float], common: int = 0) -> Tensor:
        """The gradient to descend, ``(N,)``; where no task pulls, nothing. Each process drops its own."""
        del losses, common
        positive_N = gradient_KN.clamp(min=0).sum(0)
        negative_N = gradient_KN.sum(0) - positive_N
        drawn_N = torch.rand(positive_N.shape, dtype=positive_N.dtype, device=positive_N.device)
        return torch.where(drawn_N * (positive_N - negative_N) < positive_N, positive_N, negative_N)


class GradNorm(Weighing):
    """Weights learned so that all tasks train at like rates (Chen et al., ICML 2018, arXiv:1711.02257).

    With norm ``G_k = w_k |g_k|`` and the relative inverse rate ``r_k`` (the loss over its first value, over
    the mean of those), the weights descend the sum of ``|G_k - mean(G) r_k^asymmetry|``, the second part
    taken as constant; then they are scaled to keep their sum. The step is in shares of the mean norm. They
    learn once a step: of several batches in it, from the mean losses and norms.
    """

    def __init__(self, tasks: Sequence[str], settings: Settings) -> None:
        super().__init__(tasks)
        self.asymmetry, self.rate = settings.asymmetry, settings.rate
        self.register_buffer("weight_T", torch.ones(len(self.tasks)))
        self.register_buffer("first_T", torch.full((len(self.tasks),), torch.nan))
        self.heard: dict[str, list[Tensor]] = {}  # task -> its loss and norm in each batch of the step

    def weigh(self, gramian_KK: Tensor, losses: dict[str, float]) -> Tensor:
        """The weights of now."""
        norm_K = gramian_KK.diagonal().sqrt()
        for (name, loss), norm in zip(losses.items(), norm_K, strict=True):
            self.heard.setdefault(name, []).append(torch.stack([norm.new_tensor(loss), norm]))
        return self.get_buffer("weight_T")[[self.tasks.index(name) for name in losses]]

    def step_over(self) -> None:
        """Let the weights learn from the losses and norms of the step."""
        if not self.heard:
            return
        place_K = torch.tensor([self.tasks.index(name) for name in self.heard])
        loss_K, norm_K = torch.stack([torch.stack(each).mean(0) for each in self.heard.values()], 1)
        self.heard = {}
        weight_T, first_T = self.get_buffer("weight_T"), self.get_buffer("first_T")
        first_T[place_K] = torch.where(first_T[place_K].isnan(), loss_K, first_T[place_K])
        weight_K = weight_T[place_K].clone()
        rate_K = loss_K / first_T[place_K].clamp_min(1e-8)
        scaled_K = weight_K * norm_K
        aim_K = scaled_K.mean() * (rate_K / rate_K.mean().clamp_min(1e-8)) ** self.asymmetry
        step_K = torch.sign(scaled_K - aim_K) * norm_K / norm_K.mean().clamp_min(1e-12)
        new_K = (weight_K - self.rate * step_K).clamp_min(1e-3)
        weight_T[place_K] = new_K * weight_K.sum() / new_K.sum()


class Priorities(Weighing):
    """Lexicographic descent: a lower task yields where it would worsen a higher one.

    In the order of the tasks, each gradient g_k becomes a step of its own: the nearest
    ``s_k = g_k + sum of lambda_h g_h`` over the higher tasks h with ``<g_h, s_k> >= -left_h``. What is left
    of h begins with ``tolerance <g_h, s_h>``, a share of what its own step gains, and each lower task takes
    off what it costs: to first order all lower tasks together cost h no more than that share, and with a
    tolerance of 0 none costs it anything. What one gives h, another may not take. The gradient is the sum of
    the steps. The quadratic program in lambda >= 0 is solved by coordinate descent.
    """

    def __init__(self, tasks: Sequence[str], settings: Settings) -> None:
        super().__init__(tasks)
        known = [name for name in settings.order if name in self.tasks]
        self.order = known + [name for name in self.tasks if name not in known]
        self.tolerance = settings.tolerance

    def weigh(self, gramian_KK: Tensor, losses: dict[str, float]) -> Tensor:
        """Sum of the tasks' own steps, as weights of the gradients."""
        names = list(losses)
        gramian_KK = gramian_KK.double()
        total_K = torch.zeros(len(names), dtype=torch.float64)
        left_K = torch.zeros_like(total_K)
        higher: list[int] = []
        for place in [names.index(name) for name in self.order if name in losses]:
            step_K = torch.zeros(len(names), dtype=torch.float64)
            step_K[place] = 1
            step_K[higher] = _yielded(gramian_KK[higher][:, [*higher, place]], left_K[higher])
            gain_K = gramian_KK @ step_K
            left_K[higher] = (left_K + gain_K.clamp_max(0))[higher].clamp_min(0)
            left_K[place] = self.tolerance * gain_K[place].clamp_min(0)
            total_K += step_K
            higher.append(place)
        return total_K.float()


def _yielded(gramian_HX: Tensor, left_H: Tensor) -> Tensor:
    """How much of the gradients of higher tasks a lower one adds to its own, ``(H,)``.

    Args:
        gramian_HX: Products of the gradients of the higher tasks with one another, and with the lower one's.
        left_H: What it may cost each of them.
    """
    rows, left = gramian_HX.tolist(), left_H.tolist()
    found = [0.0] * len(rows)
    for _ in range(1000):
        moved = 0.0
        for h, (*among, own) in enumerate(rows):
            rest = own + left[h] + sum(a * b for a, b in zip(among, found, strict=True))
            new = max(found[h] - rest / among[h], 0.0)
            moved, found[h] = max(moved, abs(new - found[h])), new
        if moved <= 1e-9 * max(found, default=0.0):
            break
    return torch.tensor(found, dtype=torch.float64)


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
    """One of torchjd's. d is the gradient to descend, but for its length.

    - PCGrad (Yu et al., NeurIPS 2020, arXiv:2001.06782): each g_k meets the others in random order and loses
      ``<g_k, g_j> / |g_j|^2 g_j`` where it conflicts with g_j; d is the sum of what is left.
    - CAGrad (Liu et al., NeurIPS 2021, arXiv:2110.14048): the d with the greatest least gain
      ``min_k <g_k, d>`` among those with ``|d - g_0| <= radius |g_0|``, g_0 the mean gradient.
    - MGDA (Desideri, C. R. Math. 2012; Sener and Koltun, NeurIPS 2018, arXiv:1810.04650): the shortest
      ``sum w_k g_k`` with ``w_k >= 0`` that sum to 1; it is zero on the Pareto set alone.
    - IMTL-G (Liu et al., ICLR 2021, openreview.net/forum?id=IMPnRXEWpvr): weights that sum to 1, maybe
      negative, with equal projections ``<g_k, d> / |g_k|``.
    - Aligned-MTL (Senushkin et al., CVPR 2023, arXiv:2305.19000): the mean of the gradients after all their
      singular values were made equal to the least one: with ``G = V diag(s) V^T`` the weights are those of
      the mean times ``sqrt(min s) V diag(1 / sqrt(s)) V^T``.
    - UPGrad (Quinton and Rey, arXiv:2406.16232): the mean of the nearest point to each g_k in the cone
      ``<g_j, d> >= 0`` for all j.
    - GradDrop: see `GradDrop`.
    """
    from torchjd import aggregation as torchjd  # its solvers take a second to load

    if settings.kind == "graddrop":
        return GradDrop(tasks)
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
