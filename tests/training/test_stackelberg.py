"""A leader chooses weights: hypergradients known in closed form, optima known by hand, and trainings."""

import pytest
import torch
from torch import Tensor, nn

from motet.config.training import TrainingConfig
from motet.training.hypergradient import Pair, implicit, unrolled
from motet.training.optimizer import build_optimizer
from motet.training.stackelberg import Leadership, StackelbergBalance
from tests.training.hand_loop import Network, Training, batch, weights

SHARES = {"up": 1.2, "down": 0.8}


def pair(model: nn.Module, one: object, lead: object, given: dict[str, float], size: float, **more) -> Pair:
    """With equal step sizes; the first task leads."""
    sizes = [torch.full_like(p, size) for p in model.parameters()]
    return Pair(model, one, lead, given, {next(iter(given)): 1.0}, sizes, **more)


def stepped(size: float, down: float) -> float:
    """The leader's loss after one step with one weight of the follower."""
    model = Network().double().train()
    torch.manual_seed(3)
    found = model(Numbers64(0))
    (SHARES["up"] * found["up"] + down * found["down"]).backward()
    with torch.no_grad():
        for p in model.parameters():
            p -= size * (0.0 if p.grad is None else p.grad)
        return float(model.eval()(Numbers64(7))["up"])


class Numbers64:
    """A batch of the hand loop in double precision."""

    def __init__(self, seed: int) -> None:
        self.x = batch(seed).x.double()


def test_the_unrolled_slope_is_that_of_the_loss_after_one_step():
    given = pair(Network().double().train(), Numbers64(0), Numbers64(7), SHARES, 0.3, seed=3)
    h = 1e-5
    wanted = (stepped(0.3, SHARES["down"] + h) - stepped(0.3, SHARES["down"] - h)) / (2 * h)
    assert unrolled(given).of["down"] == pytest.approx(wanted, rel=1e-6)
    assert abs(wanted) > 1e-3


def test_a_look_leaves_weights_gradients_and_mode_as_they_are():
    model = Network().train()
    before = weights(model)
    unrolled(pair(model, batch(0), batch(7), SHARES, 0.3))
    implicit(pair(model, batch(0), batch(7), SHARES, 0.3), 2)
    assert weights(model) == before
    assert model.training
    assert all(p.grad is None for p in model.parameters())


def test_a_clipped_step_is_a_shorter_one():
    model = Network().eval()
    rows = pair(model, batch(0), batch(7), SHARES, 0.3).of_tasks()
    total = [sum(SHARES[n] * row[at] for n, row in rows.items() if row[at] is not None) for at in range(6)]
    norm = float(torch.sqrt(sum(each.square().sum() for each in total)))
    clipped = unrolled(pair(model, batch(0), batch(7), SHARES, 0.3), clip=norm / 4)
    shorter = unrolled(pair(model, batch(0), batch(7), SHARES, 0.3 / 4))
    assert clipped.of == pytest.approx(shorter.of, rel=1e-4)


class Bowls(nn.Module):
    """Task i has the loss (theta - c_i) A_i (theta - c_i) / 2; a batch says where the centres are."""

    def __init__(self, curvatures: dict[str, Tensor], start: Tensor) -> None:
        super().__init__()
        self.theta, self.curvatures = nn.Parameter(start.clone()), curvatures

    def forward(self, centres: dict[str, Tensor]) -> dict[str, Tensor]:
        away = {name: self.theta - centre for name, centre in centres.items()}
        return {name: each @ self.curvatures[name] @ each / 2 for name, each in away.items()}


CURVED = {
    "lead": torch.tensor([[2.0, 0.5], [0.5, 1.0]]),
    "help": torch.tensor([[1.0, 0.0], [0.0, 3.0]]),
    "harm": torch.tensor([[1.5, -0.5], [-0.5, 1.0]]),
}
CENTRES = {
    "lead": torch.tensor([0.0, 1.0]),
    "help": torch.tensor([2.0, 0.0]),
    "harm": torch.tensor([-1.0, -2.0]),
}
AIM = {"lead": torch.tensor([1.0, 0.5])}  # where the leader's held-out rows are


def test_the_implicit_slope_is_that_of_the_loss_at_the_end_of_training():
    """theta*(w) = (sum w A)^-1 sum w A c, so the slope of the leader's loss there is known."""
    given = {"lead": 1.0, "help": 0.5, "harm": 1.5}
    share_T = torch.tensor(list(given.values()), requires_grad=True)
    parts = list(zip(share_T, CURVED.values(), CENTRES.values(), strict=True))
    end = torch.linalg.solve(sum(w * a for w, a, _ in parts), sum(w * a @ c for w, a, c in parts))
    away = end - AIM["lead"]
    (wanted_T,) = torch.autograd.grad(away @ CURVED["lead"] @ away / 2, share_T)
    model = Bowls(CURVED, end.detach())
    found = implicit(pair(model, CENTRES, AIM, given, 0.2), terms=60)
    assert list(found.of.values()) == pytest.approx(wanted_T.tolist(), rel=1e-3)


def test_a_series_that_does_not_converge_ends_at_once():
    model = Bowls(CURVED, torch.tensor([3.0, 3.0]))
    given = dict.fromkeys(CURVED, 1.0)
    assert implicit(pair(model, CENTRES, AIM, given, 5.0), 9) == implicit(
        pair(model, CENTRES, AIM, given, 5.0), 1
    )


