"""Uncertainty: bootstrap over users, paired differences, Holm's correction, intervals over users and seeds.

Rows of one user hang together, so users are drawn, not rows (cluster bootstrap; Field and Welsh, JRSS-B
2007). All statistics of one call see the same draws, which is what makes a difference of two models a paired
one. Intervals are percentile intervals (Efron and Tibshirani 1993, chapter 13). Shapes: see
:mod:`motet.metrics.arrays`.
"""

from collections.abc import Hashable, Iterator, Mapping
from typing import TypeVar

import numpy as np

from motet.metrics.arrays import Array, Floats
from motet.metrics.weighted import Statistic

Name = TypeVar("Name", bound=Hashable)
_BLOCK = 8  # Resamples at a time: the running sums of 100,000 rows then stay in the processor's cache.


def draws_of_users(num_users: int, resamples: int, generator: np.random.Generator) -> Iterator[Floats]:
    """How often each user is drawn when as many users as there are are drawn with replacement.

    Yields:
        Counts ``(B, U)`` in blocks of resamples; each line sums to `num_users`.

    >>> blocks = list(draws_of_users(3, 10, np.random.default_rng(0)))
    >>> [block.shape for block in blocks], float(blocks[0].sum(1).max())
    ([(8, 3), (2, 3)], 3.0)
    """
    for start in range(0, resamples, _BLOCK):
        lines = min(_BLOCK, resamples - start)
        cell = generator.integers(0, num_users, (lines, num_users)) + np.arange(lines)[:, None] * num_users
        counts = np.bincount(cell.ravel(), minlength=lines * num_users)
        yield counts.reshape(lines, num_users).astype(np.float64)


def resampled_values(
    statistics: Mapping[Name, Statistic], num_users: int, resamples: int, generator: np.random.Generator
) -> dict[Name, Floats]:
    """Values of each statistic on the same resamples of the users, name -> ``(R,)``.

    Without users every value is NaN; with no resamples the arrays are empty.

    >>> from motet.metrics.weighted import mean_of
    >>> same = mean_of(np.array([2.0, 2.0]), np.array([0, 1]), 2)
    >>> resampled_values({"x": same}, 2, 3, np.random.default_rng(0))["x"].tolist()
    [2.0, 2.0, 2.0]
    """
    if num_users == 0:
        return {name: np.full(resamples, np.nan) for name in statistics}
    blocks: dict[Name, list[Floats]] = {name: [np.zeros(0)] for name in statistics}
    for counts_BU in draws_of_users(num_users, resamples, generator):
        for name, statistic in statistics.items():
            blocks[name].append(statistic(counts_BU))
    return {name: np.concatenate(parts) for name, parts in blocks.items()}


def value_of(statistic: Statistic, num_users: int) -> float:
    """The statistic with every user counted once: the metric itself.

    >>> from motet.metrics.weighted import mean_of
    >>> value_of(mean_of(np.array([1.0, 4.0]), np.array([0, 1]), 2), 2)
    2.5
    """
    return float(statistic(np.ones((1, num_users)))[0])


def interval(value_R: Array, confidence: float = 0.95) -> tuple[float, float]:
    """Percentile interval of resampled values; resamples without a value are left out, NaN if none is left.

    >>> interval(np.arange(101.0), confidence=0.5)
    (25.0, 75.0)
    """
    known_R = value_R[~np.isnan(value_R)]
    if not len(known_R):
        return float("nan"), float("nan")
    low, high = np.quantile(known_R, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def centred(value_R: Floats, value: float) -> Floats:
    """Resampled values moved so that their mean is the measured value, not below 0.

    For the calibration error, which is a sum of absolute values: noise raises it, so its resamples lie above
    the measured value and a plain percentile interval may miss it (bias correction, Efron and Tibshirani
    1993, chapter 10).

    >>> centred(np.array([0.2, 0.4]), 0.1).round(6).tolist()
    [0.0, 0.2]
    """
    known_R = value_R[~np.isnan(value_R)]
    if not len(known_R):
        return value_R
    moved_R: Floats = np.maximum(value_R - known_R.mean() + value, 0.0)
    return moved_R


def p_value(difference_R: Array) -> float:
    """Two-sided p-value that the true difference is 0, from its resamples.

    Twice the smaller share of resamples on either side of 0, 0 itself on both sides, with one resample added
    so that it is never 0 (Davison and Hinkley 1997, section 4.4). The smallest possible value is 2 / (R + 1).
    NaN if no resample has a value.

    >>> p_value(np.array([1.0] * 97 + [-1.0] * 2))
    0.06
    """
    known_R = difference_R[~np.isnan(difference_R)]
    if not len(known_R):
        return float("nan")
    tail = min(np.count_nonzero(known_R <= 0), np.count_nonzero(known_R >= 0))
    return float(min(1.0, 2 * (tail + 1) / (len(known_R) + 1)))


def holm(p_by_name: Mapping[str, float]) -> dict[str, float]:
    """Adjusted p-values of a family of comparisons (Holm, Scandinavian Journal of Statistics 1979).

    The chance that any true null hypothesis of the family has an adjusted value below a level is at most that
    level. NaN stays NaN and does not count as a member.

    >>> holm({"a": 0.01, "b": 0.04, "c": 0.03})
    {'a': 0.03, 'b': 0.06, 'c': 0.06}
    """
    known = sorted((p, name) for name, p in p_by_name.items() if not np.isnan(p))
    adjusted = {name: float("nan") for name in p_by_name}
    highest = 0.0
    for place, (p, name) in enumerate(known):
        highest = max(highest, min(1.0, p * (len(known) - place)))
        adjusted[name] = highest
    return adjusted


def over_seeds(value_SR: Array, generator: np.random.Generator) -> Floats:
    """Mean over a fresh draw of seeds in each resample of users, ``(R,)``: a two-level bootstrap.

    Users and seeds are crossed: the same users are drawn for every seed, and seeds are drawn with replacement
    beside them (Owen and Eckles, Annals of Applied Statistics 2012). With S seeds the spread between seeds is
    understated by the factor (S - 1) / S of its variance; with one seed the interval covers users alone.

    Args:
        value_SR: Values of a metric, one line a seed, all lines on the same resamples of users.
        generator: Draws the seeds.

    >>> over_seeds(np.array([[1.0, 2.0]]), np.random.default_rng(0)).tolist()
    [1.0, 2.0]
    """
    seeds, resamples = value_SR.shape
    drawn_SR = generator.integers(0, seeds, (seeds, resamples))
    mean_R: Floats = np.take_along_axis(value_SR, drawn_SR, axis=0).mean(0)
    return mean_R
