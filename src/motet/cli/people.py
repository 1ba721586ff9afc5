"""Which users a command is about: all, those in a file, or those named."""

from pathlib import Path
from typing import Any

from motet.errors import DataError


def wanted_users(text: str) -> list[Any] | None:
    """User ids of ``all`` (None), of a file (the first column; of .txt each line), or of ``ID,ID,...``.

    Raises:
        DataError: There is no such file, or nobody is named.
    """
    if text == "all":
        return None
    found = _named(text)
    if not found:
        raise DataError(f"--users {text!r} names nobody. Name users, a file that has some, or  all .")
    return found


def _named(text: str) -> list[Any]:
    path = Path(text)
    if not _is_file(path):
        if path.suffix in (".txt", ".csv", ".jsonl", ".parquet"):
            raise DataError(f"{path}: there is no such file. Name a file of users, or their ids.")
        return [each.strip() for each in text.split(",") if each.strip()]
    if path.suffix == ".txt":
        lines = path.read_text(encoding="utf-8").splitlines()
        return [line.strip() for line in lines if line.strip()]
    from motet.cli.output import read_table

    return list(read_table(path).to_series(0).to_list())


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a list of many ids is too long to be the name of a file
        return False
