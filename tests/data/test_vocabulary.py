"""Encodings: from categories and numbers to codes and standardised values."""

import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motet.config.data import Column
from motet.data import vocabulary
from motet.data.table import Feature
from motet.data.vocabulary import Encoding, fit_encoding

COLOUR = Feature("colour", "categorical", Column(column="colour"))
TAGS = Feature("tags", "categorical", Column(column="tags"), many=True)
PRICE = Feature("price", "numeric", Column(column="price"))


def numeric(log: bool | None) -> Feature:
    return Feature("price", "numeric", Column(column="price", log=log))


def fit_colours() -> Encoding:
    return fit_encoding(pl.DataFrame({"colour": ["red", "blue", "red", None]}), (COLOUR,))


def test_codes_follow_how_often_a_value_was_met():
    encoding = fit_colours()
    code, number = encoding.encode(pl.DataFrame({"colour": ["red", "blue"]}))
    assert code.tolist() == [[3], [4]]  # 0 empty slot, 1 missing, 2 unknown
    assert number.shape == (2, 0)
    assert (encoding.codes, encoding.slots) == (5, 1)


def test_an_unknown_value_and_a_missing_one_have_codes_of_their_own():
    code, _ = fit_colours().encode(pl.DataFrame({"colour": ["green", None, ""]}))
    assert code.tolist() == [[2], [1], [2]]


def test_a_column_that_the_frame_lacks_is_missing_everywhere():
    encoding = fit_encoding(
        pl.DataFrame({"colour": ["red"], "tags": [["a"]], "price": [1.0]}), (COLOUR, TAGS, PRICE)
    )
    code, number = encoding.encode(pl.DataFrame({"other": [1, 2]}))
    missing = encoding.categories[1].offset
    assert code.tolist() == [[1, missing]] * 2
    assert np.isnan(number).all()


def test_features_share_one_range_of_codes_without_meeting():
    frame = pl.DataFrame({"colour": ["red", "blue"], "tags": [["a", "b"], ["c"]]})
    encoding = fit_encoding(frame, (COLOUR, TAGS))
    code, _ = encoding.encode(frame)
    first, second = set(code[:, 0]), set(code[:, 1:].flatten()) - {0}
    assert first.isdisjoint(second)
    assert max(second) == encoding.codes - 1 == 1 + (2 + 2) + (2 + 3) - 1


def test_a_list_fills_as_many_slots_as_the_longest_of_training():
    frame = pl.DataFrame({"tags": [["a", "b"], ["a"]]})
    encoding = fit_encoding(frame, (TAGS,))
    code, _ = encoding.encode(pl.DataFrame({"tags": [["b", "a", "a"], ["x", "a"], [], None, [None, "b"]]}))
    a, b, missing, unknown = 3, 4, 1, 2
    assert code.tolist() == [[b, a], [unknown, a], [missing, 0], [missing, 0], [b, 0]]


def test_values_are_learned_on_training_rows_alone():
    frame = pl.DataFrame({"colour": ["red", "gold"], "price": [1.0, 1e9]})
    encoding = fit_encoding(frame, (COLOUR, PRICE), np.array([True, False]))
    assert encoding.categories[0].values == ["red"]
    assert encoding.numbers[0].mean == 1.0
    assert encoding.encode(frame)[0].tolist() == [[3], [2]]


def test_numbers_are_standardised_with_mean_and_deviation():
    frame = pl.DataFrame({"price": [1.0, 2.0, 3.0, None]})
    _, number = fit_encoding(frame, (PRICE,)).encode(frame)
    assert number[:3, 0] == pytest.approx([-1.2247449, 0, 1.2247449])
    assert np.isnan(number[3, 0])


def test_a_long_tail_is_read_by_its_logarithm():
    value = np.concatenate([np.arange(100.0), [1e6]])
    made = fit_encoding(pl.DataFrame({"price": value}), (PRICE,)).numbers[0]
    assert made.log
    assert made.mean == pytest.approx(np.log1p(value).mean())
    assert not fit_encoding(pl.DataFrame({"price": -value}), (PRICE,)).numbers[0].log
    assert not fit_encoding(pl.DataFrame({"price": np.arange(100.0)}), (PRICE,)).numbers[0].log


