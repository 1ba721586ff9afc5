"""The guard looks back: hurt tasks that were at their best in another epoch, and cures that end early."""

from typing import Any

import numpy as np
import pytest
import torch

from motet.guard import Guarded, back, course, guard, ward
from motet.guard import found as guarding
from motet.training.fit import Trained
from tests.run.guard_world import fit_one, gathered, groups, models, pretend, records


class Epochs:
    """Weights of the joint model, shifted a little, as those of earlier epochs."""

    def __init__(self, *numbers: int) -> None:
        self.numbers, self.asked = numbers, []

    def epochs(self, tasks: list[str]) -> list[int]:
        self.asked.append(list(tasks))
        return list(self.numbers)

    def weights(self, epoch: int) -> dict[str, torch.Tensor]:
        learned = models()["joint"].model.named_parameters()
        return {name: each.detach() + 0.01 * epoch for name, each in learned}


def went_back(monkeypatch, enough: dict[int, list[str]], *hurt: str) -> Guarded:
    """What the guard does with epochs, each of which is enough for some tasks."""
    epochs, real, numbers = Epochs(*enough), ward.Ward.against_twins, iter(enough)

    def against(ward: ward.Ward, trained: Trained, tasks: list[str]) -> dict[str, Any]:
        found = real(ward, trained, tasks)
        number = next(numbers, None)
        for name, one in found.items():
            far = 0.0 if number is None or name in enough[number] else -0.3
            one.update(difference=far, low=far - 0.01, high=far + 0.01)
        return found

    pretend(monkeypatch, *hurt)
    monkeypatch.setattr(course, "another_epoch", lambda ward: None)
    monkeypatch.setattr(ward.Ward, "against_twins", against)
    found = guard(gathered(), models(), fit_one, epochs)
    assert epochs.asked == [list(hurt)]
    return found


def all_went(monkeypatch, *said: dict[str, float], numbers: tuple[int, ...] = (7,)) -> Guarded:
    """What the guard does when comparisons say this: who is hurt, then how each epoch and its mean do.

    Of each there are two: beside the twins, and beside the best epoch.
    """
    waiting, real = list(said), guarding.compare

    def compare(config, ours, twins):
        found = real(config, ours, twins)
        for name, far in (waiting.pop(0) if waiting else {}).items():
            found[name].update(difference=far, low=far - 0.01, high=far + 0.01)
        return found

    monkeypatch.setattr(guarding, "compare", compare)
    found = guard(gathered(), models(), fit_one, Epochs(*numbers))
    assert not waiting
    return found


HURT = {"next": 0.05, "click": -0.2, "stars": 0.05}
FINE = {"next": 0.0, "click": 0.1, "stars": 0.0}


def test_all_tasks_go_to_another_epoch_where_that_hurts_nobody(monkeypatch):
    found = all_went(monkeypatch, HURT, FINE, FINE, HURT, FINE)
    assert groups(found) == []
    assert found.config == gathered().config
    assert {name: case["cure"] for name, case in found.cases.items()} == {"click": "whole"}
    assert found.cases["click"]["after"]["difference"] == 0.1
    (line,) = found.story
    assert "is answered, as are all tasks, by the joint model as it was after epoch 7: 0." in line
    for name, value in found.joint.model.named_parameters():
        torch.testing.assert_close(value.detach(), Epochs().weights(7)[name])
    assert found.joint.cost["examples"] == models()["joint"].cost["examples"]
    assert found.joint.cost["cpu_seconds"] > models()["joint"].cost["cpu_seconds"]


@pytest.mark.parametrize(
    ("beside_twins", "beside_best"),
    [
        pytest.param(FINE | {"stars": -0.1}, FINE, id="another falls below its twin"),
        pytest.param(FINE | {"click": -0.1}, FINE, id="the hurt one stays below its twin"),
        pytest.param(FINE, FINE | {"next": -0.1}, id="another loses what sharing had given it"),
    ],
)
def test_nobody_pays_for_another_epoch(monkeypatch, beside_twins, beside_best):
    found = all_went(monkeypatch, HURT, *(beside_twins, beside_best) * 2, {"click": 0.1})
    assert groups(found) == [(["click"], "own")]  # the other epoch beside the joint model
    held = dict(found.joint.model.parts[0].named_parameters())
    for name, value in models()["joint"].model.named_parameters():
        torch.testing.assert_close(held[name].detach(), value.detach())


