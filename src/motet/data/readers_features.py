"""Items and users: the declared feature columns of one or more sources become one table.

A column may have several roles. Categories and text share a list column (text joins its parts); otherwise
the first role of categorical, numeric, vectors, text keeps the column's name and a later one is stored as
`name@kind`.
"""

from collections.abc import Sequence

import polars as pl

from motet.config.data import Column, ItemsSource, Range, Source, UsersSource
from motet.data.readers_cells import (
    as_categories,
    as_id,
    as_number,
    as_text,
    as_vector,
    in_words,
    refuse_other_decimal,
    unread,
)
from motet.data.readers_ranges import inside, outside, ranges_of
from motet.data.readers_raw import Raw
from motet.data.readers_times import time_in_ms
from motet.data.table import ITEM, KIND, SPLIT, TIME, UNREAD, USER, Feature, FeatureKind
from motet.errors import DataError

Shaped = tuple[pl.LazyFrame, tuple[Feature, ...]]


def shape_items(raw: Raw, source: ItemsSource, split: str | None = None) -> Shaped:
    """One catalogue file as `@item`, `@kind`, `@time` (where declared) and features.

    A column of parts, where one is named and the file has it, is kept as `@split`.
    """
    found = _Found(raw)
    columns = [as_id(raw, raw.need(source.id, "id")).alias(ITEM), _kind(raw, source).alias(KIND)]
    if source.time is not None:
        name = raw.need(source.time, "time")
        time = time_in_ms(name, raw.sample(name)[name], "auto", raw.where, raw.decimal)
        columns.append(time.alias(TIME))
    if split is not None and split in raw.schema:
        columns.append(pl.col(split).cast(pl.String).alias(SPLIT))
    for each in source.categorical:
        found.add_categories(each)
    found.add_numbers(source.numeric, source)
    for each in source.vectors:
        raw.need(each.column, "vectors")
        found.add("vector", each, as_vector(raw, each))
    for each in source.images:
        path = as_text(raw, raw.need(each.column, "images")).str.strip_chars()
        found.add("image", each, pl.when(path != "").then(_from(raw.folder, path)))
    for each in source.text:
        found.add_text(each)
    return raw.frame.select(columns + found.columns), tuple(found.features)


def shape_users(raw: Raw, source: UsersSource) -> Shaped:
    """One file of users as `@user` and features."""
    found = _Found(raw)
    for each in source.categorical:
        found.add_categories(each)
    found.add_numbers(source.numeric, source)
    identity = as_id(raw, raw.need(source.id, "id")).alias(USER)
    return raw.frame.select([identity, *found.columns]), tuple(found.features)


def _from(folder: str, path: pl.Expr) -> pl.Expr:
    """Paths as seen from a folder; whole ones stay."""
    return pl.when(path.str.contains(r"^(/|[A-Za-z]:)")).then(path).otherwise(f"{folder or '.'}/" + path)


def _kind(raw: Raw, source: ItemsSource) -> pl.Expr:
    """A column, or a constant; `id: film, kind: film` means items that are called film."""
    column = source.kind in raw.schema and source.kind != source.id
    return pl.col(source.kind).cast(pl.String) if column else pl.lit(source.kind, pl.String)


class _Found:
    """Feature columns of one source, gathered."""

    def __init__(self, raw: Raw) -> None:
        self.raw = raw
        self.columns: list[pl.Expr] = []
        self.features: list[Feature] = []

    def add(self, kind: FeatureKind, column: Column, value: pl.Expr, many: bool = False) -> None:
        taken = {feature.name for feature in self.features}
        name = f"{column.column}@{kind}" if column.column in taken else column.column
        if name not in taken:
            self.columns.append(value.alias(name))
            self.features.append(Feature(name, kind, column, many))

    def add_categories(self, column: Column) -> None:
        self.raw.need(column.column, "categorical")
        value, many = as_categories(self.raw, column)
        self.add("categorical", column, value, many)

    def add_numbers(self, columns: Sequence[Column], source: Source) -> None:
        ranges = ranges_of(self.raw, source, [each.column for each in columns])
        for each in columns:
            self.add_number(each, ranges.get(each.column))
        text = [each.column for each in columns if self.raw.schema[each.column] == pl.String]
        refuse_other_decimal(self.raw, self.raw.sample(*text) if text else pl.DataFrame())

    def add_number(self, column: Column, declared: Range | None) -> None:
        before = len(self.columns)
        value = as_number(self.raw, self.raw.need(column.column, "numeric"))
        self.add("numeric", column, inside(value, declared))
        if len(self.columns) > before:
            name, marks = self.features[-1].name, unread(self.raw, column.column, value)
            self.columns += [mark.alias(UNREAD + name) for mark in marks]
            self.columns += outside(value, declared, name)

    def add_text(self, column: Column) -> None:
        name = self.raw.need(column.column, "text")
        shared = next((f for f in self.features if f.name == name and f.kind == "categorical"), None)
        if shared is None or column.worded:
            self.add("text", column, in_words(column, as_text(self.raw, name)))
        else:
            self.features.append(Feature(name, "text", column, shared.many))


def join_sources(shaped: Sequence[Shaped], key: str) -> tuple[pl.DataFrame, tuple[Feature, ...]]:
    """Lay tables of several files below each other; what several say of one id is joined, the first first.

    Raises:
        DataError: A column has different roles in two files.
    """
    tables = [frame.collect(engine="streaming") for frame, _ in shaped]
    features: dict[tuple[str, str], Feature] = {}
    for _, found in shaped:
        for feature in found:
            _agree(features, feature)
    lists = {f.name for f in features.values() if f.kind == "categorical" and f.many}
    tables = [_as_lists(table, lists) for table in tables]
    joined = tables[0]
    for table in tables[1:]:
        joined = _join(joined, table, key)
    return joined, tuple(features.values())


def _agree(features: dict[tuple[str, str], Feature], feature: Feature) -> None:
    kinds = {known.kind for known in features.values() if known.name == feature.name} - {feature.kind}
    if kinds - {"text", "categorical"} or (kinds and feature.kind not in ("text", "categorical")):
        raise DataError(
            f"column {feature.name!r} is {kinds.pop()} in one file and {feature.kind} in another. Give it the"
            " same role in both, or rename it in one of them."
        )
    known = features.get((feature.name, feature.kind))
    if known is None or feature.many:
        features[feature.name, feature.kind] = feature


def _as_lists(table: pl.DataFrame, lists: set[str]) -> pl.DataFrame:
    single = [name for name in lists if name in table.columns and table.schema[name] == pl.String]
    wrapped = [pl.when(pl.col(name).is_not_null()).then(pl.concat_list(name)).alias(name) for name in single]
    return table.with_columns(wrapped)


def _join(first: pl.DataFrame, second: pl.DataFrame, key: str) -> pl.DataFrame:
    known = pl.col(key).is_in(first[key].implode()) & pl.col(key).is_first_distinct()
    both, rest = second.filter(known), second.filter(~known)
    if both.height:
        first = first.join(both, on=key, how="left", suffix="@second", maintain_order="left")
        shared = [name for name in second.columns if f"{name}@second" in first.columns]
        first = first.with_columns(pl.coalesce(name, f"{name}@second").alias(name) for name in shared)
        first = first.drop(f"{name}@second" for name in shared)
    return pl.concat([first, rest], how="diagonal_relaxed")
