"""Looking back: hurt tasks answered by the joint model as it was after another epoch than its best.

Tasks overfit at different times, and the epoch that is best for all together is not the best of each.
"""

import itertools
import time
from collections.abc import Mapping, Sequence

from motet.assemble import settings_of
from motet.config.model import Group
from motet.evaluation.compare import Transfer
from motet.guard import found
from motet.guard.found import FOR_ALL, Cure, below
from motet.guard.ward import Ward
from motet.judge import examiner_of
from motet.training.fit import Start, Trained, new_model

Figures = Mapping[str, Transfer]  # task -> how it stands to its twin


def another_epoch(ward: Ward) -> Cure | None:
    """All tasks answered by one other epoch, where it is enough for the hurt ones and hurts nobody.

    Or by the mean of its weights and those of the best epoch, which lie on one path and so average well
    (Izmailov et al., UAI 2018, arXiv:1803.05407). Nobody is hurt if no task lies below its twin, and none
    below the joint model of the best epoch, beyond noise. That costs neither weights nor time when requests
    are answered. Of several the one with the largest gain over the twins is taken.
    """
    began = time.process_time()
    tasks = [task.name for task in ward.material.config.tasks]
    harmless = []
    for number, kind in itertools.product(_others(ward, ward.hurt), FOR_ALL):
        trained = _as_of(ward, number, tasks, halved=kind == "mean")
        records = ward.records(trained, list(ward.twins))
        after = found.compare(ward.material.config, records, ward.twin_records)
        beside_best = found.compare(ward.material.config, records, ward.joint_records)
        cure = Cure(kind, Group(tasks=tasks), trained, after, number)
        if cure.helps(ward.before, ward.hurt) and not any(below(each) for each in beside_best.values()):
            harmless.append(cure)
    ward.spent += time.process_time() - began
    if not harmless:
        return None
    best = max(harmless, key=lambda cure: cure.gain(ward.before))
    _take(ward, best)
    return best


def earlier_epochs(ward: Ward, groups: Sequence[Sequence[str]]) -> tuple[list[Cure], list[list[str]]]:
    """Groups of hurt tasks answered by other epochs, beside the joint model.

    Of the epochs in which one of them was best, the one that is enough for the most groups is taken, then the
    next, so that there are few models.

    Returns:
        The cures, and the groups for which no epoch was enough.
    """
    left = [list(group) for group in groups]
    names = [name for group in left for name in group]
    began = time.process_time()
    after = {
        number: ward.against_twins(_as_of(ward, number, names), names) for number in _others(ward, names)
    }
    kept: list[Cure] = []
    while left and after:
        enough = {number: [each for each in left if _enough(ward, after[number], each)] for number in after}
        number = max(enough, key=lambda each: len(enough[each]))
        if not enough[number]:
            break
        tasks = [name for group in enough[number] for name in group]
        figures = {name: after[number][name] for name in tasks if name in after[number]}
        kept.append(Cure("epoch", Group(tasks=tasks), _as_of(ward, number, tasks), figures, number))
        _take(ward, kept[-1])
        left = [each for each in left if each not in enough[number]]
    ward.spent += time.process_time() - began
    return kept, left


def _others(ward: Ward, tasks: Sequence[str]) -> list[int]:
    """Epochs, counted from 1, in which one of these tasks was best and the joint model as a whole was not."""
    best = next((each["epoch"] for each in reversed(ward.joint.history) if each["best"]), 0)
    return [] if ward.epochs is None else [each for each in ward.epochs.epochs(tasks) if each != best]


def _enough(ward: Ward, after: Figures, group: Sequence[str]) -> bool:
    figures = {name: after[name] for name in group if name in after}
    return Cure("epoch", Group(tasks=list(group)), ward.joint, figures).helps(ward.before, ward.hurt)


def _take(ward: Ward, cure: Cure) -> None:
    ward.tried.append(cure)
    ward.story += [ward.told(cure, name) for name in cure.group.tasks if name in ward.hurt]


def _as_of(ward: Ward, number: int, tasks: Sequence[str], *, halved: bool = False) -> Trained:
    """The joint model as it was after an epoch, or half way there, with the heads of some tasks."""
    assert ward.epochs is not None
    config, prepared = settings_of(ward.material.config, Group(tasks=list(tasks))), ward.material.prepared
    joint = ward.joint
    model = new_model(config, prepared, joint.facts)
    weights = ward.epochs.weights(number)
    if halved:
        best = joint.model.state_dict()
        weights = {name: (value + best[name]) / 2 for name, value in weights.items()}
    Start(weights).put_into(model)
    lines = examiner_of(ward.material, config, prepared).fit_afterwards(model.eval())
    return Trained(model.eval(), joint.facts, joint.history, fitted=lines)
