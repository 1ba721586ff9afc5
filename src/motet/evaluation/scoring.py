"""What a model says about the rows of a view: ranks among the whole catalogue, and predictions.

Shapes: Q queries, T targets, R rows, I items, K places of a list.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from motet.batch import Batch
from motet.data.collate import Collator
from motet.data.dataset import Dataset
from motet.data.loader import sorted_windows
from motet.data.requests import Plan, histories
from motet.data.timelines import Timelines
from motet.errors import DataError
from motet.evaluation.catalogue_scores import CatalogueScores
from motet.evaluation.protocol import View
from motet.metrics.ranking import rank_of_targets
from motet.model import Motet
from motet.tasks.newcomers import ENOUGH
from motet.tasks.next_item import NextItemHead

BLOCK = 512  # queries ranked at a time


@dataclass(frozen=True)
class Ranked:
    """Ranks of the right items of a `next_item` task."""

    user_Q: np.ndarray
    rank_T: np.ndarray  # 1 is best
    query_T: np.ndarray
    target_T: np.ndarray  # item numbers
    top_QK: np.ndarray  # item numbers, best first; 0 where there are no more
    known_Q: np.ndarray  # how many events were visible


@dataclass(frozen=True)
class Scored:
    """Predictions of a row task on labelled rows."""

    row_R: np.ndarray  # places in the log
    user_R: np.ndarray
    label_R: np.ndarray
    prediction_R: np.ndarray  # (R,) or (R, classes)


@dataclass(frozen=True)
class Questions:
    """Queries of a `next_item` task: one a row (rolling), or one a user with several targets (frozen)."""

    plan: Plan
    query_Q: np.ndarray  # places in the plan
    target_T: np.ndarray
    query_T: np.ndarray
    user_Q: np.ndarray


Score = Callable[[np.ndarray], np.ndarray]
"""Queries, as places 0 to Q - 1, to scores of the whole catalogue ``(len, I)``."""


class Answers(Protocol):
    """Whoever answers the questions of a view: one model, or several together."""

    def ranks(self, task: str) -> bool:
        """Whether a task of that name ranks a catalogue."""
        ...

    def next_item(self, view: View, task: str, part: int, k: int) -> Ranked:
        """Ranks for a `next_item` task, with lists of k."""
        ...

    def rows(self, view: View, part: int) -> dict[str, Scored]:
        """Predictions of the view's row tasks."""
        ...


def questions(
    dataset: Dataset, view: View, task: str, part: int, length: int, allowed_I: np.ndarray | None = None
) -> Questions:
    """The queries that a part of a view asks of a `next_item` task.

    Args:
        dataset: Catalogue and log.
        view: Rows and history.
        task: Name of the task.
        part: Part of the rows.
        length: Most events in a window.
        allowed_I: Items that the task ranks, boolean: no other is asked for. None for all.
    """
    log = dataset.log
    wanted_N = log.positive[task]
    if allowed_I is not None:
        wanted_N = wanted_N & allowed_I[log.item_N]
    plan = view.plan(log, part, wanted_N, length, asking=True)
    _refuse_empty(plan, [task])
    place_Q = np.arange(len(plan.row_Q))
    user_Q = log.user_N[plan.row_Q]
    target = log.item_N[plan.row_Q].astype(np.int64)
    if view.history == "rolling":
        return Questions(plan, place_Q, target, place_Q, user_Q)
    users, first, query_T = np.unique(user_Q, return_index=True, return_inverse=True)
    pair_2T = np.unique(
        np.stack([query_T.reshape(-1), target]), axis=1
    )  # an item bought twice is one right answer
    return Questions(plan, first, pair_2T[1], pair_2T[0], users)


