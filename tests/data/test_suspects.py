"""Suspects: planted leaks are found, and clean data are left in peace."""

import time
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from motet.config.data import Column
from motet.config.read import config_from_dict
from motet.data.dataset import prepare
from motet.data.division import clean_divided
from motet.data.readers import read_tables
from motet.data.suspects import SUSPICIOUS, statements, suspects
from motet.data.table import Feature, Roles, Tables

USERS, ITEMS, EACH = 120, 80, 25


def feature(name: str, kind="numeric", many=False) -> Feature:
    return Feature(name, kind, Column(column=name), many)


def world(seed: int = 0):
    """A log without a leak: likes depend a little on the item, stars on the user; every column is honest."""
    random = np.random.default_rng(seed)
    rows = USERS * EACH
    user, item = np.repeat(np.arange(USERS), EACH), (ITEMS * random.random(rows) ** 2).astype(int)
    taste = random.random(ITEMS)
    liked = (random.random(rows) < 0.2 + 0.6 * taste[item]).astype(float)
    stars = np.clip(np.round(3 + random.normal(0, 1, USERS)[user] + random.normal(0, 1, rows)), 1, 5)
    train = np.tile(np.arange(EACH) < EACH - 5, USERS)
    surface = random.choice(["feed", "search", "mail"], rows)
    events = pl.DataFrame(
        {
            "@user": user, "@item": item, "@type": random.choice(["show", "open"], rows), "@value": stars,
            "label:liked": liked, "label:stars": stars, "label:topic": random.choice(["a", "b", "c"], rows),
            "positive:next": liked > 0, "surface": surface, "hour": random.integers(0, 24, rows) + 0.5,
            "watched": random.gamma(2, 10, rows), "tab": random.choice(["x", "y"], rows),
        }
    )  # fmt: skip
    seen = np.bincount(item[train], minlength=ITEMS)
    items = pl.DataFrame(
        {
            "@item": range(ITEMS),
            "year": random.integers(1990, 2020, ITEMS).astype(float),
            "seen_before": seen.astype(float),
            "taste": taste,
            "maker": random.choice(["m", "n"], ITEMS),
        }
    )
    users = pl.DataFrame(
        {
            "@user": range(USERS),
            "age": random.integers(0, ITEMS, USERS).astype(float),
            "city": random.choice(["p", "q"], USERS),
        }
    )
    roles = Roles(
        item=(feature("year"), feature("seen_before"), feature("taste"), feature("maker", "categorical")),
        user=(feature("age"), feature("city", "categorical")),
        context=(feature("surface", "categorical"), feature("hour")),
        outcome=(feature("watched"), feature("tab", "categorical")),
    )
    return events, Tables(items, users, events.lazy(), roles), train


def context(tables: Tables, name: str, kind="numeric") -> Tables:
    return replace(tables, roles=replace(tables.roles, context=(*tables.roles.context, feature(name, kind))))


def found(events, tables, train) -> set[tuple[str, str, str]]:
    return {(each["role"], each["column"], each["knows"]) for each in suspects(events, tables, train)}


@pytest.mark.parametrize("seed", range(5))
def test_honest_columns_are_left_in_peace(seed):
    assert found(*world(seed)) == set()


def test_a_context_column_that_is_the_label_is_found():
    events, tables, train = world()
    events = events.with_columns(
        done=pl.when(pl.col("label:liked") > 0).then(pl.lit("yes")).otherwise(pl.lit("no"))
    )
    assert found(events, context(tables, "done", "categorical"), train) == {("context", "done", "liked")}


def test_a_number_that_grows_or_falls_with_the_label_is_found():
    events, tables, train = world()
    late = -np.exp(events["label:stars"].to_numpy()) + np.random.default_rng(1).normal(0, 0.01, len(events))
    assert found(events.with_columns(left=late), context(tables, "left"), train) == {
        ("context", "left", "stars")
    }


def test_a_column_that_tells_the_class_is_found():
    events, tables, train = world()
    events = events.with_columns(code=pl.col("label:topic").replace({"a": "1", "b": "2", "c": "3"}))
    assert found(events, context(tables, "code", "categorical"), train) == {("context", "code", "topic")}


