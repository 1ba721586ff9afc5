"""The corpus of pretraining: each text once, none that measures a task, pairs of training events alone."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from motet.config import Config
from motet.config.data import Column
from motet.config.read import config_from_dict
from motet.data import corpus as module
from motet.data.corpus import Corpus, read_corpus
from motet.data.dataset import Dataset
from motet.data.timelines import TEST, TRAIN, VALID
from motet.errors import DataError
from motet.pretraining.course import taken_in, timelines

WORDS = ["red", "blue", "green", "old", "new", "big"]
ITEMS = 40


def item(number: int) -> str:
    return f"{WORDS[number % 6]} shoe {number}"


def write(folder: Path) -> None:
    """Forty items with a title and a plot, and a log in which user u has the items u, u + 1, ... in turn."""
    pl.DataFrame(
        {
            "id": [f"i{n}" for n in range(ITEMS)],
            "title": [item(n) for n in range(ITEMS)],
            "plot": [f"walks {n}" if n % 4 else None for n in range(ITEMS)],
            "topic": ["warm" if n % 2 else "cold" for n in range(ITEMS)],
        }
    ).write_csv(folder / "items.csv")
    rows = [
        (f"u{user}", f"i{(user + at) % ITEMS}", 1000 * at + user) for user in range(12) for at in range(9)
    ]
    pl.DataFrame(rows, schema=["user", "item", "at"], orient="row").write_csv(folder / "events.csv")


def settings(**parts: Any) -> Config:
    items = {"path": "items.csv", "id": "id", "text": ["title", "plot"]}
    events = {"path": "events.csv", "user": "user", "item": "item", "time": "at"}
    made = {"data": {"items": items, "events": events}, "pretraining": {"held_out": 0.1}} | parts
    return config_from_dict(made)


def few(folder: Path, name: str, texts: list[str]) -> str:
    pl.DataFrame({"text": texts, "label": ["a", "b"] * (len(texts) // 2)}).write_csv(folder / name)
    return name


def topics(folder: Path) -> dict[str, Any]:
    """A task that is tested by what other sources have too, with other blanks and capitals."""
    return {
        "name": "topic", "kind": "multiclass", "label": "label",
        "texts": {
            "path": few(folder, "train.csv", ["train one", "train two"]),
            "valid": few(folder, "valid.csv", [item(3).upper(), "valid two"]),
            "test": few(folder, "test.csv", [f" {item(7)}.  WALKS 7", "Test  Two"]),
            "unlabelled": few(folder, "more.csv", ["more one", "test two"]),
        },
    }  # fmt: skip


def test_a_text_counts_once_and_has_its_columns(tmp_path):
    write(tmp_path)
    few(tmp_path, "again.csv", [f"RED  shoe 0{' '}", "something else"])
    found = read_corpus(settings(pretraining={"held_out": 0.1, "files": {"path": "again.csv"}}), tmp_path)
    assert found.text_N == ["red shoe 0", *(text(n) for n in range(1, ITEMS)), "something else"]
    assert found.first_N[5] == item(5)
    assert (found.rest_N[4], found.rest_N[5]) == ("", "walks 5")
    assert found.counts == {
        "read": ITEMS + 2, "validate or test a task": 0, "repeated": 1, "of files": 1, "of items": ITEMS,
        "held out": 4,
    }  # fmt: skip
    assert [found.number[f"i{n}"] for n in (0, 39)] == [0, 39]


def text(number: int) -> str:
    return f"{item(number)}. walks {number}" if number % 4 else item(number)


def measured(found: Corpus) -> list[str]:
    """Which of the texts that validate or test a task are there, whole or as a column."""
    every = {"".join(each.lower().split()) for each in (*found.text_N, *found.first_N, *found.rest_N)}
    wanted = [item(3), "valid two", text(7), "test two"]
    return [each for each in wanted if "".join(each.split()) in every]


def test_no_text_that_validates_or_tests_a_task_is_there(tmp_path):
    write(tmp_path)
    config = settings(tasks=[topics(tmp_path)])
    found = read_corpus(config, tmp_path)
    assert measured(found) == []
    assert {"train one", "train two", "more one"} <= set(found.text_N)
    assert "i3" not in found.number, "its title alone validates"
    assert "i7" not in found.number
    assert found.counts["validate or test a task"] == 2


def test_without_that_guard_such_texts_are_there(tmp_path, monkeypatch):
    write(tmp_path)
    config = settings(tasks=[topics(tmp_path)])
    monkeypatch.setattr(module, "without_measured", lambda table, held: table)
    assert len(measured(read_corpus(config, tmp_path))) == 2


def test_items_that_test_a_task_of_their_own_texts_are_left_out(tmp_path):
    write(tmp_path)
    task = {"name": "topic", "kind": "multiclass", "label": "topic", "texts": "items"}
    config = settings(tasks=[task])
    found = read_corpus(config, tmp_path)
    (rows,) = [module.read_rows(each, config.data, tmp_path, 0) for each in config.text_tasks]
    held = {rows.text_N[at] for part in (VALID, TEST) for at in rows.rows(part)}
    assert held
    assert held.isdisjoint(found.text_N)
    assert set(found.text_N) == {rows.text_N[at] for at in rows.rows(TRAIN)}


def test_answers_are_there_whose_questions_train(tmp_path):
    write(tmp_path)
    asked = pl.DataFrame({"text": [f"ask {n}" for n in range(60)], "answer": [f"say {n}" for n in range(60)]})
    asked.write_csv(tmp_path / "faq.csv")
    config = settings(tasks=[{"name": "faq", "kind": "retrieval", "texts": {"path": "faq.csv"}}])
    found = set(read_corpus(config, tmp_path).text_N)
    (rows,) = [module.read_rows(each, config.data, tmp_path, 0) for each in config.text_tasks]
    for at in range(60):
        trains = rows.part_N[at] == TRAIN
        assert (rows.text_N[at] in found) == trains
        assert (f"say {rows.text_N[at].split()[1]}" in found) == trains


def test_what_is_held_out_is_so_wherever_it_stands(tmp_path):
    write(tmp_path)
    found = read_corpus(settings(), tmp_path)
    reverse = pl.read_csv(tmp_path / "items.csv").reverse()
    reverse.write_csv(tmp_path / "items.csv")
    again = read_corpus(settings(), tmp_path)
    held = [
        {text for text, out in zip(each.text_N, each.held_N, strict=True) if out} for each in (found, again)
    ]
    assert held[0] == held[1]
    assert len(held[0]) == 4
    columns = found.columns()
    assert len(columns.train_P2) + len(columns.held_P2) == 30
    assert not found.held_N[columns.train_P2].any()
    assert found.held_N[columns.held_P2].any(1).all()


def test_pairs_that_say_the_same_have_one_number(tmp_path):
    write(tmp_path)
    table = pl.read_csv(tmp_path / "items.csv").with_columns(plot=pl.lit("walks"))
    table.write_csv(tmp_path / "items.csv")
    pairs = read_corpus(settings(), tmp_path).columns()
    assert set(pairs.train_P2[:, 1]) == {0}
    assert len(set(pairs.train_P2[:, 0])) == 36


def neighbours(folder: Path, near: int) -> tuple[Corpus, Dataset, np.ndarray]:
    config = settings()
    found, data = read_corpus(config, folder), timelines(config, folder)
    pairs = found.neighbours(data.log, data.catalogue.ids, near)
    return found, data, np.concatenate([pairs.train_P2, pairs.held_P2])


def test_neighbours_are_those_of_training_events_alone(tmp_path):
    """Of nine items in turn the last validates no pair and the last but one neither: six pairs a user."""
    write(tmp_path)
    found, _, pair_P2 = neighbours(tmp_path, 1)
    name = {place: int(item[1:]) for item, place in found.number.items()}
    pairs = sorted((name[a], name[b]) for a, b in pair_P2.tolist())
    assert pairs == sorted((user + at, user + at + 1) for user in range(12) for at in range(6))
    _, _, wider_P2 = neighbours(tmp_path, 2)
    assert len(wider_P2) == 12 * (6 + 5)


def test_without_that_guard_events_of_validation_and_test_make_pairs(tmp_path, monkeypatch):
    write(tmp_path)
    monkeypatch.setattr(module, "follows_from", lambda log: log.item_N > 0)
    _, _, pair_P2 = neighbours(tmp_path, 1)
    assert len(pair_P2) == 12 * 8


def test_no_pair_of_a_held_out_text_trains(tmp_path):
    write(tmp_path)
    found, data, _ = neighbours(tmp_path, 3)
    pairs = found.neighbours(data.log, data.catalogue.ids, 3)
    assert not found.held_N[pairs.train_P2].any()
    assert found.held_N[pairs.held_P2].any(1).all()
    assert len(pairs.held_P2) > 0


def test_too_few_texts_are_refused(tmp_path):
    write(tmp_path)
    pl.read_csv(tmp_path / "items.csv").head(9).write_csv(tmp_path / "items.csv")
    with pytest.raises(DataError, match=r"9 texts were read and 9 are left .*it needs 10"):
        read_corpus(settings(), tmp_path)


def test_a_missing_column_is_named(tmp_path):
    write(tmp_path)
    few(tmp_path, "more.csv", ["a", "b"])
    config = settings(pretraining={"files": {"path": "more.csv", "text": "txt"}})
    with pytest.raises(DataError, match=r"column 'txt' is missing.*text: text  under pretraining\.files"):
        read_corpus(config, tmp_path)


def test_what_the_log_holds_out_lets_no_measured_query_train(tmp_path):
    """The items of a group are one of training, which the log holds out, and two that validate or test."""
    parts = ["train", "valid", "valid"] * 6 + ["test"] * 6 + ["train"] * 12
    table = {
        "id": [f"i{n}" for n in range(36)],
        "title": [f"alpha{n} beta{n} gamma{n}" for n in range(36)],
        "path": [f"Shop > Group {n // 3}" for n in range(36)],
        "part": parts,
    }
    pl.DataFrame(table).write_csv(tmp_path / "items.csv")
    rows = [(f"u{n % 3}", f"i{n}", n) for n in range(24, 36)]
    late = [(f"u{n % 3}", f"i{n}", 100 + n) for n in range(0, 18, 3)]
    pl.DataFrame(rows + late, schema=["user", "item", "at"], orient="row").write_csv(tmp_path / "events.csv")
    seek = {
        "name": "search", "kind": "retrieval", "texts": "items", "queries": 6,
        "split": {"kind": "column", "column": "part"},
    }  # fmt: skip
    follow = {"name": "next", "kind": "next_item", "split": {"kind": "time", "valid": 0.17, "test": 0.16}}
    data = settings().model_dump(mode="json", exclude_defaults=True)["data"]
    data["items"][0]["text"] = ["title", "path"]
    config = settings(data=data, tasks=[follow, seek])
    taken = taken_in(config, lambda: timelines(config, tmp_path))
    assert taken is not None
    assert (len(taken.item_N), set(taken.held)) == (0, {f"i{n}" for n in range(0, 18, 3)})
    groups = {f"group {n}" for n in range(6)}
    careless, careful = (
        {each.lower() for each in read_corpus(config, tmp_path, given).text_N} for given in (None, taken)
    )
    assert len(groups & careless) > 3
    assert not groups & careful
    assert taken_in(config.model_copy(update={"tasks": config.text_tasks}), lambda: 1 / 0) is None


def plots(folder: Path) -> dict[str, Any]:
    """A task that is tested by what items 3 and 7 say in their third column."""
    return {
        "name": "kind", "kind": "multiclass", "label": "label",
        "texts": {
            "path": few(folder, "train.csv", ["train one", "train two"]),
            "valid": few(folder, "valid.csv", ["walks  3", "valid two"]),
            "test": few(folder, "test.csv", ["WALKS 7", "test two"]),
        },
    }  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        ["title", "topic", "plot"],
        ["title", {"column": "plot", "template": "Plot: {}"}],
        [{"column": "plot", "longest": 5}, "title"],
        ["title", {"column": "plot", "template": "Plot: {}", "longest": 5}, "topic"],
    ],
)
def test_a_cell_that_validates_or_tests_is_found_in_any_column_and_before_it_is_put_in_words(text, tmp_path):
    write(tmp_path)
    config = settings(tasks=[plots(tmp_path)])
    source = config.data.items[0].model_copy(update={"text": [column(each) for each in text]})
    config = config.model_copy(update={"data": config.data.model_copy(update={"items": [source]})})
    found = read_corpus(config, tmp_path)
    assert found.counts["validate or test a task"] == 2
    assert {"i3", "i7"}.isdisjoint(found.number)
    assert {"i5", "i6"} <= set(found.number)


def column(written: Any) -> Column:
    return Column.model_validate(written)


def test_a_row_that_is_left_out_does_not_come_back_from_another_source(tmp_path):
    """The second task reads the items' texts, too, and item 7 trains it; a file has it beside other words."""
    write(tmp_path)
    of_items = {"name": "topic", "kind": "multiclass", "label": "topic", "texts": "items"}
    few(tmp_path, "more.csv", [text(7), "something else"])
    pl.DataFrame({"text": [text(7).upper(), "new"], "more": ["good", "bad"]}).write_csv(tmp_path / "two.csv")
    files = [{"path": "more.csv"}, {"path": "two.csv", "text": ["text", "more"]}]
    config = settings(
        tasks=[plots(tmp_path), of_items], pretraining={"held_out": 0.1, "files": files}, training={"seed": 1}
    )
    rows = module.read_rows(config.text_tasks[1], config.data, tmp_path, 1)
    assert text(7) in {rows.text_N[at] for at in rows.rows(TRAIN)}
    found = read_corpus(config, tmp_path)
    assert not [each for each in found.text_N if "walks7" in "".join(each.lower().split())]
    assert {"something else", "new. bad"} <= set(found.text_N)
