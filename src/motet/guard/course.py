"""The course of the guard: who is hurt, which cure helps, one model of all."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from motet.evaluation.compare import Transfer
from motet.gather import Material
from motet.guard.back import Back
from motet.guard.found import Cure, Guarded
from motet.guard.join import joined, summed
from motet.guard.ward import BEHIND, FitOne, Ward, chains_of
from motet.training.fit import Trained
from motet.training.snapshots import BestEpochs


def guard(
    material: Material, models: Mapping[str, Trained], fit_one: FitOne, epochs: BestEpochs | None = None
) -> Guarded:
    """Give a part of their own to tasks that sharing hurts, or all tasks another epoch.

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
        return Guarded(config, joint, [f"The guard: {said}; nothing was set apart."], seen=ward.before)
    back = Back(ward)
    whole = back.whole()
    if whole is not None:
        model, fitted = whole.trained.model, whole.trained.fitted
        found = replace(joint, model=model, fitted=fitted, cost=_cost(ward))
        return Guarded(config, found, ward.story, _cases(ward, [whole]), ward.before)
    kept = _cures(ward, back)
    if ward.stopped:
        cured = [name for cure in kept for name in cure.group.tasks]
        left = [name for name in ward.hurt if name not in cured]
        ward.story.append(
            f"The guard was stopped by hand: below their twins on validation rows stay {', '.join(left)}."
        )
    first, apart = _first(back, kept)
    config, joint = joined(material, replace(first, cost=_cost(ward)), apart)
    return Guarded(config, joint, ward.story, _cases(ward, kept), ward.before)


def _cures(ward: Ward, back: Back) -> list[Cure]:
    """What is put in, for every group of hurt tasks that anything helped."""
    found = chains_of(ward.material.config, ward.hurt)
    texts, events = ([each for each in found if (each[0] in ward.texts) is own] for own in (True, False))
    if ward.tuned:
        return [*_own_languages(ward, back, texts), *_left(ward, events)]
    twins = [ward.twin(name) for name, *_ in texts]  # a head each: with a frozen one they share no weight
    return [*twins, *_own_parts(ward, back, events)]


def _own_languages(ward: Ward, back: Back, groups: Sequence[Sequence[str]]) -> list[Cure]:
    """Another epoch of the tuned language model for several text tasks, else the twin of each."""
    kept, waiting = back.beside(groups)
    return [*kept, *(ward.twin(name) for name, *_ in waiting)]


def _left(ward: Ward, groups: Sequence[Sequence[str]]) -> list[Cure]:
    """Tasks of events stay as they are where the language model is tuned, and why is said."""
    for name in (name for tasks in groups for name in tasks if name in ward.hurt):
        ward.gave_up[name] = (
            "a part of its own would have to read the items with the tuned language model, which is not "
            "possible yet; with  tuning: frozen  it is"
        )
        ward.story.append(f"The guard: {name} stays below its twin: {ward.gave_up[name]}.")
    return []


def _own_parts(ward: Ward, back: Back, groups: Sequence[Sequence[str]]) -> list[Cure]:
    """The same for tasks that read events, where no language model is tuned."""
    kept, waiting = back.beside(groups)
    for cures in (ward.own_experts, ward.earlier_exits):
        found = [] if ward.stopped else [own for own in cures(waiting) if own.helps(ward.before, ward.hurt)]
        kept += found
        cured = [name for own in found for name in own.group.tasks]
        waiting = [tasks for tasks in waiting if tasks[0] not in cured]
    if not ward.stopped and _hopeless(ward, waiting):
        return kept + [cure for tasks in waiting for cure in _last_resort(ward, back, tasks)]
    for tasks in [] if ward.stopped else ward.companies(waiting):
        if len(tasks) == 1:  # a model for it alone is there already
            kept.append(ward.twin(tasks[0]))
            continue
        cure = None if ward.stopped else ward.treat("model", tasks)
        if cure is not None and cure.helps(ward.before, ward.hurt):
            kept.append(cure)
        elif cure is not None:
            kept += _last_resort(ward, back, tasks)
    return kept


def _hopeless(ward: Ward, groups: Sequence[Sequence[str]]) -> bool:
    """Whether a model for several from the joint weights is not worth its training.

    Experts of their own, which began there too, brought no task nearer to its twin; and every task has a twin
    to be answered by: none follows another.
    """
    behind = [cure for cure in ward.tried if cure.kind in BEHIND]

    def nearer(tasks: Sequence[str]) -> bool:
        tried = [cure for cure in behind if tasks[0] in cure.group.tasks]
        return not tried or any(cure.gain(ward.before) > 0 for cure in tried)

    return all(len(tasks) == 1 and not nearer(tasks) for tasks in groups)


def _first(back: Back, kept: Sequence[Cure]) -> tuple[Trained, list[Cure]]:
    """The model that those apart stand beside, and they: it must not be one that answers nothing any more."""
    joint = back.ward.joint
    left = {task.name for task in back.ward.material.config.tasks} - {
        name for cure in kept for name in cure.group.tasks
    }
    leans = any(cure.group.backbone == "shared" for cure in kept)
    epochs = [cure for cure in kept if cure.kind == "epoch"]
    if left or leans or not epochs:
        return joint, list(kept)
    first = max(epochs, key=lambda cure: len(cure.group.tasks))
    trained = replace(joint, model=first.trained.model, fitted=first.trained.fitted)
    return trained, [cure for cure in kept if cure is not first]


def _last_resort(ward: Ward, back: Back, tasks: Sequence[str]) -> list[Cure]:
    """Twins for tasks that follow no other; for chains the best of what was tried, if it helped at all."""
    found: list[Cure] = []
    for group in chains_of(ward.material.config, [name for name in tasks if name in ward.hurt]):
        if len(group) == 1:
            found.append(ward.twin(group[0]))
            continue
        tried = [cure for cure in ward.tried if cure.after and set(cure.group.tasks) == set(group)]
        better = [cure for cure in tried if cure.gains(ward.before, ward.hurt)]
        then = back.nearest(group)
        better += [] if then is None else [then]
        names = ", ".join(group)
        came = "are better, yet below their twins" if better else "did no better"
        reason = f"tasks that follow one another stay together, and alone they {came}"
        ward.story.append(f"The guard gave up on {names}: {reason}.")
        ward.gave_up |= dict.fromkeys(group, reason)
        if better:
            found.append(max(better, key=lambda cure: cure.gain(ward.before)))
    return found


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
        if cure is not None and cure.epochs:
            cases[name]["epochs"] = list(cure.epochs)
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
