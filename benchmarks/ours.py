"""Ours as a program, like a peer: one model of one seed out of a configuration, in a process of its own.

    python -m benchmarks.ours CONFIG OUTPUT_FOLDER [a.b=c ...]

Output, of the test rows: `ranks.parquet` (`task`, `user`, `query`, `rank`) for tasks that rank,
`rows.parquet` (`task`, `row`, `user`, `label`, `prediction`) for tasks that score rows; and `report.json`
(validation curve with CPU seconds of training alone, cost, settings).
"""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from motet.config.read import config_folder, read_config
from motet.data.timelines import TEST
from motet.evaluation.evaluate import Examiner
from motet.evaluation.records import RankingPredictions, RowPredictions
from motet.gather import gather
from motet.run import settle
from motet.system.files import write_json
from motet.system.machine import cpu_seconds, peak_rss_mb
from motet.training.fit import fit


class Clock:
    """CPU seconds of training alone: validation stops it."""

    def __init__(self) -> None:
        self.spent, self.since = 0.0, time.process_time()

    def stop(self) -> None:
        """Leave out what comes now."""
        self.spent += time.process_time() - self.since

    def start(self) -> None:
        """Count what comes now."""
        self.since = time.process_time()


def main() -> None:
    """Read the arguments, train, write what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("overrides", nargs="*")
    given = parser.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    config = settle(read_config(given.config, given.overrides), config_folder(given.config))
    material = gather(config, config_folder(given.config))
    examiner = Examiner(config, material.prepared.dataset, material.views)
    clock, curve = Clock(), []

    def validate(model: Any) -> Any:
        clock.stop()
        metrics = examiner.validate(model)
        curve.append({"epoch": len(curve) + 1, "cpu_seconds": clock.spent, "metrics": metrics})
        clock.start()
        return metrics

    clock.start()
    fitting = time.monotonic()
    trained = fit(config, material.prepared, validate, lambda record: None)
    clock.stop()
    fit_seconds = time.monotonic() - fitting
    write_records(given.output, examiner.examine(trained.model, TEST, lists=False))
    write_json(
        given.output / "report.json",
        {
            "curve": curve,
            "train_cpu_seconds": clock.spent,
            "fit_seconds": fit_seconds,
            "cpu_seconds": cpu_seconds(),
            "wall_seconds": time.monotonic() - began,
            "peak_rss_mb": peak_rss_mb(),
            "overrides": given.overrides,
            "settings": config.model_dump(mode="json"),
        },
    )


def write_records(folder: Path, records: dict[str, Any]) -> None:
    """Ranks and predictions of all tasks as tables."""
    ranks, rows = [], []
    for task, record in records.items():
        if isinstance(record, RankingPredictions):
            found = {"user": record.user_Q[record.query_T], "query": record.query_T, "rank": record.rank_T}
            ranks.append(pl.DataFrame(found).with_columns(task=pl.lit(task)))
        elif isinstance(record, RowPredictions):
            found = {"user": record.user_N, "label": record.label_N, "prediction": record.prediction_N}
            frame = pl.DataFrame({name: np.asarray(values, np.float64) for name, values in found.items()})
            rows.append(frame.with_row_index("row").with_columns(task=pl.lit(task)))
    if ranks:
        pl.concat(ranks).write_parquet(folder / "ranks.parquet")
    if rows:
        pl.concat(rows).write_parquet(folder / "rows.parquet")


if __name__ == "__main__":
    main()
