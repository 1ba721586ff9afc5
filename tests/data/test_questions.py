"""Rows that ask are read as the log is."""

from typing import Any

import polars as pl
import pytest

from motet.config.data import DataConfig
from motet.data.questions import read_questions
from motet.errors import DataError

MILLISECOND = 1_704_067_200_000  # 2024-01-01


def config(**events: Any) -> DataConfig:
    source = {"path": "log", "user": "who", "item": "what", "time": "at", "context": ["surface"]} | events
    return DataConfig.model_validate({"events": source})


def rows(**columns: Any) -> pl.DataFrame:
    return pl.DataFrame({"who": [1, 2], "what": [10, 20], "at": [MILLISECOND // 1000] * 2} | columns)


def test_ids_times_and_contexts_become_canonical_columns():
    found = read_questions(rows(surface=["feed", None], extra=[1, 2]), config())
    assert found.columns == ["@user", "@item", "@time", "surface"]
    assert found.row(0) == (1, 10, MILLISECOND, "feed")


def test_contexts_that_the_rows_lack_are_left_out():
    assert read_questions(rows(), config()).columns == ["@user", "@item", "@time"]


def test_lists_in_a_cell_are_taken_apart():
    found = read_questions(
        rows(surface=["a|b", "c"]), config(context=[{"column": "surface", "separator": "|"}])
    )
    assert found["surface"].to_list() == [["a", "b"], ["c"]]


def test_rows_without_a_time_have_none():
    found = read_questions(rows(at=[MILLISECOND, None]), config())
    assert found["@time"].to_list() == [MILLISECOND, None]
    assert read_questions(rows().drop("at"), config())["@time"].null_count() == 2


def test_a_log_without_times_asks_for_none():
    assert read_questions(rows(at=["what?", "when?"]), config(time=None))["@time"].null_count() == 2


def test_a_sequence_a_line_asks_with_one_row_a_question():
    found = read_questions(
        rows().rename({"who": "user", "what": "item"}), config(layout="sequences", time=None, context=[])
    )
    assert found["@item"].to_list() == [10, 20]


@pytest.mark.parametrize(
    ("column", "cells", "said"),
    [
        ("who", [1, None], r"row 2 has None in column 'who'"),
        ("what", [None, 3], r"row 1 has None in column 'what'"),
        ("at", ["2024-01-01", "one day"], r"row 2 has 'one day' in column 'at'"),
        ("at", ["some day", "one day"], r"times in column 'at' are not understood"),
    ],
)
def test_a_cell_that_cannot_be_read_is_named(column, cells, said):
    with pytest.raises(DataError, match=said):
        read_questions(rows(**{column: cells}), config())


def test_a_missing_column_is_named_with_those_that_are_there():
    with pytest.raises(DataError, match=r"no column 'who' \(nor 'user'\). They have what, at"):
        read_questions(rows().drop("who"), config())
