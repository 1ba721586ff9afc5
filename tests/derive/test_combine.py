"""Combiners of rows and of rankings, with small numbers."""

import builtins

import numpy as np
import pytest
import torch

from motet.derive.boosted import TreeRows, fit_trees
from motet.derive.combine import (
    Fusion,
    Vote,
    Weights,
    candidates,
    combine_rankings,
    combine_rows,
    row_features,
)
from motet.derive.stack import Stack
from motet.errors import ConfigError


def log_chances(*members):
    return torch.tensor(members, dtype=torch.float64).log()


def test_weights_average_probabilities_numbers_and_classes():
    weights = Weights((0.25, 0.75))
    assert combine_rows(weights, "binary", np.array([[0.0, 1.0], [1.0, 1.0]])).tolist() == [0.75, 1.0]
    assert combine_rows(weights, "regression", np.array([[4.0], [8.0]])).tolist() == [7.0]
    classes = combine_rows(weights, "multiclass", np.array([[[0.0, 1.0]], [[1.0, 0.0]]]))
    assert classes.tolist() == [[0.75, 0.25]]


def test_voters_on_numbers_take_the_median():
    assert combine_rows(Vote(), "regression", np.array([[1.0], [2.0], [90.0]])).tolist() == [2.0]


def test_a_mixture_of_rankings_is_by_mean_probabilities():
    found = combine_rankings(Weights((0.5, 0.5)), log_chances([[0.8, 0.2, 0.0]], [[0.1, 0.3, 0.6]]))
    assert found.exp()[0].tolist() == pytest.approx([0.45, 0.25, 0.3])


def test_a_member_without_weight_moves_no_ranking():
    said = log_chances([[0.8, 0.2]], [[0.1, 0.9]])
    torch.testing.assert_close(combine_rankings(Weights((1.0, 0.0)), said), said[0])


@pytest.mark.parametrize("combiner", [Weights((0.5, 0.5)), Vote(), Fusion(), Stack(4, 2)])
def test_items_that_take_no_part_never_come(combiner):
    found = combine_rankings(combiner, log_chances([[0.5, 0.0, 0.5]], [[0.9, 0.0, 0.1]]))
    assert found[0].isfinite().tolist() == [True, False, True]


def test_candidates_are_all_that_some_member_has_among_its_best():
    found = candidates(
        log_chances(
            [[0.5, 0.3, 0.1, 0.1], [0.4, 0.3, 0.2, 0.1]], [[0.1, 0.1, 0.3, 0.5], [0.4, 0.3, 0.2, 0.1]]
        ),
        1,
    )
    assert [row[shown].tolist() for row, shown in zip(found.item_BC, found.open_BC, strict=True)] == [
        [0, 3],
        [0],
    ]
    first = found.feature_BCF[0, 0].tolist()
    assert first == pytest.approx([np.log(0.5), np.log(0.1), np.log(1), np.log(3)])


def test_an_untrained_stack_ranks_candidates_by_the_mean_log_probability_and_the_rest_behind(monkeypatch):
    monkeypatch.setattr("motet.derive.combine.CANDIDATES", 1)
    monkeypatch.setattr(candidates, "__defaults__", (1,))
    said = log_chances([[0.1, 0.45, 0.05, 0.4]], [[0.6, 0.05, 0.05, 0.3]])
    found = combine_rankings(Stack(4, 2), said)[0]
    assert torch.argsort(found, descending=True).tolist() == [
        0,
        1,
        3,
        2,
    ]  # 3 is best on the mean, but no candidate


def test_log_odds_are_read_no_nearer_to_certainty_than_a_limit():
    odds = row_features("binary", np.array([[0.0, 0.5, 1.0]]))
    assert np.isfinite(odds).all()
    assert odds[1, 0] == 0


def test_trees_are_kept_as_text_and_say_the_same_again():
    pytest.importorskip("lightgbm")
    random = np.random.default_rng(0)
    x = random.normal(size=(400, 2))
    y = (x[:, 0] * x[:, 1] > 0).astype(float)
    rows = TreeRows(x, y)
    trees = fit_trees(rows, TreeRows(x[100:], y[100:]), TreeRows(x[:100], y[:100]), "binary", 2, 0)
    assert trees.text.startswith("tree\n")
    again = type(trees)(trees.text, 2)
    np.testing.assert_array_equal(trees(x), again(x))
    assert ((again(x) > 0) == (y == 1)).mean() > 0.9


def test_trees_add_to_the_mean_of_the_members_and_leave_it_where_they_learn_nothing():
    pytest.importorskip("lightgbm")
    x = np.random.default_rng(0).normal(size=(5, 2))  # too few rows for a leaf
    rows = TreeRows(x, np.arange(5.0))
    np.testing.assert_allclose(fit_trees(rows, rows, rows, "regression", 2, 0)(x), x.mean(1), atol=1e-6)


def test_trees_without_lightgbm_name_the_extra(monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name == "lightgbm":
            raise ImportError
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    rows = TreeRows(np.zeros((2, 1)), np.zeros(2))
    with pytest.raises(ConfigError, match=r"pip install 'motet\[ensemble\]'"):
        fit_trees(rows, rows, rows, "binary", 1, 0)
