"""What ranking peers share: the tables they read, ranks, NDCG, top lists, and the linear peers themselves."""

import json
import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from benchmarks.peers import linear
from benchmarks.peers.exchange import Interactions, read_ranking_world, write_lists
from benchmarks.peers.judge import judge
from benchmarks.peers.ranking import Validation, mean_ndcg, popularity, ranks, top_lists, user_item_matrix
from benchmarks.peers.worlds import leave_one_out, mixed


def _part(rows: list[tuple[int, int]]) -> Interactions:
    return Interactions(*(np.array(column) for column in zip(*rows, strict=True)))


def _write_world(folder: Path, train: list[tuple[int, int]], valid: list[tuple[int, int]]) -> None:
    for name, rows in (("train", train), ("valid", valid)):
        table = pl.DataFrame(rows, schema=["user", "item"], orient="row").with_row_index("order")
        table.write_parquet(folder / f"{name}.parquet")
    pl.DataFrame({"user": sorted({user for user, _ in train})}).write_parquet(folder / "queries.parquet")


def test_a_rank_counts_what_is_better_and_of_equals_what_comes_first():
    score_BN = np.array([[3.0, 1.0, 3.0, 2.0]])
    found = ranks(score_BN, np.zeros(4, int), np.arange(4))
    assert found.tolist() == [1, 4, 2, 3]


def test_ndcg_with_one_target_is_the_gain_of_its_place():
    assert mean_ndcg(np.array([1, 3, 11]), np.array([0, 1, 2])) == pytest.approx((1 + 1 / math.log2(4)) / 3)


def test_ndcg_with_two_targets_is_measured_against_the_best_two_places():
    best = 1 + 1 / math.log2(3)
    assert mean_ndcg(np.array([1, 4]), np.array([7, 7])) == pytest.approx((1 + 1 / math.log2(5)) / best)


def test_validation_leaves_the_own_history_out():
    seen = user_item_matrix(_part([(0, 0), (0, 1), (1, 3)]), 2, 4)
    validation = Validation(_part([(0, 2), (1, 0)]), seen)
    popular = np.array([9.0, 8.0, 7.0, 6.0])
    assert validation.ndcg(lambda user_B: np.tile(popular, (len(user_B), 1))) == 1.0


def test_top_lists_agree_with_a_full_sort_and_say_where_items_run_out():
    random = np.random.default_rng(0)
    score_UN = random.integers(0, 5, (6, 9)).astype(float)
    seen = user_item_matrix(_part([(0, item) for item in range(7)] + [(1, 2)]), 6, 9)
    item_QK, value_QK = top_lists(lambda user_B: score_UN[user_B].copy(), seen, np.arange(6), 3)
    assert item_QK[0].tolist()[2] == -1
    for user in range(1, 6):
        left = [item for item in range(9) if not seen[user, item]]
        best = sorted(-score_UN[user, item] for item in left)[:3]
        assert (-value_QK[user]).tolist() == best
        assert not set(item_QK[user]) - set(left)


def test_popularity_breaks_ties_without_looking_at_item_numbers():
    orders = [np.argsort(-popularity(_part([(0, 0)]), 50, seed))[1:].tolist() for seed in (0, 1)]
    assert orders[0] != orders[1]
    assert orders[0] != sorted(orders[0])


def test_a_world_is_read_in_the_order_that_was_given(tmp_path: Path):
    pl.DataFrame({"user": [1, 0, 1], "item": [5, 6, 4], "order": [2, 0, 1]}).write_parquet(
        tmp_path / "train.parquet"
    )
    pl.DataFrame({"user": [0], "item": [2], "order": [3]}).write_parquet(tmp_path / "valid.parquet")
    pl.DataFrame({"user": [0, 1]}).write_parquet(tmp_path / "queries.parquet")
    world = read_ranking_world(tmp_path)
    assert world.train.item_E.tolist() == [6, 4, 5]
    assert (world.train + world.valid).item_E.tolist() == [6, 2, 4, 5]
    assert (world.num_users, world.num_items) == (2, 7)


