"""Logs: the canonical columns of every source, and which of its own are context and which outcomes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from motet.config.data import Column, DataConfig, EventsSource
from motet.data.readers_cells import (
    as_categories,
    as_id,
    as_number,
    is_list,
    refuse_other_decimal,
    unread,
)
from motet.data.readers_numbers import number, plain
from motet.data.readers_ranges import inside, outside, ranges_of
from motet.data.readers_raw import Raw
from motet.data.readers_sequences import LINE_USER, PLACE, USER_IS_LINE, lay_open
from motet.data.readers_times import time_in_ms
from motet.data.table import ITEM, ORDER, REQUEST, ROW, SOURCE, TIME, TYPE, UNREAD, USER, VALUE, Feature
from motet.errors import DataError

MOST_CATEGORIES = 20
"""A column of numbers with more distinct values than this (in the sample) is numeric, else categorical."""


FEW_OTHERS = 0.05
"""A column of numbers may hold so large a share of other cells; they are read as missing, and counted."""
_NO_NUMBER = ["n/a", "na", "none", "nil", "missing", "unknown", "undefined", "-", "--", "?", "#n/a", "nan"]


@dataclass(frozen=True)
class Log:
    """One source of events, shaped; its own columns have their natural types."""

    frame: pl.LazyFrame
    context: dict[str, Column]
    outcomes: dict[str, Column]
    sample: pl.DataFrame
    """The first rows of context and outcome columns."""


def shape_events(
    raw: Raw, source: EventsSource, place: int, data: DataConfig, extra: Sequence[str] = ()
) -> Log:
    """Canonical columns and own columns of one source.

    Args:
        raw: The opened files.
        source: What the configuration says.
        place: Which entry of `data.events` it is.
        data: For the split column.
        extra: Further columns to keep that are no outcomes (split columns of tasks).
    """
    order = source.order
    if source.layout == "sequences":
        if source.user == USER_IS_LINE:
            source = source.model_copy(update={"user": LINE_USER})
        raw, order = lay_open(raw, source, data.split), PLACE
    splits = {*extra, *([data.split.column] if data.split.column else [])}
    context, outcomes = _declared(raw, source, splits)
    read_by_labels = [name for name in (source.value, source.type) if name in raw.schema]
    columns = {name: Column(column=name) for name in read_by_labels} | outcomes | context
    head = raw.sample(*dict.fromkeys([*columns, *(n for n in (source.time, order) if n in raw.schema)]))
    ranges = ranges_of(raw, source, [name for name, column in columns.items() if not column.separator])
    declared = [name for name in dict.fromkeys([source.value, order, *ranges]) if name in head.columns]
    refuse_other_decimal(raw, head.select(declared))
    own = {name: _own(raw, column, head[name], name in declared) for name, column in columns.items()}
    read = head.select(value.alias(name) for name, value in own.items())
    numbers = {name: own[name] for name, dtype in read.schema.items() if dtype.is_numeric()}
    own = {name: inside(value, ranges.get(name)) for name, value in own.items()}
    kept = {name: pl.col(name).cast(pl.String) for name in sorted(splits) if name in raw.schema}
    frame = raw.frame.with_row_index(ROW).select(
        _canonical(raw, source, order, place, head)
        + [value.alias(name) for name, value in (own | kept).items()]
        + [mark.alias(UNREAD + name) for name, value in numbers.items() for mark in unread(raw, name, value)]
        + [mark for name, value in numbers.items() for mark in outside(value, ranges.get(name), name)]
        + (
            []
            if order is None
            else [m.alias(UNREAD + ORDER) for m in unread(raw, order, as_number(raw, order))]
        )
    )
    sample = head.select(own[name].alias(name) for name in dict.fromkeys([*context, *outcomes]))
    return Log(frame, context, outcomes, sample)


def _canonical(
    raw: Raw, source: EventsSource, order: str | None, place: int, head: pl.DataFrame
) -> list[pl.Expr]:
    return [
        as_id(raw, raw.need(source.user, "user")).alias(USER),
        as_id(raw, raw.need(source.item, "item")).alias(ITEM),
        _type(raw, source).alias(TYPE),
        _time(raw, source, head).alias(TIME),
        _order(raw, order, head).alias(ORDER),
        _request(raw, source).alias(REQUEST),
        pl.col(ROW).cast(pl.Int64),
        pl.lit(place, pl.Int32).alias(SOURCE),
        _value(raw, source).alias(VALUE),
    ]


def _type(raw: Raw, source: EventsSource) -> pl.Expr:
    """A column, or a constant; `type: rating, value: rating` means events that are called rating."""
    if source.type not in raw.schema or source.type in (source.value, source.user, source.item, source.time):
        return pl.lit(source.type, pl.String)
    return as_categories(raw, Column(column=source.type))[0]


def _time(raw: Raw, source: EventsSource, head: pl.DataFrame) -> pl.Expr:
    if source.time is None:
        return pl.lit(None, pl.Int64)
    name = raw.need(source.time, "time")
    return time_in_ms(name, head[name], source.time_unit, raw.where, raw.decimal)


def _order(raw: Raw, name: str | None, head: pl.DataFrame) -> pl.Expr:
    if name is None:
        return pl.lit(None, pl.Int64)
    value = as_number(raw, raw.need(name, "order"))
    strange = head.select(name, value.alias("number")).filter(
        pl.col(name).is_not_null()
        & (pl.col("number").is_null() | (pl.col("number") != pl.col("number").round()))
    )
    if strange.height:
        raise DataError(
            f"{raw.where}: column {name!r} is declared as  order:  but holds {strange[name][0]!r}, which is"
            f" no whole number. If it is a time write  time: {name}"
        )
    return value.cast(pl.Int64, strict=False)


def _request(raw: Raw, source: EventsSource) -> pl.Expr:
    if source.request is None:
        return pl.lit(None, pl.String)
    return as_categories(raw, Column(column=raw.need(source.request, "request")))[0]


def _value(raw: Raw, source: EventsSource) -> pl.Expr:
    if source.value is None:
        return pl.lit(None, pl.Float64)
    declared = next((each for each in source.ranges if each.column == source.value), None)
    return inside(as_number(raw, raw.need(source.value, "value")), declared)


def _declared(
    raw: Raw, source: EventsSource, splits: set[str]
) -> tuple[dict[str, Column], dict[str, Column]]:
    """Context and outcome columns of a source; `outcomes` null means every column that has no other role."""
    context = {raw.need(each.column, "context"): each for each in source.context}
    if source.outcomes is not None:
        listed = {raw.need(each.column, "outcomes"): each for each in source.outcomes}
        return context, {name: column for name, column in listed.items() if name not in context}
    taken = {
        source.user,
        source.item,
        source.time,
        source.order,
        source.type,
        source.value,
        source.request,
        PLACE,
    }
    taken |= {*source.ignore, *context, *splits}
    for name in source.ignore:
        raw.need(name, "ignore") if source.layout == "rows" else None
    return context, {name: Column(column=name) for name in raw.schema if name not in taken}


def _own(raw: Raw, column: Column, head: pl.Series, declared: bool) -> pl.Expr:
    """A column of the log with its natural type: numbers where it is declared so or its sample is."""
    name = column.column
    if declared:
        as_number(raw, name)  # refuses lists
    value, many = as_categories(raw, column)
    dtype = raw.schema[name]
    if many:
        return value
    if dtype.is_numeric():
        return pl.col(name).cast(pl.Int64) if dtype.is_integer() else number(pl.col(name), dtype)
    if dtype == pl.Boolean:
        return pl.col(name).cast(pl.Int64)
    if dtype.is_temporal():
        return number(pl.col(name), dtype)
    return _own_text(name, head.cast(pl.String), declared, raw.decimal)


def _own_text(name: str, sample: pl.Series, declared: bool, decimal: str) -> pl.Expr:
    known = sample.str.strip_chars().drop_nulls()
    bare = known.to_frame(name).select(plain(pl.col(name), decimal)).to_series()
    value = pl.col(name).cast(pl.String).str.strip_chars()
    if not declared and (known.is_empty() or known.str.contains(r"^-?0\d").any()):
        return value
    if known.len() and known.str.to_lowercase().is_in(["true", "false"]).all():
        return value.str.to_lowercase().replace_strict(
            {"true": 1, "false": 0}, default=None, return_dtype=pl.Int64
        )
    if not declared and not _numbers(known, bare):
        return value
    numbers = bare.filter(bare.cast(pl.Float64, strict=False).is_not_null())
    if len(numbers) and numbers.cast(pl.Int64, strict=False).null_count() == 0:
        return plain(value, decimal).cast(pl.Int64, strict=False)
    return number(value, pl.String(), decimal)


def _numbers(known: pl.Series, bare: pl.Series) -> bool:
    """Whether the cells of a sample are numbers, but for words that say that there is none, or few others.

    Among few different values another word is a code like them; among many it is a number gone wrong.
    """
    read = bare.cast(pl.Float64, strict=False)
    others = known.filter(read.is_null())
    if others.is_empty() or read.null_count() == len(read):
        return others.is_empty()
    if others.str.to_lowercase().is_in(_NO_NUMBER).all():
        return True
    return len(others) <= FEW_OTHERS * len(known) and read.drop_nulls().n_unique() > MOST_CATEGORIES


def join_logs(logs: Sequence[Log]) -> tuple[pl.LazyFrame, tuple[Feature, ...], tuple[Feature, ...]]:
    """Lay logs below each other and settle the kind of every own column over all of them.

    Returns:
        The events, the context features and the outcome features. A column that one log declares as context
        is no outcome.
    """
    context = {name: column for log in logs for name, column in log.context.items()}
    outcomes = {n: column for log in logs for n, column in log.outcomes.items() if n not in context}
    features = {name: _feature(name, column, logs) for name, column in (context | outcomes).items()}
    frames = [log.frame.with_columns(_settled(log.frame, features)) for log in logs]
    events = pl.concat(frames, how="diagonal_relaxed")
    return events, tuple(features[name] for name in context), tuple(features[name] for name in outcomes)


def _feature(name: str, column: Column, logs: Sequence[Log]) -> Feature:
    samples = [log.sample[name] for log in logs if name in log.sample.columns]
    if any(is_list(sample.dtype) for sample in samples):
        return Feature(name, "categorical", column, many=True)
    if not all(sample.dtype.is_numeric() or sample.dtype == pl.Null for sample in samples):
        return Feature(name, "categorical", column)
    distinct = pl.concat([sample.cast(pl.Float64) for sample in samples]).drop_nulls().n_unique()
    return Feature(name, "numeric" if distinct > MOST_CATEGORIES else "categorical", column)


def _settled(frame: pl.LazyFrame, features: dict[str, Feature]) -> Iterable[pl.Expr]:
    schema = frame.collect_schema()
    for name, feature in features.items():
        dtype = schema.get(name)
        if dtype is None:
            continue
        if feature.kind == "numeric":
            yield pl.col(name).cast(pl.Float64)
        elif feature.many and not is_list(dtype):
            yield (
                pl.when(pl.col(name).is_not_null())
                .then(pl.concat_list(pl.col(name).cast(pl.String)))
                .alias(name)
            )
