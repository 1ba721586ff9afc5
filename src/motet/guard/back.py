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
from motet.guard import found
from motet.guard.found import Cure, CureKind, below, value
from motet.guard.ward import Ward
from motet.judge import examiner_of
from motet.training.fit import Start, Trained, new_model

Figures = Mapping[str, Transfer]  # task -> how it stands to another model
Epochs = tuple[int, ...]  # counted from 1; several stand for the mean of their weights


@dataclass
class Back:
    """What the joint model would be after other epochs, on validation rows; looked at once each."""

    ward: Ward
    seen: dict[Epochs, tuple[Figures, Figures]] = field(default_factory=dict)

    def whole(self) -> Cure | None:
        """All tasks answered by another epoch or a mean, where that is enough for the hurt and hurts nobody.

        Weights of one path average well (Izmailov et al., UAI 2018, arXiv:1803.05407), so each other epoch is
        averaged with the best one, and all of them. Nobody is hurt if no task lies below its twin, and none
        below the joint model of the best epoch, beyond noise; and what all gain together, in shares of their
        twins' values, is above 0. That costs neither weights nor time when requests are answered.
        """
        ward = self.ward
        if ward.material.config.training.monitor != "auto" or not self.ward.others(ward.hurt):
            return None  # an epoch that somebody chose stays
        best, others = self.ward.best["epoch"], self.ward.others(list(ward.twins))
        asked = [(number,) for number in others if self._promises(number)]
        asked += [tuple(sorted((best, number))) for number in self.ward.others(ward.hurt)]
        asked += [tuple(sorted((best, *others)))] if len(others) > 1 else []
        cures = []
        for epochs in asked:
            beside_best = self._figures(epochs)[1]
            cure = self._cure("whole" if len(epochs) == 1 else "mean", epochs, list(ward.twins))
            hurts = any(below(each) for each in beside_best.values())
            if cure.helps(ward.before, ward.hurt) and cure.gain(ward.before) > 0 and not hurts:
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
        left, kept = [list(group) for group in groups], list[Cure]()
        names = [name for group in left for name in group]
        numbers = self.ward.others(names) if len(names) > 1 else []
        while left and numbers:
            enough = {number: [each for each in left if self._enough((number,), each)] for number in numbers}
            tasks = {number: [name for group in enough[number] for name in group] for number in numbers}
            worth = {number: self._worth(number, tasks[number]) for number in numbers}
            number = max(numbers, key=lambda each: (len(enough[each]), worth[each]))
            if len(tasks[number]) < 2:
                break
            kept.append(self._take(self._cure("epoch", (number,), tasks[number])))
            left = [each for each in left if each not in enough[number]]
        return kept, left

    def nearest(self, group: Sequence[str]) -> Cure | None:
        """The epoch that brings tasks which stay together nearest to their twins, if it helps at all."""
        cures = [self._cure("epoch", (number,), group) for number in self.ward.others(group)]
        better = [cure for cure in cures if cure.gains(self.ward.before, self.ward.hurt)]
        return max(better, key=lambda cure: cure.gain(self.ward.before)) if better else None

    def model(self, epochs: Epochs, tasks: Sequence[str]) -> Trained:
        """The joint model as it was after an epoch, or the mean of several, answering some tasks."""
        ward, joint = self.ward, self.ward.joint
        assert ward.epochs is not None
        config, prepared = ward.material.config, ward.material.prepared
        own = joint.model.state_dict()
        weights = [own if each == self.ward.best["epoch"] else ward.epochs.weights(each) for each in epochs]
        names = min(weights, key=len).keys()  # snapshots leave out what never learns
        mean = {name: torch.stack([each[name] for each in weights]).mean(0) for name in names}
        model = new_model(config, prepared, joint.facts)
        Start(mean).put_into(model)
        model.own = set(tasks)
        asked = settings_of(config, Group(tasks=list(tasks)))
        lines = examiner_of(ward.material, asked, prepared).fit_afterwards(model.eval())
        return Trained(model.eval(), joint.facts, joint.history, fitted=lines)

    def _figures(self, epochs: Epochs) -> tuple[Figures, Figures]:
        """How the tasks stand to their twins, and to the joint model of the best epoch."""
        if epochs not in self.seen:
            began, ward = time.process_time(), self.ward
            records = ward.records(self.model(epochs, list(ward.twins)), list(ward.twins))
            config = ward.material.config
            self.seen[epochs] = (
                found.compare(config, records, ward.twin_records),
                found.compare(config, records, ward.joint_records),
            )
            ward.spent += time.process_time() - began
        return self.seen[epochs]

    def _cure(self, kind: CureKind, epochs: Epochs, tasks: Sequence[str]) -> Cure:
        """A cure whose model is not built yet."""
        after = self._figures(epochs)[0]
        others = [task.name for task in self.ward.material.config.tasks if task.name not in tasks]
        group = Group(tasks=list(tasks), beside=others)
        figures = {name: after[name] for name in tasks if name in after}
        return Cure(kind, group, self.ward.joint, figures, epochs)

    def _enough(self, epochs: Epochs, group: Sequence[str]) -> bool:
        return self._cure("epoch", epochs, group).helps(self.ward.before, self.ward.hurt)

    def _worth(self, number: int, tasks: Sequence[str]) -> float:
        return sum(value(self._figures((number,))[0][name]) for name in tasks if name in self.ward.before)

    def _take(self, cure: Cure) -> Cure:
        """The same with its model, told and noted."""
        began, ward = time.process_time(), self.ward
        tasks = [*cure.group.tasks, *cure.group.beside] if cure.for_all else cure.group.tasks
        made = Cure(cure.kind, cure.group, self.model(cure.epochs, tasks), cure.after, cure.epochs)
        ward.tried.append(made)
        ward.story += [ward.told(made, name) for name in made.group.tasks if name in ward.hurt]
        ward.spent += time.process_time() - began
        return made
