"""MovieLens-100K, global time split 80/10/10: `like` and `rating` (with `next`), joint, twins and peers.

    python -m benchmarks.ml100k_time DATA_FOLDER [--seeds 3] [--threads 1] [--work FOLDER]

DATA_FOLDER holds `ml-100k` as RecBole ships it. Most test rows belong to users who are new after the cut, so
both histories are measured: `rolling` (a row sees all that came strictly before it, test rows included) and
`frozen` (nothing after the cut). Ours is trained once a seed and asked under both; peers choose anew under
each, and are fitted again on training and validation rows together. Settings were chosen on validation rows.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.peers import worlds
from benchmarks.record import claim, record
from benchmarks.rows import (
    METRIC,
    Answers,
    Contest,
    Kind,
    claims_of,
    difference,
    run_ours,
    run_theirs,
    run_twins,
)
from motet.evaluation.records import RankingPredictions

CONFIG = Path(__file__).parent / "configs" / "ml100k_time.yaml"
TASKS: dict[str, Kind] = {"like": "binary", "rating": "regression"}
HISTORIES = ("rolling", "frozen")
PEERS = ("factors", "trees")


def contest_of(data: Path, work: Path, seeds: int, threads: int) -> Contest:
    """Write the tables and the configuration of ours."""
    tables = work / "tables"
    tables.mkdir(parents=True, exist_ok=True)
    worlds.ml100k_rows(data, tables)
    config = work / "ml100k_time.yaml"
    config.write_text(CONFIG.read_text().replace("TABLES", str(tables.resolve())))
    return Contest("ml100k_rows", tables, work, config, TASKS, HISTORIES, PEERS, seeds, threads)


def main() -> None:
    """Run everything and write benchmarks/results/ml100k_time.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--work", type=Path, default=Path("benchmarks/scratch/ml100k_time"))
    given = parser.parse_args()
    contest = contest_of(given.data, given.work, given.seeds, given.threads)
    peers = {name: run_theirs(contest, name) for name in contest.peers}
    ours, twins = run_ours(contest), run_twins(contest)
    alone = run_ours(contest, "twin of next", [])
    twins.reports.extend(alone.reports)
    write(contest, ours, twins, peers)


def next_claims(contest: Contest, metric: str = "ndcg@10") -> list[dict[str, Any]]:
    """What sharing did to `next`, which has no peer here."""
    claims = []
    for history in contest.histories:
        joint, twin = (
            [ranks_of(contest.work / f"{model}-{seed}", history) for seed in range(contest.seeds)]
            for model in ("joint", "twin_of_next")
        )
        gain = difference(joint, twin, metric)
        seeds, span = range(contest.seeds), (gain["low"], gain["high"])
        rival = ("twin", gain["other"])
        name = f"ml100k.{history}.next"
        claims.append(claim(f"{name}.{metric}", gain["ours"], seeds=seeds, peer=rival))
        claims.append(claim(f"{name}.twin", gain["other"], seeds=seeds))
        claims.append(
            claim(f"{name}.over_twin", gain["difference"], seeds=seeds, interval=span, peer=("twin", 0.0))
        )
    return claims


def ranks_of(output: Path, history: str) -> RankingPredictions:
    """The ranks that ours left in a folder under one history."""
    ranks = pl.read_parquet(output / "ranks.parquet").filter(history=history).sort("query", "rank")
    _, first_Q, query_T = np.unique(ranks["query"].to_numpy(), return_index=True, return_inverse=True)
    user_Q = ranks["user"].to_numpy()[first_Q]
    return RankingPredictions(user_Q, ranks["rank"].to_numpy(), query_T.reshape(-1))


def write(contest: Contest, ours: Answers, twins: Answers, peers: dict[str, Answers]) -> None:
    """Claims, every trial and every curve into benchmarks/results/ml100k_time.json."""
    claims = next_claims(contest)
    for history in contest.histories:
        for task, kind in contest.tasks.items():
            rivals = {name: answers.records[history, task] for name, answers in peers.items()}
            mine, twin = ours.records[history, task], twins.records[history, task]
            claims += claims_of(f"ml100k.{history}.{task}", METRIC[kind], mine, rivals, twin)
    details = {
        "ours": ours.reports,
        "twins": twins.reports,
        "peers": {name: answers.reports for name, answers in peers.items()},
    }
    for each in claims:
        print(
            each["name"], *(f"{each[key]:.4f}" for key in ("value", "low", "high") if each[key] is not None)
        )
    command = f"python -m benchmarks.ml100k_time DATA_FOLDER --seeds {contest.seeds}"
    record("ml100k_time", command, claims, details)


if __name__ == "__main__":
    main()
