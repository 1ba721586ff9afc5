"""Make an ensemble: open the members -> fit the combiners on validation rows -> measure -> save. START HERE.

The test rows are read once, after everything is fixed. Figures on validation rows are cross-fitted: a
combiner is judged on users that did not fit it.
"""

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from motet.config import Config
from motet.config.read import write_config
from motet.data.timelines import VALID
from motet.derive.chorus import Chorus, voices
from motet.derive.combine import Combiner
from motet.derive.fitting import Chosen, Kind, cross_fitted, fit_combiner
from motet.derive.folder import copy_member, save_combiners
from motet.derive.members import open_members, refuse_other_rows
from motet.derive.scores import joint_metrics
from motet.errors import ConfigError
from motet.evaluation.report import write_report
from motet.run import Run
from motet.system.files import atomic_folder, read_json, write_json
from motet.system.log import say, stage
from motet.system.machine import machine, versions
from motet.system.manifest import write_manifest
from motet.use import TrainedModel


@dataclass(frozen=True)
class Made:
    """Combiners of every task: those that are kept, and those of the folds that judge them."""

    kept: dict[str, Combiner]
    judging: dict[str, Chosen]


def make_ensemble(
    folders: Sequence[Path], target: Path, kind: Kind = "average", *, events: Any = None, items: Any = None,
    users: Any = None,
) -> Run:  # fmt: skip
    """Put runs together and write the folder of a run.

    Args:
        folders: Runs that answer the same questions.
        target: The folder to write; it must not exist yet.
        kind: How.
        events: Ready tables instead of the files, see `motet.open`.
        items: Likewise.
        users: Likewise.

    Raises:
        MotetError: They are too few, answer different questions, or `target` is taken.
    """
    if target.exists():
        raise ConfigError(f"{target} exists already. Give another folder with  --out, or remove it.")
    if len(folders) < 2:
        raise ConfigError("An ensemble has at least two members. Give several run folders.")
    began = time.monotonic()
    models = open_members(folders, events=events, items=items, users=users)
    refuse_other_rows(models)
    chorus = Chorus(voices(models), {})
    made = fit_all(chorus, kind)
    metrics = joint_metrics(chorus, made.kept, made.judging, folders)
    metrics["cost"] |= {"wall_seconds": time.monotonic() - began}
    with atomic_folder(target) as place:
        _save(place, kind, models, made.kept, metrics)
    return Run(target)


def fit_all(chorus: Chorus, kind: Kind) -> Made:
    """Fit a combiner for every task on the validation rows, and one for each fold of their users."""
    first = chorus.first.model
    seed, users = first.bundle.config.training.seed, len(first.dataset.log.user_ids)
    fit = partial(fit_combiner, kind, seed=seed)
    kept: dict[str, Combiner] = {}
    judging: dict[str, Chosen] = {}
    for task in (each.name for each in first.bundle.config.tasks):
        with stage(f"combiner of {task}"):
            evidence = chorus.evidence(task, VALID, seed, beside=kind in ("logistic", "boosted", "network"))
            kept[task] = fit(evidence)
            judging[task] = cross_fitted(fit, evidence, seed, users)
    return Made(kept, judging)


def _save(
    place: Path,
    kind: Kind,
    models: Sequence[TrainedModel],
    kept: Mapping[str, Combiner],
    metrics: dict[str, Any],
) -> None:
    config = models[0].bundle.config
    told = []
    for number, model in enumerate(models):
        copy_member(model, place / "members" / str(number))
        own = model.bundle.config
        told.append({"folder": f"members/{number}", "name": own.name, "seed": own.training.seed})
    save_combiners(place, kind, told, kept)
    write_config(_named(config, kind), place / "motet.yaml")
    write_json(place / "metrics.json", metrics)
    cleaning = models[0].bundle.folder / "cleaning.json"
    if cleaning.is_file():
        shutil.copy(cleaning, place / "cleaning.json")
    facts = {
        "name": config.name,
        "seed": config.training.seed,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions(),
        "machine": machine(),
        "data": read_json(models[0].bundle.folder / "manifest.json").get("data", {}),
        "kind": f"ensemble ({kind})",
    }
    write_manifest(place, facts)
    write_report(place)
    write_manifest(place, facts)
    size = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
    say(f"{len(models)} members, {size / 1e6:.1f} MB")


def _named(config: Config, kind: Kind) -> Config:
    return config.model_copy(update={"name": f"{config.name} ({kind} of several)"})
