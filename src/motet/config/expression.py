"""Reads label expressions such as `rating >= 4`: a small safe language over event columns.

Nothing of Python can be reached from it, and its size is bounded. The grammar is in `motet.config.grammar`.
"""

from typing import Literal

from motet.config.grammar import read
from motet.config.syntax import Expression, Name, kind_of, walk
from motet.errors import ConfigError


def parse(text: str) -> Expression:
    """Read an expression.

    >>> parse("rating >= 4")
    Comparison(operator='>=', left=Name(column='rating'), right=Number(value=4))

    Raises:
        ConfigError: It cannot be read; the message says at which character and what to write.
    """
    tree = read(text)
    try:
        kind_of(tree)
    except ConfigError as error:
        raise ConfigError(f"{text!r}: {error}") from None
    return tree


def columns(expression: Expression | str) -> list[str]:
    """The columns that an expression reads, each once, in order of appearance.

    >>> columns("log1p(play / length) > 2 and play > 0")
    ['play', 'length']
    """
    tree = parse(expression) if isinstance(expression, str) else expression
    return list(dict.fromkeys(node.column for node in walk(tree) if isinstance(node, Name)))


def checked(text: str, wanted: Literal["number", "condition"] | None = None) -> str:
    """The text itself, if it is an expression that reads a column and gives what is wanted; for validators.

    Raises:
        ValueError: What is wrong with it.
    """
    try:
        tree = parse(text)
        kind = kind_of(tree)
    except ConfigError as error:
        raise ValueError(str(error)) from None
    if not columns(tree):
        raise ValueError(f"{text!r} reads no column; write an expression such as rating >= 4")
    if wanted == "number" and kind == "condition":
        raise ValueError(
            f"{text!r} is true or false; a regression needs a number (kind: binary learns conditions)"
        )
    if wanted == "condition" and kind == "number":
        raise ValueError(f"{text!r} is a number; write a condition such as {text} > 0")
    return text
