"""The judge: which models a run has beside the joint one, and what is measured of them all."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from motet.config import Config
from motet.config.tasks import Binary, Task
from motet.data.text_feed import TextSet
from motet.data.timelines import TEST, VALID
from motet.evaluation.compare import transfer
from motet.evaluation.evaluate import Examiner, measured
from motet.evaluation.opponents import opponents
from motet.evaluation.plots import plots
from motet.evaluation.records import Predictions
from motet.evaluation.retrieval import mistaken_answers
from motet.evaluation.tagging import mistaken_spans
from motet.evaluation.texts import mistaken
from motet.features.items import PICTURE
from motet.gather import Material
from motet.model import Motet
from motet.system.log import say
from motet.system.machine import cpu_seconds
from motet.system.randomness import generator
from motet.training.fit import Prepared, Trained

UNGUARDED = "joint before the guard"


def variants(material: Material) -> dict[str, tuple[Config, Prepared]]:
    """Name -> configuration and data of each model; they differ in one thing from the joint one."""
    config, prepared = material.config, material.prepared
    found = {"joint": (config, prepared)}
    wanted = config.report.twins
    if wanted == "all" or (wanted == "auto" and len(config.tasks) > 1):
        for task in (each for each in config.tasks if each.weight > 0):
            found[f"twin of {task.name}"] = (_twin(config, task), prepared)
    events = config.of_events
    wanted_parts = config.report.ablations if events.tasks else []  # of tasks that read events
    if "text" in wanted_parts and prepared.content.text_IT is not None:
        content = replace(prepared.content, text_IT=None, words=None)
        found["without text"] = (events, replace(prepared, content=content))
    pictures = [name for name in prepared.content.vectors if name.startswith(PICTURE)]
    if "images" in wanted_parts and pictures:
        left = {name: each for name, each in prepared.content.vectors.items() if name not in pictures}
        content = replace(prepared.content, vectors=left)
        found["without images"] = (events, replace(prepared, content=content))
    if "id" in wanted_parts and config.model.item.id:
        item = config.model.item.model_copy(update={"id": False})
        model = config.model.model_copy(update={"item": item})
        found["without ids"] = (events.model_copy(update={"model": model}), prepared)
    if "counters" in wanted_parts and prepared.counter_NC is not None:
        found["without counters"] = (
            events,
            replace(prepared, counter_NC=None, scaler=None, counter_names=[]),
        )
    return found


def _twin(config: Config, task: Task) -> Config:
    model = config.model.model_copy(update={"groups": []})
    return config.model_copy(update={"tasks": [alone(task)], "model": model})


def alone(task: Task) -> Task:
    """A task that follows no other: on its own it is learned directly."""
    return task.model_copy(update={"after": None, "transfer": False}) if isinstance(task, Binary) else task


def examiner_of(material: Material, config: Config, prepared: Prepared) -> Examiner:
    """Puts the questions to one model; a model without counters is asked without them."""
    views = material.views
    if prepared.counter_NC is None:
        views = [replace(view, counter_NC=None) for view in views]
    return Examiner(config, prepared.dataset, views, prepared.texts)


def judge(material: Material, models: Mapping[str, Trained]) -> dict[str, Any]:
    """Measure every model on the test rows: what metrics.json holds."""
    config = material.config
    records: dict[str, dict[str, Predictions]] = {}
    wanted = variants(material)
    seconds: dict[str, float] = {}
    for name, (own, prepared) in ((name, wanted.get(name, wanted["joint"])) for name in models):
        began = cpu_seconds()
        records[name] = examiner_of(material, own, prepared).examine(models[name].model, TEST)
        seconds[name] = cpu_seconds() - began
    examiner = Examiner(config, material.prepared.dataset, material.views, material.prepared.texts)
    rivals, left_out = opponents(examiner, list(config.report.baselines), TEST, say)
    twins = {
        task: record
        for name in records
        if name.startswith("twin of ")
        for task, record in records[name].items()
    }
    joint = records["joint"]
    gates = examiner_of(material, *wanted["joint"]).gates(models["joint"].model, TEST)
    live = models["joint"].model.items.live
    in_valid = measured(examiner.examine(models["joint"].model, VALID), config, "valid")
    others = {name: found for name, found in records.items() if name.startswith("without ")}
    histories = {name: model.history for name, model in models.items() if name != UNGUARDED}  # that of joint
    return {
        "tasks": {task: in_valid[task] | parts for task, parts in measured(joint, config, "test").items()},
        "twins": measured(twins, config, "test"),
        "baselines": {name: measured(found, config, "test") for name, found in rivals.items()},
        "ablations": {name: measured(found, config, "test") for name, found in others.items()},
        "transfer": _transfer(config, joint, twins),
        "slices": {task: record.slice_metrics(*_slice_settings(config)) for task, record in joint.items()},
        "guard": _guard(material, config, records),
        "guard_saw": dict(material.seen),
        "search": material.search,
        "cost": _cost(models, seconds),
        "plots": plots(joint, histories) | {"gates": gates},
        "texts": {
            name: _mistaken(models["joint"].model, texts)
            for name, texts in material.prepared.texts.items()
        },
        "behaviour": material.behaviour,
        "statements": [*_stopped(models, list(wanted), config), *material.statements,
                       *(f"Fitted on the validation rows: {line}." for line in models["joint"].fitted),
                       *examiner.told_beside(models["joint"].model, TEST),
                       *([] if live is None else [live.said()]),
                       *left_out],
    }  # fmt: skip


def _mistaken(model: Motet, texts: TextSet) -> dict[str, Any]:
    """What a report shows of a task that reads texts."""
    if texts.answers is not None:
        return mistaken_answers(model, texts, TEST)
    return mistaken(model, texts, TEST) if texts.units is None else mistaken_spans(model, texts, TEST)


def _stopped(models: Mapping[str, Trained], wanted: Sequence[str], config: Config) -> list[str]:
    """What a training that was stopped by hand lacks."""
    said = []
    if models["joint"].stopped:
        history = models["joint"].history
        best = max(record["epoch"] for record in history if record["best"])
        said.append(
            f"Training was stopped by hand after {len(history)} of at most {config.training.epochs} epochs; "
            f"this is the model of epoch {best}, the best until then. A longer training may be better."
        )
    missing = [name for name in wanted if name not in models]
    if missing:
        said.append(
            f"As training was stopped by hand, {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} "
            "not trained, and nothing is compared with what is not there."
        )
    return said


def _transfer(
    config: Config, joint: Mapping[str, Predictions], twins: Mapping[str, Predictions]
) -> dict[str, Any]:
    settings = config.evaluation
    return dict(
        transfer(
            joint, twins, bootstrap=settings.bootstrap, confidence=settings.confidence,
            generator=generator(config.training.seed, "transfer"),
        )
    )  # fmt: skip


def _slice_settings(config: Config) -> tuple[list[int], int, float, Any]:
    settings = config.evaluation
    return (
        settings.k,
        min(settings.bootstrap, 200),
        settings.confidence,
        generator(config.training.seed, "slices"),
    )


def _guard(
    material: Material, config: Config, records: Mapping[str, dict[str, Predictions]]
) -> dict[str, Any]:
    """What the guard found on validation rows, and the test figures of its tasks without it.

    Where it put nothing in, those are the figures of the joint model as it is.
    """
    before = measured(records.get(UNGUARDED, records["joint"]), config, "test") if material.guard else {}
    return {
        task: case | {"unguarded": before[task]["test"] if task in before else None}
        for task, case in material.guard.items()
    }


def _cost(models: Mapping[str, Trained], seconds: Mapping[str, float]) -> dict[str, Any]:
    """What each model took to train and to score the test rows, the joint one, and all twins together."""
    each = {
        name: {
            **model.cost,
            "parameters": sum(p.numel() for p in model.model.parameters()),
            "scoring_cpu_seconds": seconds[name],
        }
        for name, model in models.items()
    }
    twins = [cost for name, cost in each.items() if name.startswith("twin of ")]
    sums = {
        f"twins_{key}": sum(cost[key] for cost in twins)
        for key in ("cpu_seconds", "parameters", "scoring_cpu_seconds")
    }
    return {**each["joint"], **sums, "models": each}
