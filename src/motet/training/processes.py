"""Processes: what several of them know together where they train one model, each on batches of its own.

The loss of a step is the mean of the processes' losses, a task without a row in one of them having none
there: the training loop averages gradients over processes, before they are clipped, and so makes it so.
Weights of tasks must then follow from the gradients of all, or each process would descend another loss. Every
process must come to each of these calls; without a process group they change nothing.

Shapes: K tasks of a step, T tasks of the model, N numbers of a gradient.
"""

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, distributed, nn


def count() -> int:
    """How many processes train together."""
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def total(own: Tensor) -> Tensor:
    """The sum over all processes, of the same shape."""
    if count() == 1:
        return own
    found = own.clone().contiguous()
    distributed.all_reduce(found)
    return found


def anywhere(own: bool) -> bool:
    """Whether it is so in any process."""
    return own if count() == 1 else bool(total(torch.tensor(float(own))) > 0)


def of_first(own: Tensor) -> Tensor:
    """What the first process has: for what is drawn."""
    if count() == 1:
        return own
    found = own.clone().contiguous()
    distributed.broadcast(found, 0)
    return found


def gramian(
    row_KN: Tensor, losses: Mapping[str, float], tasks: Sequence[str], common: int
) -> tuple[Tensor, dict[str, float]]:
    """Products of the tasks' gradients, as one process with the rows of all would have them.

    Args:
        row_KN: This process's gradients, one row for each of its losses.
        losses: Of this process.
        tasks: Names of all tasks, in the same order everywhere.
        common: Leading numbers of a gradient that are about the same values in every process (parameters,
            the catalogue); the others are about its own batch.

    Returns:
        The products ``(K, K)`` for all tasks that some process has, and their mean losses.
    """
    if count() == 1:
        return row_KN @ row_KN.T, dict(losses)
    place_K = [tasks.index(name) for name in losses]
    known_2T = row_KN.new_zeros(2, len(tasks))
    known_2T[0, place_K] = torch.tensor(list(losses.values()), dtype=row_KN.dtype)
    known_2T[1, place_K] = 1
    row_TN = row_KN.new_zeros(len(tasks), row_KN.shape[1])
    row_TN[place_K] = row_KN / count()
    mean_TC, own_TN = total(row_TN[:, :common]), row_TN[:, common:]
    gramian_TT = mean_TC @ mean_TC.T + total(own_TN @ own_TN.T)
    loss_T, has_T = total(known_2T)
    there = [place for place in range(len(tasks)) if has_T[place] > 0]
    means = {tasks[place]: float(loss_T[place] / has_T[place]) for place in there}
    return gramian_TT[there][:, there], means


def average_gradients(parameters: Iterable[nn.Parameter], *, learns: bool) -> bool:
    """Make each gradient the mean over the processes, in one message; without one in any, there is none.

    A process without a gradient where another has one counts as zero there.

    Args:
        parameters: The same in the same order everywhere.
        learns: Whether this process has a loss in the step.

    Returns:
        Whether any process has one; where none has, all are to pass over the step.
    """
    if count() == 1:
        return learns
    learned = [p for p in parameters if p.requires_grad]
    has = torch.tensor([*(float(p.grad is not None) for p in learned), float(learns)])
    parts = [p.new_zeros(p.numel()) if p.grad is None else p.grad.reshape(-1).to(p.dtype) for p in learned]
    flat_N = total(torch.cat([*parts, has])) / count()
    sizes = [p.numel() for p in learned]
    *means, has = torch.split(flat_N, [*sizes, len(has)])
    for p, mean_N, there in zip(learned, means, has[:-1].tolist(), strict=True):
        p.grad = mean_N.view_as(p).to(p.dtype, copy=True) if there > 0 else None
    return bool(has[-1] > 0)


def mean_gradients(
    rows: Mapping[str, Sequence[Tensor | None]], names: Sequence[str], like: Sequence[Tensor]
) -> dict[str, Sequence[Tensor | None]]:
    """Gradients at the parameters, averaged over the processes.

    Args:
        rows: Name -> gradient, of this process.
        names: All names that a process may have, in the same order everywhere.
        like: The parameters.
    """
    if count() == 1:
        return dict(rows)
    found: dict[str, Sequence[Tensor | None]] = {}
    for name in names:
        own = rows.get(name, [None] * len(like))
        parts = [torch.zeros_like(p) if each is None else each for p, each in zip(like, own, strict=True)]
        flat_N = torch.cat([*(part.reshape(-1) for part in parts), torch.tensor([float(name in rows)])])
        flat_N = total(flat_N) / count()
        if flat_N[-1] > 0:
            split = torch.split(flat_N[:-1], [p.numel() for p in like])
            found[name] = [part.view_as(p) for part, p in zip(split, like, strict=True)]
    return found
