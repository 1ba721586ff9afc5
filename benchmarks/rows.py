"""Benchmarks of tasks that score rows: ours beside its peers on one table of events, judged by one code.

A benchmark names its data, its configuration, its tasks and its peers (`Contest`); what is common stands
here: running all programs in child processes, the check that all of them answer the same rows with the same
labels, metrics with intervals over users and seeds, paired differences, claims. Finished runs are read again.

The folder of tables holds `events.parquet` (`user`, `item`, `time` in ms, `split` 0 train / 1 valid / 2 test,
labels) and perhaps `items.parquet` and `users.parquet`: peers/README.md. A row is known by its place in
`events.parquet`. All sides learn from the same rows.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl

from benchmarks.environment import run_peer
from benchmarks.ours import train_in_child
from benchmarks.record import claim
from motet.evaluation.compare import Gain, Runs, gain_family
from motet.evaluation.measures import Measure, measure
from motet.evaluation.records import RowPredictions

SETTINGS = Path(__file__).parent / "peers" / "settings.json"
TEST = 2
Kind = Literal["binary", "regression"]
METRIC: dict[Kind, str] = {"binary": "auc", "regression": "rmse"}
Records = list[RowPredictions]  # one a seed


@dataclass(frozen=True)
class Contest:
    """What a benchmark compares.

    Args:
        data: Name of the data in peers/settings.json.
        tables: Folder of the tables.
        work: Folder for everything that runs.
        config: Configuration of ours.
        tasks: Row tasks by name, which are columns of the tables too, and their kinds.
        histories: The first one is the one that validates our training.
        peers: Kinds of peers in settings.json: ``trees`` for ``trees.TASK``.
        seeds: How many runs of each.
        threads: Of each run.
        overrides: Of our configuration, such as ``model.counter_pieces=0``.
    """

    data: str
    tables: Path
    work: Path
    config: Path
    tasks: Mapping[str, Kind]
    histories: tuple[str, ...] = ("rolling",)
    peers: tuple[str, ...] = ("trees",)
    seeds: int = 3
    threads: int = 1
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answers:
    """What all runs of one program said: records by (history, task), one a seed, and the runs' reports."""

    records: dict[tuple[str, str], Records]
    reports: list[dict[str, Any]]


def asked_rows(tables: Path, task: str) -> pl.DataFrame:
    """The test rows that have a label of a task: `row`, `user`, `label`, in the order of the table."""
    events = pl.read_parquet(tables / "events.parquet").with_row_index("row")
    rows = events.filter((pl.col("split") == TEST) & pl.col(task).is_not_null())
    return rows.select(pl.col("row").cast(pl.Int64), "user", label=pl.col(task).cast(pl.Float64))


def record_of(asked: pl.DataFrame, said: pl.DataFrame, kind: Kind) -> RowPredictions:
    """A record of predictions, of exactly the rows that were asked.

    Args:
        asked: From `asked_rows`.
        said: `row`, `prediction`, and `label` where the program tells what it took for it.
        kind: Of the task.

    Raises:
        ValueError: A row is missing, strange, there twice, or has another label.
    """
    said = said.with_columns(pl.col("row").cast(pl.Int64))
    strange = said.join(asked, on="row", how="anti").height
    if said["row"].is_duplicated().any() or strange or said.height != asked.height:
        raise ValueError(f"{asked.height} rows were asked; {said.height} came back, {strange} of them others")
    both = asked.join(said, on="row", how="left", maintain_order="left", suffix=".said")
    if "label" in said.columns and (both["label"] - both["label.said"]).abs().max() > 1e-4:  # type: ignore[operator]
        raise ValueError("the labels of the two sides differ")
    user_N, label_N, said_N = (both[name].to_numpy() for name in ("user", "label", "prediction"))
    if kind == "binary" and (
        said_N.min() < 0 or said_N.max() > 1
    ):  # scores of a linear model: AUC alone counts
        said_N = (said_N - said_N.min()) / (said_N.max() - said_N.min())
    return RowPredictions(kind, user_N, label_N, said_N)


def run_ours(contest: Contest, model: str = "joint", tasks: Sequence[str] | None = None) -> Answers:
    """Train one of our models once a seed and ask it under every history.

    Args:
        contest: The benchmark.
        model: ``joint`` or ``twin of TASK``.
        tasks: Those to read the answers of; None for all of them.
    """
    records: dict[tuple[str, str], Records] = {}
    reports = []
    for seed in range(contest.seeds):
        output = contest.work / f"{model.replace(' ', '_')}-{seed}"
        options = ["--model", model, "--histories", ",".join(contest.histories)]
        settings = [*contest.overrides, f"training.seed={seed}"]
        train_in_child(contest.config, output, settings, options, contest.threads)
        for history in contest.histories:
            for task in contest.tasks if tasks is None else tasks:
                said = pl.read_parquet(output / "rows.parquet")
                mine = said.filter((pl.col("task") == task) & (pl.col("history") == history))
                record = record_of(asked_rows(contest.tables, task), mine, contest.tasks[task])
                records.setdefault((history, task), []).append(record)
        reports.append(json.loads((output / "report.json").read_text()))
        print(model, "seed", seed, reports[-1]["valid"], flush=True)
    return Answers(records, reports)


