"""Affinity of tasks: known answers where tasks agree and where they conflict; nothing is left behind."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from motet.system.randomness import derived_seed
from motet.training.affinity import Lookahead, best_groups
from motet.training.optimizer import build_optimizer
from tests.model.world import changed, model, training_batch

GOALS = {"up": torch.tensor([1.0, 0.0]), "along": torch.tensor([2.0, 0.0]), "down": torch.tensor([-1.0, 0.0])}


class Pulled(nn.Module):
    """Tasks that pull one shared point each to its own goal."""

    def __init__(self) -> None:
        super().__init__()
        self.point = nn.Parameter(torch.zeros(2))

    def shared_parameters(self) -> list[nn.Parameter]:
        return [self.point]

    def forward(self, batch: object) -> dict[str, Tensor]:
        return {name: ((self.point - goal) ** 2).sum() for name, goal in GOALS.items()}


def looked(made: Pulled, rate: float = 0.01) -> dict[str, dict[str, float | None]]:
    optimizer = torch.optim.AdamW(made.parameters(), lr=rate, betas=(0.9, 0.98), weight_decay=0.0)
    made.point.grad = torch.tensor([1.0, 1.0])
    optimizer.step()
    with torch.no_grad():
        made.point.zero_()
    look = Lookahead(list(GOALS), 1, "fp32", 0)
    look(made, None, optimizer, 1)
    return look.matrix


def test_tasks_that_pull_one_way_help_and_those_that_pull_apart_hurt():
    found = looked(Pulled())
    step = 0.01 * 2  # of Adam: the gradient of the goal at 1, over the root of 1, times the rate
    assert found["up"]["up"] == pytest.approx(1 - (1 - step) ** 2, rel=1e-4)
    assert found["up"]["along"] == pytest.approx(1 - (2 - step) ** 2 / 4, rel=1e-4)
    assert found["up"]["down"] == pytest.approx(1 - (1 + step) ** 2, rel=1e-4)
    assert found["down"]["along"] == pytest.approx(1 - (2 + step) ** 2 / 4, rel=1e-4)
    assert best_groups(found, 2) == [["up", "along"], ["down"]]


def test_before_the_first_step_and_between_looks_nothing_is_seen():
    made = Pulled()
    optimizer = torch.optim.AdamW(made.parameters())
    look = Lookahead(list(GOALS), 5, "fp32", 0)
    look(made, None, optimizer, 0)
    made.point.grad = torch.ones(2)
    optimizer.step()
    look(made, None, optimizer, 4)
    assert look.matrix["up"] == {"up": None, "along": None, "down": None}
    look(made, None, optimizer, 5)
    assert None not in look.matrix["up"].values()


def test_a_look_leaves_weights_gradients_and_the_training_as_they_were():
    of, batch = model(changed()).train(), training_batch()
    optimizer = build_optimizer([of], 0.01, 0.0)
    for _ in range(2):
        optimizer.zero_grad()
        sum(of(batch).values()).backward()
        optimizer.step()
    before = {name: p.detach().clone() for name, p in of.named_parameters()}
    grads = {name: p.grad.clone() for name, p in of.named_parameters() if p.grad is not None}
    look = Lookahead(["next", "click", "stars"], 1, "fp32", 0)
    look(of, batch, optimizer, 2)
    assert all(torch.equal(p, before[name]) for name, p in of.named_parameters())
    assert all(torch.equal(p.grad, grads[name]) for name, p in of.named_parameters() if p.grad is not None)
    assert all(
        row[name] is not None and row[name] > 0 for name, row in look.matrix.items()
    )  # each helps itself


def test_experts_that_tasks_share_behind_the_backbone_are_moved_too():
    of = model(changed(model__sharing__layers=[16])).train()
    shared, heads = {id(p) for p in of.shared_parameters()}, of.heads.parameters()
    assert shared > {id(p) for p in of.backbone_parameters()}
    assert shared > {id(p) for p in of.experts.parameters()}
    assert not shared & {id(p) for p in heads}
    of.own = {"next", "click"}
    assert {id(p) for p in of.shared_parameters()} == {id(p) for p in of.backbone_parameters()}


def test_what_dropout_hides_is_the_same_before_and_after():
    """A task whose step moves nothing changes no loss at all."""
    of, batch = model(changed()).train(), training_batch()
    optimizer = build_optimizer([of], 0.01, 0.0)
    sum(of(batch).values()).backward()
    optimizer.step()
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    look = Lookahead(["next", "click", "stars"], 1, "fp32", 0)
    look(of, batch, optimizer, 1)
    assert all(value == 0 for row in look.matrix.values() for value in row.values())


def test_a_task_without_a_row_in_a_batch_is_left_out_of_it():
    of, batch = model(changed()).train(), training_batch()
    optimizer = build_optimizer([of], 0.01, 0.0)
    sum(of(batch).values()).backward()
    optimizer.step()
    empty = replace(batch, label=batch.label | {"stars": torch.full_like(batch.label["stars"], torch.nan)})
    look = Lookahead(["next", "click", "stars"], 1, "fp32", 0)
    look(of, empty, optimizer, 1)
    assert look.matrix["click"]["stars"] is None
    assert look.matrix["click"]["next"] is not None


def test_groups_are_those_that_help_most():
    one = {
        "a": {"a": 0.5, "b": 0.2, "c": 0.1},
        "b": {"a": 0.2, "b": 0.5, "c": 0.1},
        "c": {"a": 0.1, "b": 0.1, "c": 1},
    }
    assert best_groups(one, 1) == [["a", "b", "c"]]
    assert best_groups(one, 3) == [["a", "b", "c"]]
    with pytest.raises(ValueError, match="9 tasks"):
        best_groups({str(n): {} for n in range(9)}, 2)


def test_seeds_of_looks_are_those_of_no_step():
    assert derived_seed(0, "look 3") != derived_seed(0, "step 3")


def test_tasks_that_follow_one_another_stay_in_one_group():
    apart = {name: {other: -1.0 * (name != other) for other in "abc"} for name in "abc"}
    assert best_groups(apart, 3) == [["a"], ["b"], ["c"]]
    assert best_groups(apart, 3, {"c": "a"}) == [["a", "c"], ["b"]]
