"""Errors of numbers against scikit-learn."""

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from motet.metrics.numbers import mae, rmse


def test_errors_are_those_of_scikit_learn():
    generator = np.random.default_rng(0)
    label_N, prediction_N = generator.normal(size=(2, 200)).astype(np.float32)
    expected = sklearn_metrics.root_mean_squared_error(label_N, prediction_N)
    assert rmse(label_N, prediction_N) == pytest.approx(expected, abs=1e-6)
    assert mae(label_N, prediction_N) == pytest.approx(
        sklearn_metrics.mean_absolute_error(label_N, prediction_N), abs=1e-6
    )


def test_errors_of_no_rows_are_not_numbers():
    assert np.isnan(rmse(np.zeros(0), np.zeros(0)))
    assert np.isnan(mae(np.zeros(0), np.zeros(0)))
