"""Plain numbers out of polars, whose aggregates have the types of all that a column may hold."""

from typing import Any

import polars as pl


def number(value: Any) -> float:
    """An aggregate as a float; nothing at all counts as 0.

    >>> number(None), number(True), number(3)
    (0.0, 1.0, 3.0)
    """
    return 0.0 if value is None else float(value)


def mean(column: pl.Series) -> float:
    """The mean, of conditions the share that is true; 0 of an empty column."""
    return number(column.mean())


def span(column: pl.Series) -> tuple[float, float]:
    """Smallest and largest value."""
    return number(column.min()), number(column.max())


def middle(column: pl.Series) -> float:
    """The median."""
    return number(column.median())
