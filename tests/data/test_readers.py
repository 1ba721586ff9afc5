"""Formats, ids, features and roles: every format must give the same tables."""

import gzip
from pathlib import Path

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from motet.config.data import DataConfig
from motet.data.readers import read_tables, tables_from_frames
from motet.data.table import EVENT_COLUMNS, UNREAD, Tables
from motet.errors import DataError

ROWS = [("a", 1, 100, 4.0), ("b", 2, 200, 5.0), ("a", 2, 300, 1.0)]
EVENTS = {"path": "log", "user": "who", "item": "what", "time": "when", "value": "stars", "type": "rating"}
ITEMS = {
    "path": "items.csv",
    "id": "what",
    "text": ["title"],
    "categorical": [{"column": "tags", "separator": "|"}],
}


def config(events: dict | list | None = None, **more) -> DataConfig:
    return DataConfig.model_validate({"events": events or EVENTS, **more})


def table() -> pl.DataFrame:
    return pl.DataFrame(ROWS, schema=["who", "what", "when", "stars"], orient="row")


def rows(tables: Tables) -> list[tuple]:
    events = tables.events.collect()
    return list(events.select("@user", "@item", "@time", "@value").rows())


def write_csv(folder: Path, separator: str) -> None:
    (folder / "log").write_text(table().write_csv(separator=separator))


def write_gzip(folder: Path) -> None:
    with gzip.open(folder / "log", "wt") as file:
        file.write(table().write_csv())


def write_long_separator(folder: Path) -> None:
    (folder / "log").write_text(table().write_csv(separator=";").replace(";", "::"))


def write_atomic(folder: Path) -> None:
    named = table().rename(
        {"who": "who:token", "what": "what:token", "when": "when:float", "stars": "stars:float"}
    )
    (folder / "log").write_text(named.write_csv(separator="\t"))


def write_lines_gzip(folder: Path) -> None:
    with gzip.open(folder / "log", "wb") as file:
        table().write_ndjson(file)


WRITERS = {
    "comma": lambda folder: write_csv(folder, ","),
    "semicolon": lambda folder: write_csv(folder, ";"),
    "tab": lambda folder: write_csv(folder, "\t"),
    "pipe": lambda folder: write_csv(folder, "|"),
    "space": lambda folder: write_csv(folder, " "),
    "two signs": write_long_separator,
    "gzip": write_gzip,
    "atomic": write_atomic,
    "json lines": lambda folder: table().write_ndjson(folder / "log"),
    "json lines gzip": write_lines_gzip,
    "parquet": lambda folder: table().write_parquet(folder / "log"),
    "utf-16": lambda folder: (folder / "log").write_text(table().write_csv(), encoding="utf-16"),
    "windows line ends": (
        lambda folder: (folder / "log").write_bytes(table().write_csv().replace("\n", "\r\n").encode())
    ),
    "byte-order mark": (
        lambda folder: (folder / "log").write_bytes(b"\xef\xbb\xbf" + table().write_csv().encode())
    ),
}


@pytest.mark.parametrize("form", WRITERS)
def test_every_format_gives_the_same_events(tmp_path, form):
    WRITERS[form](tmp_path)
    events = EVENTS | ({"encoding": "utf-16"} if form == "utf-16" else {})
    assert rows(read_tables(config(events), tmp_path)) == [
        ("a", 1, 100_000, 4.0),
        ("b", 2, 200_000, 5.0),
        ("a", 2, 300_000, 1.0),
    ]


@pytest.mark.parametrize(
    "make", [lambda t: t, lambda t: t.lazy(), lambda t: t.to_pandas(), lambda t: t.to_arrow()]
)
def test_tables_in_memory_give_the_same_events(make):
    tables = tables_from_frames(config(), events=make(table()))
    assert rows(tables) == [("a", 1, 100_000, 4.0), ("b", 2, 200_000, 5.0), ("a", 2, 300_000, 1.0)]


def test_events_have_the_canonical_columns_first_and_keep_what_labels_read(tmp_path):
    write_csv(tmp_path, ",")
    events = read_tables(config(), tmp_path).events
    assert events.collect_schema().names() == [*EVENT_COLUMNS, "stars", UNREAD + "stars"]
    assert events.collect()["@type"].unique().to_list() == ["rating"]
    assert events.collect()["@row"].to_list() == [0, 1, 2]


