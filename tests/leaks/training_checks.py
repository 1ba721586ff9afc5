"""Checks that nothing is learned from rows that do not train; each raises an AssertionError when it is."""

import json
from dataclasses import fields, replace
from typing import Any

import numpy as np
import polars as pl
import torch

from motet.config import Config
from motet.config.read import config_from_dict
from motet.data.division import clean_divided
from motet.data.loader import Epoch, Feed
from motet.data.timelines import TEST, TRAIN
from motet.features.items import ItemContent
from motet.training.fit import learn_facts
from tests.leaks.changes import with_events
from tests.leaks.stage import leak_config, prepare_all
from tests.worlds import BEGIN, DAY, HOUR, TEST_DAY, VALID_DAY, World, tiny_settings, tiny_tables, tiny_world

VALID_BEGIN, TEST_BEGIN = BEGIN + VALID_DAY * DAY, BEGIN + TEST_DAY * DAY
SPLITS: dict[str, dict[str, Any]] = {
    "leave one out": {"kind": "leave_one_out"},
    "time": tiny_settings()["data"]["split"],
    "random": {"kind": "random", "valid": 0.2, "test": 0.2},
    "folds": {"kind": "kfold", "folds": 4},
    "column": {"kind": "column", "column": "part"},
    "cold items": {"kind": "random", "valid": 0.2, "test": 0.2, "cold_items": 0.2},
    "cold users": {"kind": "random", "valid": 0.2, "test": 0.2, "cold_users": 0.3},
}
LAST = {"name": "last", "kind": "multiclass", "label": "did"}


def learned(world: World, config: Config, *, batches: bool = True) -> dict[str, Any]:
    """All that a training takes from a log: encodings, statistics, classes, and an epoch of batches."""
    dataset, prepared, _ = prepare_all(world, config)
    encodings, catalogue = dataset.encodings, dataset.catalogue
    assert prepared.scaler is not None
    found: dict[str, Any] = {
        "events": json.dumps(encodings.event.to_json()),
        "requests": json.dumps(encodings.request.to_json()),
        "users": json.dumps(encodings.user.to_json()),
        "items": json.dumps(catalogue.encoding.to_json()),
        "trained": catalogue.ids.filter(pl.Series(catalogue.trained_I[1:])).sort().to_list(),
        "beside": _beside(prepared.content, ["", *map(str, catalogue.ids.to_list())]),
        "classes": encodings.classes,
        "repeats": encodings.seen_once,
        "facts": str(learn_facts(config, prepared)),
        "scaler": {name: array.tolist() for name, array in prepared.scaler.save().items()},
    }
    if batches:
        feed = Feed(dataset, config.model.timeline.length, 4, 0, prepared.counter_NC)
        found |= {f"batch {n}": _plain(batch) for n, batch in enumerate(feed.epoch(0).since(0))}
    return found


def _beside(content: ItemContent, names: list[str]) -> list[tuple[str, str, float]]:
    """Pairs of items that lie beside each other, by name, and their shares."""
    assert content.beside is not None
    neighbour_IM, share_IM = content.beside
    item_P, place_P = np.nonzero(share_IM.numpy())
    pairs = zip(
        item_P, neighbour_IM[item_P, place_P].tolist(), share_IM[item_P, place_P].tolist(), strict=True
    )
    return sorted((names[item], names[other], round(share, 6)) for item, other, share in pairs)


def _plain(batch: Any) -> dict[str, Any]:
    """A batch as bytes, so that NaN equals NaN."""
    named = {each.name: getattr(batch, each.name) for each in fields(batch)}
    flat = {
        f"{name} {key}": value
        for name, part in named.items()
        for key, value in (part.items() if isinstance(part, dict) else [("", part)])
    }
    return {name: (tuple(value.shape), value.numpy().tobytes()) for name, value in flat.items()}


def assert_learned_the_same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    """All equal, bit for bit."""
    for name, value in expected.items():
        if isinstance(value, dict):
            moved = [key for key in value if value[key] != found[name].get(key)]
            assert not moved, f"{name}: {moved} read rows that do not train"
        assert found[name] == value, f"{name} read rows that do not train"


