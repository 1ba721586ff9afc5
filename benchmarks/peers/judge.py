"""Quick figures of one peer's lists: `python -m benchmarks.peers.judge WORLD OUTPUT`.

A peer tried alone is looked at with this; benchmarks judge every program with `motet.metrics` instead.
"""

import argparse
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.peers.ranking import mean_ndcg


def judge(test: pl.DataFrame, lists: pl.DataFrame, k: int = 10) -> dict[str, float]:
    """HR@k and NDCG@k over the users with a test item; a target outside a list has an endless rank."""
    hits = test.select("user", "item").join(lists, on=["user", "item"], how="left")
    rank_T = hits["rank"].fill_null(2**31 - 1).to_numpy()
    user_T = hits["user"].to_numpy()
    users, query_T = np.unique(user_T, return_inverse=True)
    hit_Q = np.bincount(query_T, weights=rank_T <= k, minlength=len(users)) > 0
    targets_Q = np.bincount(query_T)
    recall_Q = np.bincount(query_T, weights=rank_T <= k, minlength=len(users)) / targets_Q
    ndcg = mean_ndcg(rank_T, query_T, k)
    return {f"hr@{k}": float(hit_Q.mean()), f"recall@{k}": float(recall_Q.mean()), f"ndcg@{k}": ndcg}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("world", type=Path)
    parser.add_argument("output", type=Path)
    given = parser.parse_args()
    figures = judge(
        pl.read_parquet(given.world / "test.parquet"), pl.read_parquet(given.output / "lists.parquet")
    )
    print(" ".join(f"{name} {value:.4f}" for name, value in figures.items()))


if __name__ == "__main__":
    main()
