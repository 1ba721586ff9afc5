"""Looking back: the joint model as it was after other epochs than its best.

Tasks overfit at different times, and the epoch that is best for all together is not the best of each.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch

from motet.assemble import settings_of
from motet.config.model import Group
from motet.evaluation.compare import Transfer
from motet.evaluation.records import Predictions
from motet.guard import found
from motet.guard.found import Cure, CureKind, below
from motet.guard.ward import Ward
from motet.judge import examiner_of
from motet.training.fit import Start, Trained, new_model

Figures = Mapping[str, Transfer]  # task -> how it stands to another model
FITTED = ("next_item", "retrieval")  # kinds whose order moves with what is fitted when a training is over
STANDARDS = "texts.heads."  # what heads of texts bring vectors to is no weight that learns
Epochs = tuple[int, ...]  # counted from 1; several stand for the mean of their weights


@dataclass
class Back:
    """What the joint model would be after other epochs, on validation rows; looked at once each."""

    ward: Ward
    said: dict[tuple[Epochs, tuple[str, ...]], dict[str, Predictions]] = field(default_factory=dict)
    seen: dict[tuple[Epochs, tuple[str, ...]], Figures] = field(default_factory=dict)

    def whole(self) -> Cure | None:
        """All tasks answered by another epoch or a mean, where that is enough for the hurt and hurts nobody.

        Weights of one path average well (Izmailov et al., UAI 2018, arXiv:1803.05407), so those of the best
        epoch and the one that was best for the hurt are averaged, and those of all that were kept. Nobody is
        hurt if no task lies below its twin, and none below the joint model of the best epoch, beyond noise;
        and what all gain together, in shares of their twins' values, is above 0. That costs neither weights
        nor time when requests are answered. What is not enough for the hurt is looked at no further.
        """
        ward = self.ward
        if ward.material.config.training.monitor != "auto" or not ward.others(ward.hurt):
            return None  # an epoch that somebody chose stays
        best, others, tasks = ward.best["epoch"], ward.others(list(ward.twins)), list(ward.twins)
        asked = [(number,) for number in others if self._promises(number)]
        asked.append(tuple(sorted((best, ward.others_best(ward.hurt)))))
        asked += [tuple(sorted((best, *others)))] if len(others) > 1 else []
        cures = []
        for epochs in asked:
            if self._cure("mean", epochs, ward.hurt).helps(ward.before, ward.hurt):
                cure = self._cure("whole" if len(epochs) == 1 else "mean", epochs, tasks)
                enough = cure.helps(ward.before, ward.hurt) and cure.gain(ward.before) > 0
                if enough and not any(below(each) for each in self._to_best(epochs, tasks).values()):
                    cures.append(cure)
        if not cures:
            return None
        return self._take(max(cures, key=lambda cure: cure.gain(ward.before)))

    def _promises(self, number: int) -> bool:
        """Whether the hurt tasks were better after an epoch, and all together."""
        gains = self.ward.gains_after(number)
        return all(gains[name] > 0 for name in self.ward.hurt) and sum(gains.values()) > 0

    def beside(self, groups: Sequence[Sequence[str]]) -> tuple[list[Cure], list[list[str]]]:
        """Groups of hurt tasks answered by other epochs, each of which answers several tasks.

        One that answers a single task would be as large as its twin, and no better. The epoch that is enough
        for the most groups is taken, then the next, so that there are few models.

        Returns:
            The cures, and the groups for which no epoch was enough.
        """
        ward, left, kept = self.ward, [list(group) for group in groups], list[Cure]()
        names = [name for group in left for name in group]
        numbers = ward.others(names) if len(names) > 1 else []
        cures = {number: self._cure("epoch", (number,), names) for number in numbers}
        while left and numbers:
            enough = {
                number: [each for each in left if cures[number].of(each).helps(ward.before, ward.hurt)]
                for number in numbers
            }
            tasks = {number: [name for group in enough[number] for name in group] for number in numbers}
            worth = {number: cures[number].of(tasks[number]).gain(ward.before) for number in numbers}
            number = max(numbers, key=lambda each: (len(enough[each]), worth[each]))
            if len(tasks[number]) < 2:
                break
            kept.append(self._take(cures[number].of(tasks[number])))
            left = [each for each in left if each not in enough[number]]
        return kept, left

    def nearest(self, group: Sequence[str]) -> Cure | None:
        """The epoch that brings tasks which stay together nearest to their twins, if it helps at all."""
        cures = [self._cure("epoch", (number,), group) for number in self.ward.others(group)]
        better = [cure for cure in cures if cure.gains(self.ward.before, self.ward.hurt)]
        return max(better, key=lambda cure: cure.gain(self.ward.before)) if better else None

    def model(self, epochs: Epochs, tasks: Sequence[str], *, fitted: bool = True) -> Trained:
        """The joint model as it was after an epoch, or the mean of several, answering some tasks.

        `fitted`: with what is fitted on validation rows afterwards.
        """
        ward, joint = self.ward, self.ward.joint
        assert ward.epochs is not None
        config, prepared = ward.material.config, ward.material.prepared
        own = joint.model.state_dict()
        weights = [own if each == self.ward.best["epoch"] else ward.epochs.weights(each) for each in epochs]
        names = min(weights, key=len).keys()  # snapshots leave out what never learns
        mean = {name: torch.stack([each[name] for each in weights]).mean(0) for name in names}
        model = new_model(config, prepared, joint.facts)
        heads = {name: value for name, value in own.items() if name.startswith(STANDARDS)}
        Start(heads | mean).put_into(model)
        model.own = set(tasks)
        model.eval().read_texts()
        asked = settings_of(config, Group(tasks=list(tasks)))
        lines = examiner_of(ward.material, asked, prepared).fit_afterwards(model.eval()) if fitted else []
        return Trained(model.eval(), joint.facts, joint.history, fitted=lines)

    def _figures(self, epochs: Epochs, tasks: Sequence[str]) -> Figures:
        """How some tasks stand to their twins."""
        key = epochs, tuple(tasks)
        if key not in self.seen:
            self.seen[key] = self._compared(epochs, tasks, self.ward.twin_records)
        return self.seen[key]

    def _to_best(self, epochs: Epochs, tasks: Sequence[str]) -> Figures:
        """How they stand to the joint model of the best epoch."""
        return self._compared(epochs, tasks, self.ward.joint_records)

    def _compared(
        self, epochs: Epochs, tasks: Sequence[str], others: Mapping[str, Predictions]
    ) -> dict[str, Transfer]:
        """Against what others say of the same rows, drawn a thousand times: that is most of the work.

        What is fitted afterwards moves the order of rankings with newcomers, of chains and of answers alone.
        """
        key, began, ward = (epochs, tuple(tasks)), time.process_time(), self.ward
        config = ward.material.config
        if key not in self.said:
            asked = [task for task in config.tasks if task.name in tasks]
            fitted = any(task.kind in FITTED or getattr(task, "after", None) for task in asked)
            self.said[key] = ward.records(self.model(epochs, tasks, fitted=fitted), tasks)
        held = {name: record for name, record in others.items() if name in tasks}
        figures = found.compare(config, self.said[key], held)
        ward.spent += time.process_time() - began
        return figures

    def _cure(self, kind: CureKind, epochs: Epochs, tasks: Sequence[str]) -> Cure:
        """A cure whose model is not built yet."""
        others = [task.name for task in self.ward.material.config.tasks if task.name not in tasks]
        group = Group(tasks=list(tasks), beside=others)
        return Cure(kind, group, self.ward.joint, self._figures(epochs, tasks), epochs)

    def _take(self, cure: Cure) -> Cure:
        """The same with its model, told and noted."""
        began, ward = time.process_time(), self.ward
        tasks = [*cure.group.tasks, *cure.group.beside] if cure.for_all else cure.group.tasks
        made = Cure(cure.kind, cure.group, self.model(cure.epochs, tasks), cure.after, cure.epochs)
        ward.tried.append(made)
        ward.story += [ward.told(made, name) for name in made.group.tasks if name in ward.hurt]
        ward.spent += time.process_time() - began
        return made
