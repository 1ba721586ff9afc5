"""What is said of texts: records, confusions, errors, and their part of the report."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from motet.data.text_feed import TextSet
from motet.data.texts import TextRows
from motet.data.timelines import TEST, TRAIN
from motet.evaluation.report import render
from motet.evaluation.texts import LONGEST, mistaken, most_frequent, probabilities, text_record

CLASSES = ("bills", "cards", "rates")
LABEL = [0, 0, 1, 1, 2, 2, 3, 0, 0, 1]  # 3: a class that training has not; the last three train
SAID = [0, 1, 1, 1, 1, 2, 0]  # of the test rows


def texts() -> TextSet:
    part_N = np.array([TEST] * 7 + [TRAIN] * 3, np.int8)
    words = [f"text {place}" for place in range(9)] + ["long " * 100]
    rows = TextRows(words, np.array(LABEL), part_N, CLASSES)
    return TextSet("topic", rows, vector_NT=np.arange(10, dtype=np.float32)[:, None])


class Model:
    """Says what is written above, the surer the later a text stands."""

    def __init__(self) -> None:
        self.texts = SimpleNamespace(probabilities=self.said)

    def eval(self) -> "Model":
        return self

    def said(self, batch: Any) -> torch.Tensor:
        out = torch.full((len(batch.row_B), 3), 0.01)
        for at, row in enumerate(batch.row_B.tolist()):
            out[at, SAID[row]] = 0.5 + row / 20
        return out


def test_probabilities_stand_in_the_order_of_the_rows():
    row_R, said_RK = probabilities(Model(), texts(), TEST)
    assert row_R.tolist() == list(range(7))
    assert said_RK.argmax(1).tolist() == SAID


def test_every_text_is_a_user_and_a_class_that_training_has_not_is_an_error():
    record = text_record(Model(), texts(), TEST)
    found = record.metrics([], 0, 0.95, np.random.default_rng(0))
    assert found["accuracy"]["value"] == pytest.approx(4 / 7)
    assert len(np.unique(record.users)) == 7


def test_the_baseline_says_the_most_frequent_class_of_the_training():
    record = most_frequent(texts(), TEST)
    assert record.prediction_N.tolist() == [0.0] * 7


def test_errors_are_told_the_surest_first_and_pairs_by_their_count():
    found = mistaken(Model(), texts(), TEST)
    assert [(each["text"], each["label"], each["prediction"]) for each in found["errors"]] == [
        ("text 6", "(a class that training has not)", "bills"),
        ("text 4", "rates", "cards"),
        ("text 1", "bills", "cards"),
    ]
    assert [each["n"] for each in found["confused"]] == [1, 1, 1]
    assert found["among"]["rates"]["cards"] == 0.5
    assert found["among"]["cards"] == {
        "bills": 0.0,
        "cards": 1.0,
        "rates": 0.0,
        "(a class that training has not)": 0.0,
    }


def test_long_texts_are_cut_in_the_report():
    whole = texts()
    rows = TextRows(["long " * 100] * 10, whole.rows.label_N, whole.rows.part_N, CLASSES)
    found = mistaken(Model(), TextSet("topic", rows, vector_NT=whole.vector_NT), TEST)
    assert {len(each["text"]) for each in found["errors"]} == {LONGEST}


def test_the_report_shows_what_is_taken_for_what_and_escapes_the_texts():
    found = mistaken(Model(), texts(), TEST)
    found["errors"][0]["text"] = "<script>alert(1)</script>"
    metrics = {"tasks": {"topic": {"test": {"macro_f1": 0.5}}}, "texts": {"topic": found}}
    page = render(metrics, {}, "tasks: [{name: topic, kind: multiclass, texts: {path: a.csv}}]", {})
    assert "What is taken for what?" in page
    assert "Most confused classes" in page
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_without_an_error_there_is_no_such_part():
    empty = {"confused": [], "among": {}, "errors": []}
    page = render({"tasks": {"topic": {"test": {"macro_f1": 1.0}}}, "texts": {"topic": empty}}, {}, "", {})
    assert "What is taken for what?" not in page
