"""Splits: which rows train, which validate, which test.

All kinds work on the materialised order (`motet.data.order`), so the place of a row in a file never counts,
and no moment is torn apart by a cut in time. Shapes: N rows, sorted by user and time.
"""

import difflib
from collections.abc import Sequence
from typing import assert_never

import numpy as np
import polars as pl

from motet.config.data import Split
from motet.config.tasks import NextItem, Task, is_row_task
from motet.data.cuts import shares, time_cuts
from motet.data.fingerprint import fingerprint
from motet.data.order import changes
from motet.data.timelines import PARTS, TEST, TRAIN, UNUSED, VALID
from motet.errors import ConfigError, DataError
from motet.system.randomness import derived_seed, generator

_USUAL_VALUES = {
    "train": TRAIN, "training": TRAIN, "fit": TRAIN,
    "valid": VALID, "validation": VALID, "val": VALID, "dev": VALID,
    "test": TEST, "testing": TEST, "eval": TEST,
}  # fmt: skip


def split_rows(
    events: pl.DataFrame, split: Split, eligible: pl.Series | None = None, where: str = "data.split"
) -> pl.Series:
    """Give every row its part.

    Args:
        events: Rows in their materialised order, with ``@moment``.
        split: How to split.
        eligible: Boolean ``(N,)``: rows that a task can be asked about; null: all. Leave-one-out and the
            shares of a split by time count these rows alone; the other rows follow them.
        where: Where the split is written, for the message about an empty part.

    Returns:
        Int8 series ``@part``, ``(N,)``: 0 train, 1 valid, 2 test, -1 not used.

    Raises:
        ConfigError: A share or a moment cannot be read.
        DataError: A part is empty, or the split needs times or a column that the log lacks.
    """
    assert "@moment" in events.columns, "split_rows needs the rows of materialise_order"
    eligible_N = np.ones(events.height, bool) if eligible is None else eligible.fill_null(False).to_numpy()
    part_N = _parts(events, split, eligible_N)
    for column, share in (("@item", split.cold_items), ("@user", split.cold_users)):
        if share:
            part_N[(part_N == TRAIN) & chosen_cold(events[column], share, split.seed)] = UNUSED
    _refuse_empty(part_N[eligible_N], split, where)
    return pl.Series("@part", part_N, dtype=pl.Int8)


def eligible_rows(events: pl.DataFrame, tasks: Sequence[Task]) -> pl.Series:
    """Rows that some task can be asked about: positives of `next_item` tasks, else rows with a label.

    Args:
        events: With the columns of `label_columns`.
        tasks: All tasks, or the one that holds out its own rows.
    """
    positives = [events[f"positive:{task.name}"] for task in tasks if isinstance(task, NextItem)]
    labels = [events[f"label:{task.name}"].is_not_null() for task in tasks if is_row_task(task)]
    chosen = [each.fill_null(False).to_numpy() for each in positives or labels]
    return pl.Series("@eligible", np.logical_or.reduce(chosen))


def _parts(events: pl.DataFrame, split: Split, eligible_N: np.ndarray) -> np.ndarray:
    match split.kind:
        case "leave_one_out":
            return _leave_one_out(events, eligible_N)
        case "time":
            return _by_time(events, split, eligible_N)
        case "random":
            return _at_random(events.height, split)
        case "kfold":
            return folds_of(events.height, split)
        case "column":
            return _by_column(events, split)
        case _:
            assert_never(split.kind)


def _leave_one_out(events: pl.DataFrame, eligible_N: np.ndarray) -> np.ndarray:
    """The user's last eligible row is test, the one before it valid; nothing after that one trains."""
    start = np.flatnonzero(changes(events["@user"]))
    length = np.diff(np.append(start, events.height))
    so_far_N = np.cumsum(eligible_N)
    before_user = so_far_N[start] - eligible_N[start]
    of_user = so_far_N[start + length - 1] - before_user
    later_N = np.repeat(of_user + before_user, length) - so_far_N
    part_N = np.full(events.height, TRAIN, np.int8)
    part_N[later_N == 0] = TEST
    part_N[later_N == 1] = np.where(eligible_N, VALID, TEST)[later_N == 1]
    part_N[np.repeat(of_user < 3, length)] = TRAIN
    return part_N


def _by_time(events: pl.DataFrame, split: Split, eligible_N: np.ndarray) -> np.ndarray:
    """From the first cut on rows are valid, from the second test. A moment goes with its last row."""
    known_N = (
        events["@time"].is_not_null().to_numpy()
        if "@time" in events.columns
        else np.zeros(events.height, bool)
    )
    if not known_N.any():
        raise DataError(
            "data.split: kind time needs times, and the log has none. "
            "Write  time: COLUMN  under data.events, or  kind: leave_one_out  under data.split."
        )
    time_N = last_of_moment(events, events["@time"].fill_null(0).to_numpy())
    valid_cut, test_cut = time_cuts(np.sort(time_N[known_N & eligible_N]), split)
    part_N = (time_N >= valid_cut).astype(np.int8) + (time_N >= test_cut)
    return np.where(known_N, part_N, UNUSED).astype(np.int8)


