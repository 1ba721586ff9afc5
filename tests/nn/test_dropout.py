"""Dropout with a mask that is drawn byte by byte."""

import pytest
import torch

from motet.nn.dropout import Dropout


def dropped(share: float, seed: int = 0, size: int = 200_000) -> torch.Tensor:
    torch.manual_seed(seed)
    return Dropout(share).train()(torch.ones(size))


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.9])
def test_dropout_keeps_the_mean(share):
    assert dropped(share).mean().item() == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("share", [0.1, 0.25, 0.9])
def test_the_share_is_rounded_to_a_256th_and_what_is_kept_is_scaled_by_what_is_dropped(share):
    found, exact = dropped(share), round(share * 256) / 256
    assert (found == 0).float().mean().item() == pytest.approx(exact, abs=0.005)
    assert found[found != 0].unique().tolist() == [pytest.approx(1 / (1 - exact))]


def test_the_mask_follows_the_seed_of_torch():
    assert torch.equal(dropped(0.3, seed=5), dropped(0.3, seed=5))
    assert not torch.equal(dropped(0.3, seed=5), dropped(0.3, seed=6))


def test_two_calls_draw_two_masks():
    torch.manual_seed(0)
    layer = Dropout(0.5).train()
    assert not torch.equal(layer(torch.ones(64)), layer(torch.ones(64)))


def test_neighbours_are_dropped_independently():
    gone = (dropped(0.5) == 0).float() - 0.5
    assert (gone[1:] * gone[:-1]).mean().abs() < 0.005
    assert (gone[4:] * gone[:-4]).mean().abs() < 0.005


@pytest.mark.parametrize("layer", [Dropout(0.5).eval(), Dropout(0.0).train(), Dropout(0.001).train()])
def test_nothing_is_dropped_in_use_nor_at_a_share_of_zero(layer):
    x = torch.randn(8)
    assert layer(x) is x


def test_the_gradient_goes_where_the_numbers_went():
    torch.manual_seed(0)
    x = torch.randn(1000, requires_grad=True)
    out = Dropout(0.5).train()(x)
    out.sum().backward()
    assert torch.equal(x.grad, torch.where(out == 0, 0.0, 2.0))


def test_a_mask_has_the_shape_and_the_precision_of_its_numbers():
    out = Dropout(0.5).train()(torch.ones(3, 4, 5, dtype=torch.bfloat16))
    assert out.shape == (3, 4, 5)
    assert out.dtype == torch.bfloat16
    assert Dropout(0.5).train()(torch.ones(0, 4)).shape == (0, 4)
