"""One source, opened: a lazy frame with the columns as the files hold them, and what was learnt by it."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from motet.config.data import Source
from motet.data.readers_files import closest, find_files, find_format, open_bytes
from motet.data.readers_text import find_separator, look, sample_lines, scan_text
from motet.errors import DataError

SAMPLE_ROWS = 100_000


@dataclass(frozen=True)
class Raw:
    """A source before its columns have meaning."""

    frame: pl.LazyFrame
    where: str
    """The file or files, for messages."""
    part: str
    """Where the source stands in the configuration, for example `data.events`."""
    schema: dict[str, pl.DataType]
    lists: dict[str, str] = field(default_factory=dict)
    """Columns that the file itself declares as lists -> what divides their parts."""
    decimal: str = "."
    """What stands before the decimals of numbers that are text."""
    folder: str = ""
    """Of the first file, where paths in it begin; empty for a table."""

    def need(self, name: str, setting: str) -> str:
        """The column's name, when it is there.

        Raises:
            DataError: With the columns found, the nearest name and what to write.
        """
        if name not in self.schema:
            raise DataError(self._missing(name, setting))
        return name

    def _missing(self, name: str, setting: str) -> str:
        found = list(self.schema)
        near = closest(name, found) or "NAME"
        text = (
            f"{self.where}: column {name!r} is missing. The file has {', '.join(found)}. If it bears another"
            f" name there, write  {setting}: {near}  under {self.part}."
        )
        if all(_is_value(each) for each in found):
            text += (
                " The first line looks like data: without a line of names write  header: false  (column_1,"
                " ...)."
            )
        elif len(found) == 1:
            text += ' If another sign divides the columns, write  separator: "SIGN"'
        return text

    def sample(self, *names: str) -> pl.DataFrame:
        """The first rows of some columns."""
        return self.frame.select(names).head(SAMPLE_ROWS).collect(engine="streaming")


def _is_value(name: str) -> bool:
    return name.replace(".", "", 1).replace("-", "").isdigit()


def open_source(source: Source, folder: Path, part: str) -> Raw:
    """Open the files of a source and lay them end to end.

    Args:
        source: What the configuration says.
        folder: Where its paths start.
        part: For messages, for example `data.events`.
    """
    files = find_files(source.path, folder)
    raws = [
        replace(_open_file(source, file, part), decimal=source.decimal, folder=str(file.parent))
        for file in files
    ]
    if len(raws) == 1:
        return raws[0]
    where = f"{files[0]} and {len(files) - 1} more"
    frame = pl.concat([raw.frame for raw in raws], how="diagonal_relaxed")
    lists = {name: sign for raw in raws for name, sign in raw.lists.items()}
    _same_columns(raws, part)
    return Raw(frame, where, part, dict(frame.collect_schema()), lists, source.decimal, raws[0].folder)


def _same_columns(raws: list[Raw], part: str) -> None:
    """Files of one source share their columns: a misspelt name would else become a column of nulls."""
    first = set(raws[0].schema)
    for raw in raws[1:]:
        other = sorted(first ^ set(raw.schema))
        if other:
            raise DataError(
                f"{raw.where}: its columns differ from those of {raws[0].where} ({', '.join(other)} stand in"
                f" one only). Give files of different columns an entry of their own under {part}."
            )


def _open_file(source: Source, file: Path, part: str) -> Raw:
    kind = find_format(file, source.encoding) if source.format == "auto" else source.format
    try:
        match kind:
            case "parquet":
                return from_frame(pl.scan_parquet(file, glob=False), str(file), part)
            case "jsonl":
                return from_frame(pl.scan_ndjson(file, infer_schema_length=None), str(file), part)
            case "atomic":
                return _open_atomic(source, file, part)
            case "csv":
                return _open_csv(source, file, part)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(_unreadable(file, kind, error)) from None


def _unreadable(file: Path, kind: str, error: Exception) -> str:
    where = f"{file}, line {_bad_json_line(file)}" if kind == "jsonl" else str(file)
    reason = str(error).splitlines()[0]
    return f"{where}: this cannot be read as {kind} ({reason}). Mend the file, or write another  format:"


def _bad_json_line(file: Path) -> int:
    with open_bytes(file) as lines:
        for number, line in enumerate(lines, 1):
            try:
                json.loads(line or "{}")
            except ValueError:
                return number
    return 1


def _open_csv(source: Source, file: Path, part: str) -> Raw:
    text = look(file, source.separator, source.encoding)
    if (
        text.width == 1
        and source.separator is None
        and find_separator(sample_lines(file, source.encoding)) is None
    ):
        raise DataError(
            f"{file}: no sign divides its lines into columns. The first line is "
            f'{sample_lines(file, source.encoding, 1)[0][:80]!r}. Write  separator: "SIGN"  under {part}; if'
            " each "
            "line is one user with a list of items write  layout: sequences"
        )
    frame = scan_text(text, source.header)
    return Raw(frame, str(file), part, dict(frame.collect_schema()))


def _open_atomic(source: Source, file: Path, part: str) -> Raw:
    text = look(file, "\t", source.encoding)
    frame = scan_text(text, True)
    typed = [name.rsplit(":", 1) for name in frame.collect_schema().names()]
    frame = frame.rename({f"{name}:{kind}": name for name, kind in typed})
    lists = {name: " " for name, kind in typed if kind.endswith("_seq")}
    return Raw(frame, str(file), part, dict(frame.collect_schema()), lists)


def from_frame(frame: pl.LazyFrame, where: str, part: str) -> Raw:
    """A frame of native types: structs are laid open as `outer.inner`, categories become strings."""
    schema = dict(frame.collect_schema())
    while any(isinstance(dtype, pl.Struct) for dtype in schema.values()):
        frame = frame.select(each for name, dtype in schema.items() for each in _laid_open(name, dtype))
        schema = dict(frame.collect_schema())
    plain = [name for name, dtype in schema.items() if isinstance(dtype, pl.Categorical | pl.Enum)]
    frame = frame.with_columns(pl.col(plain).cast(pl.String)) if plain else frame
    return Raw(frame, where, part, {name: pl.String() if name in plain else d for name, d in schema.items()})


def _laid_open(name: str, dtype: pl.DataType) -> list[pl.Expr]:
    if not isinstance(dtype, pl.Struct):
        return [pl.col(name)]
    return [pl.col(name).struct.field(each.name).alias(f"{name}.{each.name}") for each in dtype.fields]


def from_object(table: Any, where: str, part: str) -> Raw:
    """A polars, pandas or pyarrow table as a source.

    Raises:
        DataError: The object is none of these.
    """
    if isinstance(table, pl.LazyFrame):
        return from_frame(table, where, part)
    if isinstance(table, pl.DataFrame):
        return from_frame(table.lazy(), where, part)
    library = type(table).__module__.split(".")[0]
    if library == "pandas":
        return from_frame(_from_pandas(table, where).lazy(), where, part)
    if library == "pyarrow":
        arrow = pl.from_arrow(table)
        if isinstance(arrow, pl.DataFrame):
            return from_frame(arrow.lazy(), where, part)
    raise DataError(
        f"{where}: a {type(table).__module__}.{type(table).__name__} is not a table. Give a polars, pandas or"
        " pyarrow table."
    )


def _from_pandas(table: Any, where: str) -> pl.DataFrame:
    try:
        return pl.from_pandas(table)
    except (ValueError, TypeError) as error:
        reason = str(error).splitlines()[0]
    mixed = [repr(name) for name, cells in table.items() if not _is_one_type(cells)]
    raise DataError(
        f"{where}: {f'column {mixed[0]}' if mixed else 'the table'} cannot be read ({reason}). "
        'Give a column values of one type, as with  .astype("string") , or leave it out.'
    )


def _is_one_type(cells: Any) -> bool:
    try:
        pl.from_pandas(cells)
    except (ValueError, TypeError):
        return False
    return True
