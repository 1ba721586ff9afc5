"""Ctrl-C while models are trained: a whole and honest run of what is there; at the second, an end at once."""

import gc
import json
import signal
from pathlib import Path

import pytest

from motet import run as run_module
from motet.cli.app import main
from motet.evaluation.report import write_report
from motet.run import train
from motet.training.loop import Loop
from tests.trained import run_config, world_folder

SMALL = {"report__twins": "all", "report__ablations": ["id"], "report__baselines": [], "training__epochs": 3,
         "training__checkpoint_minutes": 60.0}  # fmt: skip


@pytest.fixture(autouse=True)
def _quick_report(monkeypatch):
    monkeypatch.setattr(run_module, "write_report", lambda folder: (folder / "report.html").write_text("r"))


@pytest.fixture(autouse=True)
def _no_collection():
    """A KeyboardInterrupt that comes while garbage is collected is lost in callbacks of test tools."""
    gc.disable()
    yield
    gc.enable()


def press_at(monkeypatch, name: str, epoch: int, batch: int, times: int = 1) -> None:
    """Press Ctrl-C in the middle of a step of one model."""
    whole = Loop._one_step

    def pressed(loop, batches, total, where):
        if loop.calls.name == name and where == [f"epoch {epoch}, batch {batch}"]:
            for _ in range(times):
                signal.raise_signal(signal.SIGINT)
        return whole(loop, batches, total, where)

    monkeypatch.setattr(Loop, "_one_step", pressed)


def metrics(folder: Path) -> dict:
    return json.loads((folder / "metrics.json").read_text())


def test_a_joint_model_that_is_stopped_is_measured_without_twins_and_the_report_says_so(
    tmp_path, monkeypatch
):
    press_at(monkeypatch, "joint", 3, 1)
    done = train(run_config(**SMALL), world_folder(), tmp_path / "run").folder
    found = metrics(done)
    assert list(found["tasks"]) == ["next", "click", "stars", "type"]
    assert found["twins"] == found["ablations"] == found["transfer"] == {}
    assert list(found["cost"]["models"]) == ["joint"]
    best = max(point["epoch"] for point in found["plots"]["curves"] if point["model"] == "joint")
    assert best == 2  # of the third epoch nothing is known
    first, second = found["statements"][:2]
    assert first.startswith(
        "Training was stopped by hand after 2 of at most 3 epochs; this is the model of epoch"
    )
    assert second == (
        "As training was stopped by hand, twin of next, twin of click, twin of stars, twin of type, without "
        "ids are not trained, and nothing is compared with what is not there."
    )
    assert not (tmp_path / "run.partial").exists()
    page = write_report(done).read_text()
    assert first in page
    assert "no twin was trained" in page


def test_a_twin_that_is_stopped_is_left_out_and_those_before_it_stay(tmp_path, monkeypatch):
    press_at(monkeypatch, "twin of click", 2, 2)
    found = metrics(train(run_config(**SMALL), world_folder(), tmp_path / "run").folder)
    assert list(found["twins"]) == list(found["transfer"]) == ["next"]
    assert found["statements"][0].startswith(
        "As training was stopped by hand, twin of click, twin of stars, "
    )


@pytest.fixture
def command(tmp_path, capfd):
    def train_world() -> tuple[int, list[str]]:
        words = [f"report.{name}={value}" for name, value in (("twins", "none"), ("ablations", "[]"))]
        options = [each for word in [*words, "report.baselines=[]"] for each in ("--set", word)]
        status = main(["train", str(world_folder() / "small.yaml"), "--run", str(tmp_path / "run"), *options])
        return status, capfd.readouterr().err.splitlines()

    return train_world


def test_the_second_stops_at_once_and_the_same_command_goes_on(tmp_path, monkeypatch, command):
    with monkeypatch.context() as patch:
        press_at(patch, "joint", 2, 1, times=2)
        status, said = command()
    assert status == 130
    assert any(line.startswith("Stopping soon: the best so far of the joint model is kept") for line in said)
    assert said[-2:] == [
        f"What is trained so far is kept in {tmp_path / 'run.partial'}: the same command goes on from there.",
        "Stopped.",
    ]
    assert not any("Traceback" in line for line in said)
    assert not (tmp_path / "run").exists()
    status, said = command()
    assert status == 0
    assert f"going on with the unfinished training in {tmp_path / 'run.partial'}" in said


def test_before_the_first_validation_the_first_stops_and_keeps_where_it_was(tmp_path, monkeypatch, command):
    with monkeypatch.context() as patch:
        press_at(patch, "joint", 1, 2)
        status, said = command()
    assert (status, said[-1]) == (130, "Stopped.")
    assert said[-2].endswith("the same command goes on from there.")
    assert command()[0] == 0


def test_before_any_training_nothing_is_kept(tmp_path, monkeypatch, command):
    def press(*_):
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(run_module, "gather", press)
    status, said = command()
    assert status == 130
    assert said[-2:] == ["Nothing was trained yet that is worth keeping.", "Stopped."]
    assert list(tmp_path.iterdir()) == []
