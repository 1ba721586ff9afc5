"""Two processes, each with half of the rows, come to what one comes to with all of them."""

import pytest
import torch
from torch import Tensor, distributed, multiprocessing, nn

from motet.config.training import TrainingConfig
from motet.training import processes
from motet.training.descent import build_descent
from motet.training.hypergradient import Pair, implicit, unrolled
from motet.training.loop import Callbacks, Loop
from motet.training.monitor import Monitor
from tests.training.hand_loop import State

NAMES = ("a", "b", "c")
WEIGHTS = {"a": 1.0, "b": 0.5, "c": 2.0}
KINDS = ("mgda", "upgrad", "aligned_mtl", "nash_mtl", "imtl_g", "cagrad", "gradnorm", "priorities")
TRAINED = ("fixed", "mgda")
STEPS = 3  # gradnorm has learned by then


class Both(State):
    """States of a batch, and a catalogue that all batches share."""

    def __init__(self, catalogue: Tensor, state: Tensor) -> None:
        super().__init__(state)
        object.__setattr__(self, "catalogue", catalogue)

    def tensors(self) -> list[Tensor]:
        return [self.catalogue, self.state]  # type: ignore[attr-defined]

    def whole(self) -> list[Tensor]:
        return [self.catalogue]  # type: ignore[attr-defined]

    def cut(self) -> "Both":
        return Both(*(each.detach().requires_grad_() for each in self.tensors()))


