"""Queries made of a catalogue: titles, categories, words, slips, and what corrects them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from motet.config.read import config_from_dict
from motet.data.documents import read_documents
from motet.data.lexical import WHOLE, Lexical
from motet.data.queries import fields_of, joined, made_of, pieces, pieces_of_texts, slip, units
from motet.data.spelling import Spelling
from motet.data.taken import short_titles
from tests.data.test_item_pairs import catalogue, config_of


def test_what_an_item_is_asked_by_does_not_change_with_the_catalogue(tmp_path):
    config = config_of(tmp_path)
    first = read_documents(config.data, tmp_path)
    config_of(tmp_path, [*catalogue()[40:], {"id": 7, "title": "another", "path": "", "colour": None}])
    second = read_documents(config.data, tmp_path)
    by_item = []
    for documents in (first, second):
        made, _ = made_of(documents, 3, ["{words}"], 0)
        ids = documents.item_M.gather(made["@number"])
        by_item.append(made.with_columns(item=ids).filter(pl.col("item") == 560)["@text"].to_list())
    assert by_item[0] == by_item[1]
    assert len(by_item[0]) == 3


def test_categories_are_those_that_tell_some_items_from_others(tmp_path):
    fields = fields_of(read_documents(config_of(tmp_path).data, tmp_path))
    assert fields.piece_M[7] == ["Group 1", "green"]  # all are of the shop
    assert fields.unit_M[7] == ["alpha7", "beta7", "gamma7", "delta7"]


def sources(folder: Path) -> Any:
    """Things with a title and a path, and articles with a headline and a body."""
    things = [{"id": at, "title": f"lamp{at}", "path": f"Home > Desks, Lamps {at % 2}"} for at in range(4)]
    body = (
        "However, his wife, who had known of it, / left; the town slept and nobody ever spoke of her again."
    )
    articles = [{"id": 10 + at, "headline": f"news{at} of today", "body": body} for at in range(30)]
    for name, rows in (("things", things), ("articles", articles)):
        (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf8")
    files = [
        {"path": "things.jsonl", "id": "id", "kind": "thing", "text": ["title", "path"]},
        {"path": "articles.jsonl", "id": "id", "kind": "article", "text": ["headline", "body"]},
    ]
    task = {"name": "search", "kind": "retrieval", "texts": "items"}
    return config_from_dict({"data": {"items": files}, "tasks": [task]})


def test_a_title_is_the_first_text_of_the_items_own_file(tmp_path):
    documents = read_documents(sources(tmp_path).data, tmp_path)
    place = {item: at for at, item in enumerate(documents.item_M.to_list())}
    fields = fields_of(documents)
    assert fields.unit_M[place[1]] == ["lamp1"]
    assert fields.unit_M[place[13]] == ["news3", "of", "today"]
    assert short_titles(documents)[place[13]] == "news3 of today"


def test_prose_has_no_categories(tmp_path):
    documents = read_documents(sources(tmp_path).data, tmp_path)
    place = {item: at for at, item in enumerate(documents.item_M.to_list())}
    pieces_M = fields_of(documents).piece_M
    assert pieces_M[place[1]] == ["Home", "Desks, Lamps 1"]
    assert not any(pieces_M[place[10 + at]] for at in range(30))


def test_a_text_column_of_short_parts_is_one_of_categories():
    assert pieces_of_texts(["Action, Crime", "Drama", None, "Film-Noir"]) == [
        ["Action", "Crime"], ["Drama"], [], ["Film-Noir"],
    ]  # fmt: skip
    assert pieces_of_texts(["Action, Crime", "He runs, and falls, and then comes home to his old wife"]) == [
        [],
        [],
    ]


def test_signs_and_blanks_at_the_edges_of_a_category_are_none_of_it():
    assert pieces("( Hair ) | ' Nails '") == ["Hair", "Nails"]


def test_words_of_scripts_without_blanks_are_characters():
    assert units("防晒霜 SPF50, 50ml") == ["防", "晒", "霜", "SPF50", "50ml"]
    assert joined(["晒", "霜", "SPF50"]) == "晒霜 SPF50"
    assert pieces(["Film-Noir", None, ""]) == ["Film-Noir"]


def test_a_slip_changes_one_place_of_a_word():
    random = np.random.default_rng(0)
    found = {slip("lotion", random) for _ in range(200)}
    assert {"ltion", "loition", "lotoin"} & found
    assert all(5 <= len(each) <= 7 and each[0] == "l" for each in found)


def test_a_mistyped_word_stands_for_the_known_ones_with_its_letters():
    near = Spelling({"shampoo", "shampoos", "lotion"}).near("shampo")
    assert [word for word, _ in near] == ["shampoo", "shampoos"]
    assert near[0][1] == pytest.approx(2 * 7 / (7 + 8))  # edges count: ^s sh ha am mp po o$, and oo
    assert Spelling({"lotion"}).near("xyz") == []


def test_no_more_words_than_a_bound_are_remembered(monkeypatch):
    monkeypatch.setattr("motet.data.spelling.KEPT", 2)
    spelling = Spelling({"shampoo"})
    first = spelling.near("shampo")
    for word in ("shapoo", "shhampoo", "shampop"):
        spelling.near(word)
    assert list(spelling.found) == ["shhampoo", "shampop"]
    assert spelling.near("shampo") == first


def test_typed_words_are_corrected_and_more_of_them_are_worth_more():
    documents = ["dry shampoo", "body lotion", "dry lotion for men"]
    plain, typed = Lexical(documents), Lexical(documents, typed=True)
    assert plain.scores(["loton"]).max() == 0
    near, exact = 2 * 5 / (6 + 7), plain.scores(["lotion"])[0]  # pairs of letters of both, edges counted
    np.testing.assert_allclose(typed.scores(["loton"])[0], near * (exact + WHOLE * (exact > 0)), rtol=1e-5)
    share_M = np.array([0.5, 0.5, 1.0])
    wanted = plain.scores(["dry lotion"])[0] + WHOLE * share_M
    np.testing.assert_allclose(typed.scores(["dry lotion"])[0], wanted, rtol=1e-5)
    assert typed.scores(["dry dry"])[0, 0] == pytest.approx(2 * plain.scores(["dry"])[0, 0] + WHOLE, rel=1e-5)
    assert typed.scores(["", "qqq"]).max() == 0
