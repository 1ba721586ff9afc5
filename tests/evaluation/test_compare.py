"""Verdicts on pairs of models."""

import json

import numpy as np
import pytest

from motet.errors import DataError
from motet.evaluation.compare import gain_family, transfer
from motet.evaluation.records import RankingPredictions, RowPredictions

USERS = 120
USER_N = np.repeat(np.arange(USERS), 5)
LABEL_N = np.random.default_rng(0).integers(0, 2, len(USER_N))


def settings(**more):
    return {"bootstrap": 400, "confidence": 0.95, "generator": np.random.default_rng(3)} | more


def binary(noise, seed=1):
    score_N = LABEL_N + np.random.default_rng(seed).normal(0, noise, len(USER_N))
    return RowPredictions("binary", USER_N, LABEL_N, 1 / (1 + np.exp(-score_N)))


def regression(noise, seed=1):
    error_N = np.random.default_rng(seed).normal(0, noise, len(USER_N))
    return RowPredictions("regression", USER_N, LABEL_N, LABEL_N + error_N)


def next_item(rank):
    return RankingPredictions(np.arange(USERS), np.full(USERS, rank), np.arange(USERS))


def test_equal_models_are_the_same():
    verdict = transfer({"like": binary(1)}, {"like": binary(1)}, **settings())["like"]
    assert (verdict["difference"], verdict["low"], verdict["high"]) == (0, 0, 0)
    assert (verdict["p"], verdict["verdict"]) == (1, "same")


def test_each_kind_is_compared_on_its_main_metric_and_better_is_positive():
    good = {"like": binary(0.5), "rating": regression(0.5), "next": next_item(1)}
    bad = {"like": binary(4), "rating": regression(1), "next": next_item(20)}
    better, worse = transfer(good, bad, **settings()), transfer(bad, good, **settings())
    assert [better[task]["metric"] for task in good] == ["auc", "rmse", "ndcg@10"]
    for task in good:
        assert better[task]["verdict"] == "better"
        assert better[task]["low"] > 0
        assert worse[task]["verdict"] == "worse"
        assert worse[task]["difference"] == pytest.approx(-better[task]["difference"])
    assert better["rating"]["joint"] < better["rating"]["twin"]


def test_multiclass_is_compared_on_macro_f1_unless_told_otherwise():
    right = RowPredictions("multiclass", USER_N, LABEL_N, LABEL_N)
    wrong = RowPredictions("multiclass", USER_N, LABEL_N, 1 - LABEL_N)
    assert transfer({"t": right}, {"t": wrong}, **settings())["t"]["metric"] == "macro_f1"
    told = transfer({"t": right}, {"t": wrong}, metrics={"t": "accuracy"}, **settings())["t"]
    assert (told["metric"], told["joint"], told["twin"], told["verdict"]) == ("accuracy", 1, 0, "better")


def test_a_paired_interval_is_narrower_than_the_models_own():
    ours, other = regression(1, seed=1), regression(1, seed=1)
    other = RowPredictions("regression", USER_N, LABEL_N, other.prediction_N * 1.001)
    gain = gain_family({"x": (ours, other)}, **settings())["x"]
    own = ours.metrics([], 400, 0.95, np.random.default_rng(0))["rmse"]
    assert gain["high"] - gain["low"] < (own["high"] - own["low"]) / 20


def test_a_weak_finding_does_not_survive_a_large_family():
    generator = np.random.default_rng(8)
    ours = RowPredictions("regression", np.arange(50), np.zeros(50), generator.normal(0, 1, 50))
    other = RowPredictions(
        "regression",
        np.arange(50),
        np.zeros(50),
        ours.prediction_N * np.where(generator.random(50) < 0.67, 1.12, 0.93),
    )
    alone = gain_family({"0": (ours, other)}, **settings())["0"]
    family = gain_family({str(name): (ours, other) for name in range(12)}, **settings())
    assert alone["verdict"] == "better"
    assert alone["p"] == alone["p_holm"]
    assert {gain["verdict"] for gain in family.values()} == {"same"}
    assert family["0"]["low"] > 0


def test_a_task_without_a_twin_is_left_out():
    assert set(transfer({"a": binary(1), "b": binary(1)}, {"b": binary(2)}, **settings())) == {"b"}


def test_without_resamples_there_is_no_verdict():
    gain = gain_family({"x": (binary(1), binary(2))}, **settings(bootstrap=0))["x"]
    assert gain["difference"] > 0
    assert (gain["low"], gain["high"], gain["p"], gain["verdict"]) == (None, None, None, "untested")


def test_a_metric_without_meaning_has_no_verdict():
    record = RowPredictions("binary", np.arange(3), np.ones(3), np.full(3, 0.5))
    gain = gain_family({"x": (record, record)}, **settings())["x"]
    assert (gain["ours"], gain["verdict"]) == (None, "untested")
    json.dumps(gain, allow_nan=False)


def test_models_on_different_rows_are_not_compared():
    shorter = RowPredictions("binary", USER_N[1:], LABEL_N[1:], np.full(len(USER_N) - 1, 0.5))
    with pytest.raises(
        DataError, match=r"600 rows or queries and the other 599.*same rows in the same order"
    ):
        gain_family({"x": (binary(1), shorter)}, **settings())


def test_seeds_that_scatter_take_the_verdict_away():
    spread = [regression(noise, seed) for seed, noise in enumerate((0.5, 1.0, 1.5))]
    steady = [regression(1.12, seed) for seed in (4, 5, 6)]
    assert gain_family({"x": (spread[1], steady[1])}, **settings())["x"]["verdict"] == "better"
    family = gain_family({"x": (spread, steady)}, **settings())["x"]
    assert family["verdict"] == "same"
    assert family["ours"] == pytest.approx(
        np.mean([np.sqrt(np.mean((r.prediction_N - LABEL_N) ** 2)) for r in spread])
    )


def test_the_same_generator_gives_the_same_verdicts():
    pair = {"x": (binary(1), binary(1.1, seed=2))}
    assert gain_family(pair, **settings()) == gain_family(pair, **settings())
