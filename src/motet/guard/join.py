"""One model of the joint one and the parts of tasks that were set apart."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch

from motet.assemble import build_model
from motet.config import Config
from motet.config.model import Group
from motet.gather import Material
from motet.guard.found import Cure
from motet.judge import examiner_of
from motet.model import Motet
from motet.tasks.texts import TextTasks
from motet.training.fit import Trained

BESIDE = ": beside "  # in lines on what was fitted, of a search and a ranking together


def joined(material: Material, joint: Trained, cures: Sequence[Cure]) -> tuple[Config, Trained]:
    """The configuration with a group for each cure that needs one, and the model with its weights."""
    if not cures:
        return material.config, joint
    names = [task.name for task in material.config.text_tasks]
    of_texts = [cure for cure in cures if cure.group.tasks[0] in names]
    of_events = [cure for cure in cures if cure not in of_texts]
    texts, own = _texts(material.config, joint, of_texts)
    of_texts_alone = [cure.group.model_copy(update={"beside": []}) for cure in own]
    groups = [*(_without(cure.group, names) for cure in of_events), *of_texts_alone]
    settings = material.config.model.model_copy(update={"groups": groups})
    config = material.config.model_copy(update={"model": settings})
    prepared = material.prepared
    model = build_model(config, prepared.dataset, joint.facts, prepared.content, len(prepared.counter_names))
    sources = [joint.model, *(cure.trained.model for cure in of_events)]
    for part, source in zip(model.parts, sources, strict=True):
        _take_over(part, source)
    model.texts = texts
    _beside_rankings(joint.model, model, [name for cure in of_texts for name in cure.group.tasks])
    model.eval().read_texts()
    lines = [line for line in _fitted(joint, cures) if BESIDE not in line]
    lines += examiner_of(material, config, prepared).fit_beside(model)
    return config, replace(joint, model=model, fitted=lines)


def _texts(config: Config, joint: Trained, cures: Sequence[Cure]) -> tuple[TextTasks | None, list[Cure]]:
    """What reads texts, and the cures that have a group: those with a tuned language model of their own.

    With a frozen one nothing but the head of a task is its own. Where no task is left to a tuned one, neither
    text task nor one with items, the first of those apart takes its place.
    """
    whole = joint.model.texts
    if whole is None:
        return None, []
    apart = {name: cure for cure in cures for name in cure.group.tasks}
    left = [name for name in whole.tasks if name not in apart]
    if whole.language is None:
        texts = whole.only(left)
        for name, cure in apart.items():
            own_head = _of(cure).only([name])
            texts.heads.update(dict(own_head.heads.items()))
            texts.tables.update(dict(own_head.tables.items()))
        return texts, []
    first, own = (whole, left), list(cures)
    if cures and not left and joint.model.items.live is None:
        first, own = (_of(cures[0]), cures[0].group.tasks), own[1:]
    texts = first[0].only(first[1])
    for cure in own:
        texts.apart.append(_of(cure).only(cure.group.tasks))
    return texts, own


def _beside_rankings(joint: Motet, model: Motet, tasks: Sequence[str]) -> None:
    """Let searches out of a training without rankings have a weight for each, which is fitted afterwards."""
    for name in tasks:
        assert joint.texts is not None
        assert model.texts is not None
        held = dict(joint.texts.head(name).named_buffers()).get("beside_X")
        if held is not None:
            model.texts.head(name).register_buffer("beside_X", torch.ones_like(held))


def _of(cure: Cure) -> TextTasks:
    texts = cure.trained.model.texts
    assert texts is not None, "a cure of text tasks reads texts"
    return texts


def _without(group: Group, texts: Sequence[str]) -> Group:
    """The group without text tasks beside its own, of whose parts it holds none."""
    return group.model_copy(update={"beside": [name for name in group.beside if name not in texts]})


def _fitted(joint: Trained, cures: Sequence[Cure]) -> list[str]:
    """What was fitted on validation rows for the heads that answer now."""
    apart = {name: cure.trained for cure in cures for name in cure.group.tasks}
    lines = [(line.partition(":")[0], trained, line) for trained in (joint, *apart.values())
             for line in trained.fitted]  # fmt: skip
    return list(dict.fromkeys(line for task, trained, line in lines if apart.get(task, joint) is trained))


def summed(one: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
    """Costs added up."""
    return {name: one.get(name, 0.0) + other.get(name, 0.0) for name in {**one, **other}}


def _take_over(part: Motet, source: Motet) -> None:
    """Give a part the weights of a model of the same tasks."""
    held = source.state_dict()
    part.load_state_dict({name: held.get(name, value) for name, value in part.state_dict().items()})