def run_twins(contest: Contest) -> Answers:
    """The single-task twin of every row task, trained and asked in the same way."""
    records: dict[tuple[str, str], Records] = {}
    reports: list[dict[str, Any]] = []
    for task in contest.tasks:
        found = run_ours(contest, f"twin of {task}", [task])
        records |= found.records
        reports += found.reports
    return Answers(records, reports)


def run_theirs(contest: Contest, peer: str) -> Answers:
    """One kind of peer for every task, history and seed, on the features that `features` makes.

    Grids and settings stand in peers/settings.json; each run chooses on validation rows.
    """
    chosen = json.loads(SETTINGS.read_text())[contest.data]
    records: dict[tuple[str, str], Records] = {}
    reports = []
    for history in contest.histories:
        features = contest.work / f"features-{history}"
        run_once("features", contest.tables, {**chosen["features"]["settings"], "history": history},
                  features, contest.threads)  # fmt: skip
        for task, kind in contest.tasks.items():
            for seed in range(contest.seeds):
                output = contest.work / f"{peer}-{history}-{task}-{seed}"
                settings = {**chosen[f"{peer}.{task}"]["settings"], "history": history, "seed": seed}
                report = run_once("tabular", features, settings, output, contest.threads)
                asked = asked_rows(contest.tables, task)
                said = pl.read_parquet(output / "predictions.parquet")
                said = said.filter(
                    pl.col("row").is_in(asked["row"].implode())
                )  # unlabelled rows are answered too
                records.setdefault((history, task), []).append(record_of(asked, said, kind))
                reports.append({"history": history, "task": task, "seed": seed, **report})
    return Answers(records, reports)


def run_once(peer: str, tables: Path, settings: dict[str, Any], output: Path, threads: int) -> dict[str, Any]:
    """The report of a peer, which runs if it has not finished before."""
    if not (output / "report.json").exists():
        run_peer(peer, tables, settings, output, threads=threads)
    report: dict[str, Any] = json.loads((output / "report.json").read_text())
    return report


def figure(records: Records, metric: str) -> Measure:
    """Mean of a metric over the seeds, with its interval over users and seeds."""
    return measure(records, [], 1000, 0.95, np.random.default_rng(0))[metric]


def difference(ours: Runs, theirs: Runs, metric: str) -> Gain:
    """The paired difference on the same users; positive: ours is better, also where less is more."""
    pair = {"pair": (ours, theirs)}
    return gain_family(
        pair, bootstrap=1000, confidence=0.95, generator=np.random.default_rng(0), metrics={"pair": metric}
    )["pair"]


def best_of(peers: Mapping[str, Records], metric: str) -> str:
    """The peer with the best mean over its seeds."""
    value = {name: figure(records, metric)["value"] or 0.0 for name, records in peers.items()}
    return min(value, key=value.__getitem__) if metric == "rmse" else max(value, key=value.__getitem__)


def claims_of(
    prefix: str, metric: str, ours: Records, peers: Mapping[str, Records], twin: Records | None = None
) -> list[dict[str, Any]]:
    """The claims on one task under one history.

    Args:
        prefix: Such as ``ml100k.rolling.like``; ``.METRIC``, ``.PEER`` for every peer, ``.best_peer``,
            ``.difference`` (to the best peer), ``.twin`` and ``.over_twin`` come after it.
        metric: ``auc`` or ``rmse``.
        ours: The joint model's records, one a seed.
        peers: Name -> records.
        twin: Records of the single-task twin.
    """
    seeds, best = list(range(len(ours))), best_of(peers, metric)
    rival = (best, _value(peers[best], metric))
    found = [_measured(f"{prefix}.{metric}", ours, metric, rival)]
    found += [_measured(f"{prefix}.{name}", records, metric) for name, records in peers.items()]
    found.append(_measured(f"{prefix}.best_peer", peers[best], metric, rival))
    against = {"difference": (peers[best], best)} | ({"over_twin": (twin, "twin")} if twin else {})
    for name, (records, who) in against.items():
        gain = difference(ours, records, metric)
        span = (float(gain["low"] or 0.0), float(gain["high"] or 0.0))
        value = float(gain["difference"] or 0.0)
        found.append(claim(f"{prefix}.{name}", value, seeds=seeds, interval=span, peer=(who, 0.0)))
    if twin:
        found.append(_measured(f"{prefix}.twin", twin, metric))
    return found


def _measured(
    name: str, records: Records, metric: str, peer: tuple[str, float] | None = None
) -> dict[str, Any]:
    found = figure(records, metric)
    span = (float(found["low"] or 0.0), float(found["high"] or 0.0))
    seeds = list(range(len(records)))
    return claim(name, _value(records, metric), seeds=seeds, interval=span, peer=peer)


def _value(records: Records, metric: str) -> float:
    return float(figure(records, metric)["value"] or 0.0)
