"""Ranking metrics on the full catalogue, from the ranks of the items that should have been found.

Flat arrays in: `rank_T` (1 = first place), `query_T` (the query 0..Q-1 a target belongs to), `num_queries`.
One value a query out, NaN for a query without a target; the caller takes the mean. Targets of one query are
distinct items. Source of the definitions: Järvelin and Kekäläinen, TOIS 2002 (NDCG); Voorhees, TREC-8 1999
(reciprocal rank); full instead of sampled ranking: Krichene and Rendle, KDD 2020. Shapes: see
:mod:`motet.metrics.arrays`.
"""

import numpy as np

from motet.errors import DataError
from motet.metrics.arrays import Array, Floats, Ints, ratio

NOT_RANKED = np.iinfo(np.int64).max
"""The rank of a target that cannot be recommended (excluded, or scored minus infinity): a miss at every k."""


def rank_of_targets(
    score_QI: Array,
    target_T: Array,
    query_T: Array,
    excluded_X: Array | None = None,
    excluded_query_X: Array | None = None,
) -> Ints:
    """Rank each target among all items of its row, ties broken by the smaller item number.

    A rank is 1 + the number of items with a higher score + the number of items with an equal score and a
    smaller number. Excluded items (what the user has already) and items scored minus infinity never count; as
    a target they have the rank `NOT_RANKED`. Other targets of the same query are *not* removed, so two
    targets never share a rank.

    Args:
        score_QI: Scores, ``(Q, I)``; a column is an item number.
        target_T: Item number of each target, ``(T,)``.
        query_T: Row of each target, ``(T,)``.
        excluded_X: Item numbers that do not take part, ``(X,)``.
        excluded_query_X: Row in which each of them does not, ``(X,)``.

    Returns:
        Ranks from 1, ``(T,)``.

    Raises:
        DataError: A score is NaN.

    >>> score_QI = np.array([[0.9, 0.5, 0.9, 0.1]])
    >>> rank_of_targets(score_QI, np.array([0, 2, 1]), np.array([0, 0, 0])).tolist()
    [1, 2, 3]
    >>> rank_of_targets(score_QI, np.array([1]), np.array([0]), np.array([0, 2]), np.array([0, 0])).tolist()
    [1]
    """
    _refuse_nan(score_QI)
    if excluded_X is not None and excluded_query_X is not None:
        score_QI = score_QI.copy()
        score_QI[excluded_query_X, excluded_X] = -np.inf
    rank_T = np.empty(len(target_T), np.int64)
    step = max(1, 4_000_000 // max(1, score_QI.shape[1]))
    for start in range(0, len(target_T), step):
        part = slice(start, start + step)
        rank_T[part] = _ranks(score_QI, target_T[part], query_T[part])
    return rank_T


def _ranks(score_QI: Array, target_T: Array, query_T: Array) -> Ints:
    row_TI = score_QI[query_T]
    own_T1 = score_QI[query_T, target_T][:, None]
    ahead_T = np.count_nonzero(row_TI > own_T1, axis=1)
    ties_T = np.count_nonzero(row_TI == own_T1, axis=1)
    for target in np.flatnonzero(ties_T > 1):  # others of the same score: the smaller number comes first
        ahead_T[target] += np.count_nonzero(row_TI[target, : target_T[target]] == own_T1[target])
    return np.where(np.isneginf(own_T1[:, 0]), NOT_RANKED, ahead_T + 1)


def _refuse_nan(score_QI: Array) -> None:
    if not np.isnan(score_QI.max(initial=-np.inf)):  # a NaN is the largest of all
        return
    wrong_QI = np.isnan(score_QI)
    query, item = (int(place) for place in np.argwhere(wrong_QI)[0])
    raise DataError(
        f"Ranking: {int(wrong_QI.sum())} of {score_QI.size} scores are NaN, the first in query {query} "
        f"for item {item}. A model that scores NaN has diverged: lower training.learning_rate, or write  "
        "precision: fp32  under training."
    )


def targets_per_query(query_T: Array, num_queries: int) -> Ints:
    """Number of targets of each query, ``(Q,)``.

    >>> targets_per_query(np.array([0, 0, 2]), 3).tolist()
    [2, 0, 1]
    """
    return np.bincount(query_T, minlength=num_queries)


def recall(rank_T: Array, query_T: Array, num_queries: int, k: int) -> Floats:
    """Share of a query's targets among the first k, ``(Q,)``. With more than k targets it cannot reach 1.

    >>> recall(np.array([1, 30]), np.array([0, 0]), 2, k=10).tolist()
    [0.5, nan]
    """
    hits_Q = np.bincount(query_T, rank_T <= k, minlength=num_queries)
    return ratio(hits_Q, targets_per_query(query_T, num_queries))


def hit_rate(rank_T: Array, query_T: Array, num_queries: int, k: int) -> Floats:
    """1 if at least one target of the query is among the first k, else 0, ``(Q,)``.

    >>> hit_rate(np.array([1, 30, 11]), np.array([0, 0, 1]), 3, k=10).tolist()
    [1.0, 0.0, nan]
    """
    found_Q = recall(rank_T, query_T, num_queries, k)
    return np.where(np.isnan(found_Q), np.nan, found_Q > 0)


def ndcg(rank_T: Array, query_T: Array, num_queries: int, k: int) -> Floats:
    """Discounted gain of the targets among the first k over that of the best possible list, ``(Q,)``.

    Relevance is binary, the discount of rank r is 1 / log2(r + 1), and the best list holds min(k, targets)
    targets in its first places (Järvelin and Kekäläinen 2002, doi.org/10.1145/582415.582418).

    >>> ndcg(np.array([3]), np.array([0]), 2, k=10).tolist()
    [0.5, nan]
    """
    discount_K = 1 / np.log2(np.arange(2, k + 2))
    best_K = np.concatenate([[0.0], np.cumsum(discount_K)])
    inside_T = rank_T <= k
    gain_T = np.where(inside_T, discount_K[np.where(inside_T, rank_T, 1) - 1], 0.0)
    gain_Q = np.bincount(query_T, gain_T, minlength=num_queries)
    return ratio(gain_Q, best_K[np.minimum(targets_per_query(query_T, num_queries), k)])


def reciprocal_rank(rank_T: Array, query_T: Array, num_queries: int) -> Floats:
    """1 / rank of the query's first target, without a cut, ``(Q,)``; a target that is not ranked gives 0.

    >>> reciprocal_rank(np.array([4, 2]), np.array([0, 0]), 2).tolist()
    [0.5, nan]
    """
    best_Q = np.zeros(num_queries)
    np.maximum.at(best_Q, query_T, np.where(rank_T == NOT_RANKED, 0.0, 1 / np.asarray(rank_T, np.float64)))
    return np.where(targets_per_query(query_T, num_queries) == 0, np.nan, best_Q)
