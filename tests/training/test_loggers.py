"""The seam to experiment trackers: each gets every figure, under a name that it allows, and is closed."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from motet.errors import ConfigError
from motet.training.loggers import trackers

TRAINED = {"model": "joint", "event": "train", "epoch": 2, "loss": {"like": 0.5}, "weights": {"like": 1.0},
           "seconds": 3.0}  # fmt: skip
MEASURED = {"model": "twin of like", "event": "valid", "epoch": 3, "best": True,
            "metrics": {"like": {"auc": 0.75, "gauc": float("nan")}, "next": {"ndcg@10": 0.25}}}  # fmt: skip


class Fake:
    """Stands for a tracker's module: writes down what is called with what."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        def called(*words: Any, **named: Any) -> Any:
            self.calls.append((name, *words, *([named] if named else [])))
            return SimpleNamespace(
                log=lambda figures: self.calls.append(("log", figures)),
                finish=lambda exit_code: self.calls.append(("finish", exit_code)),
                info=SimpleNamespace(run_id="r7"),
            )

        return called


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch):
    def put(name: str) -> Fake:
        module = Fake()
        monkeypatch.setitem(sys.modules, name, module)
        return module

    return put


def test_weights_and_biases_gets_every_finite_figure_of_every_model(tmp_path: Path, fake):
    wandb = fake("wandb")
    with trackers(["wandb"], "shop", tmp_path) as log:
        log(TRAINED)
        log(MEASURED)
    (begin, settings), *logged, end = wandb.calls
    assert (begin, settings["project"], settings["name"]) == ("init", "motet", "shop")
    assert logged == [
        ("log", {"joint/loss/like": 0.5, "joint/weights/like": 1.0, "epoch": 2}),
        ("log", {"twin of like/metrics/like/auc": 0.75, "twin of like/metrics/next/ndcg@10": 0.25,
                 "epoch": 3}),
    ]  # fmt: skip
    assert end == ("finish", 0)


def test_mlflow_gets_names_that_it_allows_and_the_epoch_as_its_step(tmp_path: Path, fake):
    mlflow = fake("mlflow")
    with trackers(["mlflow"], "shop", tmp_path) as log:
        log(TRAINED)
        log(MEASURED)
    assert mlflow.calls == [
        ("start_run", {"run_name": "shop"}),
        ("log_metrics", {"joint/loss/like": 0.5, "joint/weights/like": 1.0}, {"step": 2}),
        ("log_metrics",
         {"twin of like/metrics/like/auc": 0.75, "twin of like/metrics/next/ndcg_at_10": 0.25}, {"step": 3}),
        ("end_run", "FINISHED"),
    ]  # fmt: skip


def test_a_training_that_goes_on_goes_on_in_the_same_run_of_a_tracker(tmp_path: Path, fake):
    wandb, mlflow = fake("wandb"), fake("mlflow")
    for _ in range(2):
        with trackers(["wandb", "mlflow"], "shop", tmp_path):
            pass
    first, second = (settings for name, *rest in wandb.calls if name == "init" for settings in rest)
    assert first == second
    assert first["id"]
    assert first["resume"] == "allow"
    begun = [rest[0] for name, *rest in mlflow.calls if name == "start_run"]
    assert begun == [{"run_name": "shop"}, {"run_id": "r7"}]


def test_a_training_that_fails_is_told_to_every_tracker(tmp_path: Path, fake):
    wandb, mlflow = fake("wandb"), fake("mlflow")
    with pytest.raises(RuntimeError, match="broken"), trackers(["wandb", "mlflow"], "shop", tmp_path):
        raise RuntimeError("broken")
    assert wandb.calls[-1] == ("finish", 1)
    assert mlflow.calls[-1] == ("end_run", "FAILED")


@pytest.mark.parametrize("name", ["tensorboard", "wandb", "mlflow"])
def test_a_tracker_that_is_not_installed_names_its_extra(tmp_path: Path, monkeypatch, name):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard" if name == "tensorboard" else name, None)
    with pytest.raises(ConfigError, match=rf"pip install 'motet\[{name}\]'"), trackers([name], "s", tmp_path):
        pass


def test_a_tracker_that_is_not_there_closes_those_that_are(tmp_path: Path, monkeypatch, fake):
    wandb = fake("wandb")
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(ConfigError), trackers(["wandb", "mlflow"], "shop", tmp_path):
        pass
    assert wandb.calls[-1] == ("finish", 1)


def test_a_tracker_that_cannot_begin_says_why(tmp_path: Path, monkeypatch, fake):
    def refuse(**named: Any) -> None:
        raise RuntimeError("no server at this address\nwith many lines more")

    monkeypatch.setitem(sys.modules, "mlflow", SimpleNamespace(start_run=refuse))
    wandb = fake("wandb")
    said = r"mlflow cannot begin \(no server at this address\)\. Set it up, or take it out\."
    with pytest.raises(ConfigError, match=said), trackers(["wandb", "mlflow"], "shop", tmp_path):
        pass
    assert wandb.calls[-1] == ("finish", 1)


def test_tensorboard_gets_one_folder_a_model(tmp_path: Path):
    pytest.importorskip("tensorboard")
    with trackers(["tensorboard"], "shop", tmp_path) as log:
        log(TRAINED)
        log(MEASURED)
    assert {path.name for path in (tmp_path / "tensorboard").iterdir()} == {"joint", "twin_of_like"}
    files = list((tmp_path / "tensorboard" / "twin_of_like").iterdir())
    assert len(files) == 1
    assert b"metrics/like/auc" in files[0].read_bytes()


def test_no_tracker_takes_records_in_silence(tmp_path: Path):
    with trackers([], "shop", tmp_path) as log:
        log(TRAINED)
    assert not list(tmp_path.iterdir())