def test_a_glob_reads_its_files_in_sorted_order(tmp_path):
    table()[2:].write_csv(tmp_path / "part-2.csv")
    table()[:2].write_csv(tmp_path / "part-1.csv")
    tables = read_tables(config(EVENTS | {"path": "part-*.csv"}), tmp_path)
    assert [row[1] for row in rows(tables)] == [1, 2, 2]


def test_files_of_one_source_must_have_the_same_columns(tmp_path):
    table().write_csv(tmp_path / "part-1.csv")
    table().rename({"stars": "points"}).write_csv(tmp_path / "part-2.csv")
    with pytest.raises(
        DataError, match=r"part-2.csv: its columns differ from those of .*part-1.csv \(points, stars"
    ):
        read_tables(config(EVENTS | {"path": ["part-1.csv", "part-2.csv"]}), tmp_path)


def test_ids_are_integers_only_where_every_file_has_integers(tmp_path):
    write_csv(tmp_path, ",")
    (tmp_path / "items.csv").write_text("what,title,tags\n1,One,x|y\n2,Two,\n")
    whole = read_tables(config(items=ITEMS), tmp_path)
    assert whole.items["@item"].to_list() == [1, 2]
    (tmp_path / "items.csv").write_text("what,title,tags\n1,One,x|y\nB2,Two,\n")
    mixed = read_tables(config(items=ITEMS), tmp_path)
    assert mixed.items["@item"].to_list() == ["1", "B2"]
    assert mixed.events.collect()["@item"].to_list() == ["1", "2", "2"]


def test_an_id_with_a_leading_zero_stays_text():
    frame = pl.DataFrame({"who": ["007", "8"], "what": [1, 2]})
    events = tables_from_frames(
        config({"path": "memory", "user": "who", "item": "what"}), events=frame
    ).events.collect()
    assert events["@user"].to_list() == ["007", "8"]


def test_ids_that_pandas_made_floats_are_integers_again():
    frame = pd.DataFrame({"who": [1.0, None, 3.0], "what": [1, 2, 3]})
    events = tables_from_frames(
        config({"path": "memory", "user": "who", "item": "what"}), events=frame
    ).events.collect()
    assert events["@user"].to_list() == [1, None, 3]


def test_a_list_column_serves_as_categories_and_as_text(tmp_path):
    write_csv(tmp_path, ",")
    (tmp_path / "items.csv").write_text("what,title,tags\n1,One,x|y\n2,Two,\n")
    tables = read_tables(config(items=ITEMS | {"text": ["title", "tags"]}), tmp_path)
    assert tables.items["tags"].to_list() == [["x", "y"], None]
    assert [(f.name, f.kind, f.many) for f in tables.roles.item] == [
        ("tags", "categorical", True),
        ("title", "text", False),
        ("tags", "text", True),
    ]


def test_atomic_sequences_are_lists_of_categories_but_plain_text(tmp_path):
    write_atomic(tmp_path)
    (tmp_path / "items").write_text("what:token\ttitle:token_seq\tclass:token_seq\n1\tToy Story\tFun Kids\n")
    items = {"path": "items", "id": "what", "text": ["title"], "categorical": ["class"]}
    found = read_tables(config(items=items), tmp_path).items
    assert found.to_dicts() == [{"@item": 1, "@kind": "item", "class": ["Fun", "Kids"], "title": "Toy Story"}]


def test_a_number_column_that_holds_words_has_nulls_there(tmp_path):
    write_csv(tmp_path, ",")
    (tmp_path / "items.csv").write_text("what,year\n1,1995\n2,unknown\n")
    items = {"path": "items.csv", "id": "what", "numeric": ["year"], "kind": "film"}
    found = read_tables(config(items=items), tmp_path).items
    assert found["year"].to_list() == [1995.0, None]
    assert found["@kind"].to_list() == ["film", "film"]


def test_vectors_are_read_from_lists_and_from_text():
    frame = pl.DataFrame({"what": [1, 2], "native": [[0.5, 1.0], [2.0, 3.0]], "text": ["[0.5, 1]", "[2, 3]"]})
    items = {"path": "memory", "id": "what", "vectors": ["native", "text"]}
    found = tables_from_frames(config(items=items), items=frame, events=table()).items
    assert found["native"].to_list() == found["text"].to_list() == [[0.5, 1.0], [2.0, 3.0]]


