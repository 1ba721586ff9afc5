"""The guard: tasks that sharing hurts are set apart, the others stay as they are, and the story is told."""

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import motet
from motet import guard as guarding
from motet.config import Config
from motet.config.read import config_from_dict
from motet.data.timelines import TEST
from motet.errors import ConfigError
from motet.evaluation.evaluate import Examiner
from motet.gather import Material, gather
from motet.guard import Guarded, guard, refuse_without_twins
from motet.judge import examiner_of, variants
from motet.run import train
from motet.training.fit import Hooks, Start, Trained, fit
from tests.trained import run_config, world_folder
from tests.worlds import tiny_settings, tiny_tables, tiny_world

TASKS = ["next", "click", "stars"]


def gathered(**changes: Any) -> Material:
    return _plain() if not changes else _gathered(**changes)


@functools.cache
def _plain() -> Material:
    return _gathered()


def _gathered(**changes: Any) -> Material:
    settings = tiny_settings(training__epochs=2, report__twins="all", **changes)
    config = config_from_dict(settings)
    return gather(config, Path(), tiny_tables(tiny_world(), config))


def fit_one(name: str, config: Config, start: Start | None, of: Material) -> Trained:
    examiner = examiner_of(of, config, of.prepared)
    return fit(config, of.prepared, examiner.validate, lambda record: None, name, hooks=Hooks(start=start))


@functools.cache
def models() -> dict[str, Trained]:
    of = gathered()
    return {name: fit_one(name, config, None, of) for name, (config, _) in variants(of).items()}


def guarded(monkeypatch, *hurt: str, still: tuple[str, ...] = ()) -> Guarded:
    """As if these tasks lay below their twins, and some of them did so still when they were trained on."""
    calls = []

    def compare(config, ours, twins):
        below = still if calls else hurt
        calls.append(list(twins))
        found = real(config, ours, twins)
        far = -0.1 * len(calls)
        told = {True: {"high": far, "difference": far}, False: {"high": 0.1, "difference": 0.0}}
        return {name: {**one, **told[name in below]} for name, one in found.items()}

    real = guarding.compare
    monkeypatch.setattr(guarding, "compare", compare)
    of = gathered()
    return guard(of, models(), lambda name, config, start: fit_one(name, config, start, of))


def records(trained: Trained, config: Config) -> dict[str, np.ndarray]:
    of = gathered()
    found = Examiner(config, of.prepared.dataset, of.views).examine(trained.model, TEST)
    return {name: each.rank_T if name == "next" else each.prediction_N for name, each in found.items()}


def test_where_nothing_is_hurt_nothing_is_done(monkeypatch):
    found = guarded(monkeypatch)
    assert found.joint is models()["joint"]
    assert found.config == gathered().config
    assert found.story == [
        "The guard: no task lies below its twin on the validation rows; nothing was set apart."
    ]


def test_a_task_that_is_hurt_is_trained_on_alone_and_the_others_stay(monkeypatch):
    found = guarded(monkeypatch, "click")
    assert found.config.model.groups == [["click"]]
    before, after = records(models()["joint"], gathered().config), records(found.joint, found.config)
    assert not np.array_equal(before["click"], after["click"])
    for name in ("next", "stars"):
        np.testing.assert_array_equal(before[name], after[name])
    assert found.joint.cost["cpu_seconds"] > models()["joint"].cost["cpu_seconds"]
    (said,) = found.story
    assert said.startswith("The guard: click lay below its twin on the validation rows (auc 0.")


def test_training_on_begins_at_the_joint_weights(monkeypatch):
    started = []

    def watched(name, config, start):
        started.append((name, [task.name for task in config.tasks], start))
        return fit_one(name, config, start, gathered())

    of = gathered()
    real = guarding.compare
    monkeypatch.setattr(
        guarding,
        "compare",
        lambda *given: {n: {**o, "high": -1.0} for n, o in real(*given).items() if n == "stars"},
    )
    guard(of, models(), watched)
    ((name, tasks, start),) = started
    assert (name, tasks) == ("guard of stars", ["stars"])
    fresh = fit_one(
        "x",
        variants(of)["twin of stars"][0].model_copy(
            update={"training": of.config.training.model_copy(update={"learning_rate": 1e-9, "epochs": 1})}
        ),
        start,
        of,
    )
    held = models()["joint"].model.state_dict()
    for key, value in fresh.model.timeline.state_dict().items():
        np.testing.assert_allclose(value, held[f"timeline.{key}"], atol=1e-5)


def test_a_task_that_stays_below_gets_its_twin(monkeypatch):
    found = guarded(monkeypatch, "stars", still=("stars",))
    twin = records(models()["twin of stars"], gathered().config)
    np.testing.assert_array_equal(records(found.joint, found.config)["stars"], twin["stars"])
    assert found.story[-1] == "The guard: that was not enough for stars; its twin itself was put in."


def test_where_everything_is_hurt_each_task_has_a_model_of_its_own(monkeypatch):
    found = guarded(monkeypatch, *TASKS, still=tuple(TASKS))
    assert found.config.model.groups == [["next"], ["click"], ["stars"]]
    after = records(found.joint, found.config)
    for name in TASKS:
        np.testing.assert_array_equal(
            after[name], records(models()[f"twin of {name}"], gathered().config)[name]
        )


