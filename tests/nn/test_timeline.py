"""The timeline encoder, its two kinds of block and their relative bias."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from motet.nn import hstu
from motet.nn.hstu import HSTUBlock
from motet.nn.relative import HALF_LIVES_SECONDS, RelativeBias
from motet.nn.timeline import TimelineEncoder, out_of_sight
from motet.nn.transformer import CausalAttention, TransformerBlock

WIDTH, HEADS, LENGTH = 8, 2, 12
KINDS = pytest.mark.parametrize("kind", ["transformer", "hstu"])


def block(kind: str, dropout: float = 0.0) -> nn.Module:
    if kind == "hstu":
        return HSTUBlock(WIDTH, HEADS, dropout)
    return TransformerBlock(WIDTH, HEADS, dropout, "swiglu", 2.0)


def shaken(module: nn.Module) -> nn.Module:
    """The module with weights that leave nothing at zero or one, and without dropout."""
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    return module.eval()


def encoder(kind: str, layers: int = 2) -> nn.Module:
    torch.manual_seed(0)
    bias = RelativeBias(HEADS, LENGTH, position=True, time=True)
    return shaken(TimelineEncoder([block(kind) for _ in range(layers)], bias, WIDTH, 0.0))


def timeline(states: int) -> tuple[Tensor, Tensor]:
    torch.manual_seed(2)
    return torch.randn(3, states, WIDTH), torch.rand(3, states, dtype=torch.float64).cumsum(1) * 86_400


@KINDS
@pytest.mark.parametrize("now", [0, 1, 4])
def test_the_future_of_a_timeline_does_not_move_its_past(kind, now):
    model, (token_BSD, time_BS) = encoder(kind), timeline(7)
    before = model(token_BSD, time_BS)
    token_BSD[:, now + 1 :], time_BS[:, now + 1 :] = 1e3, 1e9
    after = model(token_BSD, time_BS)
    assert torch.equal(before[:, : now + 1], after[:, : now + 1])
    assert not torch.allclose(before[:, now + 1 :], after[:, now + 1 :])


@KINDS
def test_padding_on_the_right_does_not_move_a_state(kind):
    model, (token_BSD, time_BS) = encoder(kind), timeline(9)
    alone = model(token_BSD[:, :5], time_BS[:, :5])
    padded = model(token_BSD, time_BS)[:, :5]
    assert torch.allclose(alone, padded, atol=1e-6)


@KINDS
def test_every_state_hears_all_that_came_before_it(kind):
    model, (token_BSD, time_BS) = encoder(kind), timeline(6)
    token_BSD.requires_grad_()
    model(token_BSD, time_BS)[:, 4].square().sum().backward()
    heard_BS = token_BSD.grad.abs().sum(-1) > 0
    assert heard_BS.tolist() == [[True] * 5 + [False]] * 3


@KINDS
def test_without_bias_the_order_of_earlier_events_does_not_count(kind):
    torch.manual_seed(0)
    bare = RelativeBias(HEADS, LENGTH, position=False, time=False)
    model = shaken(TimelineEncoder([block(kind)], bare, WIDTH, 0.0))
    token_BSD, _ = timeline(5)
    last = model(token_BSD, None)[:, -1]
    shuffled = model(token_BSD[:, [2, 0, 3, 1, 4]], None)[:, -1]
    assert torch.allclose(last, shuffled, atol=1e-6)


def test_the_causal_mask_hides_later_keys_alone():
    inf = math.inf
    assert out_of_sight(3, torch.device("cpu")).tolist() == [[0, -inf, -inf], [0, 0, -inf], [0, 0, 0]]


def test_attention_is_that_of_torch_with_a_causal_mask():
    attention = shaken(CausalAttention(WIDTH, HEADS, 0.0))
    x_BSD, _ = timeline(6)
    q, k, v = attention.qkv(x_BSD).chunk(3, -1)
    q, k, v = (part.view(3, 6, HEADS, -1).transpose(1, 2) for part in (q, k, v))
    wanted = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(3, 6, WIDTH)
    found = attention(x_BSD, out_of_sight(6, x_BSD.device))
    assert torch.allclose(found, attention.out(wanted), atol=1e-6)


def test_a_transformer_block_adds_attention_and_feed_forward_to_what_came_in():
    each, (x_BSD, _) = shaken(block("transformer")), timeline(4)
    mask = out_of_sight(4, x_BSD.device)
    middle = x_BSD + each.attention(each.norm_attention(x_BSD), mask)
    assert torch.allclose(each(x_BSD, mask), middle + each.feed(each.norm_feed(middle)), atol=1e-6)


def test_an_hstu_block_is_its_equations_written_out():
    each, (x_BSD, _) = shaken(block("hstu")), timeline(4)
    bias_HSS = torch.randn(HEADS, 4, 4)
    x_SD = x_BSD[0]
    u, v, q, k = F.silu(each.into(each.norm_in(x_SD))).chunk(4, -1)
    rows = []
    for now in range(4):
        heads = []
        for head in range(HEADS):
            part = slice(head * WIDTH // HEADS, (head + 1) * WIDTH // HEADS)
            terms = []
            for at in range(now + 1):
                weight = F.silu(q[now, part] @ k[at, part] + bias_HSS[head, now, at]) / (now + 1)
                terms.append(weight * v[at, part])
            heads.append(torch.stack(terms).sum(0))
        rows.append(torch.cat(heads))
    wanted = x_SD + each.out(each.norm_mixed(torch.stack(rows)) * u)
    found = each(x_BSD[:1], bias_HSS[None] + out_of_sight(4, x_BSD.device))[0]
    assert torch.allclose(found, wanted, atol=1e-5)


def test_an_hstu_block_says_what_it_divides_by():
    assert "A = SiLU(Q K^T + bias) / n" in hstu.__doc__
    assert "n is the number of states in sight of the query" in hstu.__doc__


@pytest.mark.parametrize("pad", [1, 9])
def test_padding_does_not_move_a_state_of_an_hstu_block(pad):
    each, (x_BSD, _) = shaken(block("hstu")), timeline(4)
    padded_BSD = F.pad(x_BSD, (0, 0, 0, pad), value=1.0)
    found = each(padded_BSD, out_of_sight(4 + pad, x_BSD.device))[:, :4]
    assert torch.allclose(found, each(x_BSD, out_of_sight(4, x_BSD.device)), atol=1e-6)


def test_the_bias_of_places_is_one_number_a_head_and_distance():
    bias = RelativeBias(heads=2, length=2, position=True, time=False)
    with torch.no_grad():
        bias.place_HL.copy_(torch.tensor([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]]))
    found = bias(4, None)[0]
    assert found[0].tril().tolist() == [[1, 0, 0, 0], [2, 1, 0, 0], [3, 2, 1, 0], [3, 3, 2, 1]]
    assert torch.equal(found[1].tril(), 10 * found[0].tril())


def test_the_bias_of_times_halves_with_each_half_life():
    bias = RelativeBias(heads=1, length=2, position=False, time=True)
    hour = HALF_LIVES_SECONDS.index(3600.0)
    with torch.no_grad():
        bias.decay_KH[hour] = 8.0
    time_BS = torch.tensor([[0.0, 3600.0, 3 * 3600.0]], dtype=torch.float64) + 1.7e9
    found = bias(3, time_BS)[0, 0]
    assert torch.allclose(found.tril(), torch.tensor([[8.0, 0, 0], [4, 8, 0], [1, 2, 8]]), atol=1e-5)


def test_a_new_bias_is_zero_and_one_without_places_and_times_is_none():
    time_BS = timeline(4)[1]
    assert RelativeBias(2, 5, position=True, time=True)(4, time_BS).abs().max() == 0
    assert RelativeBias(2, 5, position=False, time=False)(4, time_BS) is None


def test_times_of_today_keep_their_seconds_in_the_bias():
    bias = RelativeBias(heads=1, length=2, position=False, time=True)
    with torch.no_grad():
        bias.decay_KH[0] = 1.0
    found = bias(2, torch.tensor([[1.75e9, 1.75e9 + 60]], dtype=torch.float64))
    assert found[0, 0, 1, 0].item() == pytest.approx(0.5)