def test_two_files_about_the_same_items_are_joined():
    first = pl.DataFrame({"what": [1, 2], "title": ["One", None]})
    second = pl.DataFrame({"id": [2, 3], "title": ["Two", "Three"], "year": [2002, 2003]})
    items = [
        {"path": "memory", "id": "what", "text": ["title"], "kind": "film"},
        {"path": "memory", "id": "id", "text": ["title"], "numeric": ["year"], "kind": "series"},
    ]
    found = tables_from_frames(config(items=items), items=[first, second], events=table()).items
    assert found.rows() == [
        (1, "film", "One", None),
        (2, "film", "Two", 2002.0),
        (3, "series", "Three", 2003.0),
    ]


def test_one_column_cannot_have_two_roles_in_two_files():
    items = [
        {"path": "memory", "id": "what", "numeric": ["x"]},
        {"path": "memory", "id": "what", "categorical": ["x"]},
    ]
    frame = pl.DataFrame({"what": [1], "x": [1]})
    with pytest.raises(DataError, match="column 'x' is numeric in one file and categorical in another"):
        tables_from_frames(config(items=items), items=[frame, frame], events=table())


def test_nested_json_is_laid_open(tmp_path):
    (tmp_path / "log").write_text(
        '{"user": {"id": 7}, "item": 1}\n{"user": {"id": 8}, "item": 2, "tags": ["x"]}\n'
    )
    tables = read_tables(config({"path": "log", "user": "user.id", "item": "item"}), tmp_path)
    events = tables.events.collect()
    assert events["@user"].to_list() == [7, 8]
    assert events["tags"].to_list() == [None, ["x"]]


def test_a_missing_file_names_the_nearest_one(tmp_path):
    write_csv(tmp_path, ",")
    (tmp_path / "events.csv").write_text("x")
    with pytest.raises(
        DataError, match=r"there is no such file. The folder has events.csv, log. Write  path: events.csv"
    ):
        read_tables(config(EVENTS | {"path": "event.csv"}), tmp_path)


def test_a_missing_column_says_what_to_write(tmp_path):
    write_csv(tmp_path, ",")
    with pytest.raises(
        DataError,
        match=r"column 'stars_' is missing. The file has who, what, when, stars. If .*value: stars ",
    ):
        read_tables(config(EVENTS | {"value": "stars_"}), tmp_path)


def test_a_file_without_a_line_of_names_is_recognised(tmp_path):
    (tmp_path / "log").write_text("1,2,3\n4,5,6\n")
    with pytest.raises(DataError, match="looks like data: without a line of names write  header: false"):
        read_tables(config(), tmp_path)


def test_broken_json_names_its_line(tmp_path):
    (tmp_path / "log").write_text('{"who": 1, "what": 1}\n{"who": 2,\n')
    with pytest.raises(DataError, match="log, line 2: this cannot be read as jsonl"):
        read_tables(config({"path": "log", "user": "who", "item": "what"}), tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"PK\x03\x04....", "this is a zip file, which is not read"),
        (b'[{"who": 1}]', "one JSON array. Write it as JSON Lines"),
        (b"\x89PNG\x00\x00", "this is a binary file"),
    ],
)
def test_files_of_other_formats_say_what_to_do(tmp_path, content, message):
    (tmp_path / "log").write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_tables(config(), tmp_path)


