"""Labels: what each row of the log says about each task, from its columns or from later events."""

import difflib
from collections.abc import Sequence
from typing import assert_never

import numpy as np
import polars as pl

from motet.config.data import Signal
from motet.config.expression import parse
from motet.config.syntax import Expression, Kind, Name, kind_of
from motet.config.tasks import (
    Binary,
    Multiclass,
    NextItem,
    Regression,
    Retrieval,
    RowTask,
    Tagging,
    Task,
    Window,
)
from motet.data.label_expressions import column_kinds, column_of, needed_columns, to_polars
from motet.data.readers_numbers import other_decimal
from motet.data.table import KIND
from motet.data.windows import window_label
from motet.errors import ConfigError, DataError

__all__ = ["label_columns", "signal_values", "to_polars"]
_Cut = np.ndarray | pl.Series | int | None


def label_columns(events: pl.DataFrame, tasks: Sequence[Task], cut_ms: _Cut = None) -> pl.DataFrame:
    """Add to each row its label of every row task, and whether it is a positive of every `next_item` task.

    Args:
        events: The log with its canonical columns and those that labels read, ``N`` rows in any order.
        tasks: The tasks.
        cut_ms: For labels that look ahead: what happened at or after this time is not known, unix ms,
            ``(N,)`` or one for all; null and None: the end of the log.

    Returns:
        The log with ``label:TASK`` for row tasks: Float64 (0 or 1 for `binary`), or String for `multiclass`;
        null where a column that it needs is null, where the result is not a finite number, for types that the
        task does not learn from, and for windows that are not over. And with ``positive:TASK``, Boolean
        without nulls, for `next_item` tasks; where events have ``@kind``, a task of one kind of item has its
        positives among items of that kind.

    Raises:
        DataError: A column or an event type is missing, or the values do not fit the task.
    """
    made = []
    for task in tasks:
        try:
            assert not isinstance(task, Tagging | Retrieval), (
                "a task that reads texts has no label among the events"
            )
            if isinstance(task, NextItem):
                made.append(_of_kind(_positive(events, task), events, task).alias(f"positive:{task.name}"))
            else:
                made.append(_label(events, task, cut_ms).alias(f"label:{task.name}"))
        except (ConfigError, DataError) as error:
            raise DataError(f"tasks.{task.name}: {error}") from None
    return events.with_columns(made)


def signal_values(events: pl.DataFrame, signals: Sequence[Signal]) -> dict[str, np.ndarray]:
    """What counters keep the mean of beside labels: name -> float32 ``(N,)``, NaN where there is none.

    Raises:
        DataError: A column or an event type is missing, or the values are text.
    """
    found = {}
    for signal in signals:
        try:
            if signal.types is not None:
                _check_types(events, signal.types, "types")
            values, kind = _values(events, parse(signal.value))
            if kind == "text":
                raise DataError(
                    f"value {signal.value!r} is text ({_some(values)}); write a number or == '...'"
                )
            values = _of_types(values, events, signal.types).cast(pl.Float64)
        except (ConfigError, DataError) as error:
            raise DataError(f"data.counters.signals.{signal.name}: {error}") from None
        found[signal.name] = values.fill_null(float("nan")).to_numpy().astype(np.float32)
    return found


def _positive(events: pl.DataFrame, task: NextItem) -> pl.Series:
    if task.positive is None:
        return pl.repeat(True, events.height, eager=True)
    if not isinstance(task.positive, str):
        _check_types(events, task.positive, "positive")
        return events["@type"].is_in(task.positive).fill_null(False)
    tree = parse(task.positive)
    if isinstance(tree, Name) and tree.column in _types(events) and tree.column not in events.columns:
        raise DataError(f"{tree.column!r} is an event type, not a column; write  positive: [{tree.column}]")
    values, kind = _values(events, tree)
    if kind == "text":
        raise DataError(
            f"positive {task.positive!r} is text; write a condition such as {task.positive} == '...'"
        )
    return (_zero_or_one(values, task.positive) == 1).fill_null(False)


def _of_kind(positive: pl.Series, events: pl.DataFrame, task: NextItem) -> pl.Series:
    """Positives whose item is of the kind that the task ranks, where the log knows kinds."""
    if task.items is None or KIND not in events.columns:
        return positive
    return positive & (events[KIND] == task.items).fill_null(False)


def _label(events: pl.DataFrame, task: RowTask, cut_ms: _Cut) -> pl.Series:
    if task.types is not None:
        _check_types(events, task.types, "types")
    if isinstance(task.label, Window):
        _check_types(events, [task.label.of, task.label.event], "label")
        return _of_types(window_label(events, task.label, _cuts(events, cut_ms)), events, task.types)
    values, kind = _values(events, parse(task.label))
    values = _of_types(values, events, task.types)
    match task:
        case Binary():
            if kind == "text":
                raise DataError(
                    f"label {task.label!r} is text ({_some(values)}); write  {task.label} == '...'"
                )
            return _zero_or_one(values, task.label)
        case Regression():
            return _number(values, kind, task)
        case Multiclass():
            return _class(values, task)
        case _:
            assert_never(task)


