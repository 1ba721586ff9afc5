"""What the records say of themselves: which settings there are, and in words what each may be.

The messages, the written configuration and the documentation all read it, so that they cannot disagree.
"""

import re
import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BeforeValidator
from pydantic.fields import FieldInfo

from motet.config.record import Location, Record, Words, as_list

_PLAIN = {str: "text", int: "a whole number", float: "a number", bool: "true or false", type(None): "null"}
_NOUN = re.compile(r"^(?:an? )?((?:whole )?number|duration|mapping|text|task|column)\b")


class Type(NamedTuple):
    """A type and what annotations add to it (bounds, validators, words)."""

    annotation: Any
    metadata: tuple[Any, ...] = ()

    @property
    def record(self) -> type[Record] | None:
        """The record that the type is, if it is one."""
        found = self.annotation
        return found if isinstance(found, type) and issubclass(found, Record) else None

    @property
    def element(self) -> "Type | None":
        """What a list or the values of a mapping hold."""
        arguments = get_args(self.annotation)
        return Type(arguments[-1]) if get_origin(self.annotation) in (list, dict) else None

    @property
    def choices(self) -> list[str]:
        """The words that a literal allows."""
        return [str(word) for word in get_args(self.annotation)] if _is_literal(self) else []

    @property
    def repeats(self) -> bool:
        """A single value stands for a list of one."""
        return any(isinstance(note, BeforeValidator) and note.func is as_list for note in self.metadata)


@dataclass(frozen=True)
class Choice:
    """A union of types that a location passed, and the branch that pydantic tried there.

    Attributes:
        location: Of the value that has one of the types.
        branches: All types of the union.
        tried: The branch that was tried, or the plain ones among which it is.
    """

    location: Location
    branches: tuple[Type, ...]
    tried: tuple[Type, ...]


@dataclass(frozen=True)
class Setting:
    """A location followed through the records.

    Attributes:
        location: Without the names that pydantic gives to the branches of a union.
        branches: The types that the setting may have; empty for an unknown key.
        owner: The record that the last key belongs to, or would belong to.
        choice: The last union on the way, if there was one.
    """

    location: Location
    branches: tuple[Type, ...]
    owner: type[Record] | None
    choice: Choice | None = None


def type_of(field: FieldInfo) -> Type:
    """The type of a record's field."""
    return Type(field.annotation, tuple(field.metadata))


def branches(found: Type) -> tuple[Type, ...]:
    """The members of a union, each with its own notes; a plain type is its only member.

    >>> [branch.annotation for branch in branches(Type(int | None))]
    [<class 'int'>, <class 'NoneType'>]
    """
    origin, arguments = get_origin(found.annotation), get_args(found.annotation)
    if origin is Annotated:
        notes = [
            part
            for note in arguments[1:]
            for part in (note.metadata if isinstance(note, FieldInfo) else [note])
        ]
        return branches(Type(arguments[0], (*notes, *found.metadata)))
    if origin in (Union, types.UnionType):
        bounds = {int: found.metadata, float: found.metadata}  # they mean the numbers of a union
        members = (Type(member, bounds.get(member, ())) for member in arguments)
        return tuple(branch for member in members for branch in branches(member))
    return (found,)


def follow(root: type[Record], location: Location) -> Setting:
    """Follow a location of pydantic's through the records.

    >>> from motet.config import Config
    >>> follow(Config, ("tasks", 0, "binary", "label", "Window", "of")).location
    ('tasks', 0, 'label', 'of')
    """
    setting = Setting((), (Type(root),), None)
    for step in location:
        setting = _inside(setting, step) if isinstance(step, int) else _below(setting, step)
    return setting


def _inside(setting: Setting, step: int) -> Setting:
    found = tuple(
        branch for member in setting.branches if member.element for branch in branches(member.element)
    )
    return Setting((*setting.location, step), found, setting.owner, setting.choice)


