"""What the guard goes by: who is hurt, what a cure did, and what came of it all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from motet.config import Config
from motet.config.model import Group
from motet.errors import ConfigError
from motet.evaluation.compare import Transfer, transfer
from motet.evaluation.records import Predictions
from motet.system.randomness import generator
from motet.training.fit import Trained

CureKind = Literal["whole", "mean", "epoch", "experts", "exit", "model", "twin"]
FOR_ALL: tuple[CureKind, ...] = ("whole", "mean")


@dataclass(frozen=True)
class Cure:
    """What was tried on a group of tasks.

    Args:
        kind: whole (all tasks are answered by the joint model as it was after another epoch), mean (or by
            the mean of its weights after several), epoch (those of the group are answered by the joint model
            as it was then), experts (behind the shared backbone), exit (experts behind its lower layers),
            model (a whole one), or twin.
        group: How the configuration says it.
        trained: The model of these tasks.
        after: Task -> how it stands to its twin now, for tasks that have one.
        epochs: Which, counted from 1.
    """

    kind: CureKind
    group: Group
    trained: Trained
    after: Mapping[str, Transfer] = field(default_factory=dict)
    epochs: tuple[int, ...] = ()

    @property
    def for_all(self) -> bool:
        """Whether it is for all tasks, not for the hurt ones alone."""
        return self.kind in FOR_ALL

    def of(self, tasks: Sequence[str]) -> "Cure":
        """The same for some of its tasks."""
        beside = [name for name in (*self.group.tasks, *self.group.beside) if name not in tasks]
        group = self.group.model_copy(update={"tasks": list(tasks), "beside": beside})
        after = {name: each for name, each in self.after.items() if name in tasks}
        return replace(self, group=group, after=after)

    def helps(self, before: Mapping[str, Transfer], hurt: Sequence[str]) -> bool:
        """Whether no task of the group is worse than its twin, and each that was hurt is better now."""
        return not any(below(each) for each in self.after.values()) and self.gains(before, hurt)

    def gains(self, before: Mapping[str, Transfer], hurt: Sequence[str]) -> bool:
        """Whether every task that was hurt is better than before, and no other lost."""
        return all(
            value(found) > value(before[name]) if name in hurt else not below(found)
            for name, found in self.after.items()
        )

    def gain(self, before: Mapping[str, Transfer]) -> float:
        """Sum of what the tasks gained in shares of their twins' values."""
        found = [
            (value(each) - value(before[name])) / abs(each["twin"] or 1.0)
            for name, each in self.after.items()
        ]
        return sum(found)


@dataclass(frozen=True)
class Guarded:
    """What came of it.

    Args:
        config: The configuration, with a group for every task that was set apart.
        joint: The joint model with those apart, and all that both cost.
        story: What was found and done, a sentence each.
        cases: Task that was hurt -> its figures on validation rows before and after, and what was put in.
        seen: Task -> how it stood to its twin on validation rows when the guard looked.
    """

    config: Config
    joint: Trained
    story: list[str]
    cases: dict[str, Any] = field(default_factory=dict)
    seen: dict[str, Transfer] = field(default_factory=dict)


def refuse_without_twins(config: Config) -> None:
    """The guard compares with twins.

    Raises:
        ConfigError: None will be trained, nothing tells a difference from noise, or groups are set by hand.
    """
    if config.report.twins == "none" or sum(task.weight > 0 for task in config.tasks) < 2:
        raise ConfigError(
            "the guard compares tasks with their twins, and there are none: declare two or more tasks "
            "with a weight above 0, and write  report: {twins: all}"
        )
    if config.evaluation.bootstrap == 0:
        raise ConfigError(
            "the guard acts where a task lies below its twin beyond noise, and with  evaluation.bootstrap 0 "
            "there are no intervals: write  evaluation: {bootstrap: 1000} , or train without --guard."
        )
    if config.model.groups:
        raise ConfigError("the guard finds groups by itself: take  model.groups  out of the configuration.")
    if config.training.balance.of_sharing:
        raise ConfigError(
            f"the guard sets tasks apart; balance {config.training.balance.kind} is for those that share: "
            "write  training: {balance: likelihood} , or train without --guard."
        )


def compare(
    config: Config, ours: Mapping[str, Predictions], twins: Mapping[str, Predictions]
) -> dict[str, Transfer]:
    """Each task against its twin, with the intervals that the report shows."""
    return transfer(
        {name: ours[name] for name in twins if name in ours},
        twins,
        bootstrap=config.evaluation.bootstrap,
        confidence=config.evaluation.confidence,
        generator=generator(config.training.seed, "guard"),
    )


def below(found: Transfer) -> bool:
    """Whether a task is worse than its twin beyond noise."""
    high = found["high"]
    return high is not None and high < 0


def value(found: Transfer) -> float:
    """How far a task lies above its twin; 0 where it cannot be told."""
    return found["difference"] or 0.0
