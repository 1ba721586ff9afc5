"""Experts: parts of the backbone that tasks share in different amounts.

Shapes: R rows, E width of what goes in, D width of what comes out, X experts, T tasks.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from motet.nn.mlp import MLP


class Experts(nn.Module, ABC):
    """What all kinds have: a state for each task, its own layers (tower) above it, and gates to look at.

    Args:
        tasks: Names of the tasks.
        width: Of the states below the towers.
        dropout: After each layer.
        towers: Widths of each task's own layers.
    """

    def __init__(self, tasks: Sequence[str], width: int, dropout: float, towers: Sequence[int] = ()) -> None:
        super().__init__()
        self.tasks = list(tasks)
        above = [width, *towers]
        self.width = above[-1]
        self.towers = nn.ModuleDict(
            {f"of_{task}": MLP(above, dropout) for task in self.tasks} if towers else {}
        )

    def forward(self, row_RE: Tensor) -> dict[str, Tensor]:
        """Task name -> what its head reads, ``(R, D)``."""
        states = self.states(row_RE)
        if not self.towers:
            return states
        return {task: self.towers[f"of_{task}"](states[task]) for task in self.tasks}

    @abstractmethod
    def states(self, row_RE: Tensor) -> dict[str, Tensor]:
        """Task name -> what its tower reads, ``(R, D)``."""

    def gates(self, row_RE: Tensor) -> dict[str, Tensor]:
        """Task name -> shares of the experts, ``(R, X)``, level by level; empty where nothing is gated."""
        del row_RE
        return {}

    def names(self, task: str) -> list[str]:
        """Names of the experts that a task's gate chooses from, in its order."""
        del task
        return []


class SharedBottom(Experts):
    """One stack of layers for all tasks: hard sharing (Caruana 1997, doi.org/10.1023/A:1007379606734).

    With the stack f, every task's state is ``f(row)``; what differs is its tower and its head.
    """

    def __init__(
        self, tasks: Sequence[str], widths: Sequence[int], dropout: float, towers: Sequence[int] = ()
    ) -> None:
        super().__init__(tasks, widths[-1], dropout, towers)
        self.bottom = MLP(widths, dropout)

    def states(self, row_RE: Tensor) -> dict[str, Tensor]:
        """The same state for every task."""
        shared = self.bottom(row_RE)
        return {task: shared for task in self.tasks}


class MixtureOfExperts(Experts):
    """MMoE: every task weighs the same experts by a gate of its own (Ma et al., KDD 2018).

    With experts f and the softmax gate g of a task, its state is ``sum_x g(row)_x f_x(row)``
    (doi.org/10.1145/3219819.3220007). One expert is a shared bottom.
    """

    def __init__(
        self,
        tasks: Sequence[str],
        widths: Sequence[int],
        dropout: float,
        towers: Sequence[int] = (),
        experts: int = 4,
    ) -> None:
        super().__init__(tasks, widths[-1], dropout, towers)
        self.experts = nn.ModuleList(MLP(widths, dropout) for _ in range(experts))
        self.gate = nn.ModuleDict({f"of_{task}": nn.Linear(widths[0], experts) for task in self.tasks})

    def states(self, row_RE: Tensor) -> dict[str, Tensor]:
        """Each task's mixture."""
        expert_RXD = torch.stack([expert(row_RE) for expert in self.experts], 1)
        return {task: _mixed(gate_RX, expert_RXD) for task, gate_RX in self.gates(row_RE).items()}

    def gates(self, row_RE: Tensor) -> dict[str, Tensor]:
        """Task name -> shares of the experts, ``(R, X)``."""
        return {task: torch.softmax(self.gate[f"of_{task}"](row_RE), -1) for task in self.tasks}

    def names(self, task: str) -> list[str]:
        """Numbers, the same for every task."""
        del task
        return [f"expert {place + 1}" for place in range(len(self.experts))]


