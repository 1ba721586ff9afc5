"""next_item: which items next, out of a whole catalogue.

A state becomes a query; items are compared with it by cosine (with a learned temperature) or by dot
product; the loss is a softmax over all items that training has met. Retrieval at serving time uses the same
query and the same item vectors.
Shapes: R rows, I items, K trained items, D width, N pairs of a row and an item it has seen.
"""

import math
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from motet.nn.blockwise import Targets, fast_products
from motet.nn.softmax import Sample, Softmax, catalogue_cross_entropy, sampled_cross_entropy
from motet.tasks.newcomers import Newcomers

LAST = -1e6  # the score of an item of which nothing is known


@dataclass(frozen=True)
class Ahead:
    """What counts as right: the next item, and with less weight those that come after it.

    Args:
        horizon: How many coming items count.
        discount: Weight of each, in that of the one before it.
    """

    horizon: int = 1
    discount: float = 0.5

    def targets(self, item_R: Tensor, timeline_R: Tensor) -> Targets:
        """Targets of every row: its own item and those of the rows that follow in the same timeline.

        Args:
            item_R: Item numbers, in the order in which they came, timeline by timeline.
            timeline_R: Which timeline each row is of, ascending.
        """
        if self.horizon == 1:
            return Targets.one_each(item_R)
        row_R = torch.arange(len(item_R), device=item_R.device)
        coming = row_R[:, None] + torch.arange(self.horizon, device=item_R.device)
        last = max(len(item_R) - 1, 0)
        inside = (coming <= last) & (timeline_R[coming.clamp(max=last)] == timeline_R[:, None])
        row_P, step_P = torch.nonzero(inside, as_tuple=True)
        return shared_out(row_P, item_R[row_P + step_P], self.discount ** step_P.float())


def shared_out(row_P: Tensor, item_P: Tensor, weight_P: Tensor) -> Targets:
    """Targets whose shares are their weights, so that those of a row sum to one."""
    total_R = torch.zeros(int(row_P.max()) + 1 if len(row_P) else 0, device=weight_P.device)
    total_R.index_add_(0, row_P, weight_P)
    return Targets(row_P, item_P, weight_P / total_R[row_P])


