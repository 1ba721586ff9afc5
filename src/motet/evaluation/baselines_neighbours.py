"""Item-to-item: items that share users with what the user had lately.

The similarities are those of `motet.features.neighbours`. Shapes: B queries, H items of histories, I item
columns (0 = unknown), M neighbours of an item, P places read.
"""

from collections.abc import Callable, Iterator, Sequence
from copy import copy

import numpy as np

from motet.evaluation.baselines import Trial, best_of, closed, counts_of_items
from motet.features.neighbours import similar_items
from motet.metrics.arrays import Array, expand

SHRINKAGES = (2.0, 10.0, 50.0)
FADINGS = (0.5, 0.75, 1.0)


class ItemToItem:
    """Sum over the last items of the history of their similarity to each item, less for older ones.

    Popularity is added with a millionth of its weight, so that it orders the items that no neighbour names.
    Weights of interactions move popularity alone.
    """

    def __init__(
        self,
        *,
        shrinkage: float = 10.0,
        neighbours: int = 200,
        last: int = 50,
        fading: float = 0.75,
        longest: int = 1000,
    ) -> None:
        """Settings.

        Args:
            shrinkage: Added to the denominator: pairs seen by few users count less.
            neighbours: Most similar items kept for each item.
            last: How many of the latest items of a history are read.
            fading: Weight of an item relative to the one after it.
            longest: Distinct items of a user that count in training; the last ones of a user with more.
        """
        self.shrinkage, self.neighbours, self.longest = shrinkage, neighbours, longest
        self.last, self.fading = last, fading

    def fit(self, user_N: Array, item_N: Array, num_items: int, weight_N: Array | None = None) -> None:
        """Find the neighbours of each item."""
        count_I = counts_of_items(item_N, num_items, weight_N)
        self.popularity_I = count_I / max(1.0, count_I.max())
        self.neighbour_IM, self.similarity_IM = similar_items(
            user_N,
            item_N,
            num_items,
            neighbours=self.neighbours,
            shrinkage=self.shrinkage,
            longest=self.longest,
        )

    def score(self, offset_B1: Array, item_H: Array) -> Array:
        """Scores float32 ``(B, I)``; an empty history gives the order of popularity."""
        width = len(self.popularity_I)
        score_BI = np.empty((len(offset_B1) - 1, width), np.float32)
        step = max(1, 4_000_000 // max(width, min(self.last, len(item_H)) * self.neighbour_IM.shape[1]))
        for start in range(0, len(score_BI), step):
            query_B = np.arange(start, min(start + step, len(score_BI)))
            place_P, which_P = expand(offset_B1, query_B)
            age_P = offset_B1[query_B + 1][which_P] - 1 - place_P
            read_P = (age_P < self.last) & (item_H[place_P] > 0)
            item_P, which_P = item_H[place_P[read_P]], which_P[read_P]
            weight_PM = self.similarity_IM[item_P] * (self.fading ** age_P[read_P])[:, None]
            cell_PM = which_P[:, None] * width + self.neighbour_IM[item_P]
            total = np.bincount(cell_PM.ravel(), weight_PM.ravel(), len(query_B) * width)
            score_BI[query_B] = total.reshape(-1, width) + 1e-6 * self.popularity_I
        return closed(score_BI)


def best_item_to_item(
    user_N: Array,
    item_N: Array,
    num_items: int,
    validate: Callable[[ItemToItem], float],
    shrinkages: Sequence[float] = SHRINKAGES,
    fadings: Sequence[float] = FADINGS,
) -> tuple[ItemToItem, list[Trial]]:
    """Fit item-to-item with the shrinkage and the fading that are best on the validation rows.

    Args:
        user_N: User numbers, ``(N,)``.
        item_N: Item numbers, ``(N,)``.
        num_items: Size of the catalogue.
        validate: Value of a fitted baseline on the validation rows; higher is better.
        shrinkages: Shrinkages to try, each with
        fadings: each of these fadings; 1 forgets the order of the history.

    Returns:
        The best and all trials.
    """

    def candidates() -> Iterator[tuple[dict[str, float], ItemToItem]]:
        for shrinkage in shrinkages:
            fitted = ItemToItem(shrinkage=shrinkage)
            fitted.fit(user_N, item_N, num_items)
            for fading in fadings:
                faded = copy(fitted)
                faded.fading = fading
                yield {"shrinkage": shrinkage, "fading": fading}, faded

    return best_of(candidates(), validate)