class Extraction(nn.Module):
    """One level of PLE: experts of each task and shared ones, a gate a task and one for what is shared.

    With z_t what comes in for task t, z_s what is shared, n tasks, m experts of each and m shared ones, the
    level gives (Tang et al., RecSys 2020, doi.org/10.1145/3383313.3412236)::

        z_t' = softmax(W_t z_t) [f_t1(z_t) ... f_tm(z_t), f_s1(z_s) ... f_sm(z_s)]
        z_s' = softmax(W_s z_s) [all f_1x(z_1) ... all f_nx(z_n), f_s1(z_s) ... f_sm(z_s)]

    where shares times a list of experts is their weighted sum; the gates have a bias too. Into the first
    level comes the row, for all.

    Args:
        tasks: Names of the tasks.
        widths: Of the input and of the experts' layers.
        dropout: After each layer.
        own: Experts of each task.
        shared: Experts of all.
        last: The last level has no gate for what is shared: nothing reads it.
    """

    def __init__(
        self,
        tasks: Sequence[str],
        widths: Sequence[int],
        dropout: float,
        own: int,
        shared: int,
        *,
        last: bool,
    ) -> None:
        super().__init__()
        self.tasks = list(tasks)
        self.shared = nn.ModuleList(MLP(widths, dropout) for _ in range(shared))
        self.own = nn.ModuleDict(
            {f"of_{task}": nn.ModuleList(MLP(widths, dropout) for _ in range(own)) for task in tasks}
        )
        self.gate = nn.ModuleDict({f"of_{task}": nn.Linear(widths[0], own + shared) for task in tasks})
        self.shared_gate = None if last else nn.Linear(widths[0], own * len(self.tasks) + shared)

    def forward(self, task_RE: dict[str, Tensor], shared_RE: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """States of the tasks and the shared one, ``(R, D)`` each; on the last level that stays as it was."""
        shared_RXD = _outputs(self.shared, shared_RE)
        own = {task: _outputs(self.own[f"of_{task}"], task_RE[task]) for task in self.tasks}
        gates = self.gates(task_RE)
        states = {
            task: _mixed(gates[task], torch.cat([own_RXD, shared_RXD], 1)) for task, own_RXD in own.items()
        }
        if self.shared_gate is None:
            return states, shared_RE
        gate_RX = torch.softmax(self.shared_gate(shared_RE), -1)
        return states, _mixed(gate_RX, torch.cat([*own.values(), shared_RXD], 1))

    def gates(self, task_RE: dict[str, Tensor]) -> dict[str, Tensor]:
        """Task name -> shares of its own and of the shared experts, ``(R, X)``."""
        return {task: torch.softmax(self.gate[f"of_{task}"](task_RE[task]), -1) for task in self.tasks}


class ProgressiveExtraction(Experts):
    """PLE: experts of each task beside shared ones, on several levels (Tang et al., RecSys 2020).

    On each level a task mixes its own experts with the shared ones, by the formula of `Extraction`
    (doi.org/10.1145/3383313.3412236). One level is CGC: with the gate g_t of a task its state is
    ``sum_x g_t(row)_x f_x(row)`` over its own and the shared experts x. A gate that gives all to a task's own
    experts is a private tower.

    Args:
        tasks: Names of the tasks.
        widths: Of the input and of the experts' layers on every level.
        dropout: After each layer.
        towers: Widths of each task's own layers above.
        experts: Experts of each task, and as many shared ones, on every level.
        levels: How many.
    """

    def __init__(
        self,
        tasks: Sequence[str],
        widths: Sequence[int],
        dropout: float,
        towers: Sequence[int] = (),
        experts: int = 2,
        levels: int = 1,
    ) -> None:
        super().__init__(tasks, widths[-1], dropout, towers)
        self.experts = experts
        inner = [widths[-1], *widths[1:]]
        self.levels = nn.ModuleList(
            Extraction(
                tasks, widths if level == 0 else inner, dropout, experts, experts, last=level + 1 == levels
            )
            for level in range(levels)
        )

    def states(self, row_RE: Tensor) -> dict[str, Tensor]:
        """What the last level gives each task."""
        states, shared_RE = {task: row_RE for task in self.tasks}, row_RE
        for level in self.levels:
            states, shared_RE = level(states, shared_RE)
        return states

    def gates(self, row_RE: Tensor) -> dict[str, Tensor]:
        """Those of every level, one after the other; the shares of each sum to 1."""
        states, shared_RE = {task: row_RE for task in self.tasks}, row_RE
        found: dict[str, list[Tensor]] = {task: [] for task in self.tasks}
        for level in self.levels:
            assert isinstance(level, Extraction)
            for task, share_RX in level.gates(states).items():
                found[task].append(share_RX)
            states, shared_RE = level(states, shared_RE)
        return {task: torch.cat(shares, -1) for task, shares in found.items()}

    def names(self, task: str) -> list[str]:
        """The task's own experts, then the shared ones, on every level."""
        places = range(1, self.experts + 1)
        names = [f"{task} {place}" for place in places] + [f"shared {place}" for place in places]
        return _on_levels(names, len(self.levels), "level")


class CrossStitch(Experts):
    """A stack of layers for each task, mixed after every layer (Misra et al., CVPR 2016, arXiv:1604.03539).

    After a layer the state of task t is ``sum_u a[t, u] h_u`` with learned a, at the start 0.9 for t itself
    and the rest for the others in equal shares.
    """

    def __init__(
        self, tasks: Sequence[str], widths: Sequence[int], dropout: float, towers: Sequence[int] = ()
    ) -> None:
        super().__init__(tasks, widths[-1], dropout, towers)
        count = len(self.tasks)
        self.stacks = nn.ModuleList(
            nn.ModuleList(MLP(pair, dropout) for _ in self.tasks) for pair in pairwise(widths)
        )
        other = 0.1 / max(count - 1, 1)
        start_TT = torch.full((count, count), other) + (0.9 - other) * torch.eye(count)
        if count == 1:
            start_TT = torch.ones(1, 1)
        self.stitch = nn.ParameterList(nn.Parameter(start_TT.clone()) for _ in self.stacks)

    def states(self, row_RE: Tensor) -> dict[str, Tensor]:
        """The last layer's mixture for each task."""
        state = [row_RE] * len(self.tasks)
        for layers, stitch_TT in zip(self.stacks, self.stitch, strict=True):
            pairs = zip(layers, state, strict=True)  # type: ignore[call-overload]
            own_RTD = torch.stack([layer(each) for layer, each in pairs], 1)
            state = list(torch.einsum("tu,rud->trd", stitch_TT.to(own_RTD.dtype), own_RTD))
        return dict(zip(self.tasks, state, strict=True))

    def gates(self, row_RE: Tensor) -> dict[str, Tensor]:
        """The coefficients after every layer, the same for every row."""
        share_TX = torch.cat([stitch_TT.detach() for stitch_TT in self.stitch], -1)
        return {task: share_TX[place].expand(len(row_RE), -1) for place, task in enumerate(self.tasks)}

    def names(self, task: str) -> list[str]:
        """The stacks are called as their tasks, after every layer."""
        del task
        return _on_levels(self.tasks, len(self.stitch), "layer")


def _on_levels(names: list[str], count: int, what: str) -> list[str]:
    """Names of experts on each of several levels; as they are where there is one."""
    if count == 1:
        return list(names)
    return [f"{name} ({what} {number})" for number in range(1, count + 1) for name in names]


def _outputs(experts: nn.Module, row_RE: Tensor) -> Tensor:
    """What each expert of a list says, ``(R, X, D)``."""
    return torch.stack([expert(row_RE) for expert in experts.children()], 1)


def _mixed(gate_RX: Tensor, expert_RXD: Tensor) -> Tensor:
    """Sum of the experts in the shares of a gate, ``(R, D)``."""
    return (gate_RX.unsqueeze(1).to(expert_RXD.dtype) @ expert_RXD).squeeze(1)
