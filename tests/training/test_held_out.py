"""Who is held out for the leader, and a training in which weights are chosen on their rows."""

import json
from dataclasses import replace
from itertools import count

import numpy as np
import pytest

from motet.data.loader import Feed, learned_rows
from motet.errors import DataError
from motet.run import train
from motet.training.fit import fit
from motet.training.held_out import LeaderBatches, held_out_rows, told
from motet.training.stackelberg import StackelbergBalance
from tests.model.world import changed, material
from tests.trained import run_config, world_folder

LED = {"kind": "stackelberg", "leader": "click", "held_out": 0.25, "every": 2}


def held(**changes) -> np.ndarray:
    found = held_out_rows(changed(training__balance=LED, **changes), material().prepared.dataset.log)
    assert found is not None
    return found


def test_whole_users_are_held_out_as_many_as_are_asked_for():
    log = material().prepared.dataset.log
    held_N = held()
    learning = np.unique(log.user_N[learned_rows(log)])
    assert len(np.unique(log.user_N[held_N])) == round(0.25 * len(learning))
    assert not set(log.user_N[held_N]) & set(log.user_N[~held_N])
    assert (held() == held_N).all()
    seeds = [held(training__seed=seed).tobytes() for seed in range(6)]
    assert len(set(seeds)) > 1


def test_every_item_and_every_task_keeps_something_to_learn_from():
    log = material().prepared.dataset.log
    held_N = held()
    assert set(log.item_N[log.train_N & ~held_N]) == set(log.item_N[log.train_N])
    left_N = log.train_N & ~held_N
    assert all((left_N & ~np.isnan(label_N)).any() for label_N in log.label.values())
    assert (held_N & log.train_N & ~np.isnan(log.label["click"])).any()


def test_where_nobody_can_be_spared_it_says_so():
    log = material().prepared.dataset.log
    alone = replace(log, item_N=np.arange(len(log), dtype=np.int32))
    with pytest.raises(DataError, match="no training user can be held out to choose weights for click"):
        held_out_rows(changed(training__balance=LED), alone)


def test_without_a_leader_or_followers_nobody_is_held_out():
    log = material().prepared.dataset.log
    assert held_out_rows(changed(), log) is None
    config = changed(training__balance=LED)
    for tasks in (config.tasks[:1], config.tasks[1:2]):  # twins of a follower and of the leader
        twin = config.model_copy(update={"tasks": tasks})
        assert held_out_rows(twin, log) is None
        assert told(twin, log) == []


def test_batches_of_the_leader_visit_all_its_rows_in_every_pass():
    prepared, held_N = material().prepared, held()
    log = prepared.dataset.log
    feed = Feed(prepared.dataset, 8, 1, 0, prepared.counter_NC, held_N)
    batches = LeaderBatches(feed, 0)
    passes = [
        [batches(turn * len(batches.epoch) + at).row_BP for at in range(len(batches.epoch))]
        for turn in (0, 1)
    ]
    for rows in passes:
        seen = np.concatenate([row[row >= 0].numpy() for row in rows])
        assert sorted(seen) == np.flatnonzero(held_N & learned_rows(log)).tolist()


def test_rows_that_are_held_out_teach_the_model_nothing(monkeypatch):
    """With other labels of theirs the model learns the same, as long as weights stay."""
    monkeypatch.setattr(StackelbergBalance, "move", lambda self, slopes, pace: None)
    prepared, held_N = material().prepared, held()
    log = prepared.dataset.log
    rows = np.flatnonzero(held_N & log.train_N & ~np.isnan(log.label["click"]))
    changed_N = log.label["click"].copy()
    changed_N[rows] = np.sort(changed_N[rows])[::-1]  # their mean stays, by which losses are scaled
    assert (changed_N[rows] != log.label["click"][rows]).any()
    other = replace(prepared.dataset, log=replace(log, label=log.label | {"click": changed_N}))
    better = count(1)
    losses = []
    for dataset in (prepared.dataset, other):
        records: list[dict] = []
        config = changed(training__balance=LED, training__epochs=2)
        fit(
            config, replace(prepared, dataset=dataset),
            lambda model: {"next": {"ndcg@10": next(better)}, "click": {"auc": 0.5}, "stars": {"rmse": 1}},
            records.append,
        )  # fmt: skip
        losses.append([record["loss"] for record in records if record["event"] == "train"])
    assert losses[0] == losses[1]


def test_a_run_chooses_weights_for_its_leader_and_says_on_whose_rows(tmp_path):
    alone = {"report__twins": "none", "report__ablations": [], "report__baselines": []}
    balance = {"kind": "stackelberg", "leader": "click", "every": 2}
    done = train(run_config(training__balance=balance, **alone), world_folder(), tmp_path / "run")
    said = "The weights of the tasks are chosen for click on the training rows of 2 of 30 users"
    assert any(line.startswith(said) for line in done.metrics["statements"])
    log = (done.folder / "log.jsonl").read_text().splitlines()
    weights = [json.loads(line)["weights"] for line in log if '"train"' in line][-1]
    assert set(weights) == {"next", "click", "stars", "type"}
    assert len(set(weights.values())) == 4
    assert sum(weights.values()) == pytest.approx(4.0, rel=1e-5)
