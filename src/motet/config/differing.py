"""In what two configurations differ."""

from collections.abc import Iterator, Mapping
from typing import Any

_NOTHING = object()  # what stands for a setting that one of them lacks


def differing(before: Any, now: Any, path: str = "") -> Iterator[str]:
    """What changed from one configuration to the next, as plain values, by the paths of the settings."""
    for each, old, new in _pairs(before, now, path):
        if new is _NOTHING:
            yield f"{each} is gone"
        elif old is _NOTHING:
            yield f"{each} is new"
        else:
            yield f"{each} was {old}, now it is {new}"


def told_apart(one: Any, other: Any, names: tuple[str, str], path: str = "") -> Iterator[str]:
    """In what two configurations that stand side by side differ; `names` is what they are called.

    >>> list(told_apart({"a": 1, "b": [2]}, {"a": 1, "b": [3], "c": 4}, ("runs/x", "runs/y")))
    ['b.0 is 2 in runs/x and 3 in runs/y', 'c is in runs/y alone']
    """
    for each, here, there in _pairs(one, other, path):
        if here is _NOTHING or there is _NOTHING:
            yield f"{each} is in {names[here is _NOTHING]} alone"
        else:
            yield f"{each} is {here} in {names[0]} and {there} in {names[1]}"


def _pairs(one: Any, other: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """Path and both values of each setting that differs."""
    here, there = _inner(one), _inner(other)
    if here is None or there is None:
        if one is _NOTHING or other is _NOTHING or one != other:
            yield path, one, other
        return
    for name in dict.fromkeys([*here, *there]):
        each = f"{path}.{name}" if path else str(name)
        yield from _pairs(here.get(name, _NOTHING), there.get(name, _NOTHING), each)


def _inner(value: Any) -> Mapping[Any, Any] | None:
    """Settings or places of a list by their names; None for a single value."""
    return (
        value if isinstance(value, Mapping) else dict(enumerate(value)) if isinstance(value, list) else None
    )
