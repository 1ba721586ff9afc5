"""From a configuration to a run: the same each time, gone on with where it stopped, whole or not at all."""

import functools
import json
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import motet
from motet import run as run_module
from motet.config.read import config_from_dict
from motet.errors import ConfigError, DataError
from motet.gather import gather
from motet.run import resolve, train
from motet.system.files import sha256_file
from tests.trained import TASKS, run_config, run_settings, world_folder
from tests.worlds import tiny_settings, tiny_tables, tiny_world

SMALL = {"report__twins": "none", "report__ablations": [], "report__baselines": ["popularity"]}


@pytest.fixture(autouse=True)
def _quick_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """The report takes longer than all the rest; another file looks at it."""
    monkeypatch.setattr(
        run_module, "write_report", lambda folder: (folder / "report.html").write_text("report")
    )


def trained(target: Path, folder: Path | None = None, **changes: Any) -> Path:
    config = run_config(**(SMALL | {"training__epochs": 1} | changes))
    return train(config, folder or world_folder(), target).folder


@functools.cache
def reference() -> Path:
    """A run that others should be equal to."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_module, "write_report", plain_report)
        return trained(world_folder() / "reference")


def plain_report(folder: Path) -> None:
    (folder / "report.html").write_text("report")


def metrics(folder: Path) -> dict[str, Any]:
    found = json.loads((folder / "metrics.json").read_text())
    del found["cost"]
    return found


def weights(folder: Path) -> str:
    return sha256_file(folder / "model.safetensors")


def test_the_same_seed_gives_the_same_metrics_and_weights_from_files_in_any_order(tmp_path):
    turned = tmp_path / "turned"
    turned.mkdir()
    for name in ("items", "users", "events"):
        frame = pl.read_csv(world_folder() / f"{name}.csv")
        # the first of two lines about one user counts, so these stay in their order
        frame = frame if name == "users" else frame.sample(fraction=1, shuffle=True, seed=1)
        frame.write_csv(turned / f"{name}.csv")
    other = trained(tmp_path / "other", turned)
    assert metrics(other) == metrics(reference())
    assert weights(other) == weights(reference())
    assert metrics(other)["tasks"]["click"]["test"]["auc"]["value"] > 0


def test_another_seed_gives_other_weights(tmp_path):
    assert weights(trained(tmp_path / "run", training__seed=1)) != weights(reference())


def test_a_finished_run_is_not_overwritten(tmp_path):
    (tmp_path / "taken").mkdir()
    with pytest.raises(ConfigError, match=r"taken exists already. Give another folder with  --run"):
        trained(tmp_path / "taken")


def test_a_run_that_fails_leaves_no_folder_and_goes_on_when_asked_again(tmp_path, monkeypatch):
    def full_disk(folder):
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(run_module, "write_report", full_disk)
        with pytest.raises(OSError, match="no space left"):
            trained(tmp_path / "run")
    assert [path.name for path in tmp_path.iterdir()] == ["run.partial"]
    log = (tmp_path / "run.partial" / "log.jsonl").read_bytes()
    done = trained(tmp_path / "run")
    assert (done / "log.jsonl").read_bytes() == log  # nothing was trained again
    assert weights(done) == weights(reference())
    assert not (tmp_path / "run.partial").exists()


def test_an_unfinished_run_of_another_configuration_is_left_alone(tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(run_module, "judge", stop)
        with pytest.raises(KeyboardInterrupt):
            trained(tmp_path / "run")
    with pytest.raises(
        ConfigError, match=r"run\.partial holds an unfinished training with another configuration"
    ):
        trained(tmp_path / "run", training__learning_rate=0.5)
    assert trained(tmp_path / "run").exists()


def test_what_was_measured_once_is_read_again(tmp_path, monkeypatch):
    monkeypatch.setenv("MOTET_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(run_module, "measure_threads", lambda: 1)
    monkeypatch.setattr(run_module, "measure_precision", lambda width: "fp32")
    settings = {"training__threads": "auto", "training__precision": "auto"}

    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(run_module, "judge", stop)
        with pytest.raises(KeyboardInterrupt):
            trained(tmp_path / "run", **settings)
    monkeypatch.setattr(run_module, "measure_threads", stop)
    monkeypatch.setattr(run_module, "measure_precision", stop)
    done = trained(tmp_path / "run", **settings)
    assert "precision: fp32" in (done / "motet.yaml").read_text()


def test_a_training_that_diverges_leaves_no_run(tmp_path):
    with pytest.raises(DataError, match=r"joint, epoch 1, batch \d+: .*not a number"):
        trained(tmp_path / "run", training__learning_rate=1e30, training__warmup=0)
    assert not (tmp_path / "run").exists()


def test_tables_in_memory_give_the_run_that_files_give(tmp_path):
    frames = {name: pl.read_csv(world_folder() / f"{name}.csv") for name in ("items", "users", "events")}
    settings = run_settings(**(SMALL | {"training__epochs": 1}))
    done = motet.train(settings, tmp_path / "frames", **frames)
    assert weights(done.folder) == weights(reference())
    assert metrics(done.folder) == metrics(reference())
    assert done.metrics["tasks"].keys() == {"next", "click", "stars", "type"}


def test_curves_for_tensorboard_lie_in_the_run_and_belong_to_it(tmp_path):
    pytest.importorskip("tensorboard")
    done = trained(tmp_path / "run", training__loggers=["tensorboard"])
    (curves,) = (done / "tensorboard" / "joint").iterdir()
    assert b"metrics/click/auc" in curves.read_bytes()
    assert f"tensorboard/joint/{curves.name}" in json.loads((done / "manifest.json").read_text())["files"]


def test_a_tracker_that_is_not_installed_is_named_before_anything_is_read(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    monkeypatch.setattr(run_module, "gather", lambda *_: pytest.fail("the data were read"))
    with pytest.raises(ConfigError, match=r"motet\[wandb\]"):
        trained(tmp_path / "run", training__loggers=["wandb"])
    assert not list(tmp_path.iterdir())


def test_options_change_settings(tmp_path):
    config, folder = resolve(world_folder() / "small.yaml", ["training.epochs=7", "model.timeline.kind=hstu"])
    assert (config.training.epochs, config.model.timeline.kind) == (7, "hstu")
    assert folder == world_folder()


def slow(changes):
    return pytest.param(changes, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    "changes",
    [
        {"model__timeline__kind": "hstu", "training__balance": "uncertainty", "training__average": 0.9},
        {"data__repeats": False, "model__scoring": {"similarity": "dot"}, "evaluation__history": "frozen"},
        {"data__split": {"kind": "leave_one_out"}, "tasks": [TASKS[0] | {"positive": ["rate"]}, TASKS[2]],
         "model__target_attention": False, "data__counters__enabled": False,
         "training__precision": "bf16", "model__timeline__bias": "none"},
        slow({"data__split": {"kind": "kfold", "folds": 4, "fold": 1}, "evaluation__history": "frozen"}),
        slow({"tasks": [{"name": "items", "kind": "next_item", "items": "film"}], "report__baselines": []}),
        {"tasks": [{"name": "keys", "kind": "binary", "label": "clicked", "loss": "focal"}],
         "report__baselines": []},
    ],
)  # fmt: skip
def test_other_settings_train_and_answer_too(tmp_path, changes):
    done = motet.open(trained(tmp_path / "run", **changes))
    measured = done.evaluate("test")
    wanted = json.loads((tmp_path / "run" / "metrics.json").read_text())["tasks"]
    assert list(measured) == list(wanted)
    for task, parts in measured.items():
        for name, measure in parts["test"].items():
            assert measure["value"] == pytest.approx(wanted[task]["test"][name]["value"], abs=1e-6), (
                task,
                name,
            )


def test_a_task_of_weight_0_is_said_to_learn_nothing():
    tasks = [dict(task) for task in tiny_settings()["tasks"]]
    tasks[1]["weight"] = 0
    config = config_from_dict(tiny_settings(tasks=tasks))
    said = gather(config, Path(), tiny_tables(tiny_world(), config)).statements
    assert "click has weight 0: nothing is learned for it." in said


def test_what_was_fitted_afterwards_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("motet.tasks.calibration.ENOUGH", 1)
    config = run_config(training__epochs=1, report__twins="none", report__ablations=[], report__baselines=[])
    done = train(config, world_folder(), tmp_path / "run")
    (said,) = [
        line for line in done.metrics["statements"] if line.startswith("Fitted on the validation rows")
    ]
    assert "click: probabilities have " in said
    head = motet.open(done.folder).bundle.model.row_heads["click"]
    assert head.fitted_2.tolist() != [1.0, 0.0]
