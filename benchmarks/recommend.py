"""Recommendations for everybody: seconds and memory of `motet recommend --users all` at size.

    python -m benchmarks.recommend [--users 50000] [--items 20000] [--seeds 3]

A made-up log; the model is trained for one epoch, for its quality has no say here. The command runs in a
process of its own, start of Python and reading of the files included.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.data import measure
from benchmarks.record import claim, record


def write_log(folder: Path, users: int, items: int, seed: int) -> Path:
    """About ten events a user, popular items more often, and a configuration."""
    random = np.random.default_rng(seed)
    count = users * 10
    item = (items * random.power(0.4, count)).astype(np.int64)
    frame = pl.DataFrame(
        {"user": random.integers(0, users, count), "item": item, "at": np.arange(count) + 1_600_000_000}
    )
    frame.unique(["user", "item"], maintain_order=True).write_parquet(folder / "events.parquet")
    pl.DataFrame({"id": np.arange(items), "group": random.integers(0, 50, items)}).write_parquet(
        folder / "items.parquet"
    )
    config = folder / "motet.yaml"
    config.write_text(
        """name: size
data:
  items: {path: items.parquet, id: id, categorical: [group]}
  events: {path: events.parquet, user: user, item: item, time: at}
tasks: [{name: next, kind: next_item}]
model: {language: none, timeline: {length: 50, width: 64}}
training: {epochs: 1, batch_size: 512}
evaluation: {bootstrap: 0}
report: {twins: none, baselines: [popularity], ablations: []}
"""
    )
    return config


def main() -> None:
    """Train, recommend, measure, and write benchmarks/results/recommend.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=50_000)
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    spent = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = write_log(folder, given.users, given.items, 0)
        measure(["-m", "motet", "train", str(config), "--run", str(folder / "run")])
        for seed in range(given.seeds):
            out = folder / f"recs-{seed}.parquet"
            command = ["-m", "motet", "recommend", str(folder / "run")]
            spent.append(measure([*command, "--users", "all", "--k", "10", "--out", str(out)]))
            rows = pl.read_parquet(out)
            assert rows.height == 10 * rows["user"].n_unique(), "every user gets ten items"
    seconds, memory = ([one[name] for one in spent] for name in ("seconds", "memory_mb"))
    people = rows["user"].n_unique()
    record(
        "recommend",
        f"python -m benchmarks.recommend --users {given.users} --items {given.items} --seeds {given.seeds}",
        [
            claim("recommend.seconds", seconds, "s", seeds=list(range(given.seeds))),
            claim("recommend.memory_mb", memory, "MB", seeds=list(range(given.seeds))),
        ],
        {"users": people, "items": given.items},
    )
    print(seconds, memory)


if __name__ == "__main__":
    main()
