"""One joint model of MovieLens with its language model tuned, frozen, and left out, in one table.

    python -m benchmarks.lm_joint DATA_FOLDER [--seeds 3] [--threads 1] [--work FOLDER]

DATA_FOLDER holds `ml-100k`. The tasks are the next film, whether it is liked, its rating, and, read from
title and plot alone, its main genre (the first that the catalogue names). The split is by time (80/10/10),
that of the genre by the films. Without a language model there is no genre to tell. Settings but `tuning` are
the same; they were chosen on validation rows. The intervals are those of each run (users, or films,
resampled), their bounds the mean over the seeds. Finished runs are read again.
"""

import argparse
import gzip
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.peers import worlds
from benchmarks.record import claim, record

CONFIG = Path(__file__).parent / "configs" / "lm_joint.yaml"
METRICS = {"next": "ndcg@10", "like": "auc", "rating": "rmse", "genre": "macro_f1"}
PLAIN = ("next", "like", "rating")
FROZEN = (
    "max_tokens: 64, learning_rate: 0.00003, items: 64",
    "max_tokens: 64",
)  # what a frozen one reads not
WAYS = ("tuned", "frozen", "none")


def write_tables(data: Path, tables: Path) -> None:
    """Events with their parts, and films with title, plot, genres and the first of them."""
    tables.mkdir(parents=True, exist_ok=True)
    worlds.ml100k_rows(data, tables)
    with gzip.open(data / "ml-100k" / "item_metadata.jsonl.gz", "rt", encoding="utf8") as lines:
        plots = [{"item": int(row["item_id"]), "plot": row["plot"]} for row in map(json.loads, lines)]
    films = pl.read_csv(data / "ml-100k" / "ml-100k.item", separator="\t", infer_schema=False)
    films = films.rename({name: name.split(":")[0] for name in films.columns})
    titles = films.select(item=pl.col("item_id").cast(pl.Int64), title="movie_title")
    items = pl.read_parquet(tables / "items.parquet")
    items = items.join(titles, on="item", how="left").join(pl.DataFrame(plots), on="item", how="left")
    items.with_columns(main_genre=pl.col("genre").list.first()).write_parquet(tables / "items.parquet")


def configuration(way: str, tables: Path) -> str:
    """The configuration with the language model tuned, frozen, or left out."""
    text = CONFIG.read_text("utf8").replace("TABLES", str(tables.resolve()))
    lines = text.splitlines()
    if way == "frozen":
        lines = [each.replace(*FROZEN).replace("tuning: full", "tuning: frozen") for each in lines]
    if way == "none":
        kept = [each for each in lines if "name: genre" not in each]
        lines = ["  language: none" if each.startswith("  language:") else each for each in kept]
    return "\n".join(lines) + "\n"


def run_of(way: str, seed: int, tables: Path, work: Path, threads: int) -> Mapping[str, Any]:
    """Train one, unless that is done, and read its figures."""
    output = work / f"{way}-{seed}"
    if not (output / "metrics.json").exists():
        config = work / f"{way}.yaml"
        config.write_text(configuration(way, tables), "utf8")
        command = [sys.executable, "-m", "motet", "train", str(config), "--run", str(output)]
        command += ["--set", f"training.seed={seed}", "--set", f"training.threads={threads}"]
        with (work / f"{way}-{seed}.log").open("w") as log:
            subprocess.run(command, stdout=log, stderr=log, check=True)
        print("trained", output, flush=True)
    found: Mapping[str, Any] = json.loads((output / "metrics.json").read_text("utf8"))
    return found


def claims_of(runs: Mapping[str, Sequence[Mapping[str, Any]]], seeds: Sequence[int]) -> list[dict[str, Any]]:
    """Every task under every way, and what tuning gains over the frozen one."""
    found = []
    for way, several in runs.items():
        for task in METRICS if way != "none" else PLAIN:
            measured = [run["tasks"][task]["test"][METRICS[task]] for run in several]
            low, high = (sum(each[name] for each in measured) / len(measured) for name in ("low", "high"))
            name = f"lm.joint.{task}.{way}"
            found.append(claim(name, [each["value"] for each in measured], seeds=seeds, interval=(low, high)))
    for task, metric in METRICS.items():
        pairs = zip(runs["tuned"], runs["frozen"], strict=True)
        sign = -1 if metric == "rmse" else 1
        gain = [
            sign * (a["tasks"][task]["test"][metric]["value"] - b["tasks"][task]["test"][metric]["value"])
            for a, b in pairs
        ]
        found.append(claim(f"lm.joint.{task}.tuned_gain", gain, seeds=seeds))
    for way, several in runs.items():
        spent = [run["cost"]["cpu_seconds"] for run in several]
        found.append(claim(f"lm.joint.cpu_seconds.{way}", spent, "s", seeds=seeds))
    return found


def main() -> None:
    """Run everything and write benchmarks/results/lm_joint.json."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--work", type=Path, default=Path("benchmarks/scratch/lm_joint"))
    given = parser.parse_args()
    tables, seeds = given.work / "tables", range(given.seeds)
    write_tables(given.data, tables)
    runs: dict[str, list[Mapping[str, Any]]] = {way: [] for way in WAYS}
    for seed in seeds:
        for way in WAYS:
            runs[way].append(run_of(way, seed, tables, given.work, given.threads))
    claims = claims_of(runs, seeds)
    for each in claims:
        print(each["name"], f"{each['value']:.4f}")
    settings = {way: configuration(way, Path("TABLES")) for way in WAYS}
    record("lm_joint", f"python -m benchmarks.lm_joint DATA_FOLDER --seeds {given.seeds}", claims, settings)


if __name__ == "__main__":
    main()
