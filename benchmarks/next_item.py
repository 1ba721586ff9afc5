"""Next-item benchmarks: ours beside its peers on one materialised order, judged by one code.

A benchmark names its data, its configuration and its peers; what is common stands here: the arguments,
running everything in child processes, reading their lists, metrics, paired intervals over users and seeds,
time to quality, claims.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.environment import run_peer
from benchmarks.ours import train_in_child
from benchmarks.record import claim
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

    def of(self, mask_Q: np.ndarray) -> "Finished":
        """The same of some queries."""
        return Finished(self.record.take(mask_Q), self.report)


@dataclass(frozen=True)
class Contest:
    """What a benchmark compares.

    Args:
        data: Name of the data in peers/settings.json.
        config: Configuration of ours.
        tables: Folder of the peers' tables.
        ours: Name -> overrides of the configuration.
        peers: Names in peers/settings.json.
        options: Name -> options of `benchmarks.ours`.
    """

    data: str
    config: Path
    tables: Path
    ours: Mapping[str, Sequence[str]]
    peers: Sequence[str]
    options: Mapping[str, Sequence[str]] = field(default_factory=dict)


def arguments(about: str, name: str, seeds: int = 3) -> argparse.Namespace:
    """The command line of a benchmark: `data`, `seeds`, `threads`, and `work`, whose folder is made."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder that holds the data")
    parser.add_argument("--seeds", type=int, default=seeds)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work", type=Path, default=Path("benchmarks/scratch") / name)
    given = parser.parse_args()
    (given.work / "tables").mkdir(parents=True, exist_ok=True)
    return given


def put_in(template: Path, work: Path, name: str, folder: Path) -> Path:
    """A configuration of benchmarks/configs with a folder's path in place of a name, written into `work`."""
    config = work / template.name
    config.write_text(template.read_text("utf8").replace(name, str(folder.resolve())), encoding="utf8")
    return config


def run_all(contest: Contest, work: Path, seeds: int, threads: int) -> dict[str, list[Finished]]:
    """Everything for every seed, one after another: name -> one result a seed."""
    runs: dict[str, list[Finished]] = {name: [] for name in (*contest.ours, *contest.peers)}
    for seed in range(seeds):
        for name, several in runs.items():
            place = work / f"{name}-{seed}"
            if name in contest.ours:
                overrides = [f"training.seed={seed}", *contest.ours[name]]
                train_in_child(contest.config, place, overrides, contest.options.get(name, ()), threads)
                several.append(finished(place))
            else:
                several.append(run_theirs(contest.data, name, contest.tables, place, seed, threads))
            print(name, seed, figures(several)["ndcg@10"], flush=True)
    return runs


def finished(output: Path) -> Finished:
    """What a training of ours left in a folder."""
    return Finished(ranks_of(output), json.loads((output / "report.json").read_text()))


def ranks_of(output: Path, column: str = "rank") -> RankingPredictions:
    """The ranks of the test rows that ours left in a folder."""
    return as_record(pl.read_parquet(output / "ranks.parquet"), column)


def as_record(ranks: pl.DataFrame, column: str) -> RankingPredictions:
    """A table of `user`, `query` and ranks."""
    ranks = ranks.sort("user", "query")
    user_Q, query_T = np.unique(ranks["user"].to_numpy(), return_inverse=True)
    return RankingPredictions(user_Q, ranks[column].to_numpy(), query_T.reshape(-1))


def run_theirs(data: str, name: str, tables: Path, output: Path, seed: int, threads: int) -> Finished:
    """One peer with the grid of settings.json; a finished one is read again."""
    chosen = json.loads(SETTINGS.read_text())[data][name]
    if not (output / "report.json").exists():
        settings = {**chosen["settings"], "seed": seed, "k": 20}
        run_peer(chosen["peer"], tables, settings, output, threads=threads)
    report = json.loads((output / "report.json").read_text())
    return Finished(record_of_lists(tables, output / "lists.parquet"), report)


def peer_memory(data: str, name: str, tables: Path, output: Path, threads: int) -> float:
    """Peak memory of a peer as it comes, in MB: one epoch of its first setting, malloc left as it is."""
    chosen = json.loads(SETTINGS.read_text())[data][name]
    if not (output / "report.json").exists():
        settings = {**chosen["settings"], "grid": chosen["settings"]["grid"][:1], "epochs": 1, "k": 20}
        run_peer(chosen["peer"], tables, settings, output, threads=threads, keep_memory=False)
    return float(json.loads((output / "report.json").read_text())["peak_rss_mb"])


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


def compared(
    name: str, metric: str, mine: Sequence[Finished], peer: str, theirs: Sequence[Finished]
) -> dict[str, Any]:
    """A claim on one metric over users and seeds, with its interval, beside the peer's."""
    value, other = figures(mine)[metric], figures(theirs)[metric]["value"]
    interval = (value["low"], value["high"])
    return claim(name, value["value"], seeds=range(len(mine)), interval=interval, peer=(peer, other))


def margins(
    name: str, metric: str, mine: Sequence[Finished], peer: str, theirs: Sequence[Finished]
) -> list[dict[str, Any]]:
    """Claims `NAME.ratio` and `NAME.difference` (paired, with its interval) on one metric."""
    paired, seeds = against(mine, theirs, metric), range(len(mine))
    ratio = figures(mine)[metric]["value"] / figures(theirs)[metric]["value"]
    span = (paired["low"], paired["high"])
    return [
        claim(f"{name}.ratio", ratio, seeds=seeds, peer=(peer, 1.0)),
        claim(f"{name}.difference", paired["difference"], seeds=seeds, interval=span, peer=(peer, 0.0)),
    ]
