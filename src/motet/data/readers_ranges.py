"""Declared ranges of numbers: what lies outside is read as missing, with a mark of what stood there."""

from collections.abc import Collection

import polars as pl

from motet.config.data import Range, Source
from motet.data.readers_raw import Raw
from motet.data.table import OUTSIDE
from motet.errors import DataError


def ranges_of(raw: Raw, source: Source, numbers: Collection[str]) -> dict[str, Range]:
    """Column -> its declared range.

    Args:
        raw: The opened files.
        source: What the configuration says.
        numbers: Columns that are, or can be, read as numbers.

    Raises:
        DataError: A column with a range is missing, or is none of them.
    """
    for name in [each.column for each in source.ranges]:
        if raw.need(name, "ranges") not in numbers:
            raise DataError(
                f"{raw.where}: column {name!r} has a range under  ranges:  but is not read as numbers there."
                f" Take it out of  ranges:  under {raw.part}, or give it a role as a column of numbers."
            )
    return {each.column: each for each in source.ranges}


def inside(value: pl.Expr, declared: Range | None) -> pl.Expr:
    """The numbers of a column; null where they lie outside their range."""
    return value if declared is None else pl.when(_holds(value, declared)).then(value)


def outside(value: pl.Expr, declared: Range | None, name: str) -> list[pl.Expr]:
    """A mark of what lies outside, named after the range and the column; none without a range."""
    if declared is None:
        return []
    return [pl.when(~_holds(value, declared)).then(value).alias(f"{OUTSIDE}{_words(declared)}:{name}")]


def _holds(value: pl.Expr, declared: Range) -> pl.Expr:
    low, high = declared.minimum, declared.maximum
    above = pl.lit(True) if low is None else value >= low
    return above & (pl.lit(True) if high is None else value <= high)


def _words(declared: Range) -> str:
    low, high = declared.minimum, declared.maximum
    if low is None:
        return f"above {high:.15g}"
    return f"below {low:.15g}" if high is None else f"outside {low:.15g} to {high:.15g}"
