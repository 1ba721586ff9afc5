"""Layout `sequences`: a line is a user (or a user and a split) with a list of items; each becomes an event.

Two shapes of file: ragged lines `user item item ...`, where the same sign stands everywhere, and tables
with a column that holds the list. Other columns either hold one value for the line, or a list as long as
that of the items.
"""

from dataclasses import replace
from pathlib import Path

import polars as pl

from motet.config.data import EventsSource, Split
from motet.data.readers_cells import is_list, parts
from motet.data.readers_files import find_files, find_format, wrong_encoding
from motet.data.readers_numbers import number
from motet.data.readers_raw import Raw, open_source
from motet.data.readers_text import Text, find_separator, lines_of, sample_lines
from motet.errors import DataError

LINE = "@line"
PLACE = "@place"
USER_IS_LINE = "@row"
LINE_USER = "@line_user"
_SPLIT_ORDER = ("train", "valid", "test")


def open_sequences(source: EventsSource, folder: Path, part: str) -> Raw:
    """Open a file of sequences: one row a line, the list of items not yet laid open."""
    files = find_files(source.path, folder)
    ragged = [_is_ragged(source, file) for file in files]
    if not any(ragged):
        return open_source(source, folder, part)
    if not all(ragged):
        raise DataError(
            f"{files[ragged.index(False)]}: this file is a table but {files[ragged.index(True)]} has ragged"
            f" lines. Give each an entry of its own under {part}."
        )
    frame = pl.concat([_scan_ragged(source, file) for file in files])
    where, schema = ", ".join(str(file) for file in files), dict(frame.collect_schema())
    return Raw(frame, where, part, schema, decimal=source.decimal)


def _is_ragged(source: EventsSource, file: Path) -> bool:
    if source.format not in ("auto", "csv") or find_format(file, source.encoding) != "csv":
        return False
    separator = source.separator or find_separator(sample_lines(file, source.encoding))
    return separator is None or separator == source.item_separator


def _scan_ragged(source: EventsSource, file: Path) -> pl.LazyFrame:
    text = Text(file, source.item_separator, 2, encoding=source.encoding)
    names = source.header
    if not isinstance(names, list):
        first = sample_lines(file, source.encoding, 1)[0].split(source.item_separator)
        names = first if names is True else ["column_1", "column_2"]
    if source.header is True and source.user not in (*names, USER_IS_LINE):
        raise DataError(
            f"{file}: the first line does not name column {source.user!r} but begins with {names[:3]}. Where"
            f" there is no line of names write  header: [{source.user}, {source.item}]"
        )
    lines = lines_of(text).select(pl.col("line").str.strip_chars()).filter(pl.col("line") != "")
    try:
        lines.head(1000).collect()
    except pl.exceptions.ComputeError as error:
        raise DataError(wrong_encoding(file, source.encoding, error)) from None
    cells = pl.col("line").str.splitn(source.item_separator, len(names))
    named = [cells.struct.field(f"field_{place}").alias(name) for place, name in enumerate(names)]
    return lines.slice(int(source.header is True)).select(named)


def lay_open(raw: Raw, source: EventsSource, split: Split) -> Raw:
    """One row an event, with `@place`: its place among the items of its user.

    A user with several lines (one a split) has them in the order train, valid, test, then by `order:`, then
    as in the file.

    Raises:
        DataError: Another list is not as long as the list of items.
    """
    frame = raw.frame.with_row_index(LINE)
    if source.user == LINE_USER:
        frame = frame.with_columns(pl.col(LINE).cast(pl.Int64).alias(LINE_USER))
        raw.schema[LINE_USER] = pl.Int64()
    item = raw.need(source.item, "item")
    lists = {item: _listed(raw, item, source.item_separator)} | _other_lists(raw, source)
    frame = frame.select(LINE, *(name for name in raw.schema if name not in source.ignore))
    frame = frame.with_columns(value.alias(name) for name, value in lists.items())
    user = raw.need(source.user, "user")
    _check_lengths(frame, raw, item, list(lists))
    frame = frame.with_columns(_start(frame, raw, user, source, split).alias(PLACE))
    frame = frame.filter(pl.col(item).list.len() > 0)
    place = pl.int_ranges(pl.col(PLACE), pl.col(PLACE) + pl.col(item).list.len().cast(pl.Int64))
    frame = frame.with_columns(place.alias(PLACE)).explode([PLACE, *lists]).drop(LINE)
    return replace(raw, frame=frame, schema=dict(frame.collect_schema()), lists={})


