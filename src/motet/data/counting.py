"""Which counters a log gets, and their values for every row.

Counters of training rows are computed from training rows alone; those of validation and test rows from all
that may be seen by then. Shapes: N rows, K kinds of key, M targets, F features.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from typing import Any

import numpy as np

from motet.config.data import Counters as CounterSettings
from motet.config.record import milliseconds
from motet.config.tasks import NextItem, Task, Window
from motet.data.catalogue import Catalogue
from motet.data.counters import CounterPlan, Counters
from motet.data.timelines import TEST, TRAIN, UNUSED, VALID, Timelines
from motet.data.vocabulary import Encoding
from motet.errors import ConfigError
from motet.system.log import Bar


@dataclass(frozen=True)
class CounterInput:
    """What the counters read of a log."""

    plan: CounterPlan
    key_KN: np.ndarray  # int64, -1 is none
    target_MN: np.ndarray  # float32, NaN is none
    ready_MN: np.ndarray | None  # int64 ms, when a value becomes known; None: with the event


@dataclass(frozen=True)
class CountedRows:
    """Standardised counters of the rows that have some, looked up by their places in the log.

    Args:
        index_N: int32, each row's place in `value_RC`; -1: the row has none, and reads zeros (the mean).
        value_RC: float32.
    """

    index_N: np.ndarray
    value_RC: np.ndarray

    @classmethod
    def of(cls, rows_N: np.ndarray, value_RC: np.ndarray) -> "CountedRows":
        """Of the marked rows of a log (boolean), whose values lie in their order."""
        return cls(np.where(rows_N, np.cumsum(rows_N) - 1, -1).astype(np.int32), value_RC)

    def __getitem__(self, place: Any) -> np.ndarray:
        index = self.index_N[place]
        if not len(self.value_RC):
            return np.zeros((*np.shape(index), self.value_RC.shape[1]), np.float32)
        found: np.ndarray = self.value_RC[index]
        return found if (index >= 0).all() else np.where((index >= 0)[..., None], found, np.float32(0))

    def before(self, later: "CountedRows") -> "CountedRows":
        """These rows and others."""
        moved_N = np.where(later.index_N >= 0, later.index_N + len(self.value_RC), self.index_N)
        return CountedRows(moved_N.astype(np.int32), np.concatenate([self.value_RC, later.value_RC]))


def known_after(tasks: Sequence[Task]) -> dict[str, int]:
    """How long after its row each row task's label is known, ms: at once, or when its window is over."""
    windows = {t.name: t.label for t in tasks if not isinstance(t, NextItem)}
    return {
        name: milliseconds(label.within) if isinstance(label, Window) else 0
        for name, label in windows.items()
    }


def counter_input(
    log: Timelines,
    catalogue: Catalogue,
    request: Encoding,
    settings: CounterSettings,
    counted: set[str],
    delays: Mapping[str, int],
) -> CounterInput:
    """Keys (user, item, every counted column, what is crossed) and targets (labels, signals).

    Args:
        log: The timelines.
        catalogue: The items.
        request: Encoding of the columns known when the question is asked.
        settings: From the configuration.
        counted: Names of columns declared with ``count: true``.
        delays: From `known_after`: the row tasks, whose labels are targets.

    Raises:
        ConfigError: A cross names what is not counted.
    """
    user_N = log.user_N.astype(np.int64)
    item_N = np.where(log.item_N > 0, log.item_N, -1).astype(np.int64)
    keys = {"user": user_N, "item": item_N}
    columns = _code_columns(catalogue.encoding, catalogue.code_IJ, counted)
    columns = {name: key_I[log.item_N] for name, key_I in columns.items()}
    surfaces = _code_columns(request, log.request_code_NJ, counted)
    keys |= columns | surfaces
    crosses = settings.crosses
    if isinstance(crosses, bool):
        crosses = _usual_crosses(columns, surfaces) if crosses else []
    keys |= {"*".join(names): _crossed(names, keys) for names in crosses}
    delays = {**delays, **dict.fromkeys(log.signal, 0)}
    values = log.label | log.signal
    plan = CounterPlan(
        tuple(keys),
        tuple(delays),
        tuple(milliseconds(each) for each in settings.half_lives),
        settings.smoothing,
        tuple(log.signal),
    )
    target_MN = np.zeros((len(delays), len(log)), np.float32)
    for place, name in enumerate(delays):
        target_MN[place] = values[name]
    ready_MN = (
        log.time_N + np.array(list(delays.values()), np.int64)[:, None] if any(delays.values()) else None
    )
    return CounterInput(plan, np.stack(list(keys.values())), target_MN, ready_MN)


