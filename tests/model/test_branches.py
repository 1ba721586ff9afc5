"""Branches in the whole model: tasks that leave early, have bottlenecks or ids of their own."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from motet.config.training import TrainingConfig
from motet.gather import gather
from motet.model import Motet
from motet.training.descent import RepresentationDescent, build_descent
from tests.model.world import changed, model, training_batch
from tests.training.test_descent import Plain, gradients
from tests.worlds import tiny_settings, tiny_tables, tiny_world

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


@pytest.mark.parametrize("tasks", [TASKS, TASKS[1:]], ids=["catalogue", "items of the batch"])
def test_an_item_whose_id_is_hidden_is_hidden_in_the_tasks_own_tables_too(tasks, monkeypatch):
    item = {"id_dropout": 0.5, "dropout": 0.0, "neighbours": 0}
    config = changed(tasks=tasks, model__item=item, model__sharing=SHARING | {"own_ids": True})
    gathered = gather(config, Path(), tiny_tables(tiny_world(), config))
    of = model(of=gathered)
    for name, table in of.named_parameters():
        if name.startswith("branches.ids."):
            table.data[0] = 0  # as it is in training; `model` moves all weights
    batch, candidate, read = training_batch(gathered), of.branches.candidate, []

    def watched(task: str, candidate_RD: Tensor, id_row_R: Tensor) -> Tensor:
        found = candidate(task, candidate_RD, id_row_R)
        read.append((candidate_RD.detach(), (found - candidate_RD).detach()))
        return found

    monkeypatch.setattr(of.branches, "candidate", watched)
    of(batch)
    of.losses(batch, of.train().encode(batch).cut())  # as gradient methods do
    (whole_RD, added_RD), _, (shown_RD, left_RD), (_, other_RD) = read
    has_R = (added_RD != 0).any(1)  # training met it
    hidden_R = has_R & ((whole_RD - shown_RD).abs().amax(1) > 1e-6)
    assert 0 < hidden_R.sum() < has_R.sum()
    for each_RD in (left_RD, other_RD):
        assert torch.equal(has_R & (each_RD == 0).all(1), hidden_R)


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
