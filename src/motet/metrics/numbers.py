"""Errors of predicted numbers, in the unit of the label. NaN when there is no row."""

import numpy as np

from motet.metrics.arrays import Array


def rmse(label_N: Array, prediction_N: Array) -> float:
    """Root of the mean squared error.

    >>> rmse(np.array([1.0, 3.0]), np.array([1.0, 7.0]))
    2.8284271247461903
    """
    return float(np.sqrt(_mean(np.square(_errors(label_N, prediction_N)))))


def mae(label_N: Array, prediction_N: Array) -> float:
    """Mean absolute error.

    >>> mae(np.array([1.0, 3.0]), np.array([1.0, 1.0]))
    1.0
    """
    return float(_mean(np.abs(_errors(label_N, prediction_N))))


def _errors(label_N: Array, prediction_N: Array) -> Array:
    return np.asarray(prediction_N, np.float64) - np.asarray(label_N, np.float64)


def _mean(value_N: Array) -> float:
    return float(value_N.mean()) if len(value_N) else float("nan")
