"""Beyond accuracy: how much of the catalogue is shown, how well known, how alike, how popular.

`shown_QK` holds recommended item numbers, best first; 0 is an empty place and counts for nothing. Catalogue
arrays have a column for each item number with column 0 unused. One value a query, NaN where it has no
meaning. Shapes: see :mod:`motet.metrics.arrays`.
"""

from typing import TypedDict

import numpy as np

from motet.metrics.arrays import Array, Floats, Ints, expand, ratio


class Decile(TypedDict):
    """One tenth of the catalogue, 1 = least popular: its shares of items, training events and places."""

    decile: int
    catalogue_share: float
    consumed_share: float
    recommended_share: float


def coverage(shown_QK: Array, num_items: int) -> float:
    """Share of the catalogue's items that stand in at least one list (Ge et al., RecSys 2010).

    It grows with the number of lists: compare on the same queries. NaN for an empty catalogue.

    >>> coverage(np.array([[1, 2], [2, 0]]), num_items=4)
    0.5
    """
    return float(ratio(len(np.setdiff1d(shown_QK, [0])), num_items))


def novelty(shown_QK: Array, users_I: Array, num_users: int) -> Floats:
    """Mean self-information in bits, log2(users / users who have the item), of each list, ``(Q,)``.

    Source: Zhou et al., PNAS 2010 (doi.org/10.1073/pnas.1000488107). An item that nobody has counts as had by
    one user.

    Args:
        shown_QK: Recommended item numbers, ``(Q, K)``.
        users_I: Training users who have the item, ``(I,)``.
        num_users: Training users.

    >>> novelty(np.array([[1, 2], [0, 0]]), np.array([0, 8, 1]), num_users=8).tolist()
    [1.5, nan]
    """
    information_I = np.log2(num_users / np.maximum(users_I, 1))
    return _mean_of_list(information_I, shown_QK)


def _mean_of_list(value_I: Array, shown_QK: Array) -> Floats:
    filled_QK = shown_QK > 0
    return ratio(np.where(filled_QK, value_I[shown_QK], 0.0).sum(1), filled_QK.sum(1))


