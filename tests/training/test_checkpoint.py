"""Checkpoints: whole or not at all, and nothing forgotten."""

import os

import pytest
import torch
from safetensors import safe_open
from torch import nn

from motet.errors import ArtifactError
from motet.training.checkpoint import load_checkpoint, save_checkpoint
from motet.training.optimizer import WeightAverage, build_optimizer

STATE = {
    "epoch": 2,
    "first": 3,
    "best": {"a": {"auc": 0.1 + 0.2}},
    "best_epoch": -1,
    "history": [{"x": None}],
}


class Parts:
    """A module, its optimiser after a step, its average."""

    def __init__(self, seed: int, width: int = 3) -> None:
        torch.manual_seed(seed)
        self.module = nn.Linear(width, 2)
        self.optimizer = build_optimizer([self.module], 0.1, 0.01)
        self.average = WeightAverage(self.module, 0.9)
        self.step()

    def step(self) -> None:
        self.optimizer.zero_grad()
        self.module(torch.ones(1, self.module.in_features)).square().sum().backward()
        self.optimizer.step()
        self.average.update(self.module, 5)

    def save(self, path, state=STATE):
        best = {"weight": torch.full((2, 3), 7.0)}
        save_checkpoint(path, {"model": self.module}, self.optimizer, self.average, best, state)

    def load(self, path):
        return load_checkpoint(path, {"model": self.module}, self.optimizer, self.average)


def test_a_checkpoint_brings_everything_back(tmp_path):
    path = tmp_path / "deep" / "joint.safetensors"
    one, other = Parts(0), Parts(1)
    one.save(path)
    best, state = other.load(path)
    assert state == STATE
    assert best["weight"].unique().tolist() == [7.0]
    for _ in range(3):
        one.step()
        other.step()
    assert torch.equal(one.module.weight, other.module.weight)
    assert torch.equal(one.average.shadow["bias"], other.average.shadow["bias"])


def test_a_number_that_is_none_comes_back_as_such(tmp_path):
    path = tmp_path / "joint.safetensors"
    Parts(0).save(path, {"best": {"a": {"auc": float("nan")}}})
    value = Parts(1).load(path)[1]["best"]["a"]["auc"]
    assert value != value


def test_the_file_is_plain_safetensors(tmp_path):
    path = tmp_path / "joint.safetensors"
    Parts(0).save(path)
    with safe_open(path, framework="pt") as file:
        names = set(file.keys())
    assert {"weights/model/weight", "optimizer/0/exp_avg", "average/bias", "best/weight"} <= names


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    path = tmp_path / "joint.safetensors"
    Parts(0).save(path)
    with pytest.raises(ArtifactError, match=r"joint\.safetensors: the checkpoint belongs to another model"):
        Parts(1, width=4).load(path)


def test_a_write_that_is_broken_off_leaves_the_older_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "joint.safetensors"
    one = Parts(0)
    one.save(path)
    before = path.read_bytes()

    def killed(*_):
        raise SystemExit

    monkeypatch.setattr(os, "replace", killed)
    one.step()
    with pytest.raises(SystemExit):
        one.save(path)
    assert path.read_bytes() == before
