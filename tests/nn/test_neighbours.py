"""Sums of neighbours: equal to the plain formula, forward and backward."""

import torch

from motet.nn.neighbours import both_ways, sums_of_neighbours

NEIGHBOUR_IM = torch.tensor([[0, 0], [2, 3], [1, 0], [1, 2], [0, 0]])
SHARE_IM = torch.tensor([[0, 0], [0.75, 0.25], [1, 0], [0.5, 0.5], [0, 0]])


def test_the_sum_and_its_gradient_are_those_of_the_plain_formula():
    random = torch.Generator().manual_seed(0)
    ours = torch.randn(5, 3, generator=random).requires_grad_()
    theirs = ours.detach().clone().requires_grad_()
    found = sums_of_neighbours(ours, both_ways(NEIGHBOUR_IM, SHARE_IM))
    wanted = (theirs[NEIGHBOUR_IM] * SHARE_IM[..., None]).sum(1)
    torch.testing.assert_close(found, wanted)
    pull = torch.randn(5, 3, generator=random)
    (found * pull).sum().backward()
    (wanted * pull).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_without_edges_the_sums_are_zero():
    vector = torch.ones(3, 2, requires_grad=True)
    edges = both_ways(torch.zeros(3, 1, dtype=torch.int64), torch.zeros(3, 1))
    found = sums_of_neighbours(vector, edges)
    found.sum().backward()
    assert found.abs().sum() == 0
    assert vector.grad.abs().sum() == 0