@pytest.mark.parametrize("log", [True, False])
def test_the_configuration_says_whether_a_number_is_read_by_its_logarithm(log):
    frame = pl.DataFrame({"price": [0.0, 1.0, 2.0, 300.0]})
    made = fit_encoding(frame, (numeric(log),))
    wanted = np.log1p(frame["price"].to_numpy()) if log else frame["price"].to_numpy()
    wanted = (wanted - wanted.mean()) / wanted.std()
    assert made.encode(frame)[1][:, 0] == pytest.approx(wanted, rel=1e-5)


def test_numbers_far_out_are_clipped_at_eight_deviations():
    encoding = fit_encoding(pl.DataFrame({"price": [-1.0, 1.0]}), (numeric(False),))
    _, number = encoding.encode(pl.DataFrame({"price": [1e30, -1e30, float("inf")]}))
    assert number[:, 0].tolist() == [8, -8, 8]


@pytest.mark.parametrize("price", [[None, None], [5.0, 5.0]])
def test_a_number_that_never_varies_or_never_is_gives_no_infinity(price):
    frame = pl.DataFrame({"price": pl.Series(price, dtype=pl.Float64)})
    _, number = fit_encoding(frame, (PRICE,)).encode(frame)
    assert not np.isinf(number).any()
    assert np.isnan(number).all() == (price[0] is None)


def test_integers_and_truth_values_are_categories_by_what_they_look_like():
    for values in ([3, 5], [True, False]):
        frame = pl.DataFrame({"colour": values})
        code, _ = fit_encoding(frame, (COLOUR,)).encode(frame)
        assert sorted(code[:, 0]) == [3, 4]


def test_no_more_values_are_kept_than_the_limit(monkeypatch):
    monkeypatch.setattr(vocabulary, "MOST_VALUES", 2)
    frame = pl.DataFrame({"colour": ["a", "a", "b", "b", "c"]})
    encoding = fit_encoding(frame, (COLOUR,))
    assert encoding.categories[0].values == ["a", "b"]
    assert encoding.encode(frame)[0][-1].tolist() == [2]


def test_no_more_slots_are_kept_than_the_limit(monkeypatch):
    monkeypatch.setattr(vocabulary, "MOST_SLOTS", 2)
    frame = pl.DataFrame({"tags": [["a", "b", "c", "d"]]})
    assert fit_encoding(frame, (TAGS,)).encode(frame)[0].shape == (1, 2)


def test_an_encoding_survives_json():
    frame = pl.DataFrame(
        {"colour": ["red", "Grün", None], "tags": [["a", 'b "c"'], [], None], "price": [0.1, 1e7, None]}
    )
    encoding = fit_encoding(frame, (COLOUR, TAGS, PRICE))
    again = Encoding.from_json(json.loads(json.dumps(encoding.to_json())))
    assert again == encoding
    for before, after in zip(encoding.encode(frame), again.encode(frame), strict=True):
        np.testing.assert_array_equal(before, after)


@given(st.lists(st.one_of(st.none(), st.text(max_size=4)), min_size=1, max_size=20), st.randoms())
def test_codes_do_not_depend_on_the_order_of_the_rows(values, random):
    frame = pl.DataFrame({"colour": pl.Series(values, dtype=pl.String)})
    shuffled = pl.DataFrame({"colour": pl.Series(random.sample(values, len(values)), dtype=pl.String)})
    one, other = fit_encoding(frame, (COLOUR,)), fit_encoding(shuffled, (COLOUR,))
    assert one == other
    known = [value for value in values if value is not None]
    code, _ = one.encode(pl.DataFrame({"colour": pl.Series(known, dtype=pl.String)}))
    assert len(set(code[:, 0].tolist())) == len(set(known))


def test_an_empty_table_gives_empty_arrays():
    frame = pl.DataFrame(schema={"colour": pl.String, "tags": pl.List(pl.String), "price": pl.Float64})
    code, number = fit_encoding(frame, (COLOUR, TAGS, PRICE)).encode(frame)
    assert (code.shape, number.shape) == ((0, 2), (0, 1))
