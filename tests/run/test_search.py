"""Searching the weights of tasks: the best trial is kept, what was tried is kept, and the run says so."""

import math
from pathlib import Path

import pytest

from motet import search
from motet.config import Config
from motet.config.read import config_from_dict
from motet.errors import ConfigError
from motet.metrics.names import Metrics
from motet.run import train
from motet.tasks.build import TaskFacts
from tests.trained import run_config, world_folder
from tests.worlds import tiny_settings

FACTS = {"next": TaskFacts(), "click": TaskFacts(mean=0.5), "stars": TaskFacts(deviation=1.0)}
BEST = {"next": 1.0, "click": 3.0, "stars": 0.2}  # where the made metrics are best


def config(**balance) -> Config:
    return config_from_dict(tiny_settings(training__balance={"kind": "search", **balance}))


def measured(weights: dict[str, float]) -> Metrics:
    """Metrics that are the better the nearer click and stars are to their best weights."""
    far = {name: abs(math.log(weights[name] / BEST[name])) for name in ("click", "stars")}
    return {
        "next": {"ndcg@10": 0.1},
        "click": {"auc": 0.9 - 0.05 * far["click"]},
        "stars": {"rmse": 0.5 + 0.05 * far["stars"]},
    }


def searched(place: Path, tried: list[dict[str, float]], **balance) -> search.Searched:
    def train_one(name: str, own: Config) -> search.Trial:
        weights = {task.name: task.weight for task in own.tasks}
        assert name == f"trial {len(tried)}"
        assert own.training.balance.kind == "likelihood"
        tried.append(weights)
        return search.Trial(measured(weights), 2.0)

    return search.search(config(**balance), FACTS, train_one, place)


def gain(weights: dict[str, float]) -> float:
    now, start = measured(weights), measured(dict.fromkeys(BEST, 1.0))
    click = (now["click"]["auc"] - start["click"]["auc"]) / (start["click"]["auc"] - 0.5)
    stars = (start["stars"]["rmse"] - now["stars"]["rmse"]) / (1.0 - start["stars"]["rmse"])
    return (click + stars) / 3


@pytest.mark.parametrize("sampler", ["random", "grid", "bayesian"])
def test_the_best_trial_is_kept(tmp_path, sampler):
    tried: list[dict[str, float]] = []
    done = searched(tmp_path / "search.json", tried, sampler=sampler, trials=8)
    found, said = done.config, done.said
    assert len(tried) == 9
    assert (done.account["trials"], done.account["cpu_seconds"]) == (9, 18.0)
    assert tried[0] == {"next": 1.0, "click": 1.0, "stars": 1.0}
    assert all(0.1 <= weight <= 10 for weights in tried for weight in weights.values())
    assert all(weights["next"] == 1.0 for weights in tried)
    assert {task.name: task.weight for task in found.tasks} == max(tried, key=gain)
    assert found.training.balance.kind == "likelihood"
    assert found.training.epochs == config().training.epochs
    assert f"mean gain over those of the configuration {gain(max(tried, key=gain)):+.2%}" in said


def test_every_task_counts_whatever_the_training_watches(tmp_path, monkeypatch):
    plain = config
    watching = plain().training.model_copy(update={"monitor": "next.ndcg@10"})
    monkeypatch.setitem(
        globals(), "config", lambda **more: plain(**more).model_copy(update={"training": watching})
    )
    tried: list[dict[str, float]] = []
    done = searched(tmp_path / "search.json", tried)
    assert done.account["gain"] == pytest.approx(gain(max(tried, key=gain)))
    assert done.account["gain"] > 0


def test_a_grid_ends_when_all_is_tried(tmp_path):
    tried: list[dict[str, float]] = []
    searched(tmp_path / "search.json", tried, sampler="grid", trials=50)
    assert len(tried) == 9
    assert len({tuple(weights.values()) for weights in tried}) == 9


def test_the_bayesian_sampler_learns_from_what_it_heard(tmp_path):
    tried: list[dict[str, float]] = []
    searched(tmp_path / "search.json", tried, sampler="bayesian", trials=40)
    early, late = tried[1:11], tried[-10:]
    assert sum(map(gain, late)) / 10 > sum(map(gain, early)) / 10 + 0.05


@pytest.mark.parametrize("sampler", ["random", "grid", "bayesian"])
def test_a_search_that_was_stopped_goes_on(tmp_path, sampler):
    whole: list[dict[str, float]] = []
    wanted = searched(tmp_path / "whole.json", whole, sampler=sampler, trials=6)
    tried: list[dict[str, float]] = []

    def killed(name: str, own: Config) -> search.Trial:
        if len(tried) == 4:
            raise KeyboardInterrupt
        weights = {task.name: task.weight for task in own.tasks}
        tried.append(weights)
        return search.Trial(measured(weights), 2.0)

    place, own = tmp_path / "search.json", config(sampler=sampler, trials=6)
    with pytest.raises(KeyboardInterrupt):
        search.search(own, FACTS, killed, place)
    again = searched(place, tried, sampler=sampler, trials=6)
    assert tried == whole
    assert again == wanted


def test_weights_of_the_configuration_are_where_a_search_begins(tmp_path):
    tasks = [dict(task) for task in tiny_settings()["tasks"]]
    tasks[1]["weight"], tasks[2]["weight"] = 4.0, 0.0
    own = config_from_dict(tiny_settings(tasks=tasks, training__balance={"kind": "search", "trials": 3}))
    tried: list[dict[str, float]] = []

    def train_one(name: str, made: Config) -> search.Trial:
        tried.append({task.name: task.weight for task in made.tasks})
        return search.Trial({"next": {"ndcg@10": 0.1}, "click": {"auc": 0.6}, "stars": {"rmse": 0.5}}, 1.0)

    search.search(own, FACTS, train_one, tmp_path / "search.json")
    assert tried[0] == {"next": 1.0, "click": 4.0, "stars": 0.0}
    assert all(weights["stars"] == 0.0 and 0.4 <= weights["click"] <= 40 for weights in tried)


def test_without_optuna_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    with pytest.raises(ConfigError, match=r"pip install 'motet\[search\]'"):
        search.refuse_missing(config(sampler="bayesian"))
    search.refuse_missing(config(sampler="random"))


def test_a_run_searches_and_says_what_it_found(tmp_path):
    alone = {"report__twins": "none", "report__ablations": [], "report__baselines": []}
    balance = {"kind": "search", "trials": 2, "trial_epochs": 1}
    own = run_config(training__balance=balance, training__epochs=1, **alone)
    done = train(own, world_folder(), tmp_path / "run")
    said = "Weights of the tasks were searched in 3 short trainings"
    assert any(line.startswith(said) for line in done.metrics["statements"])
    assert done.metrics["search"]["trials"] == 3
    assert done.metrics["search"]["cpu_seconds"] > 0
    assert "kind: search" not in (done.folder / "motet.yaml").read_text()
