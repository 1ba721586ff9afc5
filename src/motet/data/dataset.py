"""Dataset: catalogue and timelines as arrays, with the fitted encodings that made them.

`prepare` learns the encodings from the training rows; `reopen` reads files again with the encodings of a
trained model.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from motet.config import Config
from motet.config.data import Column
from motet.config.tasks import Binary, Multiclass, NextItem, Regression, Task, is_row_task
from motet.data.behaviour import REPEATS_FROM, behaviour, repeat_share
from motet.data.catalogue import Catalogue, build_catalogue
from motet.data.division import holds_out_its_own, make_parts, part_columns
from motet.data.labels import label_columns, signal_values
from motet.data.order import materialise_order
from motet.data.suspects import statements, suspects
from motet.data.table import Feature, Roles, Tables
from motet.data.timelines import TRAIN, Timelines, Unmet, asked_before, moment_starts, refuse_empty_tasks
from motet.data.vocabulary import Encoding, fit_encoding
from motet.data.windows import cut_times
from motet.system.log import stage

FEW_VALUES = 20  # a value column with at most so many different values is read as a category


@dataclass(frozen=True)
class Encodings:
    """What was learned from the training rows; saved with a model."""

    event: Encoding
    request: Encoding
    user: Encoding
    classes: dict[str, tuple[str, ...]]  # multiclass task -> its classes
    seen_once: bool


@dataclass(frozen=True)
class Dataset:
    """Everything that training, evaluation and serving read."""

    catalogue: Catalogue
    log: Timelines
    encodings: Encodings
    statements: list[str]  # what was inferred, for the report
    behaviour: dict[str, Any]  # what users do, for the report


def prepare(tables: Tables, config: Config) -> Dataset:
    """Order, label, split and encode cleaned tables.

    Args:
        tables: From `motet.data.cleaning`.
        config: The configuration.

    Raises:
        DataError: A split leaves nothing to train or to test on, or a label cannot be read.
    """
    events, parts = _ordered(tables, config)
    train_N = np.logical_and.reduce([part == TRAIN for part in parts.values()])
    train = learned_from(events, train_N)
    catalogue = build_catalogue(tables, events["@item"].unique(), train["@item"].unique(), config.data_seed)
    features = _event_features(tables, train)
    users = _user_frame(tables, events)
    once, said = _seen_once(train, config)
    encodings = Encodings(
        event=fit_encoding(events, features, train_N),
        request=fit_encoding(events, known_when_asked(tables.roles), train_N),
        user=fit_encoding(
            users, tables.roles.user, users["@user"].is_in(train["@user"].implode()).to_numpy()
        ),
        classes={
            task.name: _classes(train[f"label:{task.name}"])
            for task in config.tasks
            if isinstance(task, Multiclass)
        },
        seen_once=once,
    )
    log = _timelines(tables, events, config, parts, catalogue, encodings)
    own = {task.name for task in config.tasks if holds_out_its_own(task)}
    kinds = {name: split.kind for name, (_, split) in part_columns(config).items() if name not in own}
    refuse_empty_tasks(log, kinds)
    labels = [f"label:{name}" for name in log.label if name not in encodings.classes]
    part = pl.Series("@part", next(iter(parts.values())))
    page = behaviour(events, tables.items, part=part, labels=labels, seed=config.data_seed)
    doubts = statements(suspects(events, tables, train_N))
    return Dataset(catalogue, log, encodings, [said, *doubts], page)


def learned_from(events: pl.DataFrame, train_N: np.ndarray) -> pl.DataFrame:
    """The events that anything may be learned from: those that train every task."""
    return events.filter(pl.Series(train_N))


def known_when_asked(roles: Roles) -> tuple[Feature, ...]:
    """Event columns that a row may read of itself; its outcomes are read by later states alone."""
    return roles.context


def reopen(
    tables: Tables, config: Config, items: Catalogue, encodings: Encodings, rows: pl.DataFrame | None = None
) -> tuple[Dataset, np.ndarray]:
    """Read tables with the encodings of a trained model; nothing is learned.

    Args:
        tables: Cleaned tables.
        config: Of the trained model.
        items: Its catalogue.
        encodings: Its encodings.
        rows: Questions about users and items (canonical columns and context columns) to put among the
            events, or None.

    Returns:
        The dataset (with questions every row trains, for there is no split), and each question's place in
        the log.
    """
    if rows is None:
        events, parts = _ordered(tables, config)
        log = _timelines(tables, events, config, parts, items, encodings)
        return Dataset(items, log, encodings, [], {}), np.zeros(0, int)
    events = tables.events.collect(engine="streaming").with_columns(pl.lit(-1, pl.Int64).alias("@question"))
    asked = rows.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias("@question"))
    asked = _of_types(asked, events.schema)
    both = materialise_order(pl.concat([events, asked], how="diagonal"), config.data_seed)
    both = label_columns(both, config.tasks, None)
    parts = {task.name: np.zeros(both.height, np.int8) for task in config.tasks}
    log = _timelines(tables, both, config, parts, items, encodings)
    question_N = both["@question"].to_numpy()
    place = np.flatnonzero(question_N >= 0)
    return Dataset(items, log, encodings, [], {}), place[np.argsort(question_N[place])]


def _of_types(asked: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    """Questions with the types of the log, so that they can stand in it."""
    cells = []
    for name in (each for each in asked.columns if each in schema):
        cell = pl.col(name)
        if schema[name] == pl.List and asked.schema[name] != pl.List:
            cell = pl.when(cell.is_not_null()).then(pl.concat_list(name))
        cells.append(cell.cast(schema[name], strict=False).alias(name))
    return asked.with_columns(cells)


@stage("order and labels")
def _ordered(tables: Tables, config: Config) -> tuple[pl.DataFrame, dict[str, np.ndarray]]:
    """Events in order with their label columns, and the part of every row for each task."""
    events = materialise_order(tables.events.collect(engine="streaming"), config.data_seed)
    events = label_columns(events, config.tasks, None)
    parts = make_parts(events, config)
    if any(_windowed(task) for task in config.tasks):
        events = label_columns(events, config.tasks, cut_times(events, parts.values()))
    return events, parts


def _windowed(task: Task) -> bool:
    return not isinstance(getattr(task, "label", ""), str)


def _event_features(tables: Tables, train: pl.DataFrame) -> tuple[Feature, ...]:
    extra: list[Feature] = []
    if train["@type"].n_unique() > 1:
        extra.append(Feature("@type", "categorical", Column(column="@type"), False))
    if "@value" in train.columns and train["@value"].is_not_null().any():
        few = train["@value"].n_unique() <= FEW_VALUES
        extra.append(Feature("@value", "categorical" if few else "numeric", Column(column="@value"), False))
    return (*extra, *tables.roles.context, *tables.roles.outcome)


def _seen_once(train: pl.DataFrame, config: Config) -> tuple[bool, str]:
    repeats = config.data.repeats
    if repeats != "auto":
        return not repeats, f"Items {'can' if repeats else 'do not'} come again (set in the configuration)."
    share = repeat_share(train)
    once = share < REPEATS_FROM
    said = "do not come again: what a user already has is left out" if once else "can come again"
    return once, f"Items {said} ({share:.1%} of training events are on an item that the user had before)."


def _classes(label: pl.Series) -> tuple[str, ...]:
    return tuple(sorted(label.drop_nulls().cast(pl.String).unique().to_list()))


def _user_frame(tables: Tables, events: pl.DataFrame) -> pl.DataFrame:
    users = events["@user"].unique(maintain_order=True).to_frame()
    if tables.users is None:
        return users
    known = tables.users.with_columns(pl.col("@user").cast(users["@user"].dtype, strict=False))
    return users.join(known, on="@user", how="left", maintain_order="left")


@stage("timelines")
def _timelines(
    tables: Tables,
    events: pl.DataFrame,
    config: Config,
    parts: dict[str, np.ndarray],
    catalogue: Catalogue,
    encodings: Encodings,
) -> Timelines:
    users = _user_frame(tables, events)
    lengths = events["@user"].rle().struct.field("len").to_numpy()
    offset_U = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    user_N = np.repeat(np.arange(len(lengths)), lengths)
    item_N = catalogue.numbers(events["@item"])
    moment_N = moment_starts(user_N, events["@moment"].to_numpy())
    positive = {
        t.name: events[f"positive:{t.name}"].fill_null(False).to_numpy()
        for t in config.tasks
        if isinstance(t, NextItem)
    }
    unmet = {
        name: Unmet(user_N[new_N], events["@item"].filter(pl.Series(new_N)))
        for name, new_N in ((name, mask & (item_N == 0)) for name, mask in positive.items())
    }
    positive = {name: mask & (item_N > 0) for name, mask in positive.items()}
    any_positive = np.logical_or.reduce(list(positive.values())) if positive else np.ones(len(item_N), bool)
    label = {t.name: _label(events, t, encodings.classes) for t in config.tasks if is_row_task(t)}
    event_code, event_number = encodings.event.encode(events)
    request_code, request_number = encodings.request.encode(events)
    user_code, user_number = encodings.user.encode(users)
    timed = bool(events["@time"].is_not_null().any())
    return Timelines(
        user_ids=users["@user"],
        offset_U=offset_U,
        item_N=item_N,
        time_N=events["@time"].fill_null(0).to_numpy().astype(np.int64),
        timed=timed,
        moment_N=moment_N,
        ask_N=asked_before(user_N, item_N, moment_N, any_positive),
        event_code_NJ=event_code,
        event_number_NV=event_number,
        request_code_NJ=request_code,
        request_number_NV=request_number,
        user_code_UJ=user_code,
        user_number_UV=user_number,
        label=label,
        positive=positive,
        part=parts,
        seen_once=encodings.seen_once,
        told={t.name: label[t.name] for t in config.tasks if is_row_task(t) and known_at_once(t)},
        signal=signal_values(events, config.data.counters.signals),
        unmet=unmet,
    )


def known_at_once(task: Task) -> bool:
    """Whether a task's label is a number that is known with its event, and not only some time later."""
    return isinstance(task, Binary | Regression) and not looks_ahead(task)


def looks_ahead(task: Task) -> bool:
    """Whether a task's label is read from later events, so that it is not known with its own."""
    return _windowed(task)


def _label(events: pl.DataFrame, task: Task, classes: dict[str, tuple[str, ...]]) -> np.ndarray:
    column = events[f"label:{task.name}"]
    if isinstance(task, Multiclass):
        place = {name: float(index) for index, name in enumerate(classes[task.name])}
        return (
            column.cast(pl.String)
            .replace_strict(place, default=None, return_dtype=pl.Float64)
            .to_numpy()
            .astype(np.float32)
        )
    label_N = column.cast(pl.Float64).to_numpy().astype(np.float32)
    return (
        np.log1p(np.maximum(label_N, 0))
        if isinstance(task, Regression) and task.transform == "log1p"
        else label_N
    )
