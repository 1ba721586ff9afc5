"""Chains of tasks: products of probabilities, what is passed on, a world whose conversion rate is known."""

import math
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from motet.nn.experts import SharedBottom
from motet.tasks.binary import BinaryHead
from motet.tasks.chain import Chains, Transfer, both, in_order


@pytest.mark.parametrize("first", [1e-6, 0.02, 0.5, 0.9, 1 - 1e-6])
@pytest.mark.parametrize("given", [1e-6, 0.3, 0.999])
def test_the_logit_of_both_is_that_of_the_product(first, given):
    logits = (torch.logit(torch.tensor([each], dtype=torch.float64)).float() for each in (first, given))
    assert torch.sigmoid(both(*logits)).item() == pytest.approx(first * given, rel=2e-3)


def test_both_are_never_more_probable_than_the_first():
    logit_R = torch.linspace(-60, 60, 41)
    first_R, given_R = (each.reshape(-1) for each in torch.meshgrid(logit_R, logit_R, indexing="ij"))
    found_R = torch.sigmoid(both(first_R, given_R))
    assert (found_R <= torch.sigmoid(first_R) + 1e-7).all()
    assert (found_R <= torch.sigmoid(given_R) + 1e-7).all()


def test_gradients_are_finite_far_out():
    first_R = torch.tensor([-90.0, -5, 0, 5, 90, 90], requires_grad=True)
    given_R = torch.tensor([90.0, 90, 0, -5, -90, 90], requires_grad=True)
    nn.functional.binary_cross_entropy_with_logits(both(first_R, given_R), torch.ones(6)).backward()
    assert first_R.grad is not None
    assert given_R.grad is not None
    assert first_R.grad.isfinite().all()
    assert given_R.grad.isfinite().all()


def test_chains_of_three_are_multiplied_from_the_first_on():
    chains = Chains({"buy": "cart", "cart": "click"}, [], 1)
    given = {
        name: torch.logit(torch.tensor([p])) for name, p in (("buy", 0.5), ("click", 0.4), ("cart", 0.2))
    }
    found = chains.raw(given)
    assert torch.sigmoid(found["click"]).item() == pytest.approx(0.4)
    assert torch.sigmoid(found["cart"]).item() == pytest.approx(0.08)
    assert torch.sigmoid(found["buy"]).item() == pytest.approx(0.04)
    assert chains.conditional(given)["buy", "cart"].item() == pytest.approx(0.5)
    assert in_order({"buy": "cart", "cart": "click"})[0] == ("cart", "click")


@torch.no_grad()
def test_what_is_passed_on_is_attention_over_two():
    torch.manual_seed(0)
    made, earlier, own = Transfer(4), torch.randn(1, 4), torch.randn(1, 4)
    two = [made.passed(earlier), own]
    score = [float((made.key(each) * made.query(each)).sum()) / math.sqrt(4) for each in two]
    share = [math.exp(each) / sum(map(math.exp, score)) for each in score]
    wanted = share[0] * made.value(two[0]) + share[1] * made.value(two[1])
    torch.testing.assert_close(made(earlier, own), wanted)


def test_only_tasks_that_ask_for_it_read_what_is_passed_on():
    state = {name: torch.randn(2, 4) for name in ("click", "cart", "buy")}
    chains = Chains({"buy": "cart", "cart": "click"}, ["buy"], 4)
    found = chains.states(state)
    assert found["click"] is state["click"]
    assert found["cart"] is state["cart"]
    assert torch.equal(found["buy"], chains.transfers["of_buy"](state["cart"], state["buy"]))


def test_a_later_head_starts_from_the_rate_among_what_it_follows():
    head = BinaryHead(3, 0.02, earlier=0.1)
    assert torch.sigmoid(head.linear.bias).item() == pytest.approx(0.2)
    assert head.nats == BinaryHead(3, 0.02).nats  # of the loss over all rows


@dataclass(frozen=True)
class Shop:
    """Impressions; items that are clicked more are bought more, so clicked ones are no fair sample."""

    item_R: Tensor
    about_RV: Tensor
    click_rate_R: Tensor
    buy_rate_R: Tensor  # of a click
    click_R: Tensor
    buy_R: Tensor


