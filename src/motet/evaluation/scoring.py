"""What a model says about the rows of a view: ranks among the whole catalogue, and predictions.

Shapes: Q queries, T targets, R rows, I items, K places of a list.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
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
"""Queries, as places 0 to Q - 1, to scores of the whole catalogue ``(len, I)``, which may be written over."""


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
        k: Length of the lists that are kept; 0: none.
        allowed_I: Items that take part.
    """
    log = dataset.log
    banned = np.flatnonzero(~allowed_I)
    ranks = np.zeros(len(asked.target_T), np.int64)
    tops: list[np.ndarray] = []
    order = np.argsort(asked.query_T, kind="stable")
    sorted_query = asked.query_T[order]
    for begin in range(0, len(asked.query_Q), BLOCK):
        query = np.arange(begin, min(begin + BLOCK, len(asked.query_Q)))
        score_QI = score(query)
        score_QI[:, banned] = -np.inf
        hide_seen(score_QI, asked, query, log, task)
        mine = order[np.searchsorted(sorted_query, begin) : np.searchsorted(sorted_query, begin + len(query))]
        ranks[mine] = rank_of_targets(score_QI, asked.target_T[mine], asked.query_T[mine] - begin)
        tops.append(_top(score_QI, k))
    known_Q = asked.plan.known_Q[asked.query_Q]
    return Ranked(asked.user_Q, ranks, asked.query_T, asked.target_T, np.concatenate(tops), known_Q)


def _top(score_QI: np.ndarray, k: int) -> np.ndarray:
    """The k best items of each row, best first; 0 where there are no more."""
    if k == 0:
        return np.zeros((len(score_QI), 0), np.int64)
    best = torch.topk(torch.from_numpy(score_QI), min(k, score_QI.shape[1] - 1))
    return torch.where(best.values == -torch.inf, 0, best.indices).numpy()


def hide_seen(score_BI: np.ndarray, asked: Questions, query_B: np.ndarray, log: Timelines, task: str) -> None:
    """Score minus infinity what the users of some queries have, in place, where items do not come again."""
    if log.seen_once:
        offset, place = histories(asked.plan, asked.query_Q[query_B], log.positive[task])
        score_BI[np.repeat(np.arange(len(query_B)), np.diff(offset)), log.item_N[place]] = -np.inf


