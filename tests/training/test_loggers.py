"""The seam to experiment trackers."""

import sys
from pathlib import Path

import pytest

from motet.errors import ConfigError
from motet.training.loggers import open_loggers


def test_a_tracker_that_is_not_installed_names_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(ConfigError, match=r"pip install 'motet\[mlflow\]'"):
        open_loggers(["mlflow"], "shop", tmp_path)


def test_tensorboard_gets_one_folder_a_model(tmp_path: Path):
    pytest.importorskip("tensorboard")
    log = open_loggers(["tensorboard"], "shop", tmp_path)
    log({"model": "twin of like", "epoch": 1, "metrics": {"like": {"auc": 0.75}}, "loss": {"like": 0.5}})
    files = list((tmp_path / "tensorboard" / "twin_of_like").iterdir())
    assert len(files) == 1
    assert b"metrics/like/auc" in files[0].read_bytes()


def test_no_tracker_takes_records_in_silence(tmp_path: Path):
    open_loggers([], "shop", tmp_path)({"model": "joint", "epoch": 1})
    assert not list(tmp_path.iterdir())