def nothing_is_learned_from_after_the_cut() -> None:
    """A split by time: another log after the cut, down to types and items, teaches the same."""
    world = _with_anchor(tiny_world())
    config = leak_config(tasks=[*leak_tasks(), LAST], data__repeats="auto")
    assert_learned_the_same(learned(_another_end(world), config), learned(world, config))


def newcomers_teach_nothing() -> None:
    """Users, items, surfaces and types that come after the cut leave every encoding as it is."""
    world = _with_anchor(tiny_world())
    config = leak_config(tasks=[*leak_tasks(), LAST], data__repeats="auto")
    expected = learned(world, config, batches=False)
    assert_learned_the_same(learned(_with_newcomers(world), config, batches=False), expected)


def outcomes_of_held_out_rows_teach_nothing(split: str = "random") -> None:
    """Where held-out rows lie between training rows, their outcomes reach neither batches nor counters."""
    world, config = tiny_world(ties=False), split_config(split)
    dataset, _, _ = prepare_all(world, config)
    log = dataset.log
    held = set(log.time_N[~log.train_N].tolist())
    events = [_other_outcomes(e) if e["at"] in held else e for e in world.events.to_dicts()]
    assert_learned_the_same(learned(with_events(world, events), config), learned(world, config))


def training_windows_hold_training_events_alone(split: str = "random") -> None:
    """No event of another part stands in a training window, and no row of another part is scored there."""
    world, config = tiny_world(), split_config(split)
    dataset, prepared, _ = prepare_all(world, config)
    train_N = np.logical_and.reduce([part == TRAIN for part in dataset.log.part.values()])
    assert not train_N.all()
    feed = Feed(dataset, config.model.timeline.length, 4, 0, prepared.counter_NC)
    for number in range(3):
        epoch = feed.epoch(number)
        assert train_N[epoch.collate.plan.visible_H].all(), "a window holds an event that does not train"
        assert train_N[_rows(epoch)].all(), "a row is learned from that does not train"


def _rows(epoch: Epoch) -> np.ndarray:
    found = [batch.row_BP[batch.row_BP >= 0] for batch in epoch.since(0)]
    return torch.cat(found).numpy()


def fillings_come_from_training_rows() -> None:
    """What fills a missing number is the mean of training rows, whatever the split."""
    world = tiny_world()
    depth = pl.when(pl.int_range(pl.len()) % 4 > 0).then(pl.col("dwell") * 2)
    events = world.events.with_columns(depth=depth)
    for split in SPLITS:
        config = _with_gaps(split)
        plain = _cleaned(replace(world, events=events), config)
        train = plain["@part:0"] == TRAIN
        held = pl.when(train).then(pl.col("depth")).otherwise(pl.col("depth") * 50)
        other = _cleaned(replace(world, events=events.with_columns(held)), config)
        assert other["@part:0"].equals(plain["@part:0"])
        filled = [each["depth"].filter(train).to_list() for each in (plain, other)]
        assert filled[0] == filled[1], f"held-out rows moved what fills a gap ({split})"


def _with_gaps(split: str) -> Config:
    """The configuration with a split and with a column whose gaps are filled with a mean."""
    gaps = {"column": "depth", "missing": "mean"}
    raw = split_config(split).model_dump()
    raw["data"]["events"][0]["context"] = [{"column": "surface", "count": True}, gaps]
    return config_from_dict(raw)


def _cleaned(world: World, config: Config) -> pl.DataFrame:
    return clean_divided(tiny_tables(world, config), config)[0].events.collect().sort("@row")


def a_cut_in_time_tears_no_moment() -> None:
    """A request that goes on after the cut lies after it as a whole."""
    world = tiny_world()
    events = world.events.to_dicts()
    for event in events:  # requests begin a second before the cut and go on after it
        if event["ask"] is not None and event["part"] == "valid":
            event["at"] = VALID_BEGIN + (-1000 if event["clicked"] else 1000)
    log = prepare_all(with_events(world, events), leak_config())[0].log
    part_N = log.part["next"]
    assert (part_N == part_N[log.moment_N]).all(), "a moment is torn"


