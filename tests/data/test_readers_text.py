"""Separators, quotes, and lines with the wrong number of columns."""

import polars as pl
import pytest

from motet.data.readers_text import find_separator, look, scan_text
from motet.errors import DataError


def read(path, separator=None, header=True) -> list[tuple]:
    return scan_text(look(path, separator), header).collect().rows()


@pytest.fixture
def file(tmp_path):
    return tmp_path / "table"


def test_a_short_line_is_reported_with_its_number(file):
    file.write_text("a,b,c\n1,2,3\n4,5\n6,7,8\n9\n")
    with pytest.raises(
        DataError, match=r"line 3 has 2 columns where the first line has 3 \('4,5'\); 2 such lines"
    ):
        read(file)


def test_a_long_line_is_reported_with_its_number(file):
    file.write_text("a,b\n1,2\n3,4,5\n")
    with pytest.raises(DataError, match="line 3 has 3 columns where the first line has 2"):
        read(file)


def test_a_line_of_totals_at_the_end_is_reported(file):
    file.write_text("a;b\n1;2\nTotal: 1 row\n")
    with pytest.raises(DataError, match="line 3 has 1 columns"):
        read(file, ";")


def test_blank_lines_are_passed_over(file):
    file.write_text("a,b\n1,2\n\n3,4\n\n")
    assert read(file) == [("1", "2"), ("3", "4")]


def test_separators_inside_quotes_do_not_count(file):
    file.write_text('a,b\n"x, y",1\n"say ""hi"", you",2\n')
    assert read(file) == [("x, y", "1"), ('say "hi", you', "2")]


def test_a_short_line_among_quoted_ones_is_reported(file):
    file.write_text('a,b\n"x, y",1\n"p, q"\n')
    with pytest.raises(DataError, match="line 3 has 1 columns"):
        read(file)


def test_a_cell_may_hold_line_ends(file):
    file.write_text('a,b\n"two\nlines",1\nx,2\n')
    assert read(file) == [("two\nlines", "1"), ("x", "2")]


def test_a_short_record_among_cells_with_line_ends_is_reported(file):
    file.write_text('a,b\n"two\nlines",1\nx\n')
    with pytest.raises(DataError, match="line 4 has 1 columns"):
        read(file)


def test_stray_quotes_are_plain_signs(file):
    file.write_text('id\ttitle\n1\t"Unclosed title\n2\t7" screen\n3\tplain\n')
    assert read(file) == [("1", '"Unclosed title'), ("2", '7" screen'), ("3", "plain")]


def test_a_stray_quote_in_the_first_line_of_data_is_a_plain_sign(file):
    file.write_text('1\t"Unclosed\tx\n2\tb\ty\n')
    assert read(file, header=False) == [("1", '"Unclosed', "x"), ("2", "b", "y")]


def test_words_for_nothing_are_null(file):
    file.write_text("a,b\nNULL,1\nNaN,\n\\N,NA\n")
    assert read(file) == [(None, "1"), (None, None), (None, "NA")]


def test_the_separator_is_the_sign_that_every_line_has_equally_often():
    assert find_separator(["a,b", "1,x|y", "2,z"]) == ","
    assert find_separator(["user::item::note", "1::2::a:b"]) == "::"
    assert find_separator(["1\t2019-01-01 10:00", "2\t2019-01-02 11:00"]) == "\t"
    assert find_separator(["one", "two three"]) is None


def test_names_must_fit_the_number_of_columns(file):
    file.write_text("1,2,3\n")
    with pytest.raises(
        DataError, match=r"header names 2 columns \(a, b\) but the file has 3, divided by ','"
    ):
        read(file, header=["a", "b"])


def test_two_columns_of_one_name_are_refused(file):
    file.write_text("a,a\n1,2\n")
    with pytest.raises(DataError, match="two columns bear the name 'a'"):
        read(file)


def test_the_first_line_counts_as_data_where_there_are_no_names(file):
    file.write_text("1::2\n3::4\n")
    assert scan_text(look(file, None), False).collect().to_dict(as_series=False) == {
        "column_1": ["1", "3"],
        "column_2": ["2", "4"],
    }
    assert scan_text(look(file, None), ["x", "y"]).collect_schema() == {"x": pl.String, "y": pl.String}


def test_the_separator_is_found_where_cells_hold_line_ends(file):
    file.write_text('"a","b"\n' + '"two\nlines","1"\n' * 5)
    assert read(file) == [("two\nlines", "1")] * 5


def test_a_blank_divides_only_where_nothing_else_does():
    assert find_separator(["user , item , time", "1 , 2 , 3"]) == ","
    assert find_separator(["user item", "1 2"]) == " "
