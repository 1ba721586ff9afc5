"""The parts that tasks share between states and heads."""

import torch

from motet.nn.experts import SharedBottom


def test_a_shared_bottom_gives_every_task_the_same_state():
    torch.manual_seed(0)
    bottom = SharedBottom(["like", "rating"], [6, 5, 4], dropout=0.0)
    row_RE = torch.randn(3, 6)
    found = bottom(row_RE)
    assert list(found) == ["like", "rating"]
    assert found["like"] is found["rating"]
    assert torch.equal(found["like"], bottom.bottom(row_RE))
    assert found["like"].shape == (3, bottom.width) == (3, 4)


def test_every_task_moves_the_shared_layers():
    bottom = SharedBottom(["like", "rating"], [6, 4], dropout=0.0)
    row_RE = torch.randn(3, 6)
    for task in bottom.tasks:
        bottom.zero_grad()
        bottom(row_RE)[task].square().sum().backward()
        assert all(parameter.grad.abs().sum() > 0 for parameter in bottom.parameters())


def test_a_shared_bottom_has_no_weights_but_those_of_one_stack():
    one, many = SharedBottom(["a"], [6, 4], 0.0), SharedBottom(["a", "b", "c"], [6, 4], 0.0)
    assert [p.shape for p in one.parameters()] == [p.shape for p in many.parameters()]


def test_with_towers_each_task_has_layers_of_its_own_above_the_shared_ones():
    torch.manual_seed(0)
    bottom = SharedBottom(["like", "type"], [6, 5], 0.0, towers=[4, 3])
    found = bottom(torch.randn(2, 6))
    assert found["like"].shape == (2, bottom.width) == (2, 3)
    found["like"].square().sum().backward()
    moved = {name.rsplit(".", 3)[0] for name, each in bottom.named_parameters() if each.grad is not None}
    assert moved == {"bottom", "towers.of_like"}
