"""Baselines that rank: what a model must beat. Here their interface, popularity and the search for settings.

They see what the model sees: fitted on the training interactions, they score the same visible history of a
query. Items are dense numbers 1..num_items; 0 is an unknown item and is passed over. Scores have a column for
each item number, column 0 is minus infinity; what the user has already is the caller's to leave out. A
history is ordered, the oldest item first. Shapes: N interactions, B queries, H items of histories, I item
columns (num_items + 1).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np

from motet.metrics.arrays import Array, Floats


class RankingBaseline(Protocol):
    """A recommender that learns from (user, item) pairs and scores all items after a history."""

    def fit(self, user_N: Array, item_N: Array, num_items: int, weight_N: Array | None = None) -> None:
        """Learn from training interactions.

        Args:
            user_N: User numbers, ``(N,)``.
            item_N: Item numbers, ``(N,)``, in order of time where there is one; pairs may repeat.
            num_items: Size of the catalogue.
            weight_N: How much each interaction counts, ``(N,)``; all the same if None.
        """

    def score(self, offset_B1: Array, item_H: Array) -> Array:
        """Score every item for some histories.

        Args:
            offset_B1: Where each history starts, ``(B + 1,)``.
            item_H: Item numbers, ``(H,)``, oldest first inside a history.

        Returns:
            Scores, float32 ``(B, I)``; column 0 is minus infinity.
        """


Baseline = TypeVar("Baseline", bound=RankingBaseline)


@dataclass(frozen=True)
class Trial:
    """One setting that was tried on the validation rows, and what it reached."""

    settings: dict[str, float]
    value: float


def best_of(
    candidates: Iterable[tuple[dict[str, float], Baseline]], validate: Callable[[Baseline], float]
) -> tuple[Baseline, list[Trial]]:
    """Try every candidate on the validation rows and keep the best; the first of equals.

    Args:
        candidates: Settings and the fitted baseline that bears them; only the best so far is kept in memory.
        validate: Value of a baseline on the validation rows; higher is better. It must not read test rows.

    Returns:
        The best baseline and all trials, in their order.
    """
    best: Baseline | None = None
    trials: list[Trial] = []
    for settings, candidate in candidates:
        value = validate(candidate)
        if best is None or value > max(trial.value for trial in trials):
            best = candidate
        trials.append(Trial(settings, value))
    assert best is not None, "nothing to choose from"
    return best, trials


def weight_by_age(time_N: Array, half_life_ms: float) -> Floats:
    """Weights that halve with each half-life before the last training event, ``(N,)``.

    Args:
        time_N: Unix milliseconds.
        half_life_ms: Half-life in milliseconds.

    >>> weight_by_age(np.array([0, 10, 20]), half_life_ms=10).tolist()
    [0.25, 0.5, 1.0]
    """
    age_N = np.max(time_N, initial=0) - np.asarray(time_N, np.float64)
    return np.asarray(np.exp2(-age_N / half_life_ms))


def counts_of_items(item_N: Array, num_items: int, weight_N: Array | None = None) -> Floats:
    """Summed weight of each item's interactions, ``(I,)``; unknown items are passed over.

    >>> counts_of_items(np.array([2, 2, 0]), 3).tolist()
    [0.0, 0.0, 2.0, 0.0]
    """
    count_I = np.bincount(item_N, weight_N, num_items + 1).astype(np.float64)
    count_I[0] = 0.0
    return count_I


class Popularity:
    """The items with the most training interactions, the same for everyone.

    With weights from :func:`weight_by_age` it is the popularity of the last days.
    """

    def fit(self, user_N: Array, item_N: Array, num_items: int, weight_N: Array | None = None) -> None:
        """Count the interactions of each item; users have no say."""
        del user_N
        self.count_I = counts_of_items(item_N, num_items, weight_N)

    def score(self, offset_B1: Array, item_H: Array) -> Array:
        """The counts, once for each history; float32 ``(B, I)``."""
        del item_H
        score_BI = np.tile(self.count_I.astype(np.float32), (len(offset_B1) - 1, 1))
        return closed(score_BI)


def closed(score_BI: Array) -> Array:
    """The scores with column 0 at minus infinity: an unknown item cannot be recommended."""
    score_BI[:, 0] = -np.inf
    return score_BI
