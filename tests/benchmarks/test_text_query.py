"""Queries for items: what is held out, what is asked, and what peers make of it."""

import numpy as np
import polars as pl
import pytest

from benchmarks.text_query import Asked, figures, pooled, recall, told_apart
from benchmarks.text_query_data import KINDS, Shop, beauty, held_out, mistyped, movies, queries, shuffled
from benchmarks.text_query_peers import K1, WEIGHTS, B, Settings, bm25, by_range, by_rank, chosen, fusion

SIZE = 400


def shop() -> Shop:
    """Items of twenty categories, each named by its number."""
    return Shop(
        ids=list(range(1000, 1000 + SIZE)),
        titles=[f"Thing{at} wonder{at} long{at} with letters{at}" for at in range(SIZE)],
        categories=[[f"Group {'abcdefghijklmnopqrst'[at % 20]}"] for at in range(SIZE)],
        inner=frozenset({"Group a"}),
    )


def test_categories_are_held_out_whole_within_a_tenth_of_the_items():
    of = Shop(shop().ids, shop().titles, [[f"Group {at // 8}"] for at in range(SIZE)], frozenset({"Group 7"}))
    part, whole = held_out(of, 0)
    assert [part.count(side) for side in ("train", "valid", "test")] == [320, 40, 40]
    assert [len(names) for names in whole.values()] == [1, 1]  # eight items of ten that may go so
    for side, names in whole.items():
        assert {part[at] for at in range(SIZE) if of.categories[at][0] in names} == {side}
        assert "Group 7" not in names
    assert held_out(of, 0) == (part, whole)
    assert held_out(of, 1)[0] != part


def test_every_item_of_a_part_is_asked_for_and_no_other():
    part, whole = held_out(shop(), 0)
    found = queries(shop(), part, whole["test"], "test", 0)
    assert set(found["kind"]) <= set(KINDS)
    asked = found.filter(pl.col("kind") != "category")["items"].explode()
    assert set(asked) == {at for at in range(SIZE) if part[at] == "test"}
    for kind, text, items in found.iter_rows():
        words = [set(shop().words(item)) for item in items]
        if kind == "paraphrase":
            assert all(set(text.split()) <= own for own in words)
        if kind == "mistyped":
            assert not any(set(text.split()) <= own for own in words)
        if kind == "words":
            assert text.startswith("group ")


def test_one_word_is_mistyped():
    random = np.random.default_rng(0)
    for _ in range(50):
        words = mistyped(["red", "lotion", "cream"], random)
        assert words[0] == "red"
        assert sum(a != b for a, b in zip(words, ["red", "lotion", "cream"], strict=True)) == 1
    assert mistyped(["red", "tea"], random) == ["red", "tea"]


def test_recall_is_the_share_of_the_right_items_among_the_first_ten():
    asked = Asked(np.array(["words", "category"]), ["one", "two"], [[3], [0, 1, 19]])
    found = asked.ranks(lambda texts: np.stack([np.arange(20.0)[::-1]] * len(texts)))
    assert found.rank_T.tolist() == [4, 1, 2, 20]
    assert recall(found) == pytest.approx((1 + 2 / 3) / 2)
    assert recall(found, np.array([False, True])) == pytest.approx(2 / 3)
    both = pooled([found, found], [np.array([True, False]), np.array([True, True])])
    assert both.rank_T.tolist() == [4, 4, 1, 2, 20]
    assert both.query_T.tolist() == [0, 1, 2, 2, 2]


def test_the_best_peer_is_that_of_the_test_queries():
    asked = Asked(np.array(["words"] * 4), list("abcd"), [[0], [1], [2], [3]])
    good, bad = np.eye(4, 20), np.roll(np.eye(4, 20), 15, 1)
    bad = np.where(bad.cumsum(1) > 0, 1.0, 0.5) + np.linspace(1, 0, 20)[::-1]
    runs = {
        "ours": [asked.ranks(lambda _: good)],
        "bm25": [asked.ranks(lambda _: bad)],
        "cosine": [asked.ranks(lambda _: good)],
        "fusion": [asked.ranks(lambda _: bad)],
    }
    claims = {each["name"]: each for each in figures("x", runs, [np.ones(4, bool)])}
    assert claims["x.recall@10"]["peer"] == {"name": "cosine", "value": 1.0}
    assert claims["x.best_peer"]["value"] == 1.0
    assert claims["x.difference"]["value"] == 0.0


def test_bm25_ranks_what_has_the_rarer_words():
    scores = bm25(["red shampoo", "red lotion", "blue lotion", "the lotion"], Settings(common=False))
    found = scores(["red lotion", "zzz", "the"])
    assert found[0].argmax() == 1
    assert found[1:].max() == 0
    assert bm25(["red shampoo", "the lotion"], Settings())(["the"])[0].argmax() == 1


