"""The log as arrays: every user's events in time order, with labels, splits and what may be known when.

Shapes: U users, N events (sorted by user, then time), J code slots, V numbers, C counters.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from motet.errors import DataError

TRAIN, VALID, TEST, UNUSED = 0, 1, 2, -1
PARTS = {"train": TRAIN, "valid": VALID, "test": TEST}


@dataclass(frozen=True)
class Timelines:
    """All timelines; one row an event."""

    user_ids: pl.Series  # (U,), never saved with a model
    offset_U: np.ndarray  # int64 (U + 1,), where each user's events begin
    item_N: np.ndarray  # int32 item numbers
    time_N: np.ndarray  # int64 ms; zeros when the log has no time
    timed: bool
    moment_N: (
        np.ndarray
    )  # int64, place of the first event of the row's moment: what lies before it is visible
    ask_N: np.ndarray  # int64, place before which `next_item` asks for the row's item (see `asked_before`)
    event_code_NJ: np.ndarray  # int32, all columns of an event that later states may see
    event_number_NV: np.ndarray  # float32
    request_code_NJ: np.ndarray  # int32, columns known when the question is asked
    request_number_NV: np.ndarray  # float32
    user_code_UJ: np.ndarray  # int32
    user_number_UV: np.ndarray  # float32
    label: dict[str, np.ndarray]  # row task -> float32 (N,), NaN is no label
    positive: dict[str, np.ndarray]  # next_item task -> bool (N,)
    part: dict[str, np.ndarray]  # task -> int8 (N,), the split that the task is evaluated on
    seen_once: bool  # items do not come again
    signal: dict[str, np.ndarray] = field(default_factory=dict)  # what counters read beside labels, (N,)
    told: dict[str, np.ndarray] = field(default_factory=dict)  # row task -> labels that later states may read
    unmet: dict[str, "Unmet"] = field(default_factory=dict)  # next_item task -> items that have no number

    def __len__(self) -> int:
        return len(self.item_N)

    @property
    def user_N(self) -> np.ndarray:
        """User number of every event, ``(N,)`` int32."""
        return np.repeat(np.arange(len(self.user_ids), dtype=np.int32), np.diff(self.offset_U))

    @property
    def train_N(self) -> np.ndarray:
        """Rows that train: those that are training rows of every task's split."""
        parts = {id(part): part for part in self.part.values()}
        train_N: np.ndarray = np.logical_and.reduce([part == TRAIN for part in parts.values()])
        return train_N

    @property
    def labelled_N(self) -> np.ndarray:
        """Rows that some row task has a label of, boolean ``(N,)``."""
        known = [~np.isnan(label_N) for label_N in self.label.values()]
        labelled_N: np.ndarray = np.logical_or.reduce(known) if known else np.zeros(len(self), bool)
        return labelled_N


@dataclass(frozen=True)
class Unmet:
    """Positive events of items that a trained model does not know, X of them, never saved with a model.

    Args:
        user_X: Numbers of the users, ascending.
        item_X: Ids of the items.
    """

    user_X: np.ndarray
    item_X: pl.Series


@dataclass(frozen=True)
class Span:
    """What tells a log from others, and which of its rows trained.

    Args:
        events: How many.
        last: The latest time, unix ms.
        trained: The latest time of a row that trained.
    """

    events: int
    last: int
    trained: int

    @classmethod
    def of(cls, log: Timelines) -> "Span":
        """That of a log."""
        trained_N = log.time_N[log.train_N]
        return cls(len(log), int(log.time_N.max(initial=0)), int(trained_N.max(initial=0)))

    def parts(self, part_N: np.ndarray, log: Timelines) -> np.ndarray:
        """Parts of a log's rows; those of another log than this train up to the last row that did here."""
        now = Span.of(log)
        if (self.events, self.last) == (now.events, now.last):
            return part_N
        return np.where((part_N > TRAIN) & (log.time_N <= self.trained), TRAIN, part_N)


def refuse_empty_tasks(log: Timelines, splits: Mapping[str, str] | None = None) -> None:
    """Refuse a task that has no row to learn from, or none to be measured on.

    Args:
        log: The timelines.
        splits: Task -> kind of its split, to say what may be the reason.

    Raises:
        DataError: It names the task and the part.
    """
    has = log.positive | {name: ~np.isnan(label_N) for name, label_N in log.label.items()}
    for task, part_N in log.part.items():
        others = (splits or {}).get(task) == "leave_one_out" and task in log.label and bool(log.positive)
        what = "positive event" if task in log.positive else "row with a label"
        advice = advice_for_empty(others=others, timed=log.timed)
        refuse_empty_task(f"tasks.{task}: there is no {what}", has[task], part_N, log.train_N, advice)


def refuse_empty_task(
    said: str, asked_N: np.ndarray, part_N: np.ndarray, train_N: np.ndarray, advice: str
) -> None:
    """Refuse one task without rows.

    Args:
        said: Which task it is and what it has none of.
        asked_N: Rows that the task learns from, boolean.
        part_N: Part of each row in the task's split.
        train_N: Rows that train every task, boolean.
        advice: What to do.

    Raises:
        DataError: A part holds none of them.
    """
    rows = {name: asked_N & (part_N == part) for name, part in PARTS.items()}
    rows["train"] = asked_N & train_N
    for name, rows_N in rows.items():
        if not rows_N.any():
            total = int(asked_N.sum())
            raise DataError(f"{said} among the {name} rows, of {total:,} in the log. {advice}")


def advice_for_empty(*, others: bool, timed: bool) -> str:
    """What to do about a task without rows; `others`: leave-one-out holds out the rows of other tasks."""
    if others:
        return (
            "Leave-one-out holds out the last positives of each user, and the rows of this task are others. "
            f"Give it a split of its own, such as  split: {{kind: {'time' if timed else 'random'}}}"
        )
    return "Mend what the task says of its rows, or choose another  split  for it or for all tasks."


def moment_starts(user_N: np.ndarray, moment_N: np.ndarray) -> np.ndarray:
    """Place of the first event of each row's moment, ``(N,)`` int64, from a moment number within the user.

    >>> moment_starts(np.array([0, 0, 0, 1]), np.array([0, 1, 1, 0])).tolist()
    [0, 1, 1, 3]
    """
    new = np.ones(len(user_N), bool)
    new[1:] = (user_N[1:] != user_N[:-1]) | (moment_N[1:] != moment_N[:-1])
    start_N: np.ndarray = np.flatnonzero(new)[np.cumsum(new) - 1].astype(np.int64)
    return start_N


def asked_before(
    user_N: np.ndarray, item_N: np.ndarray, moment_N: np.ndarray, positive_N: np.ndarray
) -> np.ndarray:
    """Where `next_item` stands when it is asked for a row's item, ``(N,)`` int64.

    A log may show an item (an impression) before it is clicked. A state that has seen the impression could
    just copy it. So a positive row is asked for before the first event of the same item that follows the
    user's last positive moment.

    Args:
        user_N: User of each row.
        item_N: Item of each row.
        moment_N: Place of the first event of the row's moment (see `moment_starts`).
        positive_N: Rows that `next_item` learns from.
    """
    if positive_N.all():
        return moment_N
    positives_before = np.concatenate([[0], np.cumsum(positive_N)])[moment_N]
    rows = pl.DataFrame({"user": user_N, "item": item_N, "segment": positives_before, "moment": moment_N})
    return rows.select(pl.col("moment").min().over("user", "item", "segment"))["moment"].to_numpy()
