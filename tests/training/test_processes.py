"""Two processes, each with half of the rows, come to what one comes to with all of them."""

import itertools
from collections.abc import Iterable

import pytest
import torch
from torch import Tensor, distributed, multiprocessing, nn

from motet.config.training import TrainingConfig
from motet.system.randomness import derived_seed
from motet.training import processes
from motet.training.descent import build_descent
from motet.training.hypergradient import Pair, implicit, unrolled
from motet.training.loop import Callbacks, Loop
from motet.training.monitor import Monitor
from tests.training.hand_loop import State, Training

NAMES = ("a", "b", "c")
WEIGHTS = {"a": 1.0, "b": 0.5, "c": 2.0}
KINDS = ("mgda", "upgrad", "aligned_mtl", "nash_mtl", "imtl_g", "cagrad", "gradnorm", "priorities")
AT_PARAMETERS = {"kind": "mgda", "at": "parameters"}
LEXICOGRAPHIC = {"kind": "priorities", "order": ["b"]}
TRAINED = ("fixed", "uncertainty", "mgda", AT_PARAMETERS, LEXICOGRAPHIC)
WITH_GAPS = ("fixed", "mgda", AT_PARAMETERS, LEXICOGRAPHIC)
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
    whole_N = flat(p.grad for p in model.parameters())
    return (processes.total(whole_N) / processes.count()).tolist()


def loop_of(model: Shelf, balance: str | dict, clip: float) -> Loop:
    """A loop without epochs, for its steps alone."""
    settings = TrainingConfig(balance=balance, clip=clip, warmup=0, learning_rate=0.05, decay="none")
    descent = build_descent(settings.balance, model, WEIGHTS)
    return Loop(model, None, settings, descent, Monitor([]), Callbacks(lambda: {}, lambda record: None))


def flat(parts: Iterable[Tensor]) -> Tensor:
    return torch.cat([part.detach().reshape(-1) for part in parts])


def trained(balance: str | dict, clip: float = 0.05) -> list[float]:
    """Weights, those of the method too, after some steps of the training loop with a clip that binds."""
    loop = loop_of(Shelf(), balance, clip)
    for step in range(STEPS):
        loop._one_step([mine(step)], 10, ["here"])
    return flat([*loop.model.parameters(), *loop.descent.method.parameters()]).tolist()


class InHalves(Shelf):
    """In one process: the mean loss of both halves of a batch, a task that one lacks counting 0 there."""

    def losses(self, batch: tuple[Tensor, Tensor], encoded: Both) -> dict[str, Tensor]:
        if processes.count() == 2:
            return super().losses(batch, encoded)
        found: dict[str, Tensor] = {}
        for half in (slice(4), slice(4, 8)):
            part = Both(encoded.catalogue, encoded.state[half])  # type: ignore[attr-defined]
            for name, loss in super().losses((batch[0][half], batch[1][half]), part).items():
                found[name] = found.get(name, torch.zeros(())) + loss / 2
        return found


def trained_with_gaps(balance: str | dict) -> list[float]:
    """One half lacks a task in the second step, all labels in the fourth; nobody has any in the third."""
    loop = loop_of(InHalves(), balance, 0.05)
    half = (
        slice(8)
        if processes.count() == 1
        else slice(4 * distributed.get_rank(), 4 * distributed.get_rank() + 4)
    )
    for step in range(5):
        x, label = rows(step)
        gaps = {1: (slice(4, 8), 2), 2: (slice(8), slice(3)), 3: (slice(4, 8), slice(3))}
        if step in gaps:
            label[gaps[step]] = torch.nan
        loop._one_step([(x[half], label[half])], 10, ["here"])
    return flat(loop.model.parameters()).tolist()


def stopped() -> list[float]:
    """Where a training ends that the second process alone is asked to stop after its third step."""
    asked = itertools.count(1)
    training = Training(stop=lambda: next(asked) == 3 and distributed.get_rank() == 1)
    loop = training.loop()
    loop.run()
    return [float(loop.step), float(loop.stopped)]


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
    found |= {f"with gaps by {kind}": trained_with_gaps(kind) for kind in WITH_GAPS} | {"stopped": stopped()}
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
    for kind in WITH_GAPS:
        assert first[f"with gaps by {kind}"] == pytest.approx(trained_with_gaps(kind), abs=2e-5), kind
    assert first["stopped"] == [3, 1]
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
    assert processes.average_gradients([p], learns=True)
    assert not processes.average_gradients([p], learns=False)
    assert p.grad is held
    assert processes.anywhere(True)
    assert not processes.anywhere(False)


@pytest.mark.parametrize("kind", ["fixed", "pcgrad", "mgda", "graddrop", AT_PARAMETERS, LEXICOGRAPHIC])
def test_what_every_kind_of_method_makes_of_the_gradients_is_clipped(kind):
    """Its direction stays, its norm is that of the settings."""
    loop, free = loop_of(Shelf(), kind, 0.1), loop_of(Shelf(), kind, 0.1)
    torch.manual_seed(derived_seed(free.settings.seed, "step 0"))  # what methods draw
    free.descent.backward(free.descent.losses(rows(0)))
    loop._one_step([rows(0)], 10, ["here"])
    whole_N, clipped_N = (flat(p.grad for p in each.model.parameters()) for each in (free, loop))
    assert whole_N.norm() > 1
    assert torch.allclose(clipped_N, 0.1 * whole_N / whole_N.norm(), atol=1e-6)
