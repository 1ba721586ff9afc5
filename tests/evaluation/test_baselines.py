"""Popularity, item-to-item, EASE: exact on tiny worlds, equal to their formulas on random ones."""

import numpy as np
import pytest
import torch

from motet.evaluation.baselines import Popularity, best_of, weight_by_age
from motet.evaluation.baselines_ease import MOST_ITEMS, Ease, fit_best, gram, too_large
from motet.evaluation.baselines_neighbours import ItemToItem, best_item_to_item
from motet.features import baskets
from motet.features.baskets import Baskets

ITEMS = 12
GENERATOR = np.random.default_rng(0)
USER_N = GENERATOR.integers(0, 30, 200)
ITEM_N = GENERATOR.integers(0, ITEMS + 1, 200)
OFFSET_B1 = np.array([0, 3, 3, 8])
HISTORY_H = np.array([2, 5, 2, 1, 0, 4, 4, 7])


def user_item_matrix():
    matrix_UI = np.zeros((30, ITEMS + 1))
    matrix_UI[USER_N, ITEM_N] = 1
    matrix_UI[:, 0] = 0
    return matrix_UI


def fitted(baseline):
    baseline.fit(USER_N, ITEM_N, ITEMS)
    return baseline


@pytest.mark.parametrize("make", [Popularity, ItemToItem, Ease])
def test_every_ranking_baseline_keeps_the_interface(make):
    score_BI = fitted(make()).score(OFFSET_B1, HISTORY_H)
    assert score_BI.shape == (3, ITEMS + 1)
    assert score_BI.dtype == np.float32
    assert np.isneginf(score_BI[:, 0]).all()
    assert np.isfinite(score_BI[:, 1:]).all()


@pytest.mark.parametrize("make", [Popularity, ItemToItem, Ease])
def test_an_empty_history_gives_the_order_of_popularity(make):
    count_I = np.bincount(ITEM_N[ITEM_N > 0], minlength=ITEMS + 1)
    score_I = fitted(make()).score(np.array([0, 0]), np.zeros(0, np.int64))[0, 1:]
    assert np.argsort(-score_I, kind="stable").tolist() == np.argsort(-count_I[1:], kind="stable").tolist()


@pytest.mark.parametrize("make", [ItemToItem, Ease])
def test_scores_of_a_history_do_not_hang_on_its_neighbours_in_the_batch(make):
    baseline = fitted(make())
    together = baseline.score(OFFSET_B1, HISTORY_H)
    alone = baseline.score(np.array([0, 5]), HISTORY_H[3:])
    np.testing.assert_allclose(together[2, 1:], alone[0, 1:], rtol=1e-5)
    shifted = baseline.score(OFFSET_B1[2:], HISTORY_H)
    np.testing.assert_allclose(shifted, alone, rtol=1e-5)


def test_popularity_counts_repeats_and_weights():
    popularity = Popularity()
    popularity.fit(np.array([0, 0, 1]), np.array([2, 2, 1]), 3)
    assert popularity.score(np.array([0, 0]), np.zeros(0, np.int64))[0, 1:].tolist() == [1, 2, 0]
    popularity.fit(
        np.array([0, 0, 1]), np.array([2, 2, 1]), 3, weight_by_age(np.array([0, 0, 20]), half_life_ms=10)
    )
    assert popularity.score(np.array([0, 0]), np.zeros(0, np.int64))[0, 1:].tolist() == [1, 0.5, 0]


@pytest.mark.parametrize("pairs_at_a_time", [10_000_000, 7])
@pytest.mark.parametrize("cells", [4_000_000, 30, 1])
def test_pair_counts_are_those_of_the_matrix_product(monkeypatch, cells, pairs_at_a_time):
    monkeypatch.setattr(baskets, "_CELLS", cells)
    monkeypatch.setattr(baskets, "_PAIRS", pairs_at_a_time)
    matrix_UI = user_item_matrix()
    assert gram(USER_N, ITEM_N, ITEMS).tolist() == (matrix_UI.T @ matrix_UI).tolist()


def test_pair_counts_of_a_mostly_empty_matrix_are_those_of_the_product():
    user_N, item_N = GENERATOR.integers(0, 200, 300), GENERATOR.integers(1, 400, 300)
    matrix_UI = np.zeros((200, 400))
    matrix_UI[user_N, item_N] = 1
    np.testing.assert_array_equal(gram(user_N, item_N, 399).numpy(), matrix_UI.T @ matrix_UI)


def test_of_a_long_history_the_items_met_last_count():
    baskets = Baskets.of(np.array([5, 5, 5, 9, 5]), np.array([1, 2, 3, 1, 1]), 3, longest=2)
    assert baskets.users_of_items().tolist() == [0, 2, 0, 1]
    assert baskets.item_of_user_N.tolist() == [3, 1, 1]


