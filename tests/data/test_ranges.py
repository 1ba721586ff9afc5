"""Declared ranges: what lies outside is missing, and the account says where and what it was."""

from pathlib import Path

import polars as pl
import pytest

from motet.config.data import DataConfig
from motet.config.read import read_config
from motet.data.account import Account
from motet.data.cleaning import clean
from motet.data.questions import read_questions
from motet.data.readers import read_tables
from motet.data.table import Tables
from motet.errors import ConfigError, DataError
from tests.config.broken import instead

EVENTS = {"path": "events", "user": "u", "item": "i", "time": "t", "value": "stars"}
ITEMS = {"path": "items", "id": "id", "numeric": ["price"], "categorical": ["colour"]}
USERS = {"path": "users", "id": "id", "numeric": ["age"]}


def ranges(**columns: tuple[float | None, float | None]) -> dict[str, list[dict[str, object]]]:
    return {"ranges": [{"column": n, "minimum": low, "maximum": high} for n, (low, high) in columns.items()]}


def config(events: dict | None = None, items: dict | None = None, **more) -> DataConfig:
    parts = {"events": EVENTS | (events or {}), "items": ITEMS | (items or {}), "users": USERS}
    return DataConfig.model_validate(parts | more)


def cleaned(folder: Path, data: DataConfig) -> tuple[Tables, Account]:
    rows = ["1;7;1700000000;5;12", "1;8;1700000100;0;-1", "2;7;1700000200;9;x", "2;8;1700000300;;90000"]
    (folder / "events").write_text("\n".join(["u;i;t;stars;dwell", *rows, ""]))
    (folder / "items").write_text("id;price;colour\n7;-5;red\n8;12.5;blue\n9;;red\n")
    (folder / "users").write_text("id;age\n1;31\n2;1900\n")
    return clean(read_tables(data, folder), data)


def lines(account: Account) -> list[str]:
    return [finding.line() for finding in account.findings if ".ranges" in finding.setting]


def test_numbers_outside_are_missing_and_named_with_column_range_rows_and_an_example(tmp_path):
    data = config(ranges(stars=(1, 5), dwell=(0, 86_400)), ranges(price=(0, None)))
    tables, account = cleaned(tmp_path, data)
    events = tables.events.collect().sort("@row")
    assert events["stars"].to_list() == events["@value"].to_list() == [5, None, None, None]
    assert events["dwell"].to_list() == [12, None, None, None]
    assert tables.items.sort("@item")["price"].to_list() == [None, 12.5, None]
    assert lines(account) == [
        "items.price: numbers below 0, 1 row: set to missing  [data.items.ranges]",
        "events.stars: numbers outside 1 to 5, 2 rows: set to missing  [data.events.ranges]",
        "events.dwell: numbers outside 0 to 86400, 2 rows: set to missing  [data.events.ranges]",
    ]
    shown = list(account.lines())
    assert any("for example row 1, user 1, item 8, stars 0" in line for line in shown)
    assert not [name for name in events.columns if name.startswith(("@outside", "@unread"))]


def test_an_unreadable_number_is_not_one_outside(tmp_path):
    account = cleaned(tmp_path, config(ranges(dwell=(0, 86_400))))[1]
    unread = [finding for finding in account.findings if finding.rule == "unreadable numbers"]
    assert [(finding.column, finding.found) for finding in unread] == [("dwell", 1)]


def test_users_have_ranges_and_a_gap_is_filled_as_any_other(tmp_path):
    users = USERS | ranges(age=(None, 120)) | {"numeric": [{"column": "age", "missing": "mean"}]}
    tables, account = cleaned(tmp_path, config(users=users))
    assert lines(account) == ["users.age: numbers above 120, 1 row: set to missing  [data.users.ranges]"]
    assert tables.users["age"].to_list() == [31, 31]
    finding = next(each for each in account.findings if each.setting == "data.users.ranges")
    assert "age" not in finding.to_json()["examples"][0], "cells of users stay out of cleaning.json"