def test_a_wrong_encoding_says_what_to_write(tmp_path):
    (tmp_path / "log").write_bytes("who,what\ncafé,1\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"the text is not utf8 .* encoding: latin-1"):
        read_tables(config({"path": "log", "user": "who", "item": "what"}), tmp_path)


def test_the_number_of_tables_must_be_that_of_the_entries():
    with pytest.raises(DataError, match="events: 2 tables were given, but the configuration has 1 entries"):
        tables_from_frames(config(), events=[table(), table()])


def test_what_is_no_table_is_refused():
    with pytest.raises(DataError, match=r"a builtins.dict is not a table"):
        tables_from_frames(config(), events={"who": [1]})


def test_a_column_of_mixed_types_is_named():
    mixed = pd.DataFrame({"who": ["a", "b"], "what": [1, 2], "note": [1, "x"]})
    with pytest.raises(DataError, match=r"events\[0\]: column 'note' cannot be read .*as with  .astype"):
        tables_from_frames(config({"path": "memory", "user": "who", "item": "what"}), events=mixed)


@pytest.mark.parametrize("write", [write_gzip, write_lines_gzip])
def test_a_damaged_gzip_file_says_so(tmp_path, write):
    write(tmp_path)
    whole = (tmp_path / "log").read_bytes()
    broken = whole[:-9], whole[:30] + bytes([whole[30] ^ 255]) + whole[31:], whole[:-6] + b"......"
    for content in broken:
        (tmp_path / "log").write_bytes(content)
        with pytest.raises(DataError, match=r"log: this gzip file is damaged .* cut off"):
            read_tables(config(), tmp_path)


def test_pyarrow_dictionaries_are_strings():
    arrow = pa.table({"who": pa.array(["a", "b"]).dictionary_encode(), "what": [1, 2]})
    events = tables_from_frames(
        config({"path": "memory", "user": "who", "item": "what"}), events=arrow
    ).events.collect()
    assert events["@user"].to_list() == ["a", "b"]


def test_the_original_movielens_layout_is_read_with_generic_settings(tmp_path):
    (tmp_path / "u.data").write_text("196\t242\t3\t881250949\n186\t302\t3\t891717742\n")
    item = (
        "242|Les Misérables (1995)|01-Jan-1995||http://x|0|1\n302|L.A."
        " Confidential|01-Jan-1997||http://y|1|0\n"
    )
    (tmp_path / "u.item").write_bytes(item.encode("latin-1"))
    (tmp_path / "u.user").write_text("196|49|M|writer|55105\n186|39|F|executive|00000\n")
    data = DataConfig.model_validate(
        {
            "events": {
                "path": "u.data",
                "header": False,
                "user": "column_1",
                "item": "column_2",
                "time": "column_4",
            },
            "items": {
                "path": "u.item",
                "header": ["id", "title", "released", "video", "url", "action", "drama"],
                "encoding": "latin-1",
                "id": "id",
                "text": ["title"],
                "time": "released",
                "categorical": ["action", "drama"],
            },
            "users": {"path": "u.user", "header": False, "id": "column_1", "categorical": ["column_5"]},
        }
    )
    tables = read_tables(data, tmp_path)
    assert tables.items["title"][0] == "Les Misérables (1995)"
    assert tables.items["@time"][0] == 788_918_400_000
    assert tables.users["column_5"].to_list() == ["55105", "00000"]
    assert tables.events.collect()["column_3"].to_list() == [3, 3]


def test_a_log_may_be_its_own_catalogue(tmp_path):
    (tmp_path / "log").write_text("who,what,title\na,1,One\nb,2,Two\nc,1,One\n")
    source = {"path": "log", "user": "who", "item": "what", "ignore": ["title"]}
    tables = read_tables(config(source, items={"path": "log", "id": "what", "text": ["title"]}), tmp_path)
    assert tables.items.select("@item", "title").rows() == [(1, "One"), (2, "Two")]
    assert tables.events.collect().height == 3


def test_lists_of_lists_are_one_list():
    frame = pl.DataFrame({"what": [1], "paths": [[["Films", "War"], ["Films", "Drama"]]]})
    items = {"path": "memory", "id": "what", "categorical": ["paths"]}
    found = tables_from_frames(config(items=items), items=frame, events=table()).items
    assert found["paths"].to_list() == [["Films", "War", "Drama"]]


def test_items_called_like_their_ids_are_of_one_kind(tmp_path):
    table().write_csv(tmp_path / "log")
    (tmp_path / "items.csv").write_text("film,sort\n1,short\n2,long\n")
    for kind, expected in (
        ("film", ["film", "film"]),
        ("sort", ["short", "long"]),
        ("shoe", ["shoe", "shoe"]),
    ):
        items = {"path": "items.csv", "id": "film", "kind": kind}
        assert read_tables(config(items=items), tmp_path).items["@kind"].to_list() == expected