def test_tasks_that_follow_one_another_go_together():
    tasks = [dict(task) for task in tiny_settings()["tasks"]]
    tasks.append(
        {"name": "stay", "kind": "binary", "label": "dwell >= 20", "types": ["impression"], "after": "click"}
    )
    config = config_from_dict(tiny_settings(tasks=tasks))
    assert guarding._groups(config, ["stay", "stars"]) == [["click", "stay"], ["stars"]]
    assert guarding._groups(config, ["click"]) == [["click", "stay"]]


ONE = [{"name": "next", "kind": "next_item"}]


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"report__twins": "none"}, "write  report"), ({"tasks": ONE}, "two or more"),
     ({"model__groups": [["click"]]}, "take  model.groups  out")],
)  # fmt: skip
def test_without_twins_there_is_no_guard(changes, said):
    with pytest.raises(ConfigError, match=said):
        refuse_without_twins(config_from_dict(tiny_settings(**({"report__twins": "all"} | changes))))


def test_a_guarded_run_is_a_run_like_any_other(monkeypatch, tmp_path):
    real = guarding.compare
    monkeypatch.setattr(
        guarding,
        "compare",
        lambda *given: {n: {**o, "high": -1.0 if n == "click" else 1.0} for n, o in real(*given).items()},
    )
    config = run_config(report__ablations=[], report__baselines=["popularity"])
    done = train(config, world_folder(), tmp_path / "run", guarded=True)
    assert any("its twin itself was put in" in line for line in done.metrics["statements"])
    opened = motet.open(done.folder)
    assert opened.bundle.config.model.groups == [["click"]]
    again = opened.evaluate("test")
    for task, parts in done.metrics["tasks"].items():
        for name, measure in parts["test"].items():
            assert again[task]["test"][name]["value"] == pytest.approx(measure["value"], abs=1e-6), (
                task,
                name,
            )
    assert done.metrics["tasks"]["click"]["test"]["auc"] == done.metrics["twins"]["click"]["test"]["auc"]
    assert len(opened.recommend(k=3)) > 0
    assert opened.similar(opened.bundle.catalogue.ids[0], k=2).height == 2


def test_training_on_alone_that_makes_it_worse_is_not_taken(monkeypatch):
    """The interval is wide and reaches above zero, but the value fell."""
    calls = []

    def compare(config, ours, twins):
        calls.append(twins)
        told = {"high": -0.1, "difference": -0.2} if len(calls) == 1 else {"high": 0.3, "difference": -0.25}
        return {name: {**one, **told} for name, one in real(config, ours, twins).items() if name == "click"}

    real = guarding.compare
    monkeypatch.setattr(guarding, "compare", compare)
    found = guard(gathered(), models(), lambda name, config, start: fit_one(name, config, start, gathered()))
    twin = records(models()["twin of click"], gathered().config)
    np.testing.assert_array_equal(records(found.joint, found.config)["click"], twin["click"])


@pytest.mark.parametrize(
    "sharing",
    [{"kind": "cross_stitch"}, {"kind": "ple", "levels": 2, "experts": 2}, {"own_ids": True}, {"adapter": 4}],
)
def test_the_others_stay_whatever_is_shared(monkeypatch, sharing):
    of = gathered(model__sharing={"layers": [16]} | sharing, model__fold_in=2)
    wanted = variants(of)
    made = {name: fit_one(name, wanted[name][0], None, of) for name in ("joint", "twin of click")}
    real = guarding.compare
    told = {"high": -0.1, "difference": -0.2}
    monkeypatch.setattr(
        guarding, "compare", lambda *given: {name: {**one, **told} for name, one in real(*given).items()}
    )
    found = guard(of, made, lambda name, config, start: fit_one(name, config, start, of))
    assert found.config.model.groups == [["click"]]
    before, after = (
        Examiner(config, of.prepared.dataset, of.views).examine(trained.model, TEST)
        for config, trained in ((of.config, made["joint"]), (found.config, found.joint))
    )
    np.testing.assert_array_equal(before["next"].rank_T, after["next"].rank_T)
    np.testing.assert_allclose(before["stars"].prediction_N, after["stars"].prediction_N, rtol=1e-6)
    assert not np.array_equal(before["click"].prediction_N, after["click"].prediction_N)


@pytest.mark.parametrize("kind", ["mgda", "stackelberg"])
def test_gradient_methods_and_leaders_are_refused_before_anything_is_trained(kind):
    config = config_from_dict(tiny_settings(report__twins="all", training__balance=kind))
    with pytest.raises(ConfigError, match=f"balance {kind} is for those that share"):
        refuse_without_twins(config)


def test_a_guarded_training_goes_on_guarded_alone(monkeypatch, tmp_path):
    config = run_config(training__epochs=1, report__ablations=[], report__baselines=[])

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("motet.run.judge", stop)
        with pytest.raises(KeyboardInterrupt):
            train(config, world_folder(), tmp_path / "run", guarded=True)
    with pytest.raises(ConfigError, match=r"was begun with --guard\. Give the same command"):
        train(config, world_folder(), tmp_path / "run")
    assert train(config, world_folder(), tmp_path / "run", guarded=True).folder.exists()
