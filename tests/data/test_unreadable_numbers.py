"""Cells of a column of numbers that are none: never taken for empty ones in silence."""

from pathlib import Path

import polars as pl
import pytest

from motet.config.data import DataConfig
from motet.data.account import Finding
from motet.data.cleaning import clean
from motet.data.readers import read_tables, tables_from_frames
from motet.data.table import Tables
from motet.errors import DataError

ROWS = 200
SETTINGS = {
    "items": {"path": "items.csv", "id": "id", "numeric": ["year"]},
    "users": {"path": "users.csv", "id": "id", "numeric": ["age"]},
    "events": {"path": "events.csv", "user": "u", "item": "i", "value": "stars", "order": "n"},
}


def log(**spoilt: dict[int, str]) -> pl.DataFrame:
    """A log as text, with some of its cells replaced."""
    columns = {
        "u": [str(row // 10) for row in range(ROWS)],
        "i": [str(row % 7) for row in range(ROWS)],
        "n": [str(row) for row in range(ROWS)],
        "stars": [str(row % 5 + 1) for row in range(ROWS)],
        "dwell": [f"{row / 4:.2f}" for row in range(ROWS)],
    }
    for name, cells in spoilt.items():
        for row, text in cells.items():
            columns[name][row] = text
    return pl.DataFrame(columns)


def cleaned(tmp_path: Path, events: pl.DataFrame, **cleaning: bool) -> tuple[Tables, dict[str, Finding]]:
    """The cleaned tables, and what was unreadable by its column."""
    events.write_csv(tmp_path / "events.csv", quote_style="always")
    if not (tmp_path / "items.csv").exists():
        (tmp_path / "items.csv").write_text("id,year\n0,1990\n1,\n2,soon\n3,2001\n")
        (tmp_path / "users.csv").write_text('id,age\n0,"31,5"\n1,40\n')
    data = DataConfig.model_validate(SETTINGS | {"cleaning": cleaning})
    tables, account = clean(read_tables(data, tmp_path), data)
    unread = [each for each in account.findings if each.rule == "unreadable numbers"]
    return tables, {f"{each.table}.{each.column}": each for each in unread}


def test_each_column_has_a_finding_with_the_cells_as_they_are_written(tmp_path):
    tables, found = cleaned(tmp_path, log(stars={4: "n/a"}, dwell={7: "12,5", 11: "1.5s"}))
    assert list(found) == ["items.year", "users.age", "events.stars", "events.dwell"]
    assert [each.found for each in found.values()] == [1, 1, 1, 2]
    assert found["items.year"].examples == ({"@row": 2, "@item": 2, "year": "soon"},)
    assert found["users.age"].examples == ({"@row": 0, "@user": 0, "age": "31,5"},)
    dwell = [(row["@row"], row["dwell"]) for row in found["events.dwell"].examples]
    assert dwell == [(7, "12,5"), (11, "1.5s")]
    events = tables.events.collect().sort("@row")
    assert events["@value"].is_null().arg_true().to_list() == [4]
    assert events["dwell"].is_null().arg_true().to_list() == [7, 11]


def test_an_empty_cell_is_not_an_unreadable_one(tmp_path):
    _, found = cleaned(tmp_path, log(stars={4: ""}, dwell={7: "NaN", 8: "nan", 9: "N/A"}))
    assert set(found) == {"items.year", "users.age"}


def test_the_examples_are_different_cells(tmp_path):
    cells = dict.fromkeys(range(20, 28), "?") | {30: "12,5"}
    _, found = cleaned(tmp_path, log(dwell=cells))
    assert found["events.dwell"].found == 9
    assert {row["dwell"] for row in found["events.dwell"].examples} == {"?", "12,5"}


def test_strict_refuses_them(tmp_path):
    with pytest.raises(DataError, match=r"events\.dwell: unreadable numbers, 1 row: read as missing"):
        cleaned(tmp_path, log(dwell={7: "12,5"}), strict=True)


def test_cells_of_users_stay_out_of_what_is_written_to_the_run(tmp_path):
    _, found = cleaned(tmp_path, log())
    assert found["users.age"].to_json()["examples"] == [{"@row": 0}]
    assert "31,5" not in str(found["users.age"].to_json())


def test_a_place_in_the_order_that_is_no_number_is_found_past_the_sample(tmp_path, monkeypatch):
    from motet.data import readers_raw

    monkeypatch.setattr(readers_raw, "SAMPLE_ROWS", 100)
    _, found = cleaned(tmp_path, log(n={150: "last"}, dwell={150: "long"}))
    assert found["events.@order"].examples[0]["@order"] == "last"
    assert found["events.dwell"].found == 1


@pytest.mark.parametrize(
    ("cells", "dtype"),
    [
        ({1: "n/a", 2: "?", 3: "-"}, pl.Int64),  # words for nothing
        ({1: "A"}, pl.String),  # few different values: a code like the others
    ],
)
def test_a_scale_stays_one_where_a_word_says_none_and_is_a_code_where_it_says_something(
    tmp_path, cells, dtype
):
    events = log().with_columns(grade=pl.Series([cells.get(row, str(row % 4)) for row in range(ROWS)]))
    tables, found = cleaned(tmp_path, events)
    assert tables.events.collect_schema()["grade"] == dtype
    assert ("events.grade" in found) == (dtype == pl.Int64)


def test_text_with_some_numbers_in_it_stays_text(tmp_path):
    words = {row: f"word {row}" for row in range(0, ROWS, 10)}
    tables, found = cleaned(tmp_path, log(dwell=words))
    assert tables.events.collect_schema()["dwell"] == pl.String
    assert "events.dwell" not in found


def test_tables_in_memory_are_looked_at_alike(tmp_path):
    data = DataConfig.model_validate({"events": SETTINGS["events"]})
    tables = tables_from_frames(data, events=log(stars={4: "n/a"}))
    _, account = clean(tables, data)
    assert next(each.rule for each in account.findings if each.column == "stars") == "unreadable numbers"


def test_a_column_may_hold_words_and_infinite_numbers(tmp_path):
    spoilt = log(dwell={3: "n/a", 5: "inf", 9: "-inf"}, stars={2: "-", 6: "inf"})
    tables, account = cleaned(tmp_path, spoilt)
    assert [account[name].found for name in ("events.dwell", "events.stars")] == [1, 1]
    events = tables.events.collect().sort("@row")
    assert events["dwell"].is_null().arg_true().to_list() == [3, 5, 9]
    assert events["@value"].is_null().arg_true().to_list() == [2, 6]
