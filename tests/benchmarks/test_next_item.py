"""What next-item benchmarks share: configurations, claims beside a peer, ranks that programs left behind."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from benchmarks.cold import BONUSES, choose, try_bonuses
from benchmarks.next_item import Finished, compared, margins, put_in, ranks_of, record_of_lists
from motet.evaluation.records import RankingPredictions
from motet.metrics.ranking import NOT_RANKED


def run(*ranks: int) -> Finished:
    """One query for each rank, of users 0, 1, ..."""
    number = np.arange(len(ranks))
    return Finished(RankingPredictions(number, np.array(ranks), number), {"peak_rss_mb": 1.0})


def test_a_claim_is_the_mean_over_seeds_beside_the_peers():
    found = compared("x.recall@10", "recall@10", [run(1, 99), run(1, 2)], "peer", [run(99, 1), run(99, 9)])
    assert (found["value"], found["peer"], found["seeds"]) == (0.75, {"name": "peer", "value": 0.5}, [0, 1])
    assert found["low"] <= 0.75 <= found["high"]


def test_margins_are_the_ratio_of_means_and_the_paired_difference():
    ratio, difference = margins("x", "recall@10", [run(1, 2, 3, 99)], "peer", [run(1, 2, 99, 99)])
    assert (ratio["name"], ratio["value"]) == ("x.ratio", 1.5)
    assert (difference["name"], difference["value"]) == ("x.difference", 0.25)


def test_a_run_can_be_looked_at_in_parts():
    some = run(1, 99, 3).of(np.array([True, False, True]))
    assert some.record.rank_T.tolist() == [1, 3]
    assert some.report == {"peak_rss_mb": 1.0}


def test_a_folder_takes_the_place_of_its_name_in_a_configuration(tmp_path: Path):
    (tmp_path / "c.yaml").write_text("items: {path: DATA/items.csv}\n")
    (tmp_path / "work").mkdir()
    made = put_in(tmp_path / "c.yaml", tmp_path / "work", "DATA", tmp_path)
    assert made.read_text() == f"items: {{path: {tmp_path.resolve()}/items.csv}}\n"


def test_ranks_are_read_by_user_and_query_from_either_column(tmp_path: Path):
    columns = {"user": [7, 3, 7], "query": [1, 0, 1], "rank": [5, 6, 9], "rank_trained": [4, NOT_RANKED, 8]}
    pl.DataFrame(columns).write_parquet(tmp_path / "ranks.parquet")
    whole, trained = ranks_of(tmp_path), ranks_of(tmp_path, "rank_trained")
    assert whole.user_Q.tolist() == [3, 7]
    assert whole.query_T.tolist() == [0, 1, 1]
    assert whole.rank_T.tolist() == [6, 5, 9]
    assert trained.rank_T.tolist() == [NOT_RANKED, 4, 8]


def test_a_target_outside_of_a_peers_list_is_a_miss(tmp_path: Path):
    pl.DataFrame({"user": [0, 0, 2], "item": [4, 5, 4]}).write_parquet(tmp_path / "test.parquet")
    pl.DataFrame({"user": [0, 2], "item": [5, 9], "rank": [2, 1]}).write_parquet(tmp_path / "lists.parquet")
    record = record_of_lists(tmp_path, tmp_path / "lists.parquet")
    assert record.rank_T.tolist() == [NOT_RANKED, 2, NOT_RANKED]
    assert record.query_T.tolist() == [0, 0, 1]


def test_the_bonus_of_new_items_is_the_largest_that_surely_costs_the_others_no_more_than_it_may():
    def trial(lost: float) -> dict[str, float]:
        return {"cold": 0.0, "lost at most": lost}

    assert choose({"0.0": trial(-0.01), "0.5": trial(0.02), "1.0": trial(0.021)}) == "0.5"
    assert choose({"0.0": trial(0.03), "0.5": trial(0.04)}) == "0.0"


def test_what_the_others_lose_is_resampled_over_users(tmp_path):
    """Of 40 other users all are found under whole, and with the bonus all but two; cold ones come in."""
    users, low, high = np.arange(50), BONUSES[0], BONUSES[-1]
    pl.DataFrame({"user": users[40:]}).write_parquet(tmp_path / "choose.parquet")
    for name in ("ready", "whole"):
        ranks = {f"rank@{bonus}": np.where(users < 40, 1, 99) for bonus in BONUSES}
        if name == "ready":
            ranks[f"rank@{high}"] = np.where(users >= 2, 1, 99)
        (tmp_path / f"{name}-0").mkdir()
        table = pl.DataFrame({"user": users, "query": users} | ranks).with_columns(part=pl.lit("valid"))
        table.write_parquet(tmp_path / f"{name}-0" / "bonuses.parquet")
    trials = try_bonuses(tmp_path, tmp_path, 1)
    assert trials[low] == {
        "cold": 0.0, "others": 1.0, "others under whole": 1.0, "lost": 0.0, "lost at most": 0.0,
    }  # fmt: skip
    assert trials[high]["cold"] == 1.0
    assert trials[high]["lost"] == pytest.approx(0.05)
    assert 0.05 < trials[high]["lost at most"] < 0.15
