"""Tables of the benchmark of text tasks: what trains never tests."""

import polars as pl
import pytest

from benchmarks.texts_data import FOLDS, SHOTS, clue, few, phrasebank, questions, topic, unseen_titles

pytestmark = pytest.mark.data


def test_sentences_occur_once_and_every_label_has_its_share_of_the_test(data_folder):
    data = data_folder("financial-phrasebank").parent
    table = phrasebank(data, 0)
    assert table["text"].n_unique() == table.height
    assert table.height > 4800
    counts = table.group_by("label", "part").len().pivot("part", index="label", values="len")
    for row in counts.iter_rows(named=True):
        whole = row["train"] + row["valid"] + row["test"]
        assert row["test"] / whole == pytest.approx(0.2, abs=0.01)
        assert row["valid"] / whole == pytest.approx(0.08, abs=0.01)
    assert counts.height == 3
    assert phrasebank(data, 0).equals(table)
    assert not phrasebank(data, 1).equals(table)


def test_headlines_have_no_links_and_no_entities(data_folder):
    table = topic(data_folder("twitter-financial-news-topic").parent, "valid")
    assert table.height == 4117
    assert not table["text"].str.contains("https?://|&amp;").any()
    assert table["label"].n_unique() == 20


def test_ten_texts_a_class_train_and_no_other_row_of_theirs(data_folder):
    data = data_folder("banking77").parent
    shots, others = few(data, 0)
    assert shots["category"].value_counts()["count"].to_list() == [SHOTS] * 77
    assert others["category"].value_counts()["count"].to_list() == [SHOTS] * 77
    assert not set(shots["text"]) & set(others["text"])
    assert not few(data, 1)[0].equals(shots)


def test_titles_that_test_are_in_no_training_title(data_folder):
    found = unseen_titles(data_folder("zh-ecommerce-ner").parent)
    texts = {part: set(map(tuple, table["text"].to_list())) for part, table in found.items()}
    assert found["train"].height == 6000
    assert found["test"].height == 537
    assert not texts["test"] & texts["train"]
    assert not texts["valid"] & (texts["train"] | texts["test"])
    assert all(len(text) == len(tags) for text, tags in found["test"].iter_rows())


def test_texts_without_a_label_are_none_that_test(data_folder):
    data = data_folder("fewclue-zh").parent
    reviews = clue(data, "eprstmt")
    assert (reviews["train"].height, reviews["valid"].height, reviews["test"].height) == (160, 160, 610)
    assert reviews["more"].height <= 19_565 - 45
    assert not set(reviews["more"]["text"]) & set(reviews["test"]["text"])
    assert clue(data, "tnews")["test"]["label"].n_unique() == 15


def test_every_question_tests_in_one_fold_and_lies_on_one_side(data_folder):
    data = data_folder("bank-faq").parent
    folds = [questions(data, fold) for fold in range(FOLDS)]
    tested = [set(table.filter(part="test")["Question"].str.to_lowercase()) for table in folds]
    assert (
        len(set.union(*tested)) == sum(map(len, tested)) == folds[0]["Question"].str.to_lowercase().n_unique()
    )
    for table in folds:
        sides = table.group_by(table["Question"].str.to_lowercase().alias("asked")).agg(
            pl.col("part").n_unique()
        )
        assert (sides["part"] == 1).all()
    assert not folds[0]["Answer"].str.ends_with("View more").any()
