"""Several models that answer the questions of an evaluation as one.

Shapes: M members, B queries, I items, R rows, T right items.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from motet.config.tasks import is_row_task
from motet.derive.chains import capped, followed_by
from motet.derive.combine import RowKind, candidates, combine_rankings, combine_rows
from motet.derive.fitting import AnyEvidence, Beside, Chosen, RankEvidence, RowEvidence
from motet.derive.members import columns
from motet.evaluation.evaluate import Examiner
from motet.evaluation.protocol import View
from motet.evaluation.scoring import Answers, Questions, Ranked, Scored, Scorer, hide_seen, rank
from motet.system.randomness import generator
from motet.use import TrainedModel

CELLS = 10_000_000  # scores of members that are looked at in one go
MOST = 20_000  # right items whose candidates a stack learns from; of more, so many drawn at random


@dataclass(frozen=True)
class Voice:
    """A member as it is asked.

    Args:
        model: The member.
        column_I: Its number of each item of the first member.
    """

    model: TrainedModel
    column_I: np.ndarray

    @cached_property
    def examiner(self) -> Examiner:
        """Puts the questions of the log's parts, with this member's own counters."""
        return self.model.examiner

    @cached_property
    def scorer(self) -> Scorer:
        """Answers them."""
        bundle = self.model.bundle
        return Scorer(bundle.model, self.model.dataset, bundle.config.model.timeline.length)

    @cached_property
    def answers(self) -> Answers:
        """The same, with probabilities that follow the days where that is wanted."""
        return self.examiner.following(self.scorer)

    def beside(self, view: View, part: int, task: str, row_R: np.ndarray) -> np.ndarray:
        """What it says of a row task on rows of a view that are not asked about it, ``(R,)``.

        As it stands, without following the days: no outcome of such a row is ever known.

        Args:
            view: Rows and history, those of another task.
            part: Part of the rows.
            task: Name of the task.
            row_R: Places in the log, ascending.
        """
        dataset = self.model.dataset
        label_N = np.full(len(dataset.log), np.nan)
        label_N[row_R] = 0.0  # marks what is asked, and is read by nothing else
        log = replace(dataset.log, label=dataset.log.label | {task: label_N})
        length = self.model.bundle.config.model.timeline.length
        scorer = Scorer(self.model.bundle.model, replace(dataset, log=log), length, self.scorer.item_ID)
        return scorer.rows(replace(view, tasks=(task,)), part)[task].prediction_R.astype(np.float64)


def voices(models: Sequence[TrainedModel]) -> list[Voice]:
    """The members, each with its numbers of the first one's items."""
    return [Voice(each, columns(models[0].dataset, each.dataset)) for each in models]


Chances = Callable[[np.ndarray], Tensor]
"""Queries, as places 0 to Q - 1, to log probabilities ``(M, B, I)``."""


