"""Branches: what a task has of its own beside the backbone; without any, all tasks read the same states.

Shapes: R rows, K layers of the timeline encoder, D width, I items (number 0 is none).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Branch:
    """What one task has of its own.

    Args:
        depth: After how many layers of the timeline encoder it leaves; None for all.
        adapter: Width of the bottleneck beside each layer; 0 for none.
    """

    depth: int | None = None
    adapter: int = 0


class Bottleneck(nn.Module):
    """A narrow pair of layers: ``b(h) = U gelu(V norm(h))`` with biases, zero at the start, for U is.

    After the adapters of Houlsby et al. (ICML 2019, arXiv:1902.00751), which put ``h + U f(V h)`` between the
    layers of a frozen encoder, one a task. Here the encoder learns too, and `Path` says where b is added.
    """

    def __init__(self, width: int, narrow: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.down, self.up = nn.Linear(width, narrow), nn.Linear(narrow, width)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, state_RD: Tensor) -> Tensor:
        """What is added to a state, ``(R, D)``."""
        out: Tensor = self.up(nn.functional.gelu(self.down(self.norm(state_RD))))
        return out


class Path(nn.Module):
    """A task's own way out of the timeline encoder.

    With h_k what layer k gave, b_k the task's bottlenecks and K the layer where it leaves, its state is::

        z = norm(h_K) + b_1(h_1) + ... + b_K(h_K)

    Leaving is the early exit of BranchyNet (Teerapittayanon et al., ICPR 2016, arXiv:1709.01686), but each
    task has one exit that is set beforehand (as in Søgaard and Goldberg, ACL 2016,
    doi.org/10.18653/v1/P16-2038), where there each input leaves as soon as the network is sure of it. The
    bottlenecks stand beside the layers and not between them, so that one pass through the encoder serves all
    tasks, as in ladder side-tuning (Sung et al., NeurIPS 2022, arXiv:2206.06522); there a side layer reads
    the side layer below it too, here their outputs are added up.

    Args:
        branch: Where it leaves, and how wide its bottlenecks are.
        layers: Of the encoder.
        width: Of a state.
    """

    def __init__(self, branch: Branch, layers: int, width: int) -> None:
        super().__init__()
        self.depth = branch.depth or layers
        self.norm = nn.LayerNorm(width) if self.depth < layers else None  # the last layer has its own
        self.adapters = nn.ModuleList(
            Bottleneck(width, branch.adapter) for _ in range(self.depth if branch.adapter else 0)
        )

    def forward(self, layer_KRD: Tensor, state_RD: Tensor) -> Tensor:
        """States of the task, ``(R, D)``.

        Args:
            layer_KRD: What each layer gave.
            state_RD: What the encoder gave after all of them.
        """
        out = state_RD if self.norm is None else self.norm(layer_KRD[self.depth - 1])
        for place, adapter in enumerate(self.adapters):
            out = out + adapter(layer_KRD[place])
        return out


class Branches(nn.Module):
    """All tasks' own parts.

    Own ids, after STEM (Su et al., AAAI 2024, arXiv:2308.13537): with c the candidate that all read, which
    has the shared id in it, and e_u the table of task u, task t reads ``c + e_t[id] + sum_(u != t)
    stop(e_u[id])``: the others' vectors are read and not taught. This is less than STEM. There every feature
    has a table for each task and a shared one, each table feeds experts of its own, and a task's gate mixes
    all of them, its gradient stopped at those of other tasks. Here the candidate's id alone has tables, they
    are added with equal weight and the stop is at the tables: there are no experts for a table, and no gate
    that stops gradients.

    Args:
        branches: Task -> what it has of its own.
        layers: Of the timeline encoder.
        width: Of a state and of an item vector.
        ids: Rows of the tables of own ids, 0 for none.
        tasks: That score rows, and so have own ids.
    """

    def __init__(
        self,
        branches: Mapping[str, Branch],
        layers: int,
        width: int,
        ids: int = 0,
        tasks: Sequence[str] = (),
    ) -> None:
        super().__init__()
        own = {
            name: each for name, each in branches.items() if each.adapter or (each.depth or layers) < layers
        }
        self.paths = nn.ModuleDict({f"of_{name}": Path(each, layers, width) for name, each in own.items()})
        self.ids = nn.ModuleDict(
            {f"of_{name}": nn.Embedding(ids, width, padding_idx=0) for name in (tasks if ids > 1 else ())}
        )
        with torch.no_grad():
            for table in self.ids.values():
                assert isinstance(table, nn.Embedding)
                nn.init.normal_(table.weight, std=0.05)
                table.weight[0] = 0

    def state(self, task: str, layer_KRD: Tensor | None, state_RD: Tensor) -> Tensor:
        """States that a task reads, ``(R, D)``."""
        if f"of_{task}" not in self.paths:
            return state_RD
        assert layer_KRD is not None
        out: Tensor = self.paths[f"of_{task}"](layer_KRD, state_RD)
        return out

    def candidate(self, task: str, candidate_RD: Tensor, id_row_R: Tensor) -> Tensor:
        """Candidates that a task reads, ``(R, D)``.

        Args:
            task: Its name.
            candidate_RD: Candidates that all read.
            id_row_R: Rows of the id tables, int64; 0 where the shared id is hidden too, or there is none.
        """
        for name, table in self.ids.items():
            own_RD = table(id_row_R)
            candidate_RD = candidate_RD + (own_RD if name == f"of_{task}" else own_RD.detach())
        return candidate_RD

    def parts(self, task: str) -> bool:
        """Whether a task reads anything that others do not."""
        return f"of_{task}" in self.paths or bool(self.ids)
