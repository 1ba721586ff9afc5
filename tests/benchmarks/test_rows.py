"""Rows benchmarks compare answers to the same rows only, and say who is better the right way round."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from benchmarks.rows import asked_rows, best_of, claims_of, difference, record_of
from motet.evaluation.records import RowPredictions


@pytest.fixture
def asked(tmp_path: Path) -> pl.DataFrame:
    events = {"user": [7, 7, 8, 9, 9], "split": [0, 2, 2, 2, 2], "like": [1, 0, 1, None, 1]}
    pl.DataFrame(events).write_parquet(tmp_path / "events.parquet")
    return asked_rows(tmp_path, "like")


def test_test_rows_that_have_a_label_are_asked(asked: pl.DataFrame):
    assert asked.rows() == [(1, 7, 0.0), (2, 8, 1.0), (4, 9, 1.0)]


def test_answers_are_read_in_the_order_of_the_table(asked: pl.DataFrame):
    said = pl.DataFrame({"row": [4, 1, 2], "prediction": [0.9, 0.1, 0.5], "label": [1.0, 0.0, 1.0]})
    record = record_of(asked, said, "binary")
    assert record.prediction_N.tolist() == [0.1, 0.5, 0.9]
    assert record.user_N.tolist() == [7, 8, 9]


@pytest.mark.parametrize("rows", [[1, 2], [1, 2, 3], [1, 2, 2], [1, 2, 4, 4]])
def test_other_rows_than_those_asked_are_refused(asked: pl.DataFrame, rows: list[int]):
    with pytest.raises(ValueError, match="3 rows were asked"):
        record_of(asked, pl.DataFrame({"row": rows, "prediction": [0.5] * len(rows)}), "binary")


def test_other_labels_are_refused(asked: pl.DataFrame):
    said = pl.DataFrame({"row": [1, 2, 4], "prediction": [0.5] * 3, "label": [0.0, 1.0, 0.0]})
    with pytest.raises(ValueError, match="labels"):
        record_of(asked, said, "binary")


def test_scores_beyond_probabilities_keep_their_order(asked: pl.DataFrame):
    said = pl.DataFrame({"row": [1, 2, 4], "prediction": [-1.0, 3.0, 1.0]})
    assert record_of(asked, said, "binary").prediction_N.tolist() == [0.0, 1.0, 0.5]


def number(errors: float) -> RowPredictions:
    label_N = np.arange(30) % 5 + 0.0
    return RowPredictions("regression", np.arange(30) % 10, label_N, label_N + errors)


def test_a_smaller_error_is_better():
    assert best_of({"near": [number(0.1)], "far": [number(0.5)]}, "rmse") == "near"
    assert difference([number(0.1)], [number(0.5)], "rmse")["difference"] == pytest.approx(0.4)


def test_claims_name_ours_every_peer_the_best_and_the_twin():
    peers = {"trees": [number(0.5)], "factors": [number(0.3)]}
    claims = {each["name"]: each for each in claims_of("x", "rmse", [number(0.1)], peers, [number(0.2)])}
    assert claims["x.rmse"]["peer"] == {"name": "factors", "value": pytest.approx(0.3)}
    assert claims["x.best_peer"]["value"] == claims["x.factors"]["value"] == pytest.approx(0.3)
    assert claims["x.difference"]["value"] == pytest.approx(0.2)
    assert claims["x.over_twin"]["value"] == pytest.approx(0.1)
    assert {"x.trees", "x.twin"} < set(claims)
