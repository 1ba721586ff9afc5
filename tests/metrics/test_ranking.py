"""Ranks in the full catalogue and the metrics made of them."""

import numpy as np
import pytest

from motet.errors import DataError
from motet.metrics.ranking import (
    NOT_RANKED,
    hit_rate,
    ndcg,
    rank_of_targets,
    recall,
    reciprocal_rank,
    targets_per_query,
)

# ranx 0.3.21 on three queries whose relevant items stand at places 1, 4, 9; at 12; at 2, of twenty.
RANX = {
    "ndcg@10": [0.81265305, 0.0, 0.63092975],
    "recall@5": [0.66666667, 0.0, 1.0],
    "hit_rate@5": [1.0, 0.0, 1.0],
    "mrr": [1.0, 0.08333333, 0.5],
}


def sorted_ranks(score_QI, excluded):
    """Reference: sort each row by score, then by item number, after taking the excluded items out."""
    places = []
    for row, scores in enumerate(score_QI):
        kept = [item for item in range(len(scores)) if (row, item) not in excluded]
        kept.sort(key=lambda item: (-scores[item], item))
        places.append({item: place for place, item in enumerate(kept, 1)})
    return places


def test_ranks_are_the_places_of_a_stable_sort():
    generator = np.random.default_rng(1)
    score_QI = generator.integers(0, 5, (20, 30)).astype(np.float32)
    query_T, target_T = np.repeat(np.arange(20), 30), np.tile(np.arange(30), 20)
    places = sorted_ranks(score_QI, set())
    expected = [places[query][target] for query, target in zip(query_T, target_T, strict=True)]
    assert rank_of_targets(score_QI, target_T, query_T).tolist() == expected


def test_excluded_items_never_count_and_are_never_ranked():
    generator = np.random.default_rng(2)
    score_QI = generator.integers(0, 4, (6, 12)).astype(np.float64)
    before = score_QI.copy()
    query_X, item_X = np.repeat(np.arange(6), 3), generator.integers(0, 12, 18)
    excluded = set(zip(query_X.tolist(), item_X.tolist(), strict=True))
    query_T, target_T = np.repeat(np.arange(6), 12), np.tile(np.arange(12), 6)
    places = sorted_ranks(score_QI, excluded)
    expected = [places[query].get(item, NOT_RANKED) for query, item in zip(query_T, target_T, strict=True)]
    assert rank_of_targets(score_QI, target_T, query_T, item_X, query_X).tolist() == expected
    assert (score_QI == before).all()


def test_another_target_of_the_query_still_takes_its_place():
    assert rank_of_targets(np.array([[0.0, 3.0, 2.0]]), np.array([1, 2]), np.array([0, 0])).tolist() == [1, 2]


def test_an_item_that_cannot_be_recommended_is_a_miss_at_every_k():
    rank_T = rank_of_targets(np.array([[-np.inf, 1.0, -np.inf]]), np.array([2]), np.array([0]))
    assert rank_T.tolist() == [NOT_RANKED]
    zero_T = np.array([0])
    assert ndcg(rank_T, zero_T, 1, 1_000).tolist() == [0.0]
    assert recall(rank_T, zero_T, 1, 1_000).tolist() == [0.0]
    assert reciprocal_rank(rank_T, zero_T, 1).tolist() == [0.0]


def test_a_score_that_is_not_a_number_says_where_it_stands():
    with pytest.raises(
        DataError, match=r"1 of 4 scores are NaN, the first in query 1 for item 0.*learning_rate"
    ):
        rank_of_targets(np.array([[1.0, 2.0], [np.nan, 0.0]]), np.array([1]), np.array([0]))


def test_ranks_do_not_hang_on_the_block_size():
    generator = np.random.default_rng(3)
    score_QI = generator.random((3, 900_000), np.float32).round(3)
    target_T, query_T = generator.integers(1, 900_000, 12), np.repeat(np.arange(3), 4)
    one_by_one = [
        rank_of_targets(score_QI, target_T[i : i + 1], query_T[i : i + 1])[0] for i in range(len(target_T))
    ]
    assert rank_of_targets(score_QI, target_T, query_T).tolist() == one_by_one


def test_metrics_by_hand_for_two_targets_and_a_query_without_any():
    rank_T, query_T = np.array([2, 5]), np.array([0, 0])
    assert targets_per_query(query_T, 2).tolist() == [2, 0]
    best = 1 + 1 / np.log2(3)
    assert ndcg(rank_T, query_T, 2, 5)[0] == pytest.approx((1 / np.log2(3) + 1 / np.log2(6)) / best)
    assert ndcg(rank_T, query_T, 2, 1)[0] == 0
    assert recall(rank_T, query_T, 2, 4)[0] == 0.5
    assert hit_rate(rank_T, query_T, 2, 4)[0] == 1
    assert reciprocal_rank(rank_T, query_T, 2)[0] == 0.5
    for metric in (ndcg, recall, hit_rate):
        assert np.isnan(metric(rank_T, query_T, 2, 5)[1])
    assert np.isnan(reciprocal_rank(rank_T, query_T, 2)[1])


def test_a_list_shorter_than_the_targets_can_still_be_perfect_by_ndcg():
    assert ndcg(np.array([1, 2, 3]), np.zeros(3, np.int64), 1, 2)[0] == 1
    assert recall(np.array([1, 2, 3]), np.zeros(3, np.int64), 1, 2)[0] == pytest.approx(2 / 3)


def test_values_that_ranx_gave():
    rank_T, query_T = np.array([1, 4, 9, 12, 2]), np.array([0, 0, 0, 1, 2])
    assert ndcg(rank_T, query_T, 3, 10) == pytest.approx(RANX["ndcg@10"], abs=1e-6)
    assert recall(rank_T, query_T, 3, 5) == pytest.approx(RANX["recall@5"], abs=1e-6)
    assert hit_rate(rank_T, query_T, 3, 5) == pytest.approx(RANX["hit_rate@5"], abs=1e-6)
    assert reciprocal_rank(rank_T, query_T, 3) == pytest.approx(RANX["mrr"], abs=1e-6)


@pytest.mark.slow
def test_ranx_agrees_on_random_rankings(monkeypatch):
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    ranx = pytest.importorskip("ranx")
    generator = np.random.default_rng(4)
    num_queries, num_items = 60, 40
    score_QI = generator.random((num_queries, num_items))
    relevant = [
        generator.choice(num_items, generator.integers(1, 9), replace=False) for _ in range(num_queries)
    ]
    qrels = ranx.Qrels({f"{q:03}": {str(item): 1 for item in items} for q, items in enumerate(relevant)})
    run = ranx.Run(
        {f"{q:03}": {str(i): float(s) for i, s in enumerate(row)} for q, row in enumerate(score_QI)}
    )
    query_T = np.repeat(np.arange(num_queries), [len(items) for items in relevant])
    rank_T = rank_of_targets(score_QI, np.concatenate(relevant), query_T)
    ours = {"mrr": reciprocal_rank(rank_T, query_T, num_queries)}
    for k in (1, 5, 10):
        ours[f"ndcg@{k}"] = ndcg(rank_T, query_T, num_queries, k)
        ours[f"recall@{k}"] = recall(rank_T, query_T, num_queries, k)
        ours[f"hit_rate@{k}"] = hit_rate(rank_T, query_T, num_queries, k)
    theirs = ranx.evaluate(qrels, run, list(ours), return_mean=False)
    for name, value_Q in ours.items():
        np.testing.assert_allclose(value_Q, theirs[name], atol=1e-6, err_msg=name)
