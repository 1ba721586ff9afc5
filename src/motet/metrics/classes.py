"""Metrics of predicted classes: AUC, GAUC, log loss, accuracy, macro F1 and a report for each class.

Labels of two-class metrics are 0 or 1 (or booleans); classes are numbers 0..C-1. Rows without a label are the
caller's to leave out. Shapes: see :mod:`motet.metrics.arrays`.
"""

from collections.abc import Sequence
from typing import TypedDict

import numpy as np

from motet.metrics.arrays import Array, Floats, Ints, ratio

_SMALLEST = float(np.finfo(np.float64).eps)


class ClassReport(TypedDict):
    """Quality on one class. Precision without a predicted row, or recall without a labelled one, is 0."""

    name: str
    precision: float
    recall: float
    f1: float
    n: int


def auc(label_N: Array, score_N: Array) -> float:
    """Chance that a random positive row scores above a random negative one; equal scores count one half.

    The area under the ROC curve as the Mann-Whitney statistic (Hanley and McNeil, Radiology 1982). NaN when
    all rows are of one class.

    >>> auc(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.4, 0.8]))
    0.875
    """
    return float(auc_of_users(label_N, score_N, np.zeros(len(label_N), np.int64), 1)[0][0])


def auc_of_users(label_N: Array, score_N: Array, user_N: Array, num_users: int) -> tuple[Floats, Ints]:
    """AUC inside each user's rows.

    Returns:
        ``(auc_U, rows_U)``: AUC (NaN for a user whose rows are of one class) and number of rows.

    >>> auc_of_users(np.array([0, 1, 1]), np.array([0.1, 0.7, 0.2]), np.array([0, 0, 1]), 2)[0].tolist()
    [1.0, nan]
    """
    rank_N = _rank_inside_user(score_N, user_N)
    positive_N = np.asarray(label_N) > 0.5
    rows_U = np.bincount(user_N, minlength=num_users)
    positives_U = np.bincount(user_N, positive_N, minlength=num_users)
    rank_sum_U = np.bincount(user_N, np.where(positive_N, rank_N, 0.0), minlength=num_users)
    pairs_U = positives_U * (rows_U - positives_U)
    return ratio(rank_sum_U - positives_U * (positives_U + 1) / 2, pairs_U), rows_U


def _rank_inside_user(score_N: Array, user_N: Array) -> Floats:
    """Rank from 1 among the user's rows, lowest score first; ties share the mean of their ranks."""
    order_N = np.lexsort((score_N, user_N))
    user_sorted_N, score_sorted_N = np.asarray(user_N)[order_N], np.asarray(score_N)[order_N]
    new_user_N = np.diff(user_sorted_N, prepend=-1) != 0
    new_tie_N = new_user_N.copy()
    new_tie_N[1:] |= score_sorted_N[1:] != score_sorted_N[:-1]
    start_G = np.flatnonzero(new_tie_N)
    end_G = np.append(start_G[1:], len(order_N))
    user_start_G = np.flatnonzero(new_user_N)[np.cumsum(new_user_N)[start_G] - 1]
    rank_N = np.empty(len(order_N))
    rank_N[order_N] = np.repeat((start_G + end_G + 1) / 2 - user_start_G, end_G - start_G)
    return rank_N


def gauc(label_N: Array, score_N: Array, user_N: Array) -> float:
    """Mean of the users' AUC, weighted by their rows, over users who have both classes.

    Source: Zhu et al., KDD 2017 (arXiv:1703.02091). It measures the order inside a user, which
    is what a ranked page shows. NaN when no user has both classes.

    >>> gauc(np.array([0, 1, 0, 1, 1]), np.array([0.1, 0.9, 0.8, 0.2, 0.5]), np.array([7, 7, 9, 9, 9]))
    0.4
    """
    names_U, dense_N = np.unique(user_N, return_inverse=True)
    auc_U, rows_U = auc_of_users(label_N, score_N, dense_N, len(names_U))
    known_U = ~np.isnan(auc_U)
    return float(ratio((auc_U[known_U] * rows_U[known_U]).sum(), rows_U[known_U].sum()))


