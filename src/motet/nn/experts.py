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
    """

    def __init__(self, tasks: Sequence[str], widths: Sequence[int], dropout: float) -> None:
        super().__init__()
        self.tasks = list(tasks)
        self.bottom = MLP(widths, dropout)
        self.width = widths[-1]

    def forward(self, row_RE: Tensor) -> dict[str, Tensor]:
        """Task name -> shared state ``(R, D)``."""
        shared = self.bottom(row_RE)
        return {task: shared for task in self.tasks}
