"""Numbers with a decimal comma: found in the files, written down, and read so by every reader."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from motet.config.data import DataConfig
from motet.config.tasks import Binary, Regression
from motet.data.infer import infer
from motet.data.infer.decimals import find_commas, verdict
from motet.data.labels import label_columns
from motet.data.questions import read_questions
from motet.data.readers import read_tables, tables_from_frames
from motet.data.readers_text import find_separator
from motet.errors import DataError
from tests.data.infer_worlds import catalogue, log

EVENTS = {"path": "log", "user": "u", "item": "i", "time": "t", "value": "stars", "decimal": ","}
CELLS = {"stars": ["4,5", "3", "1.880,37"], "paid": ["-0,5", "1 234,5", "1,5e3"], "t": ["7,5", "8", "1.000"]}
NUMBERS = {"stars": [4.5, 3.0, 1880.37], "paid": [-0.5, 1234.5, 1500.0]}


def config(**more) -> DataConfig:
    return DataConfig.model_validate({"events": EVENTS} | more)


def frame(**cells) -> pl.DataFrame:
    return pl.DataFrame({"u": ["1.000"] * 3, "i": ["a,1", "b,2", "a,1"]} | CELLS | cells)


def write(folder: Path, form: str) -> None:
    match form:
        case "jsonl":
            frame().write_ndjson(folder / "log")
        case "parquet":
            frame().write_parquet(folder / "log")
        case "atomic":
            named = frame().rename(lambda name: f"{name}:token")
            named.write_csv(folder / "log", separator="\t")
        case separator:
            frame().write_csv(folder / "log", separator=separator)


@pytest.mark.parametrize("form", [";", ",", "\t", "jsonl", "parquet", "atomic"])
def test_every_reader_understands_a_decimal_comma(tmp_path, form):
    write(tmp_path, form)
    events = read_tables(config(), tmp_path).events.collect()
    assert events["@value"].to_list() == NUMBERS["stars"]
    assert events["paid"].to_list() == NUMBERS["paid"]
    assert events["@time"].to_list() == [7500, 8000, 1_000_000]
    assert events["@user"].to_list() == ["1.000"] * 3, "ids stay as they are written"
    assert events["@item"].to_list() == ["a,1", "b,2", "a,1"]


def test_tables_in_python_are_read_alike():
    events = tables_from_frames(config(), events=frame()).events.collect()
    assert events["@value"].to_list() == NUMBERS["stars"]


def test_lists_of_a_line_may_hold_decimal_commas(tmp_path):
    (tmp_path / "log").write_text("u\titems\tstars\n1\t7 8 9\t4,5 3 2,5\n2\t7 8\t1,0 5\n")
    source = {"path": "log", "layout": "sequences", "user": "u", "item": "items", "value": "stars"}
    data = DataConfig.model_validate({"events": source | {"decimal": ","}})
    assert read_tables(data, tmp_path).events.collect()["@value"].to_list() == [4.5, 3.0, 2.5, 1.0, 5.0]


def test_features_of_items_are_read_alike_and_lists_and_words_are_left_alone(tmp_path):
    write(tmp_path, ";")
    (tmp_path / "items").write_text(
        'id;price;tags;title;vector\na,1;1.250,50;3,17;Nr. 4,5;"0,5 1,25 -2"\nb,2;n/a;4;x;"1 2 3"\n'
    )
    items = {
        "path": "items", "decimal": ",", "id": "id", "numeric": ["price"], "text": ["title"],
        "categorical": [{"column": "tags", "separator": ","}], "vectors": ["vector"],
    }  # fmt: skip
    table = read_tables(config(items=items), tmp_path).items
    assert table["price"].to_list() == [1250.5, None]
    assert table["tags"].to_list() == [["3", "17"], ["4"]]
    assert table["title"].to_list() == ["Nr. 4,5", "x"]
    assert table["vector"].to_list() == [[0.5, 1.25, -2.0], [1.0, 2.0, 3.0]]


def test_rows_that_ask_are_read_as_the_log_is():
    data = DataConfig.model_validate({"events": EVENTS | {"context": ["paid"]}})
    assert read_questions(frame(), data)["paid"].to_list() == NUMBERS["paid"]


@pytest.mark.parametrize(
    ("decimal", "cells", "shown"),
    [(".", ["4,5", "3", "2,5"], "4,5"), (",", ["3", "4.5", "0.125"], "4.5")],
)
@pytest.mark.parametrize("part", ["events", "items"])
def test_a_wrong_sign_is_refused_with_a_value_and_what_to_write(tmp_path, decimal, cells, shown, part):
    other = {".": ",", ",": "."}[decimal]
    events = frame(stars=cells if part == "events" else ["1", "2", "3"])
    events.write_csv(tmp_path / "log", separator=";")
    pl.DataFrame({"id": ["x", "y", "z"], "price": cells}).write_csv(tmp_path / "items", separator=";")
    items = {"path": "items", "id": "id", "numeric": ["price"], "decimal": decimal}
    source = EVENTS | {"decimal": decimal}
    data = config(events=source, **({"items": items} if part == "items" else {}))
    name = "stars" if part == "events" else "price"
    message = (
        rf"column '{name}' holds '{shown}', which is no number with  decimal: \"\{decimal}\" . "
        rf"Write  decimal: \"\{other}\"  under data.{part}"
    )
    with pytest.raises(DataError, match=message):
        read_tables(data, tmp_path)


def test_a_stray_comma_is_an_unreadable_number_and_no_reason_to_refuse(tmp_path):
    cells = [*["4.5"] * 60, "4,5", "3,5"]
    pl.DataFrame({"u": 1, "i": 2, "t": 3, "stars": cells}).write_csv(tmp_path / "log", separator=";")
    data = config(events=EVENTS | {"decimal": "."})
    assert read_tables(data, tmp_path).events.collect()["@value"].null_count() == 2


@pytest.mark.parametrize(
    "task",
    [
        Binary(name="x", kind="binary", label="paid > 10"),
        Regression(name="x", kind="regression", label="paid"),
    ],
)
def test_a_label_that_meets_text_with_commas_says_what_to_write(task):
    events = pl.DataFrame({"@type": ["buy"] * 3, "@time": [1, 2, 3], "paid": ["4,5", "12,25", "3"]})
    with pytest.raises(DataError, match=r"If '4,5' is a number, write  decimal: \",\"  under data.events"):
        label_columns(events, [task])


RNG = np.random.default_rng(0)
PRICES = [f"{price:.2f}".replace(".", ",") for price in RNG.lognormal(2, 1, 300)]
WEIGHTS = [f"{weight:.6g}".replace(".", ",") for weight in RNG.gamma(2, 2, 300)]
STRIPPED = [f"{n % 13},{n}" for n in range(2, 99) if n % 10]
IDS = [",".join(map(str, RNG.choice(60, RNG.integers(1, 3), replace=False))) for _ in range(300)]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["4,5", "3", "0,5"], "likely"),
        (["4,5", "3,0", "5,0"], "likely"),
        (["4,25", "3,5", "2"], "likely"),
        (["12,4", "3,1", "7,9"], "likely"),
        (PRICES, "sure"),
        (["9,99", "19,99"], "likely"),
        (WEIGHTS, "sure"),
        (STRIPPED, "likely"),
        (["1.880,37", "12,5"], "sure"),
        (["1 880,37", "12,5"], "sure"),
        (["-4,7", "3,1"], "sure"),
        (["1,880", "12,345"], "unclear"),
        (["3,7", "4,2"], "unclear"),
        (["1.880", "950"], "thousands"),
        (["3,17,4", "3,17"], "list"),
        (IDS, "list"),
        (["Action,Comedy", "Drama"], "none"),
        (["4.5", "3", "1.25"], "point"),
        (["0.125", "1.000"], "point"),
        (["01,05", "02,07"], "none"),
        (["7", "8"], "none"),
        ([None, ""], "none"),
    ],
)
def test_what_a_column_says_of_the_comma(cells, expected):
    assert verdict(pl.Series(cells, dtype=pl.String)) == expected


def test_the_columns_of_a_file_decide_together():
    likely, sure, unclear = ["4,5", "3,0", "2,5"], ["1.880,37", "2,5", "3"], ["3,7", "4,2", "1"]
    both = find_commas(pl.DataFrame({"a": sure, "b": unclear}), None)
    assert both.columns == ("a", "b")
    assert both.reason == "its numbers have a decimal comma, such as 1.880,37 in a"
    assert find_commas(pl.DataFrame({"a": likely}), ";").columns == ("a",)
    assert find_commas(pl.DataFrame({"a": likely}), ",") is None, "a comma divides the columns"
    assert find_commas(pl.DataFrame({"a": unclear}), ";") is None
    assert find_commas(pl.DataFrame({"a": sure, "b": ["1.5", "2.25", "3"]}), ";") is None, "points elsewhere"


def european(number: float) -> str:
    return f"{number:,.2f}".translate(str.maketrans(",.", ".,"))


def shop(folder: Path, words: dict[str, str]) -> None:
    """Ratings in half stars and amounts as a European program writes them; items with prices and lists."""
    rng, events, items = np.random.default_rng(3), log(), catalogue()
    stars = rng.choice(np.arange(2, 11) / 2, events.height, p=[0.05] * 4 + [0.1, 0.2, 0.2, 0.2, 0.1])
    events = events.with_columns(
        stars=pl.Series([f"{each:g}".replace(".", ",") for each in stars]),
        paid=pl.Series([european(each) for each in rng.lognormal(4, 1.5, events.height)]),
    )
    items = items.with_columns(
        price=pl.Series([european(each) for each in rng.lognormal(3, 1, items.height)]),
        genres=pl.col("genres").str.replace_all("|", ",", literal=True),
        marks=pl.Series([",".join(map(str, rng.choice(40, size) + 990)) for size in rng.integers(1, 4, 80)]),
    )
    for table, file in ((events, "sales"), (items, "goods")):
        named = table.rename({name: words.get(name, name) for name in table.columns})
        named.write_csv(folder / words.get(file, file), separator=";")


@pytest.mark.parametrize("renamed", [False, True])
def test_a_european_shop_is_understood(tmp_path, renamed):
    told = ["u", "i", "t", "stars", "paid", "item", "title", "genres", "year", "page", "price", "marks"]
    words = {name: f"c{place}" for place, name in enumerate(told)} | {"i": "c1", "item": "c1"}
    words = words if renamed else {}
    shop(tmp_path, words)
    found = infer([tmp_path], tmp_path)
    (events,), (items,) = found.config.data.events, found.config.data.items
    paid, price = words.get("paid", "paid"), words.get("price", "price")
    assert events.decimal == items.decimal == ","
    assert (events.value, [each.column for each in events.outcomes]) == (words.get("stars", "stars"), [paid])
    assert price in [each.column for each in items.numeric]
    lists = {each.column: each.separator for each in items.categorical}
    assert lists[words.get("genres", "genres")] == lists[words.get("marks", "marks")] == ","
    assert "decimal: ','  # its numbers have a decimal comma, such as " in found.text
    assert {task.name for task in found.config.tasks} >= {"next", "like", words.get("stars", "stars")}
    tables = read_tables(found.config.data, tmp_path)
    assert tables.events.collect()[paid].null_count() == 0
    assert tables.items[price].dtype == pl.Float64


def test_a_part_without_commas_belongs_to_the_others(tmp_path):
    events = log().with_columns(paid=pl.Series([european(n % 50 + 0.25) for n in range(log().height)]))
    first, second = events[:-300], events[-300:].with_columns(paid=pl.lit("1.250"))
    first.write_csv(tmp_path / "sales-1.csv", separator=";")
    second.write_csv(tmp_path / "sales-2.csv", separator=";")
    (source,) = infer([tmp_path], tmp_path).config.data.events
    assert (source.path, source.decimal) == (["sales-1.csv", "sales-2.csv"], ",")


def test_the_first_line_tells_a_separator_from_decimal_commas():
    lines = ["id;price;weight", *[f"{n};{n},5;{n},25" for n in range(299)]]
    assert find_separator(lines) == ";"
