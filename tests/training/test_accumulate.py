"""Several batches in a step: the step of one batch that holds them all."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import Tensor

from motet.config.training import TrainingConfig
from motet.training.descent import build_descent
from tests.training.hand_loop import Network, Numbers, State, Training, batch, weights


class Plain(Network):
    """Without dropout; the seldom task has no row in batches that end in 3."""

    seldom = False

    def encode(self, batch: Numbers) -> State:
        return State(self.shared(batch.x))

    def losses(self, batch: Numbers, encoded: State) -> dict[str, Tensor]:
        found = super().losses(batch, encoded)
        if self.seldom and int(batch.row_BP[0, 0]) == 30:
            del found["down"]
        return found


@dataclass
class Batches:
    """An epoch of so many batches, each of several of the hand loop."""

    together: int

    def __len__(self) -> int:
        return 4 // self.together

    def since(self, first: int) -> Iterator[Numbers]:
        for number in range(first, len(self)):
            several = [batch(self.together * number + at) for at in range(self.together)]
            yield Numbers(
                torch.cat([each.x for each in several]), torch.cat([each.row_BP for each in several])
            )


@dataclass
class Fed:
    together: int

    def epoch(self, number: int) -> Batches:
        return Batches(self.together)


def trained(together: int, folder: Path | None = None, stop=lambda: False, **settings) -> Training:
    made = Training(folder, Plain(), stop=stop, settings={"average": 0.0, "clip": 0.5, **settings})
    loop = made.loop()
    loop.feed = Fed(together)  # type: ignore[assignment]
    loop.run()
    return made


@pytest.mark.parametrize(
    "balance",
    ["fixed", "uncertainty", "dwa"]
    + [
        {"kind": kind, "at": "parameters"}
        for kind in ("mgda", "upgrad", "aligned_mtl", "nash_mtl", "gradnorm")
    ]
    + [{"kind": "priorities", "order": ["down"], "at": "parameters"}],
)
def test_batches_of_a_step_count_as_one_batch_of_all_their_rows(balance):
    several = trained(1, accumulate=2, balance=balance)
    whole = trained(2, balance=balance)
    pairs = zip(several.model.parameters(), whole.model.parameters(), strict=True)
    assert all(torch.allclose(one, other, atol=1e-5) for one, other in pairs)
    losses = [[r["loss"] for r in each.log if r["event"] == "train"][-1] for each in (several, whole)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    assert weights(several.model) != weights(trained(1, balance=balance).model)


def test_at_the_representation_each_batch_has_a_gradient_of_its_own():
    found = []
    for several in ([0], [1], [0, 1]):
        model = Plain()
        descent = build_descent(TrainingConfig(balance="mgda").balance, model, {"up": 1.0, "down": 0.5})
        for number in several:
            descent.backward(descent.losses(batch(number)), 1 / len(several))
        found.append(model.shared.weight.grad)
    assert torch.allclose(found[2], (found[0] + found[1]) / 2, atol=1e-6)


def test_a_last_step_of_fewer_batches_is_their_mean():
    descended = []
    for accumulate in (3, 4):
        made = trained(1, accumulate=accumulate, epochs=1, warmup=0, decay="none")
        descended.append(weights(made.model))
    assert descended[0] != descended[1]
    one = trained(4, epochs=1, warmup=0, decay="none")
    whole = trained(1, accumulate=9, epochs=1, warmup=0, decay="none")
    pairs = zip(one.model.parameters(), whole.model.parameters(), strict=True)
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in pairs)


def test_a_batch_without_a_task_adds_nothing_to_it(monkeypatch):
    monkeypatch.setattr(Plain, "seldom", True)
    settings = TrainingConfig(balance={"kind": "mgda", "at": "parameters"}).balance
    model = Plain()
    descent = build_descent(settings, model, {"up": 1.0, "down": 1.0})
    for number, last in ((3, False), (0, True)):
        descent.backward(descent.losses(batch(number)), 0.5, last=last)
    given = model.down.weight.grad
    alone = Plain()
    build_descent(TrainingConfig(balance="fixed").balance, alone, {"up": 1.0, "down": 1.0}).backward(
        {"down": alone(batch(0))["down"]}, 0.5
    )
    assert torch.allclose(given, alone.down.weight.grad)
    descent.backward({}, 0.5)  # a batch without rows at the end of a step
    assert descent.kept == {}  # type: ignore[attr-defined]


def test_it_goes_on_between_two_steps(tmp_path):
    settings = {"accumulate": 3, "balance": {"kind": "gradnorm", "at": "parameters"}}
    whole = trained(1, **settings)
    asked = iter(range(99))
    trained(1, tmp_path / "c", lambda: next(asked) == 2, **settings)
    assert weights(trained(1, tmp_path / "c", **settings).model) == weights(whole.model)
