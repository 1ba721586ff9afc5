"""`motet check` counts the rows that training has: masked windows, splits of other tasks, rows of its own."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from motet.cli.check import page
from motet.config import Config
from motet.data.dataset import prepare
from motet.data.division import clean_divided
from motet.data.survey import survey
from motet.data.timelines import TEST, TRAIN, VALID, Timelines
from motet.errors import DataError
from tests.worlds import tiny_config, tiny_tables, tiny_world

NEXT = {"name": "next", "kind": "next_item", "positive": ["click", "rate"]}
CLICK = {"name": "click", "kind": "binary", "label": "clicked", "types": ["impression"]}
RATED = {
    "name": "rated",
    "kind": "binary",
    "label": {"of": "impression", "event": "rate", "within": "30h"},
}
OWN = {"split": {"kind": "leave_one_out"}}
CLIPPED = {"data__events__outcomes": ["clicked", {"column": "dwell", "missing": "median"}]}


def checked(folder: Path, **changes: Any) -> tuple[dict[str, Any], Timelines]:
    """What `motet check` says of a tiny world, and the timelines of a training on it."""
    settings, made = tiny_config(**changes), tiny_world(users=30)
    tables, _ = clean_divided(tiny_tables(made, settings), settings)
    log = prepare(tables, settings).log
    for name in ("items", "users", "events"):
        getattr(made, name).write_parquet(folder / f"{name}.parquet")
    return survey(_of_files(settings), folder), log


def _of_files(settings: Config) -> Config:
    data = settings.data
    for source in (*data.items, *data.users, *data.events):
        source.path[:] = [f"{source.path[0]}.parquet"]
    return settings


def trained_on(log: Timelines, task: str) -> dict[str, int]:
    """Rows of a task that a training learns from and is measured on."""
    known_N = ~np.isnan(log.label[task]) if task in log.label else log.positive[task]
    rows = {"train": log.train_N, "valid": log.part[task] == VALID, "test": log.part[task] == TEST}
    return {name: int((rows_N & known_N).sum()) for name, rows_N in rows.items()}


def asked(found: dict[str, Any], task: str) -> dict[str, int]:
    parts = found["tasks"][task]["parts"]
    return {name: parts[name]["asked"] for name in ("train", "valid", "test")}


@pytest.mark.parametrize("changes", [{}, CLIPPED], ids=["parts are made here", "parts are carried"])
def test_rows_whose_window_is_not_over_at_a_cut_are_not_counted_but_told(tmp_path, changes):
    found, log = checked(tmp_path, tasks=[NEXT, RATED], **changes)
    assert asked(found, "rated") == trained_on(log, "rated")
    task, shown = found["tasks"]["rated"], int((tiny_world(users=30).events["did"] == "impression").sum())
    assert task["open"] == shown - sum(asked(found, "rated").values()) > 0
    assert f"rows masked because their window of 30h was not over: {task['open']}" in "\n".join(page(found))


def test_a_task_without_a_window_has_no_masked_rows(tmp_path):
    found, _ = checked(tmp_path)
    assert {task["open"] for task in found["tasks"].values()} == {0}
    assert "rows masked because" not in "\n".join(page(found))


def test_rows_that_the_split_of_another_task_holds_out_do_not_count_as_training_rows(tmp_path):
    random = {"split": {"kind": "random", "valid": 0.2, "test": 0.2}}
    found, log = checked(tmp_path, tasks=[NEXT, CLICK | random])
    for task in ("next", "click"):
        assert asked(found, task) == trained_on(log, task)
        held = log.part[task] == TRAIN
        held &= ~log.train_N & (log.positive["next"] if task == "next" else ~np.isnan(log.label["click"]))
        assert found["tasks"][task]["elsewhere"] == held.sum() > 0
    assert "rows that the split of another task holds out" in "\n".join(page(found))


def test_check_counts_what_a_row_task_of_its_own_leave_one_out_holds_out(tmp_path):
    found, log = checked(tmp_path, tasks=[NEXT, CLICK | OWN])
    assert asked(found, "click") == trained_on(log, "click")
    assert asked(found, "click")["test"] == 30


def test_leave_one_out_of_its_own_is_not_told_that_it_holds_out_the_rows_of_others(tmp_path):
    long = RATED | {"label": RATED["label"] | {"within": "200h"}}
    settings = tiny_config(tasks=[NEXT, long | OWN], data__cleaning={"outliers": "keep"})
    for name in ("items", "users", "events"):
        getattr(tiny_world(), name).write_parquet(tmp_path / f"{name}.parquet")
    with pytest.raises(DataError) as refused:
        survey(_of_files(settings), tmp_path)
    assert "tasks.rated" in str(refused.value)
    assert "rows of this task are others" not in str(refused.value)
