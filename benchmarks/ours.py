"""Ours as a program, like a peer: one model of one seed out of a configuration, in a process of its own.

    python -m benchmarks.ours CONFIG OUTPUT_FOLDER [a.b=c ...] [--model "twin of like"] [--histories a,b]
        [--bonuses 0,0.5]

Output, of the test rows: `ranks.parquet` (`task`, `history`, `user`, `query`, `rank` in the whole catalogue,
`rank_trained` with the items last that training never met) for tasks that rank,
`rows.parquet` (`task`, `history`, `row`, `user`, `label`, `prediction`; a row is its place in the events
file) for tasks that score rows; and `report.json` (validation curve with CPU seconds of training alone,
validation metrics of the kept weights under each history, cost, settings). The weights are the same for all
histories.

With `--bonuses`, `bonuses.parquet` has the ranks of the validation and of the test rows (`part`) under each
bonus of the items that training never met (`model.scoring.unmet`), in columns `rank@BONUS`.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from motet.config import Config
from motet.config.read import config_folder, read_config
from motet.data.division import clean_divided
from motet.data.order import materialise_order
from motet.data.readers import read_tables
from motet.data.table import Tables
from motet.data.timelines import TEST, VALID
from motet.evaluation.evaluate import Examiner
from motet.evaluation.protocol import View
from motet.evaluation.records import RowPredictions
from motet.evaluation.scoring import Scorer
from motet.gather import Material, count, gather, split_columns
from motet.model import Motet
from motet.run import settle, variants
from motet.system.files import write_json
from motet.system.machine import cpu_seconds, peak_rss_mb
from motet.training.fit import Prepared, fit

ROOT = Path(__file__).parents[1]
LAST = -1e6  # added to a score


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


@dataclass(frozen=True)
class Case:
    """One model to train, and the examiners that ask it, one a history; the first one validates."""

    config: Config
    prepared: Prepared
    examiners: dict[str, Examiner]
    row_N: np.ndarray  # place in the events file of every row of the log


def train_in_child(
    config: Path, output: Path, overrides: Sequence[str] = (), options: Sequence[str] = (), threads: int = 1
) -> None:
    """One training in a process of its own; a finished one is not repeated. Its log lies in `log.txt`."""
    if (output / "report.json").exists():
        return
    output.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "benchmarks.ours", str(config), str(output), *overrides]
    with (output / "log.txt").open("w") as log:
        subprocess.run(
            [*command, f"training.threads={threads}", *options], cwd=ROOT, stdout=log, stderr=log, check=True
        )


def main() -> None:
    """Read the arguments, train, write what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--model", default="joint")
    parser.add_argument("--histories", default="")
    parser.add_argument("--bonuses", default="")
    given = parser.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    folder = config_folder(given.config)
    config = settle(read_config(given.config, given.overrides), folder)
    histories = [each for each in given.histories.split(",") if each] or [config.evaluation.history]
    case = open_case(config, folder, given.model, histories)
    model, report = train(case)
    write_answers(given.output, case, model)
    if given.bonuses:
        ranks_by_bonus(case, model, given.bonuses.split(",")).write_parquet(given.output / "bonuses.parquet")
    report |= {
        "cpu_seconds": cpu_seconds(),
        "wall_seconds": time.monotonic() - began,
        "peak_rss_mb": peak_rss_mb(),
        "overrides": given.overrides,
        "model": given.model,
        "settings": case.config.model_dump(mode="json"),
    }
    write_json(given.output / "report.json", report)


def open_case(config: Config, folder: Path, model: str, histories: Sequence[str]) -> Case:
    """Read the data once, and look at it under each history."""
    first = config.evaluation.model_copy(update={"history": histories[0]})
    config = config.model_copy(update={"evaluation": first})
    tables = read_tables(config.data, folder, extra=split_columns(config))
    material = gather(config, folder, tables)
    cleaned, _ = clean_divided(tables, config)
    own, prepared = variants(material)[model]
    examiners = {name: _examiner(material, cleaned, own, name) for name in histories}
    order = materialise_order(cleaned.events.collect(engine="streaming"), config.training.seed)
    return Case(own, prepared, examiners, order["@row"].to_numpy())


