"""Which items the same users had: the most similar items of each, from training interactions alone.

Source: cosine neighbourhoods of Sarwar et al., WWW 2001, and Linden et al., IEEE Internet Computing 2003,
with shrinkage. Shapes: N interactions, I item columns (0 = unknown), M neighbours of an item, C cells.
"""

import numpy as np

from motet.features.baskets import Baskets
from motet.metrics.arrays import Array, Floats, Ints


def similar_items(
    user_N: Array,
    item_N: Array,
    num_items: int,
    *,
    neighbours: int,
    shrinkage: float = 10.0,
    longest: int = 1000,
) -> tuple[Array, Array]:
    """The items that share most users with each item; an item is not its own neighbour.

    The similarity of two items is users(both) / (sqrt(users(a) users(b)) + shrinkage).

    Args:
        user_N: User numbers, ``(N,)``.
        item_N: Item numbers from 1, ``(N,)``, in order of time; pairs may repeat.
        num_items: Size of the catalogue.
        neighbours: Most similar items kept for each item.
        shrinkage: Added to the denominator: pairs seen by few users count less.
        longest: Distinct items of a user that count; the last ones of a user with more.

    Returns:
        ``(neighbour_IM, similarity_IM)``: int64 item numbers, the most similar first and 0 where there are no
        more, and float32 similarities, 0 there.
    """
    baskets = Baskets.of(user_N, item_N, num_items, longest)
    users_I = baskets.users_of_items()
    shape = (num_items + 1, min(neighbours, num_items))
    neighbour_IM, similarity_IM = np.zeros(shape, np.int64), np.zeros(shape, np.float32)
    for line_C, other_C, both_C in baskets.pairs():
        scale_C = np.sqrt(users_I[line_C] * users_I[other_C].astype(np.float64)) + shrinkage
        similarity_C = np.where(line_C == other_C, 0.0, both_C / scale_C)
        best_C, place_C = _best(line_C, similarity_C, shape[1])
        neighbour_IM[line_C[best_C], place_C] = other_C[best_C]
        similarity_IM[line_C[best_C], place_C] = similarity_C[best_C]
    neighbour_IM[similarity_IM == 0] = 0
    return neighbour_IM, similarity_IM


def _best(line_C: Ints, similarity_C: Floats, kept: int) -> tuple[Ints, Ints]:
    """The cells of each line's highest similarities, and their places in the line."""
    order_C = np.lexsort((-similarity_C, line_C))
    sorted_C = line_C[order_C]
    first_C = np.flatnonzero(np.diff(sorted_C, prepend=-1))
    place_C = np.arange(len(sorted_C)) - np.repeat(first_C, np.diff(np.append(first_C, len(sorted_C))))
    kept_C = place_C < kept
    return order_C[kept_C], place_C[kept_C]
