"""Ours beside torch-rechub's MMOE and PLE: the same rows and features, every task's quality, and the speed.

    python -m benchmarks.rechub DATA_FOLDER [--seeds 3] [--threads 1] [--sets kuairand,ml100k] [--work FOLDER]

DATA_FOLDER holds `kuairand-pure-2w` and `ml-100k`. Theirs is one model for all tasks, trained by its own
trainer and loader; it gets the columns of items, users and requests that ours reads, the point-in-time
features of peers/features.py (for KuaiRand with earlier watches too), and the user's last items, pooled.
Histories are `rolling`. Settings of both were chosen on validation rows; both are asked the test rows once a
seed. On KuaiRand both are then fitted on all days before the test; on MovieLens theirs on validation rows
too, ours on training rows alone.

Speed is rows that training learned from, over epochs, a CPU second of training alone: for ours everything
from the building of the model on, for theirs `train_one_epoch` with its loader. What torch imports when a
process makes its first optimizer (about a second) is in neither. Runs of both lie side by side in time.
Finished runs are read again.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks import kuairand, ml100k_time
from benchmarks.ours import train_in_child
from benchmarks.record import claim, record
from benchmarks.rows import (
    METRIC,
    SETTINGS,
    Answers,
    Contest,
    Kind,
    asked_rows,
    claims_of,
    record_of,
    run_once,
    run_ours,
)

MODELS = ("mmoe", "ple")
OURS = Path(__file__).parent / "configs" / "rechub.json"  # set -> overrides of its configuration
HISTORY = "rolling"


@dataclass(frozen=True)
class Match:
    """One set: our contest, and the folder and the name of the peers' features."""

    contest: Contest
    tables: Path
    peers: str


def match_of(name: str, data: Path, work: Path, seeds: int, threads: int) -> Match:
    """Write the tables of a set, and what our side is configured by."""
    work.mkdir(parents=True, exist_ok=True)
    tables, overrides = work / "tables", tuple(json.loads(OURS.read_text("utf8"))[name]["overrides"])
    if name == "ml100k":
        contest = ml100k_time.contest_of(data, work, seeds, threads)
        ours = Contest("ml100k_rows", tables, work, contest.config, contest.tasks, (HISTORY,), MODELS,
                       seeds, threads, overrides)  # fmt: skip
        return Match(ours, tables, "ml100k_rows")
    kuairand.write_tables(data, tables)
    events = pl.read_parquet(tables / "events.parquet")
    events.with_columns(comment="is_comment").write_parquet(tables / "events.parquet")
    config = work / "kuairand.yaml"
    config.write_text(with_comment(kuairand.CONFIG.read_text()).replace("TABLES", str(tables.resolve())))
    tasks: dict[str, Kind] = {**kuairand.TASKS, "comment": "binary"}
    ours = Contest("kuairand", tables, work, config, tasks, (HISTORY,), MODELS, seeds, threads, overrides)
    return Match(ours, kuairand.with_history(tables, work / "with_history"), "kuairand_history")


def with_comment(config: str) -> str:
    """The configuration of KuaiRand with its rarest task too, which has 142 positives to learn from."""
    before = "  - {name: watch, kind: regression"
    task = "  - {name: comment, kind: binary, label: comment, types: impression}\n"
    return config.replace("is_comment, is_forward", "is_comment, comment, is_forward").replace(
        before, task + before
    )


def run_match(match: Match, seed: int) -> None:
    """Ours, then both of theirs, of one seed."""
    contest = match.contest
    output = contest.work / f"joint-{seed}"
    options = ["--model", "joint", "--histories", HISTORY]
    settings = [*contest.overrides, f"training.seed={seed}"]
    train_in_child(contest.config, output, settings, options, contest.threads)
    chosen = json.loads(SETTINGS.read_text())[match.peers]
    features = contest.work / "features"
    told = {**chosen["features"]["settings"], "history": HISTORY, "lists": chosen["rechub.mmoe"]["lists"]}
    run_once("features", match.tables, told, features, contest.threads)
    for model in MODELS:
        wanted = {**chosen[f"rechub.{model}"]["settings"], "seed": seed, "tasks": contest.tasks}
        run_once("rechub", features, wanted, contest.work / f"{model}-{seed}", contest.threads)


