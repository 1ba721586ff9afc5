"""Rows as wide tables for the multi-task peer, and the claims beside it."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from benchmarks.peers.wide import bag_of, codes_of, labels_of, numbers_of, seen_before, wide_of
from benchmarks.rechub import whole_claims
from benchmarks.record import claim

TRAIN_R = np.array([True, True, False, False])


def test_codes_are_those_of_training_rows_and_nothing_else_has_one():
    code_R, count = codes_of(pl.Series(["b", "a", "c", None]), TRAIN_R)
    assert code_R.tolist() == [2, 1, 0, 0]
    assert count == 3


def test_a_list_is_cut_and_filled_up_with_nothing():
    bag_RL, count = bag_of(pl.Series([["x", "y", "z"], ["x"], ["w", "z"], None]), TRAIN_R, 2)
    assert bag_RL.tolist() == [[1, 2], [1, 0], [0, 3], [0, 0]]
    assert count == 4


def test_a_sequence_holds_what_came_strictly_before_the_latest_first():
    rows = pl.DataFrame({"user": [1, 1, 2, 1, 1], "time": [10, 20, 5, 20, 30], "like": [1, 0, 1, None, 1]})
    item_R = np.array([11, 12, 13, 14, 15])
    assert seen_before(rows, item_R, [], 2).tolist() == [[0, 0], [11, 0], [0, 0], [11, 0], [14, 12]]
    assert seen_before(rows, item_R, ["like"], 2).tolist() == [[0, 0], [11, 0], [0, 0], [11, 0], [11, 0]]


def test_numbers_are_standardised_by_training_rows_and_say_where_they_miss():
    rows = pl.DataFrame({"a": [1.0, 3.0, 5.0, 2.0], "b": [None, 4.0, None, 4.0], "same": [7.0] * 4})
    names, number_RF = numbers_of(rows, ["a", "b", "same"], TRAIN_R)
    assert names == ["a", "b.missing"]  # b never varies where it is known
    assert number_RF.tolist() == [[-1.0, 1.0], [1.0, 0.0], [3.0, 1.0], [0.0, 0.0]]


def test_labels_of_numbers_are_standardised_and_those_of_classes_stay():
    rows = pl.DataFrame({"like": [0, 1, 1, 0], "rating": [2.0, 4.0, 5.0, 3.0]})
    label_RT, mean_T, deviation_T = labels_of(rows, {"like": "binary", "rating": "regression"}, TRAIN_R)
    assert label_RT.tolist() == [[0, -1], [1, 1], [1, 2], [0, 0]]
    assert (mean_T.tolist(), deviation_T.tolist()) == ([0.0, 3.0], [1.0, 1.0])


def test_rows_that_are_only_read_stand_in_sequences_alone(tmp_path: Path):
    told = {"features": ["f.age", "f.tab"], "categorical": ["f.tab"]}
    (tmp_path / "features.json").write_text(json.dumps(told))
    rows = pl.DataFrame(
        {
            "user": [1, 1, 1, 2],
            "item": [5, 6, 5, 6],
            "time": [1, 2, 3, 4],
            "split": [-1, 0, 0, 2],
            "like": [None, 1, 0, 1],
            "f.age": [0.0, 1.0, 3.0, 2.0],
            "f.tab": [0.0, 0.0, 1.0, 1.0],
        }
    )
    settings = {
        "tasks": {"like": "binary"},
        "sparse": ["item"],
        "sequences": {"seen": []},
        "length": 2,
        "grid": [{}],
    }
    wide = wide_of(tmp_path, rows, settings)
    assert wide.code["item"].tolist() == [2, 1, 2]
    assert wide.bag["seen"].tolist() == [[1, 0], [2, 1], [0, 0]]
    assert (wide.owner, wide.names) == ({"seen": "item"}, ["f.age"])
    assert wide.label_RT.tolist() == [[1.0], [0.0], [1.0]]


def test_the_share_of_wins_counts_tasks_and_the_ratio_is_the_worst():
    claims = [
        claim("rechub.a.like.difference", 0.02, interval=(0.01, 0.03)),
        claim("rechub.a.watch.difference", 0.01, interval=(-0.01, 0.03)),
        claim("rechub.b.like.difference", -0.01, interval=(-0.02, 0.01)),
        claim("rechub.a.speed_ratio", [3.0, 4.0]),
        claim("rechub.b.speed_ratio", [5.0, 5.0]),
    ]
    found = {each["name"]: each["value"] for each in whole_claims(claims, 2)}
    assert found["mtl.rechub_wins_share"] == pytest.approx(2 / 3)
    assert found["mtl.rechub_wins_share.beyond_interval"] == pytest.approx(1 / 3)
    assert found["mtl.rechub_speed_ratio"] == 3.5
