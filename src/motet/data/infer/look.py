"""A first look at a file: format, encoding, separator, whether it names its columns, a sample of its rows."""

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from motet.config.data import EventsSource, Source
from motet.data.infer import words
from motet.data.infer.decimals import Commas, find_commas
from motet.data.readers_files import find_format, head_text
from motet.data.readers_numbers import plain
from motet.data.readers_raw import Raw, open_source
from motet.data.readers_sequences import USER_IS_LINE, open_sequences
from motet.data.readers_text import find_separator, sample_lines, split_line
from motet.errors import DataError

SAMPLE_ROWS = 100_000
_RAGGED_SIGNS = (" ", "\t", ",", ";", "|")
_ENCODINGS = ("utf8", "gb18030", "latin-1")


@dataclass(frozen=True)
class Look:
    """A file that can be read as a table."""

    paths: tuple[Path, ...]
    """Usually one; several when a table lies in parts."""
    raw: Raw
    rows: int
    sample: pl.DataFrame
    """At most about 200,000 rows, spread evenly over the file."""
    head: pl.DataFrame
    """At most 100,000 rows from the beginning, none left out between them."""
    settings: dict[str, Any] = field(default_factory=dict)
    """What a configuration must say of the file besides its path."""
    ragged: bool = False
    """Lines of one user with any number of items."""
    commas: Commas | None = None
    """Columns of numbers with a decimal comma; the rows here have a point instead."""

    @property
    def name(self) -> str:
        """The file's name, for messages."""
        more = f" and {len(self.paths) - 1} more" if len(self.paths) > 1 else ""
        return self.paths[0].name + more

    @property
    def parts_of_split(self) -> bool:
        """Whether it lies in several files whose names speak of training, validation or test."""
        return len(self.paths) > 1 and any(words.SPLITS & {*words.pieces(path.name)} for path in self.paths)


@dataclass(frozen=True)
class Unread:
    """A file that was left out, and why."""

    path: Path
    reason: str


def look_at(path: Path, names: list[str] | None = None) -> Look | Unread:
    """Look at one file; what cannot be read is returned with the reason, so that the others can be used.

    Args:
        path: The file.
        names: What to call the columns of a file that does not name them itself.
    """
    try:
        encoding = find_encoding(path)
        if find_format(path, encoding) != "csv":
            return _with_points(_opened(path, {}), None)
        lines = sample_lines(path, encoding)
        settings = {} if encoding == "utf8" else {"encoding": encoding}
        if find_separator(lines) is None:
            return _look_at_ragged(path, lines, settings)
        separator = find_separator(lines) or ","
        named = has_names([split_line(line, separator) for line in lines])
        return _with_points(
            _opened(path, settings if named else settings | {"header": names or False}), separator
        )
    except (DataError, OSError) as error:
        return Unread(path, str(error).removeprefix(f"{path}: "))


def find_encoding(path: Path) -> str:
    """The encoding of a text: UTF-8 unless its first megabyte is not; then Chinese or Western European."""
    for encoding in _ENCODINGS:
        try:
            head_text(path, encoding)
        except DataError:
            if encoding == "latin-1":
                raise
            continue
        if encoding != "gb18030" or _is_chinese(path):
            return encoding
    return "latin-1"


def _is_chinese(path: Path) -> bool:
    """Chinese text has its bytes above 127 in pairs; Western text has them one by one among ASCII."""
    raw = head_text(path, "latin-1")
    high = sum(sign > "\x7f" for sign in raw)
    paired = sum(len(run) for run in re.findall("[\x80-\xff]{2,}", raw))
    return paired > 0.8 * high


def has_names(rows: list[list[str]]) -> bool:
    """Whether the first row names the columns.

    >>> has_names([["user", "item"], ["1", "2"]]), has_names([["1", "2"], ["3", "4"]])
    (True, False)
    """
    first, rest = [cell.strip() for cell in rows[0]], rows[1:]
    if len(set(first)) < len(first) or not rest:
        return False
    columns = [[row[place].strip() for row in rest if place < len(row)] for place in range(len(first))]
    if any(
        not _is_number(cell) and _mostly_numbers(column) for cell, column in zip(first, columns, strict=True)
    ):
        return True
    if any(_is_number(cell) or not cell for cell in first):
        return False
    again = sum(cell in column for cell, column in zip(first, columns, strict=True))
    short = all(len(cell) <= 40 and len(cell.split()) <= 4 and "://" not in cell for cell in first)
    return again == 0 and short


