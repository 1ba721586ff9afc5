"""Questions about users and items, read as the log is read: the same ids, times and contexts."""

from dataclasses import replace

import polars as pl

from motet.config.data import Column, DataConfig, EventsSource
from motet.data.readers_events import shape_events
from motet.data.readers_raw import Raw, from_object
from motet.data.table import ITEM, TIME, USER
from motet.errors import DataError


def read_questions(rows: pl.DataFrame, data: DataConfig) -> pl.DataFrame:
    """Canonical columns of rows that ask.

    Args:
        rows: The columns that the first log of the configuration calls user and item (or ``user`` and
            ``item``) and, where they are known, its time (or ``time``) and context columns.
        data: The `data:` part of the configuration.

    Returns:
        ``@user``, ``@item``, ``@time`` (null where none is given) and the contexts that are there; the rows
        in their order.

    Raises:
        DataError: A column is missing, a row has no user or no item, or a time is not understood.
    """
    source = data.events[0]
    raw = replace(from_object(rows, "the rows", "data.events"), decimal=source.decimal)
    user, item = _name(raw, source.user, "user"), _name(raw, source.item, "item")
    time = next((name for name in (source.time, "time") if name in raw.schema), None) if source.time else None
    contexts = {each.column: each for log in data.events for each in log.context if each.column in raw.schema}
    asked = shape_events(raw, _as_source(source, (user, item, time), list(contexts.values())), 0, data)
    found = asked.frame.collect().select(USER, ITEM, TIME, *contexts)
    given = {USER: (user, pl.Series([True])), ITEM: (item, pl.Series([True]))}
    if time is not None:
        given[TIME] = (time, rows[time].is_not_null())
    for column, (name, has) in given.items():
        _refuse_unread(found[column].is_null() & has, rows, name)
    return found


def _name(raw: Raw, wanted: str, plain: str) -> str:
    name = next((each for each in (wanted, plain) if each in raw.schema), None)
    if name is None:
        raise DataError(
            f"the rows have no column {wanted!r} (nor {plain!r}). They have {', '.join(raw.schema)}."
        )
    return name


def _as_source(
    source: EventsSource, names: tuple[str, str, str | None], contexts: list[Column]
) -> EventsSource:
    """The log's settings for rows that have no more than those columns."""
    user, item, time = names
    update = {
        "layout": "rows", "user": user, "item": item, "time": time, "context": contexts,
        "order": None, "type": "", "value": None, "request": None, "outcomes": [],
        "ranges": [each for each in source.ranges if each.column in {column.column for column in contexts}],
    }  # fmt: skip
    return source.model_copy(update=update)


def _refuse_unread(wrong: pl.Series, rows: pl.DataFrame, name: str) -> None:
    if wrong.any():
        place = int(wrong.arg_true()[0])
        raise DataError(
            f"the rows: row {place + 1} has {rows[name][place]!r} in column {name!r}, which cannot be read. "
            "Mend it, or leave the row out."
        )
