"""Files in CoNLL's layout: one unit and its tag a line, a blank line between texts."""

import re
from collections.abc import Iterator
from pathlib import Path

from motet.config.data import Source
from motet.data.readers_files import find_files, open_bytes
from motet.errors import DataError

_TAG = re.compile(r"\s(?:O|[A-Z]-\S+)\s*$")


def read_conll(source: Source, folder: Path) -> Iterator[tuple[list[str], list[str], str]]:
    """Units and tags of every text, and where it stands.

    The first column of a line is the unit, the last one its tag; what divides them is a tab where the line
    has one, else blanks. Of a line without a unit, the blank itself is the unit. Lines that begin with
    ``-DOCSTART-``, and remarks (``#`` and a blank, and no tag at the end) are left out.

    Raises:
        DataError: A line has a unit and no tag, or the file is none of texts.
    """
    for file in find_files(source.path, folder):
        units: list[str] = []
        tags: list[str] = []
        first = 1
        try:
            with open_bytes(file) as lines:
                for number, raw in enumerate(lines, 1):
                    line = raw.decode(source.encoding).rstrip("\r\n")
                    line = line.removeprefix("\ufeff") if number == 1 else line
                    if not line.strip():
                        if units:
                            yield units, tags, f"{file}, line {first}"
                        units, tags, first = [], [], number + 1
                    elif not _passed_over(line):
                        unit, tag = _cells(line, f"{file}, line {number}")
                        units.append(unit)
                        tags.append(tag)
        except (UnicodeDecodeError, LookupError) as error:
            raise DataError(
                f"{file}: this cannot be read as {source.encoding} ({error}). Write another  encoding:"
            ) from None
        if units:
            yield units, tags, f"{file}, line {first}"


def _passed_over(line: str) -> bool:
    return line.startswith("-DOCSTART-") or (line.startswith("# ") and not _TAG.search(line))


def _cells(line: str, where: str) -> tuple[str, str]:
    """Unit and tag of a line."""
    sign = "\t" if "\t" in line else " "
    unit, _, tag = line.rstrip().rpartition(sign)
    if not _:
        raise DataError(
            f"{where}: found {line[:40]!r}. A line holds a unit and its tag, with a blank or a tab between "
            "them; a text of one line is  layout: rows ."
        )
    return unit.split(sign)[0].strip() or " ", tag
