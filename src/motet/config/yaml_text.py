"""A YAML text as plain values that still know their lines.

PyYAML composes the tree of nodes; scalars are read by the rules of YAML 1.2 (`no` and `2024-01-31` are text,
`1e-3` is a number), because that is what people mean.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import yaml

from motet.config.document import Document, Mistake, Place, document_of
from motet.config.record import Location
from motet.errors import ConfigError

_MOST_NODES = 50_000
_TAGS = {
    "null": r"~|null|Null|NULL|",
    "bool": r"true|True|TRUE|false|False|FALSE",
    "int": r"[-+]?[0-9]{1,300}|0x[0-9a-fA-F]{1,200}",
    "float": r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
}
_HINTS = {
    "'\\t'": "indent with spaces, not with tabs",
    "that cannot start any token": "put the value in quotes",
    "mapping values are not allowed": "put a value that holds a colon in quotes; check the indentation",
    "could not find expected ':'": "a key needs a colon and a space behind it",
    "expected <block end>": "check the indentation: what belongs together begins in the same column",
    "expected ',' or": "a bracket is not closed, or a comma is missing",
    "end of stream": "a quote or a bracket is not closed",
    "undefined alias": "put a value that begins with * in quotes",
    "single document": "leave out the second ---",
}
_SCALARS: dict[str, Callable[[str], Any]] = {
    "null": lambda _: None,
    "bool": lambda text: text.lower() == "true",
    "int": lambda text: int(text, 16 if "x" in text else 10),
    "float": lambda text: float(text.replace(".", "", 1) if text[-1] in "fFnN" else text),
}


class Loader(yaml.SafeLoader):
    """Composes nodes; finds out what a plain scalar is by the rules of YAML 1.2."""

    yaml_implicit_resolvers = {}


class Dumper(yaml.SafeDumper):
    """Writes scalars so that :class:`Loader` reads the same back."""

    yaml_implicit_resolvers = {}


for _name, _pattern in _TAGS.items():
    for _kind in (Loader, Dumper):
        _kind.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", re.compile(f"^(?:{_pattern})$"), None)


def parse_yaml(text: str, where: str) -> Document:
    """Read a YAML text.

    Raises:
        ConfigError: It is not YAML; the message names the line.
    """
    try:
        root = Loader(text).get_single_node()
        reader = _Reader(where)
        value = reader.value(root, ()) if root else None
    except yaml.MarkedYAMLError as error:
        _refuse(where, error)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        code = f"#x{error.character:04x}"
        raise ConfigError(f"{where}:{line}: YAML does not allow the character {code}; remove it") from None
    except RecursionError:
        raise ConfigError(f"{where}: nested too deeply to be a configuration") from None
    return Document(where, value, reader.places, reader.mistakes) if root else document_of(None, where)


def _refuse(where: str, error: yaml.MarkedYAMLError) -> NoReturn:
    mark = error.problem_mark or error.context_mark
    problem = str(error.problem)
    said = f"{problem} {error.context or ''}"
    hint = next(
        (text for key, text in _HINTS.items() if key in said), "check quotes, brackets and indentation"
    )
    line = f":{mark.line + 1}" if mark else ""
    begun = error.context_mark
    began = f" (in what began in line {begun.line + 1})" if mark and begun and begun.line < mark.line else ""
    raise ConfigError(f"{where}{line}: this is not YAML: {problem}{began}. Mend it: {hint}.") from None


class _Reader:
    """Turns nodes into values and notes where each stood."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.places: dict[Location, Place] = {}
        self.mistakes: list[Mistake] = []
        self.open: set[int] = set()

    def value(self, node: yaml.Node, path: Location) -> Any:
        place = self.places.setdefault(path, self.place(node))
        if len(self.places) > _MOST_NODES:
            raise ConfigError(f"{place.text}: more than {_MOST_NODES} values; this is not a configuration")
        if isinstance(node, yaml.ScalarNode):
            return self.scalar(node)
        if id(node) in self.open:
            raise ConfigError(f"{place.text}: the alias holds itself; write the value out")
        self.open.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            found: Any = [self.value(child, (*path, number)) for number, child in enumerate(node.value)]
        else:
            found = {key: self.value(child, (*path, key)) for key, child in self.pairs(node, path)}
        self.open.discard(id(node))
        return found

    def pairs(self, node: yaml.Node, path: Location) -> Iterator[tuple[str, yaml.Node]]:
        """The entries of a mapping; those that cannot count are noted."""
        first: dict[str, Place] = {}
        for key_node, child in node.value:
            place = self.place(key_node)
            key = self.scalar(key_node) if isinstance(key_node, yaml.ScalarNode) else None
            if key in first:
                text = f"{key!r} is written twice, first in line {first[key].order}; keep one of them"
                self.mistakes.append(Mistake(place, text))
            elif not isinstance(key, str):
                shown = key_node.value if isinstance(key_node, yaml.ScalarNode) else "a list or mapping"
                self.mistakes.append(Mistake(place, f"a key must be text, found {shown}; put it in quotes"))
            else:
                first[key] = self.places[(*path, key)] = place
                yield key, child

    def scalar(self, node: yaml.ScalarNode) -> Any:
        """What a scalar stands for."""
        text, tag = str(node.value), node.tag.removeprefix("tag:yaml.org,2002:")
        if tag == "str":
            return text
        if tag in _TAGS and re.fullmatch(_TAGS[tag], text):
            return _SCALARS[tag](text)
        self.mistakes.append(Mistake(self.place(node), f"{tag!r} does not fit {text!r}; leave the tag out"))
        return text

    def place(self, node: yaml.Node) -> Place:
        """The line where a node begins, counted from 1."""
        line = node.start_mark.line + 1
        return Place(line, f"{self.where}:{line}")
