"""The training loop: batches to losses, losses to one, one step, and the best epoch kept.

It takes `validate`, `balance` and `log` as arguments and knows no task by name. Where several processes train
one model (`motet.training.processes`), each runs this loop from the same weights on batches of its own, as
many in each epoch; their `validate` must say the same. Every step is then that of all of them.
"""

import itertools
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from motet.batch import AnyBatch, Batch, TextBatch
from motet.config.training import TrainingConfig
from motet.data.mixed import AnyFeed
from motet.errors import DataError
from motet.metrics.names import Metrics, headlines
from motet.system.devices import give_back_memory
from motet.system.log import duration, progress, say, warn
from motet.system.randomness import derived_seed
from motet.training.checkpoint import load_checkpoint, save_checkpoint
from motet.training.descent import Descent
from motet.training.monitor import Monitor
from motet.training.optimizer import Own, WeightAverage, build_optimizer, learning_rate_factor
from motet.training.processes import anywhere, average_gradients

GIVE_BACK = 16  # steps between times that freed memory goes back to the system; it costs about a fiftieth


Look = Callable[[nn.Module, Batch, torch.optim.Optimizer, int], None]
"""Looks at a model, the timelines of its next step, the optimiser and the number of that step."""


class Keep(Protocol):
    """Keeps the weights of validated epochs."""

    def __call__(self, model: nn.Module, record: Mapping[str, Any]) -> None:
        """Called while the model has the weights that were validated, with the epoch's record in the log."""
        ...

    def finish(self, best: int) -> None:
        """The training is over; the model is its best epoch, counted from 1."""
        ...


@dataclass(frozen=True)
class Callbacks:
    """What the loop calls: validation of the current weights, a place for log records, and a question."""

    validate: Callable[[], Metrics]
    log: Callable[[dict[str, Any]], None]
    name: str = "joint"
    stop: Callable[[], bool] = lambda: False  # whether somebody asked to stop; asked after every step
    looks: Sequence[Look] = ()  # called before every step
    keeps: Sequence[Keep] = ()  # called after every validation
    hopeless: Callable[[Mapping[str, Any]], bool] = lambda record: False  # whether to end after a validation
    rate: str = ""  # the learning rate to lower where a step comes to no number; empty: that of the settings


