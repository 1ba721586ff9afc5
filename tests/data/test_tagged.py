"""Tagged texts: out of files of three shapes, and made of the catalogue."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from motet.config.read import config_from_dict
from motet.data.tagged import Tagged, TaggedRows, rows_of
from motet.data.tags import spans, tag_names, units_of
from motet.data.text_rows import read_rows
from motet.data.timelines import TEST, TRAIN, VALID
from motet.data.tokens import Tokens, Units
from motet.errors import DataError

TUNED = {"language": {"tuning": "full"}}


def read(folder: Path, *, tags: list[str] | None = None, data: Any = None, **task: Any) -> TaggedRows:
    settings = {"name": "mentions", "kind": "tagging"} | task
    settings.setdefault("texts", {"path": "all.jsonl"})
    config = config_from_dict({"tasks": [settings], "model": TUNED, **({"data": data} if data else {})})
    rows = read_rows(config.text_tasks[0], config.data, folder, 0, tags)
    assert isinstance(rows, TaggedRows)
    return rows


def write(folder: Path, rows: list[dict[str, Any]], name: str = "all.jsonl") -> None:
    (folder / name).write_text("\n".join(json.dumps(row) for row in rows), "utf8")


def said(place: int) -> dict[str, Any]:
    return {"text": f"take shoe {place} today", "tags": "O B-Item I-Item O"}


def many(rows: int = 60) -> list[dict[str, Any]]:
    return [said(place) for place in range(rows)]


def named(rows: TaggedRows, row: int = 0) -> list[tuple[str, str]]:
    """Types and letters of the spans of a text."""
    letters, text = rows.letters(row), rows.text_N[row]
    return [
        (kind, text[letters[first][0] : letters[after - 1][1]])
        for kind, first, after in spans(rows.tags_N[row])
    ]


def test_texts_and_tags_between_blanks(tmp_path):
    write(tmp_path, many())
    rows = read(tmp_path)
    assert rows.classes == ("O", "B-Item", "I-Item")
    assert named(rows, 7) == [("Item", "shoe 7")]
    assert {TRAIN, VALID, TEST} == set(rows.part_N.tolist())
    assert rows.statements == ["mentions: spans of 60 texts: Item 60."]


def test_lists_of_units_and_of_tags(tmp_path):
    write(tmp_path, [{"text": row["text"].split(), "tags": row["tags"].split()} for row in many()])
    assert named(read(tmp_path), 7) == [("Item", "shoe 7")]


def test_spans_in_letters(tmp_path):
    """Edges inside of a word take the whole word; of two that overlap the first is taken, or the longer."""
    spans_of = [
        {"start": 5, "end": 13, "label": "Item"},
        {"start": 5, "end": 9, "label": "Brand"},
        {"start": 10, "end": 20, "label": "Other"},
        {"start": 21, "end": 23, "label": "User"},
    ]
    rows = [{"text": f"take shoe {place:03d} today, anna.", "spans": spans_of} for place in range(60)]
    write(tmp_path, rows)
    found = read(tmp_path, label="spans")
    assert found.text_N[3] == "take shoe 003 today , anna ."
    assert named(found, 3) == [("Item", "shoe 003"), ("User", "anna")]


def test_files_of_conll(tmp_path):
    text = "-DOCSTART- O\n\nnew\tB-Item\r\nshoe\tE-Item\r\n\n\n  O\nby _ _ O\nanna NNP S-User\n"
    for name in ("train.txt", "valid.txt"):
        (tmp_path / name).write_text(text * 3, "utf8")
    with gzip.open(tmp_path / "test.txt.gz", "wt", encoding="utf8") as file:
        file.write(text)
    files = {"path": "train.txt", "valid": "valid.txt", "test": "test.txt.gz", "layout": "conll"}
    rows = read(tmp_path, texts=files)
    assert rows.text_N[:2] == ["new shoe", "  by anna"]
    assert named(rows) == [("Item", "new shoe")]
    assert named(rows, 1) == [("User", "anna")]
    assert np.bincount(rows.part_N).tolist() == [6, 6, 2]
    assert "2 of 2 test texts are among the training texts" in rows.statements[-1]


def test_characters(tmp_path):
    rows = [{"text": f"买 手机{place}", "tags": ["O", "B-Item", "I-Item", *("O" * len(str(place)))]}
            for place in range(60)]  # fmt: skip
    write(tmp_path, rows)
    found = read(tmp_path, units="characters")
    assert found.text_N[3] == "买 手机3"
    assert named(found, 3) == [("Item", "手机")]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"text": "a b c", "tags": "O O"}, r"row 61: 3 words and 2 tags. A text needs one tag for each"),
        ({"text": "a b", "tags": "O Item"}, r"row 61: 'Item' is no tag. Write O, or B- or I- and a type"),
        ({"text": "a b", "tags": "O B-"}, r"'B-' is no tag"),
        ({"text": "a b", "tags": '[{"start": 0}]'}, "row 61: found .* a list that is written as text"),
    ],
)
def test_what_does_not_fit_is_said_with_its_row(tmp_path, row, message):
    write(tmp_path, [*many(), row])
    with pytest.raises(DataError, match=message):
        read(tmp_path)


@pytest.mark.parametrize(("start", "end"), [(3, 3), (0, 99), (-1, 2)])
def test_a_span_outside_of_its_text_is_said_with_its_row(tmp_path, start, end):
    rows = [{"text": "a b c", "tags": [{"start": 0, "end": 1, "label": "Item"}]} for _ in range(3)]
    write(tmp_path, [*rows, {"text": "a b c", "tags": [{"start": start, "end": end, "label": "Item"}]}])
    with pytest.raises(DataError, match=r"row 4: the span .* does not fit its text of 5 letters"):
        read(tmp_path)


def test_a_line_without_a_tag_is_said(tmp_path):
    (tmp_path / "a.txt").write_text("new B-Item\nshoe\n", "utf8")
    with pytest.raises(DataError, match=r"a.txt, line 2: found 'shoe'. A line holds a unit and its tag"):
        read(tmp_path, texts={"path": "a.txt", "layout": "conll"})


def test_tags_without_any_span_are_refused(tmp_path):
    write(tmp_path, [{"text": f"word {place}", "tags": "O O"} for place in range(60)])
    with pytest.raises(DataError, match="no training text has a span"):
        read(tmp_path)


def test_a_type_that_training_has_not_counts_as_missed_and_is_learned_by_none(tmp_path):
    write(tmp_path, many(), "train.jsonl")
    write(tmp_path, [*many(3), {"text": "ask anna", "tags": "O B-User"}], "test.jsonl")
    rows = read(tmp_path, texts={"path": "train.jsonl", "test": "test.jsonl"})
    assert rows.classes == tag_names(["Item"])
    assert named(rows, 63) == [("User", "anna")]
    assert rows.number_F()[-2:].tolist() == [0, -1]


def test_rows_without_text_or_tags_are_left_out(tmp_path):
    write(tmp_path, [*many(), {"text": None, "tags": "O"}, {"text": "a", "tags": None}])
    rows = read(tmp_path)
    assert len(rows) == 60
    assert "2 of 62 rows without text or tags are left out" in rows.statements[1]


def test_a_trained_models_tags_are_kept(tmp_path):
    write(tmp_path, many())
    assert read(tmp_path, tags=["O", "B-User", "I-User"]).number_F()[1] == -1


def catalogue(folder: Path) -> dict[str, Any]:
    titles = [f"red shoe {place}" for place in range(200)]
    pl.DataFrame({"id": range(200), "title": titles, "more": ["runs in the rain"] * 200}).write_csv(
        folder / "items.csv"
    )
    pl.DataFrame({"who": [f"user_{place}" for place in range(9)], "what": range(9)}).write_csv(
        folder / "events.csv"
    )
    return {
        "items": {"path": "items.csv", "id": "id", "text": ["title", "more"]},
        "events": {"path": "events.csv", "user": "who", "item": "what"},
    }


def test_sentences_of_the_catalogue_name_its_titles_and_users(tmp_path):
    rows = read(tmp_path, texts="items", data=catalogue(tmp_path))
    assert rows.classes == ("O", "B-Item", "I-Item", "B-User", "I-User")
    of_items = [text for row in range(200) for kind, text in named(rows, row) if kind == "Item"]
    of_users = [text for row in range(200) for kind, text in named(rows, row) if kind == "User"]
    assert len(of_items) > 100
    assert all(text.startswith("red shoe ") for text in of_items)
    assert len(set(of_items)) == len(of_items)  # so that what is tested on trained none
    assert set(of_users) <= {f"user_{place}" for place in range(9)}
    assert len(of_users) > 30


def test_sentences_of_ones_own(tmp_path):
    data = catalogue(tmp_path)
    templates = ["{item}，{item}好吗", "没有"]
    rows = read(tmp_path, texts="items", data=data, templates=templates, units="characters")
    assert set(rows.classes) == set(tag_names(["Item"]))
    mine = next(row for row in range(200) if rows.text_N[row] != "没有")
    assert len({text for _, text in named(rows, mine)}) == 1
    assert len(named(rows, mine)) == 2


def test_units_lie_in_the_tokens_that_hold_them():
    """Two texts; of the second the tokens end early. A token may hold several units."""
    found = [
        Tagged("手机好", [(0, 1), (1, 2), (2, 3)], ["B-Item", "I-Item", "O"]),
        Tagged("新手机", [(0, 1), (1, 2), (2, 3)], ["O", "B-Item", "I-Item"]),
    ]
    rows = rows_of(found, tag_names(["Item"]), np.array([TRAIN, TRAIN], np.int8))
    tokens = Tokens(np.arange(8, dtype=np.int32), np.array([0, 4, 8]))
    letters_F2 = np.array([[0, 0], [0, 2], [2, 3], [0, 0], [0, 0], [0, 1], [1, 2], [0, 0]])
    units = Units.of(rows, tokens, letters_F2).padded(np.array([0, 1]))
    assert units.piece_BU.tolist() == [[1, 1, 2], [1, 2, -1]]
    assert units.before_BU[0].tolist() == [0, 1, 0]
    assert units.after_BU[0].tolist() == [1, 0, 0]
    assert units.real_BU.tolist() == [[True, True, True], [True, True, False]]  # the last was cut off
    assert units.tag_BU.tolist() == [[1, 2, 0], [0, 1, -1]]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("यह हिन्दी है", ["यह", "हिन्दी", "है"]),
        ("cafe\u0301 bar", ["cafe\u0301", "bar"]),
        ("hi 👩\u200d👩\u200d👧!", ["hi", "👩\u200d👩\u200d👧", "!"]),
        ("❤\ufe0f ok", ["❤\ufe0f", "ok"]),
        ("don't", ["don", "'", "t"]),
    ],
)
def test_marks_stay_with_their_letters(text, wanted):
    assert [text[first:after] for first, after in units_of(text, characters=False)] == wanted


def test_spans_that_no_tag_can_say_are_counted(tmp_path):
    spans_of = [{"start": 0, "end": 4, "label": "A"}, {"start": 2, "end": 6, "label": "B"}]
    write(tmp_path, [{"text": f"abcd ef {place}", "tags": spans_of} for place in range(60)])
    rows = read(tmp_path)
    assert any("60 spans overlap another one" in each for each in rows.statements)


def test_no_tags_are_no_spans(tmp_path):
    lists = [{"text": row["text"].split(), "tags": row["tags"].split()} for row in many()]
    write(tmp_path, [*lists, {"text": ["q", "r"], "tags": []}])
    with pytest.raises(DataError, match="row 61: 2 words and 0 tags"):
        read(tmp_path)


def test_a_text_lies_on_one_side_in_all_tasks_that_read_it(tmp_path):
    """Tags are read between blanks, classes as it stands: the text is the same."""
    tags = [{"start": 0, "end": 6, "label": "Verb"}]
    rows = [
        {"text": f"please, book table {place}!", "tags": tags, "intent": str(place % 2)}
        for place in range(300)
    ]
    write(tmp_path, rows)
    texts = {"path": "all.jsonl"}
    tasks = [
        {"name": "mentions", "kind": "tagging", "texts": texts},
        {"name": "intent", "kind": "multiclass", "label": "intent", "texts": texts},
    ]
    config = config_from_dict({"tasks": tasks, "model": TUNED})
    first, second = (read_rows(task, config.data, tmp_path, 0) for task in config.text_tasks)
    assert first.text_N[0] == "please , book table 0 !"
    assert second.text_N[0] == "please, book table 0!"
    assert np.array_equal(first.part_N, second.part_N)


def test_remarks_are_passed_over_and_a_unit_that_looks_like_one_is_not(tmp_path):
    text = "\ufeff# newdoc id = 5\n# text = new shoe\nnew O\nshoe B-Item\n\n# O\nshoe B-Item\n"
    for name in ("train.txt", "valid.txt", "test.txt"):
        (tmp_path / name).write_text(text, "utf8")
    files = {"path": "train.txt", "valid": "valid.txt", "test": "test.txt", "layout": "conll"}
    assert read(tmp_path, texts=files).text_N[:2] == ["new shoe", "# shoe"]


def test_titles_may_be_lists(tmp_path):
    data = catalogue(tmp_path)
    pl.DataFrame({"id": range(60), "title": [["red", f"shoe {place}"] for place in range(60)]}).write_parquet(
        tmp_path / "items.parquet"
    )
    data["items"] = {"path": "items.parquet", "id": "id", "text": ["title"]}
    rows = read(tmp_path, texts="items", data=data, templates=["I like {item}"])
    assert named(rows)[0][1].startswith("red , shoe ")
