"""Two runs of one world that differ in seed and size, trained once for all tests of ensembles."""

import functools
from pathlib import Path

import motet
from motet.use import TrainedModel, open_run
from tests.trained import TASKS, run_settings, trained_run, world_folder

QUICK = {"report__twins": "none", "report__ablations": [], "report__baselines": []}


@functools.cache
def second_run(**changes) -> Path:
    """A run of the same rows by another, wider model of another seed."""
    settings = {"training__seed": 1, "data__seed": 0, "model__timeline__width": 24} | QUICK | changes
    for kind in ("items", "users", "events"):
        settings[f"data__{kind}__path"] = str(world_folder() / f"{kind}.csv")
    name = "-".join(["second", *(str(each).replace("/", "-") for each in changes.values())])
    return motet.train(run_settings(**settings), world_folder() / "runs" / name).folder


@functools.cache
def pair() -> tuple[Path, Path]:
    """The two runs."""
    return trained_run(), second_run()


@functools.cache
def ensemble_of(kind: str) -> Path:
    """The folder of an ensemble of the two."""
    return motet.ensemble(pair(), world_folder() / "runs" / f"both-{kind}", kind).folder


@functools.cache
def opened(place: int) -> TrainedModel:
    """One of the two, opened."""
    return open_run(pair()[place])


NAMES = [task["name"] for task in TASKS]
