"""Changes a configuration from the command line: `--set training.epochs=3`, `--set tasks.like.weight=2`."""

from collections.abc import Mapping
from typing import Any

from motet.config import Config
from motet.config.document import Document, Place, document_of
from motet.config.nearest import nearest
from motet.config.schema import follow
from motet.config.yaml_text import parse_yaml
from motet.errors import ConfigError

_AFTER_THE_FILE = 1_000_000  # options sort behind every line of the file


def apply_override(raw: Mapping[str, Any], option: str) -> dict[str, Any]:
    """Plain values with one of them changed; the given ones stay as they are.

    >>> apply_override({"tasks": [{"name": "like", "weight": 1}]}, "tasks.like.weight=2")
    {'tasks': [{'name': 'like', 'weight': 2}]}

    Args:
        raw: A configuration as YAML gives it.
        option: ``PATH=VALUE``; the value is read as YAML.

    Raises:
        ConfigError: The option cannot be read, or its path leads nowhere.
    """
    changed = override(document_of(dict(raw), "configuration"), option).value
    assert isinstance(changed, dict)
    return changed


def override(document: Document, option: str, number: int = 0) -> Document:
    """The document with one value changed.

    Args:
        document: What was written.
        option: ``PATH=VALUE``. A step of the path is a key, a place in a list, or the name of a task.
        number: How many options came before.
    """
    where = f"--set {option}"
    path, equals, text = option.partition("=")
    steps = path.strip().split(".")
    if not equals or not all(steps):
        raise ConfigError(f"{where}: write  PATH=VALUE, for example  training.epochs=3")
    change = _Change(where)
    value = change.into(document.value, steps, _value(text.strip(), where))
    new = len(change.location) if change.new is None else change.new
    place = Place(_AFTER_THE_FILE + number, where)
    return document.changed(value, tuple(change.location), new, place)


def _value(text: str, where: str) -> Any:
    try:
        read = parse_yaml(text, where)
    except ConfigError:
        if text[:1] not in ("[", "{", "'", '"'):
            return text  # an expression with backticks or a colon needs no further quotes here
        raise ConfigError(f"{where}: the value is not YAML; close its brackets and quotes") from None
    if read.mistakes:
        raise ConfigError(f"{where}: {read.mistakes[0].text}")
    return read.value


class _Change:
    """One walk along a path: copies what it passes and notes where it was."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.location: list[str | int] = []
        self.new: int | None = None  # from which step on nothing had been written before

    def into(self, value: Any, steps: list[str], new: Any) -> Any:
        """The value with the new one at the end of the steps."""
        if not steps:
            return new
        if isinstance(value, list):
            return self.into_list(value, steps, new)
        if steps[0].isdigit() and value is not None and not (isinstance(value, dict) and steps[0] in value):
            return self.into(value, steps[1:], new)  # the value stands for a list of one
        entries = self.entries(value)
        if steps[0] not in entries and self.new is None:
            self.new = len(self.location)
        self.location.append(steps[0])
        return {**entries, steps[0]: self.into(entries.get(steps[0]), steps[1:], new)}

    def into_list(self, value: list[Any], steps: list[str], new: Any) -> list[Any]:
        """The list with one entry changed: by number, by name, or its only one."""
        names = [str(entry.get("name")) if isinstance(entry, dict) else str(entry) for entry in value]
        if steps[0] in names:
            number, steps = names.index(steps[0]), steps[1:]
        elif steps[0].isdigit() and int(steps[0]) < len(value):
            number, steps = int(steps[0]), steps[1:]
        elif (
            len(value) == 1
            and not steps[0].isdigit()
            and isinstance(value[0], dict)
            and "name" not in value[0]
        ):
            number = 0
        else:
            close = nearest(steps[0], names)
            has = "it has " + ", ".join(f"{at} ({name})" for at, name in enumerate(names) if name != "None")
            hint = f"did you mean {close!r}?" if close else has if value else "it is empty"
            raise ConfigError(f"{self.where}: {self.name()} has no entry {steps[0]!r}; {hint}")
        self.location.append(number)
        return [self.into(entry, steps, new) if at == number else entry for at, entry in enumerate(value)]

    def entries(self, value: Any) -> dict[str, Any]:
        """The value as a mapping: a bare name stands for the first setting of its record."""
        if isinstance(value, dict):
            return value
        if value is None:
            return {}
        found = follow(Config, tuple(self.location))
        record = next((branch.record for branch in found.branches if branch.record), None)
        if isinstance(value, str) and value != "none" and record:
            return {next(iter(record.model_fields)): value}
        raise ConfigError(
            f"{self.where}: {self.name()} is {value!r} and has no settings below it; set it first"
        )

    def name(self) -> str:
        """Where the walk is, as it is written."""
        return ".".join(map(str, self.location)) or "the configuration"
