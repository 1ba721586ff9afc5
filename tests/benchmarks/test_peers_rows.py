"""Row peers: features that see only the past, folded-in factors, their judges."""

import json
import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score

from benchmarks.peers import features, tabular
from benchmarks.peers.factors import BiasedFactors, Rows, sums_before

SETTINGS = {
    "signals": ["click", "watch"],
    "keys": [["user"], ["item"], ["tag"], ["user", "tag"]],
    "faded": [["user"]],
    "half_lives": [1],
    "smoothing": 2.0,
}


def _events(rows: int = 60, seed: int = 0) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    tags = [["a"], ["a", "b"], ["c"], ["b", "c"]]
    item = random.integers(0, 4, rows)
    return pl.DataFrame(
        {
            "user": random.integers(0, 5, rows),
            "item": item,
            "time": np.sort(random.integers(0, 20, rows)) * 600_000,
            "split": np.repeat([0, 1, 2], rows // 3),
            "click": random.integers(0, 2, rows),
            "watch": random.random(rows),
            "tag": [tags[place] for place in item],
        }
    )


def _column(events: pl.DataFrame, name: str, **other: object) -> np.ndarray:
    rows, _, _ = features.build(events, {**SETTINGS, **other})
    return rows[f"f.{name}"].to_numpy()


def test_a_count_is_that_of_a_plain_loop_over_the_past():
    events = _events()
    users, times = events["user"].to_list(), events["time"].to_list()
    counted = [
        sum(u == user and t < time for u, t in zip(users, times, strict=True))
        for user, time in zip(users, times, strict=True)
    ]
    np.testing.assert_allclose(_column(events, "user.count"), np.log1p(counted), rtol=1e-6)


def test_a_rate_is_pulled_to_the_mean_of_everything_before():
    events = _events()
    rows = list(zip(events["item"], events["time"], events["click"], strict=True))
    expected = []
    for item, time, _ in rows:
        past = [click for _, t, click in rows if t < time]
        own = [click for i, t, click in rows if t < time and i == item]
        prior = sum(past) / max(len(past), 1)
        expected.append((sum(own) + 2.0 * prior) / (len(own) + 2.0))
    np.testing.assert_allclose(_column(events, "item.click"), expected, rtol=1e-5)


def test_several_tags_of_an_item_are_pooled():
    events = _events()
    rows = list(zip(events["tag"].to_list(), events["time"], strict=True))
    expected = [sum(len(set(tags) & set(other)) for other, t in rows if t < time) for tags, time in rows]
    np.testing.assert_allclose(_column(events, "tag.count"), np.log1p(expected), rtol=1e-6)


def test_a_faded_count_halves_in_its_half_life():
    events = _events()
    rows = list(zip(events["user"], events["time"], strict=True))
    expected = [
        sum(0.5 ** ((time - t) / features.HOUR) for u, t in rows if u == user and t < time)
        for user, time in rows
    ]
    np.testing.assert_allclose(_column(events, "user.1h.count"), np.log1p(expected), rtol=1e-5)


def test_the_time_since_the_last_event_counts_hours():
    events = _events()
    rows = list(zip(events["user"], events["item"], events["tag"].to_list(), events["time"], strict=True))
    expected = []
    for user, _, tags, time in rows:
        past = [t for u, _, other, t in rows if u == user and set(other) & set(tags) and t < time]
        expected.append((time - max(past)) / features.HOUR if past else math.nan)
    np.testing.assert_allclose(_column(events, "user+tag.since"), expected, rtol=1e-6)


@pytest.mark.parametrize("history", ["rolling", "frozen"])
def test_neither_the_future_nor_the_own_outcome_moves_a_feature(history: str):
    events, later = _events(), _events(seed=1)
    moment = events["time"][35]
    kept = (events["time"] < moment).sum()
    changed = pl.concat([events[:kept], later[kept:]]).with_columns(events["time"], events["split"])
    same = pl.col("row") == kept
    changed = changed.with_columns(
        [
            pl.when(pl.int_range(pl.len()) == kept).then(events[name]).otherwise(pl.col(name)).alias(name)
            for name in ("user", "item", "tag")
        ]
    )
    before, names, _ = features.build(events, {**SETTINGS, "history": history})
    after, _, _ = features.build(changed, {**SETTINGS, "history": history})
    assert before[:kept].select(names).equals(after[:kept].select(names), null_equal=True)
    assert before.filter(same).select(names).equals(after.filter(same).select(names), null_equal=True)


def test_a_frozen_history_shows_a_test_row_nothing_after_the_cut():
    events = _events()
    frozen = _column(events, "user.count", history="frozen")
    before = events.filter(pl.col("split") <= 1)["user"].to_list()
    cut_time = events.filter(pl.col("split") == 1)["time"].max()
    for place in range(40, 60):
        if events["time"][place] > cut_time:
            assert frozen[place] == pytest.approx(math.log1p(before.count(events["user"][place])), rel=1e-6)


def test_sums_before_leave_equal_times_out():
    count_T, sum_T = sums_before(
        np.array([1, 1, 0]),
        np.array([5, 7, 5]),
        np.array([2.0, 3.0, 9.0]),
        np.array([1, 1, 2]),
        np.array([7, 8, 9]),
    )
    assert count_T.tolist() == [1, 2, 0]
    assert sum_T.tolist() == [2.0, 5.0, 0.0]


def _rows(rows: int = 80) -> Rows:
    random = np.random.default_rng(3)
    user_E, item_E = random.integers(0, 6, rows), random.integers(0, 7, rows)
    return Rows(user_E, item_E, np.arange(rows) // 2, random.normal(size=rows))


def test_a_folded_in_user_is_the_ridge_solution_on_the_rows_before():
    rows = _rows()
    model = BiasedFactors(6, 7, factors=2, bias_ridge=3.0, ridge=3.0, iterations=4)
    model.fit(rows.take(np.arange(40)))
    asked = rows.take(np.array([61]))
    found = model.predict(rows, np.arange(80) < 40, asked)[0]
    past = rows.take(np.flatnonzero((rows.user_E == asked.user_E[0]) & (rows.time_E < asked.time_E[0])))
    design_EA = np.c_[np.ones(len(past.user_E)), model.item_IA[past.item_E, 1:]]
    target_E = past.label_E - model.mean - model.item_IA[past.item_E, 0]
    state_A = Ridge(alpha=3.0, fit_intercept=False).fit(design_EA, target_E).coef_
    item_A = model.item_IA[asked.item_E[0]]
    assert found == pytest.approx(model.mean + item_A[0] + state_A @ np.r_[1.0, item_A[1:]])


@pytest.mark.parametrize("roll_items", [False, True])
def test_a_prediction_does_not_see_its_own_label_nor_later_ones(roll_items: bool):
    rows, fitted_E = _rows(), np.arange(80) < 40
    model = BiasedFactors(6, 7, factors=2, roll_items=roll_items)
    model.fit(rows.take(np.arange(40)))
    asked = rows.take(np.array([60]))
    label_E = rows.label_E.copy()
    label_E[60:] += 100.0
    changed = Rows(rows.user_E, rows.item_E, rows.time_E, label_E)
    before, after = model.predict(rows, fitted_E, asked), model.predict(changed, fitted_E, asked)
    assert before == pytest.approx(after, abs=1e-9)


def test_a_user_and_an_item_never_seen_get_the_mean():
    rows = _rows()
    model = BiasedFactors(9, 9)
    model.fit(rows)
    asked = Rows(np.array([8]), np.array([8]), np.array([99]), np.array([math.nan]))
    found = model.predict(rows, np.ones(80, bool), asked)
    assert found[0] == pytest.approx(rows.label_E.mean())


def test_auc_agrees_with_scikit_learn_where_scores_tie():
    random = np.random.default_rng(0)
    label_T, score_T = random.integers(0, 2, 300), random.integers(0, 20, 300) / 20
    assert tabular.auc(label_T, score_T) == pytest.approx(roc_auc_score(label_T, score_T))


def test_the_factors_peer_predicts_every_test_row_and_reports_every_trial(tmp_path: Path):
    events = _events().with_row_index("row")
    events.drop("tag").write_parquet(tmp_path / "rows.parquet")
    grid = [{"factors": 0, "bias_ridge": 5.0}, {"factors": 2, "bias_ridge": 5.0, "ridge": 5.0}]
    settings = {"model": "mf", "label": "watch", "kind": "regression", "grid": grid, "history": "rolling"}
    tabular.work(tmp_path, settings, tmp_path)
    predictions = pl.read_parquet(tmp_path / "predictions.parquet")
    assert predictions["row"].to_list() == events.filter(pl.col("split") == 2)["row"].to_list()
    assert predictions["prediction"].is_finite().all()
    report = json.loads((tmp_path / "report.json").read_text())
    assert len(report["trials"]) == 2
    assert report["chosen"] == min(report["trials"], key=lambda trial: trial["rmse"])["setting"]
