"""Experts: parts of the backbone that tasks share in different amounts.

Shapes: R rows, E width of what goes in, D width of what comes out.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from motet.nn.mlp import MLP


class SharedBottom(nn.Module):
    """One stack of layers for all tasks (Caruana 1997, doi.org/10.1023/A:1007379606734).

    Args:
        tasks: Names of the tasks.
        widths: Width of the input and of every layer.
        dropout: After each layer.
        towers: Widths of each task's own layers above the shared ones.
    """

    def __init__(
        self, tasks: Sequence[str], widths: Sequence[int], dropout: float, towers: Sequence[int] = ()
    ) -> None:
        super().__init__()
        self.tasks = list(tasks)
        self.bottom = MLP(widths, dropout)
        above = [widths[-1], *towers]
        self.width = above[-1]
        self.towers = nn.ModuleDict(
            {f"of_{task}": MLP(above, dropout) for task in self.tasks} if towers else {}
        )

    def forward(self, row_RE: Tensor) -> dict[str, Tensor]:
        """Task name -> what its head reads, ``(R, D)``: the shared state, or its tower's."""
        shared = self.bottom(row_RE)
        if not self.towers:
            return {task: shared for task in self.tasks}
        return {task: self.towers[f"of_{task}"](shared) for task in self.tasks}
