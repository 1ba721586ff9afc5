"""Experts of their own for several hurt tasks: one training, and nothing shared but the backbone."""

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from motet.guard import guard, ward
from motet.training.fit import Trained
from tests.run.guard_world import fit_one, gathered, groups, guarded, models, pretend, records
from tests.worlds import tiny_settings


def test_experts_of_several_tasks_are_trained_in_one_pass_and_share_nothing_but_the_backbone(monkeypatch):
    trained: dict[str, Trained] = {}

    def noted(name: str, *args: Any, **other: Any) -> Trained:
        trained[name] = fit_one(name, *args, **other)
        return trained[name]

    pretend(monkeypatch, "click", "stars", "next")
    found = guard(gathered(), models(), noted)
    assert list(trained) == ["guard of next, click, stars"]
    assert groups(found) == [(["next"], "shared"), (["click"], "shared"), (["stars"], "shared")]
    spent = found.joint.cost["examples"] - models()["joint"].cost["examples"]
    assert spent == trained["guard of next, click, stars"].cost["examples"]  # counted once
    own = [{id(p) for p in part.parameters()} for part in found.joint.model.leaning]
    assert not own[0] & own[1] | own[1] & own[2] | own[0] & own[2]
    before, after = records(models()["joint"], gathered().config), records(found.joint, found.config)
    judged = records(trained["guard of next, click, stars"], gathered().config)
    for name in ("click", "stars"):
        assert not np.array_equal(before[name], after[name])
        np.testing.assert_allclose(after[name], judged[name], rtol=1e-5)


def test_a_ranking_among_them_is_trained_on_from_its_weights():
    of, joint = gathered(), models()["joint"].model.state_dict()
    training = of.config.training.model_copy(update={"learning_rate": 1e-9, "epochs": 1})
    slow = replace(of, config=of.config.model_copy(update={"training": training}))
    his = ward.Ward(slow, models()["joint"], {}, fit_one)
    cures = his.own_experts([["next"], ["stars"]])
    held = cures[0].trained.model.state_dict()
    heads = [name for name in held if name.startswith("heads.of_next.") and "weight" in name]
    assert heads
    for name in heads:
        np.testing.assert_allclose(held[name], joint[name], atol=1e-6)


def test_experts_that_do_not_help_are_tried_behind_the_lower_layers_too(monkeypatch):
    found = guarded(monkeypatch, "click", after=(-0.1, 0.1))
    (group,) = found.config.model.groups
    assert (group.tasks, group.backbone, group.depth) == (["click"], "shared", 1)
    assert found.cases["click"]["cure"] == "exit"
    assert "experts of its own on the lower layers of the shared timeline: 0." in found.story[-1]
    (part,) = found.joint.model.leaning
    assert part.branches.paths["of_click"].depth == 1
    held, joint = found.joint.model.state_dict(), models()["joint"].model.state_dict()
    for name, value in joint.items():  # nobody else notices
        np.testing.assert_array_equal(held[name], value, err_msg=name)


def test_an_exit_does_not_read_what_lies_above_it(monkeypatch):
    found = guarded(monkeypatch, "click", after=(-0.1, 0.1))
    before = records(found.joint, found.config)
    model = copy.deepcopy(found.joint.model)
    with torch.no_grad():
        for weight in model.timeline.blocks[1].parameters():
            weight.add_(0.5)
    after = records(replace(found.joint, model=model), found.config)
    np.testing.assert_array_equal(after["click"], before["click"])
    assert not np.array_equal(after["stars"], before["stars"])


def test_tasks_that_leave_early_as_it_is_get_no_earlier_exit(monkeypatch):
    tasks = [{**each, "depth": 1} for each in tiny_settings()["tasks"]]
    his = ward.Ward(gathered(tasks=tasks), models()["joint"], {}, fit_one)
    assert his.earlier_exits([["click"], ["stars"]]) == []
