"""Make an ensemble: open the members -> fit the combiners on validation rows -> measure -> save. START HERE.

The test rows are read once, after everything is fixed. Figures on validation rows are cross-fitted: a
combiner is judged on users that did not fit it.
"""

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal

from motet.config.read import write_config
from motet.data.provenance import Read
from motet.data.timelines import VALID
from motet.derive.boosted import lightgbm
from motet.derive.chorus import Chorus, voices
from motet.derive.combine import Combiner
from motet.derive.fitting import UNFITTED, Chosen, Kind, cross_fitted, fit_combiner
from motet.derive.folder import save_combiners, save_member
from motet.derive.members import Members, open_members, open_snapshots, refuse_other_rows
from motet.derive.origins import read_today, refuse_other_data
from motet.derive.scores import joint_metrics
from motet.derive.soup import cook
from motet.errors import ConfigError
from motet.evaluation.report import write_report
from motet.run import Run
from motet.system.files import atomic_folder, write_json
from motet.system.log import say, stage, warn
from motet.system.machine import machine, versions
from motet.system.manifest import write_manifest

STACKS = ("logistic", "boosted", "network")  # kinds that read candidates and not their chances alone


@dataclass(frozen=True)
class Made:
    """Combiners of every task: those that are kept, and those of the folds that judge them."""

    kept: dict[str, Combiner]
    judging: dict[str, Chosen]


def make_ensemble(
    folders: Sequence[Path], target: Path, kind: Kind | Literal["soup"] = "average", *, events: Any = None,
    items: Any = None, users: Any = None,
) -> Run:  # fmt: skip
    """Put runs together and write the folder of a run.

    Args:
        folders: Runs that answer the same questions; of `snapshot`, and of `soup` if you like, a single one
            that has kept snapshots.
        target: The folder to write; it must not exist yet.
        kind: How.
        events: Ready tables instead of the files, see `motet.open`.
        items: Likewise.
        users: Likewise.

    Raises:
        MotetError: They are too few or too many, answer different questions, were trained on other data than
            are read now, or `target` is taken.
    """
    if target.exists():
        raise ConfigError(f"{target} exists already. Give another folder with  --out, or remove it.")
    alone = refuse_count(kind, len(folders))
    if kind == "boosted":
        lightgbm()
    began = time.monotonic()
    if alone:
        members = open_snapshots(folders[0], events=events, items=items, users=users)
    else:
        members = open_members(folders, events=events, items=items, users=users)
    _refuse_texts(members, kind)
    now = read_today(members.models[0], given=events is not None)
    told = refuse_other_data(members.folders, now)
    for line in told:
        warn(line)
    if not alone:
        refuse_other_rows(members.models)
    with atomic_folder(target) as place:
        if kind == "soup":
            metrics = cook(members, place)
        else:
            metrics = _join(members, place, kind)
        metrics["statements"] += told
        metrics["cost"] |= {"wall_seconds": time.monotonic() - began}
        _save(place, target, kind, members, metrics, now)
    return Run(target)


def _refuse_texts(members: Members, kind: str) -> None:
    """An ensemble answers about events alone; what a tuned model read cannot be averaged, nor taken back."""
    for model in members.models:
        language = model.bundle.config.model.language
        if kind in ("snapshot", "soup") and language is not None and language.tuned:
            raise ConfigError(
                f"{model.bundle.folder}: its language model was tuned, and what it read of the items belongs "
                f"to the weights that were kept; {kind} needs others. Take another  --kind ."
            )
        for task in model.bundle.config.text_tasks:
            raise ConfigError(
                f"{model.bundle.folder}: {task.name} reads texts, and runs of text tasks cannot be put "
                "together yet. Train the other tasks in runs of their own."
            )


def refuse_count(kind: str, runs: int) -> bool:
    """Refuse too few or too many runs; true where the snapshots of a single one are meant.

    Raises:
        ConfigError: It says how many there should be.
    """
    if runs == 1 and kind in ("snapshot", "soup"):
        return True
    if kind == "snapshot":
        raise ConfigError(
            f"A snapshot ensemble is made of one run, not of {runs}. Give one, or another  --kind."
        )
    if runs < 2:
        raise ConfigError("An ensemble has at least two members. Give several run folders.")
    return False


def _join(members: Members, place: Path, kind: Kind) -> dict[str, Any]:
    """Fit, measure and write an ensemble; what metrics.json is to hold."""
    chorus = Chorus(voices(members.models), {})
    if kind == "snapshot":
        fit_epochs(chorus)
    made = fit_all(chorus, kind)
    metrics = joint_metrics(chorus, made.kept, made.judging, members)
    told = []
    for number, (name, model) in enumerate(zip(members.names, members.models, strict=True)):
        save_member(model, place / "members" / str(number))
        told.append({"folder": f"members/{number}", "name": name, "seed": model.bundle.config.training.seed})
    save_combiners(place, kind, told, made.kept)
    return metrics


def fit_epochs(chorus: Chorus) -> None:
    """Fit anew what is fitted when training is over, for every epoch but the best, to which it belongs.

    A snapshot has weights alone; level and slope of probabilities, and what newcomers score, it lacks.
    """
    for voice in chorus.members[:-1]:
        voice.examiner.fit_afterwards(voice.model.bundle.model)


def fit_all(chorus: Chorus, kind: Kind) -> Made:
    """Fit a combiner for every task on the validation rows, and one for each fold of their users."""
    first = chorus.first.model
    seed, users = first.bundle.config.training.seed, len(first.dataset.log.user_ids)
    fit = partial(fit_combiner, kind, seed=seed)
    kept: dict[str, Combiner] = {}
    judging: dict[str, Chosen] = {}
    for task in (each.name for each in first.bundle.config.tasks):
        with stage(f"combiner of {task}"):
            evidence = chorus.evidence(task, VALID, seed, beside=kind in STACKS)
            kept[task] = fit(evidence)
            judging[task] = (
                Chosen((kept[task],)) if kind in UNFITTED else cross_fitted(fit, evidence, seed, users)
            )
    return Made(kept, judging)


def _save(place: Path, target: Path, kind: str, members: Members, metrics: dict[str, Any], now: Read) -> None:
    """Write what every run has: configuration, metrics, cleaning, manifest, report."""
    config, source = members.models[0].bundle.config, members.folders[0]
    name = f"{config.name} ({kind} of {len(members.models)})"
    write_config(config.model_copy(update={"name": name}), place / "motet.yaml")
    write_json(place / "metrics.json", metrics)
    if (source / "cleaning.json").is_file():
        shutil.copy(source / "cleaning.json", place / "cleaning.json")
    facts = {
        "name": name,
        "seed": config.training.seed,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions(),
        "machine": machine(),
        "data": now,
        "command": f"motet ensemble {' '.join(map(str, members.folders))} --kind {kind} --out {target}",
    }
    write_manifest(place, facts)
    write_report(place)
    write_manifest(place, facts)
    size = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
    say(f"{len(members.models)} members, {size / 1e6:.1f} MB")