def rank(
    asked: Questions,
    dataset: Dataset,
    task: str,
    score: Score,
    k: int,
    allowed_I: np.ndarray,
) -> Ranked:
    """Rank the whole catalogue for every query.

    Args:
        asked: The queries.
        dataset: Catalogue and log.
        task: Name of the task.
        score: Queries (their places, 0 to Q - 1) to scores ``(len, I)``.
        k: Length of the lists that are kept.
        allowed_I: Items that take part.
    """
    log = dataset.log
    ranks = np.zeros(len(asked.target_T), np.int64)
    tops: list[np.ndarray] = []
    order = np.argsort(asked.query_T, kind="stable")
    sorted_query = asked.query_T[order]
    for begin in range(0, len(asked.query_Q), BLOCK):
        query = np.arange(begin, min(begin + BLOCK, len(asked.query_Q)))
        score_QI = np.where(allowed_I, score(query), -np.inf)
        hide_seen(score_QI, asked, query, log, task)
        mine = order[np.searchsorted(sorted_query, begin) : np.searchsorted(sorted_query, begin + len(query))]
        ranks[mine] = rank_of_targets(score_QI, asked.target_T[mine], asked.query_T[mine] - begin)
        best = torch.topk(torch.from_numpy(score_QI), min(k, score_QI.shape[1] - 1))
        tops.append(torch.where(best.values == -torch.inf, 0, best.indices).numpy())
    known_Q = asked.plan.known_Q[asked.query_Q]
    return Ranked(asked.user_Q, ranks, asked.query_T, asked.target_T, np.concatenate(tops), known_Q)


def hide_seen(score_BI: np.ndarray, asked: Questions, query_B: np.ndarray, log: Timelines, task: str) -> None:
    """Score minus infinity what the users of some queries have, in place, where items do not come again."""
    if log.seen_once:
        offset, place = histories(asked.plan, asked.query_Q[query_B], log.positive[task])
        score_BI[np.repeat(np.arange(len(query_B)), np.diff(offset)), log.item_N[place]] = -np.inf


