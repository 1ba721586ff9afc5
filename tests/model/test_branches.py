"""Branches in the whole model: tasks that leave early, have bottlenecks or ids of their own."""

from typing import Any

import pytest
import torch
from torch import Tensor

from motet.config.training import TrainingConfig
from motet.model import Motet
from motet.training.descent import RepresentationDescent, build_descent
from tests.model.world import changed, model, training_batch
from tests.training.test_descent import Plain, gradients
from tests.worlds import tiny_settings

TASKS: list[dict[str, Any]] = tiny_settings()["tasks"]
SHARING = {"layers": [16]}


def made(depth: dict[str, int] | None = None, **sharing: Any) -> Motet:
    depth = depth or {}
    tasks = [task | ({"depth": depth[task["name"]]} if task["name"] in depth else {}) for task in TASKS]
    return model(changed(tasks=tasks, model__sharing=SHARING | sharing))


def used(of: Motet, task: str) -> set[str]:
    """Parameters that a task's loss moves."""
    of.zero_grad(set_to_none=True)
    of(training_batch())[task].backward()
    return {name for name, p in of.named_parameters() if p.grad is not None and bool((p.grad != 0).any())}


def blocks(names: set[str]) -> set[str]:
    return {name.split(".")[2] for name in names if name.startswith("timeline.blocks.")}


@pytest.mark.parametrize("task", ["next", "click"])
def test_a_task_that_leaves_early_does_not_move_later_layers(task):
    of = made({task: 1}).train()
    assert blocks(used(of, task)) == {"0"}
    assert blocks(used(of, "stars")) == {"0", "1"}


@pytest.mark.parametrize("sharing", [{"adapter": 3}, {"own_ids": True}, {"adapter": 3, "own_ids": True}])
def test_own_parts_are_moved_by_their_own_task_alone(sharing):
    of = made(**sharing).train()
    own = {name for name in used(of, "click") if name.startswith("branches.")}
    assert own
    assert all(".of_click." in name for name in own)


def test_a_new_bottleneck_leaves_predictions_as_they_are():
    plain, adapted = made(), made(adapter=3)
    with torch.no_grad():
        for name, p in adapted.named_parameters():
            if name in dict(plain.named_parameters()):
                p.copy_(dict(plain.named_parameters())[name])
            elif ".up." in name:
                p.zero_()
    one, other = (said(each) for each in (plain, adapted))
    for task in one:
        torch.testing.assert_close(one[task], other[task])


def said(of: Motet) -> dict[str, Tensor]:
    batch = training_batch()
    with torch.no_grad():
        found = of.eval().predict(batch, of.items())
        return found | {"next": of.ask(batch, of.items(), "next")}


def test_surgery_at_the_representation_leaves_nothing_out():
    of, batch = made({"click": 1}, adapter=3, own_ids=True).eval(), training_batch()
    factor = {"next": 1.0, "click": 0.5, "stars": 2.0}
    found = []
    for descent in (
        build_descent(TrainingConfig(balance="fixed").balance, of, factor),
        RepresentationDescent(of, Plain(list(factor)), factor),
    ):
        of.zero_grad(set_to_none=True)
        descent.backward(descent.losses(batch))
        found.append(gradients(of))
    assert found[0].keys() == found[1].keys()
    for name, wanted in found[0].items():
        assert torch.allclose(found[1][name], wanted, atol=1e-5), name


def test_experts_read_what_a_task_has_of_its_own():
    of = made({"click": 1}, kind="mmoe", experts=2)
    with torch.no_grad():
        gates = of.gates(training_batch(), of.items())
        before = said(of)
        for p in of.timeline.blocks[1].parameters():
            p.add_(0.5 * torch.randn_like(p))
        after = said(of)
    assert set(gates) == {"click", "stars"}
    torch.testing.assert_close(before["click"], after["click"])
    assert not torch.allclose(before["stars"], after["stars"])
