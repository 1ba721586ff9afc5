"""Which items occur with which: the pair counts under item-to-item and EASE, a block at a time.

Shapes: N interactions, U users, I item columns (0 = unknown), C cells that are not 0, M pairs.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np

from motet.metrics.arrays import Array, Ints, expand

_CELLS = 4_000_000  # Cells of a block of lines: 32 MB.
_PAIRS = 10_000_000  # Pairs counted at a time: some 300 MB of temporary arrays.


@dataclass(frozen=True, eq=False)
class Baskets:
    """Every user's distinct items and every item's users, as two ragged arrays."""

    num_items: int
    user_offset_U1: Ints
    item_of_user_N: Ints
    item_offset_I1: Ints
    user_of_item_N: Ints

    @classmethod
    def of(cls, user_N: Array, item_N: Array, num_items: int, longest: int | None = None) -> Self:
        """Collect distinct pairs; unknown items are passed over.

        Args:
            user_N: User numbers, ``(N,)``.
            item_N: Item numbers, ``(N,)``.
            num_items: Size of the catalogue.
            longest: Of a user with more distinct items only that many, the ones met last in the arrays, are
                kept; the work grows with the square of a user's items.
        """
        last_N = _last_of_pairs(user_N, item_N)
        _, user_N = np.unique(user_N[last_N], return_inverse=True)
        item_N = item_N[last_N].astype(np.int64)
        if longest is not None:
            kept_N = _place_from_end(user_N) < longest
            user_N, item_N = user_N[kept_N], item_N[kept_N]
        by_user_N, by_item_N = np.argsort(user_N, kind="stable"), np.argsort(item_N, kind="stable")
        return cls(
            num_items, _offsets(user_N), item_N[by_user_N], _offsets(item_N, num_items + 1), user_N[by_item_N]
        )

    def users_of_items(self) -> Ints:
        """Number of users who have each item, ``(I,)``."""
        return np.diff(self.item_offset_I1)

    def pairs(self) -> Iterator[tuple[Ints, Ints, Ints]]:
        """Pairs of items that some user has both of, a block of lines of the square matrix at a time.

        Yields:
            ``(line_C, other_C, users_C)``: two item numbers (also an item with itself) and how many users
            have both, sorted by line and other; a line lies in one block.
        """
        width = self.num_items + 1
        step = max(1, _CELLS // width)
        for start in range(0, width, step):
            cell_C, users_C = self._count(start, min(width, start + step))
            yield start + cell_C // width, cell_C % width, users_C

    def _count(self, start: int, stop: int) -> tuple[Ints, Ints]:
        """Cells of the block that are not zero, and their counts."""
        width = self.num_items + 1
        place_N, line_N = expand(self.item_offset_I1, np.arange(start, stop))
        user_N = self.user_of_item_N[place_N]
        reach_N = np.cumsum(np.diff(self.user_offset_U1)[user_N])
        cells, total = (stop - start) * width, int(reach_N[-1]) if len(reach_N) else 0
        if total < cells // 4:  # Mostly empty: sorting the pairs is cheaper than counting into every cell.
            cell_C, users_C = np.unique(self._cells(user_N, line_N), return_counts=True)
            return cell_C, users_C
        count = np.zeros(cells, np.int64)
        cuts = np.searchsorted(reach_N, np.arange(_PAIRS, total, _PAIRS))
        for part_N in np.split(np.arange(len(user_N)), cuts):
            count += np.bincount(self._cells(user_N[part_N], line_N[part_N]), minlength=cells)
        cell_C = np.flatnonzero(count)
        return cell_C, count[cell_C]

    def _cells(self, user_N: Ints, line_N: Ints) -> Ints:
        place_M, which_M = expand(self.user_offset_U1, user_N)
        return line_N[which_M] * (self.num_items + 1) + self.item_of_user_N[place_M]


def _last_of_pairs(user_N: Array, item_N: Array) -> Ints:
    """Places of the last occurrence of each (user, known item), in the order of the arrays."""
    known_N = np.flatnonzero(item_N > 0)[::-1]
    pair_N = user_N[known_N].astype(np.int64) * (int(np.max(item_N, initial=0)) + 1) + item_N[known_N]
    _, first_N = np.unique(pair_N, return_index=True)
    return np.sort(known_N[first_N])


def _place_from_end(user_N: Ints) -> Ints:
    """How many later entries of the same user there are, for each entry."""
    order_N = np.argsort(user_N, kind="stable")
    end_U = np.cumsum(np.bincount(user_N))
    place_N = np.empty(len(user_N), np.int64)
    place_N[order_N] = end_U[user_N[order_N]] - 1 - np.arange(len(user_N))
    return place_N


def _offsets(number_N: Ints, size: int = 0) -> Ints:
    return np.concatenate([[0], np.cumsum(np.bincount(number_N, minlength=size))])
