"""A survey of configuration and data without training: what `motet check` tells.

The log streams through cleaning; only the columns that order, labels and splits read are then held in memory.
"""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from motet.config import Config
from motet.config.data import Split
from motet.config.pretraining_conflicts import refuse_without_tasks
from motet.config.tasks import NextItem, Task, Window, is_row_task
from motet.data.cuts import iso
from motet.data.division import clean_divided, holds_out_its_own, make_parts, needed_columns, part_columns
from motet.data.item_pairs import ItemPairs
from motet.data.labels import label_columns
from motet.data.order import materialise_order
from motet.data.pairs import PairRows
from motet.data.readers import read_tables
from motet.data.suspects import suspects
from motet.data.table import Feature, Tables
from motet.data.tagged import TaggedRows
from motet.data.text_rows import read_rows
from motet.data.texts import TextRows
from motet.data.timelines import PARTS, TRAIN, UNUSED, advice_for_empty, refuse_empty_task
from motet.data.windows import cut_times
from motet.system.log import stage

_FAR = int(np.iinfo(np.int64).max)
MOST_LOOKED_AT = 1_000_000  # events; suspects of a longer log are looked for when it is trained on


def survey(config: Config, folder: Path) -> dict[str, Any]:
    """Read, clean, order, label and split.

    Args:
        config: The configuration.
        folder: Where its relative paths begin.

    Returns:
        JSON-able: ``name``, ``cleaning`` (the account), ``columns`` (role -> features), ``log`` (users,
        items, events, types, kinds, first and last time), ``tasks`` (for each its split and the rows of every
        part as training has them, see `_rows_of`), ``suspects`` (from `motet.data.suspects`; None for a
        log that is too long to look) and ``texts`` (text task -> classes, rows of every part, what is to be
        told). Where no task reads events, ``name`` and ``texts`` alone.

    Raises:
        MotetError: What training would refuse, in the same words.
    """
    refuse_without_tasks(config)
    rows = {task.name: read_rows(task, config.data, folder, config.data_seed) for task in config.text_tasks}
    texts = {
        name: {
            "classes": list(each.classes),
            "of": _what_of(each),
            "parts": {part: len(each.rows(number)) for part, number in PARTS.items()},
            "statements": [*each.statements, *_later(name, each, events=bool(config.of_events.tasks))],
        }
        for name, each in rows.items()
    }
    events = config.of_events
    found = _of_events(events, folder) if events.tasks else {"name": config.name}
    return found | {"texts": texts}


def _what_of(rows: TextRows) -> str:
    """What a text task has, in words."""
    if isinstance(rows, ItemPairs):
        return f"{len(rows.answers):,} items"
    if isinstance(rows, PairRows):
        return f"{len(rows.answers):,} answers"
    return f"{len(rows.classes):,} {'tags' if isinstance(rows, TaggedRows) else 'classes'}"


def _later(name: str, rows: TextRows, *, events: bool) -> list[str]:
    """What only a training knows of a task that looks for items."""
    if not isinstance(rows, ItemPairs) or not events:
        return []
    return [f"{name}: what the log says of items (those held out, what users took) is added in training."]


def _of_events(config: Config, folder: Path) -> dict[str, Any]:
    splits = sorted({task.split.column for task in config.tasks if task.split and task.split.column})
    with stage("reading"):
        tables = read_tables(config.data, folder, extra=splits)
    tables, account = clean_divided(tables, config)
    looked = account.rows_out["events"] <= MOST_LOOKED_AT
    names = needed_columns(tables.events.collect_schema(), config) + (_own_columns(tables) if looked else [])
    events = tables.events.select(list(dict.fromkeys(names))).collect(engine="streaming")
    windowed = [task for task in config.tasks if _window(task) is not None]
    if windowed or not all(column in events.columns for column, _ in part_columns(config).values()):
        events = materialise_order(events, config.data_seed)
    events = label_columns(events, config.tasks)
    splits_of, parts_of = part_columns(config), make_parts(events, config)
    parts = [(task, splits_of[task.name][1], parts_of[task.name]) for task in config.tasks]
    open_of: dict[str, int] = {}
    if windowed:  # as in training: no label looks into a later part
        events = label_columns(events, config.tasks, cut_times(events, parts_of.values()))
        open_of = _open(events, windowed)
    _refuse_empty(parts, events)
    train_N = _train(parts)
    return {
        "name": config.name,
        "cleaning": account.to_json(ids=True),
        "account": list(account.lines()),
        "columns": _roles(tables),
        "log": _log(events, tables),
        "tasks": {
            task.name: {
                "kind": task.kind,
                "split": split.kind,
                **_rows_of(task, events, part_N, train_N),
                "window": _window(task),
                "open": open_of.get(task.name, 0),
            }
            for task, split, part_N in parts
        },
        "suspects": suspects(events, tables, train_N) if looked else None,
    }


