"""Tables of the benchmark of text tasks: what trains never tests."""

import pytest

from benchmarks.texts import SHOTS, few, phrasebank, topic

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
    assert shots.height + others.height == 10_003
    assert not set(shots["text"]) & set(others["text"])
    assert not few(data, 1)[0].equals(shots)