ITEMS, WIDTH = 300, 16


def shop(seed: int, rows: int = 30_000) -> Shop:
    random = torch.Generator().manual_seed(seed)
    appeal_I = 1.5 * torch.randn(ITEMS, generator=random)
    worth_I = 0.7 * appeal_I - 1 + 0.5 * torch.randn(ITEMS, generator=random)
    item_R = torch.randint(ITEMS, (rows,), generator=random)
    about_RV = torch.randn(rows, 2, generator=random)
    click_rate_R = torch.sigmoid(appeal_I[item_R] - 1.5 + about_RV[:, 0])
    buy_rate_R = torch.sigmoid(worth_I[item_R] + 0.7 * about_RV[:, 0] + 0.5 * about_RV[:, 1])
    click_R = (torch.rand(rows, generator=random) < click_rate_R).float()
    buy_R = click_R * (torch.rand(rows, generator=random) < buy_rate_R)
    return Shop(item_R, about_RV, click_rate_R, buy_rate_R, click_R, buy_R)


def conversion(of: Shop, seed: int, *, chained: bool) -> tuple[Tensor, Tensor]:
    """Purchase given click, and purchase, as learned; without a chain from clicked rows alone."""
    torch.manual_seed(seed)
    items, shared = nn.Embedding(ITEMS, 8), SharedBottom(["click", "buy"], [10, WIDTH], 0.0)
    nn.init.normal_(items.weight, std=0.1)
    clicks, buys = of.click_R.mean().item(), of.buy_R.mean().item()
    heads = nn.ModuleDict({
        "click": BinaryHead(WIDTH, clicks),
        "buy": BinaryHead(WIDTH, buys, earlier=clicks) if chained else BinaryHead(WIDTH, buys / clicks),
    })  # fmt: skip
    chains = Chains({"buy": "click"} if chained else {}, [], WIDTH)

    def given(row_B: Tensor) -> dict[str, Tensor]:
        state = shared(torch.cat([items(of.item_R[row_B]), of.about_RV[row_B]], 1))
        return {name: head(state[name]) for name, head in heads.items()}

    learned = [*items.parameters(), *shared.parameters(), *heads.parameters()]
    optimizer = torch.optim.AdamW(learned, lr=1e-2, weight_decay=1e-2)
    for _ in range(10):
        for row_B in torch.randperm(len(of.item_R)).split(1024):
            raw = chains.raw(given(row_B))
            asked_B = torch.ones(len(row_B), dtype=torch.bool) if chained else of.click_R[row_B] > 0
            loss = heads["click"].loss(raw["click"], of.click_R[row_B])
            loss = loss + heads["buy"].loss(raw["buy"][asked_B], of.buy_R[row_B][asked_B])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        raw = given(torch.arange(len(of.item_R)))
        return torch.sigmoid(raw["buy"]), torch.sigmoid(chains.raw(raw)["buy"])


def test_over_all_impressions_a_purchase_is_as_probable_as_it_is():
    of = shop(0)
    true = (of.click_rate_R * of.buy_rate_R).mean().item()
    plain_R, chained_R = conversion(of, 0, chained=False)[1], conversion(of, 0, chained=True)[1]
    assert plain_R.mean().item() > 2 * true  # learned from clicked rows alone, asked about all
    assert chained_R.mean().item() == pytest.approx(true, rel=0.1)


@pytest.mark.slow
def test_the_bias_of_clicked_rows_on_unclicked_ones_is_removed():
    bias: dict[bool, list[float]] = {False: [], True: []}
    for seed in range(6):
        of = shop(seed)
        unclicked_R = of.click_R == 0
        for chained in (False, True):
            given_R, _ = conversion(of, seed, chained=chained)
            bias[chained].append((given_R - of.buy_rate_R)[unclicked_R].mean().item())
    plain, chain = (sum(bias[chained]) / len(bias[chained]) for chained in (False, True))
    assert plain > 0.01  # clicked items are the better ones, and what is learned of them is believed of all
    assert abs(chain) < plain / 3
