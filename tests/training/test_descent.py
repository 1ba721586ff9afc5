"""From a batch to the gradients of one step: weighing losses, and surgery at either place."""

import pytest
import torch
from torch import Tensor, nn

from motet.config.training import TrainingConfig
from motet.errors import DataError
from motet.training.descent import ParameterDescent, RepresentationDescent, SumDescent, build_descent
from motet.training.surgery import Weighing
from tests.model.world import changed, model, training_batch
from tests.training.hand_loop import Feed, Network, State, Training, batch, weights

METHODS = ["pcgrad", "mgda", "imtl_g", "aligned_mtl", "nash_mtl", "upgrad", "cagrad", "gradnorm"]


class Plain(Weighing):
    """The sum of the gradients."""

    def weigh(self, gramian_KK: Tensor, losses: dict[str, float]) -> Tensor:
        return torch.ones(len(losses))


def gradients(module: nn.Module) -> dict[str, Tensor]:
    return {name: p.grad.clone() for name, p in module.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("at", [RepresentationDescent, ParameterDescent])
def test_surgery_that_adds_up_gives_the_gradients_of_the_sum(at):
    """On the whole model: the cut leaves nothing out and counts nothing twice."""
    made, batch = model(changed()).eval(), training_batch()
    factor = {"next": 1.0, "click": 0.5, "stars": 2.0}
    found = {}
    for name, descent in (
        ("sum", build_descent(TrainingConfig(balance="fixed").balance, made, factor)),
        ("surgery", at(made, Plain(list(factor)), factor)),
    ):
        made.zero_grad(set_to_none=True)
        descent.backward(descent.losses(batch))
        found[name] = gradients(made)
    assert isinstance(build_descent(TrainingConfig(balance="fixed").balance, made, factor), SumDescent)
    assert found["sum"].keys() == found["surgery"].keys()
    for name, wanted in found["sum"].items():
        assert torch.allclose(found["surgery"][name], wanted, atol=1e-5), name


def test_heads_get_the_gradients_of_their_own_task_whatever_the_method():
    made, batch = model(changed()).eval(), training_batch()
    factor = dict.fromkeys(("next", "click", "stars"), 1.0)
    plain = build_descent(TrainingConfig(balance="fixed").balance, made, factor)
    plain.backward(plain.losses(batch))
    wanted, backbone = gradients(made.heads), gradients(made.timeline)
    made.zero_grad(set_to_none=True)
    surgery = build_descent(TrainingConfig(balance="mgda").balance, made, factor)
    surgery.backward(surgery.losses(batch))
    found = gradients(made.heads)
    assert all(torch.allclose(found[name], wanted[name], atol=1e-6) for name in wanted)
    other = gradients(made.timeline)
    assert any(not torch.allclose(other[name], backbone[name], atol=1e-6) for name in backbone)


def combined(balance: str | dict, at: str, factor: dict[str, float]) -> dict[str, Tensor]:
    """Gradients of the second of two steps on the whole model, with experts."""
    sharing = {"kind": "mmoe", "experts": 2, "layers": [8]}
    made, batch = model(changed(model__sharing=sharing)).eval(), training_batch()
    settings = ({"kind": balance} if isinstance(balance, str) else balance) | {"at": at}
    descent = build_descent(TrainingConfig(balance=settings).balance, made, factor)
    for _ in range(2):  # gradnorm has learned by the second
        torch.manual_seed(3)
        made.zero_grad(set_to_none=True)
        losses = descent.losses(batch)
        descent.backward({name: losses[name] for name in losses if name in factor})
    return gradients(made)


@pytest.mark.parametrize("at", ["representation", "parameters"])
@pytest.mark.parametrize("kind", [*METHODS, "graddrop", {"kind": "priorities", "order": ["stars"]}])
def test_a_task_of_weight_zero_changes_no_gradient(kind, at):
    without = combined(kind, at, {"next": 1.0, "stars": 2.0})
    found = combined(kind, at, {"next": 1.0, "click": 0.0, "stars": 2.0})
    assert found.keys() == without.keys()
    assert all(torch.allclose(found[name], without[name], atol=1e-6) for name in without)
    assert sum(float(each.norm()) for name, each in found.items() if name.startswith("timeline")) > 1e-3


class Linear(nn.Module):
    """A linear backbone with three tasks."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Linear(6, 4, bias=False)
        self.heads = nn.ModuleList(nn.Linear(4, 1) for _ in range(3))

    def backbone_parameters(self) -> list[nn.Parameter]:
        return list(self.trunk.parameters())

    def behind(self, tasks: list[str]) -> dict[str, list[nn.Parameter]]:
        return {}

    def encode(self, x_BE: Tensor) -> State:
        return State(self.trunk(x_BE))

    def losses(self, x_BE: Tensor, encoded: State) -> dict[str, Tensor]:
        del x_BE
        return {
            name: (head(encoded.state) - aim).square().mean()
            for name, head, aim in zip("abc", self.heads, (1.0, -1.0, 0.3), strict=True)
        }

    def forward(self, x_BE: Tensor) -> dict[str, Tensor]:
        return self.losses(x_BE, self.encode(x_BE))


@pytest.mark.parametrize("kind", [*METHODS, {"kind": "priorities", "order": ["c", "a"]}])
def test_both_places_agree_on_a_linear_backbone(kind):
    """Where inputs are orthonormal, products of gradients are the same at states and at weights."""
    torch.manual_seed(0)
    made = Linear()
    x_BE = torch.linalg.qr(torch.randn(6, 6))[0][:5]
    found = []
    for at in ("representation", "parameters"):
        torch.manual_seed(1)  # pcgrad draws an order
        made.zero_grad(set_to_none=True)
        settings = ({"kind": kind} if isinstance(kind, str) else kind) | {"at": at}
        descent = build_descent(TrainingConfig(balance=settings).balance, made, dict.fromkeys("abc", 1.0))
        descent.backward(descent.losses(x_BE))
        found.append(gradients(made))
    assert found[0].keys() == found[1].keys()
    for name in found[0]:
        assert torch.allclose(found[0][name], found[1][name], atol=1e-5), name


class Bottom(Linear):
    """With a layer between the trunk and the heads that all tasks share, where they conflict most."""

    def __init__(self) -> None:
        torch.manual_seed(2)
        super().__init__()
        self.bottom = nn.Linear(4, 4)
        with torch.no_grad():
            for p in self.bottom.parameters():
                p.mul_(0.1)
            self.heads[0].weight.mul_(3)
            self.heads[1].weight.copy_(4 * self.heads[0].weight)
            self.heads[1].bias.zero_()

    def behind(self, tasks: list[str]) -> dict[str, list[nn.Parameter]]:
        return {name: [*self.bottom.parameters(), *self.heads.parameters()] for name in tasks}

    def losses(self, x_BE: Tensor, encoded: State) -> dict[str, Tensor]:
        return super().losses(x_BE, State(self.bottom(encoded.state)))


def first_loss_after(settings: object) -> tuple[float, float]:
    """Of the first task, before and after a short step."""
    made = Bottom()
    x_BE = torch.randn(5, 6, generator=torch.Generator().manual_seed(0))
    before = made(x_BE)["a"].item()
    descent = build_descent(TrainingConfig(balance=settings).balance, made, dict.fromkeys("abc", 1.0))
    descent.backward(descent.losses(x_BE))
    with torch.no_grad():
        for p in made.parameters():
            p -= 1e-3 * p.grad
    return before, made(x_BE)["a"].item()


def test_a_step_does_not_raise_the_loss_of_the_first_priority():
    """Tasks conflict in the bottom: at the representation it gets the plain sum, and the loss rises."""
    priorities = {"kind": "priorities", "order": ["a"]}
    before, after = first_loss_after(priorities)
    assert after < before
    before, after = first_loss_after(priorities | {"at": "representation"})
    assert after > before


def gain_of_click(balance: object) -> tuple[float, float]:
    """Of a whole model with a shared bottom, where the other tasks count a hundredfold.

    Returns:
        The product of click's gradient with the step's, over its own square; and its loss after a short step
        less that before.
    """
    made, batch = (
        model(changed(model__sharing={"kind": "shared_bottom", "layers": [8]})).eval(),
        training_batch(),
    )
    factor = {"next": 100.0, "click": 1.0, "stars": 100.0}
    parameters = [p for p in made.parameters() if p.requires_grad]
    before = made(batch)["click"]
    own = torch.autograd.grad(before, parameters, allow_unused=True)
    own_N = torch.cat([g.reshape(-1) for g in own if g is not None])
    descent = build_descent(TrainingConfig(balance=balance).balance, made, factor)
    descent.backward(descent.losses(batch))
    pairs = zip(parameters, own, strict=True)
    step_N = torch.cat([p.grad.reshape(-1) for p, g in pairs if g is not None])
    length = torch.stack([p.grad.norm() for p in parameters if p.grad is not None]).norm()
    with torch.no_grad():
        for p in parameters:
            if p.grad is not None:
                p -= 0.01 * p.grad / length
        return float(own_N @ step_N / own_N.square().sum()), float(made(batch)["click"] - before)


def test_in_a_whole_model_no_lower_task_worsens_the_first_priority_by_default():
    """To first order it gains what its own step does; with the plain sum in the shared bottom it loses."""
    priorities = {"kind": "priorities", "order": ["click"]}
    product, change = gain_of_click(priorities)
    assert product >= 1 - 1e-3
    assert change < 0
    for worse in (priorities | {"at": "representation"}, "fixed"):
        product, change = gain_of_click(worse)
        assert product < -0.1
        assert change > 0


def test_priorities_work_at_the_parameters_unless_told_otherwise_and_the_others_do_not():
    order = {"kind": "priorities", "order": ["a"]}
    for settings, place in (
        (order, "parameters"), (order | {"at": "representation"}, "representation"),
        ("mgda", "representation"), ({"kind": "mgda", "at": "parameters"}, "parameters"),
    ):  # fmt: skip
        assert TrainingConfig(balance=settings).balance.place == place


def test_at_parameters_what_one_task_alone_reaches_gets_its_own_gradient():
    made, plain = Bottom(), Bottom()
    x_BE = torch.randn(5, 6)
    for each, kind in ((made, {"kind": "mgda", "at": "parameters"}), (plain, "fixed")):
        descent = build_descent(TrainingConfig(balance=kind).balance, each, dict.fromkeys("abc", 1.0))
        losses = descent.losses(x_BE)
        descent.backward({name: losses[name] for name in "ab"})
    for head, wanted in zip(made.heads[:2], plain.heads[:2], strict=True):
        assert torch.allclose(head.weight.grad, wanted.weight.grad, atol=1e-6)
    assert made.heads[2].weight.grad is None  # no task of the step reaches it
    assert not torch.allclose(made.bottom.weight.grad, plain.bottom.weight.grad, atol=1e-3)


class Broken(torch.autograd.Function):
    """A finite loss whose gradient is not a number."""

    @staticmethod
    def forward(ctx, loss):
        return loss.clone()

    @staticmethod
    def backward(ctx, grad):
        return grad * torch.nan


class Breaking(Network):
    """The second batch of an epoch has no gradient for one task."""

    def losses(self, batch, encoded):
        found = super().losses(batch, encoded)
        return found | ({"down": Broken.apply(found["down"])} if int(batch.row_BP[0, 0]) == 20 else {})


@pytest.mark.parametrize("at", ["representation", "parameters"])
@pytest.mark.parametrize("kind", [*METHODS, "graddrop", {"kind": "priorities", "order": ["down"]}])
def test_a_gradient_that_is_not_a_number_names_its_task_and_batch(kind, at):
    balance = ({"kind": kind} if isinstance(kind, str) else kind) | {"at": at}
    training = Training(model=Breaking(), settings={"balance": balance, "accumulate": 5})
    place = Feed().epoch(0).seeds.index(2) + 1
    said = rf"joint, epoch 1, batch {place}: the gradient of down is not a number \(up .*rows 20 to 27"
    with pytest.raises(DataError, match=said):
        training.loop().run()


def test_at_the_representation_gradnorm_moves_its_weights_once_a_step():
    """By a rate of 1/40 of the norms' shares, of two batches as of one."""
    made, moved = Network().eval(), []
    for several in ([0], [1], [0, 1]):
        descent = build_descent(TrainingConfig(balance="gradnorm").balance, made, {"up": 1.0, "down": 1.0})
        for place, number in enumerate(several):
            assert descent.method.get_buffer("weight_T").tolist() == [1, 1]
            last = place + 1 == len(several)
            descent.backward(descent.losses(batch(number)), 1 / len(several), last=last)
        moved.append(descent.method.get_buffer("weight_T")[0].item() - 1)
    assert min(moved[:2]) <= moved[2] <= max(moved[:2])  # of mean norms, so between
    assert moved[2] != 0
    descent.backward({}, last=True)  # no row, nothing to learn from
    assert descent.method.get_buffer("weight_T")[0].item() - 1 == moved[2]


@pytest.mark.parametrize("kind", ["dwa", "geometric", "random", *METHODS, "graddrop"])
def test_a_training_that_goes_on_ends_as_if_it_had_not_stopped(tmp_path, kind):
    whole = Training(settings={"balance": kind})
    whole.loop().run()
    steps = iter(range(10_000))
    half = Training(tmp_path / "c", settings={"balance": kind}, stop=lambda: next(steps) == 8)
    half.loop().run()
    rest = Training(tmp_path / "c", settings={"balance": kind})
    rest.loop().run()
    assert weights(rest.model) == weights(whole.model)


def test_dwa_follows_the_rates_of_the_last_two_epochs():
    descent = build_descent(TrainingConfig(balance="dwa").balance, nn.Linear(1, 1), {"a": 1.0, "b": 2.0})
    assert descent.method.current() == {"a": 1.0, "b": 2.0}
    for means in ({"a": 1.0, "b": 1.0}, {"a": 0.5, "b": 1.0}):
        for factor in (0.5, 1.5):  # two steps an epoch
            descent.method.hear({name: factor * mean for name, mean in means.items()})
        descent.epoch_over()
    rates = torch.softmax(torch.tensor([0.5, 1.0]) / 2.0, 0) * 2
    assert descent.method.current() == pytest.approx({"a": float(rates[0]), "b": 2 * float(rates[1])})
