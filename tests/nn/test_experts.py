"""The parts that tasks share between states and heads."""

import pytest
import torch
from torch import nn

from motet.nn.experts import CrossStitch, MixtureOfExperts, ProgressiveExtraction, SharedBottom


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


KINDS = [
    lambda tasks: SharedBottom(tasks, [6, 5, 4], 0.0),
    lambda tasks: MixtureOfExperts(tasks, [6, 5, 4], 0.0, experts=3),
    lambda tasks: ProgressiveExtraction(tasks, [6, 5, 4], 0.0, experts=2),
    lambda tasks: ProgressiveExtraction(tasks, [6, 5, 4], 0.0, experts=2, levels=3),
    lambda tasks: CrossStitch(tasks, [6, 5, 4], 0.0),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tasks", [["like"], ["like", "items", "type"]])
def test_every_kind_gives_every_task_a_state_and_moves_all_of_its_weights(kind, tasks):
    torch.manual_seed(0)
    experts, row_RE = kind(tasks), torch.randn(7, 6)
    found = experts(row_RE)
    assert list(found) == tasks
    assert all(state.shape == (7, experts.width) for state in found.values())
    sum(state.square().sum() for state in found.values()).backward()
    assert all(p.grad is not None for p in experts.parameters())


@pytest.mark.parametrize("kind", KINDS)
def test_gates_are_shares_of_named_experts(kind):
    tasks = ["like", "type"]
    experts, row_RE = kind(tasks), torch.randn(7, 6)
    for task, gate_RX in experts.gates(row_RE).items():
        names = experts.names(task)
        assert gate_RX.shape == (7, len(names))
        assert len(set(names)) == len(names)
        levels = [name.partition(" (")[2] for name in names]
        for level in set(levels):  # the shares of each level sum to 1
            inside = torch.tensor([each == level for each in levels])
            assert torch.allclose(gate_RX[:, inside].sum(-1), torch.ones(7))


def test_gates_of_lower_levels_are_those_that_mix_there():
    torch.manual_seed(0)
    experts, row_RE = (
        ProgressiveExtraction(["like", "type"], [6, 4], 0.0, experts=1, levels=2),
        torch.randn(3, 6),
    )
    below, above = experts.levels
    first = below.gates({"like": row_RE, "type": row_RE})
    then = above.gates(below({"like": row_RE, "type": row_RE}, row_RE)[0])
    for task, gate_RX in experts.gates(row_RE).items():
        torch.testing.assert_close(gate_RX, torch.cat([first[task], then[task]], -1))
    assert experts.names("like") == [
        "like 1 (level 1)",
        "shared 1 (level 1)",
        "like 1 (level 2)",
        "shared 1 (level 2)",
    ]


def test_one_expert_is_a_shared_bottom():
    torch.manual_seed(0)
    one = MixtureOfExperts(["like", "type"], [6, 5, 4], 0.0, experts=1)
    bottom = SharedBottom(["like", "type"], [6, 5, 4], 0.0)
    bottom.bottom.load_state_dict(one.experts[0].state_dict())
    row_RE = torch.randn(3, 6)
    for task in one.tasks:
        assert torch.allclose(one(row_RE)[task], bottom(row_RE)[task])


def _closed(gate: nn.Linear, open_places: list[int]) -> None:
    """Give everything to some experts, in equal shares."""
    with torch.no_grad():
        gate.weight.zero_()
        gate.bias.fill_(-1e4)
        gate.bias[open_places] = 0.0


def test_a_gate_with_one_open_place_is_that_expert_alone():
    torch.manual_seed(0)
    mixture, row_RE = MixtureOfExperts(["like", "type"], [6, 4], 0.0, experts=3), torch.randn(3, 6)
    _closed(mixture.gate["of_like"], [2])
    assert torch.allclose(mixture(row_RE)["like"], mixture.experts[2](row_RE))


def test_ple_whose_gates_open_to_own_experts_alone_is_a_private_tower():
    """Then no other task moves it: the gradient of one task at another's experts is 0."""
    torch.manual_seed(0)
    ple, row_RE = ProgressiveExtraction(["like", "type"], [6, 4], 0.0, experts=1, levels=2), torch.randn(3, 6)
    for level in ple.levels:
        for gate in level.gate.values():
            _closed(gate, [0])
    first, second = (level.own["of_like"][0] for level in ple.levels)
    assert torch.allclose(ple(row_RE)["like"], second(first(row_RE)))
    ple(row_RE)["type"].sum().backward()
    assert all(p.grad is None or not p.grad.any() for p in [*first.parameters(), *second.parameters()])


def test_one_level_of_ple_by_hand():
    torch.manual_seed(0)
    cgc, row_RE = ProgressiveExtraction(["like", "type"], [6, 4], 0.0, experts=1), torch.randn(3, 6)
    (level,) = cgc.levels
    share_RX = torch.softmax(level.gate["of_type"](row_RE), -1)
    own, shared = level.own["of_type"][0](row_RE), level.shared[0](row_RE)
    assert torch.allclose(cgc(row_RE)["type"], share_RX[:, :1] * own + share_RX[:, 1:] * shared)
    assert level.shared_gate is None


def _linear(layers: nn.Module, weight_DE: list[list[float]]) -> None:
    """Make a stack of one layer a matrix and nothing else."""
    linear, *others = layers.layers
    for place in range(1, 1 + len(others)):
        layers.layers[place] = nn.Identity()
    with torch.no_grad():
        linear.weight.copy_(torch.tensor(weight_DE))
        linear.bias.zero_()


def _shares(gate: nn.Linear, shares: list[float]) -> None:
    with torch.no_grad():
        gate.weight.zero_()
        gate.bias.copy_(torch.tensor(shares).log())


def test_two_levels_of_ple_by_hand():
    """Each expert is a matrix; like has A, type B and all C below, A', B', C' above, of two numbers.

    Row (1, 2). Below: A = (1, 0), B = (2, 4), C = (3, 1). Like mixes A and C in halves: (2, .5); type B and C
    as 1 : 3: (2.75, 1.75); what is shared all three as 1 : 2 : 1: (2, 2.25). Above, A' doubles, B' swaps, C'
    is the sum twice: A' = (4, 1), B' = (1.75, 2.75), C' = (4.25, 4.25), of the shared state and of no other.
    """
    ple = ProgressiveExtraction(["like", "type"], [2, 2], 0.0, experts=1, levels=2)
    below, above = ple.levels
    _linear(below.own["of_like"][0], [[1.0, 0.0], [0.0, 0.0]])
    _linear(below.own["of_type"][0], [[2.0, 0.0], [0.0, 2.0]])
    _linear(below.shared[0], [[1.0, 1.0], [1.0, 0.0]])
    _shares(below.gate["of_like"], [0.5, 0.5])
    _shares(below.gate["of_type"], [0.25, 0.75])
    _shares(below.shared_gate, [0.25, 0.5, 0.25])
    _linear(above.own["of_like"][0], [[2.0, 0.0], [0.0, 2.0]])
    _linear(above.own["of_type"][0], [[0.0, 1.0], [1.0, 0.0]])
    _linear(above.shared[0], [[1.0, 1.0], [1.0, 1.0]])
    _shares(above.gate["of_like"], [0.8, 0.2])
    _shares(above.gate["of_type"], [0.4, 0.6])
    found = ple(torch.tensor([[1.0, 2.0]]))
    torch.testing.assert_close(found["like"], torch.tensor([[4.05, 1.65]]))
    torch.testing.assert_close(found["type"], torch.tensor([[3.25, 3.65]]))


def test_the_gate_of_a_level_reads_what_came_out_of_the_one_below():
    """Below, like gets 3 times its row of 1; above, its gate gives its own expert 1 / (1 + e^-3)."""
    ple = ProgressiveExtraction(["like"], [1, 1], 0.0, experts=1, levels=2)
    below, above = ple.levels
    for level, factor in ((below, 3.0), (above, 1.0)):
        _linear(level.own["of_like"][0], [[factor]])
        _linear(level.shared[0], [[0.0]])
    _closed(below.gate["of_like"], [0])
    _closed(below.shared_gate, [1])
    with torch.no_grad():
        above.gate["of_like"].weight.copy_(torch.tensor([[1.0], [0.0]]))
        above.gate["of_like"].bias.zero_()
    wanted = 3 / (1 + torch.exp(torch.tensor([[-3.0]])))
    torch.testing.assert_close(ple(torch.tensor([[1.0]]))["like"], wanted)


def test_cross_stitch_with_the_identity_is_a_stack_for_each_task():
    torch.manual_seed(0)
    stitched, row_RE = CrossStitch(["like", "type"], [6, 5, 4], 0.0), torch.randn(3, 6)
    with torch.no_grad():
        for stitch_TT in stitched.stitch:
            stitch_TT.copy_(torch.eye(2))
    alone = stitched.stacks[1][1](stitched.stacks[0][1](row_RE))
    assert torch.allclose(stitched(row_RE)["type"], alone)
    with torch.no_grad():  # and where all coefficients are one half, all tasks see the same
        for stitch_TT in stitched.stitch:
            stitch_TT.fill_(0.5)
    found = stitched(row_RE)
    assert torch.allclose(found["like"], found["type"])
