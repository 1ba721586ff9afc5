"""How fast, and in how much memory, a big log is checked and prepared: `python -m benchmarks.data`.

Writes a made-up log (10 million events of 200,000 users on 100,000 items, with a few wrong rows) to a
temporary folder. Then, for each seed, child processes run `motet check`, and read -> clean -> order -> split
with all columns in memory, as training begins. Time and peak memory are those of the child, as the system
counts them.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.record import claim, record

ROWS_A_FILE = 1_000_000
USERS, ITEMS = 50, 100  # events for each user and item
CONFIG = """
name: big
data:
  items: {path: items.parquet, id: item_id, text: [title], categorical: [category], numeric: [price]}
  users: {path: users.parquet, id: user_id, categorical: [country], numeric: [age]}
  events:
    {path: events-*.parquet, user: user_id, item: item_id, time: time, type: type, value: seconds, context:
    [surface]}
  split: {kind: time}
tasks:
  - {name: next, kind: next_item, positive: [click]}
  - {name: click, kind: binary, label: clicked, types: [impression]}
  - {name: watch, kind: regression, label: seconds, types: [click], transform: log1p}
"""


def make_log(folder: Path, events: int, seed: int) -> None:
    """Write catalogue, users and a log in files of a million rows, in order of time."""
    rng = np.random.default_rng(seed)
    users, items = events // USERS, events // ITEMS
    _catalogue(items, rng).write_parquet(folder / "items.parquet")
    _people(users, rng).write_parquet(folder / "users.parquet")
    for number, start in enumerate(range(0, events, ROWS_A_FILE)):
        rows = min(ROWS_A_FILE, events - start)
        part = _events(rows, start, users, items, rng)
        part.write_parquet(folder / f"events-{number:03}.parquet")
    (folder / "motet.yaml").write_text(CONFIG, encoding="utf-8")


def _catalogue(items: int, rng: np.random.Generator) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "item_id": np.arange(items),
            "title": [f"thing number {n}" for n in range(items)],
            "category": rng.choice([f"category {n}" for n in range(100)], items),
            "price": rng.lognormal(3, 1, items),
        }
    )


def _people(users: int, rng: np.random.Generator) -> pl.DataFrame:
    countries = rng.choice(["de", "cn", "us", "br"], users)
    return pl.DataFrame(
        {"user_id": np.arange(users), "country": countries, "age": rng.integers(14, 90, users)}
    )


def _events(rows: int, start: int, users: int, items: int, rng: np.random.Generator) -> pl.DataFrame:
    """Popular and rare items; one row in 1,000 is a duplicate, a few lack a user or have a broken clock."""
    clicked = rng.random(rows) < 0.2
    seconds = np.where(clicked, rng.lognormal(3, 1.5, rows), 0.0)
    seconds[rng.random(rows) < 1e-6] = 1e30
    frame = pl.DataFrame(
        {
            "user_id": rng.integers(0, users, rows),
            "item_id": (items * rng.random(rows) ** 3).astype(np.int64),
            "time": 1_700_000_000_000 + start * 100 + np.arange(rows) * 100,
            "type": np.where(clicked, "click", "impression"),
            "clicked": clicked.astype(np.int8),
            "seconds": seconds,
            "surface": rng.integers(0, 8, rows),
        }
    )
    wrong = pl.int_range(pl.len()) % 100_003
    frame = frame.with_columns(
        pl.when(wrong != 7).then("user_id"), pl.when(wrong != 9).then("time").otherwise(5_000_000_000_000)
    )
    return pl.concat([frame[: rows - rows // 1000], frame[: rows // 1000]])


def prepare(folder: Path) -> int:
    """Read, clean, order, label and split a log with all its columns; the number of its rows."""
    from motet.config.read import read_config
    from motet.data.division import clean_divided, make_parts
    from motet.data.labels import label_columns
    from motet.data.order import materialise_order
    from motet.data.readers import read_tables

    config = read_config(folder / "motet.yaml")
    tables, _ = clean_divided(read_tables(config.data, folder), config)
    events = materialise_order(tables.events.collect(engine="streaming"), 0)
    events = label_columns(events, config.tasks)
    return len(next(iter(make_parts(events, config).values())))


def measure(arguments: list[str]) -> dict[str, float]:
    """Run a child process: its wall and CPU seconds and the most memory it held, in MB of 2^20 bytes.

    The system counts what this process held at the fork as the child's, so this process must stay small.
    """
    began = time.perf_counter()
    child = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{' '.join(arguments)} ended with status {child.returncode}")
    seconds = time.perf_counter() - began
    memory = usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)
    return {"seconds": seconds, "cpu_seconds": usage.ru_utime + usage.ru_stime, "memory_mb": memory}


def main() -> None:
    """Measure, and write benchmarks/results/data.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--prepare", type=Path, help="a child process: prepare the log in this folder")
    parser.add_argument(
        "--make", type=Path, help="a child process: make a log of seed --seeds in this folder"
    )
    given = parser.parse_args()
    if given.prepare or given.make:
        print(prepare(given.prepare) if given.prepare else make_log(given.make, given.events, given.seeds))
        return
    trials = [trial(given.events, seed) for seed in range(given.seeds)]
    claims = [each for work in ("check", "prepare") for each in claims_of(work, trials, given.events)]
    path = record("data", "python -m benchmarks.data", claims, {"events": given.events, "trials": trials})
    print(path.read_text())


def claims_of(work: str, trials: list[dict[str, dict[str, float]]], events: int) -> list[dict[str, Any]]:
    """The claims about one kind of work."""
    seeds = range(len(trials))
    seconds, cpu, memory = ([t[work][key] for t in trials] for key in ("seconds", "cpu_seconds", "memory_mb"))
    return [
        claim(f"{work}.rows_per_second", [events / each for each in seconds], "rows/s", seeds=seeds),
        claim(f"{work}.seconds", seconds, "s", seeds=seeds),
        claim(f"{work}.cpu_seconds", cpu, "s", seeds=seeds),
        claim(f"{work}.memory_mb", memory, "MB", seeds=seeds),
    ]


def trial(events: int, seed: int) -> dict[str, dict[str, float]]:
    """One made-up log, checked and prepared."""
    with tempfile.TemporaryDirectory() as place:
        measure(["-m", "benchmarks.data", "--make", place, "--events", str(events), "--seeds", str(seed)])
        found = {
            "check": measure(["-m", "motet", "check", str(Path(place) / "motet.yaml"), "--json"]),
            "prepare": measure(["-m", "benchmarks.data", "--prepare", place]),
        }
    print(json.dumps({"seed": seed, **found}), file=sys.stderr)
    return found


if __name__ == "__main__":
    main()
