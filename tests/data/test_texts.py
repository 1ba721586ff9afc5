"""Rows of text tasks: out of files of their own or of the catalogue's, and how they are parted."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from motet.config.read import config_from_dict
from motet.data.text_feed import TextFeed, TextSet
from motet.data.texts import TextRows, read_texts
from motet.data.timelines import TEST, TRAIN, UNUSED, VALID
from motet.data.tokens import Tokens
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
    assert rows.text_N[:2] == ["title 0", "title 1. body 1"]
    assert rows.label_N[:4].tolist() == [0, 1, 2, 0]


def test_parts_are_drawn_by_the_text_itself(tmp_path):
    write(tmp_path, rows=3000)
    rows = read(tmp_path)
    shares = np.bincount(rows.part_N) / 3000
    assert np.allclose(shares, [0.8, 0.1, 0.1], atol=0.02)
    assert rows.part_N.tolist() == read(tmp_path).part_N.tolist()
    assert rows.part_N.tolist() != read(tmp_path, seed=1).part_N.tolist()
    of_its_own = {"kind": "random", "seed": 7, "valid": 0.2, "test": 0.3}
    fixed = read(tmp_path, split=of_its_own).part_N
    assert fixed.tolist() == read(tmp_path, seed=1, split=of_its_own).part_N.tolist()
    assert np.allclose(np.bincount(fixed) / 3000, [0.5, 0.2, 0.3], atol=0.03)


@pytest.mark.parametrize("split", [None, {"kind": "kfold", "folds": 4}])
def test_a_text_lies_on_one_side_wherever_it_stands(tmp_path, split):
    """Rows that repeat it, and rows of another task that has labels of some texts alone."""
    title = [f"Title {place % 150}" if place % 2 else f"title {place % 150}" for place in range(300)]
    other = [TOPICS[place % 3] if place % 4 else None for place in range(300)]
    write(tmp_path, rows=300, title=title, other=other)
    texts = {"path": "all.csv", "text": "title"}
    one, two = (read(tmp_path, texts=texts, label=label, split=split) for label in ("topic", "other"))
    assert len(two) < len(one)
    part_of: dict[str, int] = {}
    for rows in (one, two):
        for text, part in zip(rows.text_N, rows.part_N.tolist(), strict=True):
            assert part_of.setdefault(text.lower(), part) == part


def test_files_may_be_parts_and_what_they_lack_is_drawn_from_training(tmp_path):
    write(tmp_path)
    write(tmp_path, "later.csv", rows=9)
    texts = {"path": "all.csv", "text": "title", "test": "later.csv"}
    rows = read(tmp_path, texts=texts)
    assert (rows.part_N[60:] == TEST).all()
    assert not (rows.part_N[:60] == TEST).any()
    assert 0 < (rows.part_N[:60] == VALID).sum() < 15
    rows = read(tmp_path, texts=texts | {"valid": "later.csv"})
    assert np.bincount(rows.part_N).tolist() == [60, 9, 9]
    rows = read(tmp_path, texts={"path": "all.csv", "text": "title", "valid": "later.csv"})
    assert (rows.part_N[60:] == VALID).all()
    assert not (rows.part_N[:60] == VALID).any()
    assert 0 < (rows.part_N[:60] == TEST).sum() < 15


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


def test_an_item_is_one_row_and_lists_are_read(tmp_path):
    words = pl.DataFrame(
        {"id": [1, 2, 3, 1], "words": [["a", "b"], ["c"], None, ["again"]], "topic": ["x", "y", "x", "y"]}
    )
    task = {"name": "topic", "kind": "multiclass", "label": "topic", "texts": "items"}
    task["split"] = {"kind": "column", "column": "part"}
    words.with_columns(part=pl.Series(["train", "train", "train", "test"])).write_parquet(
        tmp_path / "items.parquet"
    )
    items = [{"path": "items.parquet", "id": "id", "text": ["words"]}, {"path": "more.parquet", "id": "id"}]
    words.select("id").write_parquet(tmp_path / "more.parquet")
    config = config_from_dict({"data": {"items": items}, "tasks": [task]})
    with pytest.raises(DataError, match="none is left for valid"):
        read_texts(config.text_tasks[0], config.data, tmp_path, 0)
    parted = words.with_columns(part=pl.Series(["train", "valid", "train", "test"]))
    more = pl.DataFrame({"id": [9], "words": [["d", "e"]], "topic": ["x"], "part": ["test"]})
    pl.concat([parted, more]).write_parquet(tmp_path / "items.parquet")
    rows = read_texts(config.text_tasks[0], config.data, tmp_path, 0)
    assert list(rows.text_N) == ["a, b", "c", "d, e"]


def test_a_trained_model_keeps_its_classes_and_others_are_none_of_them(tmp_path):
    write(tmp_path)
    rows = read(tmp_path, classes=["rates", "bills"])
    assert rows.classes == ("rates", "bills")
    assert rows.label_N[:3].tolist() == [1, 2, 0]


def test_test_texts_that_training_has_too_are_told_of(tmp_path):
    write(tmp_path)
    write(tmp_path, "later.csv", rows=3, title=["TITLE 1", " title  2", "another"])
    write(tmp_path, "valid.csv", rows=3, title=["one", "two", "three"])
    texts = {"path": "all.csv", "text": "title", "valid": "valid.csv", "test": "later.csv"}
    assert read(tmp_path, texts=texts).statements == [
        "topic: 2 of 3 test texts are among the training texts too, but for case and blanks."
    ]


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


def test_texts_without_a_label_train_beside_the_others_and_none_of_them_tests(tmp_path):
    write(tmp_path)
    rows = read(tmp_path)
    tested = [rows.text_N[row].upper() for row in np.flatnonzero(rows.part_N == TEST)]
    more = [f"more {place}" for place in range(100)]
    pl.DataFrame({"title": [*more, *more, *tested, None], "body": [None] * (201 + len(tested))}).write_csv(
        tmp_path / "more.csv"
    )
    texts = {"path": "all.csv", "text": ["title", "body"], "unlabelled": "more.csv"}
    found = read(tmp_path, texts=texts)
    assert np.array_equal(found.part_N[:60], rows.part_N)
    assert list(found.text_N[60:]) == more
    assert set(found.part_N[60:].tolist()) == {UNUSED}
    assert set(found.label_N[60:].tolist()) == {3}
    said = f"{len(tested)} of those without a label are among the texts that validate or test"
    assert said in found.statements[-1]


def test_every_text_without_a_label_comes_before_any_comes_again(tmp_path):
    write(tmp_path)
    pl.DataFrame({"title": [f"more {place}" for place in range(50)], "body": ["b"] * 50}).write_csv(
        tmp_path / "more.csv"
    )
    rows = read(tmp_path, texts={"path": "all.csv", "text": ["title", "body"], "unlabelled": "more.csv"})
    texts = TextSet("topic", rows, vector_NT=np.zeros((len(rows), 2), np.float32))
    feed = TextFeed(texts, 8, seed=0, beside=2)
    batches = list(feed.epoch(0).since(0))
    shown = [batch.more.row_B.tolist() for batch in batches]
    assert {len(each) for each in shown} == {16}
    assert len({row for each in shown[:3] for row in each}) == 48
    assert {row for each in shown for row in each} == set(range(60, 110))
    again = list(feed.epoch(0).since(2))
    assert again[0].more.row_B.tolist() == shown[2]
    assert next(iter(feed.epoch(1).since(0))).more.row_B.tolist() != shown[0]
    assert next(iter(TextFeed(texts, 8, seed=0).epoch(0).since(0))).more is None