def test_of_several_epochs_that_hurt_nobody_the_one_that_gains_most_is_taken(monkeypatch):
    gains = (0.1, 0.1, 0.3, 0.1, 0.2, 0.1)
    said = [each for gain in gains for each in (FINE | {"click": gain}, FINE)]
    found = all_went(monkeypatch, HURT, *said, numbers=(5, 6, 7))
    assert "by the joint model as it was after epoch 6: " in found.story[0]


def test_half_way_to_another_epoch_may_be_better_than_either(monkeypatch):
    found = all_went(monkeypatch, HURT, FINE, FINE, FINE | {"click": 0.2}, FINE)
    assert found.cases["click"]["cure"] == "mean"
    (line,) = found.story
    assert "by the mean of the joint model's weights after its best epoch and after epoch 7: 0." in line
    then, best = Epochs().weights(7), dict(models()["joint"].model.named_parameters())
    for name, value in found.joint.model.named_parameters():
        torch.testing.assert_close(value.detach(), (then[name] + best[name].detach()) / 2)


def test_tasks_that_were_at_their_best_earlier_are_answered_by_the_model_of_then(monkeypatch):
    found = went_back(monkeypatch, {5: ["click"], 7: ["click", "stars"]}, "click", "stars")
    assert groups(found) == [(["click", "stars"], "own")]  # the epoch that is enough for both
    assert {name: case["cure"] for name, case in found.cases.items()} == {"click": "epoch", "stars": "epoch"}
    for line in found.story:
        assert "is answered by the joint model as it was after epoch 7" in line
    cost, before = found.joint.cost, models()["joint"].cost
    assert cost["examples"] == before["examples"]  # nothing was trained for it
    assert cost["cpu_seconds"] > before["cpu_seconds"]
    held = dict(found.joint.model.parts[1].named_parameters())
    assert held
    for name, value in held.items():
        torch.testing.assert_close(value.detach(), Epochs().weights(7)[name])
    now, then = records(found.joint, found.config), records(models()["joint"], gathered().config)
    np.testing.assert_array_equal(now["next"], then["next"])
    assert not np.array_equal(now["click"], then["click"])


def test_for_whom_no_epoch_is_enough_the_other_cures_are_tried(monkeypatch):
    found = went_back(monkeypatch, {5: ["click"], 6: []}, "click", "stars")
    assert groups(found) == [(["click"], "own"), (["stars"], "shared")]
    assert [found.cases[name]["cure"] for name in ("click", "stars")] == ["epoch", "experts"]


def test_the_epoch_that_the_model_is_of_is_no_cure(monkeypatch):
    last = next(each["epoch"] for each in reversed(models()["joint"].history) if each["best"])
    monkeypatch.setattr(back, "_as_of", None)  # it is not looked at
    found = went_back(monkeypatch, {last: ["click"]}, "click")
    assert found.cases["click"]["cure"] == "experts"


def test_a_cure_ends_at_once_when_its_first_epoch_is_worse_than_what_there_is():
    of = ward.Ward(gathered(), models()["joint"], {}, fit_one)
    of.before = {"click": {"metric": "auc", "joint": 0.7}, "stars": {"metric": "rmse", "joint": 1.0}}
    of.hurt = ["click", "stars"]

    def ends(epoch: int, auc: float, rmse: float) -> bool:
        metrics = {"click": {"auc": auc}, "stars": {"rmse": rmse}}
        return of._no_better(["click", "stars"])({"epoch": epoch, "metrics": metrics})

    assert ends(1, 0.6, 1.1)
    assert not ends(2, 0.6, 1.1)
    assert not ends(1, 0.8, 1.1)
    assert not ends(1, 0.6, 0.9)
