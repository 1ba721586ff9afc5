"""The guard: a task that sharing hurts gets a model of its own. All is judged on the validation rows.

A task is hurt when its interval against its single-task twin lies below zero. It is trained on alone, from
the weights of the joint model; where that does not bring it up to its twin, the twin itself is put in. The
other tasks keep the weights that they have.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from motet.assemble import build_model
from motet.config import Config
from motet.config.tasks import Binary
from motet.data.timelines import VALID
from motet.errors import ConfigError
from motet.evaluation.compare import Transfer, transfer
from motet.evaluation.records import Predictions
from motet.gather import Material
from motet.judge import examiner_of
from motet.model import Motet
from motet.system.randomness import generator
from motet.training.fit import Start, Trained

FitOne = Callable[[str, Config, Start], Trained]
"""Trains one model: its name, its configuration, the weights that it starts from."""


@dataclass(frozen=True)
class Guarded:
    """What came of it.

    Args:
        config: The configuration, with a group for every task that was set apart.
        joint: The joint model with those apart, and all that both cost.
        story: What was found and done, a sentence each.
    """

    config: Config
    joint: Trained
    story: list[str]


def refuse_without_twins(config: Config) -> None:
    """The guard compares with twins.

    Raises:
        ConfigError: None will be trained, or groups are set by hand.
    """
    if config.report.twins == "none" or sum(task.weight > 0 for task in config.tasks) < 2:
        raise ConfigError(
            "the guard compares tasks with their twins, and there are none: declare two or more tasks, and "
            "write  report: {twins: all}"
        )
    if config.model.groups:
        raise ConfigError("the guard finds groups by itself: take  model.groups  out of the configuration.")
    if config.training.balance.of_sharing:
        raise ConfigError(
            f"the guard sets tasks apart; balance {config.training.balance.kind} is for those that share: "
            "write  training: {balance: fixed} , or train without --guard."
        )


def guard(material: Material, models: Mapping[str, Trained], fit_one: FitOne) -> Guarded:
    """Set apart what sharing hurts.

    Args:
        material: Data, configuration, views.
        models: The joint model and the twins, by name.
        fit_one: Trains one model.
    """
    config, joint = material.config, models["joint"]
    twins = {name: models[f"twin of {name}"] for name in _tasks(config) if f"twin of {name}" in models}
    twin_records = {name: _records(material, twin, [name])[name] for name, twin in twins.items()}
    before = compare(config, _records(material, joint, list(twins)), twin_records)
    hurt = [name for name, found in before.items() if _below(found)]
    if not hurt:
        said = (
            "no task lies below its twin on the validation rows"
            if twins
            else "there is no twin to compare with"
        )
        return Guarded(config, joint, [f"The guard: {said}; nothing was set apart."])
    story: list[str] = []
    apart: dict[tuple[str, ...], Trained] = {}
    spent: dict[str, float] = {}  # on what was not put in
    for group in _groups(config, hurt):
        names = ", ".join(group)
        found = fit_one(f"guard of {names}", _alone(config, group), Start(joint.model.state_dict()))
        if found.stopped:
            left = [name for name in hurt if not any(name in done for done in apart)]
            story.append(
                f"The guard was stopped by hand while it trained {names}: below their twins on validation "
                f"rows stay {', '.join(left)}."
            )
            break
        own = {name: twin_records[name] for name in group if name in twin_records}
        after = compare(config, _records(material, found, group), own)
        story += [_told(name, before[name], after.get(name)) for name in group if name in hurt]
        worse = [name for name, gain in after.items() if _below(gain) or _lost(before[name], gain)]
        if worse and len(group) == 1:
            story.append(f"The guard: that was not enough for {names}; its twin itself was put in.")
            found = replace(twins[names], cost=_sum(found.cost, twins[names].cost))
        elif worse:
            story.append(
                f"The guard gave up on {names}: tasks that follow one another stay together, and alone "
                f"{' and '.join(worse)} did no better."
            )
            spent = _sum(spent, found.cost)
            continue
        apart[tuple(group)] = found
    joint = replace(joint, cost=_sum(joint.cost, spent))
    if not apart:
        return Guarded(config, joint, story)
    return Guarded(*_together(material, joint, apart), story)


def compare(
    config: Config, ours: Mapping[str, Predictions], twins: Mapping[str, Predictions]
) -> dict[str, Transfer]:
    """Each task against its twin."""
    settings = config.evaluation
    return transfer(
        {name: ours[name] for name in twins if name in ours},
        twins,
        bootstrap=settings.bootstrap,
        confidence=settings.confidence,
        generator=generator(config.training.seed, "guard"),
    )


def _tasks(config: Config) -> list[str]:
    return [task.name for task in config.tasks]


def _records(material: Material, trained: Trained, tasks: Sequence[str]) -> dict[str, Predictions]:
    examiner = examiner_of(material, material.config, material.prepared)
    found = examiner.examine(trained.model, VALID, lists=False)
    return {name: record for name, record in found.items() if name in tasks}


def _below(found: Transfer) -> bool:
    high = found["high"]
    return high is not None and high < 0


def _lost(before: Transfer, after: Transfer) -> bool:
    """Whether a task trained on alone is further below its twin than it was in the joint model."""
    one, other = before["difference"], after["difference"]
    return one is not None and other is not None and other < one


def _groups(config: Config, hurt: Sequence[str]) -> list[list[str]]:
    """A group for each task that is hurt; tasks that follow one another go together."""
    after = {task.name: task.after for task in config.tasks if isinstance(task, Binary) and task.after}

    def first(name: str) -> str:
        return first(after[name]) if name in after else name

    roots = list(dict.fromkeys(first(name) for name in hurt))
    return [[name for name in _tasks(config) if first(name) == root] for root in roots]


def _alone(config: Config, group: Sequence[str]) -> Config:
    return config.model_copy(update={"tasks": [task for task in config.tasks if task.name in group]})


def _told(name: str, before: Transfer, after: Transfer | None) -> str:
    found = (
        f"The guard: {name} lay below its twin on the validation rows ({before['metric']} "
        f"{before['joint']:.4f} to {before['twin']:.4f}) and was trained on alone"
    )
    return f"{found}." if after is None else f"{found}: {after['joint']:.4f}."


def _together(
    material: Material, joint: Trained, apart: Mapping[tuple[str, ...], Trained]
) -> tuple[Config, Trained]:
    """One model of the joint one, without the tasks that are set apart, and those."""
    settings = material.config.model.model_copy(update={"groups": [list(group) for group in apart]})
    config = material.config.model_copy(update={"model": settings})
    sources = [joint, *apart.values()]
    prepared = material.prepared
    model = build_model(config, prepared.dataset, joint.facts, prepared.content, len(prepared.counter_names))
    for part, source in zip(model.parts, sources, strict=True):
        _take_over(part, source.model)
    cost = joint.cost
    for each in apart.values():
        cost = _sum(cost, each.cost)
    return config, replace(joint, model=model.eval(), cost=cost)


def _take_over(part: Motet, source: Motet) -> None:
    """Give a part the weights of a model of the same tasks."""
    held = source.state_dict()
    part.load_state_dict({name: held.get(name, value) for name, value in part.state_dict().items()})


def _sum(one: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
    return {name: one.get(name, 0.0) + other.get(name, 0.0) for name in {**one, **other}}