def _is_number(cell: str) -> bool:
    try:
        float(re.sub(r"(?<=\d),(?=\d+$)", ".", cell))
    except ValueError:
        return False
    return True


def _mostly_numbers(column: list[str]) -> bool:
    known = [cell for cell in column if cell]
    return bool(known) and sum(map(_is_number, known)) >= 0.95 * len(known)


def _look_at_ragged(path: Path, lines: list[str], settings: dict[str, Any]) -> Look | Unread:
    for sign in _RAGGED_SIGNS:
        cells = [line.strip().split(sign) for line in lines]
        several = sum(len(row) > 1 for row in cells)
        tokens = [cell for row in cells for cell in row]
        ids = sum(token.isalnum() and len(token) <= 40 and any(map(str.isdigit, token)) for token in tokens)
        if several > 0.5 * len(lines) and ids >= 0.98 * len(tokens):
            counted = sum(row[0] == str(len(row) - 1) for row in cells) > 0.95 * len(cells)
            return _opened(path, settings | _ragged_settings(sign, counted), ragged=True)
    return Unread(path, "no sign divides its lines into columns; this is no table")


def _ragged_settings(sign: str, counted: bool) -> dict[str, Any]:
    """Lines begin with their user, or with the number of their items: then the line itself is the user."""
    names = ["count", "items"] if counted else ["user", "items"]
    return {"layout": "sequences", "header": names} | ({} if sign == " " else {"item_separator": sign})


def _opened(path: Path, settings: dict[str, Any], ragged: bool = False) -> Look:
    if ragged:
        wanted = EventsSource.model_validate({"path": path.name, "user": "user", "item": "items", **settings})
        raw = _with_lines(open_sequences(wanted, path.parent, "data.events"))
    else:
        raw = open_source(Source.model_validate({"path": path.name, **settings}), path.parent, "data")
    return _sampled((path,), raw, settings, ragged)


def _with_lines(raw: Raw) -> Raw:
    """Where lines do not name their user, the number of the line does."""
    if "user" in raw.schema:
        return raw
    frame = raw.frame.with_row_index(USER_IS_LINE).with_columns(pl.col(USER_IS_LINE).cast(pl.Int64))
    return Raw(frame, raw.where, raw.part, dict(frame.collect_schema()), raw.lists)


def _sampled(paths: tuple[Path, ...], raw: Raw, settings: dict[str, Any], ragged: bool) -> Look:
    rows = raw.frame.select(pl.len()).collect(engine="streaming").item()
    head = raw.frame.head(SAMPLE_ROWS).collect(engine="streaming")
    step = rows // SAMPLE_ROWS
    if step < 2:
        return Look(
            paths, raw, rows, head if rows == head.height else raw.frame.collect(), head, settings, ragged
        )
    spread = raw.frame.with_row_index("@row").filter(pl.col("@row") % step == 0).drop("@row")
    return Look(paths, raw, rows, spread.collect(engine="streaming"), head, settings, ragged)


def _with_points(look: Look, separator: str | None) -> Look:
    """Numbers with a decimal comma as all that follows reads them: with a point."""
    commas = find_commas(look.sample, separator)
    return look if commas is None else _rewritten(look, commas)


def _rewritten(look: Look, commas: Commas) -> Look:
    numbers = [plain(pl.col(name).str.strip_chars(), ",").alias(name) for name in commas.columns]
    return replace(
        look,
        raw=replace(look.raw, frame=look.raw.frame.with_columns(numbers)),
        sample=look.sample.with_columns(numbers),
        head=look.head.with_columns(numbers),
        settings=look.settings | {"decimal": ","},
        commas=commas,
    )


def laid_together(looks: list[Look]) -> Look:
    """Several files of the same columns as one table."""
    commas = next((look.commas for look in looks if look.commas is not None), None)
    looks = [look if commas is None or look.commas else _rewritten(look, commas) for look in looks]
    first = looks[0]
    frame = pl.concat([look.raw.frame for look in looks], how="diagonal_relaxed")
    raw = Raw(frame, first.raw.where, first.raw.part, dict(frame.collect_schema()), first.raw.lists)
    paths = tuple(path for look in looks for path in look.paths)
    return replace(_sampled(paths, raw, first.settings, first.ragged), commas=commas)
