"""Other views of timelines, and what is learned of two views of one: that they are of one user.

Shapes: see `motet.batch`; F events of all views one after the other, N timelines, D width.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from motet.batch import Batch, Encoded

KINDS = ("crop", "mask", "reorder", "insert")
MOST = 4096  # inserted events of a step, for each of which the catalogue is searched


@dataclass(frozen=True)
class Contrast:
    """Two views of each timeline are drawn together, and away from those of the others of the batch.

    The first three are of CL4SRec (Xie et al., ICDE 2022, arXiv:2010.14395), insert of CoSeRec (Liu et al.,
    2021, arXiv:2108.06479): ``crop`` keeps a part in the middle, ``mask`` hides items, ``reorder`` shuffles a
    part, ``insert`` puts before events the item most like theirs, by the model's own vectors of now. Each
    view of a timeline draws one of them. The loss is NT-Xent (Chen et al., ICML 2020, arXiv:2002.05709) of
    the cosines of the last states. What comes after the training events is in no view.

    Args:
        weight: Of the loss, in that of the task that it is added to.
        kinds: Of `KINDS`, those that are drawn.
        shares: Kind -> the share of the events that it keeps (crop), hides, shuffles or inserts.
        temperature: By which cosines are divided.
    """

    weight: float
    kinds: Sequence[str]
    shares: dict[str, float]
    temperature: float

    def loss(
        self, batch: Batch, item_ID: Tensor, encode: Callable[[Batch, Tensor], Encoded]
    ) -> Tensor | None:
        """The loss times its weight, 1 for a guess; None where fewer than two timelines have two events.

        Args:
            batch: Some timelines.
            item_ID: Vectors of the whole catalogue.
            encode: The backbone, given a batch and these vectors.
        """
        long_B = batch.length_B >= 2
        if int(long_B.sum()) < 2:
            return None
        views = [self.view(batch, item_ID) for _ in range(2)]
        first_ND, second_ND = (
            encode(view, item_ID).state_BSD[long_B, view.length_B[long_B]] for view in views
        )
        nats = math.log(2 * len(first_ND) - 1)
        return self.weight / nats * apart(first_ND, second_ND, self.temperature)

    def view(self, batch: Batch, item_ID: Tensor) -> Batch:
        """The batch with another view of each timeline; rows to score stay those of the whole ones."""
        length_B, (count, longest) = batch.length_B, batch.item_BL.shape
        real_BL = torch.arange(longest, device=length_B.device) < length_B[:, None]
        kind_B = torch.randint(len(self.kinds), (count,), device=length_B.device)
        drawn = {kind: (kind_B == number)[:, None] & real_BL for number, kind in enumerate(self.kinds)}
        none_BL = torch.zeros_like(real_BL)
        kept_BL = real_BL & ~(drawn.get("crop", none_BL) & ~self._part("crop", length_B, longest))
        hidden_BL = self._some("mask", drawn.get("mask", none_BL))
        inserted_BL = self._some("insert", drawn.get("insert", none_BL))
        shuffled_BL = drawn.get("reorder", none_BL) & self._part("reorder", length_B, longest)
        order_BL = _shuffled(shuffled_BL)
        item_BL = torch.where(hidden_BL, 0, batch.item_BL)
        return _written(batch, item_BL, order_BL, kept_BL, _like(inserted_BL, batch.item_BL, item_ID))

    def _part(self, kind: str, length_B: Tensor, longest: int) -> Tensor:
        """A part of each timeline, its share of the events, bool ``(B, L)``."""
        size_B = (self.shares.get(kind, 0.0) * length_B).round().clamp(min=1)
        begin_B = (torch.rand_like(size_B) * (length_B - size_B + 1)).floor()
        place_L = torch.arange(longest, device=length_B.device)
        return (place_L >= begin_B[:, None]) & (place_L < (begin_B + size_B)[:, None])

    def _some(self, kind: str, among_BL: Tensor) -> Tensor:
        return among_BL & (torch.rand_like(among_BL, dtype=torch.float32) < self.shares.get(kind, 0.0))


def _shuffled(shuffled_BL: Tensor) -> Tensor:
    """Places in an order in which those that are marked, a part of each row, have changed seats."""
    key_BL = torch.arange(shuffled_BL.shape[1], device=shuffled_BL.device).float().expand(shuffled_BL.shape)
    seat_BL = shuffled_BL.float().argmax(1, keepdim=True) + torch.rand_like(key_BL)
    return torch.where(shuffled_BL, seat_BL, key_BL).argsort(dim=1, stable=True)


@torch.no_grad()
def _like(inserted_BL: Tensor, item_BL: Tensor, item_ID: Tensor) -> Tensor:
    """The item to insert before each event, 0 for none: the nearest one by cosine, ``(B, L)``."""
    found_BL = torch.zeros_like(item_BL)
    place_F2 = torch.nonzero(inserted_BL & (item_BL > 0))[:MOST]
    if not len(place_F2) or len(item_ID) < 3:
        return found_BL
    item_F = item_BL[place_F2[:, 0], place_F2[:, 1]]
    once_U, of_F = torch.unique(item_F, return_inverse=True)
    direction_ID = F.normalize(item_ID.float(), dim=-1)
    alike_UI = direction_ID[once_U] @ direction_ID.T
    alike_UI[:, 0] = -torch.inf
    alike_UI[torch.arange(len(once_U)), once_U] = -torch.inf
    found_BL[place_F2[:, 0], place_F2[:, 1]] = alike_UI.argmax(1)[of_F]
    return found_BL


def _written(batch: Batch, item_BL: Tensor, order_BL: Tensor, kept_BL: Tensor, before_BL: Tensor) -> Batch:
    """The events in a new order, without some, with others before some; the latest of them, as many as fit.

    Items and what is known of the events change seats; times stay where they are in the order.
    """
    longest = item_BL.shape[1]
    kept_BL, before_BL = kept_BL.gather(1, order_BL), before_BL.gather(1, order_BL)
    copies_BL = kept_BL * (1 + (before_BL > 0).long())
    row_F, seat_F = torch.nonzero(kept_BL, as_tuple=True)
    copies_F = copies_BL[row_F, seat_F]
    row_F, seat_F = row_F.repeat_interleave(copies_F), seat_F.repeat_interleave(copies_F)
    same_F = torch.zeros_like(seat_F, dtype=torch.bool)
    same_F[:-1] = (seat_F[1:] == seat_F[:-1]) & (
        row_F[1:] == row_F[:-1]
    )  # the first of two: what is inserted
    source_F = order_BL[row_F, seat_F]
    count_B = copies_BL.sum(1)
    number_F = torch.arange(len(row_F), device=row_F.device) - (count_B.cumsum(0) - count_B)[row_F]
    place_F = number_F - (count_B - longest).clamp(min=0)[row_F]
    every = (row_F, seat_F, source_F, same_F, place_F)
    row_F, seat_F, source_F, same_F, place_F = (each[place_F >= 0] for each in every)

    def placed(value_F: Tensor, like_BL: Tensor) -> Tensor:
        out = torch.zeros_like(like_BL)
        out[row_F, place_F] = value_F
        return out

    inserted_F = torch.where(same_F, before_BL[row_F, seat_F], item_BL[row_F, source_F])
    return replace(
        batch,
        item_BL=placed(inserted_F, item_BL),
        code_BLJ=placed(batch.code_BLJ[row_F, source_F], batch.code_BLJ),
        number_BLV=placed(batch.number_BLV[row_F, source_F], batch.number_BLV),
        time_BL=placed(batch.time_BL[row_F, seat_F], batch.time_BL),
        length_B=count_B.clamp(max=longest),
    )


def apart(first_ND: Tensor, second_ND: Tensor, temperature: float) -> Tensor:
    """NT-Xent in nats: of each of 2 N vectors, how surely its other view is told from those of others."""
    both_MD = F.normalize(torch.cat([first_ND, second_ND]).float(), dim=-1)
    alike_MM = both_MD @ both_MD.T / temperature
    alike_MM = alike_MM - torch.diag(torch.full_like(both_MD[:, 0], torch.inf))
    other_M = torch.arange(len(both_MD), device=both_MD.device).roll(len(first_ND))
    return F.cross_entropy(alike_MM, other_M)
