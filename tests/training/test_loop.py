"""The training loop: the best epoch kept, going on where it was stopped, nothing wrong saved."""

import functools
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from safetensors.torch import load

from motet.errors import DataError
from tests.training.hand_loop import BATCHES, Network, Training, weights


class Stopped(Exception):
    """Stands for a kill: nothing in the loop answers to it."""


class Failing(Network):
    """At one of its steps it does something."""

    def __init__(self, step: int, what) -> None:
        super().__init__()
        self.step, self.what, self.taken = step, what, 0

    def forward(self, batch):
        losses = super().forward(batch)
        if self.training:
            self.taken += 1
            if self.taken == self.step:
                return self.what(losses)
        return losses


def stop(losses):
    raise Stopped


def not_a_number(losses):
    return losses | {"down": losses["down"] * float("nan")}


class Infinite(torch.autograd.Function):
    """A loss like any other whose gradient is infinite."""

    @staticmethod
    def forward(ctx, loss):
        return loss.clone()

    @staticmethod
    def backward(ctx, grad):
        return grad * float("inf")


def infinite_gradient(losses):
    return losses | {"down": Infinite.apply(losses["down"])}


def test_training_lowers_the_losses():
    training = Training(settings={"epochs": 20, "patience": 20})
    before = training.model.eval().loss()
    training.loop().run()
    assert training.model.eval().loss() < 0.2 * before


def test_the_same_seed_gives_the_same_weights_and_another_seed_others():
    made = []
    for seed in (0, 0, 1):
        training = Training(settings={"seed": seed})
        training.loop().run()
        made.append(weights(training.model))
    assert made[0] == made[1] != made[2]


