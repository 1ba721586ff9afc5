"""Heads that give a class."""

import pytest
import torch

from motet.tasks.multiclass import MulticlassHead

SHARES = torch.tensor([0.5, 0.25, 0.25])
LABELS = torch.tensor([0.0, 0, 1, 2])


def test_before_training_a_head_predicts_about_the_shares_of_the_classes():
    head = MulticlassHead(4, SHARES)
    assert torch.allclose(head.prediction(head(torch.zeros(1, 4)))[0], SHARES)


def test_the_loss_of_the_shares_is_one():
    head = MulticlassHead(4, SHARES)
    assert head.loss(SHARES.log().expand(4, 3), LABELS).item() == pytest.approx(1.0)


def test_other_constants_have_a_greater_loss():
    head = MulticlassHead(4, SHARES)
    for other in ([1 / 3, 1 / 3, 1 / 3], [0.6, 0.2, 0.2], [0.25, 0.5, 0.25]):
        assert head.loss(torch.tensor(other).log().expand(4, 3), LABELS) > 1.0


def test_probabilities_add_up_to_one():
    head = MulticlassHead(4, SHARES)
    assert torch.allclose(head.prediction(torch.randn(5, 3)).sum(-1), torch.ones(5))


def test_a_class_without_training_rows_and_a_single_class_give_finite_losses():
    for shares, label in ((torch.tensor([1.0, 0.0]), 1.0), (torch.tensor([1.0]), 0.0)):
        head = MulticlassHead(4, shares)
        assert torch.isfinite(head.loss(head(torch.randn(2, 4)), torch.full((2,), label)))
