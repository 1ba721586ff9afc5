"""The course of the guard: who is hurt, which cure helps, one model of all."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from motet.assemble import settings_of
from motet.config import Config
from motet.config.model import Group
from motet.config.tasks import Binary
from motet.data.timelines import VALID
from motet.evaluation.compare import Transfer
from motet.evaluation.records import Predictions
from motet.gather import Material
from motet.guard import found
from motet.guard.found import Cure, CureKind, Guarded, below
from motet.guard.join import joined, summed
from motet.judge import examiner_of
from motet.metrics.names import higher_is_better
from motet.training.affinity import MOST_TASKS, Lookahead, best_groups
from motet.training.fit import Start, Trained, new_model
from motet.training.loop import Look
from motet.training.snapshots import BestEpochs

LOOKS = 5  # steps from one look ahead to the next, in the one epoch in which hurt tasks are looked at
NARROW = 4  # a bottleneck beside the timeline has this part of its width
PATIENCE = 1  # epochs without a better one after which a cure stops, if training has more
ROOM = 0.5  # of the parameters of all twins: so large the model may be for twins to be put in as they are


Hopeless = Callable[[Mapping[str, Any]], bool]
"""Whether a training is to end after a validation, by its record in the log."""


def hopes(record: Mapping[str, Any]) -> bool:
    """No training is hopeless."""
    return False


class FitOne(Protocol):
    """Trains one model."""

    def __call__(
        self, name: str, config: Config, start: Start, look: Look | None = None, hopeless: Hopeless = hopes
    ) -> Trained:
        """Its name, its configuration, the weights that it starts from, who looks on, and who ends it."""


@dataclass
class Ward:
    """The tasks that are hurt, and what is tried on them."""

    material: Material
    joint: Trained
    twins: Mapping[str, Trained]
    fit_one: FitOne
    epochs: BestEpochs | None = None  # of the joint training
    twin_records: dict[str, Predictions] = field(default_factory=dict)
    before: dict[str, Transfer] = field(default_factory=dict)
    hurt: list[str] = field(default_factory=list)
    story: list[str] = field(default_factory=list)
    tried: list[Cure] = field(default_factory=list)
    gave_up: dict[str, str] = field(default_factory=dict)  # task -> why it stays below its twin
    spent: float = 0.0  # CPU seconds of looking back
    stopped: bool = False

    def look(self) -> None:
        """Find out who is hurt."""
        config = self.material.config
        self.twin_records = {name: self.records(twin, [name])[name] for name, twin in self.twins.items()}
        self.before = found.compare(config, self.records(self.joint, list(self.twins)), self.twin_records)
        self.hurt = [name for name, each in self.before.items() if below(each)]

    def records(self, trained: Trained, tasks: Sequence[str]) -> dict[str, Predictions]:
        """What a model says about the validation rows."""
        examiner = examiner_of(self.material, self.material.config, self.material.prepared)
        said = examiner.examine(trained.model, VALID, lists=False)
        return {name: record for name, record in said.items() if name in tasks}

    def treat(self, kind: CureKind, tasks: Sequence[str]) -> Cure | None:
        """Train a part of their own for some tasks; None when it was stopped by hand."""
        config = self.material.config
        shared = kind == "experts"
        narrow = max(config.model.timeline.width // NARROW, 8) if shared else 0
        group = Group(tasks=list(tasks), backbone="shared" if shared else "own", adapter=narrow)
        names = ", ".join(tasks)
        name = f"guard of {names}" if shared else f"guard of {names} alone"
        start = Start(self.joint.model.state_dict(), frozen=shared)
        own = _impatient(settings_of(config, group))
        trained = self.fit_one(name, own, start, hopeless=self._no_better(tasks))
        if trained.stopped:
            self.stopped = True
            return None
        cure = Cure(kind, group, trained, self.against_twins(trained, tasks))
        self.tried.append(cure)
        self.story += [self._told(cure, name) for name in tasks if name in self.hurt]
        return cure

    def against_twins(self, trained: Trained, tasks: Sequence[str]) -> dict[str, Transfer]:
        """How tasks that have a twin stand to it in another model, on validation rows."""
        own = {name: self.twin_records[name] for name in tasks if name in self.twin_records}
        return found.compare(self.material.config, self.records(trained, tasks), own)

    def _no_better(self, tasks: Sequence[str]) -> Hopeless:
        """A cure ends after its first epoch if all who were hurt are worse off than in the joint model."""

        def hopeless(record: Mapping[str, Any]) -> bool:
            if record["epoch"] > 1:
                return False
            worse = []
            for name in (each for each in tasks if each in self.hurt):
                before = self.before[name]
                sign = 1 if higher_is_better(before["metric"]) else -1
                gain = record["metrics"][name][before["metric"]] - (before["joint"] or 0.0)
                worse.append(sign * gain < 0)
            return all(worse)

        return hopeless

    def go_back(self, groups: Sequence[Sequence[str]]) -> tuple[list[Cure], list[list[str]]]:
        """Answer hurt tasks by the joint model as it was in an earlier epoch, where that is enough.

        Tasks overfit at different times. Of the epochs in which one of them was best, the one that is enough
        for the most groups is taken, then the next, so that there are few models.

        Returns:
            The cures, and the groups for which no epoch was enough.
        """
        left = [list(group) for group in groups]
        names = [name for group in left for name in group]
        began = time.process_time()
        last = next((each["epoch"] for each in reversed(self.joint.history) if each["best"]), 0)
        numbers = [] if self.epochs is None else [each for each in self.epochs.epochs(names) if each != last]
        after = {number: self.against_twins(self._as_of(number, names), names) for number in numbers}
        kept: list[Cure] = []
        while left and after:
            enough = {
                number: [each for each in left if self._enough(after[number], each)] for number in after
            }
            number = max(enough, key=lambda each: len(enough[each]))
            if not enough[number]:
                break
            kept.append(self._epoch_cure(number, [name for group in enough[number] for name in group], after))
            left = [each for each in left if each not in enough[number]]
        self.spent += time.process_time() - began
        return kept, left

    def _enough(self, after: Mapping[str, Transfer], group: Sequence[str]) -> bool:
        found = {name: after[name] for name in group if name in after}
        cure = Cure("epoch", Group(tasks=list(group)), self.joint, found)
        return cure.helps(self.before, self.hurt)

    def _epoch_cure(
        self, number: int, tasks: Sequence[str], after: Mapping[int, Mapping[str, Transfer]]
    ) -> Cure:
        figures = {name: after[number][name] for name in tasks if name in after[number]}
        cure = Cure("epoch", Group(tasks=list(tasks)), self._as_of(number, tasks), figures, number)
        self.tried.append(cure)
        self.story += [self._told(cure, name) for name in tasks if name in self.hurt]
        return cure

    def _as_of(self, number: int, tasks: Sequence[str]) -> Trained:
        """The joint model as it was after an epoch, with the heads of some tasks."""
        assert self.epochs is not None
        config, prepared = settings_of(self.material.config, Group(tasks=list(tasks))), self.material.prepared
        model = new_model(config, prepared, self.joint.facts)
        Start(self.epochs.weights(number)).put_into(model)
        lines = examiner_of(self.material, config, prepared).fit_afterwards(model.eval())
        return Trained(model.eval(), self.joint.facts, self.joint.history, fitted=lines)

    def twin(self, task: str) -> Cure:
        """The twin itself, as a last resort."""
        self.story.append(f"The guard: that was not enough for {task}; its twin itself was put in.")
        cure = Cure("twin", Group(tasks=[task]), self.twins[task])
        self.tried.append(cure)
        return cure

    def fits(self, groups: Sequence[Sequence[str]]) -> bool:
        """Whether the twins of tasks, each on its own, leave the model small enough beside all twins."""
        if any(len(group) > 1 for group in groups):
            return False
        sizes = {name: _parameters(twin) for name, twin in self.twins.items()}
        earlier = sum(_parameters(each.trained) for each in self.tried if each.kind == "epoch")
        with_them = _parameters(self.joint) + earlier + sum(sizes[group[0]] for group in groups)
        return with_them <= ROOM * sum(sizes.values())

    def companies(self, groups: Sequence[Sequence[str]]) -> list[list[str]]:
        """Hurt tasks put together where they help each other, by one epoch in which each is looked at."""
        tasks = [name for group in groups for name in group]
        if len(groups) < 2 or len(tasks) > MOST_TASKS or self.fits(groups):
            return [list(group) for group in groups]
        config = settings_of(self.material.config, Group(tasks=tasks))
        training = config.training.model_copy(update={"epochs": 1})
        config = config.model_copy(update={"training": training})
        look = Lookahead(tasks, LOOKS, training.precision, training.seed)
        trained = self.fit_one("guard, looking ahead", config, Start(self.joint.model.state_dict()), look)
        self.tried.append(Cure("model", Group(tasks=tasks), trained))
        if trained.stopped:
            self.stopped = True
            return []
        if not look.count_TT.any():  # an epoch of few steps: nobody knows who helps whom
            return [list(group) for group in groups]
        return best_groups(look.matrix, len(groups), _followers(config))

    def _told(self, cure: Cure, name: str) -> str:
        before, after = self.before[name], cure.after.get(name)
        what = {
            "experts": "was given experts of its own on the shared timeline",
            "model": "was given a model of its own",
            "epoch": f"is answered by the joint model as it was after epoch {cure.epoch}",
            "twin": "",
        }[cure.kind]
        company = [other for other in cure.group.tasks if other != name]
        what += f", with {', '.join(company)}" if company else ""
        said = (
            f"The guard: {name} lay below its twin on the validation rows ({before['metric']} "
            f"{before['joint']:.4f} to {before['twin']:.4f}) and {what}"
        )
        return f"{said}." if after is None else f"{said}: {after['joint']:.4f}."


def guard(
    material: Material, models: Mapping[str, Trained], fit_one: FitOne, epochs: BestEpochs | None = None
) -> Guarded:
    """Give a part of their own to tasks that sharing hurts.

    Args:
        material: Data, configuration, views.
        models: The joint model and the twins, by name.
        fit_one: Trains one model.
        epochs: Weights of the joint model's epochs in which some task was best.
    """
    config, joint = material.config, models["joint"]
    twins = {
        task.name: models[f"twin of {task.name}"] for task in config.tasks if f"twin of {task.name}" in models
    }
    ward = Ward(material, joint, twins, fit_one, epochs)
    ward.look()
    if not ward.hurt:
        said = (
            "no task lies below its twin on the validation rows"
            if twins
            else "there is no twin to compare with"
        )
        return Guarded(config, joint, [f"The guard: {said}; nothing was set apart."])
    kept = _cures(ward)
    if ward.stopped:
        cured = [name for cure in kept for name in cure.group.tasks]
        left = [name for name in ward.hurt if name not in cured]
        ward.story.append(
            f"The guard was stopped by hand: below their twins on validation rows stay {', '.join(left)}."
        )
    config, joint = joined(material, replace(joint, cost=_cost(ward)), kept)
    return Guarded(config, joint, ward.story, _cases(ward, kept))


def _cures(ward: Ward) -> list[Cure]:
    """What is put in, for every group of hurt tasks that anything helped."""
    waiting: list[list[str]] = []
    kept, left = ward.go_back(_groups(ward.material.config, ward.hurt))
    for tasks in left:
        cure = None if ward.stopped else ward.treat("experts", tasks)
        if cure is not None and cure.helps(ward.before, ward.hurt):
            kept.append(cure)
        elif cure is not None:
            waiting.append(tasks)
    for tasks in [] if ward.stopped else ward.companies(waiting):
        if len(tasks) == 1:  # a model for it alone is there already
            kept.append(ward.twin(tasks[0]))
            continue
        cure = None if ward.stopped else ward.treat("model", tasks)
        if cure is not None and cure.helps(ward.before, ward.hurt):
            kept.append(cure)
        elif cure is not None:
            kept += _last_resort(ward, tasks)
    return kept


def _impatient(config: Config) -> Config:
    training = config.training
    patience = min(training.patience, PATIENCE)
    return config.model_copy(update={"training": training.model_copy(update={"patience": patience})})


def _parameters(trained: Trained) -> int:
    return sum(p.numel() for p in trained.model.parameters())


def _last_resort(ward: Ward, tasks: Sequence[str]) -> list[Cure]:
    """Twins for tasks that follow no other; for chains the best of what was tried, if it helped at all."""
    found: list[Cure] = []
    for group in _groups(ward.material.config, [name for name in tasks if name in ward.hurt]):
        if len(group) == 1:
            found.append(ward.twin(group[0]))
            continue
        tried = [cure for cure in ward.tried if cure.after and set(cure.group.tasks) == set(group)]
        better = [cure for cure in tried if cure.gains(ward.before, ward.hurt)]
        names = ", ".join(group)
        came = "are better, yet below their twins" if better else "did no better"
        reason = f"tasks that follow one another stay together, and alone they {came}"
        ward.story.append(f"The guard gave up on {names}: {reason}.")
        ward.gave_up |= dict.fromkeys(group, reason)
        if better:
            found.append(max(better, key=lambda cure: cure.gain(ward.before)))
    return found


def _groups(config: Config, hurt: Sequence[str]) -> list[list[str]]:
    """A group for each task that is hurt; tasks that follow one another go together."""
    after = _followers(config)

    def first(name: str) -> str:
        return first(after[name]) if name in after else name

    roots = list(dict.fromkeys(first(name) for name in hurt))
    return [[task.name for task in config.tasks if first(task.name) == root] for root in roots]


def _followers(config: Config) -> dict[str, str]:
    return {task.name: task.after for task in config.tasks if isinstance(task, Binary) and task.after}


def _cost(ward: Ward) -> dict[str, float]:
    """Of the joint model and of all that was trained for the guard; twins have costs of their own."""
    cost = summed(ward.joint.cost, {"cpu_seconds": ward.spent})
    for cure in (each for each in ward.tried if each.kind != "twin"):
        cost = summed(cost, cure.trained.cost)
    return cost


def _cases(ward: Ward, kept: Sequence[Cure]) -> dict[str, Any]:
    """Task that was hurt, or set apart with one that was -> what metrics.json says of it."""
    cases: dict[str, Any] = {}
    for name, before in ward.before.items():
        cure = next((each for each in kept if name in each.group.tasks), None)
        if cure is None and name not in ward.hurt:
            continue
        after = None if cure is None else cure.after.get(name)
        if cure is not None and cure.kind == "twin":
            after = _level(before)
        cases[name] = {"before": before, "after": after, "cure": cure.kind if cure else None}
        if name in ward.gave_up:
            cases[name]["gave_up"] = ward.gave_up[name]
        if cure is None and ward.stopped:
            cases[name]["stopped"] = True
    return cases


def _level(before: Transfer) -> Transfer:
    """How a task stands to its twin when it is answered by it."""
    twin = before["twin"]
    return Transfer(metric=before["metric"], joint=twin, twin=twin, difference=0.0, low=0.0, high=0.0,
                    p=1.0, p_holm=1.0, verdict="same")  # fmt: skip