def _listed(raw: Raw, name: str, separator: str) -> pl.Expr:
    dtype = raw.schema[name]
    if is_list(dtype):
        return pl.col(name).arr.to_list() if isinstance(dtype, pl.Array) else pl.col(name)
    return parts(pl.col(name), raw.lists.get(name, separator))


def _other_lists(raw: Raw, source: EventsSource) -> dict[str, pl.Expr]:
    """Columns besides the items that hold a list: native lists, or text with the sign that divides items."""
    alone = {source.user, source.item, *source.ignore}
    declared = {each.column: each.separator for each in [*source.context, *(source.outcomes or [])]}
    texts = [n for n, d in raw.schema.items() if n not in alone and d == pl.String and n not in declared]
    has_sign = pl.col(texts).str.contains(source.item_separator, literal=True).any()
    found = raw.frame.head(1000).select(has_sign).collect(engine="streaming").to_dicts()[0] if texts else {}
    lists = {
        name: _listed(raw, name, source.item_separator)
        for name in texts
        if found[name] and not _is_time(raw, name)
    }
    lists |= {n: _listed(raw, n, "") for n, d in raw.schema.items() if n not in alone and is_list(d)}
    lists |= {
        n: parts(pl.col(n), sign)
        for n, sign in declared.items()
        if sign and n in raw.schema and n not in lists
    }
    return lists


def _is_time(raw: Raw, name: str) -> bool:
    """Whether text with blanks is one moment such as `2024-01-31 12:00:00`."""
    cells = raw.frame.select(name).head(100).collect(engine="streaming")[name].drop_nulls()
    return bool(cells.str.contains(r"^\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d(\.\d+)?)?$").all())


def _check_lengths(frame: pl.LazyFrame, raw: Raw, item: str, lists: list[str]) -> None:
    length = pl.col(item).list.len().fill_null(0)
    others = [name for name in lists if name != item]
    if not others:
        return
    wrong = [(pl.col(name).list.len().fill_null(0) != length).any().alias(name) for name in others]
    found = frame.select(wrong).collect(engine="streaming").row(0, named=True)
    bad = [name for name in others if found[name]]
    if bad:
        row = (
            frame.filter(pl.col(bad[0]).list.len().fill_null(0) != length).head(1).collect(engine="streaming")
        )
        line, some, many = row[LINE][0] + 1, row[bad[0]][0], row[item][0]
        raise DataError(
            f"{raw.where}: row {line} has {len(some) if some is not None else 0} parts in column {bad[0]!r}"
            f" but {len(many) if many is not None else 0} in {item!r}; lists beside the items must be as long"
            f" as theirs. To leave such columns out write  ignore: [{', '.join(bad)}]"
        )


def _start(frame: pl.LazyFrame, raw: Raw, user: str, source: EventsSource, split: Split) -> pl.Expr:
    """Place of a line's first item: 0, or, where users have several lines, behind the lines before it."""
    several = frame.select(pl.col(user).n_unique() < pl.len()).collect(engine="streaming").item()
    if not several:
        return pl.lit(0, pl.Int64)
    length = pl.col(source.item).list.len().fill_null(0).cast(pl.Int64)
    keys = [pl.col(LINE)]
    if source.order is not None:
        order = raw.need(source.order, "order")
        keys.insert(0, number(pl.col(order), raw.schema[order], raw.decimal))
    if split.kind == "column" and split.column in raw.schema:
        named = {split.values.get(part, part): place for place, part in enumerate(_SPLIT_ORDER)}
        part = pl.col(split.column).cast(pl.String)
        keys.insert(0, part.replace_strict(named, default=len(named), return_dtype=pl.Int64))
    return (length.cum_sum() - length).over(user, order_by=keys)
