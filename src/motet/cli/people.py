"""Which users a command is about: all, those in a file, or those named."""

from pathlib import Path
from typing import Any


def wanted_users(text: str) -> list[Any] | None:
    """User ids of ``all`` (None), of a file (its first column, or one id a line), or of ``ID,ID,...``."""
    if text == "all":
        return None
    if Path(text).is_file():
        from motet.cli.output import read_table

        frame = read_table(Path(text))
        return list(frame.to_series(0).to_list())
    return [each.strip() for each in text.split(",") if each.strip()]
