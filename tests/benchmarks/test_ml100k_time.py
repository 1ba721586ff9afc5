"""The time split of MovieLens: ranks of one history are read, and `next` is compared with its twin."""

from pathlib import Path

import polars as pl
import pytest

from benchmarks.ml100k_time import HISTORIES, TASKS, next_claims, ranks_of
from benchmarks.rows import Contest


def write_ranks(folder: Path, ranks: dict[str, list[int]]) -> None:
    folder.mkdir()
    tables = [
        pl.DataFrame({"user": [5, 5, 9], "query": [0, 0, 1], "rank": rank}).with_columns(
            history=pl.lit(history), task=pl.lit("next")
        )
        for history, rank in ranks.items()
    ]
    pl.concat(tables).write_parquet(folder / "ranks.parquet")


def test_ranks_of_one_history_are_read(tmp_path: Path):
    write_ranks(tmp_path / "run", {"rolling": [3, 1, 2], "frozen": [9, 8, 7]})
    found = ranks_of(tmp_path / "run", "frozen")
    assert found.user_Q.tolist() == [5, 9]
    assert found.rank_T.tolist() == [8, 9, 7]
    assert found.query_T.tolist() == [0, 0, 1]


def test_next_is_compared_with_its_twin(tmp_path: Path):
    write_ranks(tmp_path / "joint-0", {name: [1, 2, 1] for name in HISTORIES})
    write_ranks(tmp_path / "twin_of_next-0", {name: [1, 2, 99] for name in HISTORIES})
    contest = Contest("ml100k_rows", tmp_path, tmp_path, tmp_path / "c.yaml", TASKS, HISTORIES, seeds=1)
    claims = {each["name"]: each["value"] for each in next_claims(contest)}
    assert claims["ml100k.frozen.next.ndcg@10"] == pytest.approx(1.0)
    assert claims["ml100k.rolling.next.over_twin"] == pytest.approx(0.5)
