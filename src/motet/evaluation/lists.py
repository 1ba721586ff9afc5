"""What was recommended, for the metrics beyond accuracy.

Shapes: Q queries, K places of a list, I item columns (0 = unknown), H items of histories, B chosen queries.
"""

from dataclasses import dataclass

import numpy as np

from motet.metrics.arrays import Array, Floats, Ints, expand
from motet.metrics.beyond import category_diversity, coverage, novelty, popularity_bias, vector_diversity


@dataclass(frozen=True, eq=False)
class Catalogue:
    """What is known of the items from training; column 0 of each array is not used.

    Attributes:
        count_I: Training events of each item.
        users_I: Training users who have the item.
        num_users: Training users.
        vector_ID: Item vectors, for diversity by cosine.
        categories: Where each item's categories start, ``(I + 1,)``, and category numbers: for diversity by
            shared categories where there are no vectors.
    """

    count_I: Array
    users_I: Array
    num_users: int
    vector_ID: Array | None = None
    categories: tuple[Array, Array] | None = None


@dataclass(frozen=True, eq=False)
class Lists:
    """What was recommended to each query, and what its user had before.

    Attributes:
        shown_QK: Item numbers, best first, 0 for an empty place.
        offset_Q1: Where the history of each query starts.
        history_H: Item numbers of the histories.
        catalogue: The items.
    """

    shown_QK: Array
    offset_Q1: Array
    history_H: Array
    catalogue: Catalogue

    def take(self, query_B: Ints) -> "Lists":
        """The lists of some queries."""
        place_H, _ = expand(self.offset_Q1, query_B)
        offset_B1 = np.concatenate([[0], np.cumsum(np.diff(self.offset_Q1)[query_B])])
        return Lists(self.shown_QK[query_B], offset_B1, self.history_H[place_H], self.catalogue)

    def values(self, k: int) -> dict[str, Floats]:
        """Metrics of the first k places of each query, name -> ``(Q,)``."""
        shown_QK, catalogue = self.shown_QK[:, :k], self.catalogue
        bias_Q = popularity_bias(shown_QK, self.offset_Q1, self.history_H, catalogue.count_I)
        values = {
            f"novelty@{k}": novelty(shown_QK, catalogue.users_I, catalogue.num_users),
            f"popularity_bias@{k}": bias_Q,
        }
        if catalogue.vector_ID is not None:
            values[f"diversity@{k}"] = vector_diversity(shown_QK, catalogue.vector_ID)
        elif catalogue.categories is not None:
            values[f"diversity@{k}"] = category_diversity(shown_QK, *catalogue.categories)
        return values

    def coverage(self, k: int) -> float:
        """Share of the catalogue in the first k places of at least one list."""
        return coverage(self.shown_QK[:, :k], len(self.catalogue.count_I) - 1)
