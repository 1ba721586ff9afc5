"""Search: weights of the tasks, chosen by short trainings on the validation rows.

The first trial has the weights of the configuration; the gain of each other one is the mean over all tasks of
the relative gain of their main metrics over it. The best is kept for the training itself.
"""

import importlib
import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from motet.config import Config
from motet.config.balance import Balance
from motet.errors import ConfigError
from motet.metrics.names import Metrics
from motet.system.files import read_json, write_json
from motet.system.log import say
from motet.system.randomness import generator
from motet.tasks.build import TaskFacts
from motet.training.fit import build_monitor
from motet.training.monitor import Monitor

Weights = dict[str, float]


class Trial(NamedTuple):
    """A short training: the metrics of its best epoch, and what it took."""

    metrics: Metrics
    cpu_seconds: float


TrainOne = Callable[[str, Config], Trial]
"""Trains one model: its name and configuration."""


@dataclass(frozen=True)
class Searched:
    """What a search found.

    Args:
        config: The configuration with the weights that were found, and the default balance.
        said: A statement.
        account: The weights, their gain, the trials and what they took, for metrics.json.
    """

    config: Config
    said: str
    account: dict[str, Any]


def refuse_missing(config: Config) -> None:
    """Raise a ConfigError when the search needs a library that is not installed."""
    if config.training.balance.kind == "search" and config.training.balance.sampler == "bayesian":
        _optuna()


def search(config: Config, facts: dict[str, TaskFacts], train_one: TrainOne, place: Path) -> Searched:
    """Find weights, and say what was found.

    Args:
        config: The configuration; its balance is ``search``.
        facts: Task name -> what training rows say about it.
        train_one: Trains one model.
        place: Where the trials are kept as they end, so that a search that was stopped goes on.
    """
    settings = config.training.balance
    given = {task.name: task.weight for task in config.tasks}
    free = [name for name, weight in given.items() if weight > 0]
    if len(free) < 2:
        raise ConfigError("training.balance: search weighs tasks against one another; declare two or more.")
    done: list[dict[str, Any]] = read_json(place) if place.exists() else []
    sampler = _SAMPLERS[settings.sampler](free, settings.span, config.training.seed)
    monitor: Monitor | None = None
    trials: list[tuple[Weights, float]] = []
    for number in range(settings.trials + 1):
        factors = sampler.ask() if number else dict.fromkeys(free, 1.0)
        if factors is None:
            break  # the grid has no more
        weights = given | {name: given[name] * factors[name] for name in free}
        if number < len(done):
            metrics = _numbers(done[number]["metrics"])
        else:
            metrics, seconds = train_one(f"trial {number}", _with(config, weights, settings.trial_epochs))
            done.append({"weights": weights, "metrics": metrics, "cpu_seconds": seconds})
            write_json(place, done)
        if monitor is None:
            monitor = build_monitor(_with(config, weights, settings.trial_epochs), facts)
            monitor.take(metrics, 0)
        gain = monitor.gain(metrics) if number else 0.0
        trials.append((weights, gain))
        if number:
            sampler.tell(gain)
        say(f"trial {number} of {settings.trials}: {_shown(weights)}: mean gain {gain:+.2%}")
    best, gain = max(trials, key=lambda trial: trial[1])
    said = (
        f"Weights of the tasks were searched in {len(trials)} short trainings on validation rows "
        f"({settings.sampler}): {_shown(best)}; mean gain over those of the configuration {gain:+.2%}."
    )
    spent = sum(trial["cpu_seconds"] for trial in done)
    account = {"weights": best, "gain": gain, "trials": len(trials), "cpu_seconds": spent}
    return Searched(_with(config, best, None), said, account)


def _numbers(kept: dict[str, dict[str, float | None]]) -> Metrics:
    """Metrics as they were: JSON has null for what is no number."""
    return {
        task: {name: math.nan if value is None else value for name, value in found.items()}
        for task, found in kept.items()
    }


def _with(config: Config, weights: Weights, epochs: int | None) -> Config:
    """The configuration with weights, losses by their nats, perhaps fewer epochs, tasks counting alike."""
    tasks = [task.model_copy(update={"weight": weights[task.name]}) for task in config.tasks]
    update: dict[str, Any] = {"balance": Balance()}
    if epochs is not None:
        update |= {"epochs": min(epochs, config.training.epochs), "monitor": "auto"}
    return config.model_copy(update={"tasks": tasks, "training": config.training.model_copy(update=update)})


def _shown(weights: Weights) -> str:
    return ", ".join(f"{name} {weight:.3g}" for name, weight in weights.items())


class Sampler(ABC):
    """Where to look next; the first task keeps its weight, for only ratios matter.

    Args:
        tasks: Names of the tasks.
        span: Factors lie between its inverse and it.
        seed: Of what is drawn.
    """

    def __init__(self, tasks: Sequence[str], span: float, seed: int) -> None:
        self.tasks, self.span = list(tasks), span
        self.draws = generator(seed, "weights search")

    @abstractmethod
    def ask(self) -> Weights | None:
        """Factors of the next trial; None where there is nothing left to try."""

    def tell(self, gain: float) -> None:  # noqa: B027 - most do not listen
        """Hear what the last one gained."""


class RandomSampler(Sampler):
    """Factors drawn evenly on the logarithmic scale."""

    def ask(self) -> Weights | None:
        """Factors of the next trial."""
        reach = math.log(self.span)
        drawn = np.exp(self.draws.uniform(-reach, reach, len(self.tasks) - 1)).tolist()
        return dict(zip(self.tasks, [1.0, *drawn], strict=True))


class GridSampler(Sampler):
    """The least factor, none and the greatest for every task but the first; in an order drawn once."""

    def __init__(self, tasks: Sequence[str], span: float, seed: int) -> None:
        super().__init__(tasks, span, seed)
        steps = (1 / span, 1.0, span)
        points = [point for point in itertools.product(steps, repeat=len(tasks) - 1) if set(point) != {1.0}]
        self.left = [points[place] for place in self.draws.permutation(len(points))]

    def ask(self) -> Weights | None:
        """Factors of the next trial; None at the end of the grid."""
        return dict(zip(self.tasks, [1.0, *self.left.pop()], strict=True)) if self.left else None


class BayesianSampler(Sampler):
    """Tree-structured Parzen estimators (Bergstra et al., NeurIPS 2011), by Optuna."""

    def __init__(self, tasks: Sequence[str], span: float, seed: int) -> None:
        super().__init__(tasks, span, seed)
        optuna = _optuna()
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
        self.trial: Any = None

    def ask(self) -> Weights | None:
        """Factors of the next trial."""
        self.trial = self.study.ask()
        ends = 1 / self.span, self.span
        found = {name: float(self.trial.suggest_float(name, *ends, log=True)) for name in self.tasks[1:]}
        return {self.tasks[0]: 1.0} | found

    def tell(self, gain: float) -> None:
        """Hear what the last one gained."""
        self.study.tell(self.trial, gain)


_SAMPLERS: dict[str, Callable[[Sequence[str], float, int], Sampler]] = {
    "random": RandomSampler,
    "grid": GridSampler,
    "bayesian": BayesianSampler,
}


def _optuna() -> Any:
    try:
        return importlib.import_module("optuna")
    except ImportError:
        raise ConfigError(
            "training.balance: the bayesian sampler needs Optuna:  pip install 'motet[search]' , or write  "
            "sampler: random"
        ) from None
