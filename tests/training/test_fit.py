"""Fitting a model: facts learned from training rows, the monitor, and a tiny world learned by heart."""

from dataclasses import replace
from itertools import count
from typing import Any

import numpy as np
import pytest

from motet.config import Config
from motet.evaluation.evaluate import Examiner
from motet.training.fit import Prepared, Trained, build_monitor, fit, learn_facts
from tests.model.world import changed, material

NO_DROPOUT = {
    "model__timeline": {"layers": 1, "width": 16, "heads": 2, "length": 8, "dropout": 0.0},
    "model__item": {"id_dropout": 0.0, "dropout": 0.0},
    "model__sharing": {"layers": [32], "dropout": 0.0},
}
TRAINING = {"batch_size": 8, "threads": 1, "precision": "fp32", "warmup": 5, "decay": "none"}


def fitted(config: Config, log: list[dict[str, Any]], prepared: Prepared | None = None) -> Trained:
    """A model of the last epoch: each validation is better than the one before."""
    better = count(1)

    def validate(model):
        value = next(better) / 1000
        return {task.name: {"ndcg@10": value, "auc": 0.5 + value, "rmse": 1 - value} for task in config.tasks}

    return fit(config, prepared or material().prepared, validate, log.append)


@pytest.mark.parametrize("kind", ["transformer", "hstu"])
def test_a_tiny_world_is_learned_by_heart(kind):
    settings = NO_DROPOUT | {"training": TRAINING | {"epochs": 30, "patience": 30, "learning_rate": 0.02}}
    settings["model__timeline"] = settings["model__timeline"] | {"kind": kind}
    config, log = changed(**settings), []
    fitted(config, log)
    loss = [record["loss"] for record in log if record["event"] == "train"]
    assert all(value > 0.7 for value in loss[0].values()), loss[0]
    assert loss[-1]["next"] < 0.05
    assert loss[-1]["click"] < 0.1
    assert loss[-1]["stars"] < 0.25


def test_facts_are_learned_from_training_rows_alone():
    prepared = material().prepared
    dataset = prepared.dataset
    before = learn_facts(changed(), prepared)
    label_N = np.where(dataset.log.train_N, dataset.log.label["stars"], 1000.0).astype(np.float32)
    log = replace(dataset.log, label=dataset.log.label | {"stars": label_N})
    assert learn_facts(changed(), replace(prepared, dataset=replace(dataset, log=log))) == before
    assert before["stars"].mean == pytest.approx(
        np.nanmean(dataset.log.label["stars"][dataset.log.train_N]), rel=1e-6
    )


def test_the_log_bears_the_name_of_the_model():
    config, log = changed(training=TRAINING | {"epochs": 1}), []
    made = fit(config, material().prepared, lambda model: {"next": {"mrr": 0.1}}, log.append, "twin of next")
    assert {record["model"] for record in log} == {"twin of next"}
    assert [record["event"] for record in made.history] == ["valid"]
    assert made.cost["examples"] == material().prepared.dataset.log.train_N.sum()
    assert not made.model.training


def test_the_monitor_watches_the_main_metric_of_every_task_that_counts():
    tasks = [task.model_dump() for task in changed().tasks]
    tasks[2]["weight"] = 0.0
    config = changed(tasks=tasks)
    monitor = build_monitor(config, learn_facts(config, material().prepared))
    assert monitor.metrics == [("next", "ndcg@10"), ("click", "auc")]


def test_gains_of_the_monitor_begin_where_a_constant_stands():
    facts = learn_facts(changed(), material().prepared)
    monitor = build_monitor(changed(), facts)
    assert monitor.constant["click", "auc"] == 0.5
    assert monitor.constant["stars", "rmse"] == facts["stars"].deviation


def test_the_configuration_may_name_what_is_watched():
    monitor = build_monitor(changed(training__monitor="click.log_loss"), {})
    assert monitor.metrics == [("click", "log_loss")]


def test_a_twin_without_the_task_that_is_watched_watches_its_own():
    config = changed(training__monitor="click.log_loss")
    twin = config.model_copy(update={"tasks": config.tasks[:1]})
    monitor = build_monitor(twin, learn_facts(twin, material().prepared))
    assert monitor.metrics == [("next", "ndcg@10")]


def test_training_stops_by_what_validation_says_of_the_model():
    of = material()
    config = changed(training=TRAINING | {"epochs": 3, "monitor": "next.mrr"})
    examiner = Examiner(config, of.prepared.dataset, of.views)
    made = fit(config, of.prepared, examiner.validate, lambda record: None)
    best = max(made.history, key=lambda record: record["metrics"]["next"]["mrr"])
    again = examiner.validate(made.model)
    assert again["next"]["mrr"] == pytest.approx(best["metrics"]["next"]["mrr"], rel=1e-6)
