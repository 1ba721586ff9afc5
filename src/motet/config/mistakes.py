"""Turns what pydantic found wrong into sentences: which line, what was found, what to write instead."""

from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from motet.config.data import Column
from motet.config.document import Document, Mistake
from motet.config.nearest import elsewhere, likeness, nearest
from motet.config.record import Location, Record
from motet.config.schema import Setting, Type, branches, follow, kinds_of, type_of, words, words_of
from motet.errors import ConfigError

_Known = tuple[Location, str]


def refuse(document: Document, mistakes: list[Mistake]) -> ConfigError:
    """One error for all mistakes, a line each, in the order of the file."""
    lines = [f"{mistake.place.text}: {mistake.text}" for mistake in sorted(set(mistakes))]
    if len(lines) == 1:
        return ConfigError(lines[0])
    return ConfigError("\n  ".join([f"{document.where}: {len(lines)} mistakes", *lines]))


def translate(error: ValidationError, document: Document, root: type[Record]) -> list[Mistake]:
    """Every mistake of a validation once, with the place where it was written.

    Args:
        error: What pydantic says.
        document: What was validated.
        root: The record that it was validated as.
    """
    details = [(detail, follow(root, detail["loc"])) for detail in error.errors(include_url=False)]
    translator = _Translator(document, root)
    for detail, setting in sorted(details, key=lambda pair: pair[0]["type"] == "missing"):
        translator.add(detail, setting)
    for _, setting in details:
        translator.add_union(setting)
    return [Mistake(document.place(location), text) for location, text in translator.found]


def dotted(location: Location, document: Document) -> str:
    """A location as `--set` takes it: with the names of tasks, without the 0 of a single value."""
    value, words = document.value, []
    for step in location:
        if isinstance(step, int) and not isinstance(value, list):
            continue
        inside = step < len(value) if isinstance(step, int) else isinstance(value, dict) and step in value
        value = value[step] if inside else None
        words.append(str(step))
        if len(words) == 2 and words[0] == "tasks" and isinstance(value, dict):
            words[1] = str(value.get("name", step))
    return ".".join(words) or "the configuration"


def shown(value: Any) -> str:
    """A value in a message, on one line and short."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case dict():
            return "a mapping"
        case list():
            return "a list" if value else "an empty list"
        case _:
            text = repr(value)
            return text if len(text) <= 60 else f"{text[:57]}..."


class _Translator:
    """Collects the mistakes of one validation."""

    def __init__(self, document: Document, root: type[Record]) -> None:
        self.document, self.root = document, root
        self.found: list[_Known] = []
        self.meant: set[Location] = set()  # settings that a misspelt key stands for

    def add(self, detail: ErrorDetails, setting: Setting) -> None:
        """Note one error, unless it stems from a branch of a union that was not meant."""
        if not self.fits(setting):
            return
        location = setting.location
        match detail["type"]:
            case "extra_forbidden":
                self.unknown(setting)
            case "missing":
                self.missing(setting)
            case "union_tag_invalid" | "union_tag_not_found":
                self.kind(setting)
            case "misfits":
                self.found += [((*location, *path), text) for path, text in detail["ctx"]["found"]]
            case "value_error":
                self.found.append((location, f"{self.name(location)}: {detail['ctx']['error']}"))
            case _:
                self.expectation(setting)

    def add_union(self, setting: Setting) -> None:
        """Say what a union expects, where no branch of it was meant."""
        choice = setting.choice
        if choice is None or self.fits(setting):
            return
        depth = len(choice.location)
        if not any(location[:depth] == choice.location for location, _ in self.found):
            self.expectation(Setting(choice.location, choice.branches, setting.owner))

    def fits(self, setting: Setting) -> bool:
        """Is the branch that pydantic tried of the shape that was written?"""
        if setting.choice is None:
            return True
        value = self.document.at(setting.choice.location)
        shapes = {
            dict if branch.record else list if branch.element else str for branch in setting.choice.tried
        }
        return (type(value) if isinstance(value, dict | list) else str) in shapes

    def name(self, location: Location) -> str:
        """The location in words."""
        return dotted(location, self.document)

    def unknown(self, setting: Setting) -> None:
        """A key that the record does not have."""
        *above, key = setting.location
        record = setting.owner or self.root
        written = self.document.at(tuple(above))
        free = [name for name in record.model_fields if not isinstance(written, dict) or name not in written]
        close = nearest(str(key), free) or nearest(str(key), record.model_fields)
        other = elsewhere(str(key), self.root)
        if close and (other is None or likeness(str(key), close) > 0.85 or not other.exact):
            self.meant.add((*above, close))
            hint = f"did you mean {close!r}?"
        else:
            hint = other.hint if other else f"it has {', '.join(record.model_fields)}"
        self.found.append((setting.location, f"{self.name(tuple(above))} has no setting {key!r}; {hint}"))

    def missing(self, setting: Setting) -> None:
        """A key that must be there."""
        *above, key = setting.location
        if setting.location in self.meant or setting.owner is None:
            return
        field = setting.owner.model_fields[str(key)]
        about = f"{field.description} Write  {key}: ...  with {words(type_of(field))}"
        self.found.append((setting.location, f"{self.name(tuple(above))} lacks {key!r}. {about}"))

    def kind(self, setting: Setting) -> None:
        """A task of no kind, or of one that does not exist."""
        kinds = [kind for branch in setting.branches if branch.record for kind in kinds_of(branch.record)]
        written = self.document.at(setting.location)
        place, name = (*setting.location, "kind"), self.name(setting.location)
        if "kind" in written:
            close = nearest(str(written["kind"]), kinds)
            hint = f"did you mean {close!r}? " if close else ""
            text = f"{name}.kind: found {shown(written['kind'])}; {hint}there are {', '.join(kinds)}"
        else:
            close = nearest("kind", list(written))
            hint = f" ({close!r} is no setting)" if close else ""
            text = f"{name} lacks 'kind'{hint}; write  kind: ...  with {', '.join(kinds[:-1])} or {kinds[-1]}"
        self.found.append((place, text))

    def expectation(self, setting: Setting) -> None:
        """A value of another type, or out of bounds."""
        location, choice = setting.location, setting.choice
        types = choice.branches if choice and choice.location == location else setting.branches
        text = self.name(location) + _instead(self.document.at(location), types)
        if (location, text) not in self.found:
            self.found.append((location, text))


def _instead(value: Any, types: tuple[Type, ...]) -> str:
    """What was found, and what to write instead."""
    record = next((branch.record for branch in types if branch.record), None)
    if value is None and record:
        needed = any(field.is_required() for field in record.model_fields.values())
        return f" is empty; write its settings below it{'' if needed else ', or leave it out'}"
    text = f": found {shown(value)}; "
    choices = [word for branch in types for word in branch.choices]
    if isinstance(value, str) and (close := nearest(value, choices)):
        text += f"did you mean {close!r}? "
    if isinstance(value, str) and record and value in _kinds(record):
        return f"{text}write  {{kind: {value}}}"
    text += f"write {words_of(types)}"
    if isinstance(value, bool | int | float) and any(_is_text(branch) for branch in types):
        return f'{text}, in quotes: "{shown(value)}"'
    if isinstance(value, str) and any(branch.element and _is_text(branch.element) for branch in types):
        return f"{text}, for example  [{value}]"
    return text


def _is_text(branch: Type) -> bool:
    return branch.annotation is str or branch.record is Column


def _kinds(record: type[Record]) -> list[str]:
    field = record.model_fields.get("kind")
    return [word for branch in branches(type_of(field)) for word in branch.choices] if field else []