def _below(setting: Setting, step: str) -> Setting:
    single = tuple(inner for branch in setting.branches if branch.repeats and branch.element
                   for inner in branches(branch.element))  # fmt: skip
    records = [branch.record for branch in (*setting.branches, *single) if branch.record]
    for record in records:
        if step in record.model_fields:
            found = branches(type_of(record.model_fields[step]))
            return Setting((*setting.location, step), found, record, setting.choice)
    several = [branch for branch in setting.branches if branch.annotation is not type(None)]
    if len(several) > 1:
        plain = tuple(branch for branch in several if not (branch.record or branch.element))
        tried = tuple(branch for branch in several if step in _tags(branch)) or plain or setting.branches
        choice = Choice(setting.location, setting.branches, tried)
        return Setting(setting.location, tried, setting.owner, choice)
    found = tuple(branch.element for branch in several if branch.element and not records)
    owner = records[0] if records else setting.owner
    return Setting((*setting.location, step), found, owner, setting.choice)


def _tags(branch: Type) -> list[str]:
    if branch.record:
        return [branch.record.__name__, *kinds_of(branch.record)]
    origin = get_origin(branch.annotation)
    inside = ", ".join(str(getattr(part, "__name__", part)) for part in get_args(branch.annotation))
    return [f"{origin.__name__}[{inside}]"] if origin in (list, dict) else []


def kinds_of(record: type[Record]) -> list[str]:
    """What a task's record answers to under `kind:`; none for other records."""
    field = record.model_fields.get("kind")
    return type_of(field).choices if field and field.is_required() else []


def _is_literal(found: Type) -> bool:
    return get_origin(found.annotation) is Literal


def words(found: Type) -> str:
    """What a type expects, in words.

    >>> words(Type(int | Literal["auto"] | None))
    'a whole number, auto or null'
    """
    return words_of(branches(found))


def words_of(types: tuple[Type, ...]) -> str:
    """What any of several types expects, in words."""
    said = list(dict.fromkeys(text for branch in types for text in _words(branch)))
    return " or ".join(said) if len(said) < 3 else f"{', '.join(said[:-1])} or {said[-1]}"


def _words(found: Type) -> Iterator[str]:
    for note in found.metadata:
        if isinstance(note, Words):
            yield note.text
            return
    if found.record:
        yield found.record.in_words or _keys(found.record)
    elif found.element:
        if found.repeats:
            yield words(found.element)
        mapping = get_origin(found.annotation) is dict
        yield f"a mapping of names to {words(found.element)}" if mapping else _list(found.element)
    elif _is_literal(found):
        yield from found.choices
    else:
        yield _PLAIN.get(found.annotation, "a value") + _bounds(found)


def _list(element: Type) -> str:
    one = words(element)
    if _is_literal(element):
        return f"a list with any of {one}"
    return "a list of " + _NOUN.sub(r"\1s", one, count=1)


def _bounds(found: Type) -> str:
    signs = {"ge": "of at least", "gt": "above", "le": "of at most", "lt": "below"}
    said = [
        f"{phrase} {getattr(note, sign):g}"
        for note in found.metadata
        for sign, phrase in signs.items()
        if isinstance(getattr(note, sign, None), int | float)
    ]
    return " " + " and ".join(said) if said else ""


def _keys(record: type[Record]) -> str:
    needed = [key for key, field in record.model_fields.items() if field.is_required()]
    if needed:
        return f"a mapping with {', '.join(needed)}"
    defaults = {key: field.default for key, field in record.model_fields.items()}
    key = next(key for key, default in defaults.items() if not isinstance(default, Record))
    return f"a mapping such as {{{key}: {str(defaults[key]).lower()}}}"


def every_setting(record: type[Record], path: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """All settings of a record and of those below it, with dotted paths; entries of lists have ``[]``."""
    for key, field in record.model_fields.items():
        here = f"{path}.{key}" if path else key
        yield here, field
        for branch in branches(type_of(field)):
            for inner in branches(branch.element) if branch.element else (branch,):
                if inner.record:
                    yield from every_setting(inner.record, here + "[]" * bool(branch.element))
