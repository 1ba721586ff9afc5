"""Which counters a log gets: when a label counts, and what a frozen history may count."""

from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from motet.data.counters import CounterPlan, Counters
from motet.data.counting import known_after
from motet.data.dataset import prepare, reopen
from motet.data.division import clean_divided
from motet.gather import count, gather
from tests.worlds import HOUR, tiny_config, tiny_settings, tiny_tables, tiny_world

SOON = {
    "name": "soon",
    "kind": "binary",
    "label": {"of": "impression", "event": "rate", "within": "1d"},
}


def counters_of(config, world):
    tables, _ = clean_divided(tiny_tables(world, config), config)
    dataset = prepare(tables, config)
    train_NC, _, names, views = count(config, tables, dataset)
    return dataset.log, train_NC, names, views


def test_a_label_is_known_at_once_or_when_its_window_is_over():
    tasks = tiny_config(tasks=[*tiny_settings()["tasks"], SOON]).tasks
    assert known_after(tasks) == {"click": 0, "stars": 0, "soon": 24 * HOUR}


def test_targets_that_become_known_at_different_times_count_from_then_on():
    plan = CounterPlan(("item",), ("now", "late"), (), smoothing=1.0)
    key_KN, time_N = np.zeros((1, 3), np.int64), np.array([0, 10, 30])
    target_MN = np.array([[1.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    found = Counters(plan).run(key_KN, time_N, time_N, target_MN, time_N + np.array([[0], [20]]))
    names = Counters(plan).names()
    assert np.allclose(found[:, names.index("item.count")], np.log1p([0, 1, 2]))
    # (sum + mean) / (rows + 1): nothing known, one of one, one of two
    assert np.allclose(found[:, names.index("item.now")], [0, 1, 0.5])
    # at 30 the first label (known at 20) counts, the second (known at 30) does not yet
    assert np.allclose(found[:, names.index("item.late")], [0, 0, 1])


def test_a_log_without_labels_has_the_counters_that_the_model_was_trained_with():
    world, config = tiny_world(), tiny_config()
    tables, _ = clean_divided(tiny_tables(world, config), config)
    dataset = prepare(tables, config)
    train_NC, scaler, names, _ = count(config, tables, dataset)
    unrated = replace(world, events=world.events.with_columns(stars=pl.lit(None, pl.Float64)))
    tables, _ = clean_divided(tiny_tables(unrated, config), config)
    opened, _ = reopen(tables, config, dataset.catalogue, dataset.encodings)
    again_NC, _, others, _ = count(config, tables, opened, scaler)
    assert others == names
    assert again_NC.value_RC.shape[1] == train_NC.value_RC.shape[1]


def test_counting_shows_how_far_it_is(monkeypatch):
    bars = []

    class Told:
        def __init__(self, total, what):
            self.total, self.what, self.done = total, what, 0

        def advance(self, steps=1, values=None):
            self.done += steps

    @contextmanager
    def told(total, what):
        bars.append(Told(total, what))
        yield bars[-1]

    monkeypatch.setattr("motet.gather.progress", told)
    for history in ("rolling", "frozen"):
        counters_of(tiny_config(evaluation__history=history), tiny_world())
    assert [bar.what for bar in bars] == ["counters", "counters"]
    assert all(bar.done == bar.total > 0 for bar in bars)


def test_preparation_is_told_of_stage_by_stage(monkeypatch):
    told = []
    monkeypatch.setattr("motet.system.log._tell", lambda what, *_: told.append(what))
    config = tiny_config()
    gather(config, Path(), tiny_tables(tiny_world(), config))
    expected = ["cleaning", "order and labels", "encoding", "timelines", "behaviour of users"]
    assert [what for what in dict.fromkeys(told) if what in expected] == expected


def test_a_frozen_history_counts_nothing_that_came_after_the_row():
    # by chance: training rows lie after test rows, so the order of parts is no order in time
    config = tiny_config(data__split={"kind": "random", "test": 0.3}, evaluation__history="frozen")
    log, _, names, views = counters_of(config, tiny_world())
    first_R = np.flatnonzero((log.time_N == log.time_N.min()) & (views[0].part_N > 0))
    assert len(first_R) > 0
    never = [place for place, name in enumerate(names) if name.endswith(".never")]
    assert (views[0].counter_NC[first_R][:, never] > 0).all()
