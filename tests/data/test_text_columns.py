"""Columns as texts: numbers and categories in words, and texts that are cut field by field."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from motet.config.read import config_from_dict
from motet.data.catalogue import item_texts
from motet.data.readers_features import join_sources, shape_items
from motet.data.readers_raw import open_source
from motet.data.texts import read_texts
from motet.errors import ConfigError


def configured(*text: Any, **item: Any):
    items = {"path": "items.parquet", "id": "id", "text": list(text)} | item
    split = {"kind": "column", "column": "part"}
    task = {"name": "kind", "kind": "multiclass", "label": "tag", "texts": "items", "split": split}
    return config_from_dict({"data": {"items": items}, "tasks": [task]})


def texts(folder: Path, *text: Any, **item: Any) -> list[str]:
    """Of the catalogue, and of a task that reads it: they must be the same."""
    config = configured(*text, **item)
    source = config.data.items[0]
    table, features = join_sources([shape_items(open_source(source, folder, "data.items"), source)], "@item")
    found = item_texts(table, features)
    rows = read_texts(config.text_tasks[0], config.data, folder, 0, ["news", "film"])
    assert list(rows.text_N) == [each for each in found if each]
    return found


@pytest.fixture
def folder(tmp_path):
    """Forty videos; the first three are looked at."""
    more = 37
    pl.DataFrame(
        {
            "id": range(3 + more),
            "title": ["The long way home", None, "短视频的标题很长", *[f"title {at}" for at in range(more)]],
            "seconds": [17, None, 240, *[5] * more],
            "tag": ["news", "film", "news", *["film"] * more],
            "topics": [["snow", "ice"], [], ["food"], *[["sea"]] * more],
            "part": [("train", "valid", "test")[at % 3] for at in range(3 + more)],
        }
    ).write_parquet(tmp_path / "items.parquet")
    return tmp_path


def test_numbers_and_categories_are_read_as_words_and_missing_ones_leave_no_trace(folder):
    words = [
        "title",
        {"column": "seconds", "template": "lasts {} seconds"},
        {"column": "topics", "template": "on {}"},
    ]
    assert texts(folder, *words)[:3] == [
        "The long way home. lasts 17 seconds. on snow, ice",
        "",
        "短视频的标题很长. lasts 240 seconds. on food",
    ]


def test_numbers_that_are_none_are_missing_and_whole_ones_have_no_decimals(folder):
    table = pl.read_parquet(folder / "items.parquet")
    table = table.with_columns(pl.Series("seconds", [17.0, float("nan"), 2.5, *[5.0] * 37]))
    table.write_parquet(folder / "items.parquet")
    word = {"column": "seconds", "template": "lasts {} seconds"}
    assert texts(folder, word)[:3] == ["lasts 17 seconds", "", "lasts 2.5 seconds"]


def test_a_column_may_be_a_category_and_stand_in_words_too(folder):
    word = {"column": "tag", "template": "a {} video"}
    assert texts(folder, word, categorical=["tag"], numeric=["seconds"])[:2] == [
        "a news video",
        "a film video",
    ]


@pytest.mark.parametrize(
    ("longest", "wanted"),
    [(100, "The long way home"), (17, "The long way home"), (16, "The long way"), (12, "The long way"),
     (11, "The long"), (3, "The"), (2, "Th")],
)  # fmt: skip
def test_what_is_too_long_ends_at_the_last_whole_word(folder, longest, wanted):
    assert texts(folder, {"column": "title", "longest": longest})[0] == wanted


def test_without_blanks_letters_are_counted(folder):
    assert texts(folder, {"column": "title", "longest": 4})[2] == "短视频的"


def test_every_field_has_a_budget_of_its_own(folder):
    words = [{"column": "title", "longest": 8}, {"column": "topics", "longest": 4, "template": "about {}"}]
    assert texts(folder, *words)[0] == "The long. about snow"


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ({"categorical": [{"column": "tag", "template": "a {}"}]}, "has a template, which texts read"),
        ({"numeric": [{"column": "seconds", "longest": 3}]}, "has a longest, which texts read"),
        ({"text": [{"column": "tag", "template": "a tag"}]}, "write {} once, where the value is to stand"),
        ({"text": [{"column": "tag", "template": "{} and {}"}]}, "write {} once"),
    ],
)
def test_what_does_not_fit_is_refused(item, said):
    with pytest.raises(ConfigError) as caught:
        configured("title", **item)
    assert said in str(caught.value)