def last_of_moment(events: pl.DataFrame, time_N: np.ndarray) -> np.ndarray:
    """The latest time of each row's moment, ``(N,)``."""
    start = np.flatnonzero(changes(events["@user"]) | changes(events["@moment"]))
    return np.repeat(np.maximum.reduceat(time_N, start), np.diff(np.append(start, len(time_N))))


def _at_random(height: int, split: Split) -> np.ndarray:
    valid, test = (round(share * height) for share in shares(split))
    place = generator(split.seed, "split").permutation(height)
    part_N = np.full(height, TRAIN, np.int8)
    part_N[place[:test]] = TEST
    part_N[place[test : test + valid]] = VALID
    return part_N


def folds_of(height: int, split: Split) -> np.ndarray:
    """The fold is test, the next one valid; the folds' sizes differ by one row at most."""
    fold_N = np.empty(height, np.int64)
    fold_N[generator(split.seed, "folds").permutation(height)] = np.arange(height) % split.folds
    part_N = np.full(height, TRAIN, np.int8)
    part_N[fold_N == (split.fold + 1) % split.folds] = VALID
    part_N[fold_N == split.fold] = TEST
    return part_N


def _by_column(events: pl.DataFrame, split: Split) -> np.ndarray:
    assert split.column is not None
    if split.column not in events.columns:
        names = [name for name in events.columns if not name.startswith("@")]
        nearest = difflib.get_close_matches(split.column, names, 1)
        raise DataError(
            f"data.split.column: the log has no column {split.column!r}. "
            f"It has {', '.join(names) or 'no other columns'}."
            + (f" Write  column: {nearest[0]}" if nearest else "")
        )
    return by_value(events[split.column], split, "data.split")


def by_value(column: pl.Series, split: Split, where: str) -> np.ndarray:
    """The parts that the values of a column mean, int8 ``(N,)``.

    Args:
        column: Of the split.
        split: Says what its values mean.
        where: It is written, for messages.
    """
    text = column.cast(pl.String)
    meaning = column_values(split)
    found = text.unique().to_list()
    strange = sorted(str(value) for value in found if _known(value, split) not in meaning)
    if strange:
        raise DataError(
            f"{where}.column: {split.column!r} holds {', '.join(map(repr, strange[:5]))}, "
            f"which is none of {', '.join(map(repr, meaning))}. Say under {where} what the file calls "
            f"each part, for example  values: {{train: {strange[0]}, valid: ..., test: ...}}"
        )
    parts = [meaning[_known(value, split)] for value in found]
    return text.replace_strict(found, parts, return_dtype=pl.Int8).to_numpy().copy()


def column_values(split: Split) -> dict[str, int]:
    """What the values of a split's column mean: text -> part."""
    strange = [name for name in split.values if name not in PARTS]
    if strange:
        raise ConfigError(
            f"data.split.values: {strange[0]!r} is no part. Write what the file calls train, valid and "
            "test, for example  values: {train: fit, valid: dev, test: holdout}"
        )
    return {value: PARTS[name] for name, value in split.values.items()} or _USUAL_VALUES


def _known(value: str | None, split: Split) -> str:
    return (value or "") if split.values else (value or "").strip().lower()


def chosen_cold(column: pl.Series, share: float, seed: int) -> np.ndarray:
    """Rows whose item (or user) is among the chosen ones, Boolean ``(N,)``.

    The ids with the smallest fingerprints are chosen: the share of all distinct ids, one at least.
    """
    distinct = column.drop_nulls().unique()
    rank = np.argsort(fingerprint(distinct, derived_seed(seed, f"cold {column.name}")), kind="stable")
    chosen = distinct.gather(rank[: max(1, round(share * len(distinct)))])
    return column.is_in(chosen.implode()).fill_null(False).to_numpy()


def _refuse_empty(part_N: np.ndarray, split: Split, where: str) -> None:
    for name, part in PARTS.items():
        if not (part_N == part).any():
            raise DataError(
                f"{where}: of {len(part_N):,} rows none is left for {name} (kind {split.kind}). "
                + _advice(name, split)
            )


def _advice(name: str, split: Split) -> str:
    if name == "train" and (split.cold_items or split.cold_users):
        return "Lower  cold_items  or  cold_users."
    match split.kind:
        case "leave_one_out":
            return "It needs users with at least 3 rows; give more of the log, or write  kind: random."
        case "time":
            return f"Move the moments, or change the shares (valid: {split.valid}, test: {split.test})."
        case "random":
            return f"Give more rows, or change the shares (valid: {split.valid}, test: {split.test})."
        case "kfold":
            return f"Give more rows, or another number of folds (at least 3, now {split.folds})."
        case "column":
            return (
                f"The column {split.column!r} needs rows of all three parts; check  values  under data.split."
            )
        case _:
            assert_never(split.kind)
