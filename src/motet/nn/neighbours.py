"""Weighted sums of neighbours' vectors, as fast backward as forward.

Torch's own backward pass of an embedding bag adds row after row; here it is a bag too, over the items that
each item is a neighbour of. Shapes: I items, M neighbours of an item, E edges, D width.
"""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Edges:
    """From every item to others: `item` ``(E,)`` int64, where each item's edges begin, and their shares."""

    item_E: Tensor
    offset_I: Tensor
    share_E: Tensor

    def sums(self, vector_ID: Tensor) -> Tensor:
        """The weighted sum of the vectors at the end of each item's edges, ``(I, D)``."""
        return F.embedding_bag(
            self.item_E, vector_ID, self.offset_I, per_sample_weights=self.share_E, mode="sum"
        )


def both_ways(neighbour_IM: Tensor, share_IM: Tensor) -> tuple[Edges, Edges]:
    """The edges to the neighbours, and back from them; what has no share is no edge."""
    from_E, place_E = torch.nonzero(share_IM, as_tuple=True)
    to_E, share_E = neighbour_IM[from_E, place_E], share_IM[from_E, place_E]
    back_E = torch.argsort(to_E, stable=True)
    items = len(neighbour_IM)
    there = Edges(to_E, _offsets(from_E, items), share_E)
    return there, Edges(from_E[back_E], _offsets(to_E, items), share_E[back_E])


def sums_of_neighbours(vector_ID: Tensor, edges: tuple[Edges, Edges]) -> Tensor:
    """The weighted sum of each item's neighbours, ``(I, D)``; differentiable in the vectors, once."""
    out: Tensor = _Sums.apply(vector_ID, edges)  # type: ignore[no-untyped-call]
    return out


class _Sums(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, vector_ID: Tensor, edges: tuple[Edges, Edges]) -> Tensor:
        ctx.back = edges[1]
        return edges[0].sums(vector_ID)

    @staticmethod
    def backward(ctx: Any, grad_ID: Tensor) -> tuple[Tensor, None]:
        return ctx.back.sums(grad_ID.contiguous()), None


def _offsets(item_E: Tensor, items: int) -> Tensor:
    """Where each item's edges begin, ``(I,)``."""
    return F.pad(torch.bincount(item_E, minlength=items).cumsum(0), (1, 0))[:-1]
