"""Questions and their answers: rows, words, and what a step shows of the answers."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from motet.config.read import config_from_dict
from motet.data.answers import Answers, near_by_words
from motet.data.lexical import Lexical, words_of
from motet.data.pairs import PairRows
from motet.data.text_feed import TextFeed, TextSet
from motet.data.text_rows import read_rows
from motet.data.timelines import TRAIN
from motet.errors import DataError


def read(folder: Path, rows: list[dict[str, Any]], **task: Any) -> PairRows:
    (folder / "faq.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf8")
    settings = {"name": "faq", "kind": "retrieval", "texts": {"path": "faq.jsonl", "text": "question"}} | task
    config = config_from_dict({"tasks": [settings]})
    found = read_rows(config.text_tasks[0], config.data, folder, 0)
    assert isinstance(found, PairRows)
    return found


def many(rows: int = 60) -> list[dict[str, Any]]:
    return [
        {"question": f"what is word{place}?", "answer": f"it is answer{place % 20}"} for place in range(rows)
    ]


def test_a_question_stands_once_with_all_of_its_answers(tmp_path):
    rows = read(tmp_path, [*many(), {"question": "WHAT is word3?", "answer": " it is answer7 "}, *many(2)])
    assert len(rows) == 60
    assert len(rows.answers) == 20
    asked = {
        text: [rows.answers[number] for number in rows.right(row)] for row, text in enumerate(rows.text_N)
    }
    assert asked["what is word3?"] == ["it is answer3", "it is answer7"]
    assert asked["what is word25?"] == ["it is answer5"]
    assert "60 questions and 20 answers; 1 questions have several" in rows.statements[0]


def test_rows_without_an_answer_are_left_out(tmp_path):
    rows = read(
        tmp_path, [*many(), {"question": "what?", "answer": None}, {"question": "who?", "answer": " "}]
    )
    assert len(rows) == 60


def test_one_answer_alone_is_refused(tmp_path):
    same = [{"question": f"what is {place}?", "answer": "nothing"} for place in range(40)]
    with pytest.raises(
        DataError, match="holds 1 different answers; to find the right one there must be several"
    ):
        read(tmp_path, same)


def test_words_are_weighed_by_how_rare_they_are():
    lexical = Lexical(["the red card", "the blue card", "the loan", "???"])
    score_NM = lexical.scores(["is the CARD blue", "loan", "nothing known", ""])
    assert score_NM.argmax(1)[:2].tolist() == [1, 2]
    assert score_NM[0, 0] > score_NM[0, 2] > 0
    assert not score_NM[2:].any()
    assert not score_NM[:, 3].any()
    assert Lexical(["?", "!"]).scores(["a"]).tolist() == [[0.0, 0.0]]


def test_scores_are_those_of_the_formula():
    """BM25 as Lucene has it: k1 1.5, b .75, idf log(1 + (M - n + .5) / (n + .5)), by hand."""
    documents = ["a b b", "a c", "d"]
    score_NM = Lexical(documents).scores(["b a"])

    def part(count: float, length: float, holding: int) -> float:
        idf = np.log(1 + (3 - holding + 0.5) / (holding + 0.5))
        return idf * count / (count + 1.5 * (1 - 0.75 + 0.75 * length / 2))

    assert score_NM[0, 0] == pytest.approx(part(2, 3, 1) + part(1, 3, 2), rel=1e-5)
    assert score_NM[0, 1] == pytest.approx(part(1, 2, 2), rel=1e-5)


def test_chinese_is_read_by_characters_and_pairs_of_them():
    assert words_of("银行卡 lost") == ["银", "行", "卡", "银行", "行卡", "lost"]


def shelf(rows: PairRows, negatives: int = 2) -> Answers:
    lexical = Lexical(rows.answers)
    near_NH = near_by_words(rows, lexical, rows.rows(TRAIN))
    vector_MT = np.arange(len(rows.answers), dtype=np.float32)[:, None]
    return Answers(rows, negatives, near_NH, lexical, vector_MT=vector_MT)


def test_near_answers_have_words_of_the_question_and_are_wrong(tmp_path):
    rows = read(
        tmp_path,
        [{"question": f"card {place} is lost", "answer": f"card {place % 5}"} for place in range(60)],
    )
    answers = shelf(rows)
    for row in rows.rows(TRAIN).tolist():
        near = set(answers.near_NH[row].tolist()) - {-1}
        assert near
        assert not near & set(rows.right(row).tolist())
    others = np.setdiff1d(np.arange(len(rows)), rows.rows(TRAIN))
    assert (answers.near_NH[others] == -1).all()


def test_a_step_shows_the_right_answers_and_some_wrong_ones_and_the_same_again(tmp_path):
    rows = read(tmp_path, many())
    texts = TextSet("faq", rows, vector_NT=np.zeros((len(rows), 4), np.float32), answers=shelf(rows))
    feed = TextFeed(texts, 8, seed=0)
    batch = next(feed.epoch(0).since(0))
    answers = batch.answers
    assert answers is not None
    number_C = answers.vector_CT[:, 0].long().numpy()
    for at, row in enumerate(batch.row_B.tolist()):
        right = set(rows.right(row).tolist())
        assert number_C[answers.own_B[at]] in right
        assert set(number_C[answers.right_BC[at].numpy()].tolist()) == right & set(number_C.tolist())
    again = next(feed.epoch(0).since(0)).answers
    assert again is not None
    assert (again.vector_CT == answers.vector_CT).all()
    other = next(feed.epoch(1).since(0))
    assert other.row_B.tolist() != batch.row_B.tolist()


def test_an_epoch_draws_one_of_several_right_answers(tmp_path):
    several = [{"question": "q", "answer": f"answer {place}"} for place in range(30)]
    rows = read(tmp_path, [*several, *many()])
    drawn = {int(shelf(rows).drawn(np.random.default_rng(seed)).own_N[0]) for seed in range(200)}
    assert len(drawn) > 20
    assert drawn <= set(rows.right(0).tolist())


def test_a_question_in_several_parts_of_a_column_is_refused(tmp_path):
    rows = [row | {"part": ("train", "valid", "test")[place % 3]} for place, row in enumerate(many())]
    split = {"kind": "column", "column": "part"}
    assert len(read(tmp_path, rows, split=split)) == 60
    torn = [*rows, {"question": "What is  word3?", "answer": "nothing", "part": "test"}]
    with pytest.raises(
        DataError, match=r"1 questions have rows of several parts in 'part', the first is 'what is word3\?'"
    ):
        read(tmp_path, torn, split=split)
