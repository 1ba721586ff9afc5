"""What a model scores the whole catalogue, for queries with histories: items with a past, and newcomers.

Shapes: Q queries, B a block of them, I items, C newcomers (items that training never met), T targets, D
width.
"""

from collections.abc import Mapping
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from motet.data.requests import Plan, histories, last_of
from motet.data.timelines import Timelines
from motet.features.nearest import directions
from motet.model import Motet
from motet.tasks.newcomers import FADING, LAST_ITEMS, Evidence
from motet.tasks.next_item import LAST

BLOCK = 1024
PAIRS = 20_000_000  # of a query and a newcomer that are looked at to fit the newcomers' scores


class CatalogueScores:
    """Scores of one `next_item` task for any queries over one log.

    Args:
        model: The model.
        log: Where histories come from.
        task: Name of the task.
        item_ID: Vectors of the whole catalogue.
        keys: Those of heads that compare by cosine, and of the others, where they are known; this one's are
            added: a task does not need its own.
    """

    def __init__(
        self,
        model: Motet,
        log: Timelines,
        task: str,
        item_ID: Tensor,
        keys: dict[bool, Tensor] | None = None,
    ) -> None:
        self.head, self.log, self.task = model.part(task).next_heads[task], log, task
        keys = {} if keys is None else keys
        if self.head.cosine not in keys:
            with torch.no_grad():
                keys[self.head.cosine] = self.head.keys(item_ID)
        self.key_ID = keys[self.head.cosine]
        trained_I, allowed_I = self.head.get_buffer("trained_I"), self.head.get_buffer("allowed_I")
        known_I = (self.key_ID != 0).any(-1)
        self.unknown_J = torch.nonzero(~known_I).squeeze(-1)
        self.past_I = trained_I & allowed_I
        self.new_C = torch.nonzero(~trained_I & allowed_I & known_I).squeeze(-1)
        self.items = model.part(task).items

    @cached_property
    def text_IT(self) -> Tensor | None:
        """Directions of the items' texts, zeros without one; None where no language model reads them."""
        white_IT = self.items.texts
        return None if white_IT is None else _texts(white_IT, self.head.get_buffer("trained_I"))

    def __call__(self, state_BD: Tensor, plan: Plan, query_B: np.ndarray) -> Tensor:
        """Scores ``(B, I)``.

        Args:
            state_BD: State of each query.
            plan: What each query may see.
            query_B: The queries, as places in the plan.
        """
        return self._beside_newcomers(self._scores(state_BD), plan, query_B)

    @torch.no_grad()
    def _beside_newcomers(self, score_BI: Tensor, plan: Plan, query_B: np.ndarray) -> Tensor:
        """Scores in which newcomers, scored as any other item, take their fitted places."""
        newcomers = self.head.newcomers
        if not len(self.new_C):
            return score_BI
        if newcomers.plain:
            if newcomers.bonus:
                score_BI[:, self.new_C] += newcomers.bonus
            return score_BI
        past_B, new_BC, likeness_BC = self._beside(score_BI, *histories(plan, query_B, self._positive()))
        moved_BC = newcomers(new_BC, past_B, likeness_BC)
        score_BI[:, self.new_C] = torch.where(past_B.isfinite()[:, None], moved_BC, new_BC)
        return score_BI

    @torch.no_grad()
    def _scores(self, state_BD: Tensor) -> Tensor:
        return self.head.scores(self.head.queries(state_BD), self.key_ID, self.unknown_J)

    @torch.no_grad()
    def evidence(
        self, state_QD: Tensor, plan: Plan, query_Q: np.ndarray, target_T: np.ndarray, query_T: np.ndarray
    ) -> Evidence:
        """What newcomers' scores are fitted on; of very many queries a part.

        Args:
            state_QD: State of each query.
            plan: What each query may see.
            query_Q: The queries, as places in the plan.
            target_T: Right items.
            query_T: Which query (0 to Q - 1) each is right for.
        """
        new_Q = np.zeros(len(query_Q), bool)
        new_Q[query_T[np.isin(target_T, self.new_C.numpy())]] = True
        kept, weight_K = thinned(new_Q, PAIRS // max(len(self.new_C), 1))
        place_Q = np.full(len(query_Q), -1)
        place_Q[kept] = np.arange(len(kept))
        mine_T = place_Q[query_T] >= 0
        row_T, item_T = torch.from_numpy(place_Q[query_T[mine_T]]), torch.from_numpy(target_T[mine_T])
        parts = []
        for begin in range(0, len(kept), BLOCK):
            query = kept[begin : begin + BLOCK]
            score_BI = self._scores(state_QD[query])
            offset, place = histories(plan, query_Q[query], self._positive())
            beside = self._beside(score_BI, offset, place, hide=True)
            here_T = (row_T >= begin) & (row_T < begin + len(query))
            parts.append(
                (*beside, score_BI[row_T[here_T] - begin, item_T[here_T]], torch.nonzero(here_T)[:, 0])
            )
        past_R, score_RC, likeness_RC, found_T, order_T = (
            torch.cat(each) for each in zip(*parts, strict=True)
        )
        column_I = torch.full((len(self.key_ID),), -1)
        column_I[self.new_C] = torch.arange(len(self.new_C))
        row_T, item_T = row_T[order_T], item_T[order_T]
        column_T = column_I[item_T]
        asked_T = (found_T > LAST) & past_R[row_T].isfinite()
        asked_T &= (column_T < 0) | score_RC[row_T, column_T.clamp(min=0)].isfinite()
        return Evidence(
            past_R.nan_to_num(neginf=0.0), score_RC, likeness_RC,
            row_T[asked_T], found_T[asked_T], column_T[asked_T],
            torch.from_numpy(weight_K).float()[row_T[asked_T]],
        )  # fmt: skip

    def _beside(
        self, score_BI: Tensor, offset: np.ndarray, place: np.ndarray, *, hide: bool = False
    ) -> tuple[Tensor, Tensor, Tensor]:
        """All items with a past taken together ``(B,)``, and newcomers: scores and likeness ``(B, C)``.

        What a user has takes no part where items do not come again.
        """
        past_BI = score_BI.masked_fill(~self.past_I, -torch.inf)
        new_BC = score_BI[:, self.new_C]
        if self.log.seen_once:
            row = torch.from_numpy(np.repeat(np.arange(len(score_BI)), np.diff(offset)))
            seen = torch.from_numpy(self.log.item_N[place].astype(np.int64))
            past_BI[row, seen] = -torch.inf
            if hide:
                hidden_BI = torch.zeros(score_BI.shape, dtype=torch.bool)
                hidden_BI[row, seen] = True
                new_BC = new_BC.masked_fill(hidden_BI[:, self.new_C], -torch.inf)
        return torch.logsumexp(past_BI, 1), new_BC, self._likeness(last_of(offset, place, LAST_ITEMS))

    def _likeness(self, place_BK: np.ndarray) -> Tensor:
        """How like newcomers' texts are to those of the last items, 1 is the same: ``(B, C)``."""
        if self.text_IT is None:
            return torch.zeros(len(place_BK), len(self.new_C))
        has_BK = torch.from_numpy(place_BK >= 0)
        item_BK = torch.from_numpy(self.log.item_N[place_BK].astype(np.int64)) * has_BK
        weight_BK = has_BK * FADING ** torch.arange(LAST_ITEMS)
        weight_BK = weight_BK / weight_BK.sum(1, keepdim=True).clamp(min=1e-9)
        last_BT = (weight_BK[..., None] * self.text_IT[item_BK]).sum(1)
        return last_BT @ self.text_IT[self.new_C].T

    def _positive(self) -> np.ndarray:
        positive_N: np.ndarray = self.log.positive[self.task]
        return positive_N


@torch.no_grad()
def scores_together(
    scores: Mapping[str, CatalogueScores], states: Mapping[str, Tensor], plan: Plan, query_B: np.ndarray
) -> dict[str, Tensor]:
    """What several tasks score for the same queries, ``(B, I)`` each; keys that heads share are read once.

    Reading them is most of the work where queries are few.

    Args:
        scores: Task -> what scores for it.
        states: Task -> state of each query, ``(B, D)``.
        plan: What each query may see.
        query_B: The queries, as places in the plan.
    """
    sharing: dict[int, list[str]] = {}
    for task, each in scores.items():
        sharing.setdefault(id(each.key_ID), []).append(task)
    found: dict[str, Tensor] = {}
    for tasks in sharing.values():
        first = scores[tasks[0]]
        query_RD = torch.cat([scores[task].head.queries(states[task]) for task in tasks])
        score_RI = first.head.scores(query_RD, first.key_ID, first.unknown_J)
        score_TBI = score_RI.view(len(tasks), len(query_B), -1)
        for task, score_BI in zip(tasks, score_TBI, strict=True):
            found[task] = scores[task]._beside_newcomers(score_BI, plan, query_B)
    return found


def thinned(new_Q: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Places of at most so many queries, and how many each stands for; up to half ask for a newcomer."""
    if len(new_Q) <= most:
        return np.arange(len(new_Q)), np.ones(len(new_Q))
    asking, others = np.flatnonzero(new_Q), np.flatnonzero(~new_Q)
    first = min(len(asking), max(most // 2, 1))
    parts = [_evenly(asking, first), _evenly(others, min(len(others), max(most - first, 1)))]
    weights = [
        np.full(len(part), len(whole) / max(len(part), 1))
        for part, whole in zip(parts, (asking, others), strict=True)
    ]
    order = np.argsort(np.concatenate(parts))
    return np.concatenate(parts)[order], np.concatenate(weights)[order]


def _evenly(whole: np.ndarray, count: int) -> np.ndarray:
    return whole[np.linspace(0, len(whole) - 1, count).astype(np.int64)] if len(whole) else whole


def _texts(text_IT: Tensor, trained_I: Tensor) -> Tensor:
    has_I = (text_IT != 0).any(-1)
    met_I = trained_I & has_I
    mean_T = text_IT[met_I if bool(met_I.any()) else has_I].float().mean(0)
    return directions(text_IT, mean_T) * has_I[:, None]
