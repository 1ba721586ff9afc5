"""The softmax over a catalogue: equal to torch's own loss and gradients, in full, in blocks and sampled."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from motet.nn import blockwise
from motet.nn.blockwise import Targets
from motet.nn.softmax import Sample, Softmax, catalogue_cross_entropy, sampled_cross_entropy


class World:
    """Rows, items and a learned scale, all of which want gradients."""

    def __init__(
        self, rows: int = 37, items: int = 53, width: int = 8, kind: torch.dtype = torch.float32
    ) -> None:
        random = torch.Generator().manual_seed(0)
        self.query = torch.randn(rows, width, generator=random, dtype=kind).requires_grad_()
        self.item = torch.randn(items, width, generator=random, dtype=kind).requires_grad_()
        self.bias = torch.randn(items, generator=random, dtype=kind).requires_grad_()
        self.scale = torch.tensor(1.7, dtype=kind).requires_grad_()
        self.target = torch.randint(items, (rows,), generator=random)
        self.weight = torch.rand(rows, generator=random, dtype=kind)
        pair = torch.randint(max(rows, 1) * items, (90 if rows else 0,), generator=random)
        self.banned = (pair // items, pair % items)

    def learned(self) -> list[Tensor]:
        return [self.query, self.item, self.bias, self.scale]

    def logits(self, banned: bool = False) -> Tensor:
        logits = self.scale * self.query @ self.item.T + self.bias
        if banned:
            hidden = torch.zeros_like(logits, dtype=torch.bool)
            hidden[self.banned] = True
            hidden[torch.arange(len(self.target)), self.target] = False
            logits = logits.masked_fill(hidden, -math.inf)
        return logits

    def loss(self, **more: object) -> Tensor:
        return catalogue_cross_entropy(
            self.query, self.item, self.target, bias_I=self.bias, scale=self.scale, **more
        )


@pytest.fixture(params=[256, 5], ids=["one block", "blocks of 5"])
def _block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blockwise, "BLOCK_BYTES", 0)
    monkeypatch.setattr(blockwise, "BLOCK_ROWS", request.param)


def assert_same(
    world: World, ours: Tensor, theirs: Tensor, learned: list[Tensor] | None = None, tolerance: float = 1e-5
) -> None:
    torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance)
    learned = learned or world.learned()
    mine = torch.autograd.grad(ours * 3, learned, retain_graph=True)
    reference = torch.autograd.grad(theirs * 3, learned, retain_graph=True)
    for gradient, wanted in zip(mine, reference, strict=True):
        torch.testing.assert_close(gradient, wanted, rtol=tolerance, atol=tolerance)


@pytest.mark.usefixtures("_block")
class TestTheFullSoftmax:
    def test_equals_torch(self) -> None:
        world = World()
        assert_same(world, world.loss(), F.cross_entropy(world.logits(), world.target))

    def test_equals_torch_with_label_smoothing(self) -> None:
        world = World()
        reference = F.cross_entropy(world.logits(), world.target, label_smoothing=0.2)
        assert_same(world, world.loss(settings=Softmax(label_smoothing=0.2)), reference)

    def test_weights_rows(self) -> None:
        world = World()
        each = F.cross_entropy(world.logits(), world.target, reduction="none")
        assert_same(
            world, world.loss(weight_R=world.weight), (each * world.weight).sum() / world.weight.sum()
        )
        total = world.loss(weight_R=world.weight, settings=Softmax(reduction="sum"))
        assert_same(world, total, (each * world.weight).sum(), tolerance=1e-4)

    def test_leaves_out_banned_items_but_never_the_target(self) -> None:
        world = World()
        world.banned = (
            torch.cat([world.banned[0], torch.arange(37)]),
            torch.cat([world.banned[1], world.target]),
        )
        ours = world.loss(banned=world.banned)
        assert_same(world, ours, F.cross_entropy(world.logits(banned=True), world.target))

    def test_smooths_over_items_that_are_not_banned(self) -> None:
        world = World()
        log_share = torch.log_softmax(world.logits(banned=True), 1)
        allowed = torch.isfinite(log_share)
        even = -torch.where(allowed, log_share, 0.0).sum(1) / allowed.sum(1)
        own = F.nll_loss(log_share, world.target, reduction="none")
        ours = world.loss(banned=world.banned, settings=Softmax(label_smoothing=0.3))
        assert_same(world, ours, (0.7 * own + 0.3 * even).mean())

    def test_survives_logits_of_a_thousand(self) -> None:
        world = World()
        world.scale = torch.tensor(400.0, requires_grad=True)
        assert_same(world, world.loss(), F.cross_entropy(world.logits(), world.target), tolerance=1e-4)

    def test_in_bf16_is_close(self) -> None:
        world = World()
        ours = world.loss(settings=Softmax(precision="bf16"))
        reference = F.cross_entropy(world.logits(), world.target)
        torch.testing.assert_close(ours, reference, rtol=0.01, atol=0.01)
        for mine, theirs in zip(
            torch.autograd.grad(ours, world.learned()),
            torch.autograd.grad(reference, world.learned()),
            strict=True,
        ):
            assert F.cosine_similarity(mine.flatten(), theirs.flatten(), dim=0) > 0.999


def test_the_gradients_are_those_of_finite_differences() -> None:
    world = World(rows=4, items=6, width=3, kind=torch.float64)
    settings = Softmax(label_smoothing=0.1)

    def loss(query: Tensor, item: Tensor, bias: Tensor, scale: Tensor) -> Tensor:
        banned = (torch.tensor([0, 2]), torch.tensor([1, 3]))
        return catalogue_cross_entropy(
            query, item, world.target, bias_I=bias, scale=scale, banned=banned, settings=settings
        )

    assert torch.autograd.gradcheck(loss, world.learned())


def test_no_rows_cost_nothing() -> None:
    world = World(rows=0)
    loss = world.loss(banned=world.banned)
    assert loss == 0
    for gradient in torch.autograd.grad(loss, world.learned()):
        assert (gradient == 0).all()


def test_without_gradients_the_loss_is_the_same() -> None:
    world = World()
    with torch.no_grad():
        torch.testing.assert_close(world.loss(), world.loss().detach())
        assert not world.loss().requires_grad


def test_a_second_step_does_not_touch_the_gradients_of_the_first() -> None:
    world = World()
    first = world.loss()
    World(rows=50).loss().backward()
    assert_same(world, first, F.cross_entropy(world.logits(), world.target))


def test_autocast_does_not_reach_inside() -> None:
    world = World()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = world.loss()
    torch.testing.assert_close(loss, world.loss())


def test_bf16_inputs_get_bf16_gradients() -> None:
    world = World()
    query = world.query.detach().bfloat16().requires_grad_()
    catalogue_cross_entropy(query, world.item, world.target).backward()
    assert query.grad is not None
    assert query.grad.dtype == torch.bfloat16


def uniform(items: int) -> Tensor:
    return torch.full((items,), -math.log(items))


@pytest.mark.parametrize("correct_target", [False, True])
@pytest.mark.usefixtures("_block")
def test_a_sample_of_all_items_is_the_full_softmax(correct_target: bool) -> None:
    world = World()
    own = uniform(53)[world.target] if correct_target else None
    sample = Sample(torch.randperm(53), uniform(53), own)
    ours = sampled_cross_entropy(
        world.query, world.item, world.target, sample, scale=world.scale, banned=world.banned
    )
    logits = world.logits(banned=True) - world.bias.detach()
    assert_same(world, ours, F.cross_entropy(logits, world.target), [world.query, world.item, world.scale])


def test_an_item_drawn_twice_counts_as_two_draws() -> None:
    world = World()
    once = Sample(torch.arange(53), uniform(53))
    twice = Sample(torch.arange(53).repeat(2), uniform(53).repeat(2))
    losses = [
        sampled_cross_entropy(world.query, world.item, world.target, sample) for sample in (once, twice)
    ]
    torch.testing.assert_close(losses[0], losses[1])


def test_the_correction_makes_a_skewed_sample_fair() -> None:
    world = World(rows=6, items=40)
    random = torch.Generator().manual_seed(1)
    q_I = torch.softmax(torch.randn(40, generator=random), 0)
    full = catalogue_cross_entropy(world.query, world.item, world.target).item()
    drawn = torch.multinomial(q_I, 200_000, replacement=True, generator=random)
    fair = sampled_cross_entropy(
        world.query, world.item, world.target, Sample(drawn, q_I.log()[drawn])
    ).item()
    uncorrected = Sample(drawn, uniform(40)[drawn])
    unfair = sampled_cross_entropy(world.query, world.item, world.target, uncorrected).item()
    assert abs(fair - full) < 0.02
    assert abs(unfair - full) > 5 * abs(fair - full)


def test_a_sample_that_holds_the_target_alone_costs_nothing() -> None:
    world = World(rows=3)
    world.target = torch.full((3,), 7)
    loss = sampled_cross_entropy(
        world.query, world.item, world.target, Sample(torch.tensor([7, 7]), uniform(2))
    )
    loss.backward()
    assert loss == 0
    assert world.query.grad is not None
    assert (world.query.grad == 0).all()


def test_vectors_may_come_from_a_function() -> None:
    world = World()
    sample = Sample(torch.tensor([3, 5, 5, 9]), uniform(4))
    by_table = sampled_cross_entropy(world.query, world.item, world.target, sample)
    by_function = sampled_cross_entropy(world.query, lambda number: world.item[number], world.target, sample)
    torch.testing.assert_close(by_table, by_function)


def test_the_fast_product_rounds_no_more_than_the_ordinary() -> None:
    left, right = torch.randn(100, 64), torch.randn(64, 300)
    exact = left.double() @ right.double()
    with blockwise.fast_products(torch.device("cpu")):
        fast_error = (left @ right - exact).abs().max()
    assert fast_error < 1e-4


def several(world: World) -> tuple[Targets, Tensor]:
    """Three targets a row, one of them twice, and their shares as a table."""
    random = torch.Generator().manual_seed(3)
    rows = len(world.query)
    item_RP = torch.randint(len(world.item), (rows, 3), generator=random)
    item_RP[:, 2] = item_RP[:, 1]
    share_RP = torch.rand(rows, 3, generator=random) + 0.1
    share_RP /= share_RP.sum(1, keepdim=True)
    table = torch.zeros(rows, len(world.item)).scatter_add_(1, item_RP, share_RP)
    row_P = torch.arange(rows).repeat_interleave(3)
    return Targets(row_P, item_RP.reshape(-1), share_RP.reshape(-1)), table


@pytest.mark.usefixtures("_block")
class TestSeveralTargetsARow:
    def test_count_by_their_shares(self) -> None:
        world = World()
        targets, table = several(world)
        ours = catalogue_cross_entropy(
            world.query, world.item, targets, bias_I=world.bias, scale=world.scale, weight_R=world.weight
        )
        each = F.cross_entropy(world.logits(), table, reduction="none")
        assert_same(world, ours, (each * world.weight).sum() / world.weight.sum())

    def test_are_none_of_them_left_out(self) -> None:
        world = World()
        targets, table = several(world)
        hidden = torch.zeros_like(table, dtype=torch.bool)
        hidden[world.banned] = True
        logits = world.logits().masked_fill(hidden & (table == 0), -1e9)
        assert (hidden & (table > 0)).any()
        ours = catalogue_cross_entropy(
            world.query, world.item, targets, bias_I=world.bias, scale=world.scale, banned=world.banned
        )
        assert_same(world, ours, F.cross_entropy(logits, table))

    def test_each_compete_with_the_sample_alone(self) -> None:
        world = World()
        targets, _ = several(world)
        drawn = torch.arange(0, 53, 2)
        sample = Sample(drawn, torch.full((len(drawn),), -math.log(53.0)))
        ours = sampled_cross_entropy(world.query, world.item, targets, sample, scale=world.scale)
        score = world.scale * world.query @ world.item.T
        correction = math.log(len(drawn)) - math.log(53.0)
        total = torch.zeros(())
        for row, item, share in zip(
            targets.row.tolist(), targets.candidate.tolist(), targets.share.tolist(), strict=True
        ):
            own = targets.candidate[targets.row == row].tolist()
            others = [each for each in drawn.tolist() if each not in own]
            rivals = torch.cat([score[row, item][None], score[row, others] - correction])
            total = total + share * (rivals.logsumexp(0) - score[row, item])
        assert_same(world, ours, total / len(world.query), [world.query, world.item, world.scale])
