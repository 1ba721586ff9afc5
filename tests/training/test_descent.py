"""From a batch to the gradients of one step: weighing losses, and surgery at either place."""

import pytest
import torch
from torch import Tensor, nn

from motet.config.training import TrainingConfig
from motet.training.descent import ParameterDescent, RepresentationDescent, SumDescent, build_descent
from motet.training.surgery import Weighing
from tests.model.world import changed, model, training_batch
from tests.training.hand_loop import State, Training, weights

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


@pytest.mark.parametrize("kind", METHODS)
def test_both_places_agree_on_a_linear_backbone(kind):
    """Where inputs are orthonormal, products of gradients are the same at states and at weights."""
    torch.manual_seed(0)
    made = Linear()
    x_BE = torch.linalg.qr(torch.randn(6, 6))[0][:5]
    found = []
    for at in ("representation", "parameters"):
        torch.manual_seed(1)  # pcgrad draws an order
        made.zero_grad(set_to_none=True)
        settings = TrainingConfig(balance={"kind": kind, "at": at}).balance
        descent = build_descent(settings, made, dict.fromkeys("abc", 1.0))
        descent.backward(descent.losses(x_BE))
        found.append(gradients(made))
    assert found[0].keys() == found[1].keys()
    for name in found[0]:
        assert torch.allclose(found[0][name], found[1][name], atol=1e-5), name


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
