"""In what two configurations differ."""

from collections.abc import Iterator, Mapping
from typing import Any


def differing(before: Any, now: Any, path: str = "") -> Iterator[str]:
    """What differs between two configurations as plain values, by the paths of the settings."""
    old, new = _inner(before), _inner(now)
    if old is None or new is None:
        if before != now:
            yield f"{path} was {before}, now it is {now}"
        return
    for name in dict.fromkeys([*old, *new]):
        each = f"{path}.{name}" if path else str(name)
        if name not in new:
            yield f"{each} is gone"
        elif name not in old:
            yield f"{each} is new"
        else:
            yield from differing(old[name], new[name], each)


def _inner(value: Any) -> Mapping[Any, Any] | None:
    """Settings or places of a list by their names; None for a single value."""
    return (
        value if isinstance(value, Mapping) else dict(enumerate(value)) if isinstance(value, list) else None
    )
