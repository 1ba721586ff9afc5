"""Snapshots of a training: which epochs stay."""

import torch
from torch import nn

from motet.training.snapshots import BestEpochs, Snapshots, load_snapshot, snapshots_in


def train(folder, count, best_epochs, epochs):
    """A training whose weight is the number of its epoch, counted from 1."""
    keep, model = Snapshots(folder, count), nn.Linear(1, 1)
    model.bias.requires_grad_(False)
    for epoch in range(epochs):
        with torch.no_grad():
            model.weight.fill_(epoch + 1)
        keep(model, {"epoch": epoch + 1, "best": epoch + 1 in best_epochs})
    keep.finish(max(best_epochs))
    return {epoch: load_snapshot(path) for epoch, path in snapshots_in(folder).items()}


def test_the_epochs_before_the_best_one_stay(tmp_path):
    found = train(tmp_path, 2, best_epochs={1, 2, 5}, epochs=8)
    assert list(found) == [3, 4]
    assert [float(each["weight"]) for each in found.values()] == [3, 4]


def test_weights_that_do_not_learn_are_not_kept(tmp_path):
    assert train(tmp_path, 1, {2}, 2)[1].keys() == {"weight"}


def test_there_are_fewer_where_the_best_epoch_comes_early(tmp_path):
    assert list(train(tmp_path, 5, {1, 2}, 4)) == [1]
    assert train(tmp_path / "first", 5, {1}, 4) == {}


def test_while_training_goes_on_no_more_lie_there_than_may_still_be_wanted(tmp_path):
    keep, model = Snapshots(tmp_path, 2), nn.Linear(1, 1)
    for epoch in range(20):
        keep(model, {"epoch": epoch + 1, "best": True})
        assert list(snapshots_in(tmp_path)) == [each for each in range(epoch - 1, epoch + 2) if each > 0]


def test_a_training_that_goes_on_finds_what_was_kept(tmp_path):
    Snapshots(tmp_path, 2)(nn.Linear(1, 1), {"epoch": 1, "best": True})
    later = Snapshots(tmp_path, 2)
    later(nn.Linear(1, 1), {"epoch": 2, "best": True})
    later.finish(2)
    assert list(snapshots_in(tmp_path)) == [1]


def test_nothing_is_kept_where_nothing_was_written(tmp_path):
    Snapshots(tmp_path / "none", 3).finish(1)
    assert snapshots_in(tmp_path / "none") == {}


METRICS = {"click": "auc", "stars": "rmse"}


def record(epoch: int, auc: float, rmse: float) -> dict:
    return {"epoch": epoch, "best": False, "metrics": {"click": {"auc": auc}, "stars": {"rmse": rmse}}}


def test_the_epochs_in_which_a_task_was_best_stay(tmp_path):
    keep, model = BestEpochs(tmp_path / "best", METRICS), nn.Linear(1, 1)
    for epoch, auc, rmse in ((1, 0.6, 1.2), (2, 0.7, 1.1), (3, 0.65, 1.0), (4, 0.6, 1.3)):
        with torch.no_grad():
            model.weight.fill_(epoch)
        keep(model, record(epoch, auc, rmse))
    assert list(snapshots_in(tmp_path / "best")) == [2, 3]
    assert keep.epochs(["click"]) == [2]
    assert keep.epochs(["stars", "click", "unknown"]) == [2, 3]
    assert float(keep.weights(2)["weight"]) == 2
    later = BestEpochs(tmp_path / "best", METRICS)  # a training that goes on
    later(model, record(5, 0.69, 0.9))
    assert later.epochs(METRICS) == [2, 5]


def test_a_task_without_a_figure_has_no_best_epoch(tmp_path):
    keep = BestEpochs(tmp_path, METRICS)
    keep(nn.Linear(1, 1), record(1, float("nan"), 1.0))
    assert keep.epochs(["click"]) == []
    assert keep.epochs(["stars"]) == [1]