def leave_one_out_trains_on_nothing_later() -> None:
    """After a user's validation row no row trains, eligible or not."""
    log = prepare_all(tiny_world(), split_config("leave one out"))[0].log
    part_N, user_N = log.part["next"], log.user_N
    held_N = np.where(part_N == TRAIN, len(log), np.arange(len(log)))
    first_U = np.minimum.reduceat(held_N, log.offset_U[:-1])
    assert (np.arange(len(log))[part_N == TRAIN] < first_U[user_N][part_N == TRAIN]).all()
    assert not log.positive["next"][part_N == TEST].all()


def split_config(split: str) -> Config:
    """The configuration with a split; leave-one-out holds out too few rows for most tasks."""
    tasks = leak_tasks()
    if split == "leave one out":
        tasks = [tasks[0], {"name": "dwell", "kind": "regression", "label": "dwell"}]
    ignored = [] if split == "column" else ["part"]
    return leak_config(data__split=SPLITS[split], data__events__ignore=ignored, tasks=tasks)


def leak_tasks() -> list[dict[str, Any]]:
    """The tasks of `leak_config`, as plain values."""
    return [task.model_dump() for task in leak_config().tasks]


def _with_anchor(world: World) -> World:
    """The world with events at the very cuts, so that another end begins at the same moments."""
    event = world.events.row(0, named=True)
    at_cuts = [
        event | {"who": 0, "what": 100, "did": "impression", "at": at, "ask": None, "part": part,
                 "clicked": 1, "stars": None, "dwell": 7.0}
        for at, part in ((VALID_BEGIN, "valid"), (TEST_BEGIN, "test"))
    ]  # fmt: skip
    return with_events(world, [*world.events.to_dicts(), *at_cuts])


def _another_end(world: World) -> World:
    """After the cut every user rates, within hours, what a training request showed last without a click."""
    random = np.random.default_rng(0)
    events = world.events.sort("at").to_dicts()
    shown = {e["who"]: e["what"] for e in events if e["at"] < VALID_BEGIN and e["clicked"] == 0}
    for event in events:
        if event["at"] > VALID_BEGIN and event["at"] != TEST_BEGIN:
            begin = VALID_BEGIN if event["part"] == "valid" else TEST_BEGIN
            event |= {
                "what": shown.get(event["who"], 100),
                "at": begin + int(random.integers(1, 3 if begin == VALID_BEGIN else 40)) * HOUR,
                "did": "rate", "ask": None, "surface": "feed", "clicked": 1, "stars": float(random.random()),
                "dwell": float(random.gamma(2.0, 300.0)),
            }  # fmt: skip
    return with_events(world, events)


def _with_newcomers(world: World) -> World:
    event = world.events.row(0, named=True)
    new = [
        event | {"who": 99, "what": 999, "did": did, "at": TEST_BEGIN + n * HOUR, "ask": None,
                 "surface": "tv", "clicked": 1, "stars": 40.0, "part": "test", "dwell": 1e4 + n}
        for n, did in enumerate(("impression", "share", "rate"), 1)
    ]  # fmt: skip
    item = {"id": 999, "title": "a", "genres": "opera", "maker": "zed", "price": 1e5, "released": BEGIN}
    users = pl.concat([world.users, pl.DataFrame([{"id": 99, "city": "Zug", "age": 99.0}])])
    items = pl.concat([world.items, pl.DataFrame([item], schema=world.items.schema)])
    return replace(with_events(world, [*world.events.to_dicts(), *new]), users=users, items=items)


def _other_outcomes(event: dict[str, Any]) -> dict[str, Any]:
    clicked, stars = event["clicked"], event["stars"]
    return event | {
        "clicked": None if clicked is None else 1 - clicked,
        "stars": None if stars is None else 1.0 + stars % 5,
        "dwell": event["dwell"] + 100.0,
    }
