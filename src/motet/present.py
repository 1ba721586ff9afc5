"""What a model in use says, as a person reads it: lists of items, predictions; and what such a model answers.

Shapes: Q queries, B a block of them, I items, R rows, K places of a list.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import polars as pl
import torch
from torch import Tensor

from motet.config import Config
from motet.config.tasks import Binary, NextItem, Regression, RowTask, Task, is_row_task
from motet.data.catalogue import Catalogue
from motet.data.requests import Plan, histories
from motet.data.timelines import PARTS, Timelines, Unmet
from motet.errors import ConfigError
from motet.evaluation.beside import user_chances
from motet.evaluation.retrieval import rows_at_once
from motet.system.log import progress

BLOCK = 1024  # users ranked at a time, at most

Score = Callable[[np.ndarray], Tensor]
"""Queries, as places in a plan, to scores of the whole catalogue ``(B, I)``."""


class InUse(Protocol):
    """A model in use: one run, or several together."""

    def recommend(
        self,
        users: Sequence[Any] | None = None,
        task: str | None = None,
        k: int = 10,
        keep_seen: bool | None = None,
    ) -> pl.DataFrame:
        """The best items of each user: columns ``user, rank, item, score``."""
        ...

    def similar(self, item: Any, task: str | None = None, k: int = 10) -> pl.DataFrame:
        """Items like an item: columns ``rank, item, score``."""
        ...

    def find(
        self,
        text: str,
        task: str | None = None,
        k: int = 10,
        users: Sequence[Any] | None = None,
        keep_seen: bool | None = None,
    ) -> pl.DataFrame:
        """Items for a sentence: columns ``rank, item, score``; for users too: ``user, rank, item, score``."""
        ...

    def predict(self, rows: Any, task: str) -> pl.DataFrame:
        """The rows with a column ``prediction``."""
        ...

    def classify(self, texts: Sequence[str], task: str | None = None) -> pl.DataFrame:
        """Classes of texts: columns ``text, prediction, probability``."""
        ...

    def tag(self, texts: Sequence[str], task: str | None = None) -> pl.DataFrame:
        """What texts name: columns ``row, span, type, start, end, probability``."""
        ...

    def answer(self, texts: Sequence[str], task: str | None = None, k: int = 1) -> pl.DataFrame:
        """Answers to questions: columns ``row, rank, answer, probability, sure``."""
        ...

    def label_next(
        self, texts: Sequence[str], k: int = 50, by: str = "both", task: str | None = None
    ) -> pl.DataFrame:
        """Texts to label next: columns ``row, text, prediction, probability``, the most wanted first."""
        ...

    def evaluate(self, split: str = "test") -> dict[str, Any]:
        """Metrics: task -> split -> metric -> value, interval and count."""
        ...


def ranking_task(config: Config, task: str | None) -> str:
    """The `next_item` task of that name, or the first.

    Raises:
        ConfigError: There is none.
    """
    names = [each.name for each in config.tasks if isinstance(each, NextItem)]
    if not names or (task is not None and task not in names):
        raise ConfigError(
            f"{task or 'next_item'!r} is no task that ranks items. "
            f"Those of this run: {', '.join(names) or 'none'}."
        )
    return task or names[0]


def row_task(config: Config, task: str) -> RowTask:
    """The task of that name that scores rows.

    Raises:
        ConfigError: There is none.
    """
    found = next((each for each in config.tasks if each.name == task), None)
    if found is None or not is_row_task(found):
        names = ", ".join(each.name for each in config.tasks if is_row_task(each)) or "none"
        raise ConfigError(f"{task!r} is no task that scores rows. Those of this run: {names}.")
    return found


def links_of(tasks: Sequence[Task], task: RowTask) -> dict[str, str]:
    """A binary task and what it follows, the first of all first, to where a model says the probability.

    Of each but the first that is its probability where what it follows has happened.
    """
    if not isinstance(task, Binary):
        return {}
    if task.after is None:
        return {task.name: task.name}
    earlier = next(each for each in tasks if each.name == task.after)
    assert isinstance(earlier, Binary)
    return links_of(tasks, earlier) | {task.name: f"{task.name} given {task.after}"}


def part_of(split: str) -> int:
    """The part of the rows that a split names.

    Raises:
        ConfigError: There is no such split.
    """
    if split not in PARTS:
        raise ConfigError(f"there is no split {split!r}. Write one of {', '.join(PARTS)}.")
    return PARTS[split]


def readable(task: RowTask, said_R: np.ndarray, classes: Sequence[str]) -> pl.Series:
    """Predictions as a column: a probability, a number, or the most probable class.

    Args:
        task: The task.
        said_R: As the model says it: ``(R,)``, or ``(R, classes)``.
        classes: Names of the classes.
    """
    if task.kind == "multiclass":
        named = [classes[place] for place in said_R.argmax(-1).tolist()] if len(said_R) else []
        return pl.Series("prediction", named, pl.String)
    values_R = said_R.astype(np.float64)
    if isinstance(task, Regression) and task.transform == "log1p":
        np.expm1(values_R, out=values_R)
    return pl.Series("prediction", values_R, pl.Float64)


def best_items(
    log: Timelines, catalogue: Catalogue, task: str, asked: tuple[Plan, Score, Tensor], k: int, *, keep: bool
) -> pl.DataFrame:
    """The best items of every query of a plan.

    Args:
        log: What the plan is about.
        catalogue: The items.
        task: Name of the task.
        asked: The plan, what scores its queries, and the items that take part, boolean ``(I,)``.
        k: Places of a list.
        keep: Whether what a user has may come.

    Returns:
        Columns ``user, rank, item, score``.
    """
    plan, _, allowed_I = asked
    lists = []
    k = min(k, int(allowed_I.sum()))
    with progress(len(plan), "lists") as bar:
        for query_B, score_BI in scored_blocks(log, task, asked, keep=keep):
            best = torch.topk(score_BI, k)
            lists.append(user_lists(log, plan, query_B, catalogue.ids, (best.values, best.indices - 1)))
            bar.advance(len(query_B))
    return pl.concat(lists) if lists else user_lists(log, plan, np.zeros(0, np.int64), catalogue.ids, None)


def scored_blocks(
    log: Timelines, task: str, asked: tuple[Plan, Score, Tensor], *, keep: bool, wide: int = 0
) -> Iterator[tuple[np.ndarray, Tensor]]:
    """Scores of the whole catalogue for some queries at a time; arguments as those of `best_items`.

    Of so many columns as the catalogue has, or as are `wide`, a block has rows that fit into memory.

    Yields:
        Places of the queries in the plan, and scores ``(B, I)``: minus infinity for what takes no part.
    """
    plan, score, allowed_I = asked
    hidden_I = torch.where(allowed_I, 0.0, -torch.inf)
    step = rows_at_once(max(wide, len(allowed_I)), BLOCK)
    for begin in range(0, len(plan), step):
        query_B = np.arange(begin, min(begin + step, len(plan)))
        score_BI = score(query_B) + hidden_I
        if not keep:
            offset, place = histories(plan, query_B, log.positive[task])
            row = torch.from_numpy(np.repeat(np.arange(len(query_B)), np.diff(offset)))
            score_BI[row, torch.from_numpy(log.item_N[place].astype(np.int64))] = -torch.inf
        yield query_B, score_BI


def together(
    log: Timelines,
    catalogue: Catalogue,
    task: str,
    asked: tuple[Plan, Score, Tensor],
    words: tuple[Tensor, pl.Series, float],
    k: int,
    *,
    keep: bool,
) -> pl.DataFrame:
    """The best items of every query of a plan for one sentence.

    Args:
        log: What the plan is about.
        catalogue: The items.
        task: Name of the task that ranks them for users.
        asked: The plan, what scores its queries, and the items that take part, boolean ``(I,)``.
        words: Logarithms of the probabilities of M items by the sentence, their ids, and how much the users
            count beside them.
        k: Places of a list.
        keep: Whether what a user has may come.

    Returns:
        Columns ``user, rank, item, score``; the score is the logarithm of a probability.
    """
    word_M, ids, weight = words
    plan, number_M = asked[0], catalogue.numbers(ids)
    lists = [user_lists(log, plan, np.zeros(0, np.int64), ids, None)]
    for query_B, score_BI in scored_blocks(log, task, asked, keep=keep, wide=len(ids)):
        both_BM = word_M + weight * user_chances(score_BI, number_M)
        if not keep:
            both_BM[_had(log.unmet.get(task), plan.user_W[query_B], ids)] = -torch.inf
        both_BM = torch.log_softmax(both_BM, 1)
        best = both_BM.topk(min(k, len(ids)), 1)
        lists.append(user_lists(log, plan, query_B, ids, (best.values, best.indices)))
    return pl.concat(lists)


def _had(unmet: Unmet | None, user_B: np.ndarray, ids: pl.Series) -> tuple[Tensor, Tensor]:
    """Items that users have and that a run does not know: rows and places in `ids`.

    Args:
        unmet: Such events of the log.
        user_B: Numbers of the users of each row, ascending.
        ids: Of the items.
    """
    rows, places = np.zeros(0, np.int64), np.zeros(0, np.int64)
    if unmet is not None and len(unmet.user_X) and len(user_B):
        place = ids.cast(pl.String).to_frame("id").with_row_index("place")
        asked = unmet.item_X.cast(pl.String).to_frame("id")
        found_X = asked.join(place, on="id", how="left", maintain_order="left")["place"].fill_null(-1)
        row_X = np.searchsorted(user_B, unmet.user_X).clip(max=len(user_B) - 1)
        has_X = (user_B[row_X] == unmet.user_X) & (found_X >= 0).to_numpy()
        rows, places = row_X[has_X], found_X.to_numpy()[has_X].astype(np.int64)
    return torch.from_numpy(rows), torch.from_numpy(places)


def user_lists(
    log: Timelines, plan: Plan, query_B: np.ndarray, ids: pl.Series, best: tuple[Tensor, Tensor] | None
) -> pl.DataFrame:
    """Lists of some queries of a plan: columns ``user, rank, item, score``.

    Args:
        log: What the plan is about.
        plan: The plan.
        query_B: The queries.
        ids: Of the items.
        best: Scores and places in `ids` of the items of each list, best first, ``(B, K)``; those scored
            minus infinity are left out. None for no list.
    """
    score_BK, place_BK = (torch.zeros(0, 0), torch.zeros(0, 0, dtype=torch.int64)) if best is None else best
    k = score_BK.shape[1]
    place_F = place_BK.reshape(-1).clamp(min=0).numpy()
    lists = pl.DataFrame(
        {
            "user": log.user_ids.gather(np.repeat(plan.user_W[query_B], k)),
            "rank": np.tile(np.arange(1, k + 1), len(query_B)),
            "item": ids.gather(place_F),
            "score": score_BK.reshape(-1).numpy().astype(np.float32),
        }
    )
    return lists.filter(pl.col("score").is_finite())


def one_list(score_I: Tensor, catalogue: Catalogue, k: int) -> pl.DataFrame:
    """The best items by one score each (minus infinity takes no part): columns ``rank, item, score``."""
    return list_of(score_I[1:], catalogue.ids, k)


def list_of(score_M: Tensor, ids: pl.Series, k: int) -> pl.DataFrame:
    """The same by the ids of the items, without a number 0."""
    best = torch.topk(score_M, min(k, int(score_M.isfinite().sum())))
    return pl.DataFrame(
        {
            "rank": np.arange(1, len(best.indices) + 1),
            "item": ids.gather(best.indices.numpy()),
            "score": best.values.numpy(),
        }
    )
