"""Coverage, novelty, diversity and popularity by hand and against loops."""

from itertools import combinations

import numpy as np
import pytest

from motet.metrics.beyond import (
    category_diversity,
    coverage,
    novelty,
    popularity_bias,
    popularity_deciles,
    popularity_percentile,
    vector_diversity,
)

GENERATOR = np.random.default_rng(0)
SHOWN_QK = np.array([GENERATOR.choice(np.arange(1, 31), 6, replace=False) for _ in range(25)])
SHOWN_QK[3, 4:] = 0
SHOWN_QK[4, 1:] = 0
SHOWN_QK[5] = 0


def pairs_of(row_K):
    return list(combinations([item for item in row_K if item], 2))


def test_coverage_counts_an_item_once_and_no_empty_place():
    assert coverage(np.array([[1, 2, 0], [2, 3, 0]]), 6) == 0.5


def test_novelty_of_an_item_that_half_of_the_users_have_is_one_bit():
    assert novelty(np.array([[1, 1]]), np.array([0, 5]), 10).tolist() == [1.0]


def test_an_item_that_nobody_has_is_as_new_as_one_that_one_user_has():
    assert novelty(np.array([[1], [2]]), np.array([0, 0, 1]), 16).tolist() == [4.0, 4.0]


def test_vector_diversity_is_the_mean_over_pairs():
    vector_ID = GENERATOR.normal(size=(31, 5))
    vector_ID[7] = 0
    unit_ID = vector_ID / np.maximum(np.linalg.norm(vector_ID, axis=1, keepdims=True), 1e-12)
    expected = [
        np.mean([1 - unit_ID[a] @ unit_ID[b] for a, b in pairs_of(row)]) if pairs_of(row) else np.nan
        for row in SHOWN_QK
    ]
    np.testing.assert_allclose(vector_diversity(SHOWN_QK, vector_ID), expected, atol=1e-12)


def test_category_diversity_is_the_mean_jaccard_distance_over_pairs():
    sets = [set()] + [
        set(GENERATOR.choice(8, GENERATOR.integers(0, 4), replace=False).tolist()) for _ in range(30)
    ]
    offset_I1 = np.cumsum([0] + [len(one) for one in sets])
    category_N = np.array([number for one in sets for number in one])
    expected = []
    for row in SHOWN_QK:
        distances = [1 - len(sets[a] & sets[b]) / max(1, len(sets[a] | sets[b])) for a, b in pairs_of(row)]
        expected.append(np.mean(distances) if distances else np.nan)
    np.testing.assert_allclose(category_diversity(SHOWN_QK, offset_I1, category_N), expected, atol=1e-12)


def test_the_percentiles_of_a_catalogue_have_mean_one_half():
    count_I = np.concatenate([[0], GENERATOR.integers(0, 9, 40)])
    assert np.nanmean(popularity_percentile(count_I)) == pytest.approx(0.5)


def test_showing_what_the_user_had_has_no_popularity_bias():
    count_I = np.array([0, 4, 1, 9, 2])
    bias_Q = popularity_bias(
        np.array([[1, 2], [3, 4], [3, 0]]), np.array([0, 2, 3, 3]), np.array([2, 1, 4]), count_I
    )
    assert bias_Q[0] == 0
    assert bias_Q[1] == pytest.approx((0.875 + 0.375) / 2 - 0.375)
    assert np.isnan(bias_Q[2])


def test_unknown_items_of_a_history_do_not_count():
    count_I = np.array([0, 4, 1])
    assert popularity_bias(np.array([[1]]), np.array([0, 2]), np.array([0, 1]), count_I).tolist() == [0.0]


def test_deciles_go_from_the_least_to_the_most_popular_and_sum_to_one():
    count_I = np.concatenate([[0], GENERATOR.permutation(50)])
    table = popularity_deciles(np.argsort(count_I[1:])[-5:][None] + 1, count_I)
    assert [line["decile"] for line in table] == list(range(1, 11))
    assert [line["recommended_share"] for line in table] == [0.0] * 9 + [1.0]
    for share in ("catalogue_share", "consumed_share"):
        assert sum(line[share] for line in table) == pytest.approx(1)
    assert table[0]["consumed_share"] < table[-1]["consumed_share"]
