"""Shapes of numbers that came of an event: stars, flags, times spent."""

from dataclasses import dataclass

import polars as pl

from motet.data.infer.figures import mean, middle, number

_TOPS = {0.0: {5, 10, 100}, 0.5: {5, 10}, 1.0: {3, 4, 5, 6, 7, 10, 20, 100}}
"""Low end -> usual high ends. From 0 to 4 are the numbers of five categories rather than stars."""
_LIKED = 0.55


@dataclass(frozen=True)
class Stars:
    """A rating scale."""

    low: float
    high: float
    threshold: float
    """From here on about 55% of the ratings lie."""
    share: float
    """The share that lies there."""


def stars(values: pl.Series) -> Stars | None:
    """The rating scale of a column, or None when it is no rating.

    A rating has equal steps of 1 or 0.5 between a low end near 0 and a usual top, and its mean lies above
    the middle.

    >>> stars(pl.Series([1, 2, 3, 3, 4, 4, 4, 5, 5])).threshold
    4.0
    """
    numbers = values.cast(pl.Float64, strict=False).drop_nulls()
    steps = numbers.unique().sort().to_list()
    if not 3 <= len(steps) <= 21 or len(numbers) < len(steps):
        return None
    low, high = steps[0], steps[-1]
    if high not in _TOPS.get(low, ()) or any(step * 2 != round(step * 2) for step in steps):
        return None
    spread = high - low
    complete = len(steps) >= 0.8 * (spread + 1) or len(steps) >= 0.8 * (2 * spread + 1)
    if not complete or mean(numbers) <= (low + high) / 2:
        return None
    shares = {step: mean(numbers >= step) for step in steps[1:]}
    threshold = min(shares, key=lambda step: abs(shares[step] - _LIKED))
    return Stars(low, high, threshold, shares[threshold])


def is_time_spent(values: pl.Series) -> bool:
    """Whether numbers look like a time spent or an amount: not negative, a long tail, not mostly zero.

    >>> is_time_spent(pl.Series([0, 1, 1, 2, 3, 5, 8, 13, 400] * 30 + list(range(30))))
    True
    """
    numbers = values.cast(pl.Float64, strict=False).drop_nulls()
    if numbers.n_unique() <= 20 or number(numbers.min()) < 0:
        return False
    positive = numbers.filter(numbers > 0)
    return mean(numbers == 0) <= 0.8 and mean(positive) > 1.2 * middle(positive)
