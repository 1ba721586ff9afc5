"""The bootstrap: statistics with counts, intervals, p-values, families, seeds."""

import time

import numpy as np
import pytest

from motet.metrics.calibration import ece
from motet.metrics.classes import auc, gauc, macro_f1
from motet.metrics.numbers import rmse
from motet.metrics.uncertainty import (
    centred,
    draws_of_users,
    holm,
    interval,
    over_seeds,
    p_value,
    resampled_values,
    value_of,
)
from motet.metrics.weighted import auc_of, ece_of, gauc_of, macro_f1_of, mean_of, rmse_of

GENERATOR = np.random.default_rng(0)
USERS = 40
USER_N = GENERATOR.integers(0, USERS, 400)
LABEL_N = GENERATOR.integers(0, 2, 400)
SCORE_N = (GENERATOR.random(400) * 0.7 + LABEL_N * 0.3).round(2)
CLASS_N, PREDICTED_N = GENERATOR.integers(0, 5, 400), GENERATOR.integers(0, 5, 400)

METRICS = {
    "auc": (auc_of(LABEL_N, SCORE_N, USER_N, USERS), lambda n, user_N: auc(LABEL_N[n], SCORE_N[n])),
    "gauc": (
        gauc_of(LABEL_N, SCORE_N, USER_N, USERS),
        lambda n, user_N: gauc(LABEL_N[n], SCORE_N[n], user_N),
    ),
    "rmse": (rmse_of(LABEL_N, SCORE_N, USER_N, USERS), lambda n, user_N: rmse(LABEL_N[n], SCORE_N[n])),
    "mean": (mean_of(SCORE_N, USER_N, USERS), lambda n, user_N: SCORE_N[n].mean()),
    "macro_f1": (
        macro_f1_of(CLASS_N, PREDICTED_N, USER_N, USERS),
        lambda n, user_N: macro_f1(CLASS_N[n], PREDICTED_N[n]),
    ),
}


def repeated(counts_U):
    """Rows of each drawn user, and for each row a user number of its own for each time the user was drawn."""
    rows, users = [], []
    for user, count in enumerate(counts_U.astype(int)):
        for time_drawn in range(count):
            mine = np.flatnonzero(user == USER_N)
            rows.append(mine)
            users.append(np.full(len(mine), user + time_drawn * USERS))
    return np.concatenate(rows), np.concatenate(users)


@pytest.mark.parametrize("name", METRICS)
def test_a_statistic_with_counts_is_the_metric_of_the_repeated_rows(name):
    statistic, metric = METRICS[name]
    counts_BU = next(draws_of_users(USERS, 6, np.random.default_rng(1)))
    expected_B = [metric(*repeated(counts_U)) for counts_U in counts_BU]
    np.testing.assert_allclose(statistic(counts_BU), expected_B, atol=1e-12)


@pytest.mark.parametrize("name", METRICS)
def test_a_statistic_with_every_user_once_is_the_metric(name):
    statistic, metric = METRICS[name]
    assert value_of(statistic, USERS) == pytest.approx(metric(np.arange(400), USER_N), abs=1e-12)


def test_the_ece_statistic_with_every_user_once_is_the_ece():
    statistic = ece_of(LABEL_N, SCORE_N, USER_N, USERS)
    assert value_of(statistic, USERS) == pytest.approx(ece(LABEL_N, SCORE_N), abs=1e-12)


def test_a_resample_without_a_negative_row_has_no_auc():
    statistic = auc_of(np.array([1, 0]), np.array([0.5, 0.1]), np.array([0, 1]), 2)
    assert np.isnan(statistic(np.array([[2.0, 0.0]]))).all()
    low, high = interval(np.array([np.nan, 1.0, 3.0]))
    assert 1 <= low <= high <= 3


def test_users_are_drawn_with_replacement_and_evenly():
    counts_RU = np.concatenate(list(draws_of_users(10, 4_000, np.random.default_rng(2))))
    assert (counts_RU.sum(1) == 10).all()
    assert counts_RU.mean(0) == pytest.approx(np.ones(10), abs=0.06)
    assert counts_RU.var() == pytest.approx(0.9, abs=0.02)


