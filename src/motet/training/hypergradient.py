"""Hypergradients: what the weights of tasks do to the loss of one that leads them, on rows of its own.

Below, the model descends the weighted sum of all losses, ``theta' = theta - P sum_i w_i g_i`` with g_i the
gradient of task i and P the optimiser's step sizes. The slope of the leader's loss along a weight is ``-<h, P
g_i>`` with h the leader's gradient at theta' (unrolled by one step: Liu et al., DARTS, ICLR 2019,
arXiv:1806.09055; for weights of tasks: Liu et al., Auto-lambda, TMLR 2022, arXiv:2202.03091). Or it is ``-<h,
H^-1 g_i>`` with h at theta and H the Hessian of the weighted sum, its inverse by a Neumann series (implicit:
Lorraine, Vicol, Duvenaud, AISTATS 2020, arXiv:1911.02590).

Both hold P fixed, and it is what the next step makes of its own gradient, a tenth of a whole step: an
unrolled step is Adam's, momentum included. A whole step along the gradient of one batch would leap over the
valley and show what oscillates there instead of what helps, and the series would not converge. The gradients
g_i are exact, one pass back a task, and kept side by side: as many copies of the weights as there are tasks.
Products with H are differences of two gradients, in fp32: fused attention has no second derivative, and bf16
would round the difference away.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from motet.training.processes import mean_gradients

NEARBY = 0.01  # length of the move over which gradients are compared, as in DARTS

Gradient = Sequence[Tensor | None]
"""One for each parameter; None where a loss does not depend on it."""


@dataclass(frozen=True)
class Pair:
    """A batch of the training and one of the leader's rows, at the weights of the moment.

    Args:
        model: Its `forward` gives the loss of each task that has a row in a batch.
        batch: Of the training; dropout is on, the same for the same seed.
        lead: Of held-out rows; dropout is off.
        weights: Task name -> weight; of the leader those of the configuration alone.
        leaders: Tasks that lead.
        sizes: Step size for each number of each trainable parameter, see `next_step`.
        seed: Of dropout.
        precision: Of the arithmetic.
        momentum: What the next step takes away besides, in shapes of the parameters; empty: nothing.
    """

    model: nn.Module
    batch: Any
    lead: Any
    weights: Mapping[str, float]
    leaders: Mapping[str, float]
    sizes: Sequence[Tensor]
    seed: int = 0
    precision: str = "fp32"
    momentum: Gradient = ()

    @property
    def parameters(self) -> list[nn.Parameter]:
        """Those that are trained."""
        return [p for p in self.model.parameters() if p.requires_grad]

    def of_tasks(self) -> dict[str, Gradient]:
        """Task name -> gradient of its own loss, for tasks of some weight with a row in the batch."""
        losses = self._losses(self.batch)
        losses = {name: loss for name, loss in losses.items() if self.weights.get(name, 0) > 0}
        rows = {}
        for place, (name, loss) in enumerate(losses.items()):
            kept = place + 1 < len(losses)
            rows[name] = _gradient(loss, self.parameters, retain_graph=kept)
        return mean_gradients(rows, list(self.weights), self.parameters)

    def of_sum(self) -> Gradient:
        """Gradient of the weighted sum of the losses."""
        losses = self._losses(self.batch)
        rows = {"sum": _gradient(_sum(losses, self.weights), self.parameters)} if losses else {}
        return mean_gradients(rows, ["sum"], self.parameters)["sum"]

    def of_leader(self) -> Gradient | None:
        """Gradient of the leader's loss on its own rows; None where the batch has none of them."""
        was = self.model.training
        self.model.eval()
        losses = {name: loss for name, loss in self._losses(self.lead).items() if name in self.leaders}
        self.model.train(was)
        rows = {"lead": _gradient(_sum(losses, self.leaders), self.parameters)} if losses else {}
        return mean_gradients(rows, ["lead"], self.parameters).get("lead")

    def moved(self, by: Gradient, ask: Callable[[], Any]) -> Any:
        """What is answered where each parameter is moved by so much; then all are put back."""
        kept = [p.detach().clone() for p in self.parameters]
        with torch.no_grad():
            for p, step in zip(self.parameters, by, strict=True):
                if step is not None:
                    p.add_(step)
        try:
            return ask()
        finally:
            with torch.no_grad():
                for p, value in zip(self.parameters, kept, strict=True):
                    p.copy_(value)

    def _losses(self, batch: Any) -> dict[str, Tensor]:
        torch.manual_seed(self.seed)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.precision == "bf16"):
            found: dict[str, Tensor] = self.model(batch)
        return found


