"""Next-item benchmarks: ours beside its peers on one materialised order, judged by one code.

A benchmark names its data, its configuration and its peers; what is common stands here: running everything
in child processes, reading their lists, metrics, paired intervals over users and seeds, time to quality.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.environment import ROOT, run_peer
from motet.evaluation.compare import gain_family
from motet.evaluation.measures import measure
from motet.evaluation.records import RankingPredictions
from motet.metrics.ranking import NOT_RANKED

SETTINGS = Path(__file__).parent / "peers" / "settings.json"


@dataclass(frozen=True)
class Finished:
    """What one program of one seed said about the test users, and its report."""

    record: RankingPredictions
    report: dict[str, Any]


def run_ours(config: Path, output: Path, overrides: Sequence[str], threads: int) -> Finished:
    """One training of ours in a process of its own; a finished one is read again."""
    if not (output / "report.json").exists():
        output.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "benchmarks.ours", str(config), str(output), *overrides]
        with (output / "log.txt").open("w") as log:
            subprocess.run(
                [*command, f"training.threads={threads}"], cwd=ROOT, stdout=log, stderr=log, check=True
            )
    ranks = pl.read_parquet(output / "ranks.parquet").sort("user", "query")
    user_Q, query_T = np.unique(ranks["user"].to_numpy(), return_inverse=True)
    record = RankingPredictions(user_Q, ranks["rank"].to_numpy(), query_T.reshape(-1))
    return Finished(record, json.loads((output / "report.json").read_text()))


def run_theirs(data: str, name: str, tables: Path, output: Path, seed: int, threads: int) -> Finished:
    """One peer with the grid of settings.json; a finished one is read again."""
    chosen = json.loads(SETTINGS.read_text())[data][name]
    if not (output / "report.json").exists():
        settings = {**chosen["settings"], "seed": seed, "k": 20}
        run_peer(chosen["peer"], tables, settings, output, threads=threads)
    report = json.loads((output / "report.json").read_text())
    return Finished(record_of_lists(tables, output / "lists.parquet"), report)


def record_of_lists(tables: Path, lists: Path) -> RankingPredictions:
    """Ranks of the held-out items in a peer's lists; what is not in a list is a miss at its length."""
    test = pl.read_parquet(tables / "test.parquet").select("user", "item").unique().sort("user", "item")
    found = test.join(pl.read_parquet(lists), on=["user", "item"], how="left", maintain_order="left")
    user_Q, query_T = np.unique(found["user"].to_numpy(), return_inverse=True)
    return RankingPredictions(user_Q, found["rank"].fill_null(NOT_RANKED).to_numpy(), query_T.reshape(-1))


def figures(runs: Sequence[Finished], seed: int = 0) -> dict[str, Any]:
    """Metrics over users and seeds with their intervals."""
    random = np.random.default_rng(seed)
    return dict(measure([run.record for run in runs], [10], 1000, 0.95, random))


def against(ours: Sequence[Finished], theirs: Sequence[Finished], metric: str) -> dict[str, Any]:
    """The paired difference on a metric, with its interval over users and seeds."""
    pair = {"pair": ([run.record for run in ours], [run.record for run in theirs])}
    found = gain_family(
        pair, bootstrap=1000, confidence=0.95, generator=np.random.default_rng(0), metrics={"pair": metric}
    )
    return dict(found["pair"])


def seconds_to(curve: Sequence[dict[str, Any]], quality: float) -> float | None:
    """CPU seconds of training until a validation NDCG@10 is reached; None if it never is."""
    for point in curve:
        value = point["metrics"]["next"]["ndcg@10"] if "metrics" in point else point["ndcg@10"]
        if value >= quality:
            return float(point["cpu_seconds"])
    return None


def best_valid(curve: Sequence[dict[str, Any]]) -> float:
    """The best validation NDCG@10 of a curve."""
    return max(p["metrics"]["next"]["ndcg@10"] if "metrics" in p else p["ndcg@10"] for p in curve)


def time_ratios(ours: Sequence[Finished], theirs: Sequence[Finished]) -> list[float]:
    """CPU seconds of training until their best validation NDCG@10, ours over theirs."""
    ratios = []
    for run, peer in zip(ours, theirs, strict=True):
        goal = best_valid(peer.report["curve"])
        reached, needed = seconds_to(run.report["curve"], goal), seconds_to(peer.report["curve"], goal)
        if reached is not None and needed:
            ratios.append(reached / needed)
    return ratios