def count_rows(
    source: CounterInput,
    log: Timelines,
    part_N: np.ndarray,
    *,
    frozen: bool,
    wanted_N: np.ndarray | None = None,
    bar: Bar | None = None,
) -> np.ndarray:
    """Counters of rows, ``(R, F)`` float32, not yet standardised.

    Args:
        source: Keys and targets.
        log: The timelines.
        part_N: Part of each row; rows that are not used count nothing.
        frozen: Rows of a part see, of what came before them, what belongs to earlier parts alone.
        wanted_N: The rows to answer for, boolean; None: all, those that are not used with zeros.
        bar: Is told of each step of `count_steps`.
    """
    wanted_N = np.ones(len(log), bool) if wanted_N is None else wanted_N
    asof_N, part_R = counted_before(log), part_N[wanted_N]
    out = np.zeros((len(part_R), len(source.plan.names())), np.float32)
    for before, part in pairwise((UNUSED, TRAIN, VALID, TEST)):
        if not (part_R == part).any():
            continue
        rows_N = wanted_N & (part_N == part)
        if frozen and part > TRAIN:
            counters = Counters(source.plan, bar)
            counters.update(*_pick(source, log, (part_N >= TRAIN) & (part_N <= before)))
            out[part_R == part] = counters.read(source.key_KN[:, rows_N], asof_N[rows_N])
        else:
            seen_N = (part_N >= TRAIN) & (part_N <= part)
            key_KN, time_N, target_MN, ready_MN = _pick(source, log, seen_N)
            out[part_R == part] = Counters(source.plan, bar).run(
                key_KN, time_N, asof_N[seen_N], target_MN, ready_MN, rows_N[seen_N]
            )
    return out


def count_steps(source: CounterInput, part_N: np.ndarray, wanted_N: np.ndarray) -> int:
    """How many steps `count_rows` takes: each kind of key, once for each part that has wanted rows."""
    found = np.unique(part_N[wanted_N])
    return len(source.plan.keys) * int((found >= TRAIN).sum())


def count_asked(source: CounterInput, log: Timelines, past_N: np.ndarray, place_Q: np.ndarray) -> np.ndarray:
    """Counters of some rows, ``(Q, F)`` float32, in which past events alone are counted.

    Args:
        source: Keys and targets.
        log: The timelines.
        past_N: Events that count, boolean.
        place_Q: Rows, as places in the log; each sees what came before its own moment.
    """
    counters = Counters(source.plan)
    counters.update(*_pick(source, log, past_N))
    return counters.read(source.key_KN[:, place_Q], counted_before(log)[place_Q])


def counted_before(log: Timelines) -> np.ndarray:
    """Time before which events count for a row, ``(N,)`` int64 ms: when its moment (its request) began."""
    before_N: np.ndarray = log.time_N[log.moment_N]
    return before_N


def _pick(
    source: CounterInput, log: Timelines, rows_N: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]:
    ready_MN = None if source.ready_MN is None else source.ready_MN[:, rows_N]
    return source.key_KN[:, rows_N], log.time_N[rows_N], source.target_MN[:, rows_N], ready_MN


def _code_columns(encoding: Encoding, code_NJ: np.ndarray, counted: set[str]) -> dict[str, np.ndarray]:
    """One dense key a row for each counted column; several values of a cell are one key together."""
    out: dict[str, np.ndarray] = {}
    begin = 0
    for column in encoding.categories:
        code = code_NJ[:, begin : begin + column.slots]
        begin += column.slots
        if column.name in counted:
            known = code[:, 0] > column.offset  # the offset itself means "missing"
            key = (
                code[:, 0].astype(np.int64)
                if column.slots == 1
                else np.unique(code, axis=0, return_inverse=True)[1]
            )
            out[column.name] = np.where(known, key.reshape(-1), -1).astype(np.int64)
    return out


def _usual_crosses(columns: Iterable[str], surfaces: Iterable[str]) -> list[list[str]]:
    """The user with every counted column, and the item with those that are known of the request."""
    columns, surfaces = list(columns), list(surfaces)
    return [["user", name] for name in columns + surfaces] + [["item", name] for name in surfaces]


def _crossed(names: Sequence[str], keys: Mapping[str, np.ndarray]) -> np.ndarray:
    for name in names:
        if name not in keys:
            raise ConfigError(
                f"data.counters.crosses: nothing is counted by {name!r}; there are {', '.join(keys)}. "
                "Write one of these, or  count: true  at a column of that name."
            )
    return reduce(_cross, (keys[name] for name in names))


def _cross(left_N: np.ndarray, right_N: np.ndarray) -> np.ndarray:
    both = (left_N >= 0) & (right_N >= 0)
    pair = left_N * (int(right_N.max(initial=0)) + 1) + right_N
    return np.where(both, np.unique(pair, return_inverse=True)[1].reshape(-1), -1).astype(np.int64)
