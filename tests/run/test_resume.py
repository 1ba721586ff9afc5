"""Going on with an unfinished training: only with what it was begun with, and only one process at a time."""

import json
import shutil
from pathlib import Path

import polars as pl
import pytest

import motet
from motet import run as run_module
from motet.errors import ArtifactError, ConfigError, DataError
from motet.run import train
from motet.system.files import sha256_file
from motet.training.unfinished import working_folder
from tests.trained import run_config, run_settings, world_folder

SMALL = {"report__twins": "none", "report__ablations": [], "report__baselines": [], "training__epochs": 1}


class Stopped(Exception):
    """Stands for a kill."""


def stop(*_):
    raise Stopped


@pytest.fixture(autouse=True)
def _quick_report(monkeypatch):
    monkeypatch.setattr(run_module, "write_report", lambda folder: (folder / "report.html").write_text("r"))


@pytest.fixture
def world(tmp_path) -> Path:
    """A folder with data of its own."""
    for name in ("items", "users", "events"):
        shutil.copy(world_folder() / f"{name}.csv", tmp_path)
    return tmp_path


def stopped(monkeypatch, world: Path, place: str = "judge") -> Path:
    """A training that was stopped; after its last epoch, if nothing else is said."""
    with monkeypatch.context() as patch:
        patch.setattr(run_module, place, stop)
        with pytest.raises(Stopped):
            train(run_config(**SMALL), world, world / "run")
    return world / "run.partial"


def test_data_that_changed_since_are_refused_and_named_and_the_old_ones_go_on(world, monkeypatch):
    stopped(monkeypatch, world)
    old = (world / "events.csv").read_bytes()
    (world / "events.csv").write_bytes(old + old.splitlines(keepends=True)[5])
    with pytest.raises(DataError) as refused:
        train(run_config(**SMALL), world, world / "run")
    said = str(refused.value)
    assert said.startswith(f"{world / 'run.partial'} holds an unfinished training on other data: ")
    assert f"{world / 'events.csv'} has changed ({len(old):,} bytes then, " in said
    assert said.endswith("Restore the data to go on, or remove the folder to begin anew.")
    assert "items.csv" not in said
    (world / "events.csv").write_bytes(old)
    assert train(run_config(**SMALL), world, world / "run").folder.exists()


def test_the_same_configuration_beside_other_files_is_refused(world, monkeypatch):
    stopped(monkeypatch, world)
    elsewhere = Path(shutil.copytree(world, world / "elsewhere", ignore=shutil.ignore_patterns("run*")))
    with pytest.raises(DataError, match=r"elsewhere/events\.csv was not read then"):
        train(run_config(**SMALL), elsewhere, world / "run")


def test_tables_that_changed_since_are_refused(world, monkeypatch):
    frames = {name: pl.read_csv(world / f"{name}.csv") for name in ("items", "users", "events")}
    with monkeypatch.context() as patch:
        patch.setattr(run_module, "judge", stop)
        with pytest.raises(Stopped):
            motet.train(run_settings(**SMALL), world / "run", **frames)
    more = frames | {"events": pl.concat([frames["events"], frames["events"].head(1)])}
    with pytest.raises(DataError, match=r"the table of events has changed \(\d+ rows then, \d+ rows now\)"):
        motet.train(run_settings(**SMALL), world / "run", **more)
    assert motet.train(run_settings(**SMALL), world / "run", **frames).folder.exists()


def test_a_setting_that_changed_since_is_named_with_both_values(world, monkeypatch):
    stopped(monkeypatch, world)
    changed = run_config(**SMALL | {"training__learning_rate": 0.5, "tasks": run_settings()["tasks"][:3]})
    with pytest.raises(ConfigError) as refused:
        train(changed, world, world / "run")
    assert "training.learning_rate was 0.001, now it is 0.5" in str(refused.value)
    assert "tasks.3 is gone" in str(refused.value)


def test_what_failed_before_a_checkpoint_leaves_nothing_and_may_be_mended(world, monkeypatch):
    with pytest.raises(DataError):
        train(run_config(**SMALL, data__items__text=["titel"]), world, world / "run")
    assert not (world / "run.partial").exists()
    stopped(monkeypatch, world, "gather")
    assert not (world / "run.partial").exists()
    assert train(run_config(**SMALL, training__seed=1), world, world / "run").folder.exists()


def test_a_second_training_of_the_same_run_is_refused_and_harms_nothing(world):
    with working_folder(world / "run") as work:
        (work / "log.jsonl").write_text("of the first\n")
        with pytest.raises(ArtifactError, match=r"run\.partial: process \d+ is training this run now\."):
            train(run_config(**SMALL), world, world / "run")
        assert {path.name for path in work.iterdir()} == {"lock", "log.jsonl"}
        assert (work / "log.jsonl").read_text() == "of the first\n"


def test_a_run_that_another_process_finished_in_the_meantime_is_left_alone(world, monkeypatch):
    whole = working_folder

    def late(target):
        target.mkdir()
        return whole(target)

    monkeypatch.setattr(run_module, "working_folder", late)
    with pytest.raises(ConfigError, match="run exists already"):
        train(run_config(**SMALL), world, world / "run")


def test_the_manifest_names_the_data_by_their_hashes(world):
    done = train(run_config(**SMALL), world, world / "run")
    data = json.loads((done.folder / "manifest.json").read_text())["data"]
    assert sorted(data) == [str(world / f"{name}.csv") for name in ("events", "items", "users")]
    assert data[str(world / "users.csv")]["sha256"] == sha256_file(world / "users.csv")


def test_a_run_where_there_can_be_no_folder_is_refused(world):
    (world / "file").write_text("")
    for target in (world / "file" / "run", Path("/dev/null/run")):
        with pytest.raises(ConfigError, match=r"run: no run can be written there .* Give another  --run\."):
            train(run_config(**SMALL), world, target)
