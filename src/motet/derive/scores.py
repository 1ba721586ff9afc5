"""What is measured of an ensemble: itself, every member, and itself against the best of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from motet.config import Config
from motet.data.timelines import TEST, VALID
from motet.derive.chorus import Chorus
from motet.derive.combine import Combiner, Weights
from motet.derive.fitting import Chosen
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
    chorus: Chorus, kept: Mapping[str, Combiner], judging: Mapping[str, Chosen], folders: Sequence[Path]
) -> dict[str, Any]:
    """What metrics.json holds.

    Args:
        chorus: The members.
        kept: Task -> the combiner of the ensemble, for the test rows.
        judging: Task -> combiners of the folds, for the validation rows.
        folders: Of the members, for their names and for the baselines that were measured on the same rows.
    """
    config = chorus.first.model.bundle.config
    names = member_names(folders)
    with stage("measuring the ensemble"):
        final = {task: Chosen((each,)) for task, each in kept.items()}
        ours = {
            "valid": chorus.first.examiner.records(chorus.with_combiners(judging), VALID),
            "test": chorus.first.examiner.records(chorus.with_combiners(final), TEST),
        }
    members = {name: _member(chorus, place) for place, name in enumerate(names)}
    gains = _gains(config, ours["test"], members)
    of_first = read_json(folders[0] / "metrics.json")
    return {
        "tasks": _measured(config, ours),
        "members": {name: _measured(config, found) for name, found in members.items()},
        "gains": gains,
        "twins": {},
        "baselines": of_first.get("baselines", {}),
        "ablations": {},
        "transfer": {},
        "slices": {},
        "cost": _cost(folders),
        "plots": plots(ours["test"], {}),
        "behaviour": of_first.get("behaviour", {}),
        "statements": _statements(kept, names, gains, judging),
    }


def member_names(folders: Sequence[Path]) -> list[str]:
    """Names of the members: those of their folders, with a number where two are called alike."""
    found = [folder.resolve().name for folder in folders]
    return [f"{name} ({place})" if found.count(name) > 1 else name for place, name in enumerate(found, 1)]


def best_members(members: Mapping[str, Records]) -> dict[str, str]:
    """Task -> the member that is best on the validation rows."""
    first = next(iter(members.values()))["valid"]
    found = {}
    for task, record in first.items():
        sign = 1 if higher_is_better(main_metric(record.kind)) else -1
        found[task] = max(members, key=lambda name: sign * main_value(members[name]["valid"][task]))
    return found


def _member(chorus: Chorus, place: int) -> Records:
    voice = chorus.members[place]
    with stage(f"measuring member {place + 1}"):
        return {
            "valid": voice.examiner.records(voice.scorer, VALID),
            "test": voice.examiner.records(voice.scorer, TEST),
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


def _statements(
    kept: Mapping[str, Combiner],
    names: Sequence[str],
    gains: Mapping[str, Mapping[str, Any]],
    judging: Mapping[str, Chosen],
) -> list[str]:
    said = [f"An ensemble of {', '.join(names)}; its figures stand under the joint model."]
    for task, each in kept.items():
        if isinstance(each, Weights):
            shares = ", ".join(
                f"{weight:.2f} {name}" for name, weight in zip(names, each.weight_M, strict=True)
            )
            said.append(f"{task}: weights fitted on validation rows: {shares}.")
    if any(chosen.fold_U is not None for chosen in judging.values()):
        said.append(
            "Figures on validation rows are cross-fitted: each user was judged by combiners that other users "
            "fitted. The models themselves chose their best epoch on these rows."
        )
    said += [_gain_said(task, gain) for task, gain in gains.items()]
    for line in said[1:]:
        say(line)
    return said


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
