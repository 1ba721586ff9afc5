"""A training small enough to follow by hand: a tiny network, batches of numbers, no log."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from motet.batch import Batch
from motet.config.training import TrainingConfig
from motet.training.descent import build_descent
from motet.training.loop import Callbacks, Keep, Loop
from motet.training.monitor import Monitor
from motet.training.stackelberg import Leadership, StackelbergBalance

BATCHES = 5


@dataclass(frozen=True)
class Numbers:
    """What stands for a batch."""

    x: Tensor
    row_BP: Tensor

    examples, said = Batch.examples, Batch.said


@dataclass(frozen=True)
class State:
    """What the two tasks share."""

    state: Tensor

    def tensors(self) -> list[Tensor]:
        return [self.state]

    def whole(self) -> list[Tensor]:
        return []

    def cut(self) -> "State":
        return State(self.state.detach().requires_grad_())


class Network(nn.Module):
    """Two tasks that pull at shared weights, with dropout."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.shared = nn.Linear(3, 4)
        self.up, self.down = nn.Linear(4, 1), nn.Linear(4, 1)

    def forward(self, batch: Numbers) -> dict[str, Tensor]:
        return self.losses(batch, self.encode(batch))

    def backbone_parameters(self) -> list[nn.Parameter]:
        return list(self.shared.parameters())

    def behind(self, tasks: list[str]) -> dict[str, list[nn.Parameter]]:
        del tasks
        return {}

    def encode(self, batch: Numbers) -> "State":
        return State(nn.functional.dropout(torch.tanh(self.shared(batch.x)), 0.3, self.training))

    def losses(self, batch: Numbers, encoded: "State") -> dict[str, Tensor]:
        state = encoded.state
        return {
            "up": (self.up(state) - 1).square().mean(),
            "down": (self.down(state) + 1).square().mean(),
        }

    def loss(self) -> float:
        """The sum of the losses on fixed numbers."""
        with torch.no_grad():
            return float(sum(self(batch(0)).values()))


def batch(seed: int) -> Numbers:
    random = torch.Generator().manual_seed(seed)
    return Numbers(torch.randn(6, 3, generator=random), torch.tensor([[10 * seed, 10 * seed + 7, -1]]))


@dataclass
class Epoch:
    seeds: list[int]

    def __len__(self) -> int:
        return len(self.seeds)

    def since(self, first: int) -> Iterator[Numbers]:
        for seed in self.seeds[first:]:
            yield batch(seed)


class Feed:
    """Epochs of the same batches, each in an order of its own."""

    def epoch(self, number: int) -> Epoch:
        random = torch.Generator().manual_seed(number)
        return Epoch(torch.randperm(BATCHES, generator=random).tolist())


@dataclass
class Training:
    """A loop with its model, its log and what is done at every validation."""

    checkpoint: Path | None = None
    model: nn.Module = field(default_factory=Network)
    log: list[dict[str, Any]] = field(default_factory=list)
    validate: Callable[["Training"], float] | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    stop: Callable[[], bool] = lambda: False
    keeps: Sequence[Keep] = ()
    hopeless: Callable[[Mapping[str, Any]], bool] = lambda record: False

    def loop(self) -> Loop:
        defaults = {
            "epochs": 4, "patience": 4, "warmup": 3, "learning_rate": 0.05, "checkpoint_minutes": 0.0,
            "balance": "uncertainty", "average": 0.9, "precision": "fp32", "threads": 1,
        }  # fmt: skip
        settings = TrainingConfig(**(defaults | self.settings))

        def validate() -> dict[str, dict[str, float]]:
            value = self.validate(self) if self.validate else -self.model.loss()
            return {"up": {"auc": value}}

        descent = build_descent(settings.balance, self.model, {"up": 1.0, "down": 0.5})
        looks = []
        if isinstance(descent.method, StackelbergBalance):
            looks.append(Leadership(descent.method, settings, lambda number: batch(100 + number)))
        calls = Callbacks(validate, self.log.append, "joint", self.stop, looks, self.keeps, self.hopeless)
        monitor = Monitor([("up", "auc")])
        return Loop(self.model, Feed(), settings, descent, monitor, calls, self.checkpoint)


def weights(module: nn.Module) -> bytes:
    """All weights as bytes."""
    return b"".join(value.numpy().tobytes() for value in module.state_dict().values())
