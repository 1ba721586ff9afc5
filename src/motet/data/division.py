"""Division: which rows train, settled before anything is learned from the log, be it a median for gaps.

The order is: rows and cells that cannot be right go, then every split is made once, then outliers and gaps
are mended with what training rows say. The parts travel with the log in columns of their own, so that
nothing is split again on mended values.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from motet.config import Config
from motet.config.data import Split
from motet.config.expression import columns
from motet.config.tasks import NextItem, Task, is_row_task
from motet.data.account import Account
from motet.data.cleaning import clean
from motet.data.label_expressions import column_of
from motet.data.labels import label_columns
from motet.data.order import SAID_COLUMNS, materialise_order
from motet.data.splits import eligible_rows, split_rows
from motet.data.table import ITEM, KIND, PART, PLAIN_KIND, Tables
from motet.data.timelines import TRAIN, UNUSED
from motet.errors import DataError
from motet.system.log import stage


@stage("cleaning")
def clean_divided(tables: Tables, config: Config, *, now_ms: int | None = None) -> tuple[Tables, Account]:
    """Clean tables as a run does: what is learned for it is learned from rows that train every task.

    Args:
        tables: As the readers made them.
        config: The configuration.
        now_ms: The present, see `clean`.

    Returns:
        The cleaned tables, with the part of every row where values or rows were mended after the splits were
        made (`part_columns`), and the account.

    Raises:
        MotetError: What cleaning, labels or splits refuse.
    """
    tables = with_kinds(tables, config.tasks)
    _refuse_unknown_kinds(tables, config.tasks)
    return clean(tables, config.data, now_ms=now_ms, divide=lambda events: divide(events, config))


def clean_again(tables: Tables, config: Config) -> Tables:
    """Clean tables for a model that is trained already.

    A log that cannot be split as in training (it is shorter, or of another time) can be asked about all the
    same; what is learned for cleaning is then learned from all of its rows.
    """
    try:
        return clean_divided(tables, config)[0]
    except DataError:
        return clean(with_kinds(tables, config.tasks), config.data)[0]


def with_kinds(tables: Tables, tasks: Sequence[Task]) -> Tables:
    """Every event with the kind of its item (`@kind`), where a task ranks items of one kind alone.

    What is not in the catalogue is of the kind ``item``, as `build_catalogue` has it.
    """
    if all(not isinstance(task, NextItem) or task.items is None for task in tasks):
        return tables
    if tables.items is None or KIND not in tables.items.columns:
        return replace(tables, events=tables.events.with_columns(pl.lit(PLAIN_KIND).alias(KIND)))
    kinds = tables.items.select(ITEM, KIND).drop_nulls(ITEM).unique(ITEM, keep="first").lazy()
    events = tables.events.join(kinds, on=ITEM, how="left", maintain_order="left")
    return replace(tables, events=events.with_columns(pl.col(KIND).fill_null(PLAIN_KIND)))


def _refuse_unknown_kinds(tables: Tables, tasks: Sequence[Task]) -> None:
    items = tables.items
    kinds = set() if items is None or KIND not in items.columns else set(items[KIND].drop_nulls().to_list())
    for task in tasks:
        if isinstance(task, NextItem) and task.items not in {None, PLAIN_KIND, *kinds}:
            found = ", ".join(sorted(kinds or {PLAIN_KIND}))
            raise DataError(f"tasks.{task.name}: no item is of kind {task.items!r}. The items are {found}.")


def part_columns(config: Config) -> dict[str, tuple[str, Split]]:
    """Task -> the column that holds its parts, and its split; tasks of one split share a column.

    A task that holds out its own rows (`holds_out_its_own`) shares its column with no other.
    """
    splits = {task.name: task.split or config.data.split for task in config.tasks}
    key_of = {
        task.name: (splits[task.name].model_dump_json(), task.name if holds_out_its_own(task) else None)
        for task in config.tasks
    }
    keys = list(dict.fromkeys(key_of.values()))
    return {name: (f"{PART}{keys.index(key_of[name])}", split) for name, split in splits.items()}


def holds_out_its_own(task: Task) -> bool:
    """Whether a task holds out each user's last rows with a label of its own, whatever others ask about."""
    return is_row_task(task) and task.split is not None and task.split.kind == "leave_one_out"


def make_parts(events: pl.DataFrame, config: Config) -> dict[str, np.ndarray]:
    """Task -> part of every row, ``(N,)`` int8: those that the log carries, else made now.

    Args:
        events: In their materialised order, with the columns of `label_columns`.
        config: Its tasks and splits. Tasks of one split get the very same array.

    Raises:
        DataError: A split leaves a part empty, or does not fit the log.
    """
    made = _by_column(events, config)
    return {name: made[column] for name, (column, _) in part_columns(config).items()}


