"""Metrics as functions of how often each user counts: what a bootstrap over users evaluates.

Each maker looks at the rows once and returns a statistic: counts ``(B, U)``, one resample a line, to values
``(B,)``. With all counts 1 a statistic is the metric itself; with counts it is the metric of the rows
repeated that often. Where a resample leaves the metric without meaning (AUC without a negative row) the value
is NaN. Shapes: see :mod:`motet.metrics.arrays`.
"""

from collections.abc import Callable

import numpy as np

from motet.metrics.arrays import Array, Floats, Ints, ratio
from motet.metrics.calibration import bin_of_rows
from motet.metrics.classes import auc_of_users, f1_of_classes

Statistic = Callable[[Floats], Floats]


def mean_of(value_N: Array, user_N: Ints, num_users: int) -> Statistic:
    """Mean of a value over rows; rows where it is NaN do not count.

    >>> statistic = mean_of(np.array([1.0, 2.0, np.nan]), np.array([0, 1, 1]), 2)
    >>> statistic(np.array([[1.0, 1.0], [0.0, 2.0]])).tolist()
    [1.5, 2.0]
    """
    known_N = ~np.isnan(value_N)
    total_U = np.bincount(user_N, np.where(known_N, value_N, 0.0), num_users)
    rows_U = np.bincount(user_N, known_N, num_users)
    return lambda counts_BU: ratio(counts_BU @ total_U, counts_BU @ rows_U)


def share_of(part_U: Array, whole_U: Array) -> Statistic:
    """Sum of what each user has of something in the sum of what there is.

    >>> share_of(np.array([1, 3]), np.array([2, 4]))(np.array([[1.0, 1.0], [2.0, 0.0]])).tolist()
    [0.6666666666666666, 0.5]
    """
    return lambda counts_BU: ratio(counts_BU @ part_U, counts_BU @ whole_U)


def rmse_of(label_N: Array, prediction_N: Array, user_N: Ints, num_users: int) -> Statistic:
    """Root of the mean squared error.

    >>> float(rmse_of(np.array([1.0]), np.array([4.0]), np.array([0]), 1)(np.ones((1, 1)))[0])
    3.0
    """
    mean = mean_of(np.square(np.asarray(prediction_N, np.float64) - label_N), user_N, num_users)
    return lambda counts_BU: np.sqrt(mean(counts_BU))


def auc_of(label_N: Array, score_N: Array, user_N: Ints, num_users: int) -> Statistic:
    """AUC over all rows, ties one half.

    Rows are sorted once; a resample then needs one running sum of its negatives, read at each positive.

    >>> statistic = auc_of(np.array([0, 1, 0]), np.array([0.1, 0.5, 0.9]), np.array([0, 0, 1]), 2)
    >>> statistic(np.array([[1.0, 1.0], [1.0, 0.0], [0.0, 1.0]])).tolist()
    [0.5, 1.0, nan]
    """
    order_N = np.argsort(score_N, kind="stable")
    positive_N = np.asarray(label_N)[order_N] > 0.5
    score_N, user_N = np.asarray(score_N)[order_N], user_N[order_N]
    user_P, user_G = user_N[positive_N], user_N[~positive_N]
    below_P, upto_P = (
        np.searchsorted(score_N[~positive_N], score_N[positive_N], side) for side in ("left", "right")
    )

    def statistic(counts_BU: Floats) -> Floats:
        counts_UB = np.ascontiguousarray(counts_BU.T)
        weight_PB = counts_UB[user_P]
        negatives_GB = np.zeros((len(user_G) + 1, len(counts_BU)))
        np.cumsum(counts_UB[user_G], axis=0, out=negatives_GB[1:])
        wins_B = np.einsum("pb,pb->b", weight_PB, negatives_GB[below_P] + negatives_GB[upto_P]) / 2
        return ratio(wins_B, weight_PB.sum(0) * negatives_GB[-1])

    return statistic


def gauc_of(label_N: Array, score_N: Array, user_N: Ints, num_users: int) -> Statistic:
    """Mean of the users' AUC weighted by their rows, over users with both classes.

    >>> statistic = gauc_of(np.array([0, 1, 0, 1]), np.array([0.1, 0.9, 0.8, 0.2]), np.array([0, 0, 1, 1]), 2)
    >>> statistic(np.array([[1.0, 1.0], [3.0, 1.0]])).tolist()
    [0.5, 0.75]
    """
    auc_U, rows_U = auc_of_users(label_N, score_N, user_N, num_users)
    weight_U = np.where(np.isnan(auc_U), 0, rows_U)
    total_U = np.nan_to_num(auc_U) * weight_U
    return lambda counts_BU: ratio(counts_BU @ total_U, counts_BU @ weight_U)


def ece_of(label_N: Array, probability_N: Array, user_N: Ints, num_users: int, bins: int = 15) -> Statistic:
    """Expected calibration error over the equal-mass bins of the whole sample, which stay where they are.

    >>> ece = ece_of(np.array([0, 1]), np.array([0.2, 0.2]), np.array([0, 1]), 2)
    >>> round(float(ece(np.array([[3.0, 1.0]]))[0]), 6)
    0.05
    """
    cell_N = user_N * bins + bin_of_rows(probability_N, bins)
    gap_N = np.asarray(probability_N, np.float64) - label_N
    gap_UG = np.bincount(cell_N, gap_N, num_users * bins).reshape(num_users, bins)
    rows_U = np.bincount(user_N, minlength=num_users)
    return lambda counts_BU: ratio(np.abs(counts_BU @ gap_UG).sum(1), counts_BU @ rows_U)


def macro_f1_of(label_N: Array, predicted_N: Array, user_N: Ints, num_users: int) -> Statistic:
    """Mean F1 over the classes that the resample's rows bear as label or prediction.

    >>> statistic = macro_f1_of(np.array([0, 1]), np.array([0, 0]), np.array([0, 1]), 2)
    >>> statistic(np.array([[1.0, 0.0], [1.0, 1.0]])).round(4).tolist()
    [1.0, 0.3333]
    """
    num_classes = int(max(np.max(label_N, initial=0), np.max(predicted_N, initial=0))) + 1

    def one(counts_U: Floats) -> float:
        f1_C = f1_of_classes(label_N, predicted_N, num_classes, counts_U[user_N])
        known_C = ~np.isnan(f1_C)
        return float(f1_C[known_C].mean()) if known_C.any() else float("nan")

    return lambda counts_BU: np.array([one(counts_U) for counts_U in counts_BU])