def test_item_to_item_is_its_formula():
    matrix_UI = user_item_matrix()
    both_II = matrix_UI.T @ matrix_UI
    users_I = both_II.diagonal()
    similarity_II = both_II / (np.sqrt(np.outer(users_I, users_I)) + 3)
    np.fill_diagonal(similarity_II, 0)
    count_I = np.bincount(ITEM_N, minlength=ITEMS + 1)
    popularity_I = 1e-6 * count_I / count_I[1:].max()
    score_BI = fitted(ItemToItem(shrinkage=3, fading=0.5)).score(OFFSET_B1, HISTORY_H)
    first_I = similarity_II[2] * 0.25 + similarity_II[5] * 0.5 + similarity_II[2]
    np.testing.assert_allclose(score_BI[0, 1:], (first_I + popularity_I)[1:], rtol=1e-5)
    last_I = similarity_II[7] + similarity_II[4] * (0.5 + 0.25) + similarity_II[1] * 0.0625
    np.testing.assert_allclose(score_BI[2, 1:], (last_I + popularity_I)[1:], rtol=1e-5)


def test_only_the_latest_items_of_a_history_are_read():
    short, long = fitted(ItemToItem(last=1)), fitted(ItemToItem())
    expected = long.score(np.array([0, 1]), np.array([7]))
    np.testing.assert_array_equal(short.score(np.array([0, 4]), np.array([1, 2, 3, 7])), expected)


def test_only_the_nearest_neighbours_are_kept():
    near, all_of_them = fitted(ItemToItem(neighbours=3)), fitted(ItemToItem())
    near_I, all_I = (one.score(np.array([0, 1]), np.array([4]))[0, 1:] for one in (near, all_of_them))
    best = np.argsort(-all_I, kind="stable")[:3]
    np.testing.assert_allclose(near_I[best], all_I[best])
    assert np.delete(near_I, best).max() <= 1e-6


def test_ease_is_its_closed_form():
    matrix_UI = user_item_matrix()
    inverse_II = np.linalg.inv(matrix_UI.T @ matrix_UI + 5 * np.eye(ITEMS + 1))
    weight_II = -inverse_II / inverse_II.diagonal()
    np.fill_diagonal(weight_II, 0)
    ease = fitted(Ease(l2=5))
    np.testing.assert_allclose(ease.weight_II.numpy(), weight_II, atol=1e-6)
    history_BI = np.zeros((3, ITEMS + 1))
    for query, items in enumerate(([2, 5], [], [1, 4, 7])):
        history_BI[query, items] = 1
    score_BI = ease.score(OFFSET_B1, HISTORY_H)
    np.testing.assert_allclose(score_BI[[0, 2], 1:], (history_BI @ weight_II)[[0, 2], 1:], atol=1e-6)


def test_ease_is_the_best_linear_map_with_a_zero_diagonal():
    matrix_UI = torch.tensor(user_item_matrix())
    weight_II = fitted(Ease(l2=5)).weight_II.double().requires_grad_()
    loss = (matrix_UI - matrix_UI @ weight_II).square().sum() + 5 * weight_II.square().sum()
    (slope_II,) = torch.autograd.grad(loss, weight_II)
    slope_II.fill_diagonal_(0)
    assert slope_II.abs().max() < 1e-3


def test_ease_says_why_it_is_left_out_of_a_large_catalogue():
    assert too_large(MOST_ITEMS) is None
    assert "100,000 items would take 120 GB; it is computed up to 20,000 items" in str(too_large(100_000))


def test_the_penalty_is_chosen_on_the_validation_rows_and_every_trial_is_kept():
    best, trials = fit_best(USER_N, ITEM_N, ITEMS, lambda ease: -abs(ease.l2 - 40), grid=(10.0, 50.0, 200.0))
    assert best.l2 == 50
    assert [(trial.settings, trial.value) for trial in trials] == [
        ({"l2": 10.0}, -30),
        ({"l2": 50.0}, -10),
        ({"l2": 200.0}, -160),
    ]
    np.testing.assert_array_equal(best.weight_II.numpy(), fitted(Ease(l2=50.0)).weight_II.numpy())


def test_item_to_item_is_chosen_over_shrinkage_and_fading():
    def validate(baseline):
        return baseline.shrinkage == 10 and baseline.fading == 1

    best, trials = best_item_to_item(USER_N, ITEM_N, ITEMS, validate)
    assert (best.shrinkage, best.fading, len(trials)) == (10, 1, 9)
    own = fitted(ItemToItem(shrinkage=10, fading=1.0))
    np.testing.assert_array_equal(best.score(OFFSET_B1, HISTORY_H), own.score(OFFSET_B1, HISTORY_H))


def test_of_equal_candidates_the_first_is_kept():
    first, second = Popularity(), Popularity()
    assert best_of([({}, first), ({}, second)], lambda _: 1.0)[0] is first


@pytest.mark.parametrize("make", [Popularity, ItemToItem, Ease])
def test_a_catalogue_without_interactions_can_be_scored(make):
    baseline = make()
    baseline.fit(np.zeros(0, np.int64), np.zeros(0, np.int64), 3)
    assert baseline.score(np.array([0, 1]), np.array([2]))[0, 1:].tolist() == [0, 0, 0]
