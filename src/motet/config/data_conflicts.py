"""Settings of the data that are right alone and wrong together: sources, columns, splits."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from motet.config.data import Column, DataConfig, EventsSource, Split
from motet.config.nearest import nearest
from motet.config.record import Location

Found = Iterator[tuple[Location, str]]  # paths and texts, both from the record that is looked at
_ROLES = ("text", "categorical", "numeric", "vectors", "images", "context", "outcomes")
_PARTS = ("train", "valid", "test")
_READ_BY = {
    "valid": ("time", "random"),
    "test": ("time", "random"),
    "column": ("column",),
    "values": ("column",),
    "folds": ("kfold",),
    "fold": ("kfold",),
    "seed": ("random", "kfold"),
}  # settings of a split -> the kinds that read them; the others are read by every kind


def below(key: str, found: Found) -> Found:
    """The same findings, seen from the record above."""
    return (((key, *path), f".{key}{text}") for path, text in found)


def of_data(data: DataConfig) -> Found:
    """What is wrong with the data part."""
    yield from below("split", of_split(data.split, data.events))
    yield from _times(data)
    yield from _moments(data)
    for group in ("items", "users", "events"):
        yield from _twice(group, getattr(data, group))
        for number, source in enumerate(getattr(data, group)):
            for path, text in _columns(source, data.cleaning.missing == "constant"):
                yield (group, number, *path), f".{group}{text}"


def _times(data: DataConfig) -> Found:
    timed = [source.time is not None for source in data.events]
    if data.counters.enabled is True and not any(timed):
        yield ("counters", "enabled"), ".counters: they need times; write  time: COLUMN  under data.events"
    if any(timed) and not all(timed):
        number = timed.index(False)
        said = f".events.{number} has no time, another source has; give both one or neither"
        yield ("events", number), said


def _moments(data: DataConfig) -> Found:
    for name in ("earliest", "latest"):
        text = getattr(data.cleaning, name)
        if text != "auto" and _moment(text) is None:
            said = f".cleaning.{name}: {text!r} is not a day; write auto or for example 2026-01-31"
            yield ("cleaning", name), said


def _twice(group: str, sources: list[Any]) -> Found:
    seen: set[str] = set()
    for number, source in enumerate(sources):
        for path in source.path:
            if path in seen:
                said = f".{group}: the file {path!r} is named twice and would count twice; name it once"
                yield (group, number, "path"), said
            seen.add(path)


def _columns(source: Any, constant: bool) -> Found:
    """Columns that are named twice, have contrary roles, or lack the value that fills them."""
    roles: dict[str, list[Column]] = {role: getattr(source, role, None) or [] for role in _ROLES}
    for role, found in roles.items():
        yield from _one_role(role, found, constant)
    context = {column.column for column in roles["context"]}
    for number, column in enumerate(roles["outcomes"]):
        if column.column in context:
            said = f".outcomes: {column.column!r} is in context too; it is known beforehand or it is not"
            yield ("outcomes", number), said
    yield from _ranges(source, roles)
    features = {column.column for found in roles.values() for column in found}
    for number, name in enumerate(getattr(source, "ignore", [])):
        if name in features:
            said = f".ignore: {name!r} is declared as a feature too; take it out of one of them"
            yield ("ignore", number), said


def _ranges(source: Any, roles: dict[str, list[Column]]) -> Found:
    """Ranges of columns that are no columns of numbers, and two ranges of one column."""
    log = isinstance(source, EventsSource)
    listed = ("context", "outcomes") if log else ("numeric",)
    read = {column.column for role in listed for column in roles[role]}
    read |= {source.value} if log else set()
    some = not log or source.outcomes is not None
    seen: set[str] = set()
    for number, each in enumerate(source.ranges):
        if each.column in seen:
            yield ("ranges", number), f".ranges: the column {each.column!r} is named twice; name it once"
        elif (some and each.column not in read) or each.column in getattr(source, "ignore", []):
            where = "value, context or outcomes" if log else "numeric"
            said = f".ranges: {each.column!r} is not read as a number; name it under {where} too"
            yield ("ranges", number), said
        seen.add(each.column)


def _one_role(role: str, found: list[Column], constant: bool) -> Found:
    seen: set[str] = set()
    for number, column in enumerate(found):
        if column.column in seen:
            yield (role, number), f".{role}: the column {column.column!r} is named twice; name it once"
        seen.add(column.column)
        yield from _words(role, number, column)
        filled = column.missing == "constant" or (constant and column.missing is None)
        if filled and column.constant is None:
            said = f".{role}: {column.column!r} is filled with a constant; write  constant: VALUE  beside it"
            yield (role, number), said


def _words(role: str, number: int, column: Column) -> Found:
    """What a text is made of, where none is read, or where nothing would be put in."""
    path, said = (role, number), f".{role}: {column.column!r} "
    if column.worded and role != "text":
        name = "template" if column.template is not None else "longest"
        yield (*path, name), f"{said}has a {name}, which texts read; name the column under text too"
    if column.template is not None and column.template.count("{}") != 1:
        yield (
            (*path, "template"),
            f"{said}: found {column.template!r}; write {{}} once, where the value is to stand",
        )


def of_split(split: Split, sources: list[EventsSource]) -> Found:
    """What is wrong with a split."""
    if split.kind == "time" and sources and all(source.time is None for source in sources):
        yield ("kind",), ".kind: time needs times; write  time: COLUMN  under data.events, or another kind"
    if split.kind == "kfold" and split.folds < 3:
        yield ("folds",), ".folds: one part trains, one validates, one tests; write at least 3"
    yield from _unread(split)
    for name in split.values if split.kind == "column" else ():
        if name not in _PARTS:
            close = nearest(name, _PARTS)
            hint = f"did you mean {close!r}?" if close else "write train, valid and test"
            yield ("values", name), f".values has no part {name!r}; {hint}"
    if split.kind in ("time", "random"):
        yield from _shares(split)
        yield from _cuts(split)


def _unread(split: Split) -> Found:
    """Settings of another kind of split; one that has its default may have been written by a run."""
    for name, kinds in _READ_BY.items():
        unset = getattr(split, name) == Split.model_fields[name].default
        if unset or split.kind in kinds or (name == "seed" and (split.cold_items or split.cold_users)):
            continue
        instead = "  or  ".join(f"kind: {kind}" for kind in kinds)
        yield (
            (name,),
            f".{name}: a split of kind {split.kind} does not read it; write  {instead}, or leave it out",
        )


def _shares(split: Split) -> Found:
    for name, value in (("valid", split.valid), ("test", split.test)):
        if isinstance(value, float) and not 0 < value < 1:
            yield (name,), f".{name}: found {value:g}; write a share between 0 and 1, such as 0.1"
        elif isinstance(value, str) and split.kind != "time":
            yield (name,), f".{name}: found {value!r}; a split of kind {split.kind} takes a share such as 0.1"
    shares = [value for value in (split.valid, split.test) if isinstance(value, float) and 0 < value < 1]
    if sum(shares) >= 1:
        yield ("valid",), f": {shares[0]:g} and {shares[1]:g} leave no rows to train on; write smaller shares"


def _cuts(split: Split) -> Found:
    """Moments where validation and test begin."""
    if split.kind != "time":
        return
    written = {name: value for name in ("valid", "test") if isinstance(value := getattr(split, name), str)}
    moments = {name: _moment(value) for name, value in written.items()}
    for name, value in written.items():
        if moments[name] is None:
            said = f".{name}: {value!r} is not a moment; write a share such as 0.1 or a day like 2026-01-31"
            yield (name,), said
    valid, test = moments.get("valid"), moments.get("test")
    if valid and test and valid >= test:
        yield ("test",), f".test: {split.test} does not lie after {split.valid}, where validation begins"


def _moment(text: str) -> datetime | None:
    """The moment that an ISO text means, in UTC unless it says otherwise; None when it means none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
