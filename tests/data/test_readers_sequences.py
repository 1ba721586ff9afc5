"""Layout `sequences`: one user a line."""

import gzip

import polars as pl
import pytest

from motet.config.data import DataConfig
from motet.data.readers import read_tables, tables_from_frames
from motet.errors import DataError

RAGGED = {"path": "seq.txt", "layout": "sequences", "header": False, "user": "column_1", "item": "column_2"}
TABLE = {"path": "seq.csv", "layout": "sequences", "user": "who", "item": "items"}


def config(events, **more) -> DataConfig:
    return DataConfig.model_validate({"events": events, **more})


def rows(data, folder, *more) -> list[tuple]:
    return read_tables(data, folder).events.select("@user", "@item", "@order", *more).collect().rows()


def test_ragged_lines_are_a_user_and_items(tmp_path):
    with gzip.open(tmp_path / "seq.txt", "wt") as file:
        file.write("1 30 10\n2 20\n\n3 10 20 30\n")
    expected = [(1, 30, 0), (1, 10, 1), (2, 20, 0), (3, 10, 0), (3, 20, 1), (3, 30, 2)]
    assert rows(config(RAGGED), tmp_path) == expected


def test_ragged_lines_of_equal_length_are_still_sequences(tmp_path):
    (tmp_path / "seq.txt").write_text("1 30 10\n2 20 10\n")
    assert rows(config(RAGGED), tmp_path) == [(1, 30, 0), (1, 10, 1), (2, 20, 0), (2, 10, 1)]


def test_ragged_lines_may_use_another_sign_and_have_names(tmp_path):
    (tmp_path / "seq.txt").write_text("who,items\nann,x,y\nbob,z\n")
    source = RAGGED | {"header": True, "user": "who", "item": "items", "item_separator": ","}
    assert rows(config(source), tmp_path) == [("ann", "x", 0), ("ann", "y", 1), ("bob", "z", 0)]


def test_ragged_lines_without_names_say_what_to_write(tmp_path):
    (tmp_path / "seq.txt").write_text("1 30 10\n2 20\n")
    source = RAGGED | {"header": True, "user": "who", "item": "items"}
    with pytest.raises(DataError, match=r"does not name column 'who' .* write  header: \[who, items\]"):
        read_tables(config(source), tmp_path)


def test_a_line_may_itself_be_the_user(tmp_path):
    (tmp_path / "seq.txt").write_text("2 30 10\n1 20\n")
    source = RAGGED | {"header": ["count", "items"], "user": "@row", "item": "items", "ignore": ["count"]}
    assert rows(config(source), tmp_path) == [(0, 30, 0), (0, 10, 1), (1, 20, 0)]


def test_a_table_may_hold_the_list_in_a_column(tmp_path):
    (tmp_path / "seq.csv").write_text("who\titems\tage\n7\t3 1\t30\n8\t2\t40\n9\t\t50\n")
    assert rows(config(TABLE), tmp_path, "age") == [(7, 3, 0, 30), (7, 1, 1, 30), (8, 2, 0, 40)]


def test_native_lists_are_laid_open_together():
    frame = pl.DataFrame(
        {"who": [1, 2], "items": [[5, 6], [7]], "stars": [[4, 2], [5]], "when": [[10, 20], [30]]}
    )
    data = config(TABLE | {"time": "when", "value": "stars"})
    events = tables_from_frames(data, events=frame).events.select("@item", "@time", "@value").collect()
    assert events.rows() == [(5, 10_000, 4.0), (6, 20_000, 2.0), (7, 30_000, 5.0)]


def test_lists_of_text_as_long_as_the_items_belong_to_them(tmp_path):
    (tmp_path / "seq.csv").write_text("who,items,stars\n1,5 6,4 2\n2,7,5\n")
    assert rows(config(TABLE), tmp_path, "stars") == [(1, 5, 0, 4), (1, 6, 1, 2), (2, 7, 0, 5)]


def test_lists_of_another_length_say_how_to_leave_them_out(tmp_path):
    (tmp_path / "seq.csv").write_text("who,items,liked\n1,5 6,5 6\n2,7 8 9,7 9\n")
    with pytest.raises(
        DataError, match=r"row 2 has 2 parts in column 'liked' but 3 in 'items'.*ignore: \[liked\]"
    ):
        read_tables(config(TABLE), tmp_path)
    assert len(rows(config(TABLE | {"ignore": ["liked"]}), tmp_path)) == 5


def test_a_user_with_a_line_for_each_split_has_one_order(tmp_path):
    (tmp_path / "seq.csv").write_text("who,part,items\n1,test,4\n1,train,1 2\n1,valid,3\n2,train,9\n")
    data = config(TABLE, split={"kind": "column", "column": "part"})
    found = sorted(rows(data, tmp_path, "part"), key=lambda row: (row[0], row[2]))
    assert found == [
        (1, 1, 0, "train"),
        (1, 2, 1, "train"),
        (1, 3, 2, "valid"),
        (1, 4, 3, "test"),
        (2, 9, 0, "train"),
    ]


def test_all_items_of_a_line_bear_its_time(tmp_path):
    (tmp_path / "seq.csv").write_text("who,items,last\n1,5 6,1650615878629\n2,7,1650352792048\n")
    events = read_tables(config(TABLE | {"time": "last", "type": "history"}), tmp_path).events.collect()
    assert events["@time"].to_list() == [1650615878629, 1650615878629, 1650352792048]
    assert events["@type"].unique().to_list() == ["history"]


def test_a_history_and_a_log_are_one_timeline(tmp_path):
    (tmp_path / "seq.csv").write_text("who,items,last\n1,5 6,1650000000\n")
    (tmp_path / "log.csv").write_text("who,what,when,click\n1,7,1650000001,1\n")
    log = {"path": "log.csv", "user": "who", "item": "what", "time": "when"}
    events = read_tables(config([log, TABLE | {"time": "last"}]), tmp_path).events.collect()
    assert events.select("@source", "@item", "@order", "click").rows() == [
        (0, 7, None, 1),
        (1, 5, 0, None),
        (1, 6, 1, None),
    ]