class Loop:
    """One training, from the first step to the best weights.

    Args:
        model: Its `forward` gives the loss of each task that has a row in the batch.
        feed: Epochs of batches.
        settings: Of the training.
        descent: Batches to losses, and those to gradients.
        monitor: Which epoch is best.
        calls: Validation and log.
        checkpoint: Where to keep the state; None keeps none.
    """

    def __init__(
        self,
        model: nn.Module,
        feed: AnyFeed,
        settings: TrainingConfig,
        descent: Descent,
        monitor: Monitor,
        calls: Callbacks,
        checkpoint: Path | None = None,
    ) -> None:
        self.model, self.feed, self.settings = model, feed, settings
        self.descent, self.monitor, self.calls, self.checkpoint = descent, monitor, calls, checkpoint
        self.optimizer = build_optimizer(
            [model, descent.method], settings.learning_rate, settings.weight_decay, own_rates(model)
        )
        self.average = WeightAverage(model, settings.average)
        self.best: dict[str, Tensor] = {}
        self.step = 0  # over all epochs
        self.history: list[dict[str, Any]] = []
        self.seconds = 0.0
        self.cpu_seconds = -time.process_time()  # of this try and of those that were killed, once it ends
        self.examples = 0
        self.saved_at = self.began = time.monotonic()
        self.told = 0  # epochs of this try, to say how long the others may take
        self.stopped = False

    def run(self) -> None:
        """Train until the patience ends or somebody asks to stop; the model then holds the best epoch.

        When it was asked to stop, `stopped` is true and the checkpoint is where it stopped. If that was
        before the first validation, `best` is empty, and the weights are those of the moment.
        """
        epoch, first = self._resume()
        while not self.stopped and self._goes_on(epoch) and self._train_epoch(epoch, first):
            self._validate(epoch)
            epoch, first = epoch + 1, 0
            self._save(epoch, 0)
            self.stopped = self._goes_on(epoch) and anywhere(self.calls.stop())
        if self.stopped:
            kept = (
                f"the best so far (epoch {self.monitor.best_epoch + 1}) is kept"
                if self.best
                else "no best yet"
            )
            warn(f"{self.calls.name}: stopped by hand in epoch {epoch + 1}; {kept}")
        self.model.load_state_dict(self.best, strict=False)
        self.cpu_seconds += time.process_time()

    def _goes_on(self, epoch: int) -> bool:
        patient = epoch - max(self.monitor.best_epoch, 0) <= self.settings.patience
        hopeful = not (self.history and self.calls.hopeless(self.history[-1]))
        return epoch < self.settings.epochs and patient and hopeful

    def _train_epoch(self, number: int, first: int) -> bool:
        """Train one epoch from a batch on; false when it was asked to stop on the way."""
        epoch = self.feed.epoch(number)
        total = math.ceil(len(epoch) / self.settings.accumulate) * self.settings.epochs
        self.model.train()
        running: dict[str, float] = {}
        with progress(len(epoch), f"{self.calls.name} epoch {number + 1}/{self.settings.epochs}") as bar:
            bar.advance(first)
            for batches in _several(epoch.since(first), self.settings.accumulate):
                began = time.monotonic()
                where = [f"epoch {number + 1}, batch {first + 1 + at}" for at in range(len(batches))]
                losses = self._one_step(batches, total, where)
                running |= {
                    name: 0.95 * running.get(name, value) + 0.05 * value for name, value in losses.items()
                }
                self.seconds += time.monotonic() - began
                self.examples += sum(batch.examples for batch in batches)
                bar.advance(len(batches), running)
                first += len(batches)
                if first == len(epoch):
                    break
                self.stopped = anywhere(self.calls.stop())
                if self.stopped or self._save_is_due():
                    self._save(number, first)
                if self.stopped:
                    return False
        self.descent.epoch_over()
        self.calls.log({"event": "train", "epoch": number + 1, "loss": running,
                        "weights": self.descent.method.current(),
                        "seconds": self.seconds, "examples": self.examples})  # fmt: skip
        return True

    def _one_step(self, batches: Sequence[AnyBatch], total: int, where: Sequence[str]) -> dict[str, float]:
        factor = learning_rate_factor(self.step, self.settings.warmup, total, self.settings.decay)
        for group in self.optimizer.param_groups:
            group["lr"] = group["rate"] * factor
        if not isinstance(batches[0], TextBatch):
            for look in self.calls.looks:
                look(self.model, batches[0], self.optimizer, self.step)
        self.optimizer.zero_grad(set_to_none=True)
        found = [self._gradients(batches, place, said) for place, said in enumerate(where)]
        values = _means(found)
        learned = [p for group in self.optimizer.param_groups for p in group["params"]]
        if average_gradients(learned, learns=bool(values)):  # else no batch has a row of any task
            norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip)
            if not torch.isfinite(norm):
                raise DataError(self._bad_loss(where[-1], "a gradient is", values, batches[-1]))
            self.optimizer.step()
            self.average.update(self.model, self.step)
        self.step += 1
        if self.step % GIVE_BACK == 0:
            give_back_memory()
        return values

    def _gradients(self, batches: Sequence[AnyBatch], place: int, where: str) -> dict[str, float]:
        """Add the gradients of one of a step's batches to those of the others; its losses."""
        name = f"step {self.step}" + (f", batch {place}" if place else "")
        torch.manual_seed(derived_seed(self.settings.seed, name))
        with torch.autocast("cpu", torch.bfloat16, enabled=self.settings.precision == "bf16"):
            losses = self.descent.losses(batches[place])
        values = {name: float(each.detach()) for name, each in losses.items()}
        if not all(math.isfinite(value) for value in values.values()):
            raise DataError(self._bad_loss(where, "the loss is", values, batches[place]))
        try:
            self.descent.backward(losses, 1 / len(batches), last=place + 1 == len(batches))
        except FloatingPointError as error:
            raise DataError(self._bad_loss(where, str(error), values, batches[place])) from None
        return values

    def _bad_loss(self, where: str, what: str, values: dict[str, float], batch: AnyBatch) -> str:
        said = ", ".join(f"{name} {value:g}" for name, value in values.items())
        rate = self.calls.rate or f"training.learning_rate  (now {self.settings.learning_rate:g})"
        return (
            f"{self.calls.name}, {where}: {what} not a number ({said}; {batch.said}). "
            "Nothing of this step is kept. Try a lower  "
            f"{rate}, or look for extreme numbers with  motet check."
        )

    def _validate(self, epoch: int) -> None:
        self.model.eval()
        self.average.swap(self.model)
        give_back_memory()
        metrics = self.calls.validate()
        better = self.monitor.take(metrics, epoch)
        if better:
            self.best = {name: p.detach().clone() for name, p in self.model.named_parameters()}
        record = {
            "event": "valid",
            "epoch": epoch + 1,
            "step": self.step,
            "metrics": metrics,
            "best": better,
            "seconds": self.seconds,
        }
        for keep in self.calls.keeps:
            keep(self.model, record)
        self.average.swap(self.model)
        say(self._validated(epoch, metrics, better))
        self.history.append(record)
        self.calls.log(record)
        give_back_memory()

    def _validated(self, epoch: int, metrics: Metrics, better: bool) -> str:
        """A line for the person who waits: what the tasks reached, and how long it may still take."""
        shown = ", ".join(f"{task} {name} {value:.4f}" for task, name, value in headlines(metrics))
        self.told += 1
        left = (self.settings.epochs - epoch - 1) * (time.monotonic() - self.began) / self.told
        kept = "the best so far" if better else f"epoch {self.monitor.best_epoch + 1} stays the best"
        until = f"; at most {duration(left)} more" if epoch + 1 < self.settings.epochs else ""
        return f"{self.calls.name} epoch {epoch + 1}/{self.settings.epochs}: {shown} ({kept}{until})"

    def _save_is_due(self) -> bool:
        return time.monotonic() - self.saved_at >= 60 * self.settings.checkpoint_minutes

    def _save(self, epoch: int, first: int) -> None:
        if self.checkpoint is None:
            return
        state = {
            "epoch": epoch, "first": first, "step": self.step, "seconds": self.seconds,
            "cpu_seconds": self.cpu_seconds + time.process_time(), "examples": self.examples,
            "history": self.history, "best": self.monitor.best, "best_epoch": self.monitor.best_epoch,
        }  # fmt: skip
        save_checkpoint(self.checkpoint, self._modules(), self.optimizer, self.average, self.best, state)
        self.saved_at = time.monotonic()

    def _resume(self) -> tuple[int, int]:
        if self.checkpoint is None or not self.checkpoint.exists():
            return 0, 0
        self.best, state = load_checkpoint(self.checkpoint, self._modules(), self.optimizer, self.average)
        self.step, self.seconds, self.examples = state["step"], state["seconds"], state["examples"]
        self.cpu_seconds += state["cpu_seconds"]
        self.history = state["history"]
        self.monitor.best, self.monitor.best_epoch = state["best"], state["best_epoch"]
        return state["epoch"], state["first"]

    def _modules(self) -> dict[str, nn.Module]:
        return {"model": self.model, "balance": self.descent.method}


def own_rates(model: nn.Module) -> Own:
    """Parameters that learn at a rate of their own: those of a language model that is tuned."""
    find = getattr(model, "own_rates", None)
    found: Own = [] if find is None else find()
    return found


def _several(batches: Iterator[AnyBatch], count: int) -> Iterator[list[AnyBatch]]:
    """So many at a time; the last may be fewer."""
    while several := list(itertools.islice(batches, count)):
        yield several


def _means(found: Sequence[dict[str, float]]) -> dict[str, float]:
    """The mean loss of each task over the batches that have a row of it."""
    names = dict.fromkeys(name for each in found for name in each)
    return {name: mean(each[name] for each in found if name in each) for name in names}
