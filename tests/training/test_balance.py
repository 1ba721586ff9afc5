"""From the losses of all tasks to one."""

import math

import pytest
import torch

from motet.config.training import TrainingConfig
from motet.training.balance import (
    Balance,
    FixedBalance,
    UncertaintyBalance,
    build_balance,
    likelihood_weights,
)
from motet.training.descent import build_descent
from tests.model.world import material, model, training_batch

LOSS_KINDS = ["fixed", "uncertainty", "dwa", "random", "geometric"]
WEIGHTS = {"next": 1.0, "like": 0.5, "type": 0.0}


def built(kind: str, weights: dict[str, float]) -> Balance:
    return build_balance(TrainingConfig(balance=kind).balance, weights)


def losses(*values: float) -> dict[str, torch.Tensor]:
    return {name: torch.tensor(value) for name, value in zip(WEIGHTS, values, strict=True)}


def test_fixed_weights_give_the_weighted_sum():
    balance = built("fixed", WEIGHTS)
    assert isinstance(balance, FixedBalance)
    assert balance(losses(2.0, 4.0, 9.0)).item() == 4.0
    assert balance.current() == WEIGHTS
    assert list(balance.parameters()) == []


def test_uncertainty_starts_from_half_the_weighted_sum():
    balance = built("uncertainty", WEIGHTS)
    assert isinstance(balance, UncertaintyBalance)
    assert balance(losses(2.0, 4.0, 9.0)).item() == pytest.approx(2.0)
    assert balance.current() == {"next": 0.5, "like": 0.25, "type": 0.0}


def test_uncertainty_learns_the_logarithm_of_each_loss():
    balance = UncertaintyBalance({"next": 1.0, "like": 0.5})
    optimizer = torch.optim.SGD(balance.parameters(), 0.5)
    for _ in range(200):
        optimizer.zero_grad()
        balance({"next": torch.tensor(0.5), "like": torch.tensor(4.0)}).backward()
        optimizer.step()
    assert balance.log_variance["of_next"].item() == pytest.approx(math.log(0.5), abs=1e-3)
    assert balance.log_variance["of_like"].item() == pytest.approx(math.log(4.0), abs=1e-2)
    assert balance.current() == pytest.approx({"next": 1.0, "like": 0.0625}, rel=1e-2)


def test_likelihood_to_the_power_of_one_counts_every_loss_in_nats():
    of = model(material().config, material())
    rate, items = of.row_heads["click"].nats, int(of.next_heads["next"].get_buffer("item_K").numel())
    assert of.nats == {"next": pytest.approx(math.log(items)), "click": rate, "stars": 0.5}
    descent = build_descent(
        TrainingConfig(balance={"kind": "likelihood", "power": 1.0}).balance,
        of,
        {"next": 1.0, "click": 2.0, "stars": 0.0},
    )
    mean = (math.log(items) + rate) / 2
    assert descent.method.current() == pytest.approx(
        {"next": math.log(items) / mean, "click": 2 * rate / mean, "stars": 0.0}
    )
    batch = training_batch()
    found = descent.losses(batch)
    assert descent.balance(found).item() == pytest.approx(
        (found["next"].item() * math.log(items) + 2 * found["click"].item() * rate) / mean, rel=1e-5
    )


@pytest.mark.parametrize(("power", "wanted"), [(0.0, 1.0), (0.5, 3.0), (1.0, 9.0)])
def test_the_power_says_how_much_more_the_fuller_label_counts(power, wanted):
    found = likelihood_weights({"next": 1.0, "like": 1.0}, {"next": 9.0, "like": 1.0}, power)
    assert found["next"] / found["like"] == pytest.approx(wanted)
    assert sum(found.values()) == pytest.approx(2.0)


def test_a_twin_has_the_weight_that_is_written():
    assert likelihood_weights({"like": 0.3}, {"like": 0.1}) == {"like": pytest.approx(0.3)}


@pytest.mark.parametrize("kind", LOSS_KINDS)
def test_a_task_that_is_not_there_is_left_out_of_the_sum(kind):
    balance = built(kind, WEIGHTS)
    alone = built(kind, {"next": 1.0})
    assert balance({"next": torch.tensor(2.0)}).item() == alone({"next": torch.tensor(2.0)}).item()


def test_uncertainty_leaves_the_weight_of_a_task_that_is_not_there_as_it_is():
    balance = UncertaintyBalance({"next": 1.0, "like": 1.0})
    optimizer = torch.optim.AdamW(balance.parameters(), 0.1)
    for step in range(20):
        optimizer.zero_grad()
        seen = {"next": torch.tensor(3.0)} | ({"like": torch.tensor(1.0)} if step < 1 else {})
        balance(seen).backward()
        optimizer.step()
    assert balance.log_variance["of_like"].item() == 0.0  # its loss is 1, where log 1 belongs
    assert balance.log_variance["of_next"].item() > 0.5


def test_tasks_may_bear_the_names_of_what_python_has():
    balance = UncertaintyBalance({"items": 1.0, "keys": 1.0, "train": 1.0})
    assert set(balance.current()) == {"items", "keys", "train"}


@pytest.mark.parametrize("kind", LOSS_KINDS)
def test_a_task_of_weight_zero_changes_no_weight_of_the_others(kind):
    found = []
    for names in (["next", "like"], ["next", "like", "type"]):
        balance = built(kind, {name: WEIGHTS[name] for name in names})
        for factor in (1.0, 0.5):  # dwa has rates after two epochs
            told = {"next": factor, "like": 1.0, "type": 3 * factor}
            balance.hear({name: told[name] for name in names})
            balance.epoch_over()
        torch.manual_seed(0)
        seen = {name: loss for name, loss in losses(2.0, 4.0, 9.0).items() if name in names}
        found.append((balance(seen).item(), [balance.current()[name] for name in ("next", "like")]))
    assert found[0] == found[1]


@pytest.mark.parametrize("kind", LOSS_KINDS)
def test_a_task_of_weight_zero_moves_nothing(kind):
    balance = built(kind, WEIGHTS)
    values = {name: torch.tensor(1.0, requires_grad=True) for name in WEIGHTS}
    balance(values).backward()
    assert values["type"].grad.item() == 0.0
    assert values["next"].grad.item() > 0
