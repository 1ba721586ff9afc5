"""Several runs of one configuration, by fold or by seed, as one table: mean and spread of every metric."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from motet.config import Config
from motet.config.differing import told_apart
from motet.config.read import read_config
from motet.errors import ArtifactError, ConfigError
from motet.system.files import read_json
from motet.system.log import warn

Repeats = dict[str, dict[str, dict[str, dict[str, float | int | None]]]]
"""Task -> part -> metric -> mean, sd, low, high, runs."""


BESIDE = ("snapshots", "threads", "checkpoint_minutes", "loggers")  # settings of the training of that sort


def of_runs(runs: Sequence[Path], part: str = "test") -> Repeats:
    """Mean, standard deviation (of a sample), least and greatest value of every metric over several runs.

    Values come from each run's `metrics.json`. There is no interval: the folds of a cross-validation share
    training rows, and an unbiased estimate of the variance of their mean does not exist (Bengio and
    Grandvalet, JMLR 2004).

    Args:
        runs: Folders of runs that differ in `data.split.fold`, `training.seed` or both alone, and in what the
            guard or a search of weights found.
        part: ``valid`` or ``test``.

    Raises:
        ArtifactError: A folder is not a finished run.
        ConfigError: Two runs are the same, or differ in something else.
    """
    configs = [_config(run) for run in runs]
    measured = [read_json(run / "metrics.json") for run in runs]
    _refuse_others(runs, configs, [_alike(*pair) for pair in zip(configs, measured, strict=True)])
    _warn_of_missing_folds(configs)
    found = [each["tasks"] for each in measured]
    first = found[0]
    if any(part not in parts for parts in first.values()):
        raise ConfigError(f"there is no split {part!r} in {runs[0] / 'metrics.json'}. Write valid or test.")
    return {
        task: {
            part: {name: _spread([each[task][part][name]["value"] for each in found]) for name in parts[part]}
        }
        for task, parts in first.items()
    }


def _spread(values: Sequence[float | None]) -> dict[str, float | int | None]:
    known = [value for value in values if value is not None]
    if not known:
        return {"mean": None, "sd": None, "low": None, "high": None, "runs": 0}
    deviation = float(np.std(known, ddof=1)) if len(known) > 1 else None
    return {
        "mean": float(np.mean(known)),
        "sd": deviation,
        "low": min(known),
        "high": max(known),
        "runs": len(known),
    }


def _config(run: Path) -> Config:
    for name in ("motet.yaml", "metrics.json"):
        if not (run / name).is_file():
            raise ArtifactError(f"{run}: there is no {name}. Give the folder of a finished run.")
    return read_config(run / "motet.yaml")


def _refuse_others(runs: Sequence[Path], configs: Sequence[Config], plain: Sequence[dict[str, Any]]) -> None:
    for run, other in zip(runs, plain, strict=True):
        for said in told_apart(plain[0], other, (str(runs[0]), str(run))):
            raise ConfigError(
                f"{runs[0]} and {run} are not runs of one configuration: {said}. "
                "Give runs whose joint models differ in  data.split.fold  or  training.seed  alone."
            )
    (turn, times), *_ = Counter(map(_turn, configs)).most_common(1)
    if times > 1:
        same = [str(run) for run, config in zip(runs, configs, strict=True) if _turn(config) == turn]
        raise ConfigError(f"{' and '.join(same)} have the same fold and seed. Give each of them once.")


def _alike(config: Config, metrics: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that all runs must have in common: not what the guard or a search found.

    Nor what moves no weight of the joint model: what is trained beside it, kept of it, told of it.
    """
    plain = config.model_dump(mode="json")
    del plain["data"]["split"]["fold"], plain["training"]["seed"], plain["report"]
    for name in BESIDE:
        del plain["training"][name]
    if metrics.get("guard"):
        plain["model"]["groups"] = []
    for task in plain["tasks"] if metrics.get("search") else []:
        task["weight"] = "searched"
    return {**plain, "tasks": {task["name"]: task for task in plain["tasks"]}}


def _turn(config: Config) -> tuple[int, int]:
    fold = config.data.split.fold if config.data.split.kind == "kfold" else 0
    return fold, config.training.seed


def _warn_of_missing_folds(configs: Sequence[Config]) -> None:
    split = configs[0].data.split
    there = {config.data.split.fold for config in configs}
    missing = [str(fold) for fold in range(split.folds) if fold not in there]
    if split.kind == "kfold" and missing:
        warn(f"of {split.folds} folds there is no run of fold {', '.join(missing)}: not every row was tested")
