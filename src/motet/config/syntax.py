"""The tree of a label expression: its nodes, which columns it reads, and what kind of value it has.

`motet.config.expression` makes trees from text, `motet.data.labels` turns them into polars.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, assert_never

from motet.errors import ConfigError

KEYWORDS = ("and", "or", "not", "in", "true", "false")
RESERVED = (*KEYWORDS, "AND", "OR", "NOT", "IN", "True", "False", "is", "null", "None")
FUNCTIONS = {"abs": 1, "ceil": 1, "exp": 1, "floor": 1, "is_null": 1, "log": 1, "log1p": 1}
FUNCTIONS |= {"max": 2, "min": 2, "round": 1, "sqrt": 1}  # name -> how many arguments; min and max take more
Kind = Literal["number", "text", "condition", "flag", "unknown"]  # a flag is a column of true and false
_NOUNS = {"number": "a number", "text": "text", "condition": "a condition", "flag": "true or false"}


@dataclass(frozen=True)
class Number:
    """A number that stands in the text."""

    value: int | float


@dataclass(frozen=True)
class Text:
    """A piece of text in quotes."""

    value: str


@dataclass(frozen=True)
class Truth:
    """``true`` or ``false``."""

    value: bool


@dataclass(frozen=True)
class Name:
    """A column."""

    column: str


@dataclass(frozen=True)
class Negative:
    """A minus before a number."""

    operand: "Expression"


@dataclass(frozen=True)
class Not:
    """The opposite of a condition."""

    operand: "Expression"


@dataclass(frozen=True)
class Arithmetic:
    """Two numbers make one."""

    operator: Literal["+", "-", "*", "/"]
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True)
class Comparison:
    """Two values make a condition."""

    operator: Literal["==", "!=", "<", "<=", ">", ">="]
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True)
class Logic:
    """Two conditions make one."""

    operator: Literal["and", "or"]
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True)
class Member:
    """Is the value one of a list?"""

    operand: "Expression"
    choices: tuple[Number | Text | Truth, ...]


@dataclass(frozen=True)
class Call:
    """A function of one or several values."""

    function: str
    arguments: tuple["Expression", ...]


Expression = Number | Text | Truth | Name | Negative | Not | Arithmetic | Comparison | Logic | Member | Call


def children(node: Expression) -> tuple[Expression, ...]:
    """The parts that a node is made of, from left to right."""
    match node:
        case Number() | Text() | Truth() | Name():
            return ()
        case Negative(operand) | Not(operand):
            return (operand,)
        case Arithmetic(_, left, right) | Comparison(_, left, right) | Logic(_, left, right):
            return (left, right)
        case Member(operand, choices):
            return (operand, *choices)
        case Call(_, arguments):
            return arguments
        case _:
            assert_never(node)


def walk(node: Expression) -> Iterator[Expression]:
    """A node and all that is below it."""
    yield node
    for child in children(node):
        yield from walk(child)


def show(node: Expression) -> str:
    """The expression as text, which parses to the same tree.

    >>> show(Comparison(">=", Name("rating"), Number(4)))
    'rating >= 4'
    """
    match node:
        case Number(value):
            return repr(value)
        case Truth(value):
            return str(value).lower()
        case Text(value):
            return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
        case Name(column):
            plain = re.fullmatch(r"[^\W\d]\w*", column) and column not in RESERVED
            return column if plain else f"`{column}`"
        case Negative(operand):
            return f"-{_inside(operand)}"
        case Not(operand):
            return f"not {_inside(operand)}"
        case Arithmetic(sign, left, right) | Comparison(sign, left, right) | Logic(sign, left, right):
            return f"{_inside(left)} {sign} {_inside(right)}"
        case Member(operand, choices):
            return f"{_inside(operand)} in [{', '.join(map(show, choices))}]"
        case Call(function, arguments):
            return f"{function}({', '.join(map(show, arguments))})"
        case _:
            assert_never(node)


def _inside(node: Expression) -> str:
    text = show(node)
    return text if isinstance(node, Number | Text | Truth | Name | Call) else f"({text})"


def kind_of(node: Expression, column_kinds: Mapping[str, Kind] | None = None) -> Kind:
    """What kind of value an expression has; every part is looked at.

    Args:
        node: The expression.
        column_kinds: What the columns hold, as far as it is known.

    Raises:
        ConfigError: A part has a kind that does not fit, for example `'a' + 1`.
    """
    known = column_kinds or {}
    kinds = [kind_of(child, known) for child in children(node)]
    match node:
        case Number():
            return "number"
        case Text():
            return "text"
        case Truth():
            return "flag"
        case Name(column):
            return known.get(column, "unknown")
        case Negative() | Arithmetic():
            return _numbers(node, kinds)
        case Not() | Logic():
            return _conditions(node, kinds)
        case Comparison() | Member():
            return _comparable(node, kinds)
        case Call(function, _):
            return "condition" if function == "is_null" else _numbers(node, kinds)
        case _:
            assert_never(node)


def _numbers(node: Expression, kinds: list[Kind]) -> Kind:
    for child, kind in zip(children(node), kinds, strict=True):
        if kind in ("text", "condition"):
            raise ConfigError(f"in `{show(node)}`, `{show(child)}` is {_NOUNS[kind]}; write a number there")
    return "number"


def _conditions(node: Expression, kinds: list[Kind]) -> Kind:
    for child, kind in zip(children(node), kinds, strict=True):
        if kind == "text" or (kind == "number" and not isinstance(child, Name)):
            raise ConfigError(
                f"in `{show(node)}`, `{show(child)}` is {_NOUNS[kind]}; "
                f"write a condition there, such as {show(child)} {'> 0' if kind == 'number' else '== ...'}"
            )
    return "condition"


def _comparable(node: Expression, kinds: list[Kind]) -> Kind:
    texts = [child for child, kind in zip(children(node), kinds, strict=True) if kind == "text"]
    others = [(child, kind) for child, kind in zip(children(node), kinds, strict=True)
              if kind not in ("text", "unknown")]  # fmt: skip
    if texts and others:
        child, kind = others[0]
        raise ConfigError(
            f"in `{show(node)}`, `{show(texts[0])}` is text and `{show(child)}` is {_NOUNS[kind]}; "
            "compare text with text and numbers with numbers"
        )
    return "condition"