class Chorus:
    """Members that answer together, by the combiner of each task.

    Args:
        members: The members; item numbers, views and settings of the evaluation are those of the first.
        combiners: Task -> how their answers become one.
    """

    def __init__(self, members: Sequence[Voice], combiners: Mapping[str, Chosen]) -> None:
        self.members, self.combiners = members, combiners
        self.first = members[0]
        self.said: dict[tuple[tuple[str, ...], int], dict[str, tuple[Scored, np.ndarray]]] = {}

    def with_combiners(self, combiners: Mapping[str, Chosen]) -> "Chorus":
        """The same members with other combiners; what they said about rows is kept."""
        found = Chorus(self.members, combiners)
        found.said = self.said
        return found

    def ranks(self, task: str) -> bool:
        """Whether a task of that name ranks a catalogue."""
        return self.first.scorer.ranks(task)

    def next_item(self, view: View, task: str, part: int, k: int) -> Ranked:
        """Ranks for a `next_item` task by the members together."""
        asked, chances = self.chances(view, task, part)

        def score(query_B: np.ndarray) -> np.ndarray:
            return np.concatenate(
                [self._joined(task, asked, chances, each) for each in self._blocks(query_B)]
            )

        dataset = self.first.model.dataset
        return rank(asked, dataset, task, score, k, self.first.scorer.allowed(task))

    def rows(self, view: View, part: int) -> dict[str, Scored]:
        """Predictions of the view's row tasks by the members together; chains fit, see `derive.chains`."""

        def ask(task: str, row_R: np.ndarray) -> np.ndarray:
            said = [each.beside(self._own(each, view), part, task, row_R) for each in self.members]
            return self._joined_rows(task, np.stack(said), self.first.model.dataset.log.user_N[row_R])

        found = {
            task: replace(scored, prediction_R=self._joined_rows(task, said_M, scored.user_R))
            for task, (scored, said_M) in self.rows_said(view, part).items()
        }
        return capped(found, followed_by(self.first.model.bundle.config.tasks), ask)

    def rows_said(self, view: View, part: int) -> dict[str, tuple[Scored, np.ndarray]]:
        """Row task -> its rows, and what each member says of them, ``(M, R)`` or ``(M, R, K)``."""
        key = (view.tasks, part)
        if key not in self.said:
            said = [each.answers.rows(self._own(each, view), part) for each in self.members]
            self.said[key] = {
                task: (scored, np.stack([each[task].prediction_R for each in said]).astype(np.float64))
                for task, scored in said[0].items()
            }
        return self.said[key]

    def chances(self, view: View, task: str, part: int) -> tuple[Questions, Chances]:
        """What a `next_item` task is asked, and how probable each member finds each item for a query."""
        asked = self.first.examiner.asked(view, task, part)
        scores = [each.scorer.scores(self._own(each, view), task, part)[1] for each in self.members]
        allowed_I, log = self.first.scorer.allowed(task), self.first.model.dataset.log

        def chances(query_B: np.ndarray) -> Tensor:
            hidden_BI = np.where(allowed_I, 0.0, -np.inf)[None].repeat(len(query_B), 0).astype(np.float32)
            hide_seen(hidden_BI, asked, query_B, log, task)
            said = [
                torch.from_numpy(score(query_B)[:, each.column_I])
                for score, each in zip(scores, self.members, strict=True)
            ]
            return log_chances(said, torch.from_numpy(hidden_BI))

        return asked, chances

    def evidence(self, task: str, part: int, seed: int, *, beside: bool) -> AnyEvidence:
        """What the members say about rows or right items whose answers are known.

        Args:
            task: Name of the task.
            part: Part of the rows.
            seed: Of the right items that are drawn where they are many.
            beside: Whether the candidates beside right items are wanted.
        """
        view = self.first.examiner.view_of(task)
        if not self.ranks(task):
            scored, said_M = self.rows_said(view, part)[task]
            return RowEvidence(self.row_kind(task), said_M, scored.label_R, scored.user_R)
        asked, chances = self.chances(view, task, part)
        order_T = np.argsort(asked.query_T, kind="stable")
        if len(order_T) > MOST:
            drawn_T = generator(seed, "ensemble right items").permutation(len(order_T))[:MOST]
            order_T = order_T[np.sort(drawn_T)]
        query_T, target_T = asked.query_T[order_T], asked.target_T[order_T]
        parts = [
            _about(chances(query_B), query_B, query_T, target_T, beside=beside)
            for query_B in self._blocks(np.unique(query_T))
        ]
        chance_TM = np.concatenate([chance for chance, _ in parts])
        found = [each for _, each in parts if each is not None]
        return RankEvidence(chance_TM, asked.user_Q[query_T], together(found) if beside else None)

    def row_kind(self, task: str) -> RowKind:
        """The kind of a row task."""
        found = next(each for each in self.first.model.bundle.config.tasks if each.name == task)
        assert is_row_task(found)
        return found.kind

    def _joined(self, task: str, asked: Questions, chances: Chances, query_B: np.ndarray) -> np.ndarray:
        log_chance_MBI = chances(query_B)
        score_BI = torch.zeros(log_chance_MBI.shape[1:], dtype=torch.float64)
        for combiner, place_R in self.combiners[task].each(asked.user_Q[query_B]):
            score_BI[place_R] = combine_rankings(combiner, log_chance_MBI[:, place_R]).double()
        joined_BI: np.ndarray = score_BI.numpy()
        return joined_BI

    def _joined_rows(self, task: str, said_M: np.ndarray, user_R: np.ndarray) -> np.ndarray:
        joined = np.zeros(said_M.shape[1:])
        for combiner, place_R in self.combiners[task].each(user_R):
            joined[place_R] = combine_rows(combiner, self.row_kind(task), said_M[:, place_R])
        return joined

    def _blocks(self, query_Q: np.ndarray) -> list[np.ndarray]:
        size = max(1, CELLS // (len(self.members) * len(self.first.column_I)))
        return [query_Q[begin : begin + size] for begin in range(0, len(query_Q), size)]

    @staticmethod
    def _own(voice: Voice, view: View) -> View:
        """The view of a member that has the tasks of a view of the first one."""
        return voice.examiner.view_of(view.tasks[0])


def log_chances(score_M: Sequence[Tensor], hidden_BI: Tensor) -> Tensor:
    """Scores of each member as log probabilities of the items that take part, ``(M, B, I)``.

    Args:
        score_M: Scores ``(B, I)`` of each member.
        hidden_BI: Minus infinity for items that take no part, 0 for all others.
    """
    out = [torch.log_softmax(score_BI + hidden_BI, -1) for score_BI in score_M]
    return torch.stack(out).masked_fill(hidden_BI == -torch.inf, -torch.inf)


def _about(
    log_chance_MBI: Tensor, query_B: np.ndarray, query_T: np.ndarray, target_T: np.ndarray, *, beside: bool
) -> tuple[np.ndarray, Beside | None]:
    """Of the right items of some queries: their probabilities ``(T, M)``, and the candidates beside them."""
    mine_T = np.isin(query_T, query_B)
    row_T = torch.from_numpy(np.searchsorted(query_B, query_T[mine_T]))
    item_T = torch.from_numpy(target_T[mine_T])
    chance_TM = log_chance_MBI[:, row_T, item_T].T.double().exp().numpy()
    if not beside:
        return chance_TM, None
    found = candidates(log_chance_MBI)
    hit_TC = (found.item_BC[row_T] == item_T[:, None]) & found.open_BC[row_T]
    place_T = torch.where(hit_TC.any(1), hit_TC.float().argmax(1), -1)
    return chance_TM, Beside(found.feature_BCF[row_T], found.open_BC[row_T], place_T)


def together(parts: Sequence[Beside]) -> Beside:
    """Candidates of several blocks as one: those with fewer are filled up with places that are not open."""
    most = max(each.open_TC.shape[1] for each in parts)
    wide = [
        Beside(
            torch.nn.functional.pad(each.feature_TCF, (0, 0, 0, most - each.open_TC.shape[1])),
            torch.nn.functional.pad(each.open_TC, (0, most - each.open_TC.shape[1])),
            each.place_T,
        )
        for each in parts
    ]
    return Beside(
        torch.cat([each.feature_TCF for each in wide]),
        torch.cat([each.open_TC for each in wide]),
        torch.cat([each.place_T for each in wide]),
    )