class NextItemHead(nn.Module):
    """Ranks a catalogue.

    Args:
        width: Width of states and of item vectors.
        allowed_I: Items that this task ranks (its kind), bool; number 0 never is.
        trained_I: Items met in training, bool; only they stand in the training softmax.
        similarity: cosine or dot.
        temperature: Of cosine scores, at the start.
        label_smoothing: Share of the target's probability spread over all items (full softmax only).
        sampled: Items drawn for a sampled softmax in training; None for the full one.
        ahead: How far ahead items count as right.

    What items score that training never met is for `newcomers` to say.
    """

    def __init__(
        self,
        width: int,
        allowed_I: Tensor,
        trained_I: Tensor,
        similarity: Literal["cosine", "dot"],
        temperature: float,
        label_smoothing: float,
        sampled: int | None = None,
        ahead: Ahead | None = None,
    ) -> None:
        super().__init__()
        self.query = nn.Linear(width, width)
        nn.init.eye_(self.query.weight)
        nn.init.zeros_(self.query.bias)
        self.cosine = similarity == "cosine"
        self.log_scale = nn.Parameter(torch.tensor(math.log(1 / temperature) if self.cosine else 0.0))
        self.log_scale.requires_grad_(self.cosine)
        self.label_smoothing, self.sampled, self.ahead = label_smoothing, sampled, ahead or Ahead()
        self.newcomers = Newcomers()
        self.set_catalogue(allowed_I, trained_I)
        self.nats = math.log(max(len(self.get_buffer("item_K")), 2))

    def set_catalogue(self, allowed_I: Tensor, trained_I: Tensor) -> None:
        """Say anew which items are ranked and which of them stand in the training softmax."""
        item_K = torch.nonzero(allowed_I & trained_I).squeeze(-1)
        column_I = torch.full((len(allowed_I),), -1, dtype=torch.int64, device=allowed_I.device)
        column_I[item_K] = torch.arange(len(item_K), device=allowed_I.device)
        self.register_buffer("allowed_I", allowed_I, persistent=False)
        self.register_buffer("trained_I", trained_I, persistent=False)
        self.register_buffer("item_K", item_K, persistent=False)
        self.register_buffer("column_I", column_I, persistent=False)

    def queries(self, state_RD: Tensor, *, scaled: bool = True) -> Tensor:
        """Queries ``(R, D)``; scaled, their dot product with `keys` is the score."""
        query: Tensor = self.query(state_RD)
        if self.cosine:
            query = F.normalize(query, dim=-1)
        return query * self.log_scale.exp() if scaled else query

    def keys(self, item_ID: Tensor) -> Tensor:
        """Keys ``(I, D)``."""
        return F.normalize(item_ID, dim=-1) if self.cosine else item_ID

    def scores(self, query_RD: Tensor, key_ID: Tensor, unknown_J: Tensor | None = None) -> Tensor:
        """Scores ``(R, I)``, newcomers as any other; an item of which nothing is known is `LAST`.

        Args:
            query_RD: Queries.
            key_ID: Keys; that of an item of which nothing is known is zero.
            unknown_J: Numbers of such items, where they are at hand.
        """
        if unknown_J is None:
            unknown_J = torch.nonzero((key_ID == 0).all(-1)).squeeze(-1)
        few = len(query_RD) == 1  # then the product reads the keys once, and the other way is the faster one
        with nullcontext() if few else fast_products(query_RD.device):
            score_RI = query_RD @ key_ID.T
        return score_RI.index_fill_(1, unknown_J, LAST)

    def loss(
        self, state_RD: Tensor, item_ID: Tensor, targets: Tensor | Targets, seen_2N: Tensor | None
    ) -> Tensor:
        """Mean cross-entropy of the targets, in units of a uniform guess.

        Args:
            state_RD: States from which the items are asked for.
            item_ID: Vectors of the whole catalogue.
            targets: Item numbers ``(R,)``, or several a row; those that are not in the softmax are left out.
            seen_2N: Row and item number of items to leave out of a row's softmax; None for none.
        """
        targets = targets if isinstance(targets, Targets) else Targets.one_each(targets)
        keep_R, targets = self._within_softmax(targets, len(state_RD))
        query_RD, item_K = self.queries(state_RD[keep_R], scaled=False), self.get_buffer("item_K")
        settings = Softmax(self.label_smoothing, "bf16" if torch.is_autocast_enabled("cpu") else "fp32")
        banned = None if seen_2N is None else self._banned(keep_R, seen_2N)
        scale = self.log_scale.exp()
        if self.sampled is None:
            key_KD = self.keys(item_ID[item_K])
            loss = catalogue_cross_entropy(
                query_RD, key_KD, targets, scale=scale, banned=banned, settings=settings
            )
        else:

            def some(column: Tensor) -> Tensor:
                return self.keys(item_ID[item_K[column]])

            loss = sampled_cross_entropy(
                query_RD, some, targets, self._draw(), scale=scale, banned=banned, settings=settings
            )
        return loss / self.nats

    def learns_from(self, targets: Targets) -> bool:
        """Whether any target stands in the training softmax."""
        return bool((self.get_buffer("column_I")[targets.candidate] >= 0).any())

    def _within_softmax(self, targets: Targets, rows: int) -> tuple[Tensor, Targets]:
        """Rows that have a target in the softmax, bool, and their targets, counted among these rows."""
        column_P: Tensor = self.get_buffer("column_I")[targets.candidate]
        known_P = column_P >= 0
        row_P = targets.row[known_P]
        keep_R = torch.zeros(rows, dtype=torch.bool, device=row_P.device)
        keep_R[row_P] = True
        row_P = (torch.cumsum(keep_R, 0) - 1)[row_P]
        if targets.share is None:
            return keep_R, Targets(row_P, column_P[known_P])
        return keep_R, shared_out(row_P, column_P[known_P], targets.share[known_P])

    def _draw(self) -> Sample:
        """Items of the softmax, drawn evenly with replacement, the same for all rows of a step."""
        assert self.sampled is not None
        items: Tensor = self.get_buffer("item_K")
        item_S = torch.randint(len(items), (self.sampled,), device=items.device)
        return Sample(item_S, torch.full((self.sampled,), -math.log(len(items)), device=items.device))

    def _banned(self, keep_R: Tensor, seen_2N: Tensor) -> tuple[Tensor, Tensor]:
        """The seen pairs among the rows that are kept and the items of the softmax."""
        place_R = torch.cumsum(keep_R, 0) - 1
        row_N, column_N = seen_2N[0], self.get_buffer("column_I")[seen_2N[1]]
        real_N = keep_R[row_N] & (column_N >= 0)
        return place_R[row_N[real_N]], column_N[real_N]
