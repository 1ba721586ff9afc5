"""Figures behind the report's plots."""

import numpy as np
import pytest

from motet.evaluation.lists import Catalogue, Lists
from motet.evaluation.plots import BINS, calibration_points, curves, plots
from motet.evaluation.records import RankingPredictions, RowPredictions


def clicks(prediction: list[float], label: list[int]) -> RowPredictions:
    return RowPredictions("binary", np.zeros(len(label)), np.array(label), np.array(prediction))


def ranking(with_lists: bool = True) -> RankingPredictions:
    """Ten items, of which item 1 is most popular; only it and item 10 are recommended."""
    count_I = np.array([0, *range(10, 0, -1)])
    catalogue = Catalogue(count_I, count_I, 10)
    lists = Lists(np.array([[1, 10], [1, 0]]), np.array([0, 0, 0]), np.zeros(0, np.int64), catalogue)
    users = np.arange(2)
    return RankingPredictions(users, np.array([1, 2]), np.array([0, 1]), lists if with_lists else None)


def test_rows_of_each_bin_show_what_was_said_and_what_happened():
    points = calibration_points(clicks([0.1] * 4 + [0.8] * 4, [0, 0, 0, 1, 1, 1, 1, 0]))
    assert points == [
        {"predicted": pytest.approx(0.1), "observed": 0.25, "n": 4},
        {"predicted": pytest.approx(0.8), "observed": 0.75, "n": 4},
    ]


def test_there_are_at_most_ten_bins_and_every_row_is_in_one():
    random = np.random.default_rng(0)
    points = calibration_points(clicks(random.random(500).tolist(), random.integers(0, 2, 500).tolist()))
    assert len(points) == BINS == 10
    assert sum(point["n"] for point in points) == 500


def test_each_epoch_task_and_metric_is_a_line():
    history = [
        {"epoch": 1, "metrics": {"next": {"mrr": 0.1}, "like": {"auc": 0.5}}},
        {"epoch": 2, "metrics": {"next": {"mrr": 0.2}, "like": {"auc": 0.6}}},
    ]
    found = curves({"joint": history, "twin of next": history[:1]})
    assert len(found) == 6
    assert found[1] == {"model": "joint", "epoch": 1, "task": "like", "name": "auc", "value": 0.5}
    assert found[-1]["model"] == "twin of next"


def test_plots_show_calibration_of_probabilities_and_popularity_of_lists():
    numbers = RowPredictions("regression", np.zeros(2), np.array([1.0, 2.0]), np.array([1.0, 2.0]))
    found = plots({"like": clicks([0.5], [1]), "stars": numbers, "next": ranking()}, {})
    assert list(found["calibration"]) == ["like"]
    assert list(found["popularity"]) == ["next"]
    shares = [point["recommended_share"] for point in found["popularity"]["next"]]
    assert shares == pytest.approx([1 / 3, 0, 0, 0, 0, 0, 0, 0, 0, 2 / 3])


def test_a_ranking_without_lists_has_no_popularity_to_show():
    assert plots({"next": ranking(with_lists=False)}, {})["popularity"] == {}
