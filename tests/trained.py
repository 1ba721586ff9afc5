"""A tiny run, trained once for all tests that look at a finished one; its files lie on the disk.

They are such as users have: times are whole seconds and some rows are unclean; and users are named, so that
their names can be looked for.
"""

import atexit
import functools
import shutil
import tempfile
from pathlib import Path
from typing import Any

import polars as pl

from motet.config import Config
from motet.config.read import config_from_dict, write_config
from motet.run import train
from tests.worlds import tiny_settings, tiny_world

USERS, ITEMS = 30, 20
NAME = "person-{:03d}"  # what no file of a run may hold
TASKS = [
    {"name": "next", "kind": "next_item", "positive": ["click", "rate"]},
    {"name": "click", "kind": "binary", "label": "clicked", "types": ["impression"]},
    {"name": "stars", "kind": "regression", "label": "stars", "types": ["rate"], "transform": "log1p"},
    {"name": "type", "kind": "multiclass", "label": "mood", "types": ["rate"]},
]


def named(column: str) -> pl.Expr:
    """User ids as names."""
    return pl.format("person-{}", pl.col(column).cast(pl.String).str.zfill(3)).alias(column)


def write_world(folder: Path, seed: int = 0) -> None:
    """Write items.csv, users.csv and events.csv."""
    world = tiny_world(seed, users=USERS, items=ITEMS)
    moods = {1.0: "sad", 2.0: "sad", 3.0: "calm", 4.0: "glad", 5.0: "glad"}
    mood = pl.col("stars").replace_strict(moods, default=None, return_dtype=pl.String).alias("mood")
    events = world.events.with_columns(named("who"), mood, pl.col("at") // 1000)
    unclean = events.head(2).with_columns(at=pl.lit(99_999_999_999, pl.Int64))  # the year 5138
    kinds = pl.Series("sort", ["film", "book"] * (ITEMS // 2))
    world.items.with_columns(kinds).write_csv(folder / "items.csv")
    users = world.users.with_columns(named("id"))
    pl.concat([users, users.head(1).with_columns(age=pl.lit(31.25))]).write_csv(folder / "users.csv")
    pl.concat([events, events.tail(3), unclean]).write_csv(folder / "events.csv")


def run_settings(**changes: Any) -> dict[str, Any]:
    """Settings of a run on those files."""
    outcomes = ["clicked", "dwell", "mood"]
    return tiny_settings(**{
        "name": "small", "tasks": [dict(task) for task in TASKS],
        "data__items__path": "items.csv", "data__users__path": "users.csv",
        "data__events__path": "events.csv", "data__events__outcomes": outcomes, "data__items__kind": "sort",
        "training__epochs": 2, "training__batch_size": 8, "training__checkpoint_minutes": 0.0,
        "evaluation__k": [1, 5, 10], "evaluation__bootstrap": 20,
        "report__twins": "all", "report__baselines": ["popularity", "item_to_item", "ease"],
        "report__ablations": ["id", "counters"],
    } | changes)  # fmt: skip


def run_config(**changes: Any) -> Config:
    """The configuration of a run on those files, with changes such as ``training__epochs=1``."""
    return config_from_dict(run_settings(**changes))


@functools.cache
def world_folder() -> Path:
    """A folder with the files, written once."""
    folder = Path(tempfile.mkdtemp(prefix="motet-world-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    write_world(folder)
    write_config(run_config(), folder / "small.yaml")
    return folder


@functools.cache
def trained_run() -> Path:
    """The folder of a run with everything in it, trained once."""
    target = world_folder() / "runs" / "small"
    return train(run_config(), world_folder(), target).folder
