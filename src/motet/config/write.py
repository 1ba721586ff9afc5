"""Writes a configuration whole: every setting with its value, the defaults too, and what it means."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from motet.config import Config
from motet.config.data import Column
from motet.config.record import Record
from motet.config.yaml_text import Dumper

_WIDTH = 110
_TITLE = (
    "# The whole configuration of a run: every setting, the defaults too. Paths are relative to this file."
)


def write_config(config: Config, path: Path | str) -> None:
    """Write a configuration so that `read_config` gives the same one back.

    Args:
        config: What to write.
        path: The YAML file; its folder must exist.
    """
    Path(path).write_text(config_text(config), encoding="utf-8")


def config_text(config: Config) -> str:
    """The YAML text of a configuration, with a comment where a setting appears first."""
    return "\n".join([_TITLE, *_Writer().record(config, 0)]) + "\n"


class _Writer:
    """Writes records as blocks; remembers which settings it has explained."""

    def __init__(self) -> None:
        self.explained: set[tuple[str, str]] = set()

    def record(self, record: Record, depth: int) -> Iterator[str]:
        """The lines of a record's settings."""
        for key, field in type(record).model_fields.items():
            value = getattr(record, key)
            if key == "tasks" and not value:  # an empty list would be refused
                continue
            comment = "" if isinstance(value, Record) else self.comment(record, key, field.description or "")
            yield from self.setting(key, value, depth, comment)

    def comment(self, record: Record, key: str, description: str) -> str:
        """The setting's description, once for each kind of record."""
        known = (description, key)
        if known in self.explained or not description:
            return ""
        self.explained.add(known)
        return f"  # {description}"

    def setting(self, key: str, value: Any, depth: int, comment: str) -> Iterator[str]:
        """One key with what is below it."""
        indent = "  " * depth
        if isinstance(value, Record) and not _is_flow(value):
            yield f"{indent}{key}:"
            yield from self.record(value, depth + 1)
        elif isinstance(value, list) and value and not all(_is_flow(entry) for entry in value):
            yield f"{indent}{key}:{comment}"
            for entry in value:
                first, *rest = self.record(entry, depth + 2)
                yield f"{indent}  - {first.lstrip()}"
                yield from rest
        else:
            text = f"{indent}{key}: {'none' if key == 'language' and value is None else plain(value)}"
            yield text + comment if len(text + comment) <= _WIDTH else text


def _is_flow(value: Any) -> bool:
    return not isinstance(value, Record) or isinstance(value, Column)


def plain(value: Any) -> str:
    """A value as YAML on one line."""
    if isinstance(value, Column):
        given = {key: entry for key, entry in value if entry != type(value).model_fields[key].default}
        return plain(value.column) if len(given) == 1 else plain(given)
    if isinstance(value, Record):
        return plain(dict(value))
    if isinstance(value, list):
        return f"[{', '.join(map(plain, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{plain(key)}: {plain(entry)}' for key, entry in value.items())}}}"
    return _scalar(value)


def _scalar(value: Any) -> str:
    text = yaml.dump([value], Dumper=Dumper, default_flow_style=True, width=float("inf"), allow_unicode=True)
    return text.strip()[1:-1]