class Shelf(nn.Module):
    """A linear trunk beside a table; three tasks read products of both."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.trunk, self.table = nn.Linear(5, 3), nn.Parameter(torch.randn(4, 3))
        self.heads = nn.ModuleDict({name: nn.Linear(4, 1) for name in NAMES})

    def backbone_parameters(self) -> list[nn.Parameter]:
        return [*self.trunk.parameters(), self.table]

    def behind(self, tasks: list[str]) -> dict[str, list[nn.Parameter]]:
        return {}

    def encode(self, batch: tuple[Tensor, Tensor]) -> Both:
        return Both(self.table * 1.5, self.trunk(batch[0]))

    def losses(self, batch: tuple[Tensor, Tensor], encoded: Both) -> dict[str, Tensor]:
        score_BI = encoded.state @ encoded.catalogue.T  # type: ignore[attr-defined]
        label_BT = batch[1]
        return {
            name: (self.heads[name](score_BI)[:, 0] - label_BT[:, at]).square().mean()
            for at, name in enumerate(NAMES)
            if not label_BT[:, at].isnan().any()
        }

    def forward(self, batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        return self.losses(batch, self.encode(batch))


def rows(step: int) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(step)
    return torch.randn(8, 5, generator=random), torch.randn(8, 3, generator=random)


def mine(step: int, *, seldom: bool = False) -> tuple[Tensor, Tensor]:
    """The rows of this process: all, or a half of them; the second may lack the last task."""
    if processes.count() == 1:
        return rows(step)
    half = distributed.get_rank()
    x, label = (each[4 * half : 4 * half + 4].clone() for each in rows(step))
    if seldom and half:
        label[:, 2] = torch.nan
    return x, label


def gradients(kind: str, at: str) -> list[float]:
    """Of all parameters after some steps, averaged over processes as data-parallel training does."""
    settings = {"kind": kind, "at": at} | ({"order": ["b"]} if kind == "priorities" else {})
    model = Shelf()
    descent = build_descent(TrainingConfig(balance=settings).balance, model, WEIGHTS)
    for step in range(STEPS):
        model.zero_grad()
        descent.backward(descent.losses(mine(step)))
    flat = torch.cat([p.grad.reshape(-1) for p in model.parameters()])
    return (processes.total(flat) / processes.count()).tolist()


def trained(kind: str, clip: float = 0.05) -> list[float]:
    """Weights after some steps of the training loop, with a clip that binds."""
    settings = TrainingConfig(balance=kind, clip=clip, warmup=0, learning_rate=0.05, decay="none")
    model = Shelf()
    descent = build_descent(settings.balance, model, WEIGHTS)
    calls = Callbacks(lambda: {}, lambda record: None)
    loop = Loop(model, None, settings, descent, Monitor([]), calls)  # no epoch: its steps alone
    for step in range(STEPS):
        loop._one_step([mine(step)], 10, ["here"])
    return torch.cat([p.detach().reshape(-1) for p in model.parameters()]).tolist()


def slopes(way: str) -> list[float]:
    model = Shelf()
    sizes = [torch.full_like(p, 0.05) for p in model.parameters()]
    pair = Pair(model, mine(0), mine(1), WEIGHTS, {"a": 1.0}, sizes)
    return list((unrolled(pair, clip=1.0) if way == "unrolled" else implicit(pair, 2)).of.values())


def dwa() -> list[float]:
    descent = build_descent(TrainingConfig(balance="dwa").balance, Shelf(), WEIGHTS)
    for step in range(STEPS):
        descent.backward(descent.losses(mine(step)))
        descent.epoch_over()
    return list(descent.method.current().values())


def seldom() -> list[float]:
    """Weights where one process lacks a task: both have them of all three, and one its own part."""
    descent = build_descent(TrainingConfig(balance="mgda").balance, Shelf(), WEIGHTS)
    descent.backward(descent.losses(mine(0, seldom=True)))
    return list(descent.method.current().values())


def everything() -> dict[str, list[float]]:
    found = {
        f"{kind} at {at}": gradients(kind, at) for kind in KINDS for at in ("representation", "parameters")
    }
    return found | {"unrolled": slopes("unrolled"), "implicit": slopes("implicit"), "dwa": dwa()}


def work(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    found = everything() | {"seldom": seldom(), "pcgrad": gradients("pcgrad", "parameters")}
    found |= {f"trained by {kind}": trained(kind) for kind in TRAINED}
    torch.save(found, f"{folder}/found-{rank}")
    distributed.destroy_process_group()


@pytest.mark.slow
def test_two_processes_take_the_weights_of_one_that_has_all_rows(tmp_path):
    multiprocessing.spawn(work, (str(tmp_path),), nprocs=2)
    first, second = (torch.load(tmp_path / f"found-{rank}", weights_only=True) for rank in (0, 1))
    assert first == second
    for name, wanted in everything().items():
        assert first[name] == pytest.approx(wanted, abs=2e-5), name
    for kind in TRAINED:
        assert first[f"trained by {kind}"] == pytest.approx(trained(kind), abs=2e-5), kind
        assert first[f"trained by {kind}"] != pytest.approx(trained(kind, clip=1e9), abs=1e-3)
    assert len(first["seldom"]) == 3
    assert len(set(first["seldom"])) == 3
    assert any(abs(value) > 0 for value in first["pcgrad"])


def test_alone_a_process_changes_nothing():
    row_KN = torch.randn(2, 5)
    found, losses = processes.gramian(row_KN, {"b": 1.0, "a": 2.0}, NAMES, 3)
    assert torch.equal(found, row_KN @ row_KN.T)
    assert losses == {"b": 1.0, "a": 2.0}
    assert processes.total(row_KN) is row_KN is processes.of_first(row_KN)
    assert processes.mean_gradients({"a": [None]}, NAMES, [row_KN]) == {"a": [None]}
    p = nn.Parameter(torch.ones(2))
    p.grad = held = torch.ones(2)
    processes.average_gradients([p])
    assert p.grad is held


@pytest.mark.parametrize("kind", ["fixed", "pcgrad", "mgda"])
def test_gradients_of_every_kind_of_method_are_clipped(kind):
    settings = TrainingConfig(balance=kind, clip=0.1, warmup=0, learning_rate=0.05)
    model = Shelf()
    descent = build_descent(settings.balance, model, WEIGHTS)
    loop = Loop(model, None, settings, descent, Monitor([]), Callbacks(lambda: {}, lambda record: None))
    loop._one_step([rows(0)], 10, ["here"])
    norm = torch.cat([p.grad.reshape(-1) for p in model.parameters()]).norm()
    assert float(norm) == pytest.approx(0.1, rel=1e-4)