def _own_columns(tables: Tables) -> list[str]:
    """Columns of events that could know too much, and what they could know."""
    own = [*tables.roles.context, *tables.roles.outcome]
    return [*(feature.name for feature in own if feature.kind in ("categorical", "numeric")), "@value"]


def _roles(tables: Tables) -> dict[str, list[dict[str, Any]]]:
    roles = tables.roles
    named = {"item": roles.item, "user": roles.user, "context": roles.context, "outcome": roles.outcome}
    return {role: [_feature(feature) for feature in features] for role, features in named.items()}


def _feature(feature: Feature) -> dict[str, Any]:
    return {"column": feature.column.column, "kind": feature.kind, "several": feature.many}


def _log(events: pl.DataFrame, tables: Tables) -> dict[str, Any]:
    first, last = events.select(first=pl.col("@time").min(), last=pl.col("@time").max()).row(0)
    return {
        "users": events["@user"].n_unique(),
        "items": events["@item"].n_unique(),
        "events": events.height,
        "types": _counted(events, "@type"),
        "catalogue": {
            "items": 0 if tables.items is None else tables.items.height,
            "kinds": _counted(tables.items, "@kind"),
        },
        "first": None if first is None else iso(first),
        "last": None if last is None else iso(last),
    }


def _counted(frame: pl.DataFrame | None, column: str) -> dict[str, int]:
    """Value -> rows, the most frequent first."""
    if frame is None or column not in frame.columns:
        return {}
    counts = frame.group_by(column).len().sort(["len", column], descending=[True, False])
    return dict(counts.iter_rows())


def _window(task: Task) -> str | None:
    """How long a task waits for the later event that its label tells of; None for other labels."""
    if isinstance(task, NextItem) or not isinstance(task.label, Window):
        return None
    return task.label.within


def _open(events: pl.DataFrame, windowed: list[Task]) -> dict[str, int]:
    """Rows that would have a label if their window had been over at their cut, by task."""
    waited = label_columns(events, windowed, _FAR)
    return {
        task.name: int((waited[name].is_not_null() & events[name].is_null()).sum())
        for task, name in ((task, f"label:{task.name}") for task in windowed)
    }


def _train(parts: list[tuple[Task, Split, np.ndarray]]) -> np.ndarray:
    """Rows that train every task, boolean."""
    train_N: np.ndarray = np.logical_and.reduce([part_N == TRAIN for _, _, part_N in parts])
    return train_N


def _refuse_empty(parts: list[tuple[Task, Split, np.ndarray]], events: pl.DataFrame) -> None:
    ranks = any(not is_row_task(task) for task, _, _ in parts)
    timed = events["@time"].null_count() < events.height
    for task, split, part_N in parts:
        others = split.kind == "leave_one_out" and is_row_task(task) and ranks
        others = others and not holds_out_its_own(task)
        what = "row with a label" if is_row_task(task) else "positive event"
        advice = advice_for_empty(others=others, timed=timed)
        said = f"tasks.{task.name}: there is no {what}"
        refuse_empty_task(said, _asked(task, events), part_N, _train(parts), advice)


def _asked(task: Task, events: pl.DataFrame) -> np.ndarray:
    """Rows that the task asks about, boolean."""
    if is_row_task(task):
        return events[f"label:{task.name}"].is_not_null().to_numpy()
    return events[f"positive:{task.name}"].fill_null(False).to_numpy()


def _rows_of(task: Task, events: pl.DataFrame, part_N: np.ndarray, train_N: np.ndarray) -> dict[str, Any]:
    """Rows of every part, and those of them that the task asks about; the mean label of those that train.

    A row trains that trains every task; ``elsewhere`` counts those asked about that only this one would.
    """
    asked_N, mean = _asked(task, events), None
    if is_row_task(task) and events[f"label:{task.name}"].dtype.is_numeric():
        mean = events[f"label:{task.name}"].filter(pl.Series(train_N)).mean()
    rows = {name: part_N == number for name, number in {**PARTS, "unused": UNUSED}.items()}
    elsewhere = int((rows["train"] & ~train_N & asked_N).sum())
    rows["train"] = train_N
    parts = {
        name: {"rows": int(rows_N.sum()), "asked": int((rows_N & asked_N).sum())}
        for name, rows_N in rows.items()
    }
    return {"parts": parts, "mean": mean, "elsewhere": elsewhere}
