"""From records of predictions to metrics with intervals.

A record answers two questions about itself (`statistics`, `whole`); values, intervals, slices and several
seeds are the same for every record and are computed here. Shapes: R resamples, S seeds.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self, TypedDict

import numpy as np

from motet.errors import DataError
from motet.metrics.arrays import Array, Bools, Ints
from motet.metrics.uncertainty import centred, interval, over_seeds, resampled_values, value_of
from motet.metrics.weighted import Statistic


class Measure(TypedDict):
    """A metric as it stands in metrics.json; null where it has no meaning or no interval was asked for."""

    value: float | None
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True, eq=False)
class Counted:
    """A metric as a function of how often each user counts, and the number of rows or queries behind it."""

    statistic: Statistic
    n: int


class Record(ABC):
    """What one model said about the rows of one task."""

    slices: Mapping[str, Bools]

    @property
    @abstractmethod
    def users(self) -> Array:
        """User of each row or query."""

    @abstractmethod
    def statistics(self, k_list: Sequence[int]) -> dict[str, Counted]:
        """Metrics by name, over the users in the order of :func:`dense`."""

    @abstractmethod
    def whole(self, k_list: Sequence[int]) -> dict[str, float]:
        """Metrics of the record as a whole, for which drawing users makes no sense."""

    @abstractmethod
    def same_questions(self, other: object) -> bool:
        """True if both records answer the same rows in the same order."""

    @abstractmethod
    def take(self, mask: Bools) -> Self:
        """The record of some rows or queries, without slices."""

    def metrics(
        self, k_list: Sequence[int], bootstrap: int, confidence: float, generator: np.random.Generator
    ) -> dict[str, Measure]:
        """Every metric of the record with its interval over users.

        Args:
            k_list: Lengths of list to look at (ranking only).
            bootstrap: Resamples of users; 0 leaves the intervals out.
            confidence: Share of resamples inside an interval.
            generator: Draws the users.
        """
        return measure([self], k_list, bootstrap, confidence, generator)

    def slice_metrics(
        self, k_list: Sequence[int], bootstrap: int, confidence: float, generator: np.random.Generator
    ) -> dict[str, dict[str, Measure]]:
        """The metrics of each slice, by its name; a slice without rows has `n` 0 and no values."""
        return {
            name: self.take(mask).metrics(k_list, bootstrap, confidence, generator)
            for name, mask in self.slices.items()
        }


def measure(
    records: Sequence[Record],
    k_list: Sequence[int],
    bootstrap: int,
    confidence: float,
    generator: np.random.Generator,
) -> dict[str, Measure]:
    """Mean of every metric over the seeds of one model, with an interval over users and seeds.

    Args:
        records: One record a seed, all of the same rows.
        k_list: Lengths of list to look at (ranking only).
        bootstrap: Resamples of users (and seeds); 0 leaves the intervals out.
        confidence: Share of resamples inside an interval.
        generator: Draws users and seeds.

    Raises:
        DataError: The records are not of the same rows.
    """
    refuse_other_questions(records[0], records)
    users = dense(records[0].users)[1]
    by_seed = [record.statistics(k_list) for record in records]
    statistics = {
        (name, seed): counted.statistic
        for seed, found in enumerate(by_seed)
        for name, counted in found.items()
    }
    values = resampled_values(statistics, users, bootstrap, generator)
    measures: dict[str, Measure] = {}
    for name, counted in by_seed[0].items():
        value = float(np.mean([value_of(found[name].statistic, users) for found in by_seed]))
        value_R = over_seeds(np.stack([values[name, seed] for seed in range(len(records))]), generator)
        low, high = interval(centred(value_R, value) if name == "ece" else value_R, confidence)
        measures[name] = Measure(value=known(value), low=known(low), high=known(high), n=counted.n)
    whole = [record.whole(k_list) for record in records]
    for name in whole[0]:
        value = float(np.mean([found[name] for found in whole]))
        measures[name] = Measure(value=known(value), low=None, high=None, n=len(records[0].users))
    return measures


def refuse_other_questions(first: Record, records: Sequence[Record]) -> None:
    """Raise a DataError unless all records answer the questions of the first."""
    for record in records:
        if not first.same_questions(record):
            raise DataError(
                f"Comparison: one record holds {len(first.users):,} rows or queries and the other "
                f"{len(record.users):,}, or their users, labels or order differ. Evaluate both on the same "
                "rows in the same order."
            )


def dense(user_N: Array) -> tuple[Ints, int]:
    """Number the users that occur 0..U-1 in the order of their names.

    Returns:
        ``(number_N, U)``.

    >>> dense(np.array([7, 3, 7]))[0].tolist()
    [1, 0, 1]
    """
    names_U, number_N = np.unique(user_N, return_inverse=True)
    return number_N.astype(np.int64), len(names_U)


def known(value: float) -> float | None:
    """The value, or None for NaN, which JSON cannot hold.

    >>> known(float("nan")) is None
    True
    """
    return None if np.isnan(value) else value
