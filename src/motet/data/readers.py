"""From files, or from tables in memory, to the tables that every later step reads: START HERE for data.

Formats: CSV of any separator, JSON Lines, Parquet, RecBole atomic files, gzip where it is usual. See
docs/data.md.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from motet.config.data import DataConfig, ItemsSource, Source
from motet.data.readers_cells import unify_ids
from motet.data.readers_events import join_logs, shape_events
from motet.data.readers_features import Shaped, join_sources, shape_items, shape_users
from motet.data.readers_raw import Raw, from_object, open_source
from motet.data.readers_sequences import open_sequences
from motet.data.table import ITEM, USER, Feature, Roles, Tables
from motet.errors import DataError


def read_tables(data: DataConfig, folder: Path, *, extra: Sequence[str] = ()) -> Tables:
    """Read the files of a configuration. Items and users are read into memory, events stay lazy and stream.

    Args:
        data: The `data:` part of a configuration.
        folder: Where its paths start: the folder of the configuration file.
        extra: Event columns to keep that are no outcomes, for example the split columns of single tasks.

    Raises:
        DataError: A file or a column is missing, or cannot be read as declared.
    """
    items = [open_source(each, folder, "data.items") for each in data.items]
    users = [open_source(each, folder, "data.users") for each in data.users]
    events = [
        (open_sequences if each.layout == "sequences" else open_source)(each, folder, "data.events")
        for each in data.events
    ]
    return _assemble(data, items, users, events, extra)


def tables_from_frames(
    data: DataConfig, items: Any = None, users: Any = None, events: Any = None, *, extra: Sequence[str] = ()
) -> Tables:
    """The same from polars, pandas or pyarrow tables; the configuration's paths are not read.

    Args:
        data: The `data:` part of a configuration, with one entry for each table given.
        items: One table, a list of them, or None.
        users: One table, a list of them, or None.
        events: One table or a list; a polars LazyFrame is not collected.
        extra: As in `read_tables`.

    Raises:
        DataError: The number of tables differs from the number of entries, or something is no table.
    """
    return _assemble(
        data,
        _objects(items, data.items, "items"),
        _objects(users, data.users, "users"),
        _objects(events, data.events, "events"),
        extra,
    )


def join_items(
    raws: Sequence[Raw], sources: Sequence[ItemsSource], split: str | None = None
) -> tuple[pl.DataFrame, tuple[Feature, ...]]:
    """The items alone, a row each, as `read_tables` has them; and `@split`, see `shape_items`."""
    shaped = [shape_items(raw, source, split) for raw, source in zip(raws, sources, strict=True)]
    items, features = join_sources(_one_type(shaped, [], ITEM)[0], ITEM)
    return items.unique(ITEM, keep="first", maintain_order=True), features


def _objects(tables: Any, entries: Sequence[Source], name: str) -> list[Raw]:
    listed = list(tables) if isinstance(tables, list | tuple) else [] if tables is None else [tables]
    if len(listed) != len(entries):
        raise DataError(
            f"{name}: {len(listed)} tables were given, but the configuration has {len(entries)} entries under"
            f" data.{name}. Give one table for each entry, in the same order."
        )
    return [
        replace(from_object(table, f"{name}[{place}]", f"data.{name}"), decimal=source.decimal)
        for place, (table, source) in enumerate(zip(listed, entries, strict=True))
    ]


def _assemble(
    data: DataConfig, items: list[Raw], users: list[Raw], events: list[Raw], extra: Sequence[str]
) -> Tables:
    item_parts = [
        _once(shape_items(raw, source), source, data) for raw, source in zip(items, data.items, strict=True)
    ]
    user_parts = [
        _once(shape_users(raw, source), source, data) for raw, source in zip(users, data.users, strict=True)
    ]
    logs = [
        shape_events(raw, source, place, data, extra)
        for place, (raw, source) in enumerate(zip(events, data.events, strict=True))
    ]
    _has_split(data, logs)
    frame, context, outcome = join_logs(logs)
    item_parts, frames = _one_type(item_parts, [frame], ITEM)
    user_parts, frames = _one_type(user_parts, frames, USER)
    item_table, item_features = join_sources(item_parts, ITEM) if item_parts else (None, ())
    user_table, user_features = join_sources(user_parts, USER) if user_parts else (None, ())
    return Tables(item_table, user_table, frames[0], Roles(item_features, user_features, context, outcome))


def _once(shaped: Shaped, source: Source, data: DataConfig) -> Shaped:
    """A log may describe its items or users itself: then each row says so again, and once is enough."""
    logs = {path for log in data.events for path in log.path}
    if logs.isdisjoint(source.path):
        return shaped
    return shaped[0].unique(maintain_order=True), shaped[1]


def _has_split(data: DataConfig, logs: Sequence[Any]) -> None:
    name = data.split.column
    if data.split.kind == "column" and not any(name in log.frame.collect_schema() for log in logs):
        found = ", ".join(name for log in logs for name in log.outcomes)
        raise DataError(
            f"data.split: no event file has the column {name!r}. Undeclared columns there: {found or 'none'}."
            " Mend  column:  under data.split"
        )


def _one_type(
    shaped: list[Shaped], frames: list[pl.LazyFrame], column: str
) -> tuple[list[Shaped], list[pl.LazyFrame]]:
    """Give an id column the same type in the files that describe it and in the log."""
    unified = unify_ids([frame for frame, _ in shaped] + frames, column)
    described = [(frame, features) for frame, (_, features) in zip(unified, shaped, strict=False)]
    return described, unified[len(shaped) :]