@dataclass(frozen=True)
class Slopes:
    """What the weights do to the leader's loss.

    Args:
        of: Task name -> slope along its weight; empty where the leader, or every task, lacks rows.
        scale: Norm of the leader's gradient times the mean norm of the tasks' gradients, both in the metric
            of the step sizes: slopes after one step lie about between its negative and it.
    """

    of: dict[str, float]
    scale: float = 0.0

    @property
    def relative(self) -> dict[str, float]:
        """The slopes over their scale, which learning rates have no say in."""
        return {name: slope / self.scale for name, slope in self.of.items()} if self.scale > 0 else {}


def unrolled(pair: Pair, clip: float = float("inf")) -> Slopes:
    """Slope of the leader's loss, after one step, along the weight of each task.

    Args:
        pair: Batches and weights.
        clip: Largest norm of the step's gradient.
    """
    rows = pair.of_tasks()
    if not rows:
        return Slopes({})
    total = _weighted(rows, pair.weights)
    shrunk = min(1.0, clip / max(_dot(total, total) ** 0.5, 1e-12))
    sizes = [shrunk * size for size in pair.sizes]
    step = _times(total, sizes, -1.0)
    step = _less(step, pair.momentum) if pair.momentum else step
    lead: Gradient | None = pair.moved(step, pair.of_leader)
    if lead is None:
        return Slopes({})
    return _slopes(rows, _times(lead, sizes), lead, sizes)


def implicit(pair: Pair, terms: int) -> Slopes:
    """Slope of the leader's loss, where the training ends, along the weight of each task.

    The inverse Hessian is ``sum_j P (1 - H P)^j``, j from 0 to `terms`; where its terms grow it ends early,
    for there the step sizes are too large for it to converge.

    Args:
        pair: Batches and weights; the precision is taken as fp32.
        terms: After the first.
    """
    rows, lead = pair.of_tasks(), pair.of_leader()
    if not rows or lead is None:
        return Slopes({})
    here = _weighted(rows, pair.weights)
    shaped = zip(pair.parameters, lead, strict=True)
    term: Gradient = [torch.zeros_like(p) if each is None else each for p, each in shaped]
    along = _times(term, pair.sizes)
    pull, length = along, _dot(term, along)
    for _ in range(terms):
        term = _less(term, _curved(pair, along, here))
        along = _times(term, pair.sizes)
        now = _dot(term, along)
        if not now < length:
            break
        pull, length = _less(pull, along, -1.0), now
    return _slopes(rows, pull, lead, pair.sizes)


def _slopes(rows: Mapping[str, Gradient], pull: Gradient, lead: Gradient, sizes: Sequence[Tensor]) -> Slopes:
    """Products of the tasks' gradients with what pulls at them, and their scale."""
    norms = [_dot(row, _times(row, sizes)) ** 0.5 for row in rows.values()]
    scale = _dot(lead, _times(lead, sizes)) ** 0.5 * sum(norms) / len(norms)
    return Slopes({name: -_dot(pull, row) for name, row in rows.items()}, scale)


def _curved(pair: Pair, along: Gradient, here: Gradient) -> Gradient:
    """The Hessian of the weighted sum times a move, from its gradient here and a little way along."""
    reach = NEARBY / max(_dot(along, along) ** 0.5, 1e-12)
    there: Gradient = pair.moved(_times(along, [reach] * len(along)), pair.of_sum)
    pairs = zip(there, here, strict=True)
    return [None if a is None or b is None else (a - b) / reach for a, b in pairs]


def _gradient(loss: Tensor, parameters: Sequence[nn.Parameter], *, retain_graph: bool = False) -> Gradient:
    return list(torch.autograd.grad(loss, parameters, retain_graph=retain_graph, allow_unused=True))


def _sum(losses: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    return torch.stack([weights[name] * loss for name, loss in losses.items() if name in weights]).sum()


def _weighted(rows: Mapping[str, Gradient], weights: Mapping[str, float]) -> Gradient:
    """The weighted sum of gradients."""
    total: list[Tensor | None] = [None] * len(next(iter(rows.values())))
    for name, row in rows.items():
        for place, grad in enumerate(row):
            if grad is not None:
                old, new = total[place], weights[name] * grad
                total[place] = new if old is None else old + new
    return total


def _times(gradient: Gradient, sizes: Sequence[Tensor | float], factor: float = 1.0) -> Gradient:
    pairs = zip(gradient, sizes, strict=True)
    return [None if each is None else factor * size * each for each, size in pairs]


def _less(left: Gradient, right: Gradient, factor: float = 1.0) -> Gradient:
    """The one less so many times the other; None on the right takes nothing away."""
    pairs = zip(left, right, strict=True)
    return [a if a is None or b is None else a - factor * b for a, b in pairs]


def _dot(left: Gradient, right: Gradient) -> float:
    pairs = zip(left, right, strict=True)
    found = [(a * b).sum() for a, b in pairs if a is not None and b is not None]
    return float(torch.stack(found).double().sum()) if found else 0.0
