"""EASE: the linear autoencoder in closed form that is hard to beat on small catalogues.

Source: Steck, WWW 2019 (arXiv:1905.03375). Shapes: B queries, H items of histories, I item columns (0 =
unknown).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from motet.evaluation.baselines import Trial, best_of, closed, counts_of_items
from motet.features.baskets import Baskets
from motet.metrics.arrays import Array, Floats
from motet.system.log import progress

MOST_ITEMS = 20_000
"""Largest catalogue: three float32 matrices of items times items are 5 GB, a solution takes two minutes."""

GRID = (10.0, 50.0, 200.0, 800.0)


def too_large(num_items: int) -> str | None:
    """Why EASE is left out of a catalogue of this size, or None when it is not.

    >>> too_large(12_000) is None
    True
    """
    if num_items <= MOST_ITEMS:
        return None
    return (
        f"EASE is left out: it inverts a matrix of items times items, and {num_items:,} items would take "
        f"{12 * num_items**2 / 1e9:,.0f} GB; it is computed up to {MOST_ITEMS:,} items"
    )


class Ease:
    """Scores are the history times a matrix of item weights that ridge regression fits with a zero diagonal.

    The weights are B = I - P diag(1 / diag P) with P = (X'X + l2 I)^-1, X the distinct (user, item) pairs. An
    empty history gives the order of popularity.
    """

    def __init__(self, *, l2: float = 200.0) -> None:
        """Settings.

        Args:
            l2: The penalty lambda.
        """
        self.l2 = l2

    def fit(self, user_N: Array, item_N: Array, num_items: int, weight_N: Array | None = None) -> None:
        """Count pairs and invert. Weights move the order of an empty history alone."""
        self.solve(gram(user_N, item_N, num_items), counts_of_items(item_N, num_items, weight_N))

    def solve(self, gram_II: Tensor, count_I: Floats) -> None:
        """Fit from ready pair counts, which stay as they are.

        Args:
            gram_II: Users who have both items, float32 ``(I, I)``, with line and column 0 zero.
            count_I: Training interactions of each item.
        """
        weight_II = gram_II.clone()
        weight_II.diagonal().add_(self.l2)
        with _one_thread():
            torch.linalg.cholesky(weight_II, out=weight_II)
            torch.cholesky_inverse(weight_II, out=weight_II)
        weight_II.div_(-weight_II.diagonal().clone()).fill_diagonal_(0.0)
        self.weight_II = weight_II
        self.popularity_I = (count_I / max(1.0, count_I.max())).astype(np.float32)

    def score(self, offset_B1: Array, item_H: Array) -> Array:
        """Scores float32 ``(B, I)``: the sum of the weights of the history's distinct items."""
        first_H, length_B = _distinct(offset_B1, item_H)
        start_B = torch.from_numpy(np.cumsum(length_B) - length_B)
        item_F = torch.from_numpy(item_H[first_H].astype(np.int64))
        score_BI = torch.nn.functional.embedding_bag(item_F, self.weight_II, start_B, mode="sum").numpy()
        score_BI[length_B == 0] = self.popularity_I
        return closed(score_BI)


@contextmanager
def _one_thread() -> Iterator[None]:
    """One thread for the time being: `cholesky_inverse` took much longer with two (torch 2.13, two cores)."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _distinct(offset_B1: Array, item_H: Array) -> tuple[Array, Array]:
    """Places of the first occurrence of each known item of a history, and their number for each history."""
    query_H = np.repeat(np.arange(len(offset_B1) - 1), np.diff(offset_B1))
    item_H = item_H[offset_B1[0] : offset_B1[-1]]
    known_H = np.flatnonzero(item_H > 0)
    pair_H = query_H[known_H] * (int(np.max(item_H, initial=0)) + 1) + item_H[known_H]
    _, first_H = np.unique(pair_H, return_index=True)
    place_F = known_H[first_H]
    return place_F + offset_B1[0], np.bincount(query_H[place_F], minlength=len(offset_B1) - 1)


def gram(user_N: Array, item_N: Array, num_items: int) -> Tensor:
    """Number of users who have both items, float32 ``(I, I)``; line and column 0 are zero."""
    gram_II = torch.zeros(num_items + 1, num_items + 1)
    for line_C, other_C, users_C in Baskets.of(user_N, item_N, num_items).pairs():
        gram_II[torch.from_numpy(line_C), torch.from_numpy(other_C)] = torch.from_numpy(users_C).float()
    return gram_II


def fit_best(
    user_N: Array,
    item_N: Array,
    num_items: int,
    validate: Callable[[Ease], float],
    grid: Sequence[float] = GRID,
) -> tuple[Ease, list[Trial]]:
    """Fit EASE with the penalty of the grid that is best on the validation rows.

    Args:
        user_N: User numbers, ``(N,)``.
        item_N: Item numbers, ``(N,)``.
        num_items: Size of the catalogue, at most `MOST_ITEMS`.
        validate: Value of a fitted EASE on the validation rows; higher is better.
        grid: Penalties to try.

    Returns:
        The best and all trials.
    """
    gram_II, count_I = gram(user_N, item_N, num_items), counts_of_items(item_N, num_items)

    def candidates() -> Iterator[tuple[dict[str, float], Ease]]:
        with progress(len(grid), "penalties of EASE") as bar:
            for l2 in grid:
                ease = Ease(l2=l2)
                ease.solve(gram_II, count_I)
                yield {"l2": l2}, ease
                bar.advance()

    return best_of(candidates(), validate)
