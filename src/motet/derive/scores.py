"""What is measured of an ensemble: itself, every member, and itself against the best of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from motet.config import Config
from motet.data.timelines import TEST, VALID
from motet.derive.chorus import Chorus, Voice
from motet.derive.combine import Combiner, Weights
from motet.derive.fitting import Chosen
from motet.derive.members import Members
from motet.evaluation.compare import gain_family
from motet.evaluation.evaluate import main_value, measured
from motet.evaluation.plots import plots
from motet.evaluation.records import Predictions
from motet.metrics.names import higher_is_better, main_metric
from motet.system.files import read_json
from motet.system.log import say, stage
from motet.system.randomness import generator

Records = dict[str, dict[str, Predictions]]
"""Split -> task -> record."""


def joint_metrics(
    chorus: Chorus, kept: Mapping[str, Combiner], judging: Mapping[str, Chosen], members: Members
) -> dict[str, Any]:
    """What metrics.json holds of an ensemble.

    Args:
        chorus: The members.
        kept: Task -> the combiner of the ensemble, for the test rows.
        judging: Task -> combiners of the folds, for the validation rows.
        members: Their names and the runs that they come from.
    """
    final = {task: Chosen((each,)) for task, each in kept.items()}
    with stage("measuring the ensemble"):
        ours = {
            "valid": chorus.first.examiner.records(chorus.with_combiners(judging), VALID),
            "test": chorus.first.examiner.records(chorus.with_combiners(final), TEST),
        }
    said = _weights_said(kept, members.names)
    if any(chosen.fold_U is not None for chosen in judging.values()):
        said.append(
            "Figures on validation rows are cross-fitted: each user was judged by combiners that other users "
            "fitted. The models themselves chose their best epoch on these rows."
        )
    return metrics_beside(ours, chorus.members, members, said)


def metrics_beside(
    ours: Records, voices: Sequence[Voice], members: Members, said: Sequence[str]
) -> dict[str, Any]:
    """What metrics.json holds of a model that was made of others.

    Args:
        ours: Its records.
        voices: The members, to be measured too.
        members: Their names and the runs that they come from; baselines are taken over from the first, for
            they were measured on the same rows.
        said: What is to be told of it.
    """
    config = voices[0].model.bundle.config
    others = {name: _member(each, name) for name, each in zip(members.names, voices, strict=True)}
    gains = _gains(config, ours["test"], others)
    of_first = read_json(members.folders[0] / "metrics.json")
    lines = [*said, *(_gain_said(task, gain) for task, gain in gains.items())]
    for line in lines:
        say(line)
    return {
        "tasks": _measured(config, ours),
        "members": {name: _measured(config, found) for name, found in others.items()},
        "gains": gains,
        "twins": {},
        "baselines": of_first.get("baselines", {}),
        "ablations": {},
        "transfer": {},
        "slices": {},
        "cost": _cost(members.folders),
        "plots": plots(ours["test"], {}),
        "behaviour": of_first.get("behaviour", {}),
        "statements": [f"Made of {', '.join(members.names)}.", *lines],
    }


def best_members(members: Mapping[str, Records]) -> dict[str, str]:
    """Task -> the member that is best on the validation rows."""
    first = next(iter(members.values()))["valid"]
    found = {}
    for task, record in first.items():
        sign = 1 if higher_is_better(main_metric(record.kind)) else -1
        found[task] = max(members, key=lambda name: sign * main_value(members[name]["valid"][task]))
    return found


def _member(voice: Voice, name: str) -> Records:
    with stage(f"measuring {name}"):
        return {
            "valid": voice.examiner.records(voice.answers, VALID),
            "test": voice.examiner.records(voice.answers, TEST),
        }


def _measured(config: Config, records: Records) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for split, by_task in records.items():
        for task, parts in measured(by_task, config, split).items():
            found[task] = found.get(task, {}) | parts
    return found


def _gains(config: Config, ours: Mapping[str, Predictions], members: Mapping[str, Records]) -> dict[str, Any]:
    """Task -> the ensemble against its best member, on the test rows, on the same resamples of users."""
    best = best_members(members)
    found = gain_family(
        {task: (ours[task], members[name]["test"][task]) for task, name in best.items()},
        bootstrap=config.evaluation.bootstrap,
        confidence=config.evaluation.confidence,
        generator=generator(config.training.seed, "gains"),
    )
    return {task: {"member": best[task], **gain} for task, gain in found.items()}


def _weights_said(kept: Mapping[str, Combiner], names: Sequence[str]) -> list[str]:
    return [
        f"{task}: weights "
        + ", ".join(f"{weight:.2f} {name}" for name, weight in zip(names, each.weight_M, strict=True))
        + "."
        for task, each in kept.items()
        if isinstance(each, Weights)
    ]


def _gain_said(task: str, gain: Mapping[str, Any]) -> str:
    if gain["difference"] is None:
        return f"{task}: {gain['metric']} has no value to compare."
    interval = "" if gain["low"] is None else f" ({gain['low']:+.4f} to {gain['high']:+.4f})"
    return (
        f"{task}: {gain['metric']} {gain['ours']:.4f} against {gain['other']:.4f} of {gain['member']}, "
        f"the best member on validation rows: difference {gain['difference']:+.4f}{interval}, "
        f"{gain['verdict']}."
    )


def _cost(folders: Sequence[Path]) -> dict[str, Any]:
    """What the trainings of the members took together."""
    costs = [read_json(folder / "metrics.json").get("cost", {}) for folder in folders]
    names = ("seconds", "cpu_seconds", "examples")
    return {name: sum(float(cost.get(name) or 0) for cost in costs) for name in names}