def test_bounds_themselves_are_possible(tmp_path):
    assert lines(cleaned(tmp_path, config(ranges(dwell=(-1, 90_000))))[1]) == []


def test_strict_refuses_what_lies_outside(tmp_path):
    with pytest.raises(DataError, match=r"events\.stars: numbers outside 1 to 5, 2 rows: set to missing"):
        cleaned(tmp_path, config(ranges(stars=(1, 5)), cleaning={"strict": True}))


def test_rows_that_differ_in_an_impossible_number_alone_are_no_duplicates(tmp_path):
    (tmp_path / "events").write_text("u;i;t;stars\n1;7;1700000000;0\n1;7;1700000000;9\n1;7;1700000000;9\n")
    data = DataConfig.model_validate({"events": EVENTS | ranges(stars=(1, 5))})
    assert clean(read_tables(data, tmp_path), data)[0].events.collect().height == 2


def test_each_log_has_ranges_of_its_own(tmp_path):
    (tmp_path / "a").write_text("u,i,t,x\n1,1,1700000000,7\n1,2,1700000001,70\n")
    (tmp_path / "b").write_text("u,i,t,x\n2,1,1700000002,0.7\n2,2,1700000003,70\n")
    sources = [
        EVENTS | {"path": "a", "value": None} | ranges(x=(0, 100)),
        EVENTS | {"path": "b", "value": None} | ranges(x=(0, 1)),
    ]
    data = DataConfig.model_validate({"events": sources})
    tables, account = clean(read_tables(data, tmp_path), data)
    assert tables.events.collect()["x"].to_list() == [7, 70, 0.7, None]
    assert lines(account) == ["events.x: numbers outside 0 to 1, 1 row: set to missing  [data.events.ranges]"]


def test_what_a_question_knows_has_the_same_range():
    data = config({"context": ["battery"], "outcomes": None} | ranges(battery=(0, 100), stars=(1, 5)))
    asked = pl.DataFrame({"u": [1, 2], "i": [7, 7], "battery": [50.0, 300.0]})
    assert read_questions(asked, data)["battery"].to_list() == [50.0, None]
    assert read_questions(asked.drop("battery"), data).height == 2


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("starz", r"column 'starz' is missing.*write  ranges: stars  under data.events"),
        ("u", r"column 'u' has a range under  ranges:  but is not read as numbers there.*under data.events"),
    ],
)
def test_a_range_of_no_column_of_numbers_says_what_to_write(tmp_path, column, message):
    with pytest.raises(DataError, match=message):
        cleaned(tmp_path, config(ranges(**{column: (0, 1)})))


STARS, TITLE = ("value: stars}", "value: stars, ranges: "), ("text: [title]}", "text: [title], ranges: ")


@pytest.mark.parametrize(
    ("place", "written", "message"),
    [
        (STARS, "[{column: stars}]", ":3: the range of 'stars' has no bound; write  minimum:  or  maximum:"),
        (
            STARS,
            "[{column: stars, minimum: 5, maximum: 1}]",
            ":3: the range of 'stars' has its minimum above its maximum; swap them",
        ),
        (
            STARS,
            "[{column: stars, minimum: 1}, {column: stars, maximum: 5}]",
            ":3: data.events.ranges: the column 'stars' is named twice; name it once",
        ),
        (
            STARS,
            "[{column: x, minimum: 1}], ignore: [x]",
            ":3: data.events.ranges: 'x' is not read as a number; name it under value, context or outcomes",
        ),
        (
            TITLE,
            "[{column: title, minimum: 1}]",
            ":2: data.items.ranges: 'title' is not read as a number; name it under numeric too",
        ),
    ],
)
def test_a_broken_range_says_where_and_what_to_write(tmp_path, place, written, message):
    (tmp_path / "motet.yaml").write_text(instead(place[0], place[1] + written + "}"))
    with pytest.raises(ConfigError) as caught:
        read_config(tmp_path / "motet.yaml")
    assert message in str(caught.value)