def _values(events: pl.DataFrame, tree: Expression) -> tuple[pl.Series, Kind]:
    """The values of an expression, null where a column that it needs is null, and their kind."""
    kinds = column_kinds(tree, events.schema)
    try:
        kind = kind_of(tree, kinds)
    except ConfigError as error:
        texts = [events[column_of(name, events.schema)] for name, each in kinds.items() if each == "text"]
        raise ConfigError(f"{error}{''.join(_other_decimal(cells) for cells in texts)}") from None
    needed = [to_polars(Name(name), events.schema).is_not_null() for name in needed_columns(tree)]
    known = pl.all_horizontal(needed) if needed else pl.lit(True)
    frame = events.select(pl.when(known).then(to_polars(tree, events.schema)).alias("value"))
    return frame["value"], kind


def _of_types(values: pl.Series, events: pl.DataFrame, types: Sequence[str] | None) -> pl.Series:
    if types is None:
        return values
    frame = pl.DataFrame({"value": values, "meant": events["@type"].is_in(types).fill_null(False)})
    return frame.select(pl.when("meant").then("value").alias("value"))["value"]


def _zero_or_one(values: pl.Series, text: str) -> pl.Series:
    numbers = values.cast(pl.Float64)
    if not numbers.drop_nulls().is_in([0.0, 1.0]).all():
        hint = f"{text} >= ..." if text.isidentifier() else f"({text}) > ..."
        raise DataError(f"{text!r} must be true or false, or 1 or 0; found {_some(values)}. Write  {hint}")
    return numbers


def _number(values: pl.Series, kind: Kind, task: Regression) -> pl.Series:
    if kind == "text":
        raise DataError(
            f"label {task.label!r} is text ({_some(values)}); a regression needs a column of numbers"
            f"{_other_decimal(values)}"
        )
    numbers = values.cast(pl.Float64)
    least = numbers.min()
    if task.transform == "log1p" and isinstance(least, float) and least <= -1:
        raise DataError(
            f"label {task.label!r} goes down to {least:g}; log1p needs more than -1. Write  transform: none"
        )
    return numbers


def _class(values: pl.Series, task: Multiclass) -> pl.Series:
    """Classes as text; a whole number is written without a point, whatever the column's type."""
    if values.dtype.is_float():
        whole = values.cast(pl.Int64, strict=False)
        frame = pl.DataFrame({"value": values, "whole": whole})
        same = pl.col("whole") == pl.col("value")
        text = pl.when(same).then(pl.col("whole").cast(pl.String)).otherwise(pl.col("value").cast(pl.String))
        classes = frame.select(text.alias("value"))["value"]
    else:
        classes = values.cast(pl.String)
    if (number := classes.drop_nulls().n_unique()) > task.max_classes:
        raise DataError(
            f"label {task.label!r} has {number:,} classes and max_classes is {task.max_classes:,}; "
            "raise it, or choose another column"
        )
    return classes


def _cuts(events: pl.DataFrame, cut_ms: _Cut) -> np.ndarray:
    latest = events["@time"].max()
    end = (latest if isinstance(latest, int) else 0) + 1
    if cut_ms is None or isinstance(cut_ms, int):
        return np.full(events.height, end if cut_ms is None else cut_ms, np.int64)
    cut_N = pl.Series(cut_ms).fill_null(end).cast(pl.Int64).to_numpy()
    assert len(cut_N) == events.height, "one cut for every row"
    return cut_N


def _types(events: pl.DataFrame) -> list[str]:
    """The event types of the log, the most frequent first."""
    counts = events["@type"].drop_nulls().value_counts(sort=True)
    return [str(name) for name in counts["@type"].to_list()]


def _check_types(events: pl.DataFrame, names: Sequence[str], key: str) -> None:
    found = _types(events)
    for name in names:
        if name not in found:
            nearest = difflib.get_close_matches(name, found, 1)
            hint = f"Did you mean {nearest[0]!r}? " if nearest else ""
            raise DataError(f"{key}: the log has no events of type {name!r}. {hint}It has {_listed(found)}.")


def _some(values: pl.Series) -> str:
    """A few of the values, for a message."""
    distinct = values.drop_nulls().unique().sort()
    return _listed([f"{value:g}" if isinstance(value, float) else str(value) for value in distinct.head(9)])


def _other_decimal(cells: pl.Series) -> str:
    """The end of a message about text, where the text is numbers with another decimal sign."""
    found = other_decimal(cells)
    if found is None:
        return ""
    return f'. If {found[1]!r} is a number, write  decimal: "{found[0]}"  under data.events'


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words[:8]) + (", ..." if len(words) > 8 else "")
