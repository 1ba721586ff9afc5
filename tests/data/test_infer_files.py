"""Inference on made-up worlds: what each file is, whatever its form and its name."""

import json

import numpy as np
import polars as pl
import pytest

from motet.data.infer import infer
from motet.data.readers import read_tables
from motet.errors import DataError
from tests.data.infer_worlds import (
    GENRES,
    catalogue,
    found,
    log,
    names,
    people,
    stars,
    text,
    write_impressions,
    write_ratings,
)


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


def test_logs_of_the_same_columns_are_parts_or_types_by_their_names(tmp_path):
    events = log(200, 100, 30).select("u", "i", "t")
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


def test_files_without_a_log_are_named_with_what_they_hold(tmp_path):
    catalogue().write_csv(tmp_path / "films.csv")
    with pytest.raises(
        DataError, match=r"no log of events was found.*films.csv: item, title, genres, year, page"
    ):
        infer([tmp_path], tmp_path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"absent.csv: there is no such file"):
        infer([tmp_path / "absent.csv"])


def test_a_damaged_table_that_was_named_is_refused_and_one_in_a_folder_is_left_out(tmp_path):
    rows = "".join(
        f"{user},{item},{60 * user + item}\n" for user in range(12) for item in range(user, user + 4)
    )
    (tmp_path / "plays.csv").write_text("user,item,time\n" + rows)
    (tmp_path / "more.csv").write_text("user,item,time\n" + rows + "1,2\n")
    with pytest.raises(
        DataError, match=r"more\.csv: line 50 has 2 columns .*Mend the file, or leave it out\."
    ):
        infer([tmp_path / "plays.csv", tmp_path / "more.csv"])
    assert any("more.csv: not used (line 50" in line for line in infer([tmp_path]).statements)


def test_a_catalogue_with_an_item_twice_is_a_catalogue(tmp_path):
    rows = "".join(
        f"{user},{item % 40},{60 * user + item}\n" for user in range(30) for item in range(user, user + 6)
    )
    (tmp_path / "plays.csv").write_text("user,song,time\n" + rows)
    songs = [f"{item},Song of the {item}. sea\n" for item in [*range(40), 7]]
    (tmp_path / "songs.csv").write_text("song,title\n" + "".join(songs))
    found = infer([tmp_path / "plays.csv", tmp_path / "songs.csv"])
    assert "songs.csv: items, by song" in found.statements
    assert "song is different in all but 1 of its 41 rows" in found.text
