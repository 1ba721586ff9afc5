"""One model of the joint one and the parts of tasks that were set apart."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from motet.assemble import build_model
from motet.config import Config
from motet.gather import Material
from motet.guard.found import Cure
from motet.model import Motet
from motet.training.fit import Trained


def joined(material: Material, joint: Trained, cures: Sequence[Cure]) -> tuple[Config, Trained]:
    """The configuration with a group for each cure, and the model with its weights."""
    if not cures:
        return material.config, joint
    settings = material.config.model.model_copy(update={"groups": [cure.group for cure in cures]})
    config = material.config.model_copy(update={"model": settings})
    prepared = material.prepared
    model = build_model(config, prepared.dataset, joint.facts, prepared.content, len(prepared.counter_names))
    sources = [joint.model, *(cure.trained.model for cure in cures)]
    for part, source in zip(model.parts, sources, strict=True):
        _take_over(part, source)
    return config, replace(joint, model=model.eval(), fitted=_fitted(joint, cures))


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