@dataclass(frozen=True)
class Heard:
    """What a model said in one pass over a part of a view.

    Args:
        plan: The windows; every row that any task asks about.
        state: `next_item` task -> state of each row of the plan, ``(Q, D)``; zeros where it is not asked.
        row_R: Rows that were scored, as places in the log.
        said: Row task -> its predictions for them, ``(R,)`` or ``(R, classes)``.
    """

    plan: Plan
    state: dict[str, Tensor]
    row_R: np.ndarray
    said: dict[str, np.ndarray]

    def states(self, task: str, asked: Questions) -> Tensor:
        """State of each query of a `next_item` task, ``(Q, D)``."""
        row_Q = asked.plan.row_Q[asked.query_Q]
        return self.state[task][torch.from_numpy(np.searchsorted(self.plan.row_Q, row_Q))]

    def scored(self, log: Timelines) -> dict[str, Scored]:
        """Predictions of each row task for the rows that it has a label of."""
        order = np.argsort(self.row_R)
        out: dict[str, Scored] = {}
        for name, said_R in self.said.items():
            label_R = log.label[name][self.row_R[order]]
            has = ~np.isnan(label_R)
            rows = self.row_R[order][has]
            out[name] = Scored(rows, log.user_N[rows], label_R[has], said_R[order][has])
        return out


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
        self.keys: dict[bool, Tensor] = {}  # see `CatalogueScores`
        self.apart = [
            Scorer(part, dataset, length, item_ID if part.leans else None) for part in model.parts[1:]
        ]
        self.heard: tuple[View, int, Heard] | None = None  # the last view and part that were passed over

    def of(self, task: str) -> "Scorer":
        """The one whose model has a task's head."""
        return next(each for each in (self, *self.apart) if task in each.model.own)

    def has(self, task: str) -> bool:
        """Whether any part of the model has a task's head."""
        return any(task in each.model.own for each in (self, *self.apart))

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
        owner = self.of(task)
        reader = self if owner.model.leans else owner  # whoever passes over the timelines
        asked = questions(self.dataset, view, task, part, self.length, self.allowed(task))
        state_QD = reader._hear(view, part).states(task, asked)
        scores = CatalogueScores(owner.model, self.dataset.log, task, owner.item_ID, owner.keys)

        def score(query: np.ndarray) -> np.ndarray:
            return scores(state_QD[query], asked.plan, asked.query_Q[query]).numpy()

        return asked, score

    def fit_newcomers(self, view: View, task: str, part: int) -> bool:
        """Fit what a `next_item` task scores items that training never met; false where they are too few."""
        if self.of(task) is not self:
            return self.of(task).fit_newcomers(view, task, part)
        head = self.model.next_heads[task]
        asked = questions(self.dataset, view, task, part, self.length, allowed_items(head))
        scores = CatalogueScores(self.model, self.dataset.log, task, self.item_ID, self.keys)
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
            if not each.model.leans and any(name in each.model.row_tasks for name in view.tasks):
                found |= each._hear(view, part).scored(self.dataset.log)
        return {name: found[name] for name in view.tasks if name in found}

    def _states(self, asked: Questions, view: View, task: str) -> Tensor:
        """State of each query of a `next_item` task, ``(Q, D)``, in a pass for it alone."""
        return self._pass(asked.plan, view, [task], []).states(task, asked)

    def _hear(self, view: View, part: int) -> "Heard":
        """What the model says in a part of a view, in one pass over its timelines where that can be."""
        if self.heard is None or self.heard[0] is not view or self.heard[1] != part:
            self.heard = view, part, self._pass_over(view, part)
        return self.heard[2]

    def _pass_over(self, view: View, part: int) -> "Heard":
        log, model = self.dataset.log, self.model
        readers = (model, *model.leaning)
        asks = [name for name in view.tasks if any(name in each.next_heads for each in readers)]
        rows = [name for name in view.tasks if name in model.row_tasks]
        asked_N = np.zeros(len(log), bool)
        for name in asks:
            asked_N |= log.positive[name] & self.allowed(name)[log.item_N]
        labelled_N = np.zeros(len(log), bool)
        for name in rows:
            labelled_N |= ~np.isnan(log.label[name])
        together = view.plan(log, part, asked_N | labelled_N, self.length)
        mine_Q = asked_N[together.row_Q]
        if not rows or (together.ask_Q[mine_Q] == together.state_Q[mine_Q]).all():
            plan = together if rows else view.plan(log, part, asked_N, self.length, asking=True)
            return self._pass(plan, view, asks, rows)
        # Some rows see more than `next_item` may when it is asked for them: their windows are others.
        asking = view.plan(log, part, asked_N, self.length, asking=True)
        apart = self._pass(asking, view, asks, [])
        scored = self._pass(view.plan(log, part, labelled_N, self.length), view, [], rows)
        return replace(apart, row_R=scored.row_R, said=scored.said)

    @torch.no_grad()
    def _pass(self, plan: Plan, view: View, asks: Sequence[str], rows: Sequence[str]) -> "Heard":
        """One pass over the windows of a plan: states for some tasks, predictions of others."""
        _refuse_empty(plan, [*asks, *rows])
        log, width = self.dataset.log, self.item_ID.shape[1]
        states = {name: torch.zeros(len(plan.row_Q), width) for name in asks}
        places: list[np.ndarray] = []
        said: dict[str, list[np.ndarray]] = {name: [] for name in rows}
        labelled_N = np.logical_or.reduce([~np.isnan(log.label[name]) for name in rows]) if rows else None
        readers = {name: self.of(name).model for name in asks}
        for batch in self._batches(plan, view):
            encoded = self.model.encode(batch, self.item_ID)
            row_BP = batch.row_BP.numpy()
            has_BP = batch.ask_BP >= 0
            place_R = torch.from_numpy(np.searchsorted(plan.row_Q, row_BP[has_BP.numpy()]))
            for name, reader in readers.items():
                states[name][place_R] = reader.ask(batch, self.item_ID, name, encoded).float()
            if labelled_N is None:
                continue
            keep_BP = (row_BP >= 0) & labelled_N[row_BP]
            places.append(row_BP[keep_BP])
            kept = torch.from_numpy(keep_BP)
            for name, prediction in self.model.predict(batch, self.item_ID, encoded, kept).items():
                if name in said:
                    said[name].append(prediction.float().numpy())
        row_R = np.concatenate(places) if places else np.zeros(0, np.int64)
        return Heard(plan, states, row_R, {name: np.concatenate(each) for name, each in said.items()})

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