def test_the_standard_error_of_a_mean_is_that_of_the_formula():
    value_N = GENERATOR.normal(size=800)
    values = resampled_values(
        {"m": mean_of(value_N, np.arange(800), 800)}, 800, 3_000, np.random.default_rng(3)
    )["m"]
    assert values.std() == pytest.approx(value_N.std() / np.sqrt(800), rel=0.05)


def test_rows_that_a_user_repeats_do_not_narrow_the_interval():
    value_U = GENERATOR.normal(size=60)
    once = mean_of(value_U, np.arange(60), 60)
    often = mean_of(np.repeat(value_U, 9), np.repeat(np.arange(60), 9), 60)
    values = resampled_values({"once": once, "often": often}, 60, 200, np.random.default_rng(4))
    np.testing.assert_allclose(values["once"], values["often"], atol=1e-12)


def test_equal_models_never_differ_because_they_see_the_same_resamples():
    statistic = METRICS["auc"][0]
    values = resampled_values({"a": statistic, "b": statistic}, USERS, 50, np.random.default_rng(5))
    assert (values["a"] == values["b"]).all()
    assert p_value(values["a"] - values["b"]) == 1.0


def test_one_generator_state_gives_one_set_of_resamples():
    runs = [
        resampled_values({"x": METRICS["mean"][0]}, USERS, 20, np.random.default_rng(seed))["x"].tolist()
        for seed in (7, 7, 8)
    ]
    assert runs[0] == runs[1] != runs[2]


def test_the_interval_of_the_calibration_error_holds_its_value():
    probability_N = np.random.default_rng(9).random(300)
    label_N = (np.random.default_rng(10).random(300) < probability_N).astype(float)
    statistic = ece_of(label_N, probability_N, np.arange(300), 300)
    values_R = resampled_values({"ece": statistic}, 300, 300, np.random.default_rng(11))["ece"]
    value = value_of(statistic, 300)
    assert values_R.mean() > value * 1.15
    low, high = interval(centred(values_R, value))
    assert 0 <= low < value < high


def test_p_values_are_never_zero():
    assert p_value(np.ones(99)) == pytest.approx(0.02)
    assert np.isnan(p_value(np.full(5, np.nan)))


def test_p_values_of_equal_models_are_spread_evenly():
    generator = np.random.default_rng(12)
    small = 0
    for _ in range(200):
        difference_N = generator.normal(size=60)
        statistic = mean_of(difference_N, np.arange(60), 60)
        small += p_value(resampled_values({"d": statistic}, 60, 99, generator)["d"]) <= 0.1
    assert 0.04 < small / 200 < 0.19


def test_holm_by_hand():
    assert holm({"a": 0.01, "b": 0.02, "c": 0.3, "d": float("nan")}) == pytest.approx(
        {"a": 0.03, "b": 0.04, "c": 0.3, "d": float("nan")}, nan_ok=True
    )
    assert holm({"a": 0.9, "b": 0.8})["a"] == 1.0
    assert holm({}) == {}


def test_seeds_that_disagree_widen_the_interval():
    user_R = np.random.default_rng(13).normal(0, 0.01, 4_000)
    alike_R = over_seeds(np.stack([user_R, user_R, user_R]), np.random.default_rng(14))
    apart_R = over_seeds(np.stack([user_R - 0.1, user_R, user_R + 0.1]), np.random.default_rng(14))
    assert alike_R == pytest.approx(user_R)
    variance_of_seeds = np.var([-0.1, 0, 0.1]) / 3
    assert apart_R.var() == pytest.approx(user_R.var() + variance_of_seeds, rel=0.06)


def test_no_users_give_no_value():
    values = resampled_values(
        {"x": mean_of(np.zeros(0), np.zeros(0, np.int64), 0)}, 0, 3, np.random.default_rng(0)
    )
    assert np.isnan(values["x"]).all()
    assert np.isnan(interval(values["x"])).all()


@pytest.mark.slow
def test_a_thousand_resamples_of_a_hundred_thousand_rows_take_seconds():
    generator = np.random.default_rng(15)
    user_N = generator.integers(0, 20_000, 100_000)
    label_N, score_N = generator.integers(0, 2, 100_000), generator.random(100_000)
    statistics = {
        "auc": auc_of(label_N, score_N, user_N, 20_000),
        "ece": ece_of(label_N, score_N, user_N, 20_000),
    }
    start = time.process_time()
    resampled_values(statistics, 20_000, 1_000, generator)
    assert time.process_time() - start < 10
