"""The guard looks back: tasks that were at their best in another epoch, and cures that end early."""

import functools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from motet.guard import Guarded, guard
from motet.guard import found as guarding
from motet.guard.back import Back
from motet.guard.found import Cure
from motet.guard.ward import Ward
from motet.judge import variants
from motet.training.fit import Trained
from tests.run.guard_world import fit_one, gathered, groups, models, pretend, records

BEST, OTHER, LATER = 2, 1, 3  # epochs; the joint model is of the first of them


class Epochs:
    """Weights of the joint model, shifted a little, as those of other epochs."""

    def __init__(self, *numbers: int, of: Trained | None = None) -> None:
        self.numbers, self.of = numbers, of

    def epochs(self, tasks: list[str]) -> list[int]:
        return list(self.numbers)

    def weights(self, epoch: int) -> dict[str, torch.Tensor]:
        learned = (self.of or models()["joint"]).model.named_parameters()
        return {name: each.detach() + 0.01 * epoch for name, each in learned}


def history(**better: tuple[int, ...]) -> list[dict[str, Any]]:
    """Records of three epochs, the second the best; and the epochs in which tasks are better than then."""
    plain = {"next": ("ndcg@10", 1), "click": ("auc", 1), "stars": ("rmse", -1)}
    return [
        {
            "epoch": number,
            "best": number == BEST,
            "metrics": {
                task: {metric: 0.5 + sign * 0.1 * (number in better.get(task, ()))}
                for task, (metric, sign) in plain.items()
            },
        }
        for number in (OTHER, BEST, LATER)
    ]


def of_three(**better: tuple[int, ...]) -> dict[str, Trained]:
    """The models, as if the joint one had been trained for three epochs."""
    joint = models()["joint"]
    found = Trained(joint.model, joint.facts, history(**better), joint.cost)
    return {**models(), "joint": found}


def looked_back(monkeypatch, before: dict[str, float], says: dict[Any, Any], **better: tuple[int, ...]):
    """What the guard does when comparisons say this.

    `before`: how tasks stand to their twins. `says`: epochs -> the same after them; where there are two, the
    other is to the joint model of the best epoch.
    """
    real, asked = guarding.compare, []

    def compare(config, ours, twins):
        found = real(config, ours, twins)
        for name, far in (before if not asked else {}).items():
            found[name].update(difference=far, low=far - 0.01, high=far + 0.01)
        asked.append(found)
        return found

    def figures(place: int):
        def said_of(back: Back, epochs: tuple[int, ...], tasks: list[str]):
            said = says[epochs] if isinstance(says[epochs], tuple) else (says[epochs], {})
            return {
                name: {**one, "difference": far, "low": far - 0.01, "high": far + 0.01}
                for name, one in back.ward.before.items()
                if name in tasks
                for far in [said[place].get(name, 0.0)]
            }

        return said_of

    numbers = sorted({number for epochs in says for number in epochs} - {BEST})
    monkeypatch.setattr(guarding, "compare", compare)
    monkeypatch.setattr(Back, "_figures", figures(0))
    monkeypatch.setattr(Back, "_to_best", figures(1))
    return guard(gathered(), of_three(**better), fit_one, Epochs(*numbers))


HURT = {"next": 0.05, "click": -0.2, "stars": 0.05}
FINE = {"next": 0.05, "click": 0.1, "stars": 0.05}
BAD = {"next": 0.05, "click": -0.1, "stars": 0.05}


def same_weights(model: torch.nn.Module, wanted: dict[str, torch.Tensor]) -> None:
    for name, value in model.named_parameters():
        torch.testing.assert_close(value.detach(), wanted[name])


