"""Inference on made-up worlds: what each file and each column is, whatever their names."""

import numpy as np
import polars as pl
import pytest

from motet.data.dataset import prepare
from motet.data.division import clean_divided
from motet.data.infer import Inference, infer
from motet.data.readers import read_tables
from motet.errors import DataError
from tests.data.infer_worlds import (
    START,
    catalogue,
    flags,
    found,
    log,
    names,
    people,
    shop,
    stars,
    write_impressions,
    write_ratings,
)

NAMED = {"u": "user_id", "i": "movie_id", "item": "movie_id", "user": "user_id", "t": "timestamp"}
NAMELESS = {name: f"x{place}" for place, name in enumerate(["u", "i", "stars", "t"])}
NAMELESS |= {name: f"y{place}" for place, name in enumerate(catalogue(2).columns)}
NAMELESS |= {name: f"z{place}" for place, name in enumerate(people(2).columns)}
NAMELESS |= {"ratings.csv": "a", "films.csv": "b", "people.csv": "c"}


@pytest.mark.parametrize("words", [NAMED, NAMELESS], ids=["named", "nameless"])
def test_a_rating_log_is_understood_whatever_its_names(tmp_path, words):
    write_ratings(tmp_path, words)
    config = found(tmp_path)
    (events,), (items,), (users,) = config.data.events, config.data.items, config.data.users
    assert (events.user, events.item, events.time, events.value) == tuple(
        words.get(name, name) for name in ("u", "i", "t", "stars")
    )
    assert items.id == words.get("item", "item")
    assert names(items.text) == [words.get(name, name) for name in ("title", "genres")]
    assert [(each.column, each.separator) for each in items.categorical] == [
        (words.get("genres", "genres"), "|")
    ]
    assert names(items.numeric) == [words.get("year", "year")]
    assert users.id == words.get("user", "user")
    assert names(users.categorical) == [words.get(name, name) for name in ("gender", "job")]
    assert names(users.numeric) == [words.get("age", "age")]
    assert [(task.kind, getattr(task, "label", None)) for task in config.tasks] == [
        ("next_item", None),
        ("binary", f"{words.get('stars', 'stars')} >= 4"),
        ("regression", words.get("stars", "stars")),
    ]
    assert config.data.split.kind == "leave_one_out"


def test_files_without_names_get_names_for_what_they_hold(tmp_path):
    write_ratings(tmp_path, {}, "|", header=False)
    config = found(tmp_path)
    assert config.data.events[0].header == ["user", "item", "rating", "time"]
    assert config.data.items[0].header[:2] == ["item", "title"]
    assert [task.name for task in config.tasks] == ["next", "like", "rating"]


@pytest.mark.parametrize("rename", [False, True])
def test_outcomes_context_and_functions_are_told_apart(tmp_path, rename):
    name = write_impressions(tmp_path, rename)
    inference = infer([tmp_path], tmp_path)
    events = inference.config.data.events[0]
    assert names(events.context) == [name["tab"]]
    assert names(events.outcomes) == [name[each] for each in ("clicked", "liked", "reported", "watched")]
    assert events.ignore == [name["length"], name["hour"], name["random"]]
    assert names(inference.config.data.items[0].numeric) == [name["length"]]
    assert f"{name['hour']}  # a function of {name['t']}" in inference.text
    assert inference.config.data.split.kind == "time"


def test_frequent_flags_are_tasks_and_rare_ones_say_why_not(tmp_path):
    write_impressions(tmp_path)
    inference = infer([tmp_path], tmp_path)
    tasks = {task.name: task for task in inference.config.tasks}
    assert list(tasks) == ["next", "clicked", "liked", "watched"]
    assert tasks["next"].positive == "clicked == 1"
    assert tasks["watched"].transform == "log1p"
    assert "# - {name: reported" in inference.text
    assert "fewer than 200 are too few to learn from" in inference.text


