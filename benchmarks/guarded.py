"""One guarded training as a program: joint model, guard and twins of one seed, and what they say of the test.

    python -m benchmarks.guarded CONFIG OUTPUT_FOLDER [a.b=c ...] [--twins FILE] [--valid]

`--twins` names a file that gives twins settings of their own: task -> a list of `a.b=c`, in the place of
those above. With `--valid` there is no guard, no test row is looked at, and `report.json` is all that is
written.

Output: `asked.TASK.parquet`, what is asked: `user`, `time`, `item` (ids) of every row or right item, in the
order of the other files, which the seed chooses. `MODEL.TASK.parquet` for the models `joint` (guarded),
`unguarded` (where the guard set anything apart) and `twin`: `user`, `query`, `rank` in the whole catalogue
for tasks that rank, `user`, `label`, `prediction` for tasks that score rows. `report.json`:
validation metrics and curve, cost (CPU seconds of training, parameters, CPU milliseconds to answer a request,
CPU seconds to score all test rows) of each model, what the guard found and did, settings. A killed training
goes on from its checkpoints.
"""

import argparse
import json
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from motet.config import Config
from motet.config.read import config_folder, read_config
from motet.data.collate import Collator
from motet.data.requests import Plan
from motet.data.timelines import TEST
from motet.evaluation.catalogue_scores import CatalogueScores, scores_together
from motet.evaluation.protocol import View
from motet.evaluation.records import Predictions, RankingPredictions, RowPredictions
from motet.evaluation.scoring import questions
from motet.gather import Material, gather
from motet.judge import UNGUARDED, examiner_of, variants
from motet.model import Motet
from motet.run import fit_all, settle
from motet.system.files import write_json
from motet.system.log import JsonLines
from motet.system.machine import cpu_seconds, peak_rss_mb
from motet.training.fit import Prepared, Trained

REQUESTS = 300  # that are answered to see what one costs
SHOWN = 20  # items of an answer


def table_of(record: Predictions) -> pl.DataFrame:
    """A record as a table."""
    match record:
        case RankingPredictions():
            user_T = record.users[record.query_T]
            return pl.DataFrame({"user": user_T, "query": record.query_T, "rank": record.rank_T})
        case RowPredictions():
            columns = {"user": record.users, "label": record.label_N, "prediction": record.prediction_N}
            return pl.DataFrame(columns)
        case _:
            raise TypeError(record)


class Server:
    """A model that answers requests of one view, each with all that it has to say."""

    def __init__(self, material: Material, view: View, plan: Plan, model: Motet) -> None:
        dataset = material.prepared.dataset
        self.plan = plan
        self.collate = Collator(dataset.log, plan, dataset.catalogue.time_I, view.counter_NC)
        self.roots = [part for part in model.eval().parts if not part.leans]
        with torch.no_grad():
            self.items = [root.items() for root in self.roots]
        self.scores: list[dict[str, CatalogueScores]] = []
        for root, item_ID in zip(self.roots, self.items, strict=True):
            keys: dict[bool, torch.Tensor] = {}
            tasks = [task for part in (root, *root.leaning) for task in part.next_heads]
            self.scores.append(
                {task: CatalogueScores(model, dataset.log, task, item_ID, keys) for task in tasks}
            )
        self.seconds = 0.0

    @torch.no_grad()
    def answer(self, window: int) -> None:
        """The best items of each task that ranks, and predictions of the others."""
        began = time.process_time()
        batch = self.collate(np.array([window]))
        query = self.plan.offset_W[window + 1 : window + 2] - 1
        for root, item_ID, scores in zip(self.roots, self.items, self.scores, strict=True):
            encoded = root.encode(batch, item_ID)
            root.predict(batch, item_ID, encoded)
            states = {task: root.part(task).ask(batch, item_ID, task, encoded)[-1:] for task in scores}
            asked = {task: score for task, score in scores.items() if len(states[task])}
            for found in scores_together(asked, states, self.plan, query).values():
                torch.topk(found, min(SHOWN, found.shape[1]))
        self.seconds += time.process_time() - began