def test_a_context_column_that_repeats_an_outcome_is_found():
    events, tables, train = world()
    twice = context(context(tables, "again", "categorical"), "seconds")
    same = events.with_columns(again=pl.col("tab"), seconds=pl.col("watched"))
    assert found(same, twice, train) == {("context", "again", "tab"), ("context", "seconds", "watched")}


def test_an_item_count_that_holds_the_test_is_found_and_one_of_training_is_not():
    events, tables, train = world()
    counts = np.bincount(events["@item"], minlength=ITEMS)
    likes = np.bincount(events["@item"], events["label:liked"], ITEMS) / np.maximum(counts, 1)
    items = tables.items.with_columns(seen=pl.Series(np.log1p(counts)), rate=pl.Series(likes))
    roles = replace(tables.roles, item=(*tables.roles.item, feature("seen"), feature("rate")))
    assert found(events, replace(tables, items=items, roles=roles), train) == {
        ("item", "seen", "events"),
        ("item", "rate", "mean of 'liked'"),
    }


def test_a_user_count_that_holds_the_test_is_found():
    events, tables, _ = world()
    random = np.random.default_rng(3)
    kept = random.random(len(events)) < random.random(USERS)[events["@user"]]  # users of unlike activity
    events, train = events.filter(pl.Series(kept)), random.random(kept.sum()) < 0.7
    activity = np.bincount(events["@user"], minlength=USERS).astype(float)
    users = tables.users.with_columns(clicks=pl.Series(activity))
    roles = replace(tables.roles, user=(*tables.roles.user, feature("clicks")))
    assert found(events, replace(tables, users=users, roles=roles), train) == {("user", "clicks", "events")}


@pytest.mark.parametrize("many", [False, True])
def test_a_user_column_that_names_the_items_to_come_is_found(many):
    events, tables, train = world()
    held = (
        events.filter(~pl.Series(train)).group_by("@user", maintain_order=True).agg(pl.col("@item").first())
    )
    names = held["@item"].cast(pl.String)
    names = pl.Series([["none", name] for name in names]) if many else names
    users = tables.users.with_columns(favourite=names)
    roles = replace(tables.roles, user=(*tables.roles.user, feature("favourite", "categorical", many)))
    assert found(events, replace(tables, users=users, roles=roles), train) == {
        ("user", "favourite", "items to come")
    }


def test_a_user_column_that_names_items_of_the_past_is_left_in_peace():
    events, tables, train = world()
    past = (
        events.filter(pl.Series(train))
        .group_by("@user", maintain_order=True)
        .agg(pl.col("@item").mode().first())
    )
    users = tables.users.with_columns(favourite=past["@item"].cast(pl.String))
    roles = replace(tables.roles, user=(*tables.roles.user, feature("favourite", "categorical")))
    assert found(events, replace(tables, users=users, roles=roles), train) == set()


def test_a_few_rows_raise_no_suspicion():
    events, tables, train = world()
    events = events.with_columns(done=pl.col("label:liked"))[:60]
    assert found(events, context(tables, "done"), train[:60]) == set()


def test_a_sentence_says_what_to_do():
    events, tables, train = world()
    events = events.with_columns(done=pl.col("label:liked"))
    [text] = statements(suspects(events, context(tables, "done"), train))
    assert text == (
        "Suspicious: the context column 'done' alone predicts 'liked' with an AUC of 1.000 on training rows. "
        "Unless it is known beforehand, take it out of data.events.context."
    )


def test_a_hundred_thousand_rows_take_less_than_a_second():
    events, tables, train = world()
    copies = 100_000 // len(events) + 1
    events = pl.concat([events] * copies)
    begin = time.process_time()
    suspects(events, tables, np.tile(train, copies))
    assert time.process_time() - begin < 2  # twice, as machines are shared