def test_a_flag_that_never_comes_without_another_is_said_to_be_able_to_follow_it(tmp_path):
    write_impressions(tmp_path)
    table = pl.read_csv(tmp_path / "f.csv")
    bought = table["clicked"] * flags(table, 0.5, "x", seed=9)
    table.with_columns(bought.alias("bought")).write_csv(tmp_path / "f.csv")
    lines = {
        line.split("name: ")[1].split(",")[0]: line for line in tasks_of(infer([tmp_path], tmp_path).text)
    }
    assert "never without clicked: `after: clicked` would make them a chain" in lines["bought"]
    assert not any("never without" in lines[name] for name in ("clicked", "liked"))


def tasks_of(text: str) -> list[str]:
    """The lines of the configuration that hold a task."""
    return [line for line in text.splitlines() if "{name: " in line and "kind: binary" in line]


def test_a_log_that_describes_its_items_is_their_catalogue_too(tmp_path):
    events = log()
    described = events.join(catalogue().rename({"item": "i"}), on="i", maintain_order="left")
    described.with_columns(flags(events, 0.3, "clicked")).drop("page").write_csv(tmp_path / "log.csv")
    config = found(tmp_path)
    assert config.data.items[0].path == ["log.csv"]
    assert names(config.data.items[0].text) == ["title", "genres"]
    assert names(config.data.items[0].numeric) == ["year"]
    assert read_tables(config.data, tmp_path).items.height == events["i"].n_unique()


@pytest.mark.parametrize(("values", "counted"), [(2, False), (3, True), (4, True)])
def test_what_users_did_with_each_of_few_categories_is_counted(tmp_path, values, counted):
    """A user's past with a category of items is what tells most where views are even."""
    log().with_columns(flags(log(), 0.3, "clicked")).write_csv(tmp_path / "log.csv")
    items = catalogue().select("item", "title", shelf=pl.lit("shelf ") + (pl.col("item") % values).cast(str))
    items.write_csv(tmp_path / "items.csv")
    (shelf,) = (each for each in found(tmp_path).data.items[0].categorical if each.column == "shelf")
    assert shelf.count is counted


def test_acts_become_types_and_tasks_that_look_ahead(tmp_path):
    shop(6000).drop("t").write_csv(tmp_path / "events.csv")
    config = found(tmp_path)
    events = config.data.events[0]
    assert (events.user, events.item, events.time, events.type) == ("u", "i", "at", "what")
    assert events.ignore == ["visit"]
    labels = {task.name: task.label for task in config.tasks if task.name != "next"}
    assert {name: (label.of, label.event) for name, label in labels.items()} == {
        "cart": ("view", "cart"),
        "purchase": ("view", "purchase"),
    }


