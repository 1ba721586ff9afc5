"""CSV and its like: separators found out, quotes understood, lines of the wrong number of columns reported.

Polars pads short lines in silence, so the lines are counted once in a streaming pass before they are parsed.
"""

import csv
import io
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import polars as pl

from motet.data.readers_files import as_utf8, head_text, is_utf8, open_bytes, wrong_encoding
from motet.errors import DataError

SEPARATORS = ("\t", ",", ";", "::", "|", " ", "\x01")
NULLS = ["\\N", "NULL", "null", "NaN", "nan", "N/A"]
_SAMPLE_LINES = 300


@dataclass(frozen=True)
class Text:
    """A text file that was looked at: how it is divided, and whether quotes mean something."""

    path: Path
    separator: str
    width: int
    """Number of columns of the first line."""
    quoted: bool = False
    blank: int = 0
    """Empty lines, which are passed over."""
    encoding: str = "utf8"

    def source(self) -> Path | IO[bytes]:
        """What polars reads: the path, or the text turned into UTF-8 in memory."""
        return self.path if is_utf8(self.encoding) else as_utf8(self.path, self.encoding)


def sample_lines(path: Path, encoding: str = "utf8", most: int = _SAMPLE_LINES) -> list[str]:
    """The first records that are not blank, without their ends; a cell in quotes may hold line ends."""
    raw = (line.rstrip("\r") for line in head_text(path, encoding).split("\n"))
    lines = [line for line, _ in zip((each for each in raw if each.strip()), range(most), strict=False)]
    if find_separator(lines) is None and any(line.count('"') % 2 for line in lines):
        records = _records(lines)
        return records if find_separator(records) is not None else lines
    return lines


def _records(lines: list[str]) -> list[str]:
    """Lines joined until their quotes are closed; the last may have been cut and is left out."""
    records, open_record = [], ""
    for line in lines:
        open_record += ("\n" if open_record else "") + line
        if open_record.count('"') % 2 == 0:
            records.append(open_record)
            open_record = ""
    return records or lines


def find_separator(lines: list[str]) -> str | None:
    """The sign that divides all lines into the same number of columns; None when there is none.

    >>> find_separator(["user;item;note", "1;7;a,b", "2;9;"])
    ';'
    """
    best: tuple[float, bool, bool, int, int] | None = None  # a blank only where nothing else divides
    for place, separator in enumerate(SEPARATORS if lines else ()):
        quoted = Counter(len(split_line(line, separator)) - 1 for line in lines)
        plain = Counter(line.count(separator) for line in lines)
        for count, times in (quoted.most_common(1)[0], plain.most_common(1)[0]):
            first = count in (len(split_line(lines[0], separator)) - 1, lines[0].count(separator))
            rank = (round(times / len(lines), 2), first, separator != " ", count, -place)
            if count and rank[0] >= 0.9 and (best is None or rank > best):
                best = rank
    return None if best is None else SEPARATORS[-best[4]]


def split_line(line: str, separator: str) -> list[str]:
    """Cells of one line; quotes are understood where the separator is one sign."""
    if len(separator) > 1 or '"' not in line:
        return line.split(separator)
    return next(csv.reader(io.StringIO(line, newline=""), delimiter=separator), [""])


def look(path: Path, separator: str | None, encoding: str = "utf8") -> Text:
    """Find out how a text file is divided, and check that every line is divided so.

    Raises:
        DataError: A line has more or fewer columns than the first, or the text is not in its encoding.
    """
    lines = sample_lines(path, encoding)
    chosen = (separator or find_separator(lines) or ",").replace("\\t", "\t")
    text = Text(path, chosen, _width(lines, chosen), encoding=encoding)
    try:
        return _checked(text)
    except pl.exceptions.ComputeError as error:
        raise DataError(wrong_encoding(path, encoding, error)) from None


def _width(lines: list[str], separator: str) -> int:
    aware = [len(split_line(line, separator)) for line in lines]
    plain = {line.count(separator) + 1 for line in lines}
    stray_quotes = len(set(aware)) > 1 and len(plain) == 1
    return plain.pop() if stray_quotes else aware[0]


def _checked(text: Text) -> Text:
    line = pl.col("line")
    count = line.str.count_matches(text.separator, literal=True) + 1
    blank = line.str.strip_chars() == ""
    plain_bad = (count != text.width) & ~blank
    facts = lines_of(text).select(
        blank=blank.sum(), bad=plain_bad.sum(), quotes=line.str.contains('"', literal=True).sum()
    )
    found = facts.collect(engine="streaming").row(0, named=True)
    text = Text(text.path, text.separator, text.width, False, found["blank"], text.encoding)
    if found["quotes"] and len(text.separator) == 1:
        return _checked_quotes(text, found["bad"])
    if found["bad"]:
        _report(text, plain_bad, found["bad"])
    return text