def test_the_weights_of_the_best_epoch_are_kept():
    values, kept = iter([0.6, 0.9, 0.8, 0.7]), []

    def validate(training: Training) -> float:
        kept.append(weights(training.model))
        return next(values)

    training = Training(validate=validate)
    training.loop().run()
    assert weights(training.model) == kept[1]
    assert [record["best"] for record in training.log if record["event"] == "valid"] == [
        True, True, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize("average", [0.0, 0.9])
def test_what_is_validated_is_what_is_kept(average):
    seen = []

    def validate(training: Training) -> float:
        seen.append(weights(training.model))
        return float(len(seen))

    training = Training(validate=validate, settings={"average": average})
    training.loop().run()
    assert weights(training.model) == seen[-1]


@pytest.mark.parametrize(("patience", "epochs"), [(1, 3), (2, 4), (9, 10)])
def test_training_ends_after_so_many_epochs_without_a_better_one(patience, epochs):
    values = iter([0.5, 0.6] + [0.6] * 20)
    training = Training(
        validate=lambda _: next(values), settings={"epochs": 10, "patience": patience, "balance": "fixed"}
    )
    training.loop().run()
    assert sum(record["event"] == "valid" for record in training.log) == epochs


def test_the_model_is_validated_in_use_and_trained_in_training():
    modes = []
    training = Training(validate=lambda it: float(modes.append(it.model.training) or 0.5))
    training.loop().run()
    assert set(modes) == {False}


def test_each_epoch_logs_its_losses_by_task_and_its_metrics():
    training = Training()
    training.loop().run()
    trained = [record for record in training.log if record["event"] == "train"]
    assert [record["epoch"] for record in trained] == [1, 2, 3, 4]
    assert set(trained[0]["loss"]) == set(trained[0]["weights"]) == {"up", "down"}
    assert trained[-1]["examples"] == 4 * BATCHES * 2
    assert [r["metrics"]["up"]["auc"] > -9 for r in training.log if r["event"] == "valid"] == [True] * 4


@pytest.mark.parametrize("what", [not_a_number, infinite_gradient])
def test_a_loss_or_a_gradient_that_is_no_number_stops_and_names_the_batch(tmp_path, what):
    training = Training(tmp_path / "joint.safetensors", model=Failing(BATCHES + 3, what))
    with pytest.raises(
        DataError, match=r"joint, epoch 2, batch 3: .* not a number .*rows \d+ to \d+"
    ) as info:
        training.loop().run()
    assert "training.learning_rate" in str(info.value)


@pytest.mark.parametrize("what", [not_a_number, infinite_gradient])
def test_nothing_of_a_step_that_is_no_number_is_saved(tmp_path, what):
    path = tmp_path / "joint.safetensors"
    with pytest.raises(DataError):
        Training(path, model=Failing(BATCHES + 3, what)).loop().run()
    spoilt = path.read_bytes()
    with pytest.raises(Stopped):
        Training(path.with_name("good.safetensors"), model=Failing(BATCHES + 3, stop)).loop().run()
    resumed = Training(path)
    resumed.loop().run()
    assert all(torch.isfinite(value).all() for value in resumed.model.state_dict().values())
    kept, good = (load(each) for each in (spoilt, path.with_name("good.safetensors").read_bytes()))
    assert kept.keys() == good.keys()
    assert all(torch.equal(value, good[name]) for name, value in kept.items())
    assert weights(resumed.model) == undisturbed()


@functools.cache
def undisturbed() -> bytes:
    training = Training()
    training.loop().run()
    return weights(training.model)


@pytest.mark.parametrize("step", [1, 2, BATCHES, BATCHES + 1, 2 * BATCHES + 3, 4 * BATCHES])
def test_a_training_that_was_stopped_at_any_step_ends_with_the_same_weights(tmp_path, step):
    path = tmp_path / "joint.safetensors"
    with pytest.raises(Stopped):
        Training(path, model=Failing(step, stop)).loop().run()
    again = Training(path, model=Network(seed=9))  # what it starts from no longer counts
    if step == 1:  # nothing was saved yet
        again = Training(path)
    again.loop().run()
    assert weights(again.model) == undisturbed()


def test_a_training_that_is_stopped_again_and_again_ends_with_the_same_weights(tmp_path):
    path = tmp_path / "joint.safetensors"
    for steps in (3, 4, 2, 7, 1):
        with pytest.raises(Stopped):
            Training(path, model=Failing(steps, stop)).loop().run()
    again = Training(path)
    loop = again.loop()
    loop.run()
    whole = Training()
    reference = whole.loop()
    reference.run()
    assert weights(again.model) == weights(whole.model)
    for one, other in zip(loop.history, reference.history, strict=True):
        assert one | {"seconds": 0} == other | {"seconds": 0}
    assert loop.examples == reference.examples


def test_a_training_that_ended_is_not_trained_again(tmp_path):
    path = tmp_path / "joint.safetensors"
    first = Training(path)
    first.loop().run()
    again = Training(path, model=Failing(1, stop))
    loop = again.loop()
    loop.run()
    assert weights(again.model) == weights(first.model)
    assert again.log == []
    assert len(loop.history) == 4


def test_seconds_of_computing_add_up_over_tries(tmp_path):
    path = tmp_path / "joint.safetensors"
    first = Training(path).loop()
    first.run()
    again = Training(path).loop()
    again.run()
    assert again.cpu_seconds >= 0.9 * first.cpu_seconds > 0
    assert again.seconds == first.seconds


def test_inside_an_epoch_a_checkpoint_is_written_when_its_minutes_are_over(tmp_path):
    for minutes, last in ((0.0, BATCHES + 2), (60.0, BATCHES)):
        path = tmp_path / f"{minutes}.safetensors"
        training = Training(path, model=Failing(BATCHES + 3, stop), settings={"checkpoint_minutes": minutes})
        with pytest.raises(Stopped):
            training.loop().run()
        resumed = Training(path).loop()
        epoch, first = resumed._resume()
        assert (epoch * BATCHES + first, resumed.step) == (last, last)


class Seldom(Network):
    """A task that has no row in every other batch, or none of them has one."""

    def __init__(self, kept: tuple[str, ...]) -> None:
        super().__init__()
        self.kept, self.taken = kept, 0

    def forward(self, batch):
        self.taken += self.training
        losses = super().forward(batch)
        return losses if self.taken % 2 else {name: losses[name] for name in self.kept}


@pytest.mark.parametrize("balance", ["fixed", "uncertainty"])
def test_a_task_without_a_row_in_some_batches_is_still_told_of(balance):
    training = Training(model=Seldom(("up",)), settings={"balance": balance})
    training.loop().run()
    assert all(set(r["loss"]) == {"up", "down"} for r in training.log if r["event"] == "train")


def test_a_batch_without_a_row_of_any_task_is_passed_over():
    training = Training(model=Seldom(()), settings={"average": 0.0, "weight_decay": 0.1, "epochs": 1})
    loop, before = training.loop(), []
    whole = loop._one_step

    def step(*given):
        before.append(weights(training.model))
        return whole(*given)

    loop._one_step = step
    loop.run()
    assert loop.step == BATCHES
    same = [one == other for one, other in pairwise(before)]
    assert same == [False, True, False, True]


def asked_after(steps: int):
    """Somebody asks to stop while step number `steps` is taken, counted from 1; the loop asks after each."""
    taken = iter(range(1, 1000))
    return lambda: next(taken) >= steps


def test_who_is_asked_to_stop_keeps_the_best_so_far(capsys):
    kept = []
    training = Training(
        stop=asked_after(2 * BATCHES + 2),
        validate=lambda it: float(kept.append(weights(it.model)) or -len(kept)),
    )
    loop = training.loop()
    loop.run()
    assert loop.stopped
    assert loop.step == 2 * BATCHES + 2
    assert weights(training.model) == kept[0]
    assert "joint: stopped by hand in epoch 3; the best so far (epoch 1) is kept" in capsys.readouterr().err


@pytest.mark.parametrize("steps", [1, BATCHES - 1, BATCHES, 2 * BATCHES + 3])
def test_a_training_that_was_asked_to_stop_goes_on_to_the_same_weights(tmp_path, steps):
    path = tmp_path / "joint.safetensors"
    first = Training(path, stop=asked_after(steps), settings={"checkpoint_minutes": 60.0}).loop()
    first.run()
    assert (first.stopped, first.step) == (True, steps)  # what it did is not lost
    again = Training(path)
    again.loop().run()
    assert weights(again.model) == undisturbed()


def test_who_is_asked_to_stop_in_the_last_step_of_all_has_not_stopped():
    loop = Training(stop=asked_after(4 * BATCHES)).loop()
    loop.run()
    assert not loop.stopped


def test_who_is_asked_to_stop_before_the_first_validation_has_no_best():
    training = Training(stop=asked_after(1))
    loop = training.loop()
    loop.run()
    assert (loop.stopped, loop.best, loop.history) == (True, {}, [])


def test_what_cannot_wait_goes_through():
    def interrupt(losses):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Training(model=Failing(2 * BATCHES + 2, interrupt)).loop().run()


def test_gradients_are_clipped_to_the_norm_of_the_settings():
    norms = []

    class Watched(Network):
        def forward(self, batch):
            norms.append([p.grad.norm() for p in self.parameters() if p.grad is not None])
            return super().forward(batch)

    Training(model=Watched(), settings={"clip": 1e-3, "balance": "fixed", "epochs": 1}).loop().run()
    taken = [torch.stack(each).norm().item() for each in norms if each]
    assert taken
    assert max(taken) <= 1e-3 * 1.001


def test_the_learning_rate_follows_its_course(tmp_path: Path):
    rates = []

    class Watched(Network):
        def forward(self, batch):
            rates.append(loop.optimizer.param_groups[0]["lr"])
            return super().forward(batch)

    training = Training(
        model=Watched(), validate=lambda _: 0.5,
        settings={"learning_rate": 0.1, "warmup": 4, "decay": "linear", "epochs": 2},
    )  # fmt: skip
    loop = training.loop()
    loop.run()
    wanted = [0.025, 0.05, 0.075, 0.1, *(0.1 * (1 - step / 6) for step in range(6))]
    assert rates == pytest.approx(wanted)


def test_every_validation_is_told_with_what_is_best_and_how_long_it_may_take(capsys):
    values = iter([0.6, 0.9, 0.8])
    training = Training(settings={"epochs": 3, "patience": 5}, validate=lambda _: next(values))
    training.loop().run()
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("joint epoch")]
    assert said[0].startswith("joint epoch 1/3: up auc 0.6000 (the best so far; at most ")
    assert said[1].startswith("joint epoch 2/3: up auc 0.9000 (the best so far; ")
    assert said[2] == "joint epoch 3/3: up auc 0.8000 (epoch 2 stays the best)"


def test_a_keeper_sees_the_weights_of_every_epoch_that_was_validated_and_whether_it_is_the_best():
    validated, kept = [], []
    values = iter([0.5, 0.7, 0.6])

    def validate(training: Training) -> float:
        validated.append(weights(training.model))
        return next(values)

    def keep(model, record):
        kept.append((record["epoch"], weights(model), record["best"]))

    training = Training(validate=validate, settings={"epochs": 3, "average": 0.9}, keeps=[keep])
    training.loop().run()
    assert kept == [(1, validated[0], True), (2, validated[1], True), (3, validated[2], False)]


def test_a_training_that_is_hopeless_ends_after_its_validation():
    values = iter([0.5, 0.7, 0.6])
    training = Training(
        validate=lambda training: next(values),
        settings={"epochs": 3},
        hopeless=lambda record: record["epoch"] == 2,
    )
    loop = training.loop()
    loop.run()
    assert [record["epoch"] for record in loop.history] == [1, 2]
    assert not loop.stopped