def request_ms(material: Material, models: Mapping[str, Motet]) -> dict[str, float]:
    """CPU milliseconds to answer one request as a server would, of each model: the mean of some at random.

    A request is a window of a timeline with the test rows that are asked about there. The models take turns,
    so that what else the machine does meets them alike.
    """
    log, length = material.prepared.dataset.log, material.config.model.timeline.length
    random, count = np.random.default_rng(0), 0
    total = dict.fromkeys(models, 0.0)
    for view in material.views:
        plan = view.plan(log, TEST, np.ones(len(log), bool), length)
        servers = {name: Server(material, view, plan, model) for name, model in models.items()}
        for window in random.choice(len(plan), min(REQUESTS, len(plan)), replace=False):
            for server in servers.values():
                server.answer(int(window))
            count += 1
        total = {name: total[name] + server.seconds for name, server in servers.items()}
    return {name: 1000 * seconds / count for name, seconds in total.items()}


def asked_of(material: Material, task: str) -> pl.DataFrame:
    """What is asked about the test rows of a task: user, time and item of each row or right item."""
    dataset, length = material.prepared.dataset, material.config.model.timeline.length
    log = dataset.log
    view = next(each for each in material.views if task in each.tasks)
    if task in log.positive:
        allowed_I = examiner_of(material, material.config, material.prepared).allowed(task)
        asked = questions(dataset, view, task, TEST, length, allowed_I)
        row_T, item_T = asked.plan.row_Q[asked.query_Q][asked.query_T], asked.target_T
    else:
        row_T = np.flatnonzero((view.part_N == TEST) & ~np.isnan(log.label[task]))
        item_T = log.item_N[row_T]
    time_T = log.time_N[row_T] if view.history == "rolling" else np.zeros(len(row_T), np.int64)
    users, items = log.user_ids[log.user_N[row_T]], dataset.catalogue.ids[item_T.astype(np.int64) - 1]
    return pl.DataFrame({"user": users, "time": time_T, "item": items})


def write_answers(output: Path, material: Material, models: Mapping[str, Trained]) -> dict[str, Any]:
    """What every model says about the test rows, into files; their costs."""
    costs: dict[str, Any] = {}
    for task in material.config.tasks:
        asked_of(material, task.name).write_parquet(output / f"asked.{task.name}.parquet")
    for name, trained in models.items():
        began = cpu_seconds()
        config = material.config
        found = examiner_of(material, config, material.prepared).examine(trained.model, TEST, lists=False)
        seconds = cpu_seconds() - began
        parameters = sum(p.numel() for p in trained.model.parameters())
        costs[name] = {**trained.cost, "parameters": parameters, "scoring_cpu_seconds": seconds}
        whose = "unguarded" if name == UNGUARDED else name.partition(" ")[0]
        for task, record in found.items():
            table_of(record).write_parquet(output / f"{whose}.{task}.parquet")
    for name, took in request_ms(material, {name: each.model for name, each in models.items()}).items():
        costs[name]["request_cpu_ms"] = took
    return costs


def with_own_settings(
    material: Material, config: Path, twins: Mapping[str, Sequence[str]]
) -> dict[str, tuple[Config, Prepared]]:
    """All models of a training, in which twins have settings of their own."""
    found = variants(material)
    for task, own in twins.items():
        settings = settle(read_config(config, own), config_folder(config))
        name = f"twin of {task}"
        found[name] = variants(replace(material, config=settings))[name]
    return found


def main() -> None:
    """Read the arguments, train, write what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--twins", type=Path)
    parser.add_argument("--valid", action="store_true")
    given = parser.parse_intermixed_args()
    twins = json.loads(given.twins.read_text("utf8")) if given.twins else {}

    def which(material: Material) -> dict[str, tuple[Config, Prepared]]:
        return with_own_settings(material, given.config, twins)

    work = given.output / "unfinished"
    work.mkdir(parents=True, exist_ok=True)
    folder = config_folder(given.config)
    config = settle(read_config(given.config, given.overrides), folder)
    with JsonLines(given.output / "log.jsonl") as log:
        material = gather(config, folder)
        material, models = fit_all(material, work, log, guarded=not given.valid, which=which)
    costs: dict[str, Any] = {name: each.cost for name, each in models.items()}
    if not given.valid:
        costs = write_answers(given.output, material, models)
    examiner = examiner_of(material, material.config, material.prepared)
    report = {
        "valid": {name: examiner.validate(trained.model) for name, trained in models.items()},
        "curves": {name: trained.history for name, trained in models.items()},
        "costs": costs,
        "guard": material.guard,
        "story": [line for line in material.statements if line.startswith("The guard")],
        "cpu_seconds": cpu_seconds(),
        "peak_rss_mb": peak_rss_mb(),
        "settings": config.model_dump(mode="json"),
        "twins": twins,
    }
    write_json(given.output / "report.json", report)
    shutil.rmtree(work)


if __name__ == "__main__":
    main()
