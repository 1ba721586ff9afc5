"""Tables to and from files by their ending: .csv, .jsonl, .parquet."""

from pathlib import Path
from typing import TYPE_CHECKING

from motet.errors import DataError

if TYPE_CHECKING:
    import polars as pl


def write_table(frame: "pl.DataFrame", out: Path | None) -> None:
    """Write a table; without a file it is printed as CSV."""
    if out is None:
        print(frame.write_csv(), end="")
        return
    _refuse_ending(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    match out.suffix:
        case ".csv":
            frame.write_csv(out)
        case ".jsonl":
            frame.write_ndjson(out)
        case _:
            frame.write_parquet(out)


def read_table(path: Path) -> "pl.DataFrame":
    """Read a table."""
    import polars as pl

    _refuse_ending(path)
    if not path.is_file():
        raise DataError(f"{path}: there is no such file.")
    match path.suffix:
        case ".csv":
            return pl.read_csv(path)
        case ".jsonl":
            return pl.read_ndjson(path)
        case _:
            return pl.read_parquet(path)


def _refuse_ending(path: Path) -> None:
    if path.suffix not in (".csv", ".jsonl", ".parquet"):
        raise DataError(f"{path}: the ending {path.suffix!r} is not known. Use .csv, .jsonl or .parquet.")