def vector_diversity(shown_QK: Array, vector_ID: Array) -> Floats:
    """Mean over the pairs of a list of 1 - cosine of their item vectors, ``(Q,)`` (Ziegler et al., WWW 2005).

    NaN for a list of fewer than two items; an item whose vector is zero is at distance 1 from all others.

    >>> vector_diversity(np.array([[1, 2], [1, 1], [1, 0]]), np.array([[0.0, 0], [3, 0], [0, 2]])).tolist()
    [1.0, 0.0, nan]
    """
    length_I1 = np.linalg.norm(vector_ID, axis=1, keepdims=True)
    unit_ID = vector_ID / np.where(length_I1 > 0, length_I1, 1.0)
    filled_QK = (shown_QK > 0).astype(np.float64)
    places_Q = filled_QK.sum(1)
    squared_Q, own_Q = np.empty(len(shown_QK)), np.empty(len(shown_QK))
    step = max(1, 4_000_000 // max(1, shown_QK.shape[1] * vector_ID.shape[1]))
    for start in range(0, len(shown_QK), step):
        part = slice(start, start + step)
        unit_QKD = unit_ID[shown_QK[part]] * filled_QK[part, :, None]
        squared_Q[part] = np.square(unit_QKD.sum(1)).sum(1)
        own_Q[part] = np.square(unit_QKD).sum((1, 2))
    return 1 - ratio(squared_Q - own_Q, places_Q * (places_Q - 1))


def category_diversity(shown_QK: Array, offset_I1: Array, category_N: Array) -> Floats:
    """Mean over the pairs of a list of the Jaccard distance of their categories, ``(Q,)``.

    Two items without any category are at distance 1: nothing says that they are alike. NaN for a list of
    fewer than two.

    Args:
        shown_QK: Recommended item numbers, ``(Q, K)``.
        offset_I1: Where each item's categories start, ``(I + 1,)``, item 0 included.
        category_N: Category numbers from 0, each once an item, ``(N,)``.

    >>> offset_I1, category_N = np.array([0, 0, 2, 3]), np.array([5, 6, 5])
    >>> category_diversity(np.array([[1, 2], [1, 0]]), offset_I1, category_N).tolist()
    [0.5, nan]
    """
    count_I = np.diff(offset_I1)
    widest = max(1, int(count_I.max(initial=0)))
    padded_IW = np.full((len(count_I), widest), -1, np.int64)
    place_N, item_N = expand(offset_I1, np.arange(len(count_I)))
    padded_IW[item_N, place_N - offset_I1[item_N]] = category_N[place_N]
    total_Q, pairs_Q = np.zeros(len(shown_QK)), np.zeros(len(shown_QK))
    for left in range(shown_QK.shape[1]):
        for right in range(left + 1, shown_QK.shape[1]):
            a_Q, b_Q = shown_QK[:, left], shown_QK[:, right]
            both_Q = (a_Q > 0) & (b_Q > 0)
            total_Q += both_Q * _jaccard_distance(padded_IW[a_Q], padded_IW[b_Q])
            pairs_Q += both_Q
    return ratio(total_Q, pairs_Q)


def _jaccard_distance(a_QW: Ints, b_QW: Ints) -> Floats:
    shared_Q = np.zeros(len(a_QW))
    for column in range(a_QW.shape[1]):
        shared_Q += ((a_QW[:, column : column + 1] == b_QW) & (b_QW >= 0)).any(1)
    either_Q = (a_QW >= 0).sum(1) + (b_QW >= 0).sum(1) - shared_Q
    return 1.0 - np.nan_to_num(ratio(shared_Q, either_Q))


def popularity_percentile(count_I: Array) -> Floats:
    """Share of the catalogue that is less popular than the item, ``(I,)``.

    Half of the equally popular count. 0 is the least popular, 1 the most; the mean over the catalogue is 0.5.
    Place 0 is NaN.

    >>> popularity_percentile(np.array([0, 5, 1, 1, 9])).tolist()
    [nan, 0.625, 0.25, 0.25, 0.875]
    """
    sorted_I = np.sort(count_I[1:])
    below_I, upto_I = (np.searchsorted(sorted_I, count_I, side) for side in ("left", "right"))
    share_I = (below_I + upto_I) / (2 * max(1, len(sorted_I)))
    share_I[0] = np.nan
    return share_I


def popularity_bias(shown_QK: Array, offset_Q1: Array, consumed_N: Array, count_I: Array) -> Floats:
    """Mean popularity percentile of a list less that of what the user had consumed, ``(Q,)``.

    Above 0 the list is more popular than the user's taste, 0 is none, the range is -1 to 1. After the
    popularity lift of Abdollahpouri et al. (RMSE workshop, RecSys 2019), on percentiles so that it does not
    hang on the head of the catalogue. NaN where the list or the history is empty.

    Args:
        shown_QK: Recommended item numbers, ``(Q, K)``.
        offset_Q1: Where each query's history starts, ``(Q + 1,)``.
        consumed_N: Item numbers of the histories, 0 for an unknown item, ``(N,)``.
        count_I: Training events of each item, ``(I,)``.

    >>> popularity_bias(np.array([[2]]), np.array([0, 1]), np.array([1]), np.array([0, 1, 9])).tolist()
    [0.5]
    """
    share_I = np.nan_to_num(popularity_percentile(count_I))
    place_N, query_N = expand(offset_Q1, np.arange(len(shown_QK)))
    known_N = consumed_N[place_N] > 0
    total_Q = np.bincount(query_N, share_I[consumed_N[place_N]] * known_N, minlength=len(shown_QK))
    consumed_Q = ratio(total_Q, np.bincount(query_N, known_N, minlength=len(shown_QK)))
    return _mean_of_list(share_I, shown_QK) - consumed_Q


def popularity_deciles(shown_QK: Array, count_I: Array) -> list[Decile]:
    """Share of the recommendations that goes to each tenth of the catalogue.

    Tenths go from the least to the most popular. Equally popular items are cut by their number, which is
    random. Shares are 0 where nothing was shown or consumed.

    >>> popularity_deciles(np.array([[10, 9], [10, 0]]), np.arange(11))[-1]["recommended_share"]
    0.6666666666666666
    """
    shown_I = np.bincount(shown_QK.ravel(), minlength=len(count_I))
    parts = np.array_split(np.argsort(count_I[1:], kind="stable") + 1, 10)
    items, events, shows = max(1, len(count_I) - 1), max(1, count_I[1:].sum()), max(1, shown_I[1:].sum())
    return [
        Decile(
            decile=number,
            catalogue_share=len(part) / items,
            consumed_share=float(count_I[part].sum() / events),
            recommended_share=float(shown_I[part].sum() / shows),
        )
        for number, part in enumerate(parts, 1)
    ]
