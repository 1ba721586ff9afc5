"""Fusion: both kinds begin as the sum, and weigh what is there alone."""

import pytest
import torch
from torch import nn

from motet.nn.fusion import Fusion

THERE = torch.tensor([[True, True, True], [True, False, True], [False, False, False]])


def vectors() -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randn(3, 3, 4)


def moved(kind) -> Fusion:
    torch.manual_seed(1)
    fusion = Fusion(kind, 3, 4)
    with torch.no_grad():
        for p in fusion.parameters():
            p.copy_(torch.randn_like(p))
    return fusion


@pytest.mark.parametrize("kind", ["gate", "attention"])
def test_it_begins_as_the_sum_of_what_is_there(kind):
    wanted = (vectors() * THERE[..., None]).sum(1)
    torch.testing.assert_close(Fusion(kind, 3, 4)(vectors(), THERE), wanted)


def test_a_gate_weighs_each_value_by_all_vectors():
    fusion, vector_KMD = moved("gate"), vectors()
    one_MD = vector_KMD[1] * THERE[1][:, None]
    weight_MD = 2 * torch.sigmoid(fusion.gates.weight @ one_MD.flatten() + fusion.gates.bias).view(3, 4)
    torch.testing.assert_close(fusion(vector_KMD, THERE)[1], (weight_MD * one_MD).sum(0))


def test_attention_is_a_softmax_over_those_that_are_there():
    fusion, vector_KMD = moved("attention"), vectors()
    first, third = vector_KMD[1, 0], vector_KMD[1, 2]
    score = torch.stack([nn.functional.layer_norm(each, (4,)) @ fusion.query for each in (first, third)])
    share = 2 * torch.softmax(score, 0)
    torch.testing.assert_close(fusion(vector_KMD, THERE)[1], share[0] * first + share[1] * third)


@pytest.mark.parametrize("kind", ["gate", "attention"])
def test_what_is_missing_says_nothing_whatever_stands_there(kind):
    fusion, other = moved(kind), vectors()
    other[~THERE] = 7.0
    torch.testing.assert_close(fusion(vectors(), THERE), fusion(other, THERE))
    assert not fusion(vectors(), THERE)[2].any()
    found = vectors().requires_grad_()
    fusion(found, THERE).sum().backward()
    assert not found.grad[~THERE].any()
    assert found.grad.isfinite().all()