def test_invoices_of_a_shop_are_understood(tmp_path):
    rng = np.random.default_rng(5)
    events, titles = log(), catalogue()["title"].to_list()
    price = np.round(np.exp(rng.normal(1, 1, 81)), 2)
    pl.DataFrame(
        {
            "invoice": (events["u"] * 1000 + events["t"] // 43_200).rank("dense").cast(pl.Int64) + 536_365,
            "code": [f"{item + 85_000}A" for item in events["i"]],
            "said": [titles[item - 1] for item in events["i"]],
            "quantity": rng.geometric(0.15, events.height) * rng.choice([1, 6, 12], events.height),
            "date": pl.from_epoch(events["t"]).dt.truncate("12h").dt.strftime("%m/%d/%Y %H:%M"),
            "price": price[events["i"].to_numpy()],
            "customer": [float(user + 12_345) if user % 9 else None for user in events["u"]],
            "country": [["UK", "France", "Spain"][user % 3] for user in events["u"]],
        }
    ).write_csv(tmp_path / "sales.csv")
    config = found(tmp_path)
    events, items, users = config.data.events[0], config.data.items[0], config.data.users[0]
    assert (events.user, events.item, events.time, events.request) == ("customer", "code", "date", "invoice")
    assert names(events.outcomes) == ["quantity"]
    assert (names(items.text), names(items.numeric), names(users.categorical)) == (
        ["said"],
        ["price"],
        ["country"],
    )


def test_a_column_that_counts_the_events_of_a_user_is_their_order(tmp_path):
    events = log().with_columns(step=pl.int_range(1, pl.len() + 1).over("u")).drop("t")
    events.sample(fraction=1, shuffle=True, seed=0).write_csv(tmp_path / "log.csv")
    config = found(tmp_path)
    assert (config.data.events[0].order, config.data.events[0].time) == ("step", None)
    assert config.data.split.kind == "leave_one_out"


def test_a_number_that_follows_popularity_is_left_out_as_a_leak(tmp_path):
    write_ratings(tmp_path, {})
    counts = log()["i"].value_counts().rename({"i": "item"})
    films = (
        catalogue()
        .join(counts, on="item", how="left")
        .with_columns(votes=pl.col("count").fill_null(0) * 31 + 5)
    )
    films.drop("count").write_csv(tmp_path / "films.csv")
    inference = infer([tmp_path], tmp_path)
    assert names(inference.config.data.items[0].numeric) == ["year"]
    assert "left out: votes (it follows how often the item occurs in the log" in inference.text


def test_the_length_of_timelines_follows_the_histories(tmp_path):
    log(60, 80, 24).write_csv(tmp_path / "log.csv")
    config = found(tmp_path)
    assert config.model.timeline.length == 40
    assert config.model.language is None


def test_the_text_of_a_configuration_says_the_same_as_its_record(tmp_path):
    write_ratings(tmp_path, NAMED)
    inference: Inference = infer([tmp_path], tmp_path, "films")
    assert inference.config.name == "films"
    assert inference.config.model.language is not None
    assert any("user_id is the user" in statement for statement in inference.statements)
    assert all(
        line.count("#") >= 1 for line in inference.text.splitlines() if line.strip().startswith("- {name")
    )


def acts(tmp_path) -> Inference:
    """A log of one row an event: shown, then perhaps bought, then perhaps rated."""
    random, events = np.random.default_rng(7), log()
    shown = events.with_columns(act=pl.lit("impression"), stars=pl.lit(None, pl.Float64))
    bought = shown.filter(pl.Series(random.random(shown.height) < 0.5)).with_columns(pl.col("t") + 60)
    rated = bought.filter(pl.Series(random.random(bought.height) < 0.9)).with_columns(pl.col("t") + 600)
    rated = rated.with_columns(stars(rated).cast(pl.Float64), act=pl.lit("rate"))
    bought = bought.with_columns(act=pl.lit("purchase"))
    pl.concat([shown, bought, rated]).sort("t").write_csv(tmp_path / "log.csv")
    return infer([tmp_path / "log.csv"], tmp_path)


def test_tasks_whose_rows_leave_one_out_would_not_hold_out_get_a_split_of_their_own(tmp_path):
    found = acts(tmp_path)
    ranking, *others = found.config.tasks
    assert found.config.data.split.kind == "leave_one_out"
    assert ranking.split is None
    assert len(others) >= 3
    assert {task.split.kind for task in others} == {"time"}
    assert found.text.count("split by time, for leave-one-out holds out each user's last positives") >= 3


def test_such_a_log_trains_as_it_was_inferred(tmp_path):
    config = acts(tmp_path).config
    tables, _ = clean_divided(read_tables(config.data, tmp_path), config)
    parts = prepare(tables, config).log.part
    assert len({id(part) for part in parts.values()}) == 2
    bare = config.model_copy(update={"tasks": [t.model_copy(update={"split": None}) for t in config.tasks]})
    with pytest.raises(DataError, match=r"holds out the last positives.* split: \{kind: time\}"):
        prepare(clean_divided(read_tables(config.data, tmp_path), bare)[0], bare)


def test_a_log_of_ratings_alone_is_left_one_out_for_every_task(tmp_path):
    write_ratings(tmp_path, NAMED)
    assert all(task.split is None for task in found(tmp_path).tasks)


def test_a_constant_is_never_the_name_of_a_column(tmp_path):
    words = {"i": "movie_id", "item": "movie_id", "title": "movie", "stars": "score"}
    write_ratings(tmp_path, words)
    log = pl.read_csv(tmp_path / "ratings.csv")
    flags(log, 0.3, "rating").to_frame().hstack(log).write_csv(tmp_path / "ratings.csv")
    config = found(tmp_path)
    assert (config.data.items[0].kind, config.data.events[0].type) == ("movies", "ratings")
    tables = read_tables(config.data, tmp_path)
    assert tables.items["@kind"].unique().to_list() == ["movies"]
    assert tables.events.collect()["@type"].unique().to_list() == ["ratings"]


def test_items_are_of_one_kind_where_their_ids_bear_its_name(tmp_path):
    write_ratings(tmp_path, {}, "|", header=False)
    config = found(tmp_path)
    assert (config.data.items[0].id, config.data.items[0].kind) == ("item", "item")
    assert read_tables(config.data, tmp_path).items["@kind"].unique().to_list() == ["item"]


@pytest.mark.parametrize(("days", "within"), [(200, "7d"), (30, "1d"), (1, "1h")])
def test_windows_are_short_enough_for_a_short_log(tmp_path, days, within):
    events = shop(6000)
    squeezed = 1000 * START + 1000 * (events["t"] - START) * days // 200
    events.with_columns(squeezed.alias("t")).drop("at", "visit").write_csv(tmp_path / "events.csv")
    config = found(tmp_path)
    assert {task.label.within for task in config.tasks if task.name != "next"} == {within}
    tables, _ = clean_divided(read_tables(config.data, tmp_path), config)
    prepare(tables, config)


def test_a_log_that_is_too_short_for_windows_says_so(tmp_path):
    events = shop(6000)
    squeezed = 1000 * START + (events["t"] - START) // 20
    events.with_columns(squeezed.alias("t")).drop("at", "visit").write_csv(tmp_path / "events.csv")
    inference = infer([tmp_path], tmp_path)
    assert [task.name for task in inference.config.tasks] == ["next"]
    assert "# - {name: cart" in inference.text
    assert "too short" in inference.text


def test_an_act_that_never_follows_is_no_task_and_says_why(tmp_path):
    events = shop(6000).drop("t", "visit")
    read = events.filter(pl.col("what") == "view").with_columns(what=pl.lit("read"), i=pl.col("i") + 500)
    pl.concat([events, read.head(900)]).write_csv(tmp_path / "events.csv")
    inference = infer([tmp_path], tmp_path)
    assert {task.name for task in inference.config.tasks} == {"next", "cart", "purchase"}
    assert "it follows 0 times within 7d: too few to learn from and to measure" in inference.text


@pytest.mark.parametrize(
    ("user", "coded", "gaps"),
    [("client", True, True), ("client", True, False), ("c", True, False), ("uid", False, False)],
)
def test_a_time_spent_with_many_values_is_not_taken_for_the_user(tmp_path, user, coded, gaps):
    """Whole seconds between 5 and 300 lie as densely as ids, and there are more of them than users."""
    rng = np.random.default_rng(6)
    spent = pl.Series("dwell", rng.integers(5, 300, (events := log()).height))
    if gaps:
        spent = spent.to_frame().select(
            pl.when(pl.Series(rng.random(len(spent)) > 0.1)).then("dwell").alias("dwell")
        )["dwell"]
    named = events.select(
        pl.format("k{}", "u").alias(user) if coded else pl.col("u").alias(user), pl.col("i").alias("ref"), "t"
    )
    named.with_columns(spent).sample(fraction=1, shuffle=True, seed=1).write_csv(tmp_path / "visits.csv")
    catalogue().rename({"item": "ref"}).write_csv(tmp_path / "things.csv")
    assert found(tmp_path).data.events[0].user == user
