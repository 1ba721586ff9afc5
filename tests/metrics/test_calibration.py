"""Calibration against scikit-learn and by hand."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from motet.metrics.calibration import bin_of_rows, ece, reliability


@pytest.mark.parametrize(("width", "strategy"), [("equal_mass", "quantile"), ("equal_width", "uniform")])
def test_the_reliability_table_is_that_of_scikit_learn(width, strategy):
    generator = np.random.default_rng(0)
    probability_N = generator.beta(1, 4, 700)
    label_N = generator.random(700) < probability_N**1.3
    observed, predicted = calibration_curve(label_N, probability_N, n_bins=10, strategy=strategy)
    table = reliability(label_N, probability_N, bins=10, width=width)
    assert [line["observed"] for line in table] == pytest.approx(observed.tolist(), abs=1e-9)
    assert [line["predicted"] for line in table] == pytest.approx(predicted.tolist(), abs=1e-9)
    assert sum(line["n"] for line in table) == 700


def test_ece_by_hand():
    label_N, probability_N = np.array([0, 0, 1, 1]), np.array([0.1, 0.3, 0.6, 0.6])
    assert ece(label_N, probability_N, bins=2, width="equal_width") == pytest.approx(0.5 * 0.2 + 0.5 * 0.4)


def test_a_constant_prediction_has_one_bin_and_the_gap_of_the_means():
    label_N = np.array([0, 0, 0, 1])
    assert bin_of_rows(np.full(4, 0.4)).tolist() == [0, 0, 0, 0]
    assert ece(label_N, np.full(4, 0.4)) == pytest.approx(0.15)


def test_the_order_of_the_rows_does_not_move_the_ece():
    generator = np.random.default_rng(1)
    label_N, probability_N = generator.integers(0, 2, 200), generator.random(200).round(1)
    shuffle_N = generator.permutation(200)
    assert ece(label_N, probability_N) == pytest.approx(
        ece(label_N[shuffle_N], probability_N[shuffle_N]), abs=1e-12
    )


def test_equal_mass_bins_hold_equally_many_rows():
    bin_N = bin_of_rows(np.random.default_rng(2).random(150), bins=15)
    assert np.bincount(bin_N).tolist() == [10] * 15


def test_ece_of_no_rows_is_not_a_number():
    assert np.isnan(ece(np.zeros(0), np.zeros(0)))
    assert reliability(np.zeros(0), np.zeros(0)) == []
