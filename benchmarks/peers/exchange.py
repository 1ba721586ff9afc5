"""What a peer reads and writes: a folder of plain tables in; top-k lists or predictions, and a report, out.

The tables hold dense numbers only (users and items from 0), so that one code of ours judges every program.
README.md beside this file lists the columns. Shapes: E interactions, Q queried users, K places of a list.
"""

import argparse
import json
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

Settings = dict[str, Any]


@dataclass(frozen=True)
class Interactions:
    """Pairs of one part of the log, ordered by user and then by time: ``user_E``, ``item_E``."""

    user_E: np.ndarray
    item_E: np.ndarray

    def __add__(self, later: "Interactions") -> "Interactions":
        """The two parts as one; what a user did in ``later`` follows what the user did here."""
        user_E = np.concatenate([self.user_E, later.user_E])
        order_E = np.argsort(user_E, kind="stable")
        return Interactions(user_E[order_E], np.concatenate([self.item_E, later.item_E])[order_E])


@dataclass(frozen=True)
class RankingWorld:
    """The input of a ranking peer.

    The lists asked for are those of ``query_Q`` right after ``train + valid``; a peer never sees test items.
    """

    train: Interactions
    valid: Interactions
    query_Q: np.ndarray
    vectors_ND: np.ndarray | None
    num_users: int
    num_items: int


def _interactions(path: Path) -> Interactions:
    table = pl.read_parquet(path).sort("user", "order", maintain_order=True)
    return Interactions(table["user"].to_numpy().astype(np.int64), table["item"].to_numpy().astype(np.int64))


def read_ranking_world(folder: Path) -> RankingWorld:
    """Read ``train``, ``valid``, ``queries`` (Parquet) and, when there, ``vectors.npy`` (float32, N x D)."""
    train, valid = _interactions(folder / "train.parquet"), _interactions(folder / "valid.parquet")
    query_Q = np.unique(pl.read_parquet(folder / "queries.parquet")["user"].to_numpy().astype(np.int64))
    vectors = folder / "vectors.npy"
    vectors_ND = np.load(vectors, allow_pickle=False) if vectors.exists() else None
    items = [train.item_E, valid.item_E]
    num_items = len(vectors_ND) if vectors_ND is not None else 1 + max(int(part.max()) for part in items)
    num_users = 1 + max(int(part.max()) for part in (train.user_E, valid.user_E, query_Q))
    return RankingWorld(train, valid, query_Q, vectors_ND, num_users, num_items)


def read_rows(folder: Path) -> pl.DataFrame:
    """Read ``rows.parquet`` (row, user, item, time, split, labels, features) with dense users and items."""
    rows = pl.read_parquet(folder / "rows.parquet")
    return rows.with_columns(
        pl.col("user", "item").rank("dense").cast(pl.Int64) - 1, pl.col("time").cast(pl.Int64)
    )


def write_lists(folder: Path, user_Q: np.ndarray, item_QK: np.ndarray, score_QK: np.ndarray) -> None:
    """Write ``lists.parquet`` (user, rank from 1, item, score); places with item -1 are left out."""
    places = item_QK.shape[1]
    table = pl.DataFrame(
        {
            "user": np.repeat(user_Q, places),
            "rank": np.tile(np.arange(1, places + 1, dtype=np.int32), len(user_Q)),
            "item": item_QK.ravel().astype(np.int64),
            "score": score_QK.ravel().astype(np.float64),
        }
    )
    table.filter(pl.col("item") >= 0).write_parquet(folder / "lists.parquet")


def write_predictions(folder: Path, row_T: np.ndarray, prediction_T: np.ndarray) -> None:
    """Write ``predictions.parquet`` (row, prediction): one line a test row."""
    pl.DataFrame({"row": row_T, "prediction": prediction_T.astype(np.float64)}).write_parquet(
        folder / "predictions.parquet"
    )


@dataclass
class Report:
    """What a peer tells about its work; times are of this process, all threads together."""

    peer: str
    settings: Settings
    trials: list[Settings] = field(default_factory=list)
    chosen: Settings = field(default_factory=dict)
    curve: list[dict[str, float]] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)
    wall_start: float = field(default_factory=time.perf_counter)
    cpu_start: float = field(default_factory=time.process_time)

    def write(self, folder: Path, name: str = "report.json") -> None:
        """Write the report with CPU seconds, wall seconds and the peak of resident memory.

        A report that is named ``report.json`` means that everything else has been written.
        """
        value = {
            "peer": self.peer,
            "settings": self.settings,
            "chosen": self.chosen,
            "trials": self.trials,
            "curve": self.curve,
            "notes": self.notes,
            "cpu_seconds": time.process_time() - self.cpu_start,
            "wall_seconds": time.perf_counter() - self.wall_start,
            "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
        (folder / name).write_text(json.dumps(value, indent=1) + "\n", encoding="utf8")


class Stopwatch:
    """CPU and wall seconds of what runs inside ``with stopwatch.running():``."""

    def __init__(self) -> None:
        self.cpu = 0.0
        self.wall = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Add the time of the block."""
        cpu, wall = time.process_time(), time.perf_counter()
        try:
            yield
        finally:
            self.cpu += time.process_time() - cpu
            self.wall += time.perf_counter() - wall


def run_main(work: Callable[[Path, Settings, Path], None]) -> None:
    """Read the command line ``INPUT SETTINGS.json OUTPUT`` of a peer and do its work."""
    parser = argparse.ArgumentParser(description="A peer: see benchmarks/peers/README.md.")
    parser.add_argument("input", type=Path, help="folder with the tables")
    parser.add_argument("settings", type=Path, help="JSON file")
    parser.add_argument("output", type=Path, help="folder for the results")
    given = parser.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    work(given.input, json.loads(given.settings.read_text(encoding="utf8")), given.output)
