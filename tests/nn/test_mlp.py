"""Feed-forward parts."""

import pytest
import torch
import torch.nn.functional as F

from motet.nn.mlp import MLP, FeedForward


def test_swiglu_is_its_formula():
    torch.manual_seed(0)
    feed, x = FeedForward(4, 1.5, "swiglu", dropout=0.0), torch.randn(2, 3, 4)
    gate, value = feed.into(x)[..., :6], feed.into(x)[..., 6:]
    assert torch.allclose(feed(x), feed.out(gate * torch.sigmoid(gate) * value), atol=1e-6)


def test_gelu_is_its_formula():
    torch.manual_seed(0)
    feed, x = FeedForward(4, 2.0, "gelu", dropout=0.0), torch.randn(2, 3, 4)
    assert torch.allclose(feed(x), feed.out(F.gelu(feed.into(x))), atol=1e-6)
    assert feed.into.out_features == 8


@pytest.mark.parametrize(("activation", "columns"), [("swiglu", 12), ("gelu", 6)])
def test_the_hidden_layer_is_expansion_times_as_wide(activation, columns):
    assert FeedForward(4, 1.5, activation, dropout=0.0).into.out_features == columns


def test_a_stack_is_linear_norm_gelu_for_every_pair_of_widths():
    torch.manual_seed(0)
    stack, x = MLP([3, 5, 2], dropout=0.0), torch.randn(4, 3)
    first, first_norm, _, _, second, second_norm, _, _ = stack.layers
    wanted = F.gelu(second_norm(second(F.gelu(first_norm(first(x))))))
    assert torch.allclose(stack(x), wanted, atol=1e-6)
    assert stack.width == 2


def test_only_dropout_tells_training_from_use():
    torch.manual_seed(0)
    stack, x = MLP([3, 64], dropout=0.5), torch.randn(4, 3)
    used = stack.eval()(x)
    trained = stack.train()(x)
    kept = trained != 0
    assert torch.allclose(trained[kept], 2 * used[kept], atol=1e-6)
    assert 0.3 < kept.float().mean() < 0.7