def test_all_tasks_go_to_another_epoch_where_that_hurts_nobody(monkeypatch):
    found = looked_back(monkeypatch, HURT, {(1,): FINE, (1, 2): BAD}, click=(OTHER,))
    assert groups(found) == []
    assert found.config == gathered().config
    assert {name: case["cure"] for name, case in found.cases.items()} == dict.fromkeys(HURT, "whole")
    assert found.cases["click"]["after"]["difference"] == 0.1
    assert found.cases["next"]["epochs"] == [1]
    (line,) = found.story
    assert "is answered, as are all tasks, by the joint model as it was after epoch 1: 0." in line
    same_weights(found.joint.model, Epochs().weights(1))
    assert found.joint.cost["examples"] == models()["joint"].cost["examples"]
    assert found.joint.cost["cpu_seconds"] > models()["joint"].cost["cpu_seconds"]


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(FINE | {"stars": -0.1}, id="another falls below its twin"),
        pytest.param(FINE | {"click": -0.1}, id="the hurt one stays below its twin"),
        pytest.param((FINE, {"next": -0.1}), id="another loses what sharing had given it"),
        pytest.param(FINE | {"next": -0.005, "stars": -1e9}, id="all together lose"),
    ],
)
def test_nobody_pays_for_another_epoch(monkeypatch, said):
    found = looked_back(monkeypatch, HURT, {(1,): said, (1, 2): said}, click=(OTHER,))
    assert groups(found) == [(["click"], "shared")]  # the next cure: an epoch for it alone would be a twin
    held = dict(found.joint.model.parts[0].named_parameters())
    for name, value in models()["joint"].model.named_parameters():
        torch.testing.assert_close(held[name].detach(), value.detach())


def test_an_epoch_in_which_hurt_tasks_were_no_better_is_not_looked_at(monkeypatch):
    found = looked_back(monkeypatch, HURT, {(1, 2): FINE})  # else (1,) would be missed
    assert {case["cure"] for case in found.cases.values()} == {"mean"}


def test_of_several_that_hurt_nobody_the_one_that_gains_most_is_taken(monkeypatch):
    gains = {(1,): 0.1, (3,): 0.1, (1, 2): 0.3, (1, 2, 3): 0.2}
    says = {epochs: FINE | {"click": gain} for epochs, gain in gains.items()}
    found = looked_back(monkeypatch, HURT, says, click=(OTHER, LATER))
    assert "by the mean of the joint model's weights after epochs 1, 2: " in found.story[0]
    then, best = Epochs().weights(1), dict(models()["joint"].model.named_parameters())
    same_weights(found.joint.model, {name: (value + best[name].detach()) / 2 for name, value in then.items()})


def test_an_epoch_that_somebody_chose_stays(monkeypatch):
    training = gathered().config.training.model_copy(update={"monitor": "last"})
    of = replace(gathered(), config=gathered().config.model_copy(update={"training": training}))
    ward = Ward(of, of_three()["joint"], {}, fit_one, Epochs(OTHER))
    ward.hurt = ["click"]
    monkeypatch.setattr(Back, "_figures", None)  # nothing is looked at
    assert Back(ward).whole() is None


BOTH = {"next": 0.05, "click": -0.2, "stars": -0.2}
NONE = {"next": -0.1, "click": -0.1, "stars": -0.1}


def went_back(monkeypatch, first: dict[str, float], third: dict[str, float], before=BOTH) -> Guarded:
    """What the guard does when neither a mean nor an epoch of all will do."""
    monkeypatch.setattr(Back, "whole", lambda back: None)
    return looked_back(monkeypatch, before, {(1,): first, (3,): third})


def test_tasks_that_were_at_their_best_together_are_answered_by_the_model_of_then(monkeypatch):
    found = went_back(monkeypatch, BAD, FINE)
    assert groups(found) == [(["click", "stars"], "own")]
    assert found.config.model.groups[0].beside == ["next"]
    assert {name: case["cure"] for name, case in found.cases.items()} == {"click": "epoch", "stars": "epoch"}
    for line in found.story:
        assert "is answered by the joint model as it was after epoch 3, with " in line
    assert found.joint.cost["examples"] == models()["joint"].cost["examples"]  # nothing was trained for it
    same_weights(found.joint.model.parts[1], Epochs().weights(3))
    now, then = records(found.joint, found.config), records(models()["joint"], gathered().config)
    np.testing.assert_array_equal(now["next"], then["next"])
    assert not np.array_equal(now["click"], then["click"])


def test_of_epochs_that_are_enough_for_as_many_the_better_one_is_taken(monkeypatch):
    found = went_back(monkeypatch, FINE, FINE | {"click": 0.2})
    assert found.cases["click"]["epochs"] == [3]


def test_an_epoch_for_one_task_alone_would_be_a_second_twin(monkeypatch):
    found = went_back(monkeypatch, BAD, NONE | {"stars": 0.1})
    assert found.cases.keys() == {"click", "stars"}
    assert "epoch" not in {case["cure"] for case in found.cases.values()}


