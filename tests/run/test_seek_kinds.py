"""Searches and rankings of different kinds of items, in one run."""

import functools
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest

import motet
from motet.config.read import config_from_dict
from motet.errors import ConfigError, DataError
from motet.language.cache import TextVectors
from motet.seek import tasks_of
from motet.system.files import read_json
from motet.use import TrainedModel
from tests.run.test_seek import ITEMS, folder, items, settings
from tests.trained import world_folder


@functools.cache
def trained() -> Path:
    """A search of books, one of everything, and a ranking of films; a frozen model."""
    place = world_folder() / "seek-kinds"
    place.mkdir()
    kinds = pl.Series("shop", ["film", "book"] * (ITEMS // 2))
    items().with_columns(kinds).write_csv(place / "items.csv")
    shutil.copy(folder() / "events.csv", place / "events.csv")
    given = settings("search", "next", place=place, tuning="frozen")
    given["data"]["items"]["kind"] = "shop"
    whole, ranking = given["tasks"]
    given["tasks"] = [whole | {"name": "books", "items": "book"}, whole, ranking | {"items": "film"}]
    given["training"]["epochs"] = 1
    return motet.train(given, place / "run").folder


@functools.cache
def model() -> TrainedModel:
    found = motet.open(trained())
    assert isinstance(found, TrainedModel)
    return found


def kinds_of(ids: pl.Series) -> set[str]:
    table = pl.read_csv(trained().parent / "items.csv")
    return set(table.filter(pl.col("id").is_in(ids.implode()))["shop"])


def test_a_list_for_users_is_made_by_a_search_of_their_kind():
    found = model().find("red shoe", users=["u01"], k=ITEMS)
    assert kinds_of(found["item"]) == {"film"}
    assert found.equals(model().find("red shoe", "next", ITEMS, ["u01"]))
    assert found.equals(model().find("red shoe", "search", ITEMS, ["u01"]))
    assert kinds_of(model().find("red shoe", "next", k=ITEMS)["item"]) == {"film"}
    assert kinds_of(model().find("red shoe", k=ITEMS)["item"]) == {"book"}  # the first search


def test_kinds_that_have_nothing_in_common_are_refused():
    said = r"books looks for items of kind 'book', next ranks those of kind 'film': no list is of both\. Name"
    with pytest.raises(ConfigError, match=said):
        model().find("red shoe", "books", users=["u01"])
    assert len(model().find("red shoe", "books", k=3)) == 3


def test_no_weight_is_fitted_for_kinds_that_have_nothing_in_common():
    said = read_json(trained() / "metrics.json")["statements"]
    assert any("search: beside next a weight of" in each for each in said)
    assert not any("books: beside next" in each for each in said)


def bundle(*tasks: dict[str, Any]) -> Any:
    source = {"path": "items.csv", "id": "id", "kind": "shop", "text": ["title"]}
    log = {"path": "events.csv", "user": "who", "item": "what"}
    given = {"data": {"items": source, "events": log}, "tasks": list(tasks)}
    given |= {"model": {"language": {"name": "all-MiniLM-L6-v2"}}}
    return SimpleNamespace(config=config_from_dict(given))


def search(name: str, kind: str | None = None) -> dict[str, Any]:
    return {"name": name, "kind": "retrieval", "texts": "items", "items": kind}


def ranking(name: str, kind: str | None = None) -> dict[str, Any]:
    return {"name": name, "kind": "next_item", "items": kind}


def names(of: Any, task: str | None, *, users: bool) -> tuple[str | None, str | None]:
    found, ranked = tasks_of(of, task, users=users)
    return found.name if found else None, ranked


def test_a_search_of_the_same_kind_comes_before_one_of_all():
    of = bundle(search("all"), search("a", "a"), search("b", "b"), ranking("ra", "a"), ranking("rb", "b"))
    assert names(of, None, users=False) == ("all", None)
    assert names(of, None, users=True) == ("a", "ra")
    assert names(of, "rb", users=True) == names(of, "rb", users=False) == ("b", "rb")
    assert names(of, "b", users=True) == ("b", "rb")
    assert names(of, "all", users=True) == ("all", "ra")
    assert names(bundle(search("b", "b"), ranking("r")), None, users=True) == ("b", "r")
    with pytest.raises(ConfigError, match="b looks for items of kind 'b', ra ranks those of kind 'a'"):
        tasks_of(bundle(search("b", "b"), ranking("ra", "a")), "ra", users=False)


def test_new_items_of_another_kind_do_not_come(tmp_path: Path):
    place = tmp_path / "items.csv"
    new = pl.DataFrame(
        {
            "id": [5000, 5001],
            "title": ["blue ears rain 99"] * 2,
            "sorts": ["pets"] * 2,
            "shop": ["film", "book"],
        }
    )
    pl.concat([pl.read_csv(trained().parent / "items.csv"), new]).write_csv(place)
    found = at(place)
    listed = found.find("blue ears rain 99", "next", k=ITEMS)
    assert 5000 in listed["item"]
    assert 5001 not in listed["item"]
    listed = found.find("blue ears rain 99", users=["u02"], k=ITEMS)
    assert 5000 in listed["item"]
    assert 5001 not in listed["item"]


def at(place: Path) -> TrainedModel:
    """The run, with another file of items."""
    first = model().bundle
    source = first.config.data.items[0].model_copy(update={"path": [str(place)]})
    data = first.config.data.model_copy(update={"items": [source]})
    return TrainedModel(replace(first, config=first.config.model_copy(update={"data": data})))


def test_nothing_that_may_come_is_said(tmp_path: Path):
    place = tmp_path / "items.csv"
    table = pl.read_csv(trained().parent / "items.csv")
    table.filter(pl.col("shop") == "book").write_csv(place)
    with pytest.raises(DataError, match="None of the 36 items that search looks for takes part"):
        at(place).find("red shoe", "next")


def test_a_row_that_is_added_between_two_questions_is_found(tmp_path: Path):
    place = tmp_path / "items.csv"
    shutil.copy(trained().parent / "items.csv", place)
    found = at(place)
    assert len(found.find("blue ears rain 99", "search", k=2 * ITEMS)) == ITEMS
    with place.open("a") as file:
        file.write("5000,blue ears rain 99,pets,film\n")
    assert found.find("blue ears rain 99", "search", k=1)["item"].to_list() == [5000]
    answers = found.answer(["blue ears rain 99"], "search")
    assert answers["answer"].to_list() == ["blue ears rain 99. pets"]  # the same shelf


def test_answers_and_items_stand_on_one_shelf(tmp_path: Path):
    place = tmp_path / "items.csv"
    table = pl.read_csv(trained().parent / "items.csv")
    new = pl.DataFrame({"id": [5000], "title": ["blue ears rain 99"], "sorts": ["pets"], "shop": ["film"]})
    pl.concat([table, new]).write_csv(place)
    found = at(place)
    assert found.answer(["blue ears rain 99"], "search")["answer"].to_list() == ["blue ears rain 99. pets"]
    assert found.find("blue ears rain 99", "search", k=1)["item"].to_list() == [5000]


def test_a_question_is_not_kept_and_the_language_model_is_opened_once(monkeypatch: pytest.MonkeyPatch):
    found = TrainedModel(model().bundle)
    found.find("red shoe", "search")
    opened: list[Any] = []
    monkeypatch.setattr("motet.features.texts.load_language", opened.append)
    monkeypatch.setattr("motet.seek.load_language", opened.append)
    monkeypatch.setattr(TextVectors, "lookup_or_encode", lambda *_: pytest.fail("kept on disk"))
    scores = [found.find(text, "search", k=1)["score"].item() for text in ("a dog", "hair", "a dog")]
    assert scores[0] == scores[2]
    assert opened == []
    assert np.isfinite(scores).all()
