"""Descent: from a batch to the gradients of one step, by weighing losses or by surgery on gradients.

Surgery at the representation cuts the model where its tasks part: at states, item, event and user vectors.
Each task goes back to the cut alone, the method makes one gradient of theirs, and one pass goes on from there
through the backbone. What lies behind the cut (heads, experts, counters) gets the sum of all gradients, even
where several tasks share it. Surgery at the parameters takes in all that several tasks share; `priorities`
work there unless told otherwise, for what they promise is about the whole step.

A task of weight 0 is only measured: surgery leaves its loss out, and no method sees a row of it.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from motet.batch import AnyBatch, TextBatch
from motet.config.balance import Balance as Settings
from motet.training.balance import Balance, build_balance, likelihood_weights
from motet.training.processes import count, total
from motet.training.stackelberg import StackelbergBalance, leaders_of
from motet.training.surgery import Surgery, build_surgery


class Descent(ABC):
    """What the loop asks of every way: losses, gradients, and what to keep and to tell."""

    method: Balance | Surgery

    @abstractmethod
    def losses(self, batch: AnyBatch) -> dict[str, Tensor]:
        """Loss of each task that has a row in the batch."""

    @abstractmethod
    def backward(self, losses: dict[str, Tensor], share: float = 1.0, *, last: bool = True) -> None:
        """Add the gradients of these losses to what the parameters have.

        Args:
            losses: Of a batch; none where it has no row.
            share: Of the batch in its step.
            last: Whether no other batch of the step comes after it.

        Raises:
            FloatingPointError: The gradient of a task, where methods look at it, is not a number.
        """

    def epoch_over(self) -> None:  # noqa: B027 - surgery need not
        """Know that an epoch has ended."""


class SumDescent(Descent):
    """One pass back from the weighted sum of the losses."""

    def __init__(self, model: nn.Module, balance: Balance) -> None:
        self.model, self.method, self.balance = model, balance, balance

    def losses(self, batch: AnyBatch) -> dict[str, Tensor]:
        """Loss of each task that has a row in the batch."""
        found: dict[str, Tensor] = self.model(batch)
        return found

    def backward(self, losses: dict[str, Tensor], share: float = 1.0, *, last: bool = True) -> None:
        """Add the gradient of the sum to what the parameters have."""
        del last
        if losses:
            torch.autograd.backward(share * self.balance(losses))
            self.balance.hear(_values(losses))

    def epoch_over(self) -> None:
        """Tell the balance."""
        self.balance.epoch_over()


class RepresentationDescent(Descent):
    """Surgery at the representation.

    Args:
        model: With ``encode(batch)``, which gives what its tasks share, and ``losses(batch, encoded)``; the
            first's result has ``cut()``: itself with tensors that begin anew, ``tensors()``: all of them, and
            ``whole()``: the first of these, where they do not depend on the batch.
            And ``behind(tasks)``: parameters behind the cut that several of these tasks share, with all that
            those tasks alone have; none where each goes a way of its own.
        method: Gradients to one.
        weights: Task name -> factor of its gradient.
    """

    method: Surgery

    def __init__(self, model: Any, method: Surgery, weights: dict[str, float]) -> None:
        self.model, self.method, self.weights = model, method, weights
        self.encoded: Any = None
        self.cut: Any = None

    def losses(self, batch: AnyBatch) -> dict[str, Tensor]:
        """Loss of each task that has a row in the batch."""
        if isinstance(batch, TextBatch):  # of one task: nothing is at odds
            self.encoded = self.cut = None
            alone: dict[str, Tensor] = self.model(batch)
            return alone
        self.encoded = self.model.encode(batch)
        self.cut = self.encoded.cut()
        found: dict[str, Tensor] = self.model.losses(batch, self.cut)
        return found

    def backward(self, losses: dict[str, Tensor], share: float = 1.0, *, last: bool = True) -> None:
        """Every task back to the cut, then one gradient on through the backbone.

        Each batch of a step has a gradient of its own: what their tasks' gradients are at the cut, other
        batches do not know.
        """
        losses = _learned(losses, self.weights)
        if self.cut is None:
            for name, loss in losses.items():
                torch.autograd.backward(share * self.weights[name] * loss)
        elif losses or count() > 1:
            self._combine(losses, share)
        if last:
            self.method.step_over()

    def _combine(self, losses: dict[str, Tensor], share: float) -> None:
        pairs = zip(self.encoded.tensors(), self.cut.tensors(), strict=True)
        shared = [(whole, leaf) for whole, leaf in pairs if leaf.requires_grad]
        leaves = [leaf for _, leaf in shared]
        row_KN = self._rows({name: share * loss for name, loss in losses.items()}, leaves)
        whole = {id(each) for each in self.encoded.whole()}
        common = sum(each.numel() for each, _ in shared if id(each) in whole)
        _refuse_broken(row_KN, losses)
        combined_N = share * self.method(row_KN / share, _values(losses), common)
        torch.autograd.backward([whole for whole, _ in shared], _apart(combined_N, leaves))
        self.encoded = self.cut = None

    def _rows(self, losses: dict[str, Tensor], leaves: Sequence[Tensor]) -> Tensor:
        """Every task's gradient at the cut; what lies behind it gets the sum.

        Tasks that share parameters there go back to the cut without them, and once together for them.
        """
        weighted = {name: self.weights[name] * loss for name, loss in losses.items()}
        together: dict[str, list[nn.Parameter]] = self.model.behind(list(losses))
        if not together:
            return _rows(losses, self.weights, leaves)
        row_KN = torch.zeros(len(losses), sum(leaf.numel() for leaf in leaves))
        for place, (name, loss) in enumerate(weighted.items()):
            if name in together:
                found: list[Tensor | None] = list(
                    torch.autograd.grad(loss, leaves, retain_graph=True, allow_unused=True)
                )
            else:
                torch.autograd.backward(loss, retain_graph=True)
                found = [leaf.grad for leaf in leaves]
            _put(row_KN[place], found, leaves)
            for leaf in leaves:
                leaf.grad = None
        parameters = list({id(p): p for several in together.values() for p in several}.values())
        torch.autograd.backward(torch.stack([weighted[name] for name in together]).sum(), inputs=parameters)
        return row_KN


class ParameterDescent(Descent):
    """Surgery at the parameters that tasks share: one whole pass back a task.

    These are the backbone and what more than one task of the step reaches behind it, such as experts. What
    one task alone reaches there gets the gradient of that task.
    """

    method: Surgery

    def __init__(self, model: Any, method: Surgery, weights: dict[str, float]) -> None:
        self.model, self.method, self.weights = model, method, weights
        backbone: list[nn.Parameter] = [p for p in model.backbone_parameters() if p.requires_grad]
        behind = {id(p): p for several in model.behind(list(weights)).values() for p in several}
        self.backbone, self.shared = len(backbone), [*backbone, *behind.values()]
        self.kept: dict[str, Tensor] = {}  # task -> gradient of the step's batches so far, (N,)
        self.told: dict[str, list[float]] = {}  # task -> its losses in them
        self.alone = False  # whether the batch is one of texts: of one task, so that nothing is at odds

    def losses(self, batch: AnyBatch) -> dict[str, Tensor]:
        """Loss of each task that has a row in the batch."""
        self.alone = isinstance(batch, TextBatch)
        found: dict[str, Tensor] = self.model(batch)
        return found

    def backward(self, losses: dict[str, Tensor], share: float = 1.0, *, last: bool = True) -> None:
        """Every task through the whole model; gradients of what tasks share become one, the others add up.

        They become one when all batches of a step are there.
        """
        losses = _learned(losses, self.weights)
        if self.alone and losses:
            torch.autograd.backward([share * self.weights[name] * each for name, each in losses.items()])
        elif losses:
            row_KN = _rows({name: share * loss for name, loss in losses.items()}, self.weights, self.shared)
            _refuse_broken(row_KN, losses)
            for (name, loss), row_N in zip(_values(losses).items(), row_KN, strict=True):
                old = self.kept.get(name)
                self.kept[name] = row_N if old is None else old + row_N
                self.told.setdefault(name, []).append(loss)
        if last and (self.kept or count() > 1):
            self._combine({name: sum(told) / len(told) for name, told in self.told.items()})
            self.kept, self.told = {}, {}
        if last:
            self.method.step_over()

    def _combine(self, losses: dict[str, float]) -> None:
        width = sum(p.numel() for p in self.shared)
        row_KN = torch.cat([torch.zeros(0, width), *(self.kept[name][None] for name in losses)])
        tasks_P = self._tasks(row_KN, losses)
        own_N = (tasks_P < 2).repeat_interleave(torch.tensor([p.numel() for p in self.shared]))
        sum_N = row_KN[:, own_N].sum(0)
        row_KN[:, own_N] = 0  # no method shall see them
        combined_N = self.method(row_KN, losses, width)
        combined_N[own_N] = sum_N
        for p, grad, tasks in zip(self.shared, _apart(combined_N, self.shared), tasks_P, strict=True):
            p.grad = grad.contiguous() if tasks > 0 else None

    def _tasks(self, row_KN: Tensor, losses: dict[str, float]) -> Tensor:
        """How many tasks reach each parameter, ``(P,)``, in any process; of the backbone: all."""
        reached_TP = torch.zeros(len(self.weights), len(self.shared))
        for name, row_N in zip(losses, row_KN, strict=True):
            parts = row_N.split([p.numel() for p in self.shared])
            reached_TP[list(self.weights).index(name)] = torch.tensor([float(part.any()) for part in parts])
        tasks_P = (total(reached_TP) > 0).sum(0)
        tasks_P[: self.backbone] = len(self.weights) + 1
        return tasks_P


def build_descent(settings: Settings, model: nn.Module, weights: dict[str, float]) -> Descent:
    """The way that the configuration names."""
    if settings.kind == "stackelberg":
        return SumDescent(model, StackelbergBalance(weights, leaders_of(settings, weights)))
    if settings.kind == "likelihood":
        assert isinstance(model.nats, dict)
        weights = likelihood_weights(weights, model.nats, settings.power)
    if not settings.of_gradients:
        return SumDescent(model, build_balance(settings, weights))
    method = build_surgery(settings, [name for name, weight in weights.items() if weight > 0])
    way: Callable[..., Descent] = (
        RepresentationDescent if settings.place == "representation" else ParameterDescent
    )
    return way(model, method, weights)


def _learned(losses: dict[str, Tensor], weights: dict[str, float]) -> dict[str, Tensor]:
    return {name: loss for name, loss in losses.items() if weights[name] > 0}


def _refuse_broken(row_KN: Tensor, losses: dict[str, Tensor]) -> None:
    """Name the tasks whose gradient has no finite norm."""
    norms = torch.linalg.vector_norm(row_KN, dim=1).tolist()
    broken = [name for name, norm in zip(losses, norms, strict=True) if not math.isfinite(norm)]
    if broken:
        raise FloatingPointError(f"the gradient of {' and of '.join(broken)} is")


def _values(losses: dict[str, Tensor]) -> dict[str, float]:
    return {name: float(loss.detach()) for name, loss in losses.items()}


def _rows(losses: dict[str, Tensor], weights: dict[str, float], leaves: Sequence[Tensor]) -> Tensor:
    """Every task's gradient at some leaves, ``(K, N)`` in fp32; zeros where there is none.

    At all other leaves the tasks' gradients add up.
    """
    row_KN = torch.zeros(len(losses), sum(leaf.numel() for leaf in leaves))
    for place, (name, loss) in enumerate(losses.items()):
        torch.autograd.backward(weights[name] * loss, retain_graph=place + 1 < len(losses))
        _put(row_KN[place], [leaf.grad for leaf in leaves], leaves)
        for leaf in leaves:
            leaf.grad = None
    return row_KN


def _put(row_N: Tensor, found: Sequence[Tensor | None], leaves: Sequence[Tensor]) -> None:
    """Write gradients at some leaves side by side; zeros stay where there is none."""
    parts = torch.split(row_N, [leaf.numel() for leaf in leaves])
    for part_N, grad in zip(parts, found, strict=True):
        if grad is not None:
            part_N.copy_(grad.reshape(-1))


def _apart(row_N: Tensor, like: Sequence[Tensor]) -> list[Tensor]:
    """The row in the shapes and types of some tensors."""
    parts = torch.split(row_N, [each.numel() for each in like])
    return [part.view_as(each).to(each.dtype) for part, each in zip(parts, like, strict=True)]
