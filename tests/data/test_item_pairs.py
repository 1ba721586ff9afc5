"""Queries and the items that are right for them: out of files, and made of a catalogue and a log."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from motet.config.read import config_from_dict
from motet.data.answers import Answers, DrawnItems
from motet.data.documents import documents_of, read_documents
from motet.data.item_pairs import ItemPairs
from motet.data.lexical import Lexical
from motet.data.readers import read_tables
from motet.data.taken import Taken, prompts
from motet.data.text_rows import read_rows
from motet.data.timelines import TEST, TRAIN, VALID
from motet.errors import DataError

COLOURS = ("red", "blue", "green", "grey", "white")


def catalogue(count: int = 100) -> list[dict[str, Any]]:
    """Items whose titles are words of their own, each in a category of five and in one of all."""
    return [
        {
            "id": 500 + number,
            "title": f"alpha{number} beta{number} gamma{number} delta{number}",
            "path": f"Shop > Group {number // 5}",
            "colour": COLOURS[number % 5],
        }
        for number in range(count)
    ]


def config_of(folder: Path, rows: list[dict[str, Any]] | None = None, **task: Any) -> Any:
    (folder / "items.jsonl").write_text("\n".join(map(json.dumps, rows or catalogue())), "utf8")
    source = {"path": "items.jsonl", "id": "id", "text": ["title", "path"], "categorical": ["colour"]}
    settings = {"name": "search", "kind": "retrieval", "texts": "items"} | task
    events = {"path": "events.csv", "user": "who", "item": "what"}
    return config_from_dict(
        {
            "data": {"items": source, "events": events},
            "tasks": [settings, {"name": "next", "kind": "next_item"}],
        }
    )


def read(
    folder: Path, rows: list[dict[str, Any]] | None = None, taken: Taken | None = None, **task: Any
) -> ItemPairs:
    config = config_of(folder, rows, **task)
    found = read_rows(config.text_tasks[0], config.data, folder, 0, None, taken)
    assert isinstance(found, ItemPairs)
    return in_order(found)


def in_order(rows: ItemPairs) -> ItemPairs:
    """The same with items numbered as they lie in the file, by their ids."""
    order_M = rows.item_M.arg_sort().to_numpy()
    number_M = np.argsort(order_M)
    right = [sorted(number_M[rows.right(row)].tolist()) for row in range(len(rows))]
    return replace(
        rows,
        answers=[rows.answers[at] for at in order_M],
        right_F=np.concatenate(right),
        offset_S=np.cumsum([0, *(len(each) for each in right)]),
        set_N=None,
        item_M=rows.item_M.gather(order_M),
        learns_M=rows.learns_M[order_M],
    )


def test_items_are_not_numbered_as_they_lie_in_a_file(tmp_path):
    config = config_of(tmp_path)
    first = read_rows(config.text_tasks[0], config.data, tmp_path, 0)
    config_of(tmp_path, catalogue()[::-1])
    second = read_rows(config.text_tasks[0], config.data, tmp_path, 0)
    assert isinstance(first, ItemPairs)
    assert isinstance(second, ItemPairs)
    assert first.item_M.to_list() == second.item_M.to_list() != list(range(500, 600))
    assert first.answers == second.answers
    assert first.answers[0].startswith(f"alpha{first.item_M[0] - 500} ")


def asked(rows: ItemPairs, part: int) -> set[int]:
    """Items that the queries of a part ask for."""
    return {int(number) for row in rows.rows(part) for number in rows.right(int(row))}


def taken_of(*users: list[int], held: tuple[int, ...] = ()) -> Taken:
    """What users took, an item a moment."""
    flat = [item for user in users for item in user]
    return Taken(
        np.repeat(np.arange(len(users)), [len(user) for user in users]),
        pl.Series(flat, dtype=pl.Int64),
        np.arange(len(flat)),
        pl.Series(list(held), dtype=pl.Int64),
    )


def test_an_item_that_validates_or_tests_is_in_no_query_that_trains(tmp_path):
    rows = read(tmp_path)
    train, valid, test = (asked(rows, part) for part in (TRAIN, VALID, TEST))
    assert train
    assert valid
    assert test
    assert not train & (valid | test)
    assert not valid & test
    assert set(np.flatnonzero(rows.learns_M)) == train
    texts = {rows.text_N[row].casefold() for row in rows.rows(TRAIN)}
    assert not texts & {rows.text_N[row].casefold() for row in rows.rows(TEST)}


def test_a_column_of_the_catalogue_may_say_which_items_train(tmp_path):
    parts = [
        row | {"part": ("train", "train", "valid", "test")[at // 5 % 4]} for at, row in enumerate(catalogue())
    ]
    rows = read(tmp_path, parts, split={"kind": "column", "column": "part"})
    for name, part in (("train", TRAIN), ("valid", VALID), ("test", TEST)):
        assert asked(rows, part) == {at for at, row in enumerate(parts) if row["part"] == name}
    with pytest.raises(DataError, match="column 'side' is missing"):
        read(tmp_path, parts, split={"kind": "column", "column": "side"})


def test_more_queries_are_more_to_learn_from_and_not_to_measure(tmp_path):
    two, six = (read(tmp_path, queries=count) for count in (2, 6))
    assert len(six.rows(TRAIN)) == pytest.approx(3 * len(two.rows(TRAIN)), rel=0.02)
    for part in (VALID, TEST):
        assert len(six.rows(part)) <= 2 * len(asked(six, part))
        assert asked(six, part) == asked(two, part)


def test_right_items_are_kept_once_for_all_queries_that_ask_for_the_same(tmp_path):
    """Of a category of 200 items each of which asks for it, there are not 200 times 200 of them."""
    rows = [row | {"path": f"Group {at // 200}", "colour": None} for at, row in enumerate(catalogue(4000))]
    config = config_of(tmp_path, rows, queries=4)
    found = read_rows(config.text_tasks[0], config.data, tmp_path, 0)
    assert isinstance(found, ItemPairs)
    assert int(found.count_N.sum()) > 10 * len(found.right_F)
    assert len(found.right_F) < 6 * 4000
    of = {text.casefold(): row for row, text in enumerate(found.text_N)}
    assert len(found.right(of["group 7"])) == pytest.approx(160, abs=20)  # those that train
    drawn = found.one_right(np.random.default_rng(0))
    assert all(number in found.right(row) for row, number in enumerate(drawn.tolist()))


def test_all_items_of_a_category_are_right_for_it(tmp_path):
    parts = [
        row | {"part": ("train", "train", "valid", "test")[at // 5 % 4]} for at, row in enumerate(catalogue())
    ]
    rows = read(tmp_path, parts, queries=6, split={"kind": "column", "column": "part"})
    groups = {
        text.casefold(): rows.right(row).tolist()
        for row, text in enumerate(rows.text_N)
        if text.casefold() in {f"group {group}" for group in range(20)}
    }
    assert len(groups) > 10
    for name, right in groups.items():
        first = 5 * int(name.split()[1])
        assert right == list(range(first, first + 5))


def test_a_category_of_items_of_several_parts_trains_with_those_that_train(tmp_path):
    parts = [
        row | {"part": ("train", "train", "train", "valid", "test")[at % 5]}
        for at, row in enumerate(catalogue())
    ]
    rows = read(tmp_path, parts, queries=6, split={"kind": "column", "column": "part"})
    alone = [
        row
        for row, text in enumerate(rows.text_N)
        if text.casefold().startswith("group ") and "a" not in text
    ]
    assert alone
    for row in alone:
        assert rows.part_N[row] == TRAIN
        assert all(number % 5 < 3 for number in rows.right(row).tolist())
    assert any("fit items of another part too" in each for each in rows.statements)


def test_items_that_the_log_holds_out_do_not_train(tmp_path):
    whole = read(tmp_path)
    held = [500 + number for number in sorted(asked(whole, TRAIN))[:10]]
    rows = read(tmp_path, taken=taken_of(held=tuple(held)))
    assert not asked(rows, TRAIN) & {each - 500 for each in held}
    assert not rows.learns_M[[each - 500 for each in held]].any()
    assert "10 items that the log holds out are in no query that trains" in " ".join(rows.statements)
    assert asked(rows, TEST) == asked(whole, TEST)


def test_prompts_name_what_came_before_and_ask_for_what_came_next(tmp_path):
    documents = read_documents(config_of(tmp_path).data, tmp_path)
    learns_M = np.ones(100, bool)
    learns_M[2] = False  # is passed over
    found = prompts(documents, taken_of([500, 501, 502, 503], [504]), learns_M, ["after {items}"], 0)
    titles = [row["title"] for row in catalogue()]
    rows = dict(found.select("@number", "@text").iter_rows())
    assert rows.keys() == {1, 3}
    assert rows[1] == f"after {titles[0]}"
    assert rows[3] in (f"after {titles[1]}", f"after {titles[0]}, {titles[1]}")


def test_events_of_one_moment_are_not_told_of_each_other(tmp_path):
    documents = read_documents(config_of(tmp_path).data, tmp_path)
    taken = Taken(
        np.zeros(3, np.int64), pl.Series([500, 501, 502]), np.array([0, 1, 1]), pl.Series([], dtype=pl.Int64)
    )
    found = prompts(documents, taken, np.ones(100, bool), ["{items}"], 0)
    assert found["@number"].to_list() == [1, 2]
    assert found["@text"].to_list() == [catalogue()[0]["title"]] * 2


def test_queries_of_what_was_taken_train_alone_and_ask_for_items_that_train(tmp_path):
    whole = read(tmp_path)
    users = np.random.default_rng(0).permuted(np.tile(np.arange(500, 600), (8, 1)), axis=1).tolist()
    rows = read(tmp_path, taken=taken_of(*users))
    told = [
        row
        for row in range(len(rows))
        if rows.text_N[row].startswith(("I bought", "I just", "I liked", "what goes"))
    ]
    assert len(told) == len(asked(whole, TRAIN))  # as many as items train
    assert {int(rows.part_N[row]) for row in told} == {TRAIN}
    held = asked(rows, VALID) | asked(rows, TEST)
    assert not {int(number) for row in told for number in rows.right(row)} & held
    titles = [row["title"] for row in catalogue()]
    assert not any(titles[number] in rows.text_N[row] for row in told for number in held)
    assert any(" and " in rows.text_N[row] for row in told)


def test_templates_are_filled_in(tmp_path):
    rows = read(tmp_path, templates=["do you have {words}?"], taken=taken_of([500, 501]))
    assert all(text.startswith("do you have ") and text.endswith("?") for text in rows.text_N)
    both = read(
        tmp_path,
        templates=["{words}", "next to {items}"],
        taken=taken_of(*[[500 + at, 501 + at] for at in range(99)]),
    )
    assert any(text.startswith("next to alpha") for text in both.text_N)


def test_queries_of_a_file_name_items_by_their_ids(tmp_path):
    given = [{"q": f"word{at} please", "item": 500 + at} for at in range(60)]
    given += [{"q": "WORD3  please", "item": 509}, {"q": "nobody has it", "item": 3}]
    (tmp_path / "q.jsonl").write_text("\n".join(map(json.dumps, given)), "utf8")
    texts = {"path": "q.jsonl", "text": "q"}
    rows = read(tmp_path, texts=texts, documents="items", label="item")
    assert len(rows) == 60
    of = {text: rows.right(row).tolist() for row, text in enumerate(rows.text_N)}
    assert of["word3 please"] == [3, 9]
    assert len(rows.answers) == 100
    assert rows.item_M.to_list() == list(range(500, 600))
    assert "1 of 62 rows name no item of the catalogue that has a text" in " ".join(rows.statements)
    with pytest.raises(DataError, match=r"none of the values in 'q', such as \['word0 please'\], is the id"):
        read(tmp_path, texts=texts, documents="items", label="q")
    held = read(
        tmp_path, texts=texts, documents="items", label="item", taken=taken_of(held=tuple(range(500, 530)))
    )
    assert not asked(held, TRAIN) & set(range(30))


def test_ids_are_read_as_those_of_the_catalogue(tmp_path):
    """Where a cell is empty, other programs write whole numbers as 512.0."""
    lines = [f"word{at} please,{500 + at}.0" for at in range(60)]
    (tmp_path / "q.csv").write_text("\n".join(["q,item", "no item,", *lines]), "utf8")
    (tmp_path / "t.csv").write_text(
        "\n".join(["q,item", *(f"ask{at},{500 + at}" for at in range(9))]), "utf8"
    )
    texts = {"path": "q.csv", "text": "q", "test": "t.csv"}
    rows = read(tmp_path, texts=texts, documents="items", label="item")
    assert {text: rows.right(row).tolist() for row, text in enumerate(rows.text_N)} == {
        **{f"word{at} please": [at] for at in range(60)},
        **{f"ask{at}": [at] for at in range(9)},
    }
    pl.DataFrame({"q": lines, "item": [None, *(500.0 + at for at in range(1, 60))]}).write_parquet(
        tmp_path / "q.parquet"
    )
    named = [row | {"id": f"{row['id']}" if at else "first"} for at, row in enumerate(catalogue())]
    rows = read(tmp_path, named, texts={"path": "q.parquet", "text": "q"}, documents="items", label="item")
    assert len(rows) == 59
    assert rows.item_M.dtype == pl.String


def test_items_of_one_kind_with_a_text_are_looked_for(tmp_path):
    rows = [row | {"sort": ("film", "book")[at % 2]} for at, row in enumerate(catalogue(200))]
    rows[0] |= {"title": None, "path": None}
    (tmp_path / "items.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf8")
    source = {"path": "items.jsonl", "id": "id", "kind": "sort", "text": ["title", "path"]}
    task = {"name": "search", "kind": "retrieval", "texts": "items", "items": "film"}
    config = config_from_dict({"data": {"items": source}, "tasks": [task]})
    found = read_rows(config.text_tasks[0], config.data, tmp_path, 0)
    assert isinstance(found, ItemPairs)
    assert found.item_M.sort().to_list() == list(range(502, 700, 2))
    assert "1 items without a text cannot be found" in " ".join(found.statements)
    wrong = config_from_dict({"data": {"items": source}, "tasks": [task | {"items": "song"}]})
    with pytest.raises(DataError, match=r"no item is of kind 'song'\. The items are book, film"):
        read_rows(wrong.text_tasks[0], wrong.data, tmp_path, 0)


def test_documents_read_as_the_catalogue_does(tmp_path):
    config = config_of(tmp_path)
    (tmp_path / "events.csv").write_text("who,what\nann,503\n", "utf8")
    documents = read_documents(config.data, tmp_path)
    assert documents.text_M[7] == "alpha7 beta7 gamma7 delta7. Shop > Group 1"
    tables = read_tables(config.data, tmp_path)
    assert tables.items is not None
    again = documents_of(tables.items, tables.roles.item)
    assert again.text_M == documents.text_M
    assert again.item_M.equals(documents.item_M)


def shelf(rows: ItemPairs, live: int = 2) -> Answers:
    from motet.data.tokens import Tokens

    tokens = Tokens(np.arange(100, dtype=np.int32), np.arange(101))
    return Answers(rows, 0, np.zeros((len(rows), 0), np.int64), Lexical([]), tokens, live=live)


def test_every_item_that_trains_is_compared_with_each_query_and_some_are_read_anew(tmp_path):
    rows = read(tmp_path)
    drawn = shelf(rows).drawn(np.random.default_rng(0))
    assert isinstance(drawn, DrawnItems)
    place_B = rows.rows(TRAIN)[:8]
    batch = drawn.batch(place_B)
    assert batch.number_C is not None
    assert batch.live_K is not None
    assert batch.number_C.tolist() == np.flatnonzero(rows.learns_M).tolist()
    own_B = batch.number_C[batch.own_B].numpy()
    assert all(number in rows.right(row) for number, row in zip(own_B, place_B, strict=True))
    for row, right_C in zip(place_B.tolist(), batch.right_BC, strict=True):
        assert batch.number_C[right_C].tolist() == [each for each in rows.right(row) if rows.learns_M[each]]
    assert len(batch.live_K) == 2
    assert set(batch.number_C[batch.live_K].tolist()) <= set(own_B.tolist())
    assert (
        batch.token_CL.flatten().tolist() == batch.number_C[batch.live_K].tolist()
    )  # token of an item: its number


def test_of_very_many_items_a_step_draws_some(tmp_path, monkeypatch):
    monkeypatch.setattr("motet.data.answers.ALL_UP_TO", 20)
    monkeypatch.setattr("motet.data.answers.DRAWN", 7)
    rows = read(tmp_path)
    drawn = shelf(rows).drawn(np.random.default_rng(0))
    seen: set[int] = set()
    for place in rows.rows(TRAIN)[:60].tolist():
        number = drawn.batch(np.array([place])).number_C.tolist()
        assert len(number) in (7, 8)
        seen |= set(number)
    assert seen == set(np.flatnonzero(rows.learns_M).tolist())