REAL = {
    "ml-100k": {
        "data": {
            "items": {
                "path": "ml-100k.item", "id": "item_id",
                "categorical": [{"column": "class", "separator": " "}], "numeric": ["release_year"],
            },
            "users": {
                "path": "ml-100k.user", "id": "user_id", "numeric": ["age"],
                "categorical": ["gender", "occupation", "zip_code"],
            },
            "events": {
                "path": "ml-100k.inter", "user": "user_id", "item": "item_id", "time": "timestamp",
                "value": "rating",
            },
            "split": {"kind": "time"},
        },
        "tasks": [
            {"name": "like", "kind": "binary", "label": "rating >= 4"},
            {"name": "rating", "kind": "regression", "label": "rating"},
        ],
    },
    "kuairand-pure-2w": {
        "data": {
            "items": {
                "path": "video_features_basic_pure.csv.gz", "id": "video_id",
                "categorical": [
                    "author_id", "video_type", "upload_type", "music_id", {"column": "tag", "separator": ","}
                ],
                "numeric": ["video_duration", "server_width"],
            },
            "users": {
                "path": "user_features_pure.csv.gz", "id": "user_id",
                "categorical": ["user_active_degree", "onehot_feat1", "onehot_feat3"],
                "numeric": ["follow_user_num", "fans_user_num", "register_days"],
            },
            "events": {
                "path": "log_standard_4_25_to_5_08.csv.gz", "user": "user_id", "item": "video_id",
                "time": "time_ms", "context": ["tab", "hourmin", "duration_ms"],
            },
            "split": {"kind": "time"},
        },
        "tasks": [
            {"name": "click", "kind": "binary", "label": "is_click"},
            {"name": "long_view", "kind": "binary", "label": "long_view"},
            {"name": "like", "kind": "binary", "label": "is_like"},
            {"name": "watch", "kind": "regression", "label": "play_time_ms", "transform": "log1p"},
        ],
    },
}  # fmt: skip


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_real_data_raise_no_suspicion(name, data_folder):
    config = config_from_dict(REAL[name])
    tables, _ = clean_divided(read_tables(config.data, data_folder(name)), config)
    assert not [text for text in prepare(tables, config).statements if text.startswith(SUSPICIOUS)]


@pytest.mark.data
@pytest.mark.slow
def test_an_outcome_of_real_data_declared_as_context_is_found(data_folder):
    raw = REAL["kuairand-pure-2w"]
    events = raw["data"]["events"] | {"context": ["tab", "play_time_ms"]}
    tasks = [task for task in raw["tasks"] if task["label"] != "play_time_ms"]
    config = config_from_dict({"data": raw["data"] | {"events": events}, "tasks": tasks})
    tables, _ = clean_divided(read_tables(config.data, data_folder("kuairand-pure-2w")), config)
    doubts = [text for text in prepare(tables, config).statements if text.startswith(SUSPICIOUS)]
    assert any("'play_time_ms' alone predicts" in text for text in doubts)


def bought_after(told: float) -> pl.DataFrame:
    """Every row is followed, a minute later, by a row of another type; a share of these repeats its label."""
    random = np.random.default_rng(1)
    shown = world()[0].drop("label:topic").with_columns(pl.lit("show").alias("@type"))
    shown = shown.with_columns(pl.Series("@time", np.arange(shown.height) * 100_000))
    again = random.random(shown.height) < told
    other = pl.Series("label:liked", (random.random(shown.height) < 0.5).astype(float))
    bought = shown.with_columns(
        pl.lit("buy").alias("@type"),
        pl.col("@time") + 60_000,
        pl.when(pl.Series(again)).then("label:liked").otherwise(other).alias("label:liked"),
    ).with_columns(pl.Series("label:stars", random.integers(1, 6, shown.height).astype(float)))
    return pl.concat([shown, bought]).sort("@time")


def labels_suspected(events: pl.DataFrame) -> list[tuple[str, str]]:
    found = suspects(events, world()[1], np.ones(events.height, bool))
    return [(each["column"], each["knows"]) for each in found if each["role"] == "label"]


def test_a_label_that_an_earlier_row_has_told_is_suspicious():
    assert labels_suspected(bought_after(1.0)) == [("liked", "buy")]


@pytest.mark.parametrize("told", [0.0, 0.6])
def test_a_label_that_is_said_anew_is_not(told):
    assert labels_suspected(bought_after(told)) == []
