"""A training that is killed (SIGKILL: nothing can answer it) ends with the weights of an undisturbed one."""

import functools
import hashlib
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from motet.config import Config
from motet.evaluation.evaluate import Examiner
from motet.gather import Material, gather
from motet.training import checkpoint
from motet.training.fit import Trained, fit
from motet.training.loop import Loop
from motet.training.optimizer import WeightAverage
from tests.trained import world_folder
from tests.training.hand_loop import weights
from tests.worlds import tiny_config, tiny_tables, tiny_world

REPOSITORY = Path(__file__).parents[2]
# Where a process dies: before a step, in its middle, before a validation, when a file is to get its name.
PLACES = {
    "step": (Loop, "_one_step"),
    "half a step": (WeightAverage, "update"),
    "validation": (Loop, "_validate"),
    "checkpoint": (checkpoint.os, "replace"),
}


@functools.cache
def material(kind: str) -> Material:
    training = {
        "epochs": 3, "patience": 9, "batch_size": 3, "threads": 1, "precision": "fp32", "warmup": 2,
        "checkpoint_minutes": 0.0, "average": 0.9, "balance": "uncertainty",
    }  # fmt: skip
    config = tiny_config(training=training, model__timeline__kind=kind)
    return gather(config, Path(), tiny_tables(tiny_world(), config))


def train(kind: str, path: Path | None) -> Trained:
    found = material(kind)
    config: Config = found.config
    examiner = Examiner(config, found.prepared.dataset, found.views)
    return fit(config, found.prepared, examiner.validate, lambda record: None, "joint", path)


@functools.cache
def undisturbed(kind: str) -> tuple[str, list[dict[str, Any]]]:
    return seen(train(kind, None))


def seen(trained: Trained) -> tuple[str, list[dict[str, Any]]]:
    """Hash of the weights, and the metrics of every epoch."""
    history = [{"epoch": each["epoch"], "metrics": each["metrics"]} for each in trained.history]
    return hashlib.sha256(weights(trained.model)).hexdigest(), history


def die_at(place: str, count: int) -> None:
    """Have this process killed when it comes to a place for the n-th time."""
    owner, name = PLACES[place]
    whole, calls = getattr(owner, name), iter(range(count - 1))

    def dying(*arguments):
        if next(calls, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)
        return whole(*arguments)

    setattr(owner, name, dying)


def train_and_die(kind: str, path: Path, place: str, count: int) -> bool:
    """Train in a process of its own that is killed on its way; False when it came to its end before."""
    undisturbed(kind)  # reads the tables, too, which a forked process cannot: the threads of polars are gone
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        torch.set_num_threads(1)
        die_at(place, count)
        train(kind, path)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


@pytest.mark.parametrize(
    ("kind", "kills"),
    [
        ("transformer", [("step", 2), ("half a step", 5), ("step", 4)]),
        ("hstu", [("checkpoint", 3), ("validation", 1), ("validation", 2)]),
    ],
)
def test_a_training_that_is_killed_ends_as_if_it_had_not_been(tmp_path, kind, kills):
    path = tmp_path / "joint.safetensors"
    for place, count in kills:
        assert train_and_die(kind, path, place, count)
    assert seen(train(kind, path)) == undisturbed(kind)


@pytest.mark.slow
def test_a_training_that_is_killed_twenty_times_ends_as_if_it_had_not_been(tmp_path):
    path, chance = tmp_path / "joint.safetensors", random.Random(0)
    kills = 0
    while kills < 20:
        place = chance.choice(list(PLACES))
        if train_and_die("transformer", path, place, chance.randint(1, 3)):
            kills += 1
        else:  # it came to its end: begin anew
            assert seen(train("transformer", path)) == undisturbed("transformer")
            path.unlink()
    assert seen(train("transformer", path)) == undisturbed("transformer")


COMMAND = """
import sys
from pathlib import Path
from motet.run import train
from tests.trained import run_config
from tests.training.test_kill import die_at
target, place, count, folder = sys.argv[1:]
if int(count):
    die_at(place, int(count))
train(run_config(report__ablations=[]), Path(folder), Path(target))
"""


@pytest.mark.slow
def test_a_command_that_is_killed_twenty_times_writes_the_run_of_an_undisturbed_one(tmp_path):
    def command(name: str, place: str = "", count: int = 0) -> int:
        words = [sys.executable, "-c", COMMAND, str(tmp_path / name), place, str(count), str(world_folder())]
        environment = os.environ | {"PYTHONPATH": f"{REPOSITORY / 'src'}{os.pathsep}{REPOSITORY}"}
        return subprocess.run(words, env=environment, check=False, capture_output=True).returncode

    chance = random.Random(1)
    codes = [command("killed", chance.choice(list(PLACES)), chance.randint(1, 5)) for _ in range(20)]
    assert codes == [-signal.SIGKILL] * 20
    assert command("killed") == command("whole") == 0
    for name in ("model.safetensors", "items.safetensors", "motet.yaml"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
