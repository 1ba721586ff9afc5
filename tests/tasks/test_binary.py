"""Heads that give a probability."""

import math

import pytest
import torch

from motet.tasks.binary import BinaryHead

RATE = 0.2
LABELS = torch.tensor([1.0, 0, 0, 0, 0] * 4)


def constant(rate: float) -> torch.Tensor:
    return torch.full((20,), math.log(rate / (1 - rate)))


def test_before_training_a_head_predicts_about_the_base_rate():
    head = BinaryHead(4, RATE)
    assert head.prediction(head(torch.zeros(3, 4))).tolist() == pytest.approx([RATE] * 3)


@pytest.mark.parametrize("focal", [False, True])
def test_the_loss_of_the_base_rate_is_one(focal):
    head = BinaryHead(4, RATE, focal=focal)
    assert head.loss(constant(RATE), LABELS).item() == pytest.approx(1.0)


def test_the_base_rate_is_the_best_constant_of_cross_entropy():
    head = BinaryHead(4, RATE)
    assert all(head.loss(constant(other), LABELS) > 1.0 for other in (0.1, 0.15, 0.25, 0.5))


def test_focal_loss_weighs_each_row_by_the_square_of_its_error():
    plain, focal = BinaryHead(4, RATE), BinaryHead(4, RATE, focal=True)
    raw, label = torch.tensor([2.0]), torch.tensor([1.0])
    error = 1 - torch.sigmoid(raw).item()
    unweighted = plain.loss(raw, label).item() * plain.nats
    assert focal.loss(raw, label).item() * focal.nats == pytest.approx(unweighted * error**2, rel=1e-4)


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_a_label_that_never_varies_gives_finite_losses(rate):
    head = BinaryHead(4, rate)
    assert torch.isfinite(head.loss(head(torch.randn(20, 4)), torch.full((20,), rate)))
    assert head.prediction(head(torch.zeros(1, 4))).item() == pytest.approx(rate, abs=1e-3)


@pytest.mark.parametrize("focal", [False, True])
def test_very_wrong_and_very_right_logits_have_finite_gradients(focal):
    head, raw = BinaryHead(4, RATE, focal=focal), torch.tensor([80.0, -80.0, 80.0], requires_grad=True)
    head.loss(raw, torch.tensor([0.0, 1.0, 1.0])).backward()
    assert torch.isfinite(raw.grad).all()