def test_no_model_stays_that_answers_nothing(monkeypatch):
    all_hurt = dict.fromkeys(HURT, -0.2)
    found = went_back(monkeypatch, FINE, NONE, before=all_hurt)
    assert groups(found) == []
    assert {case["cure"] for case in found.cases.values()} == {"epoch"}
    same_weights(found.joint.model, Epochs().weights(1))


@pytest.mark.parametrize(
    "sharing",
    [{"kind": kind} for kind in ("shared_bottom", "mmoe", "cgc", "ple", "cross_stitch")]
    + [{"own_ids": True}, {"adapter": 4}],
)
def test_what_answers_some_tasks_is_the_joint_model_of_that_epoch(sharing):
    of = gathered(model__sharing={"layers": [16]} | sharing, model__fold_in=2)
    joint = fit_one("joint", variants(of)["joint"][0], None, of=of)
    ward = Ward(of, joint, {}, functools.partial(fit_one, of=of), Epochs(LATER, of=joint))
    some, whole = (Back(ward).model((LATER,), tasks) for tasks in (["click"], ["next", "click", "stars"]))
    now, then, best = (ward.records(each, ["click"])["click"].prediction_N for each in (some, whole, joint))
    assert now.std() > 0
    assert not np.array_equal(now, best)
    np.testing.assert_allclose(now, then, rtol=1e-6)


def test_a_cure_ends_at_once_when_its_first_epoch_is_worse_than_what_there_is():
    ward = Ward(gathered(), of_three()["joint"], {}, fit_one)
    noise = {"low": -0.1, "high": 0.1}  # so .1 either way says nothing
    ward.before = {"click": {"metric": "auc", **noise}, "stars": {"metric": "rmse", **noise}}
    ward.hurt = ["click", "stars"]
    warm = 2 * gathered().config.training.warmup

    def ends(epoch: int, auc: float, rmse: float, step: int = warm) -> bool:
        metrics = {"click": {"auc": auc}, "stars": {"rmse": rmse}}
        return ward.hopeless(["click", "stars"])({"epoch": epoch, "step": step, "metrics": metrics})

    assert ends(1, 0.39, 0.61)
    assert not ends(2, 0.39, 0.61)
    assert not ends(1, 0.41, 0.61)
    assert not ends(1, 0.39, 0.59)
    assert not ends(1, 0.39, 0.61, warm - 1)


@pytest.mark.parametrize(
    ("better", "wanted"), [({}, BEST), ({"click": (OTHER,)}, OTHER), ({"stars": (OTHER,)}, BEST)]
)
def test_a_model_for_hurt_tasks_begins_where_they_were_best(better, wanted):
    ward = Ward(gathered(), of_three(**better)["joint"], {}, fit_one, Epochs(OTHER))
    ward.before = {"click": {"metric": "auc", "twin": 0.5}, "stars": {"metric": "rmse", "twin": 0.5}}
    ward.hurt = ["click"]
    start, joint = ward.start(["click", "stars"]), models()["joint"].model.state_dict()
    assert start.keys() == joint.keys()
    for name in dict(models()["joint"].model.named_parameters()):
        torch.testing.assert_close(start[name], joint[name] + (0.01 * OTHER if wanted == OTHER else 0.0))


def test_the_last_resort_of_a_chain_is_the_epoch_that_brings_it_nearest(monkeypatch):
    monkeypatch.setattr(
        Back, "_cure", lambda back, kind, epochs, tasks: Cure(kind, None, None, epochs_say[epochs], epochs)
    )
    ward = Ward(gathered(), of_three()["joint"], {}, fit_one, Epochs(OTHER, LATER))
    ward.before, ward.hurt = {"click": {"difference": -0.2, "twin": 1.0}}, ["click"]

    def at(far: float) -> dict[str, Any]:
        return {"click": {"difference": far, "high": far + 0.01, "twin": 1.0}}

    epochs_say = {(OTHER,): at(-0.1), (LATER,): at(-0.15)}
    assert Back(ward).nearest(["click"]).epochs == (OTHER,)
    epochs_say = dict.fromkeys(epochs_say, at(-0.3))
    assert Back(ward).nearest(["click"]) is None


def test_pretending_reaches_the_guard(monkeypatch):
    pretend(monkeypatch, "click")
    assert guard(gathered(), models(), fit_one).cases.keys() == {"click"}