ONE = torch.eye(1)


def led(
    centres: dict[str, float], steps: int, rate: float = 0.1, **settings
) -> tuple[dict[str, float], float]:
    """Shares and the model's number after a training of bowls; the leader's aim is 1."""
    training = TrainingConfig(
        balance={"kind": "stackelberg", "leader": "lead", "every": 2, **settings}, learning_rate=0.2
    )
    model = Bowls(dict.fromkeys(centres, ONE), torch.zeros(1))
    rows = {name: torch.tensor([value]) for name, value in centres.items()}
    balance = StackelbergBalance(dict.fromkeys(centres, 1.0), ["lead"])
    lead = Leadership(balance, training, lambda number: {"lead": torch.ones(1)})
    optimizer = build_optimizer([model], training.learning_rate, 0.0)
    for step in range(steps):
        lead(model, rows, optimizer, step)
        optimizer.zero_grad()
        balance(model(rows)).backward()
        optimizer.step()
    return balance.current(), float(model.theta.detach())


@pytest.mark.parametrize("gradient", ["unrolled", "implicit"])
def test_weights_end_where_the_leader_is_best(gradient):
    """theta*(w) = 4 w / (w + v) is 1 where the follower has a third of the leader's weight: 1/2 and 3/2."""
    shares, theta = led({"lead": 0.0, "help": 4.0}, 120, gradient=gradient)
    assert theta == pytest.approx(1.0, abs=0.15)
    assert shares == pytest.approx({"lead": 1.5, "help": 0.5}, abs=0.05)


def test_a_follower_that_helps_gets_more_than_one_that_conflicts():
    """theta* = 4 (help - harm) / 3 is 1 where the one has 3/4 more than the other."""
    shares, theta = led({"lead": 0.0, "help": 4.0, "harm": -4.0}, 120)
    assert theta == pytest.approx(1.0, abs=0.2)
    assert shares["help"] - shares["harm"] == pytest.approx(0.75, abs=0.08)
    assert sum(shares.values()) == pytest.approx(3.0)


def test_weights_of_tasks_that_are_not_there_stay():
    balance = StackelbergBalance(dict.fromkeys("abc", 1.0), ["a"])
    balance.move({"a": -1.0, "b": 1.0}, 0.2)
    assert balance.get_buffer("logit_T").tolist() == pytest.approx([0.0, -0.2, 0.0])
    balance.move({"b": 1.0}, 0.2)  # alone it is neither better nor worse than the others
    balance.move({}, 0.2)
    assert balance.get_buffer("logit_T").tolist() == pytest.approx([0.0, -0.2, 0.0])


def test_the_leader_and_the_weights_of_the_configuration_stay_what_they_are():
    balance = StackelbergBalance({"a": 2.0, "b": 1.0, "c": 0.0, "d": 0.5}, ["a"])
    assert balance.current() == {"a": 2.0, "b": 1.0, "c": 0.0, "d": 0.5}
    for _ in range(30):
        balance.move({"a": -1.0, "b": 1.0}, 0.9)
    found = balance.current()
    assert found["b"] / found["a"] == pytest.approx(0.005, rel=0.02)  # a hundredth, times a half
    assert found["d"] / found["a"] == pytest.approx(0.25)
    assert sum(balance.shares().values()) == pytest.approx(3.0)
    assert found["c"] == 0.0
    assert balance.get_buffer("logit_T")[0] == 0.0


def test_a_batch_without_the_leader_moves_nothing():
    model = Bowls(CURVED, torch.zeros(2))
    given = dict.fromkeys(CURVED, 1.0)
    assert unrolled(pair(model, CENTRES, {"help": torch.zeros(2)}, given, 0.1)).of == {}
    assert implicit(pair(model, CENTRES, {"help": torch.zeros(2)}, given, 0.1), 1).of == {}
    assert unrolled(pair(model, {}, AIM, given, 0.1)).of == {}


@pytest.mark.parametrize("gradient", ["unrolled", "implicit"])
def test_a_training_that_goes_on_ends_with_the_same_weights_of_tasks(tmp_path, gradient):
    settings = {"balance": {"kind": "stackelberg", "every": 3, "gradient": gradient}}
    whole = Training(settings=settings)
    whole.loop().run()
    steps = iter(range(10_000))
    Training(tmp_path / "c", settings=settings, stop=lambda: next(steps) == 8).loop().run()
    rest = Training(tmp_path / "c", settings=settings)
    rest.loop().run()
    assert weights(rest.model) == weights(whole.model)
    told = [
        [record["weights"] for record in each.log if record["event"] == "train"] for each in (whole, rest)
    ]
    assert told[0][-1] == told[1][-1] != {"up": 1.0, "down": 0.5}


def test_in_bf16_weights_move_too():
    settings = {"balance": {"kind": "stackelberg", "every": 2}, "precision": "bf16"}
    training = Training(settings=settings)
    training.loop().run()
    found = [record["weights"] for record in training.log if record["event"] == "train"]
    assert found[-1]["down"] != 0.5
    assert found[-1]["up"] + 2 * found[-1]["down"] == pytest.approx(2.0)