def test_ease_equals_the_ridge_regressions_it_stands_for():
    random = np.random.default_rng(1)
    matrix = user_item_matrix(
        _part([(u, i) for u in range(30) for i in range(6) if random.random() < 0.4]), 30, 6
    )
    dense_UI = matrix.toarray().astype(float)
    score_UI = linear.fit_ease(matrix, {"regularization": 2.0}, 0)(matrix)(np.arange(30))
    for item in range(6):
        others = [other for other in range(6) if other != item]
        gram = dense_UI[:, others].T @ dense_UI[:, others] + 2.0 * np.eye(5)
        weight = np.linalg.solve(gram, dense_UI[:, others].T @ dense_UI[:, item])
        np.testing.assert_allclose(score_UI[:, item], dense_UI[:, others] @ weight, atol=1e-5)


def test_item_knn_recommends_what_goes_together():
    matrix = user_item_matrix(_part([(0, 0), (0, 1), (1, 0), (1, 1), (2, 2), (2, 3), (3, 0)]), 4, 4)
    score_BN = linear.fit_item_knn(matrix, {"neighbours": 3}, 0)(matrix)(np.array([3]))
    assert score_BN[0].argmax() == 1
    assert score_BN[0, 2] == 0


def test_the_linear_peer_picks_its_setting_on_validation_and_reports_every_trial(tmp_path: Path):
    train = [(user, item) for user in range(20) for item in range(6) if (user + item) % 2 == 0]
    _write_world(tmp_path, train, [(user, 6 + user % 2) for user in range(20)])
    settings = {"model": "ease", "grid": [{"regularization": 1.0}, {"regularization": 5.0}], "k": 3}
    out = tmp_path / "out"
    out.mkdir()
    linear.work(tmp_path, settings, out)
    report = json.loads((out / "report.json").read_text())
    assert [trial["setting"] for trial in report["trials"]] == settings["grid"]
    assert report["chosen"] in settings["grid"]
    assert {"cpu_seconds", "wall_seconds", "peak_rss_mb", "curve"} <= set(report)
    lists = pl.read_parquet(out / "lists.parquet")
    assert lists.columns == ["user", "rank", "item", "score"]
    history = pl.DataFrame([*train], schema=["user", "item"], orient="row")
    assert lists.join(history, on=["user", "item"]).is_empty()


def test_the_judge_gives_a_target_outside_the_list_nothing(tmp_path: Path):
    write_lists(
        tmp_path, np.array([0, 1]), np.array([[4, 5], [6, -1]]), np.array([[2.0, 1.0], [1.0, -np.inf]])
    )
    test = pl.DataFrame({"user": [0, 1], "item": [5, 9]})
    figures = judge(test, pl.read_parquet(tmp_path / "lists.parquet"))
    assert figures["hr@10"] == 0.5
    assert figures["ndcg@10"] == pytest.approx(0.5 / math.log2(3))


def test_leave_one_out_hands_each_user_one_test_and_one_validation_item(tmp_path: Path):
    rows = pl.DataFrame({"user": [0, 0, 0, 0, 1, 1, 1], "item": [3, 1, 2, 0, 5, 4, 6]})
    leave_one_out(rows, tmp_path)
    parts = {name: pl.read_parquet(tmp_path / f"{name}.parquet") for name in ("train", "valid", "test")}
    assert {name: part["item"].to_list() for name, part in parts.items()} == {
        "train": [3, 1, 5],
        "valid": [2, 4],
        "test": [0, 6],
    }


def test_ties_are_mixed_by_the_seed():
    ids = np.arange(100)
    assert np.argsort(mixed(ids, 0)).tolist() != np.argsort(mixed(ids, 1)).tolist()
    assert len(set(mixed(ids, 0).tolist())) == 100
