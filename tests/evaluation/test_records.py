"""Records of predictions: their metrics are those of `motet.metrics`, with intervals and slices."""

import json
from pathlib import Path

import numpy as np
import pytest

from motet.errors import DataError
from motet.evaluation.lists import Catalogue, Lists
from motet.evaluation.measures import measure
from motet.evaluation.records import RankingPredictions, RowPredictions
from motet.metrics import beyond, classes, numbers, ranking
from motet.metrics.calibration import ece

K_LIST = [1, 5, 10]


def ranking_record(queries=40, items=30, seed=0, **more):
    generator = np.random.default_rng(seed)
    query_T = np.repeat(np.arange(queries), 2)
    rank_T = np.concatenate([generator.choice(items, 2, replace=False) + 1 for _ in range(queries)])
    return RankingPredictions(np.arange(queries) // 2, rank_T, query_T, **more)


def lists_for(queries, items=30):
    generator = np.random.default_rng(5)
    shown_QK = np.array(
        [generator.choice(np.arange(1, items + 1), 10, replace=False) for _ in range(queries)]
    )
    catalogue = Catalogue(
        count_I=generator.integers(0, 50, items + 1),
        users_I=generator.integers(0, 20, items + 1),
        num_users=25,
        vector_ID=generator.normal(size=(items + 1, 4)),
    )
    return Lists(
        shown_QK, np.arange(queries + 1) * 3, generator.integers(0, items + 1, queries * 3), catalogue
    )


def row_record(kind="binary", rows=300, seed=0, **more):
    generator = np.random.default_rng(seed)
    user_N = generator.integers(100, 140, rows)
    if kind == "multiclass":
        return RowPredictions(kind, user_N, *generator.integers(0, 4, (2, rows)), **more)
    label_N = generator.integers(0, 2, rows)
    return RowPredictions(kind, user_N, label_N, generator.random(rows).astype(np.float32), **more)


def values_of(measures):
    return {name: one["value"] for name, one in measures.items()}


def test_ranking_metrics_are_the_means_over_queries():
    record = ranking_record()
    measures = record.metrics(K_LIST, 0, 0.95, np.random.default_rng(0))
    parts = (record.rank_T, record.query_T, 40)
    expected = {"mrr": ranking.reciprocal_rank(*parts).mean()}
    for k in K_LIST:
        expected[f"hr@{k}"] = ranking.hit_rate(*parts, k).mean()
        expected[f"ndcg@{k}"] = ranking.ndcg(*parts, k).mean()
        expected[f"recall@{k}"] = ranking.recall(*parts, k).mean()
    assert values_of(measures) == pytest.approx(expected)
    assert measures["mrr"] == {"value": pytest.approx(expected["mrr"]), "low": None, "high": None, "n": 40}


def test_lists_add_the_metrics_beyond_accuracy_for_each_length_they_reach():
    lists = lists_for(40)
    measures = ranking_record(lists=lists).metrics([5, 20], 50, 0.9, np.random.default_rng(0))
    shown_QK, catalogue = lists.shown_QK[:, :5], lists.catalogue
    assert measures["coverage@5"] == {
        "value": beyond.coverage(shown_QK, 30),
        "low": None,
        "high": None,
        "n": 40,
    }
    expected = beyond.novelty(shown_QK, catalogue.users_I, 25).mean()
    assert measures["novelty@5"]["value"] == pytest.approx(expected)
    expected = beyond.vector_diversity(shown_QK, catalogue.vector_ID).mean()
    assert measures["diversity@5"]["value"] == pytest.approx(expected)
    bias_Q = beyond.popularity_bias(shown_QK, lists.offset_Q1, lists.history_H, catalogue.count_I)
    assert measures["popularity_bias@5"]["value"] == pytest.approx(np.nanmean(bias_Q))
    assert measures["popularity_bias@5"]["low"] < measures["popularity_bias@5"]["high"]
    assert "hr@20" in measures
    assert "novelty@20" not in measures


@pytest.mark.parametrize("kind", ["binary", "regression", "multiclass"])
def test_row_metrics_are_those_of_the_metric_functions(kind):
    record = row_record(kind)
    label_N, prediction_N = record.label_N, record.prediction_N
    expected = {
        "binary": lambda: {
            "auc": classes.auc(label_N, prediction_N),
            "gauc": classes.gauc(label_N, prediction_N, record.user_N),
            "log_loss": classes.log_loss(label_N, prediction_N),
            "ece": ece(label_N, prediction_N),
        },
        "regression": lambda: {
            "rmse": numbers.rmse(label_N, prediction_N),
            "mae": numbers.mae(label_N, prediction_N),
        },
        "multiclass": lambda: {
            "accuracy": classes.accuracy(label_N, prediction_N),
            "macro_f1": classes.macro_f1(label_N, prediction_N),
        },
    }[kind]()
    measures = record.metrics([10], 100, 0.95, np.random.default_rng(0))
    assert values_of(measures) == pytest.approx(expected, abs=1e-9)
    for one in measures.values():
        assert one["low"] < one["value"] < one["high"]


def test_gauc_says_how_many_rows_it_rests_on():
    record = RowPredictions("binary", np.array([1, 1, 2, 2, 2]), np.array([0, 1, 1, 1, 1]), np.full(5, 0.5))
    assert record.metrics([], 0, 0.95, np.random.default_rng(0))["gauc"]["n"] == 2


def test_a_slice_is_the_record_of_its_rows():
    mask_N = np.arange(300) % 3 == 0
    record = row_record(slices={"third": mask_N, "none": np.zeros(300, bool)})
    slices = record.slice_metrics([], 20, 0.95, np.random.default_rng(0))
    alone = RowPredictions(
        "binary", *(part[mask_N] for part in (record.user_N, record.label_N, record.prediction_N))
    )
    assert slices["third"] == alone.metrics([], 20, 0.95, np.random.default_rng(0))
    assert slices["none"]["auc"] == {"value": None, "low": None, "high": None, "n": 0}


def test_a_slice_of_queries_keeps_their_targets_and_lists():
    mask_Q = np.arange(40) % 4 == 1
    record = ranking_record(lists=lists_for(40), slices={"some": mask_Q})
    part = record.take(mask_Q)
    assert part.rank_T.tolist() == record.rank_T[np.isin(record.query_T, np.flatnonzero(mask_Q))].tolist()
    assert part.query_T.tolist() == np.repeat(np.arange(10), 2).tolist()
    assert part.lists.shown_QK.tolist() == record.lists.shown_QK[mask_Q].tolist()
    assert (
        part.lists.history_H.reshape(10, 3).tolist() == record.lists.history_H.reshape(40, 3)[mask_Q].tolist()
    )
    whole = record.lists.values(5)["popularity_bias@5"]
    np.testing.assert_array_equal(part.lists.values(5)["popularity_bias@5"], whole[mask_Q])


def test_measures_go_into_json_without_nan():
    record = RowPredictions("binary", np.array([1, 2]), np.array([1, 1]), np.array([0.2, 0.3]))
    measures = record.metrics([], 10, 0.95, np.random.default_rng(0))
    assert measures["auc"]["value"] is None
    json.dumps(measures, allow_nan=False)


def test_seeds_are_averaged_and_widen_the_interval():
    label_N, user_N = np.random.default_rng(1).integers(0, 2, 600), np.arange(600) // 3
    records = [RowPredictions("regression", user_N, label_N, label_N + error) for error in (0.1, 0.5, 0.9)]
    one = records[1].metrics([], 200, 0.95, np.random.default_rng(0))["rmse"]
    three = measure(records, [], 200, 0.95, np.random.default_rng(0))["rmse"]
    assert three["value"] == pytest.approx(one["value"]) == pytest.approx(0.5)
    assert (one["low"], one["high"]) == pytest.approx((0.5, 0.5))
    assert three["low"] < 0.3 < 0.7 < three["high"]


def test_a_prediction_that_is_not_a_number_says_which_row():
    with pytest.raises(
        DataError, match=r"1 of 2 are not a finite number; the first is nan in row 1.*learning_rate"
    ):
        RowPredictions("regression", np.zeros(2), np.zeros(2), np.array([1.0, np.nan]))


def test_a_probability_above_one_is_refused():
    with pytest.raises(DataError, match=r"not a probability between 0 and 1; the first is 1.5 in row 0"):
        RowPredictions("binary", np.zeros(1), np.zeros(1), np.array([1.5]))


def test_a_target_given_twice_is_our_mistake():
    with pytest.raises(AssertionError, match="twice"):
        RankingPredictions(np.array([1]), np.array([3, 3]), np.array([0, 0]))


def test_every_metric_of_a_record_is_described():
    page = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
    records = [ranking_record(lists=lists_for(40)), *map(row_record, ("binary", "regression", "multiclass"))]
    names = {name for record in records for name in record.metrics([10], 0, 0.95, np.random.default_rng(0))}
    assert {name for name in names if f"`{name.replace('@10', '@k')}`" not in page} == set()
    assert len(names) == 16
