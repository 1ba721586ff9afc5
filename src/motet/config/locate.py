"""Where in a configuration an error belongs that was found in the data."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from motet.config.document import Document, Place
from motet.config.record import Location

_PART = re.compile(r"^(?:data|tasks|model|training|evaluation|report)(?:\.\w+)*")
_QUOTED = re.compile(r"'([^'\n]{1,200})'")
_PATH = re.compile(r"^(/[^:\n]+?): there is no such file")


def place_of(document: Document, text: str) -> Place | None:
    """The place of the setting that an error is about; None where it names none, or several alike.

    Args:
        document: The configuration as it was written.
        text: The error: it may begin with a setting such as ``tasks.like``, and quotes what was found first.
    """
    part = _PART.match(text)
    within = _location(document.value, part[0].split(".")) if part else ()
    if within is None:
        within = ()
    found = _QUOTED.search(text)
    missing = _PATH.match(text)
    if missing:
        leaves = [
            at for at, leaf in _leaves(document.value) if leaf and missing[1].endswith("/" + Path(leaf).name)
        ]
    elif found:
        word = re.compile(rf"(?<!\w){re.escape(found[1])}(?!\w)")
        leaves = [
            at for at, leaf in _leaves(document.value) if word.search(leaf) and at[: len(within)] == within
        ]
    else:
        leaves = []
    places = {document.place(at) for at in leaves}
    if len(places) == 1:
        return places.pop()
    return document.place(within) if within else None


def _location(value: Any, names: Sequence[str]) -> Location | None:
    """Where the longest known part of a dotted name was written; tasks bear names instead of numbers."""
    found: Location = ()
    for name in names:
        if isinstance(value, list):
            at = next(
                (n for n, each in enumerate(value) if isinstance(each, dict) and each.get("name") == name),
                None,
            )
            if at is None:
                break
            value, found = value[at], (*found, at)
        elif isinstance(value, dict) and name in value:
            value, found = value[name], (*found, name)
        else:
            break
    return found or None


def _leaves(value: Any, at: Location = ()) -> Iterator[tuple[Location, str]]:
    """All texts in a document, with where they stand."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _leaves(each, (*at, key))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _leaves(each, (*at, number))
    elif isinstance(value, str):
        yield at, value
