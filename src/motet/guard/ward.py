"""The ward: what the guard knows of the tasks that are hurt, and what it can try on them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from torch import Tensor

from motet.assemble import settings_of
from motet.config import Config
from motet.config.model import Group
from motet.config.tasks import Binary
from motet.data.timelines import VALID
from motet.evaluation.compare import Transfer
from motet.evaluation.records import Predictions
from motet.gather import Material
from motet.guard import found
from motet.guard.found import Cure, CureKind, below
from motet.judge import examiner_of
from motet.metrics.names import higher_is_better
from motet.training.affinity import MOST_TASKS, Lookahead, best_groups
from motet.training.fit import Start, Trained
from motet.training.loop import Look
from motet.training.snapshots import BestEpochs

LOOKS = 5  # steps from one look ahead to the next, in the one epoch in which hurt tasks are looked at
NARROW = 4  # a bottleneck beside the timeline has this part of its width
BEHIND: tuple[CureKind, ...] = ("experts", "exit")  # the backbone stays as it is
NAMED: dict[CureKind, str] = {"experts": "", "exit": ", earlier exit", "model": " alone"}
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
    joint_records: dict[str, Predictions] = field(default_factory=dict)
    before: dict[str, Transfer] = field(default_factory=dict)
    hurt: list[str] = field(default_factory=list)
    story: list[str] = field(default_factory=list)
    tried: list[Cure] = field(default_factory=list)
    gave_up: dict[str, str] = field(default_factory=dict)  # task -> why it stays below its twin
    spent: float = 0.0  # CPU seconds of looking back
    stopped: bool = False

    @property
    def texts(self) -> list[str]:
        """Tasks that read texts."""
        return [task.name for task in self.material.config.text_tasks]

    @property
    def tuned(self) -> bool:
        """Whether the language model is tuned."""
        language = self.material.config.model.language
        return language is not None and language.tuned

    def look(self) -> None:
        """Find out who is hurt."""
        config = self.material.config
        self.twin_records = {name: self.records(twin, [name])[name] for name, twin in self.twins.items()}
        self.joint_records = self.records(self.joint, list(self.twins))
        self.before = found.compare(config, self.joint_records, self.twin_records)
        self.hurt = [name for name, each in self.before.items() if below(each)]

    def records(self, trained: Trained, tasks: Sequence[str]) -> dict[str, Predictions]:
        """What a model says about the validation rows; one that reads texts alone is asked of them alone."""
        config = self.material.config
        texts = [task for task in config.text_tasks if task.name in tasks]
        events = [] if len(texts) == len(tasks) else config.of_events.tasks
        asked = config.model_copy(update={"tasks": [*events, *texts]})
        examiner = examiner_of(self.material, asked, self.material.prepared)
        said = examiner.examine(trained.model, VALID, lists=False)
        return {name: record for name, record in said.items() if name in tasks}

    def behind(self, kind: CureKind, tasks: Sequence[str]) -> Group:
        """How the configuration says that these tasks have experts behind the shared backbone, or a part."""
        timeline = self.material.config.model.timeline
        depth = max(timeline.layers // 2, 1) if kind == "exit" else None
        narrow = max(timeline.width // NARROW, 8)
        return Group(tasks=list(tasks), backbone="shared", adapter=narrow, depth=depth)

    def treat(self, kind: CureKind, tasks: Sequence[str]) -> Cure | None:
        """Train a part of their own for some tasks; None when it was stopped by hand."""
        config = self.material.config
        shared = kind in BEHIND
        group = self.behind(kind, tasks) if shared else Group(tasks=list(tasks))
        name = f"guard of {', '.join(tasks)}{NAMED[kind]}"
        start = Start(self.joint.model.state_dict(), frozen=True) if shared else Start(self.start(tasks))
        own = impatient(settings_of(config, group))
        trained = self.fit_one(name, own, start, hopeless=self.hopeless(tasks))
        if trained.stopped:
            self.stopped = True
            return None
        cure = Cure(kind, group, trained, self.against_twins(trained, tasks))
        self.tried.append(cure)
        self.story += [self.told(cure, name) for name in tasks if name in self.hurt]
        return cure

    def earlier_exits(self, groups: Sequence[Sequence[str]]) -> list[Cure]:
        """The same as `own_experts` behind the lower half of the timeline's layers, where there are several.

        What the upper layers have become serves the others; the lower ones are the more general (Søgaard and
        Goldberg, ACL 2016, doi.org/10.18653/v1/P16-2038).
        """
        config = self.material.config
        lower = max(config.model.timeline.layers // 2, 1)
        own = {task.name: task.depth or config.model.timeline.layers for task in config.tasks}
        wanted = [tasks for tasks in groups if any(own[name] > lower for name in tasks)]
        return self.own_experts(wanted, "exit")

    def own_experts(self, groups: Sequence[Sequence[str]], kind: CureKind = "experts") -> list[Cure]:
        """Experts of its own for every group of tasks, trained in one pass behind the shared backbone.

        Each group has its experts, towers and heads to itself, as if it were trained alone; what they share
        is the frozen backbone, which runs once for all, and the epoch that is kept.

        Returns:
            A cure for each group; none when it was stopped by hand. The model of one of several is the part
            that leans on the backbone, which a model is joined from and which answers nothing by itself.
        """
        if len(groups) < 2:
            alone = [self.treat(kind, tasks) for tasks in groups]
            return [cure for cure in alone if cure is not None]
        config, names = self.material.config, [name for tasks in groups for name in tasks]
        own = [self.behind(kind, tasks) for tasks in groups]
        settings = config.model.model_copy(update={"groups": own})
        tasks = [task for task in config.tasks if task.name in names]
        asked = impatient(config.model_copy(update={"tasks": tasks, "model": settings}))
        start = Start(self.joint.model.state_dict(), frozen=True)
        called = f"guard of {', '.join(names)}{NAMED[kind]}"
        trained = self.fit_one(called, asked, start, hopeless=self.hopeless(names))
        if trained.stopped:
            self.stopped = True
            return []
        after = self.against_twins(trained, names)
        cures: list[Cure] = []
        for group, part in zip(own, trained.model.leaning, strict=True):
            cost = {} if cures else trained.cost  # it was one training
            of_it = {name: each for name, each in after.items() if name in group.tasks}
            cures.append(Cure(kind, group, replace(trained, model=part, cost=cost), of_it))
        self.tried += cures
        self.story += [
            self.told(cure, name) for cure in cures for name in cure.group.tasks if name in self.hurt
        ]
        return cures

    @property
    def best(self) -> Mapping[str, Any]:
        """The record of the epoch that the joint model is of."""
        return next(each for each in reversed(self.joint.history) if each["best"])

    def gain(self, task: str, record: Mapping[str, Any]) -> float:
        """How much better a task is in the record of an epoch than in that of the joint model's."""
        metric = self.before[task]["metric"]
        now, then = (each["metrics"][task][metric] for each in (record, self.best))
        return float(now - then if higher_is_better(metric) else then - now)

    def gains_after(self, number: int) -> dict[str, float]:
        """The same of all tasks after an epoch of the joint training, in shares of their twins' values."""
        then = next(each for each in self.joint.history if each["epoch"] == number)
        return {name: self.gain(name, then) / abs(each["twin"] or 1.0) for name, each in self.before.items()}

    def others(self, tasks: Sequence[str]) -> list[int]:
        """Epochs, counted from 1, in each of which one of these tasks was best, and not all together."""
        if self.epochs is None:
            return []
        return [each for each in self.epochs.epochs(tasks) if each != self.best["epoch"]]

    def others_best(self, tasks: Sequence[str]) -> int:
        """Of the other epochs the one that was best for these tasks; 0 where there is none."""
        worth = {}
        for number in self.others(tasks):
            gains = self.gains_after(number)
            worth[number] = sum(gains[name] for name in tasks)
        return max(worth, key=lambda each: worth[each], default=0)

    def start(self, tasks: Sequence[str]) -> Mapping[str, Tensor]:
        """Weights of the joint model in the epoch that was best for the hurt ones of these tasks."""
        own: Mapping[str, Tensor] = self.joint.model.state_dict()
        hurt = [name for name in tasks if name in self.hurt]
        number = self.others_best(hurt)
        if self.epochs is None or number == 0:
            return own
        gains = self.gains_after(number)
        better = sum(gains[name] for name in hurt) > 0
        return {**own, **self.epochs.weights(number)} if better else own

    def against_twins(self, trained: Trained, tasks: Sequence[str]) -> dict[str, Transfer]:
        """How tasks that have a twin stand to it in another model, on validation rows."""
        own = {name: self.twin_records[name] for name in tasks if name in self.twin_records}
        return found.compare(self.material.config, self.records(trained, tasks), own)

    def hopeless(self, tasks: Sequence[str]) -> Hopeless:
        """A cure ends after its first epoch if all who were hurt are worse off than in the joint model.

        And that by more than half of the interval between joint model and twin. Where the warm-up takes more
        than half of the epoch, it says nothing.
        """
        hurt = [name for name in tasks if name in self.hurt]

        def ends(record: Mapping[str, Any]) -> bool:
            early = record["step"] < 2 * self.material.config.training.warmup
            if early or record["epoch"] > 1:
                return False
            noise = {name: (each["high"] or 0.0) - (each["low"] or 0.0) for name, each in self.before.items()}
            return all(self.gain(name, record) < -noise[name] / 2 for name in hurt)

        return ends

    def twin(self, task: str) -> Cure:
        """The twin itself, as a last resort; of a text task at once, as nothing smaller is its own."""
        said = f"that was not enough for {task}; its twin itself was put in"
        if task in self.texts:
            before = self.before[task]
            said = (
                f"{task} lay below its twin on the validation rows ({before['metric']} "
                f"{before['joint']:.4f} to {before['twin']:.4f}) and its twin itself was put in"
            )
            said += ", with a language model of its own" if self.tuned else ""
        self.story.append(f"The guard: {said}.")
        cure = Cure("twin", Group(tasks=[task]), self.twins[task])
        self.tried.append(cure)
        return cure

    def fits(self, groups: Sequence[Sequence[str]]) -> bool:
        """Whether the twins of tasks, each on its own, leave the model small enough beside all twins."""
        if any(len(group) > 1 for group in groups):
            return False
        sizes = {name: parameters(twin) for name, twin in self.twins.items()}
        earlier = sum(parameters(each.trained) for each in self.tried if each.kind == "epoch")
        with_them = parameters(self.joint) + earlier + sum(sizes[group[0]] for group in groups)
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
        trained = self.fit_one("guard, looking ahead", config, Start(self.start(tasks)), look)
        self.tried.append(Cure("model", Group(tasks=tasks), trained))
        if trained.stopped:
            self.stopped = True
            return []
        if not look.count_TT.any():  # an epoch of few steps: nobody knows who helps whom
            return [list(group) for group in groups]
        return best_groups(look.matrix, len(groups), followers(config))

    def told(self, cure: Cure, name: str) -> str:
        """A sentence about a cure of one task."""
        before, after = self.before[name], cure.after.get(name)
        epochs = ", ".join(str(each) for each in cure.epochs)
        what = {
            "experts": "was given experts of its own on the shared timeline",
            "exit": "was given experts of its own on the lower layers of the shared timeline",
            "model": "was given a model of its own",
            "whole": f"is answered, as are all tasks, by the joint model as it was after epoch {epochs}",
            "mean": "is answered, as are all tasks, by the mean of the joint model's weights after epochs "
            f"{epochs}",
            "epoch": f"is answered by the joint model as it was after epoch {epochs}",
            "twin": "",
        }[cure.kind]
        company = [other for other in cure.group.tasks if other != name and not cure.for_all]
        what += f", with {', '.join(company)}" if company else ""
        said = (
            f"The guard: {name} lay below its twin on the validation rows ({before['metric']} "
            f"{before['joint']:.4f} to {before['twin']:.4f}) and {what}"
        )
        return f"{said}." if after is None else f"{said}: {after['joint']:.4f}."


def impatient(config: Config) -> Config:
    """The configuration with the patience of a cure."""
    training = config.training
    patience = min(training.patience, PATIENCE)
    return config.model_copy(update={"training": training.model_copy(update={"patience": patience})})


def parameters(trained: Trained) -> int:
    """Weights of a model."""
    return sum(p.numel() for p in trained.model.parameters())


def chains_of(config: Config, hurt: Sequence[str]) -> list[list[str]]:
    """A group for each task that is hurt; tasks that follow one another go together."""
    after = followers(config)

    def first(name: str) -> str:
        return first(after[name]) if name in after else name

    roots = list(dict.fromkeys(first(name) for name in hurt))
    return [[task.name for task in config.tasks if first(task.name) == root] for root in roots]


def followers(config: Config) -> dict[str, str]:
    """Task -> the task that it follows."""
    return {task.name: task.after for task in config.tasks if isinstance(task, Binary) and task.after}