def read_theirs(match: Match, model: str) -> Answers:
    """What one of their models said, of all seeds."""
    contest, records, reports = match.contest, {}, []
    for seed in range(contest.seeds):
        output = contest.work / f"{model}-{seed}"
        said = pl.read_parquet(output / "predictions.parquet")
        for task, kind in contest.tasks.items():
            asked = asked_rows(contest.tables, task)
            mine = said.select("row", prediction=task).filter(pl.col("row").is_in(asked["row"].implode()))
            records.setdefault((HISTORY, task), []).append(record_of(asked, mine, kind))
        reports.append({"seed": seed, **json.loads((output / "report.json").read_text())})
    return Answers(records, reports)


def quality_claims(
    name: str, contest: Contest, ours: Answers, peers: dict[str, Answers]
) -> list[dict[str, Any]]:
    """The claims on every task of one set."""
    claims = []
    for task, kind in contest.tasks.items():
        rivals = {model: answers.records[HISTORY, task] for model, answers in peers.items()}
        mine = ours.records[HISTORY, task]
        claims += claims_of(f"rechub.{name}.{task}", METRIC[kind], mine, rivals)
    return claims


def speed_claims(name: str, ours: Answers, peers: dict[str, Answers]) -> list[dict[str, Any]]:
    """Rows a CPU second of training of both, and how many times faster ours is than the faster of theirs."""
    mine = [report["examples"] / report["train_cpu_seconds"] for report in ours.reports]
    theirs = {
        model: [each["notes"]["rows_per_cpu_second"] for each in found.reports]
        for model, found in peers.items()
    }
    fastest = max(theirs, key=lambda model: mean(theirs[model]))
    seeds, rival = range(len(mine)), (fastest, mean(theirs[fastest]))
    ratios = [a / b for a, b in zip(mine, theirs[fastest], strict=True)]
    return [
        claim(f"rechub.{name}.rows_per_second", mine, "rows/s", seeds=seeds, peer=rival),
        *(
            claim(f"rechub.{name}.rows_per_second.{model}", said, "rows/s", seeds=seeds)
            for model, said in theirs.items()
        ),
        claim(f"rechub.{name}.speed_ratio", ratios, seeds=seeds, peer=(fastest, 1.0)),
    ]


def mean(values: Sequence[float]) -> float:
    """The plain mean."""
    return sum(values) / len(values)


def whole_claims(claims: Sequence[dict[str, Any]], seeds: int) -> list[dict[str, Any]]:
    """Share of tasks on which ours is better, in the mean and beyond the interval, and the worst ratio."""
    differences = [each for each in claims if each["name"].endswith(".difference")]
    ratios = [each["value"] for each in claims if each["name"].endswith(".speed_ratio")]
    better = mean([float(each["value"] > 0) for each in differences])
    beyond = mean([float(each["low"] > 0) for each in differences])
    return [
        claim("mtl.rechub_wins_share", better, seeds=range(seeds)),
        claim("mtl.rechub_wins_share.beyond_interval", beyond, seeds=range(seeds)),
        claim("mtl.rechub_speed_ratio", min(ratios), seeds=range(seeds)),
    ]


def main() -> None:
    """Run everything and write benchmarks/results/rechub.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--sets", default="kuairand,ml100k")
    parser.add_argument("--work", type=Path, default=Path("benchmarks/scratch/rechub"))
    given = parser.parse_args()
    matches = {
        name: match_of(name, given.data, given.work / name, given.seeds, given.threads)
        for name in given.sets.split(",")
    }
    for seed in range(given.seeds):
        for match in matches.values():
            run_match(match, seed)
    write(matches, given.seeds)


def write(matches: dict[str, Match], seeds: int) -> None:
    """Claims, settings, every trial and every curve into benchmarks/results/rechub.json."""
    claims: list[dict[str, Any]] = []
    details: dict[str, Any] = {}
    for name, match in matches.items():
        ours = run_ours(match.contest)
        peers = {model: read_theirs(match, model) for model in MODELS}
        claims += quality_claims(name, match.contest, ours, peers) + speed_claims(name, ours, peers)
        details[name] = {"ours": ours.reports, "chosen": json.loads(OURS.read_text("utf8"))[name],
                         "peers": {model: found.reports for model, found in peers.items()}}  # fmt: skip
        details[name]["tried"] = {model: _tried(match.peers, model) for model in MODELS}
    claims += whole_claims(claims, seeds)
    for each in claims:
        print(
            each["name"], *(f"{each[key]:.4f}" for key in ("value", "low", "high") if each[key] is not None)
        )
    record("rechub", f"python -m benchmarks.rechub DATA_FOLDER --seeds {seeds}", claims, details)


def _tried(peers: str, model: str) -> Any:
    return json.loads(SETTINGS.read_text())[peers][f"rechub.{model}"].get("tried")


if __name__ == "__main__":
    main()