class Scorer:
    """A model that answers views; it holds the item vectors and is put into evaluation mode.

    Args:
        model: The model.
        dataset: What it reads.
        length: Most events in a window.
        item_ID: Vectors of the catalogue where they are known already.
    """

    def __init__(self, model: Motet, dataset: Dataset, length: int, item_ID: Tensor | None = None) -> None:
        self.model, self.dataset, self.length = model.eval(), dataset, length
        if item_ID is None:
            with torch.no_grad():
                item_ID = model.items()
        self.item_ID: Tensor = item_ID
        self.apart = [
            Scorer(part, dataset, length, item_ID if part.leans else None) for part in model.parts[1:]
        ]

    def of(self, task: str) -> "Scorer":
        """The one whose model has a task's head."""
        return next(each for each in (self, *self.apart) if task in each.model.own)

    def next_item(self, view: View, task: str, part: int, k: int) -> Ranked:
        """Ranks for a `next_item` task."""
        asked, score = self.scores(view, task, part)
        return rank(asked, self.dataset, task, score, k, self.allowed(task))

    def ranks(self, task: str) -> bool:
        """Whether the model has a head of that name that ranks a catalogue."""
        return self.model.ranks(task)

    def allowed(self, task: str) -> np.ndarray:
        """Items that a task ranks, boolean ``(I,)``."""
        return allowed_items(self.of(task).model.next_heads[task])

    def scores(self, view: View, task: str, part: int) -> tuple[Questions, Score]:
        """What a `next_item` task is asked, and what scores the whole catalogue for some of the queries."""
        if self.of(task) is not self:
            return self.of(task).scores(view, task, part)
        allowed_I = self.allowed(task)
        asked = questions(self.dataset, view, task, part, self.length, allowed_I)
        state_QD = self._states(asked, view, task)
        scores = CatalogueScores(self.model, self.dataset.log, task, self.item_ID)

        def score(query: np.ndarray) -> np.ndarray:
            return scores(state_QD[query], asked.plan, asked.query_Q[query]).numpy()

        return asked, score

    def fit_newcomers(self, view: View, task: str, part: int) -> bool:
        """Fit what a `next_item` task scores items that training never met; false where they are too few."""
        if self.of(task) is not self:
            return self.of(task).fit_newcomers(view, task, part)
        head = self.model.next_heads[task]
        asked = questions(self.dataset, view, task, part, self.length, allowed_items(head))
        scores = CatalogueScores(self.model, self.dataset.log, task, self.item_ID)
        if np.isin(asked.target_T, scores.new_C.numpy()).sum() < ENOUGH:
            return False
        state_QD = self._states(asked, view, task)
        return head.newcomers.fit(
            scores.evidence(state_QD, asked.plan, asked.query_Q, asked.target_T, asked.query_T)
        )

    def rows(self, view: View, part: int) -> dict[str, Scored]:
        """Predictions of the view's row tasks."""
        found: dict[str, Scored] = {}
        for each in (self, *self.apart):
            found |= {} if each.model.leans else each._own_rows(view, part)
        return {name: found[name] for name in view.tasks if name in found}

    def _own_rows(self, view: View, part: int) -> dict[str, Scored]:
        names = [name for name in view.tasks if name in self.model.row_tasks]
        if not names:
            return {}
        log = self.dataset.log
        labelled_N = np.logical_or.reduce([~np.isnan(log.label[name]) for name in names])
        plan = view.plan(log, part, labelled_N, self.length)
        _refuse_empty(plan, names)
        places: list[np.ndarray] = []
        said: dict[str, list[np.ndarray]] = {name: [] for name in names}
        for batch in self._batches(plan, view):
            places.append(batch.row_BP[batch.row_BP >= 0].numpy())
            for name, prediction in self.model.predict(batch, self.item_ID).items():
                if name in said:
                    said[name].append(prediction.float().numpy())
        row_R = np.concatenate(places)
        order = np.argsort(row_R)
        out: dict[str, Scored] = {}
        for name in names:
            of_rows = np.concatenate(said[name])[order]
            label_R = log.label[name][row_R[order]]
            has = ~np.isnan(label_R)
            rows = row_R[order][has]
            out[name] = Scored(rows, log.user_N[rows], label_R[has], of_rows[has])
        return out

    @torch.no_grad()
    def gates(self, view: View, part: int) -> dict[str, dict[str, tuple[float, float]]]:
        """Task -> expert -> its mean share of the task's state over the rows, and the spread (deviation)."""
        names = [name for name in view.tasks if name in self.model.row_heads]
        apart = {
            task: {f"{expert} (group {number})": share for expert, share in shares.items()}
            for number, each in enumerate(self.apart, 1)
            for task, shares in each.gates(view, part).items()
        }
        log, experts = self.dataset.log, self.model.experts
        if not names or experts is None or not experts.names(names[0]):
            return apart
        labelled_N = np.logical_or.reduce([~np.isnan(log.label[name]) for name in names])
        plan = view.plan(log, part, labelled_N, self.length)
        shares: dict[str, list[Tensor]] = {name: [] for name in names}
        for batch in self._batches(plan, view):
            labels = {name: batch.label[name][batch.row_BP >= 0] for name in names}
            for name, share_RX in self.model.gates(batch, self.item_ID).items():
                if name in shares:
                    shares[name].append(share_RX[~labels[name].isnan()].float())
        found = apart
        for name, each in shares.items():
            share_RX = torch.cat(each) if each else torch.zeros(0, 1)
            if len(share_RX):
                ends = zip(share_RX.mean(0).tolist(), share_RX.std(0, correction=0).tolist(), strict=True)
                found[name] = dict(zip(experts.names(name), ends, strict=True))
        return found

    def _states(self, asked: Questions, view: View, task: str) -> Tensor:
        """State of each query of a `next_item` task, ``(Q, D)``."""
        plan = asked.plan
        found = torch.zeros(len(plan.row_Q), self.item_ID.shape[1])
        for batch in self._batches(plan, view):
            has = batch.ask_BP >= 0
            place_R = np.searchsorted(plan.row_Q, batch.row_BP[has].numpy())
            found[torch.from_numpy(place_R)] = self.model.ask(batch, self.item_ID, task).float()
        return found[torch.from_numpy(asked.query_Q)]

    def _batches(self, plan: Plan, view: View) -> Iterator[Batch]:
        collate = Collator(self.dataset.log, plan, self.dataset.catalogue.time_I, view.counter_NC)
        for windows in sorted_windows(plan.length_W, np.diff(plan.offset_W)):
            yield collate(windows)


def _refuse_empty(plan: Plan, tasks: Sequence[str]) -> None:
    if not len(plan):
        raise DataError(
            f"there is no row to measure {' and '.join(tasks)} on. Give a log that has some in this part, or "
            "measure another part."
        )


def allowed_items(head: NextItemHead) -> np.ndarray:
    """Items that a head ranks, boolean ``(I,)``."""
    allowed: np.ndarray = head.get_buffer("allowed_I").numpy()
    return allowed
