"""Inference on made-up worlds: what each file and each column is, whatever their names."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from motet.config import Config
from motet.data.infer import Inference, infer
from motet.data.readers import read_tables
from motet.errors import DataError
from tests.data.infer_worlds import (
    GENRES,
    START,
    catalogue,
    flags,
    iso,
    log,
    people,
    seconds,
    stars,
)


def found(folder: Path) -> Config:
    """The configuration for all files of a folder, read as well."""
    inference = infer([folder], folder)
    read_tables(inference.config.data, folder).events.collect()
    return inference.config


def text(folder: Path) -> str:
    return infer([folder], folder).text


def names(columns) -> list[str]:
    return [column.column for column in columns]


def write_ratings(folder: Path, words: dict[str, str], separator: str = ",", header: bool = True) -> None:
    """A rating log, a catalogue and a list of people, under other names where `words` says so."""

    def put(frame: pl.DataFrame, file: str) -> None:
        frame = frame.rename({name: words.get(name, name) for name in frame.columns})
        frame.write_csv(folder / words.get(file, file), separator=separator, include_header=header)

    events = log()
    put(events.with_columns(stars(events)).select("u", "i", "stars", "t"), "ratings.csv")
    put(catalogue(), "films.csv")
    put(people(), "people.csv")


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


def test_the_original_movielens_layout_is_understood(tmp_path):
    events = log().with_columns(stars(log())).select("u", "i", "stars", "t")
    events.write_csv(tmp_path / "u.data", separator="\t", include_header=False)
    genres = [pl.col("genres").str.contains(genre).cast(pl.Int8).alias(genre) for genre in GENRES]
    films = catalogue().with_columns(released=pl.lit("01-Jan-1995"), video=pl.lit(""))
    films = films.select("item", "title", "released", "video", "page", *genres)
    raw = films.write_csv(separator="|", include_header=False).replace("Red", "Réd")
    (tmp_path / "u.item").write_bytes(raw.encode("latin-1"))
    people().write_csv(tmp_path / "u.user", separator="|", include_header=False)
    events[500:900].write_csv(tmp_path / "u1.base", separator="\t", include_header=False)
    config = found(tmp_path)
    (items,), (users,) = config.data.items, config.data.users
    assert config.data.events[0].path == ["u.data"]
    assert (items.encoding, items.time) == ("latin-1", "time")
    assert names(items.categorical) == [f"column_{place}" for place in range(6, 14)]
    assert users.path == ["u.user"]
    assert "u1.base (its rows lie in u.data too)" in text(tmp_path)


def write_impressions(folder: Path, rename: bool = False) -> dict[str, str]:
    """A log of impressions with clicks, a time spent, a surface and functions of item, user and time."""
    rng = np.random.default_rng(7)
    events = log(150, 60, 24)
    length = np.round(np.exp(rng.normal(11, 0.7, 61))).astype(int)
    sitting = pl.struct("u", pl.col("t") // 3600).hash(seed=1) % 5
    frame = events.with_columns(
        flags(events, 0.4, "clicked"),
        flags(events, 0.12, "liked", 11),
        flags(events, 0.003, "reported", 12),
        seconds(events, "watched"),
        pl.Series("length", length[events["i"].to_numpy()]),
        (100 * ((pl.col("t") // 3600) % 24)).alias("hour"),
        pl.lit(0).alias("random"),
        sitting.alias("tab"),
        (pl.col("t") // 120 * 120_000 + pl.col("u") % 997).alias("t"),
    )
    twice = frame.filter(pl.int_range(pl.len()) % 4 == 0).with_columns(i=pl.col("i") % 60 + 1)
    twice = twice.with_columns(pl.Series("length", length[twice["i"].to_numpy()]))
    frame = pl.concat([frame, twice]).sort("t", maintain_order=True)
    back = {name: f"v{place}" if rename else name for place, name in enumerate(frame.columns)}
    frame.rename(back).write_csv(folder / "f.csv")
    return back


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


def test_a_log_that_describes_its_items_is_their_catalogue_too(tmp_path):
    events = log()
    described = events.join(catalogue().rename({"item": "i"}), on="i", maintain_order="left")
    described.with_columns(flags(events, 0.3, "clicked")).drop("page").write_csv(tmp_path / "log.csv")
    config = found(tmp_path)
    assert config.data.items[0].path == ["log.csv"]
    assert names(config.data.items[0].text) == ["title", "genres"]
    assert names(config.data.items[0].numeric) == ["year"]
    assert read_tables(config.data, tmp_path).items.height == events["i"].n_unique()


def shop(rows: int) -> pl.DataFrame:
    events = log(200, 100, 30)[:rows]
    acts = np.random.default_rng(9).choice(["view", "cart", "purchase"], events.height, p=[0.8, 0.12, 0.08])
    session = pl.format("s{}x{}", "u", (pl.col("t") - START) // 43_200)
    return events.with_columns(
        pl.Series("what", acts), session.alias("visit"), pl.Series("at", iso(events["t"]))
    )


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


def test_logs_of_the_same_columns_are_parts_or_types_by_their_names(tmp_path):
    events = shop(6000).select("u", "i", "t")
    for name, part in (
        ("view-1", events[::2]),
        ("view-2", events[1::2]),
        ("order", events[::11].with_columns(pl.col("t") + 60)),
    ):
        part.write_parquet(tmp_path / f"{name}.parquet")
    config = found(tmp_path)
    assert [(each.path, each.type) for each in config.data.events] == [
        (["view-1.parquet", "view-2.parquet"], "view"),
        (["order.parquet"], "order"),
    ]
    assert config.tasks[1].label.event == "order"


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


def test_reviews_in_json_lines_are_understood(tmp_path):
    events = log().with_columns(stars(log()))
    rng = np.random.default_rng(3)
    rows = [
        {
            "review": f"r{place}x",
            "who": f"A{row['u']:05d}X",
            "asin": f"B{row['i']:04d}Z",
            "overall": float(row["stars"]),
            "said": " ".join(f"w{number}" for number in rng.integers(0, 3000, 15)),
            "when": row["t"],
        }
        for place, row in enumerate(events.to_dicts())
    ]
    things = [
        {
            "asin": f"B{row['item']:04d}Z",
            "title": row["title"],
            "paths": [["Films", each] for each in row["genres"].split("|")],
        }
        for row in catalogue().to_dicts()
    ]
    for name, lines in (("reviews.json", rows), ("meta.json", things)):
        (tmp_path / name).write_text("\n".join(map(json.dumps, lines)))
    config = found(tmp_path)
    events, items = config.data.events[0], config.data.items[0]
    assert (events.user, events.item, events.time, events.value) == ("who", "asin", "when", "overall")
    assert events.ignore == ["review", "said"]
    assert names(items.text) == ["title", "paths"]
    tables = read_tables(config.data, tmp_path)
    assert tables.items["paths"][0].to_list()[0] == "Films"


def test_sequences_and_a_second_numbering_are_understood(tmp_path):
    lines = log().sort("u", "t").group_by("u", maintain_order=True).agg(pl.col("i").cast(pl.String))
    part = pl.Series("part", ["train", "dev", "test"] * 40)
    frame = lines.select(
        "u", (pl.col("u") * 7 + 3).alias("old"), part, pl.col("i").list.join(" ").alias("items")
    )
    frame.write_csv(tmp_path / "seen.tsv", separator="\t")
    catalogue().write_csv(tmp_path / "things.tsv", separator="\t")
    config = found(tmp_path)
    events = config.data.events[0]
    assert (events.layout, events.user, events.item, events.ignore) == ("sequences", "u", "items", ["old"])
    assert config.data.split.model_dump(include={"kind", "column", "values"}) == {
        "kind": "column",
        "column": "part",
        "values": {"valid": "dev"},
    }


def test_ragged_lines_are_sequences_by_user_or_by_line(tmp_path):
    lines = log().sort("u", "t").group_by("u", maintain_order=True).agg("i").rows()
    (tmp_path / "seen").write_text("\n".join(" ".join(map(str, [user, *items])) for user, items in lines))
    assert found(tmp_path).data.events[0].user == "user"
    (tmp_path / "seen").write_text("\n".join(" ".join(map(str, [len(items), *items])) for _, items in lines))
    events = found(tmp_path).data.events[0]
    assert (events.user, events.header, events.ignore) == ("@row", ["count", "items"], ["count"])


def test_a_history_beside_a_log_is_a_second_source(tmp_path):
    write_impressions(tmp_path)
    before = (
        log(150, 60, 24, seed=5)
        .sort("u", "t")
        .group_by("u", maintain_order=True)
        .agg(pl.col("i").cast(pl.String))
    )
    before.select(
        "u",
        pl.col("i").list.len().alias("n"),
        (1_640_000_000_000 + pl.col("u") * 977_777).alias("last"),
        pl.col("i").list.join(" ").alias("seen"),
        pl.col("i").list.head(3).list.join(" ").alias("best"),
    ).write_csv(tmp_path / "h.tsv", separator="\t")
    catalogue(60).write_csv(tmp_path / "things.csv")
    config = found(tmp_path)
    history = config.data.events[1]
    assert (history.layout, history.item, history.time, history.type) == (
        "sequences",
        "seen",
        "last",
        "history",
    )
    assert history.ignore == ["n", "best"]
    assert "it is the longest of the lists (seen, best)" in text(tmp_path)


def test_catalogues_of_different_items_are_kinds(tmp_path):
    log(150, 80).write_csv(tmp_path / "log.csv")
    things = catalogue(80)
    things[:50].write_csv(tmp_path / "films.csv")
    things[50:].drop("year").write_csv(tmp_path / "adverts.csv")
    kinds = {each.kind for each in found(tmp_path).data.items}
    assert kinds == {"film", "advert"}


def test_triples_and_maps_are_named_as_not_used(tmp_path):
    write_ratings(tmp_path, {})
    rng = np.random.default_rng(2)
    nodes = [f"m.{number:03x}" for number in range(200)]
    triples = pl.DataFrame(
        {
            "a": rng.choice(nodes, 900),
            "b": rng.choice(["film.actor", "film.genre"], 900),
            "c": rng.choice(nodes, 900),
        }
    )
    triples.write_csv(tmp_path / "graph.tsv", separator="\t")
    pl.DataFrame({"item": range(1, 81), "node": nodes[:80]}).write_csv(tmp_path / "map.tsv", separator="\t")
    (tmp_path / "picture.jpg").write_bytes(b"\xff\xd8\xff\xe0\x00\x10JFIF")
    said = text(tmp_path)
    assert "not used: graph.tsv (triples (head, relation, tail) of a knowledge graph" in said
    assert "not used: map.tsv (it only maps item to node, one to one" in said
    assert "not used: picture.jpg (this is a binary file" in said


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


def test_files_without_a_log_are_named_with_what_they_hold(tmp_path):
    catalogue().write_csv(tmp_path / "films.csv")
    with pytest.raises(
        DataError, match=r"no log of events was found.*films.csv: item, title, genres, year, page"
    ):
        infer([tmp_path], tmp_path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"absent.csv: there is no such file"):
        infer([tmp_path / "absent.csv"])