def test_bm25_reads_words_of_one_character():
    found = bm25(["vitamin c", "vitamin d", "pack of 6"], Settings())(["vitamin d", "6"])
    assert found.argmax(1).tolist() == [1, 2]


def test_bm25_counts_what_its_settings_say():
    documents = ["oil oil oil", "oil and balm and more", "balm"]
    plain, flat = (bm25(documents, Settings(k1=k1, b=0.0))(["oil"])[0] for k1 in (1.5, 0.001))
    assert plain[0] > plain[1]
    assert flat[0] == pytest.approx(flat[1], rel=0.01)  # a word that is repeated says no more


def test_a_fusion_weighs_ranks_or_scores():
    words, near = np.array([[3.0, 1.0, 2.0]]), np.array([[0.2, 0.1, 0.6]])
    given = (lambda _: words), (lambda _: near)
    found = fusion(*given, Settings(way="ranks", weight=0.25))(["x"])
    np.testing.assert_allclose(found, 0.25 / np.array([[61, 63, 62]]) + 0.75 / np.array([[62, 63, 61]]))
    found = fusion(*given, Settings(way="scores", weight=0.25))(["x"])
    np.testing.assert_allclose(found, [[0.25 + 0.75 * 0.2, 0.0, 0.25 * 0.5 + 0.75]])
    assert by_rank(words).argmax() == by_range(words).argmax() == 0


def test_settings_of_the_peers_are_the_best_of_all_trials(monkeypatch):
    documents = ["red oil", "blue oil", "a red balm"]
    monkeypatch.setattr("benchmarks.text_query_peers.cosine", lambda _: lambda texts: np.eye(3)[: len(texts)])
    best, trials = chosen(documents, lambda scores: float(scores(["red oil"])[0, 0]))
    assert len(trials) == 2 * len(K1) * len(B) + 2 * len(WEIGHTS)
    words = [each for each in trials if each["peer"] == "bm25"]
    assert (best.k1, best.b, best.common) in {
        (each["k1"], each["b"], each["common"])
        for each in words
        if each["value"] == max(each["value"] for each in words)
    }
    assert best.way == "scores"  # both are sure of the first: 1 by scores, 1 of 61 by ranks
    assert Settings(**{k: v for k, v in trials[-1].items() if k not in ("peer", "value")}).weight == 0.9


def test_a_run_of_other_settings_or_tables_has_another_folder(tmp_path):
    table = tmp_path / "items.parquet"
    pl.DataFrame({"item_id": [1, 2], "part": ["train", "test"]}).write_parquet(table)
    first = told_apart("name: x", ["training.seed=0"], table)
    assert told_apart("name: x", ["training.seed=0"], table) == first
    assert told_apart("name: y", ["training.seed=0"], table) != first
    assert told_apart("name: x", ["training.seed=0", "tasks.search.queries=6"], table) != first
    pl.DataFrame({"item_id": [1, 2], "part": ["test", "train"]}).write_parquet(table)
    assert told_apart("name: x", ["training.seed=0"], table) != first


def test_items_do_not_lie_as_in_their_file():
    items = pl.DataFrame({"item_id": list(range(50)), "title": [f"t{at}" for at in range(50)]})
    found = shuffled(items)
    assert found["item_id"].to_list() != list(range(50))
    assert found.equals(shuffled(items.reverse()))
    assert found["title"].to_list() == [f"t{at}" for at in found["item_id"]]


@pytest.mark.data
def test_no_test_query_of_beauty_asks_for_an_item_that_trains(data_folder):
    of = beauty(data_folder("amazon-beauty-2014").parent).shop
    part, whole = held_out(of, 0)
    assert [part.count(side) for side in ("train", "valid", "test")] == [9681, 1210, 1210]
    found = queries(of, part, whole["test"], "test", 0)
    assert {part[item] for item in found["items"].explode()} == {"test"}
    assert found["kind"].value_counts().sort("kind")["count"].to_list()[1:] == pytest.approx(
        [1200] * 3, abs=40
    )
    assert len(whole["test"]) >= 3


@pytest.mark.data
def test_films_are_asked_for_in_words_of_title_and_plot(data_folder):
    found = movies(data_folder("ml-100k").parent)
    part, whole = held_out(found.shop, 0)
    assert whole == {"test": [], "valid": []}
    asked = queries(found.shop, part, whole["test"], "test", 0)
    assert asked["kind"].unique().sort().to_list() == ["mistyped", "paraphrase", "words"]
    assert found.items.columns == ["item_id", "title", "genre", "plot"]
    assert found.documents()[found.shop.ids.index(1)].startswith(
        "Toy Story. Animation, Adventure, Comedy, Family, Fantasy. A cowboy doll"
    )