def _examiner(material: Material, tables: Tables, own: Config, history: str) -> Examiner:
    """The questions under one history; a twin reads the counters of the joint model."""
    whole, asked = material.config, material.views
    if history != whole.evaluation.history:
        other = whole.evaluation.model_copy(update={"history": history})
        whole = whole.model_copy(update={"evaluation": other})
        asked = count(whole, tables, material.prepared.dataset, material.prepared.scaler)[3]
    return Examiner(own, material.prepared.dataset, asked)


def train(case: Case) -> tuple[Motet, dict[str, Any]]:
    """Train one model; its curve and its validation metrics under every history."""
    examiner, *_ = case.examiners.values()
    clock = Clock()
    curve: list[dict[str, Any]] = []

    def validate(model: Motet) -> Any:
        clock.stop()
        metrics = examiner.validate(model)
        curve.append({"epoch": len(curve) + 1, "cpu_seconds": clock.spent, "metrics": metrics})
        clock.start()
        return metrics

    import torch._dynamo  # noqa: F401  what the first optimizer of a process imports; peers' clocks start later

    clock.start()
    began = time.monotonic()
    trained = fit(case.config, case.prepared, validate, lambda record: None)
    clock.stop()
    newcomers = examiner.fit_newcomers(trained.model)
    return trained.model, {
        "newcomers": newcomers,
        "curve": curve,
        "train_cpu_seconds": clock.spent,
        "examples": trained.cost["examples"],  # rows learned from, over all epochs
        "fit_seconds": time.monotonic() - began,
        "valid": {name: each.validate(trained.model) for name, each in case.examiners.items()},
    }


def write_answers(folder: Path, case: Case, model: Motet) -> None:
    """Ranks and predictions of all tasks under every history, as tables."""
    ranks: list[pl.DataFrame] = []
    rows: list[pl.DataFrame] = []
    scorer = Scorer(model, case.prepared.dataset, case.config.model.timeline.length)
    for history, examiner in case.examiners.items():
        named = pl.lit(history).alias("history")
        for view in examiner.views:
            for task in (each for each in view.tasks if each in model.next_heads):
                ranks.append(ranks_of(scorer, view, task).with_columns(named, task=pl.lit(task)))
            for task, scored in scorer.rows(view, TEST).items():
                said = examiner.row_record(task, scored)
                assert isinstance(said, RowPredictions)
                columns = {"row": case.row_N[scored.row_R], "user": scored.user_R}
                columns |= {"label": scored.label_R.astype(np.float64), "prediction": said.prediction_N}
                rows.append(pl.DataFrame(columns).with_columns(named, task=pl.lit(task)))
    for name, tables in (("ranks", ranks), ("rows", rows)):
        if tables:
            pl.concat(tables).write_parquet(folder / f"{name}.parquet")


def ranks_of(scorer: Scorer, view: View, task: str) -> pl.DataFrame:
    """Rank of every test item in the whole catalogue, and with all items last that training never met."""
    head = scorer.model.next_heads[task]
    found = scorer.next_item(view, task, TEST, 20)
    bonus, head.newcomers.bonus = head.newcomers.bonus, LAST
    among = scorer.next_item(view, task, TEST, 20)
    head.newcomers.bonus = bonus
    columns = {"user": found.user_Q[found.query_T], "query": found.query_T, "rank": found.rank_T}
    return pl.DataFrame(columns | {"rank_trained": among.rank_T})


def ranks_by_bonus(case: Case, model: Motet, bonuses: Sequence[str]) -> pl.DataFrame:
    """Ranks in the whole catalogue, under the first history, for each bonus of items never met."""
    scorer = Scorer(model, case.prepared.dataset, case.config.model.timeline.length)
    view = next(iter(case.examiners.values())).views[0]
    (task,) = model.next_heads
    head = model.next_heads[task]
    kept, tables = head.newcomers.bonus, []
    for name, part in (("valid", VALID), ("test", TEST)):
        columns = {}
        for bonus in bonuses:
            head.newcomers.bonus = float(bonus)
            found = scorer.next_item(view, task, part, 20)
            columns[f"rank@{bonus}"] = found.rank_T
        whose = {"user": found.user_Q[found.query_T], "query": found.query_T}
        tables.append(pl.DataFrame(whose | columns).with_columns(part=pl.lit(name)))
    head.newcomers.bonus = kept
    return pl.concat(tables)


if __name__ == "__main__":
    main()
