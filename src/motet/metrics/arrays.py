"""Types of the arrays that metrics take and give, and the legend of their shapes.

Shapes: N rows, U users, Q queries (one ranking each), T targets, I item columns (0 = unknown), K places of a
list, P pairs, C classes, G groups or bins, B resamples at a time, R resamples, S seeds, M lists of a ragged
array. A ragged array is a pair `offset_M1`, `value_N`: list m is `value_N[offset_M1[m] : offset_M1[m + 1]]`.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def ratio(numerator: ArrayLike, denominator: ArrayLike) -> Floats:
    """Divide, and give NaN (without a warning) where the denominator is 0.

    >>> ratio(np.array([1.0, 0.0]), np.array([2.0, 0.0])).tolist()
    [0.5, nan]
    """
    top, bottom = np.broadcast_arrays(np.asarray(numerator, np.float64), np.asarray(denominator, np.float64))
    result = np.full(top.shape, np.nan)
    np.divide(top, bottom, out=result, where=bottom != 0)
    return result


def expand(offset_M1: Ints, chosen_B: Ints) -> tuple[Ints, Ints]:
    """Places of the values of the chosen lists of a ragged array, list after list.

    Args:
        offset_M1: Where each list starts, ``(M + 1,)``.
        chosen_B: Numbers of lists, ``(B,)``; repeats are allowed.

    Returns:
        ``(place_N, which_N)``: places in the value array, and for each the position 0..B-1 of its list in
        `chosen_B`.

    >>> [part.tolist() for part in expand(np.array([0, 2, 2, 5]), np.array([2, 0]))]
    [[2, 3, 4, 0, 1], [0, 0, 0, 1, 1]]
    """
    length_B = offset_M1[chosen_B + 1] - offset_M1[chosen_B]
    which_N = np.repeat(np.arange(len(chosen_B)), length_B)
    before_B = np.cumsum(length_B) - length_B
    place_N = np.arange(len(which_N)) + (offset_M1[chosen_B] - before_B)[which_N]
    return place_N, which_N
