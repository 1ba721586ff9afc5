"""Tables to and from files by their ending: .csv, .jsonl, .parquet."""

from pathlib import Path
from typing import TYPE_CHECKING

from motet.errors import ConfigError, DataError

if TYPE_CHECKING:
    import polars as pl


def write_table(frame: "pl.DataFrame", out: Path | None) -> None:
    """Write a table; without a file it is printed as CSV."""
    if out is None:
        print(_as_csv(frame), end="")
        return
    refuse_ending(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    match out.suffix:
        case ".csv":
            out.write_text(_as_csv(frame), encoding="utf-8")
        case ".jsonl":
            frame.write_ndjson(out)
        case _:
            frame.write_parquet(out)


def read_table(path: Path) -> "pl.DataFrame":
    """Read a table."""
    import polars as pl

    refuse_ending(path)
    if not path.is_file():
        raise DataError(f"{path}: there is no such file.")
    try:
        match path.suffix:
            case ".csv":
                return pl.read_csv(path, separator=_separator(path))
            case ".jsonl":
                return pl.read_ndjson(path)
            case _:
                return pl.read_parquet(path)
    except pl.exceptions.PolarsError as error:
        raise DataError(
            f"{path}: the file cannot be read as {path.suffix[1:]} ({str(error).splitlines()[0]}). "
            "Mend it, or give it the ending of what it is."
        ) from None


def asked_texts(
    text: list[str] | None, rows: Path | None, column: str, verb: str
) -> tuple[list[str], "pl.DataFrame | None"]:
    """Texts that a command is given: one by one, or the column of a file; and that file's table."""
    if (rows is None) == (not text):
        raise ConfigError(f"say what to {verb}: either  --text 'SENTENCE'  or  --rows FILE .")
    if rows is None:
        return text or [], None
    table = read_table(rows)
    if column not in table.columns:
        raise ConfigError(
            f"{rows} has no column {column!r}; name one with  --column: {', '.join(table.columns)}."
        )
    return table[column].cast(str).fill_null("").to_list(), table


def _separator(path: Path) -> str:
    """What divides the columns; a comma where nothing else is found."""
    from motet.data.readers_text import find_separator, sample_lines

    found = find_separator(sample_lines(path))
    return found if found in ("\t", ";", "|") else ","


def refuse_ending(path: Path | None) -> None:
    """Refuse a file whose ending says nothing; best before anything long is done for it."""
    if path is not None and path.suffix not in (".csv", ".jsonl", ".parquet"):
        raise DataError(f"{path}: the ending {path.suffix!r} is not known. Use .csv, .jsonl or .parquet.")


def _as_csv(frame: "pl.DataFrame") -> str:
    nested = [name for name, dtype in frame.schema.items() if dtype.is_nested()]
    if nested:
        raise DataError(
            f"column {nested[0]!r} holds lists, which CSV cannot. Write to a .jsonl or .parquet file."
        )
    return frame.write_csv()