def _checked_quotes(text: Text, plain_bad: int) -> Text:
    """Decide whether quotes enclose cells (then separators inside them do not count) or are plain signs."""
    line, sign = pl.col("line"), _escaped(text.separator)
    opening = line.str.count_matches(f'(?:^|{sign})"')
    closing = line.str.count_matches(f'"(?:{sign}|$)')
    odd = line.str.count_matches('"', literal=True) % 2 == 1
    bare = line.str.replace_all('"[^"]*"', "")
    bad = (bare.str.count_matches(text.separator, literal=True) + 1 != text.width) & (
        line.str.strip_chars() != ""
    )
    facts = lines_of(text).select(
        opening=opening.sum(), improper=(odd | (opening > closing)).sum(), bad=bad.sum()
    )
    found = facts.collect(engine="streaming").row(0, named=True)
    if not found["opening"] or (found["improper"] and not plain_bad):
        if plain_bad:
            _report(text, line.str.count_matches(text.separator, literal=True) + 1 != text.width, plain_bad)
        return text
    text = Text(text.path, text.separator, text.width, True, text.blank, text.encoding)
    if found["improper"]:
        return _checked_records(text)
    if found["bad"]:
        _report(text, bad, found["bad"])
    return text


def _escaped(separator: str) -> str:
    return "\\" + separator if separator in "|.+*?^$()[]{}\\" else separator


def _checked_records(text: Text) -> Text:
    """Cells that hold line ends: count the columns of whole records, one by one."""
    bad: list[tuple[int, int]] = []
    with open_bytes(text.path) as file:
        reader = csv.reader(
            io.TextIOWrapper(file, encoding=text.encoding, newline=""), delimiter=text.separator
        )
        for cells in reader:
            if cells and len(cells) != text.width:
                bad.append((reader.line_num, len(cells)))
    if bad:
        raise DataError(_ragged(text, bad[0][0], bad[0][1], len(bad)))
    return text


def _report(text: Text, bad: pl.Expr, times: int) -> None:
    first = lines_of(text, number="number").filter(bad & (pl.col("line").str.strip_chars() != "")).head(1)
    row = first.collect(engine="streaming").row(0, named=True)
    cells = split_line(row["line"], text.separator)
    raise DataError(_ragged(text, row["number"] + 1, len(cells), times, row["line"]))


def _ragged(text: Text, number: int, cells: int, times: int, line: str = "") -> str:
    shown = f" ({line[:80]!r})" if line else ""
    return (
        f"{text.path}: line {number} has {cells} columns where the first line has {text.width}{shown};"
        f" {times} such line{'s' if times > 1 else ''} in the file, divided by {text.separator!r}. Mend the"
        ' lines; if another sign divides the columns write  separator: "SIGN" ; if each line is one user'
        " with a list of items write  layout: sequences"
    )


def lines_of(text: Text, number: str | None = None) -> pl.LazyFrame:
    """The raw lines of a text file, streaming: column `line`, and their numbers from 0 if a name is given."""
    frame = pl.scan_lines(text.source(), row_index_name=number, glob=False)
    return frame.with_columns(pl.col("line").str.strip_chars_end("\r"))


def scan_text(text: Text, header: bool | list[str]) -> pl.LazyFrame:
    r"""All cells as strings; empty cells, `NULL`, `NaN`, `\N` and `N/A` as null.

    Args:
        text: The file as `look` found it.
        header: True: the first line names the columns; False: column_1, ...; a list: the names.

    Raises:
        DataError: The list does not have as many names as the file has columns.
    """
    names = _names(text, header)
    if len(text.separator) > 1:
        frame = _scan_divided(text, header is True, names)
    else:
        frame = pl.scan_csv(
            text.source(),
            separator=text.separator,
            has_header=header is True,
            new_columns=names,
            quote_char='"' if text.quoted else None,
            infer_schema=False,
            null_values=NULLS,
            glob=False,
        )
    return frame.filter(pl.any_horizontal(pl.all().is_not_null())) if text.blank else frame


def _names(text: Text, header: bool | list[str]) -> list[str]:
    if header is False:
        return [f"column_{place}" for place in range(1, text.width + 1)]
    if header is True:
        line = sample_lines(text.path, text.encoding, 1)[0]
        header = [name.strip() for name in split_line(line, text.separator)]
    twice = [name for name, times in Counter(header).items() if times > 1]
    if twice:
        raise DataError(
            f"{text.path}: two columns bear the name {twice[0]!r}. Rename one in the file, or name all"
            " columns in  header: [...]  where the file has no line of names"
        )
    if len(header) != text.width:
        raise DataError(
            f"{text.path}: header names {len(header)} columns ({', '.join(header)}) but the file has"
            f" {text.width}, divided by {text.separator!r}. Name every column in  header:"
        )
    return header


def _scan_divided(text: Text, header: bool, names: list[str]) -> pl.LazyFrame:
    lines = lines_of(text).filter(pl.col("line").str.strip_chars() != "").slice(int(header))
    cells = pl.col("line").str.split(text.separator)
    columns = [cells.list.get(place, null_on_oob=True).alias(name) for place, name in enumerate(names)]
    empty = pl.all().is_in(["", *NULLS])
    return lines.select(columns).with_columns(pl.when(~empty).then(pl.all()))
