"""Which counters a log gets, and their values for every row.

Counters of training rows are computed from training rows alone; those of validation and test rows from all
that may be seen by then. Shapes: N rows, K kinds of key, M targets, F features.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from motet.config.data import Counters as CounterSettings
from motet.config.record import milliseconds
from motet.config.tasks import NextItem, Task, Window
from motet.data.catalogue import Catalogue
from motet.data.counters import CounterPlan, Counters
from motet.data.timelines import TEST, TRAIN, VALID, Timelines
from motet.data.vocabulary import Encoding


@dataclass(frozen=True)
class CounterInput:
    """What the counters read of a log."""

    plan: CounterPlan
    key_KN: np.ndarray  # int64, -1 is none
    target_MN: np.ndarray  # float32, NaN is none
    ready_MN: np.ndarray | None  # int64 ms, when a value becomes known; None: with the event


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
    """Keys and targets: user, item, every counted column, and the user with each counted column.

    Args:
        log: The timelines.
        catalogue: The items.
        request: Encoding of the columns known when the question is asked.
        settings: From the configuration.
        counted: Names of columns declared with ``count: true``.
        delays: From `known_after`: the row tasks, whose labels are the targets.
    """
    user_N = log.user_N.astype(np.int64)
    item_N = np.where(log.item_N > 0, log.item_N, -1).astype(np.int64)
    keys = {"user": user_N, "item": item_N}
    columns = _code_columns(catalogue.encoding, catalogue.code_IJ, counted)
    columns = {name: key_I[log.item_N] for name, key_I in columns.items()}
    surfaces = _code_columns(request, log.request_code_NJ, counted)
    keys |= columns | surfaces
    if settings.crosses:
        keys |= {f"user*{name}": _cross(user_N, key_N) for name, key_N in (columns | surfaces).items()}
        keys |= {f"item*{name}": _cross(item_N, key_N) for name, key_N in surfaces.items()}
    plan = CounterPlan(
        tuple(keys),
        tuple(delays),
        tuple(milliseconds(each) for each in settings.half_lives),
        settings.smoothing,
    )
    target_MN = np.zeros((len(delays), len(log)), np.float32)
    for place, name in enumerate(delays):
        target_MN[place] = log.label[name]
    ready_MN = (
        log.time_N + np.array(list(delays.values()), np.int64)[:, None] if any(delays.values()) else None
    )
    return CounterInput(plan, np.stack(list(keys.values())), target_MN, ready_MN)


def count_rows(source: CounterInput, log: Timelines, part_N: np.ndarray, *, frozen: bool) -> np.ndarray:
    """Counters of all rows, ``(N, F)`` float32, not yet standardised.

    Args:
        source: Keys and targets.
        log: The timelines.
        part_N: Part of each row; rows that are not used count nothing.
        frozen: Rows of a part see, of what came before them, what belongs to earlier parts alone.
    """
    asof_N = counted_before(log)
    out = np.zeros((len(log), len(Counters(source.plan).names())), np.float32)
    out[part_N == TRAIN] = _run(source, log, part_N == TRAIN, asof_N)
    for before, part in pairwise((TRAIN, VALID, TEST)):
        rows_N = part_N == part
        if not rows_N.any():
            continue
        if frozen:
            counters = Counters(source.plan)
            counters.update(*_pick(source, log, (part_N >= TRAIN) & (part_N <= before)))
            out[rows_N] = counters.read(source.key_KN[:, rows_N], asof_N[rows_N])
        else:
            seen_N = (part_N >= TRAIN) & (part_N <= part)
            out[rows_N] = _run(source, log, seen_N, asof_N)[part_N[seen_N] == part]
    return out


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


def _run(source: CounterInput, log: Timelines, rows_N: np.ndarray, asof_N: np.ndarray) -> np.ndarray:
    key_KN, time_N, target_MN, ready_MN = _pick(source, log, rows_N)
    return Counters(source.plan).run(key_KN, time_N, asof_N[rows_N], target_MN, ready_MN)


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


def _cross(left_N: np.ndarray, right_N: np.ndarray) -> np.ndarray:
    both = (left_N >= 0) & (right_N >= 0)
    pair = left_N * (int(right_N.max(initial=0)) + 1) + right_N
    return np.where(both, np.unique(pair, return_inverse=True)[1].reshape(-1), -1).astype(np.int64)
