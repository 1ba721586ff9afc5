"""Turns label expressions into polars, with the columns of the log that they mean."""

import difflib
from collections.abc import Iterable, Mapping
from functools import reduce
from typing import assert_never

import polars as pl

from motet.config.expression import columns, parse
from motet.config.syntax import (
    Arithmetic,
    Call,
    Comparison,
    Expression,
    Kind,
    Logic,
    Member,
    Name,
    Negative,
    Not,
    Number,
    Text,
    Truth,
    children,
    walk,
)
from motet.errors import DataError

_ALIASES = {"type": "@type", "value": "@value", "time": "@time"}
_Available = Iterable[str] | Mapping[str, pl.DataType]


def to_polars(expression: Expression | str, available: _Available) -> pl.Expr:
    """The polars expression that computes a label expression.

    A part that has no value (an empty cell, a division by zero, the logarithm of a negative number) is null,
    and null spreads by the rules of polars, so ``null or true`` is true.

    >>> frame = pl.DataFrame({"rating": [5, 3, None]})
    >>> frame.select(to_polars("rating >= 4", frame.columns))["rating"].to_list()
    [True, False, None]

    Args:
        expression: The expression, or its text.
        available: The log's columns; with their types, NaN in a column of numbers counts as null.

    Raises:
        ConfigError: The text cannot be read.
        DataError: It names a column that the log does not have.
    """
    tree = parse(expression) if isinstance(expression, str) else expression
    types = available if isinstance(available, Mapping) else dict.fromkeys(available, pl.Unknown())
    found = {name: column_of(name, types) for name in columns(tree)}
    return _Maker({name: _cleaned(column, types[column]) for name, column in found.items()}).make(tree)


def column_of(name: str, available: Iterable[str]) -> str:
    """The log's column that a name means: its own, or for ``type``, ``value`` and ``time`` the canonical one.

    Raises:
        DataError: There is none.
    """
    found = list(available)
    if name in found:
        return name
    if _ALIASES.get(name) in found:
        return _ALIASES[name]
    names = [column for column in found if column[:1] != "@"]
    names += [alias for alias, column in _ALIASES.items() if column in found and alias not in names]
    nearest = difflib.get_close_matches(name, names, 1)
    hint = f"did you mean {nearest[0]!r}?" if nearest else f"it has {', '.join(names)}"
    raise DataError(f"the log has no column {name!r}; {hint}")


def column_kinds(tree: Expression, types: Mapping[str, pl.DataType]) -> dict[str, Kind]:
    """What the columns of an expression hold.

    Raises:
        DataError: A column is missing, or holds what no label can be made of, such as lists.
    """
    return {name: _kind(name, types[column_of(name, types)]) for name in columns(tree)}


def needed_columns(tree: Expression) -> list[str]:
    """The columns without whose value there is no label: all but those that `is_null` is asked about."""
    asked = {
        node.column
        for call in walk(tree)
        if isinstance(call, Call) and call.function == "is_null"
        for node in walk(call)
        if isinstance(node, Name)
    }
    return [name for name in columns(tree) if name not in asked]


def _kind(name: str, dtype: pl.DataType) -> Kind:
    if dtype.is_numeric():
        return "number"
    if dtype == pl.Boolean:
        return "flag"
    if isinstance(dtype, pl.String | pl.Categorical | pl.Enum):
        return "text"
    if isinstance(dtype, pl.Null | pl.Unknown):
        return "unknown"
    raise DataError(f"the column {name!r} holds {dtype}; a label reads numbers, text, true and false")


def _cleaned(column: str, dtype: pl.DataType) -> pl.Expr:
    if isinstance(dtype, pl.Float32 | pl.Float64):
        return pl.col(column).fill_nan(None)
    if isinstance(dtype, pl.Categorical | pl.Enum):
        return pl.col(column).cast(pl.String)
    return pl.col(column)


class _Maker:
    """Walks a tree from the leaves up."""

    def __init__(self, column: Mapping[str, pl.Expr]) -> None:
        self.column = column

    def make(self, node: Expression) -> pl.Expr:
        match node:
            case Number(value) | Text(value) | Truth(value):
                return pl.lit(value)
            case Name(column):
                return self.column[column]
            case Negative() | Arithmetic() | Call():
                return self.number(node)
            case Not(operand):
                return ~self.condition(operand)
            case Logic(operator, left, right):
                sides = self.condition(left), self.condition(right)
                return sides[0] & sides[1] if operator == "and" else sides[0] | sides[1]
            case Comparison(operator, left, right):
                return _compared(operator, self.make(left), self.make(right))
            case Member(operand, choices):
                asked = self.make(operand)
                return reduce(
                    lambda one, other: one | other, (asked == self.make(choice) for choice in choices)
                )
            case _:
                assert_never(node)

    def condition(self, node: Expression) -> pl.Expr:
        """A condition; a column of numbers counts as true where it is not 0."""
        made = self.make(node)
        return made.cast(pl.Boolean) if isinstance(node, Name) else made

    def number(self, node: Negative | Arithmetic | Call) -> pl.Expr:
        """Arithmetic in Float64, so that small integers of the file cannot overflow."""
        if isinstance(node, Call) and node.function == "is_null":
            return self.make(node.arguments[0]).is_null()
        values = [self.make(child).cast(pl.Float64) for child in children(node)]
        made = _called(node.function, values) if isinstance(node, Call) else _reckoned(node, values)
        return pl.when(made.is_finite()).then(made)


def _reckoned(node: Negative | Arithmetic, values: list[pl.Expr]) -> pl.Expr:
    if isinstance(node, Negative):
        return -values[0]
    left, right = values
    match node.operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "/":
            return left / right
        case _:
            assert_never(node.operator)


def _called(function: str, values: list[pl.Expr]) -> pl.Expr:
    if function in ("min", "max"):
        made = pl.min_horizontal(values) if function == "min" else pl.max_horizontal(values)
        return pl.when(pl.all_horizontal(value.is_not_null() for value in values)).then(made)
    made = getattr(values[0], function)()
    assert isinstance(made, pl.Expr)
    return made


def _compared(operator: str, left: pl.Expr, right: pl.Expr) -> pl.Expr:
    match operator:
        case "==":
            return left == right
        case "!=":
            return left != right
        case "<":
            return left < right
        case "<=":
            return left <= right
        case ">":
            return left > right
        case _:
            return left >= right
