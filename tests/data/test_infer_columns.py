"""What single columns look like, and how files and columns are compared."""

import numpy as np
import polars as pl
import pytest

from motet.data.infer.dependence import agreement, settles
from motet.data.infer.lists import find_list_sign
from motet.data.infer.look import find_encoding, has_names, look_at
from motet.data.infer.profile import profile
from motet.data.infer.ratings import is_time_spent, stars


def kind(values, **more) -> str:
    return profile(pl.Series("x", values, **more)).kind


TITLES = [f"the {word} {place} of winter" for place, word in enumerate(["red", "blue", "lost", "last"] * 10)]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 1, 1, 0], "flag"),
        ([True, False], "flag"),
        (["true", "False", None], "flag"),
        ([7, 7, 7], "empty"),
        ([None, None], "empty"),
        ([3, 1, 2], "integer"),
        (["3", "1", "unknown", *["2"] * 40], "integer"),
        ([0.5, 1.25, 9.0], "number"),
        (list(range(1_650_000_000, 1_650_000_050)), "time"),
        (["2024-01-31 10:00", "2024-02-01 11:00"], "time"),
        (["20240131", "20240201", "20240301"], "time"),
        (["a", "b"] * 20, "word"),
        (TITLES, "text"),
        (["红色连衣裙新款夏季", "蓝色运动鞋男士"], "text"),
        ([f"B00{place}XK" for place in range(40)], "code"),
        ([f"0{place}" for place in range(40)], "code"),
        (["http://a.b/1.jpg", "http://a.b/2.jpg"], "address"),
        (["a|b", "b|c", "a", "c"], "list"),
        (["7 9 7", "9 11", "7 11 9 7"], "list"),
        ([["a", "b"], ["a"]], "list"),
        ([[0.1, 0.2, 0.3], [0.5, 0.1, 0.9]], "vector"),
        (["[" + ", ".join(["0.25"] * 9) + "]"] * 3, "empty"),
        ([f"[{', '.join([f'0.{place}'] * 9)}]" for place in range(5)], "vector"),
        ([[{"a": 1}], [{"a": 2}]], "other"),
    ],
)
def test_the_kind_of_a_column(values, expected):
    assert kind(values) == expected


def test_large_ids_are_no_times():
    rng = np.random.default_rng(0)
    assert kind(rng.choice(rng.integers(512_000_000, 595_000_000, 50), 2_000)) == "integer"
    assert kind(rng.choice(rng.integers(1_200_000_000, 1_300_000_000, 50), 2_000)) == "integer"
    assert (
        kind([2_053_013_555_631_882_655, 2_053_013_558_920_217_191, 2_053_013_563_693_335_403]) == "integer"
    )


def test_times_that_are_days_may_come_again_and_again():
    assert kind(np.repeat(1_300_000_000 // 86_400 * 86_400 + np.arange(5) * 86_400, 400)) == "time"


@pytest.mark.parametrize(
    ("cells", "sign"),
    [
        (["Beauty > Hair > Care", "Beauty > Nails", "Beauty > Hair"], " > "),
        (["Ann Lee, Bob Ray", "Bob Ray", "Ann Lee, Cy Coe"], ","),
        (
            ["Action Drama", "Drama War", "Action War", "Drama", "Action Drama War"] * 3
            + ["War Drama Action"],
            " ",
        ),
        (["[1,10)", "[10,100)", "[100,500)"], ""),
        (["1,234", "12,345", "999"], ""),
        (["Won 3 prizes.", "Won 2 prizes.", "Won 1 prize."] * 5, ""),
        (TITLES, ""),
        (["paris, n/a, france", "nyc, ny, usa", "nyc, n/a, usa"], ","),
    ],
)
def test_what_divides_lists_is_told_from_what_stands_in_sentences(cells, sign):
    assert find_list_sign(pl.Series("x", cells)) == sign


def test_stars_have_a_usual_scale_and_a_mean_above_its_middle():
    assert stars(pl.Series([1, 2, 3, 4, 5, 5, 4])).threshold == 4
    assert stars(pl.Series([0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 5, 4])).low == 0.5
    assert stars(pl.Series([0, 1, 2, 3, 4, 4, 4])) is None
    assert stars(pl.Series([1, 1, 1, 1, 2, 2, 3, 4, 5])) is None
    assert stars(pl.Series([0, 1, 1])) is None


def test_a_time_spent_has_a_long_tail_and_is_not_mostly_zero():
    rng = np.random.default_rng(0)
    assert is_time_spent(pl.Series(np.exp(rng.normal(5, 1, 500))))
    assert not is_time_spent(pl.Series(rng.normal(50, 5, 500)))
    assert not is_time_spent(pl.Series(np.exp(rng.normal(5, 1, 500)) * (rng.random(500) < 0.1)))
    assert not is_time_spent(pl.Series(rng.normal(0, 5, 500)))


def test_a_function_of_a_key_agrees_beyond_chance_and_a_rare_flag_does_not():
    rng = np.random.default_rng(0)
    item = rng.integers(0, 50, 2_000)
    frame = pl.DataFrame({"i": item, "author": item % 7, "rare": (rng.random(2_000) < 0.01).astype(int)})
    assert settles(frame, "i", "author")
    assert not settles(frame, "i", "rare")
    assert not settles(frame, "author", "i")
    assert agreement(frame.head(0), ["i"], "rare").pairs == 0


@pytest.mark.parametrize("rows", [49, 800, 3989])
def test_rows_that_are_all_alike_say_nothing_of_a_key(rows):
    frame = pl.DataFrame({"i": [0] * rows, "same": ["1"] * rows})
    assert agreement(frame, ["i"], "same").kappa == 0


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([["user", "item"], ["a", "b"], ["c", "d"]], True),
        ([["uid", "3"], ["7", "cart"]], True),
        ([["a", "b"], ["c", "b"]], False),
        ([["1", "2"], ["3", "4"]], False),
        ([["7", "Toy Story (1995)"], ["8", "Heat (1995)"]], False),
        ([["a", "a"], ["1", "2"]], False),
    ],
)
def test_whether_the_first_line_names_the_columns(rows, expected):
    assert has_names(rows) is expected


@pytest.mark.parametrize(
    ("text", "encoding"),
    [("plain", "utf8"), ("Réd Café", "utf8"), ("Réd Café", "latin-1"), ("红色连衣裙", "gb18030")],
)
def test_the_encoding_of_a_text_is_found(tmp_path, text, encoding):
    (tmp_path / "x").write_bytes(f"id,title\n1,{text}\n".encode(encoding))
    assert find_encoding(tmp_path / "x") == encoding


def test_what_is_no_table_says_why(tmp_path):
    (tmp_path / "notes.txt").write_text("Some words about the data.\nThey are free.\n")
    assert (
        look_at(tmp_path / "notes.txt").reason == "no sign divides its lines into columns; this is no table"
    )
