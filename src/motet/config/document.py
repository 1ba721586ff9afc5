"""A configuration as it was written: plain values that still know their lines, and their mistakes."""

from dataclasses import dataclass, field, replace
from typing import Any

from motet.config.record import Location


@dataclass(frozen=True, order=True)
class Place:
    """Where something was written; places sort in reading order."""

    order: int
    text: str


@dataclass(frozen=True, order=True)
class Mistake:
    """One thing that is wrong, said in one line."""

    place: Place
    text: str


@dataclass(frozen=True)
class Document:
    """A configuration as it was written, not validated yet.

    Attributes:
        where: The file, or what else stands for it in messages.
        value: Plain mappings, lists and scalars.
        places: Location of a value -> its place; the root is always there.
        mistakes: What was wrong already in the text, such as a key written twice.
    """

    where: str
    value: Any
    places: dict[Location, Place]
    mistakes: list[Mistake] = field(default_factory=list)

    def place(self, location: Location) -> Place:
        """Where a setting was written, or the nearest thing around it.

        Args:
            location: Of the validated setting; where a value stands for a list of one, its 0 is skipped.
        """
        path, _ = self._written(location)
        while path not in self.places:
            path = path[:-1]
        return self.places[path]

    def at(self, location: Location) -> Any:
        """The value that was written at a location, or at the nearest thing around it."""
        return self._written(location)[1]

    def _written(self, location: Location) -> tuple[Location, Any]:
        """The longest part of a location that was written, and its value."""
        value = self.value
        path: Location = ()
        for step in location:
            if isinstance(step, int) and not isinstance(value, list):
                continue
            if not _holds(value, step):
                break
            value, path = value[step], (*path, step)
        return path, value

    def changed(self, value: Any, location: Location, new: int, place: Place) -> "Document":
        """The document with another value.

        Args:
            value: The whole new value.
            location: Of the part that changed.
            new: From which step of the location on nothing had been written before.
            place: Where the change was written.
        """
        kept = {path: at for path, at in self.places.items() if path[: len(location)] != location}
        added = {location[:depth]: place for depth in range(min(new + 1, len(location)), len(location) + 1)}
        return replace(self, value=value, places={**kept, **added})


def _holds(value: Any, step: str | int) -> bool:
    if isinstance(value, list):
        return isinstance(step, int) and step < len(value)
    return isinstance(value, dict) and step in value


def document_of(raw: Any, where: str) -> Document:
    """A document of values that were given in Python."""
    return Document(where, raw, {(): Place(0, where)})
