"""Vectors of texts that differ alike in every direction."""

import pytest
import torch

from motet.features.whitening import LENGTH, Whitening


def cone(texts: int = 2000, width: int = 6) -> torch.Tensor:
    """Vectors around one direction, each axis with a tenth of the variance of the one before it."""
    torch.manual_seed(0)
    return 5.0 + torch.randn(texts, width) * 10.0 ** -(0.5 * torch.arange(width))


def test_the_mean_is_gone_and_lengths_have_the_mean_that_was_set():
    white_NT = Whitening(cone())(cone())
    assert white_NT.mean(0).abs().max() < 1e-4
    assert white_NT.norm(dim=1).mean().item() == pytest.approx(LENGTH, rel=1e-4)


def test_strong_directions_vary_alike_and_weak_ones_are_not_blown_up():
    spread_T = Whitening(cone())(cone()).std(0)
    assert spread_T[1] / spread_T[0] == pytest.approx(1.0, abs=0.1)
    assert (spread_T[1:] < spread_T[:-1]).all()
    assert spread_T[5] / spread_T[0] < 0.05


def test_a_text_that_is_not_there_stays_zero_and_does_not_count():
    text_NT = torch.cat([cone(), torch.zeros(500, 6)])
    assert torch.equal(Whitening(text_NT).mean_T, Whitening(cone()).mean_T)
    assert Whitening(text_NT)(text_NT)[2000:].abs().max() == 0


@pytest.mark.parametrize("texts", [torch.zeros(0, 4), torch.zeros(3, 4), torch.ones(3, 4)])
def test_vectors_that_do_not_vary_are_left_as_they_are(texts):
    asked = torch.randn(5, 4)
    assert torch.equal(Whitening(texts)(asked), asked)


def test_fewer_texts_than_directions_give_finite_vectors():
    few = cone(texts=3)
    assert torch.isfinite(Whitening(few)(cone(texts=10))).all()


def test_near_texts_stay_nearer_than_far_ones():
    white = Whitening(cone())
    one, near, far = white(torch.tensor([[5.0] * 6, [5.1] * 6, [7.0] * 6]))
    assert (one - near).norm() < (one - far).norm()
