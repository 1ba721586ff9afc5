"""The optimiser, the course of the learning rate, the moving average of the weights."""

import math

import pytest
import torch
from torch import nn

from motet.training.optimizer import WeightAverage, build_optimizer, learning_rate_factor, next_step


class Parts(nn.Module):
    """One of everything that is decayed or not."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.norm, self.table = nn.Linear(2, 3), nn.LayerNorm(3), nn.Embedding(4, 3)
        self.frozen = nn.Parameter(torch.zeros(2, 2), requires_grad=False)


def test_matrices_are_decayed_and_vectors_norms_and_embeddings_are_not():
    parts = Parts()
    decayed, free = build_optimizer([parts], 0.1, 0.5).param_groups
    assert [id(p) for p in decayed["params"]] == [id(parts.linear.weight)]
    assert {id(p) for p in free["params"]} == {
        id(p) for p in (parts.linear.bias, parts.norm.weight, parts.norm.bias, parts.table.weight)
    }
    assert (decayed["weight_decay"], free["weight_decay"]) == (0.5, 0.0)


def test_every_weight_that_learns_stands_in_one_group():
    parts, balance = Parts(), nn.ParameterDict({"of_a": nn.Parameter(torch.zeros(()))})
    groups = build_optimizer([parts, balance], 0.1, 0.5).param_groups
    found = [id(p) for group in groups for p in group["params"]]
    assert len(found) == len(set(found)) == 6


def test_a_step_is_that_of_plain_adamw():
    torch.manual_seed(0)
    ours, theirs = Parts(), Parts()
    theirs.load_state_dict(ours.state_dict())
    built = build_optimizer([ours], 0.1, 0.5)
    groups = [
        {"params": [theirs.linear.weight], "weight_decay": 0.5},
        {
            "params": [theirs.linear.bias, *theirs.norm.parameters(), theirs.table.weight],
            "weight_decay": 0.0,
        },
    ]
    plain = torch.optim.AdamW(groups, lr=0.1, betas=(0.9, 0.98), fused=False, foreach=False)
    for step in range(5):
        for module, optimizer in ((ours, built), (theirs, plain)):
            torch.manual_seed(step)
            for p in module.parameters():
                p.grad = torch.randn(p.shape) if p.requires_grad else None
            optimizer.step()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)  # sums are rounded in another order


def test_the_learning_rate_rises_in_a_line_and_falls_in_half_a_wave():
    factors = [learning_rate_factor(step, 4, 12, "cosine") for step in range(13)]
    wave = [0.5 * (1 + math.cos(math.pi * step / 8)) for step in range(9)]
    assert factors == pytest.approx([0.25, 0.5, 0.75, 1.0, *wave])


def test_the_learning_rate_stays_or_falls_in_a_line_as_told():
    assert [learning_rate_factor(step, 0, 4, "none") for step in range(6)] == [1.0] * 6
    assert [learning_rate_factor(step, 0, 4, "linear") for step in range(5)] == [1, 0.75, 0.5, 0.25, 0]


@pytest.mark.parametrize("decay", ["cosine", "linear"])
def test_beyond_its_end_the_learning_rate_is_zero_and_never_less(decay):
    assert learning_rate_factor(10, 2, 8, decay) == pytest.approx(0)


def test_a_warm_up_longer_than_the_training_never_ends():
    assert [learning_rate_factor(step, 10, 4, "cosine") for step in range(4)] == [0.1, 0.2, 0.3, 0.4]


def test_the_average_moves_towards_the_weights_fast_at_first():
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 0.0)
    average = WeightAverage(model, 0.9)
    nn.init.constant_(model.weight, 1.0)
    average.update(model, step=0)  # the first steps count more: 1 - 1 / 10
    assert average.shadow["weight"].item() == pytest.approx(0.9)
    nn.init.constant_(model.weight, 0.0)
    average.update(model, step=1000)
    assert average.shadow["weight"].item() == pytest.approx(0.81)


def test_a_second_exchange_brings_the_weights_back():
    model = nn.Linear(2, 2)
    average = WeightAverage(model, 0.5)
    before = {name: p.clone() for name, p in model.named_parameters()}
    nn.init.constant_(model.weight, 7.0)
    average.swap(model)
    assert torch.equal(model.weight, before["weight"])
    assert (average.shadow["weight"] == 7.0).all()
    average.swap(model)
    assert (model.weight == 7.0).all()
    assert torch.equal(average.shadow["weight"], before["weight"])


def test_without_an_average_nothing_is_kept_nor_exchanged():
    model = nn.Linear(2, 2)
    average = WeightAverage(model, 0.0)
    average.update(model, 5)
    before = model.weight.clone()
    average.swap(model)
    assert average.shadow == {}
    assert torch.equal(model.weight, before)


def test_the_next_step_is_known_where_gradients_do_not_change():
    p = nn.Parameter(torch.tensor([[1.0, -2.0]]))
    idle = nn.Parameter(torch.zeros(1))
    module = nn.ParameterList([p, idle])
    optimizer, gradient = build_optimizer([module], 0.1, 0.0), torch.tensor([[3.0, -0.5]])
    for _ in range(4):
        p.grad = gradient.clone()
        optimizer.step()
    (size, none), (momentum, nothing) = next_step(optimizer, [p, idle])
    before = p.detach().clone()
    p.grad = gradient.clone()
    optimizer.step()
    assert torch.allclose(before - (size * gradient + momentum), p.detach(), atol=1e-6)
    assert torch.allclose(size, 0.1 * 0.1 / (1 - 0.9**5) / gradient.abs(), rtol=1e-4)
    assert none.item() == nothing.item() == 0.0
