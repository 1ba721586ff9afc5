"""Affinity of tasks: how much a step for one helps another (Fifty et al., NeurIPS 2021, arXiv:2109.04617).

While all tasks are trained together, every so many steps the shared weights (the backbone, and experts behind
it where several tasks score rows) are moved for one task alone, as the optimiser would move them; the
affinity of that task to another is the share of the other's loss on the same batch that this takes away. Then
the weights are put back.
Shapes: T tasks.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from motet.batch import Batch
from motet.system.randomness import derived_seed
from motet.training.optimizer import step_sizes

MOST_TASKS = 8  # of which all partitions are tried


class Lookahead:
    """Looks ahead during a training.

    Args:
        tasks: Names of the tasks.
        every: Steps from one look to the next.
        precision: Of the training.
        seed: Of what dropout hides while it looks; the same before and after a step.
    """

    def __init__(self, tasks: Sequence[str], every: int, precision: str, seed: int) -> None:
        self.tasks, self.every, self.precision, self.seed = list(tasks), every, precision, seed
        self.sum_TT = torch.zeros(len(tasks), len(tasks), dtype=torch.float64)
        self.count_TT = torch.zeros_like(self.sum_TT)

    def __call__(self, model: Any, batch: Batch, optimizer: torch.optim.Optimizer, step: int) -> None:
        """Look ahead from the weights of the moment, when it is time."""
        shared = [p for p in model.shared_parameters() if optimizer.state.get(p)]
        if step % self.every or not shared:
            return
        seed = derived_seed(self.seed, f"look {step}")
        before = self._losses(model, batch, seed)
        moves = {name: self._move(loss, shared, optimizer) for name, loss in before.items()}
        kept = [p.detach().clone() for p in shared]
        for name, move in moves.items():
            with torch.no_grad():
                for p, each in zip(shared, move, strict=True):
                    p -= each
                after = self._losses(model, batch, seed)
                for p, each in zip(shared, kept, strict=True):
                    p.copy_(each)
            row = self.tasks.index(name)
            for other, loss in after.items():
                column, old = self.tasks.index(other), float(before[other].detach())
                if old > 0:
                    self.sum_TT[row, column] += 1 - float(loss) / old
                    self.count_TT[row, column] += 1

    @property
    def matrix(self) -> dict[str, dict[str, float | None]]:
        """Task that a step is for -> task -> share of its loss that this takes away; None: never seen."""
        mean_TT = (self.sum_TT / self.count_TT).tolist()
        return {
            name: {
                other: mean_TT[row][column] if self.count_TT[row, column] else None
                for column, other in enumerate(self.tasks)
            }
            for row, name in enumerate(self.tasks)
        }

    def _losses(self, model: Any, batch: Batch, seed: int) -> dict[str, Tensor]:
        torch.manual_seed(seed)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.precision == "bf16"):
            found: dict[str, Tensor] = model(batch)
        return {name: loss for name, loss in found.items() if name in self.tasks}

    def _move(
        self, loss: Tensor, shared: Sequence[nn.Parameter], optimizer: torch.optim.Optimizer
    ) -> list[Tensor]:
        """The step of Adam's size for one task alone, without momentum."""
        grads = torch.autograd.grad(loss, shared, retain_graph=True, allow_unused=True)
        sizes = step_sizes(optimizer, shared)
        return [
            torch.zeros_like(size) if grad is None else size * grad
            for grad, size in zip(grads, sizes, strict=True)
        ]


def best_groups(
    matrix: Mapping[str, Mapping[str, float | None]], most: int, after: Mapping[str, str] | None = None
) -> list[list[str]]:
    """The tasks in at most so many groups, so that tasks are helped most by those of their group.

    A task's help is the mean affinity of the others of its group to it; alone it has none. Tasks that follow
    one another (later -> earlier) stay together.

    Raises:
        ValueError: There are more than `MOST_TASKS` tasks.

    >>> best_groups({"a": {"a": 0, "b": 1, "c": -1}, "b": {"a": 1, "b": 0, "c": -1},
    ...              "c": {"a": -1, "b": -1, "c": 0}}, 2)
    [['a', 'b'], ['c']]
    """
    tasks = list(matrix)
    if len(tasks) > MOST_TASKS:
        raise ValueError(f"{len(tasks)} tasks have too many partitions to try")

    def help_of(groups: list[list[str]]) -> float:
        total = 0.0
        for group in groups:
            for task in group:
                found = [matrix[other][task] or 0.0 for other in group if other != task]
                total += sum(found) / len(found) if found else 0.0
        return total

    def fits(groups: list[list[str]]) -> bool:
        pairs = (after or {}).items()
        return len(groups) <= most and all((a in group) == (b in group) for group in groups for a, b in pairs)

    return max((each for each in _partitions(tasks) if fits(each)), key=help_of)


def _partitions(tasks: Sequence[str]) -> Iterator[list[list[str]]]:
    if not tasks:
        yield []
        return
    for rest in _partitions(tasks[:-1]):
        for place in range(len(rest)):
            yield [[*group, tasks[-1]] if place == at else group for at, group in enumerate(rest)]
        yield [*rest, [tasks[-1]]]