def _by_column(events: pl.DataFrame, config: Config) -> dict[str, np.ndarray]:
    """The same by the column that holds it."""
    columns_of, eligible = part_columns(config), eligible_rows(events, config.tasks)
    made: dict[str, np.ndarray] = {}
    for task in config.tasks:
        column, split = columns_of[task.name]
        if column in made:
            continue
        if column in events.columns:
            made[column] = events[column].to_numpy()
        elif holds_out_its_own(task):
            own = eligible_rows(events, [task])
            made[column] = split_rows(events, split, own, f"tasks.{task.name}.split").to_numpy()
        else:
            made[column] = split_rows(events, split, eligible).to_numpy()
    return made


def divide(events: pl.LazyFrame, config: Config) -> tuple[pl.LazyFrame, pl.Expr]:
    """Make every split of a log that is otherwise clean.

    Args:
        events: With `@source` and `@row`; impossible cells are empty, outliers and gaps are as they were.
        config: Its tasks and splits.

    Returns:
        The log with its part columns, and a condition on rows that train every task.
    """
    rows = events.select(needed_columns(events.collect_schema(), config)).collect(engine="streaming")
    if rows.is_empty():
        return events, pl.lit(True)
    rows = materialise_order(rows, config.data_seed)
    if _say_the_same(rows):  # then the other columns settle the ties
        rows = materialise_order(events.collect(engine="streaming"), config.data_seed)
    rows = label_columns(rows, config.tasks)
    made = _by_column(rows, config)
    places = _Places(rows)
    found = [places.column(part_N).alias(column) for column, part_N in made.items()]
    return events.with_columns(found), training_rows(list(made))


def _say_the_same(rows: pl.DataFrame) -> bool:
    """Whether two rows, which are neighbours then, differ in nothing that order reads first."""
    said = [name for name in ("@user", "@time", "@order", *SAID_COLUMNS) if name in rows.columns]
    same = pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).shift(1)) for name in said)
    return bool(rows.select(same.any()).item())


def training_rows(part_names: Sequence[str]) -> pl.Expr:
    """The condition that a row trains every task."""
    return pl.all_horizontal(pl.col(name) == TRAIN for name in part_names)


class _Places:
    """Finds what was worked out for a row again by the row's place in the files; one byte a row."""

    def __init__(self, rows: pl.DataFrame) -> None:
        most = rows.group_by("@source").agg(pl.col("@row").max() + 1).sort("@source")
        self.sources = most["@source"].to_list()
        self.offset = np.concatenate([[0], np.cumsum(most["@row"].to_numpy())]).astype(np.int64)
        self.place_N = self._offset(rows["@source"]) + rows["@row"].to_numpy()

    def _offset(self, source: pl.Series) -> np.ndarray:
        found: np.ndarray = self.offset[np.searchsorted(self.sources, source.to_numpy())]
        return found

    def column(self, value_N: np.ndarray) -> pl.Expr:
        """The values, in whatever order a frame has its rows."""
        table = np.full(self.offset[-1], UNUSED, np.int8)
        table[self.place_N] = value_N

        def look_up(place: pl.Series) -> pl.Series:
            return pl.Series(
                table[self._offset(place.struct.field("@source")) + place.struct.field("@row").to_numpy()]
            )

        return pl.struct("@source", "@row").map_batches(look_up, return_dtype=pl.Int8, is_elementwise=True)


def needed_columns(schema: pl.Schema, config: Config) -> list[str]:
    """Columns that order, labels and splits read; those that no source fills are left out.

    Raises:
        DataError: A label reads a column that the log lacks.
    """
    sources = config.data.events
    names = ["@user", "@item", "@type", "@time", "@order", "@row", "@source"]
    if any(source.request for source in sources):
        names.append("@request")
    if any(source.value for source in sources):
        names.append("@value")
    names += [KIND] if KIND in schema else []
    names += [name for task in config.tasks for name in _read_by(task, schema)]
    splits = part_columns(config).values()
    names += [name for column, split in splits for name in (split.column, column) if name and name in schema]
    return list(dict.fromkeys(names))


def _read_by(task: Task, schema: pl.Schema) -> list[str]:
    text = task.positive if isinstance(task, NextItem) else task.label
    try:
        return [column_of(name, schema) for name in columns(text)] if isinstance(text, str) and text else []
    except DataError as error:
        raise DataError(f"tasks.{task.name}: {error}") from None
