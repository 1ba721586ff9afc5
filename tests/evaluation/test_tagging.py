"""Spans that a model finds: records, the dictionary, errors, and their part of the report."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from motet.data.tagged import Tagged, rows_of
from motet.data.tags import spans, tag_names, units_of
from motet.data.text_feed import TextSet
from motet.data.timelines import TEST, TRAIN
from motet.data.tokens import Tokens, Units, oracle
from motet.evaluation.records import SpanPredictions
from motet.evaluation.report import render
from motet.evaluation.tagging import by_dictionary, found_spans, mistaken_spans, record_of, tag_record

TAGS = tag_names(["Item", "User"])
TEXTS = [  # text, tags, part
    ("ask anna for red shoes", "O B-User O B-Item I-Item", TRAIN),
    ("red is red", "O O O", TRAIN),
    ("red shoes for anna", "B-Item I-Item O B-User", TEST),
    ("blue shoes", "B-Item I-Item", TEST),
    ("anna is red", "O O O", TEST),
]
SAID = {2: "B-Item I-Item O O", 3: "O B-Item", 4: "B-User O O"}


def texts() -> TextSet:
    found = [Tagged(text, units_of(text, characters=False), tags.split()) for text, tags, _ in TEXTS]
    rows = rows_of(found, TAGS, np.array([part for *_, part in TEXTS], np.int8))
    count = np.diff(rows.offset_N)
    tokens = Tokens(np.zeros(int(count.sum()), np.int32), rows.offset_N)
    return TextSet("mentions", rows, tokens, units=Units.of(rows, tokens, rows.letters_F))


class Model:
    """Says what is written above, the surer the later a text stands."""

    def __init__(self) -> None:
        self.texts = SimpleNamespace(tags=self.said)

    def eval(self) -> "Model":
        return self

    def said(self, batch: Any) -> tuple[torch.Tensor, torch.Tensor]:
        tag_BU = torch.zeros(batch.units.real_BU.shape, dtype=torch.int64)
        share_BU = torch.full(tag_BU.shape, 0.5)
        for at, row in enumerate(batch.row_B.tolist()):
            for place, tag in enumerate(SAID[row].split()):
                tag_BU[at, place] = TAGS.index(tag)
                share_BU[at, place] = 0.5 + row / 10 - place / 100
        return tag_BU, share_BU


def test_spans_stand_in_the_order_of_the_rows_with_the_least_sure_of_their_units():
    found = found_spans(Model(), texts(), np.array([3, 2]))
    assert [[each.span for each in several] for several in found] == [[("Item", 1, 2)], [("Item", 0, 2)]]
    assert found[1][0].probability == pytest.approx(0.5 + 0.2 - 0.01)


def test_a_span_is_right_if_its_type_and_both_edges_are():
    record = tag_record(Model(), texts(), TEST)
    assert record.right_N.tolist() == [1, 0, 0]
    assert record.found_N.tolist() == [1, 1, 1]
    assert record.wanted_N.tolist() == [2, 1, 0]
    found = record.metrics([10], 200, 0.95, np.random.default_rng(0))
    assert found["entity_f1"]["value"] == pytest.approx(2 / 6)
    assert found["entity_precision"]["value"] == pytest.approx(1 / 3)
    assert found["entity_recall"]["value"] == pytest.approx(1 / 3)
    assert found["entity_f1"]["low"] < 2 / 6 < found["entity_f1"]["high"]


def test_f1_is_that_of_seqeval():
    """Values worked out with seqeval 1.2.2 (default mode) for the same tags."""
    right = ["B-A I-A O B-B I-B I-B", "B-A B-A O O B-B", "O B-B I-B O B-A I-A", "B-B I-B I-B I-B O O"]
    said = ["B-A I-A O B-B I-B O", "B-A I-A O O B-B", "O B-B I-B B-A I-A I-A", "B-B I-B I-B I-B B-A B-A"]
    rows = rows_of(
        [Tagged("u v w x y z", units_of("u v w x y z", characters=False), tags.split()) for tags in right],
        tag_names(["A", "B"]),
        np.full(4, TEST, np.int8),
    )
    record = record_of(rows, np.arange(4), [spans(tags.split()) for tags in said])
    found = record.metrics([10], 0, 0.95, np.random.default_rng(0))
    assert [found[f"entity_{name}"]["value"] for name in ("precision", "recall", "f1")] == pytest.approx(
        SEQEVAL, abs=1e-6
    )


SEQEVAL = [4 / 9, 0.5, 8 / 17]


def test_records_of_other_texts_are_not_compared():
    one, other = tag_record(Model(), texts(), TEST), tag_record(Model(), texts(), TEST)
    assert one.same_questions(other)
    assert not one.same_questions(SpanPredictions(one.user_N, one.right_N, one.found_N, one.wanted_N + 1))
    assert one.take(np.array([True, False, True])).wanted_N.tolist() == [2, 0]


def test_the_dictionary_knows_what_is_a_span_more_often_than_not():
    """`red shoes` always is, `anna` too; `shoes` alone never was."""
    record = by_dictionary(texts(), TEST)
    assert record.found_N.tolist() == [2, 0, 1]
    assert record.right_N.tolist() == [2, 0, 0]


def test_errors_say_what_is_there():
    found = mistaken_spans(Model(), texts(), TEST)
    assert found["types"]["Item"] == pytest.approx({"precision": 0.5, "recall": 0.5, "f1": 0.5, "n": 2})
    assert found["types"]["User"] == pytest.approx({"precision": 0.0, "recall": 0.0, "f1": 0.0, "n": 1})
    assert [(each["span"], each["label"]) for each in found["wrong"]] == [
        ("anna", "O"),
        ("shoes", "Item: blue shoes"),
    ]


def test_the_report_shows_types_and_errors():
    metrics = {"texts": {"mentions": mistaken_spans(Model(), texts(), TEST)}}
    page = render(metrics, {}, "tasks: [{name: mentions, kind: tagging, texts: {path: a.jsonl}}]", {})
    assert "How well each type is found" in page
    assert "Item: blue shoes" in page


def test_one_tag_a_token_reaches_the_spans_alone_whose_edges_are_those_of_tokens():
    rows = rows_of(
        [Tagged("手机好新", [(at, at + 1) for at in range(4)], ["B-Item", "I-Item", "B-User", "O"])],
        TAGS,
        np.array([TEST], np.int8),
    )
    tokens = Tokens(np.zeros(2, np.int32), np.array([0, 2]))
    apart = Units.of(rows, tokens, np.array([[0, 2], [2, 4]]))
    assert oracle(rows, apart) == pytest.approx(2 * 1 / (2 + 1))
    assert oracle(texts().rows, texts().units) is None
