"""Rows of text tasks: out of files of their own or of the catalogue's, and how they are parted."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from motet.config.read import config_from_dict
from motet.data.text_feed import TextFeed, TextSet, Tokens
from motet.data.texts import TextRows, read_texts
from motet.data.timelines import TEST, TRAIN, VALID
from motet.errors import DataError

TOPICS = ["bills", "cards", "rates"]


def write(folder: Path, name: str = "all.csv", rows: int = 60, **columns: object) -> None:
    table = {
        "title": [f"title {place}" for place in range(rows)],
        "body": [f"body {place}" if place % 5 else None for place in range(rows)],
        "topic": [TOPICS[place % 3] for place in range(rows)],
    }
    pl.DataFrame(table | columns).write_csv(folder / name)


def read(folder: Path, *, classes: list[str] | None = None, seed: int = 0, **task: object) -> TextRows:
    settings = {"name": "topic", "kind": "multiclass", "label": "topic"} | task
    settings.setdefault("texts", {"path": "all.csv", "text": ["title", "body"]})
    data = {"items": {"path": "all.csv", "id": "title", "text": ["body"]}}
    config = config_from_dict({"data": data, "tasks": [settings]})
    return read_texts(config.text_tasks[0], config.data, folder, seed, classes)


def test_columns_are_joined_and_classes_stand_in_the_order_of_their_names(tmp_path):
    write(tmp_path)
    rows = read(tmp_path)
    assert rows.classes == ("bills", "cards", "rates")
    assert rows.text_N[:2] == ["title 0", "title 1 body 1"]
    assert rows.label_N[:4].tolist() == [0, 1, 2, 0]


def test_every_class_has_its_share_of_every_part(tmp_path):
    write(tmp_path, rows=300)
    rows = read(tmp_path)
    for part, share in ((TRAIN, 80), (VALID, 10), (TEST, 10)):
        assert np.bincount(rows.label_N[rows.rows(part)]).tolist() == [share] * 3
    assert rows.part_N.tolist() == read(tmp_path).part_N.tolist()
    assert rows.part_N.tolist() != read(tmp_path, seed=1).part_N.tolist()
    of_its_own = {"kind": "random", "seed": 7}
    fixed = read(tmp_path, split=of_its_own).part_N.tolist()
    assert fixed == read(tmp_path, seed=1, split=of_its_own).part_N.tolist()


def test_files_may_be_parts_and_what_they_lack_is_drawn_from_training(tmp_path):
    write(tmp_path)
    write(tmp_path, "later.csv", rows=9)
    texts = {"path": "all.csv", "text": "title", "test": "later.csv"}
    rows = read(tmp_path, texts=texts)
    assert (rows.part_N[60:] == TEST).all()
    assert np.bincount(rows.part_N).tolist() == [54, 6, 9]
    rows = read(tmp_path, texts=texts | {"valid": "later.csv"})
    assert np.bincount(rows.part_N).tolist() == [60, 9, 9]
    rows = read(tmp_path, texts={"path": "all.csv", "text": "title", "valid": "later.csv"})
    assert np.bincount(rows.part_N).tolist() == [54, 9, 6]


def test_a_column_or_folds_may_part_them(tmp_path):
    write(tmp_path, part=["fit", "fit", "fit", "dev", "held"] * 12)
    values = {"train": "fit", "valid": "dev", "test": "held"}
    rows = read(tmp_path, split={"kind": "column", "column": "part", "values": values})
    assert rows.part_N[:5].tolist() == [TRAIN, TRAIN, TRAIN, VALID, TEST]
    tested = [
        read(tmp_path, split={"kind": "kfold", "folds": 4, "fold": fold}).rows(TEST) for fold in range(4)
    ]
    assert sorted(np.concatenate(tested).tolist()) == list(range(60))


def test_the_texts_of_items_are_rows_too(tmp_path):
    write(tmp_path)
    rows = read(tmp_path, texts="items")
    assert len(rows) == 48  # every fifth has no body
    assert "12 of 60 rows without text or label" in rows.statements[0]
    assert rows.text_N[0] == "body 1"


def test_a_trained_model_keeps_its_classes_and_others_are_none_of_them(tmp_path):
    write(tmp_path)
    rows = read(tmp_path, classes=["rates", "bills"])
    assert rows.classes == ("rates", "bills")
    assert rows.label_N[:3].tolist() == [1, 2, 0]


def test_test_texts_that_training_has_too_are_told_of(tmp_path):
    write(tmp_path)
    write(tmp_path, "later.csv", rows=3, title=["TITLE 1", "title 2", "another"])
    rows = read(tmp_path, texts={"path": "all.csv", "text": "title", "test": "later.csv"})
    assert rows.statements == ["topic: 2 of 3 test texts are among the training texts too, but for case."]


def test_what_is_missing_is_named(tmp_path):
    write(tmp_path)
    with pytest.raises(DataError, match=r"column 'words' is missing.*tasks\.topic\.texts"):
        read(tmp_path, texts={"path": "all.csv", "text": "words"})
    with pytest.raises(DataError, match=r"column 'sort' is missing"):
        read(tmp_path, label="sort")
    with pytest.raises(DataError, match=r"all\.tsv: there is no such file"):
        read(tmp_path, texts={"path": "all.tsv", "text": "title"})
    write(tmp_path, part=(["train"] * 49 + ["valid", "test"] * 6)[:60])
    with pytest.raises(DataError, match=r"'title' has 49 different values.*max_classes: 49"):
        read(tmp_path, label="title", split={"kind": "column", "column": "part"}, max_classes=40)
    write(tmp_path, rows=3)
    with pytest.raises(DataError, match=r"none is left for valid"):
        read(tmp_path)


def hand_set() -> TextSet:
    """Ten texts of one to four tokens; the first six train."""
    length_N = np.array([1, 4, 2, 3, 1, 2, 4, 1, 3, 2])
    offset_N = np.concatenate([[0], np.cumsum(length_N)])
    part_N = np.array([0] * 6 + [1, 1, 2, 2], np.int8)
    rows = TextRows([str(place) for place in range(10)], np.arange(10) % 3, part_N, ("a", "b", "c"))
    return TextSet("topic", rows, Tokens(np.arange(1, offset_N[-1] + 1, dtype=np.int32), offset_N))


def test_tokens_are_padded_on_the_right():
    batch = hand_set().batch(np.array([1, 0, 2]))
    assert batch.token_BL.tolist() == [[2, 3, 4, 5], [1, 0, 0, 0], [6, 7, 0, 0]]
    assert batch.real_BL.sum(1).tolist() == [4, 1, 2]
    assert batch.label_B.tolist() == [1, 0, 2]
    assert batch.examples == 3
    assert batch.said == "texts 0 to 2 of topic"


def test_an_epoch_visits_every_training_row_once_in_an_order_of_its_own():
    feed = TextFeed(hand_set(), 2, 0)
    visits = [[batch.row_B.tolist() for batch in feed.epoch(number).since(0)] for number in (0, 0, 1)]
    assert sorted(row for batch in visits[0] for row in batch) == list(range(6))
    assert visits[0] == visits[1]
    assert visits[0] != visits[2]
    assert [batch.row_B.tolist() for batch in feed.epoch(0).since(1)] == visits[0][1:]


def test_rows_that_are_answered_come_each_once():
    texts = hand_set()
    found = [row for batch in texts.in_order(texts.rows.rows(VALID)) for row in batch.row_B.tolist()]
    assert sorted(found) == [6, 7]