def log_losses(label_N: Array, probability_N: Array) -> Floats:
    """Negative log-likelihood of each row in nats, ``(N,)``.

    Probabilities are kept 2.2e-16 away from 0 and 1, as in scikit-learn, so that one sure mistake costs 36
    nats.

    >>> log_losses(np.array([1, 0]), np.array([0.5, 0.0])).round(4).tolist()
    [0.6931, 0.0]
    """
    probability_N = np.clip(np.asarray(probability_N, np.float64), _SMALLEST, 1 - _SMALLEST)
    return -np.log(np.where(np.asarray(label_N) > 0.5, probability_N, 1 - probability_N))


def log_loss(label_N: Array, probability_N: Array) -> float:
    """Mean negative log-likelihood in nats; NaN without rows.

    >>> round(log_loss(np.array([1, 0]), np.array([0.5, 0.5])), 6)
    0.693147
    """
    return float(ratio(log_losses(label_N, probability_N).sum(), len(label_N)))


def accuracy(label_N: Array, predicted_N: Array) -> float:
    """Share of rows whose class was predicted; NaN without rows.

    >>> accuracy(np.array([0, 1, 2, 2]), np.array([0, 1, 1, 2]))
    0.75
    """
    return float(ratio(int(np.count_nonzero(np.equal(label_N, predicted_N))), len(label_N)))


def f1_of_classes(
    label_N: Array, predicted_N: Array, num_classes: int, weight_N: Array | None = None
) -> Floats:
    """F1 of each class, ``(C,)``; NaN for a class that is neither labelled nor predicted in any row.

    >>> f1_of_classes(np.array([0, 1]), np.array([0, 0]), 3).round(4).tolist()
    [0.6667, 0.0, nan]
    """
    right_N = np.equal(label_N, predicted_N)
    right_C = np.bincount(label_N, right_N if weight_N is None else right_N * weight_N, minlength=num_classes)
    either_C = np.bincount(label_N, weight_N, num_classes) + np.bincount(predicted_N, weight_N, num_classes)
    return ratio(2 * right_C, either_C)


def macro_f1(label_N: Array, predicted_N: Array) -> float:
    """Mean F1 over the classes that are labelled or predicted at least once; NaN without rows.

    This is scikit-learn's macro average with its default set of classes.

    >>> round(macro_f1(np.array([0, 0, 1, 5]), np.array([0, 1, 1, 1])), 6)
    0.388889
    """
    if not len(label_N):
        return float("nan")
    num_classes = int(max(np.max(label_N), np.max(predicted_N))) + 1
    return float(np.nanmean(f1_of_classes(label_N, predicted_N, num_classes)))


def report_by_class(label_N: Array, predicted_N: Array, names: Sequence[str]) -> list[ClassReport]:
    """Precision, recall, F1 and number of labelled rows of each class, in the order of `names`.

    >>> report_by_class(np.array([0, 1, 1]), np.array([0, 0, 1]), ["no", "yes"])[0]
    {'name': 'no', 'precision': 0.5, 'recall': 1.0, 'f1': 0.6666666666666666, 'n': 1}
    """
    size = len(names)
    right_C = np.bincount(label_N, np.equal(label_N, predicted_N), minlength=size)
    labelled_C, chosen_C = np.bincount(label_N, minlength=size), np.bincount(predicted_N, minlength=size)
    precision_C, recall_C = (np.nan_to_num(ratio(right_C, whole_C)) for whole_C in (chosen_C, labelled_C))
    f1_C = np.nan_to_num(f1_of_classes(label_N, predicted_N, size))
    return [
        ClassReport(name=name, precision=float(p), recall=float(r), f1=float(f), n=int(n))
        for name, p, r, f, n in zip(names, precision_C, recall_C, f1_C, labelled_C, strict=True)
    ]
