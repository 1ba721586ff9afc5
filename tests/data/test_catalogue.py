"""The catalogue as arrays, under numbers that tell nothing."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motet.config.data import Column
from motet.data.catalogue import Catalogue, build_catalogue, item_texts, shuffled_ids
from motet.data.table import Feature, FeatureKind, Roles, Tables


def feature(name: str, kind: FeatureKind, many: bool = False) -> Feature:
    return Feature(name, kind, Column(column=name), many)


ROLES = Roles(
    item=(
        feature("title", "text"), feature("tags", "text", many=True), feature("maker", "categorical"),
        feature("price", "numeric"), feature("picture", "vector"),
    )
)  # fmt: skip
ITEMS = pl.DataFrame(
    {
        "@item": [10, 20, 30],
        "@kind": ["book", "book", "ad"],
        "@time": [5, None, 7],
        "title": ["Emma", " Mrs Dalloway ", None],
        "tags": [["old", "wit"], ["sea"], []],
        "maker": ["jane", "virginia", None],
        "price": [1.0, 3.0, None],
        "picture": [[1.0, 2.0], None, [3.0, 4.0]],
    }
)


def tables(items: pl.DataFrame | None = ITEMS) -> Tables:
    return Tables(items, None, pl.LazyFrame(), ROLES if items is not None else Roles())


def build(items: pl.DataFrame | None = ITEMS, seen=(10, 20, 40), trained=(10, 20), seed=0) -> Catalogue:
    return build_catalogue(tables(items), pl.Series(seen), pl.Series(trained), seed)


def number(catalogue: Catalogue, item) -> int:
    return int(catalogue.numbers(pl.Series([item]))[0])


def test_every_item_of_file_and_log_has_a_number_and_comes_back_from_it():
    catalogue = build()
    assert len(catalogue) == 5
    assert sorted(catalogue.ids.to_list()) == [10, 20, 30, 40]
    for place, item in enumerate(catalogue.ids.to_list(), 1):
        assert number(catalogue, item) == place


def test_an_unknown_item_has_number_zero():
    catalogue = build()
    assert catalogue.numbers(pl.Series([999, None, 10])).tolist() == [0, 0, number(catalogue, 10)]
    assert catalogue.numbers(pl.Series(["10", "ten"])).tolist() == [number(catalogue, 10), 0]


def test_numbers_do_not_depend_on_the_order_of_file_or_log():
    turned = build(ITEMS.reverse(), seen=(40, 20, 10))
    assert turned.ids.equals(build().ids)
    np.testing.assert_array_equal(turned.code_IJ, build().code_IJ)
    np.testing.assert_array_equal(turned.number_IV, build().number_IV)
    assert turned.text_I == build().text_I


def test_numbers_follow_the_seed_and_not_the_size_of_ids():
    ids = pl.Series(range(2000))
    place = shuffled_ids(ids, 0).to_numpy()
    assert abs(np.corrcoef(place, np.arange(2000))[0, 1]) < 0.1
    assert not shuffled_ids(ids, 1).equals(shuffled_ids(ids, 0))
    assert sorted(place) == list(range(2000))


@given(st.lists(st.text(max_size=3), min_size=1, max_size=20), st.randoms())
def test_ids_of_text_are_shuffled_alike_in_every_order(ids, random):
    other = random.sample(ids, len(ids)) + ids[:1]
    assert shuffled_ids(pl.Series(ids), 3).equals(shuffled_ids(pl.Series(other), 3))


def test_what_is_known_of_an_item_stands_at_its_number():
    catalogue = build()
    at = {item: number(catalogue, item) for item in (10, 20, 30, 40)}
    assert catalogue.text_I[at[10]] == "Emma. old, wit"
    assert catalogue.text_I[at[20]] == "Mrs Dalloway. sea"
    assert catalogue.text_I[at[30]] == catalogue.text_I[at[40]] == catalogue.text_I[0] == ""
    assert catalogue.vectors["picture"][at[10]].tolist() == [1, 2]
    assert np.isnan(catalogue.vectors["picture"][[0, at[20], at[40]]]).all()
    assert catalogue.time_I[[0, at[10], at[20], at[30], at[40]]].tolist() == [-1, 5, -1, 7, -1]
    assert catalogue.number_IV[at[10], 0] == pytest.approx(-1.0)
    assert np.isnan(catalogue.number_IV[[0, at[30], at[40]], 0]).all()


def test_items_without_a_kind_are_of_the_kind_item():
    catalogue = build()
    assert catalogue.kinds == ["ad", "book", "item"]
    kinds = [catalogue.kinds[catalogue.kind_I[number(catalogue, item)]] for item in (10, 20, 30, 40)]
    assert kinds == ["book", "book", "ad", "item"]
    assert catalogue.kind_I[0] == -1


def test_only_items_of_training_events_are_trained():
    catalogue = build()
    trained = {item: bool(catalogue.trained_I[number(catalogue, item)]) for item in (10, 20, 30, 40)}
    assert trained == {10: True, 20: True, 30: False, 40: False}
    assert not catalogue.trained_I[0]


def test_encodings_are_learned_on_trained_items_alone():
    catalogue = build(trained=(10,))
    assert catalogue.encoding.categories[0].values == ["jane"]
    assert catalogue.encoding.numbers[0].mean == 1.0


def test_a_log_without_a_catalogue_makes_one_of_its_items():
    catalogue = build(items=None)
    assert sorted(catalogue.ids.to_list()) == [10, 20, 40]
    assert catalogue.kinds == ["item"]
    assert catalogue.code_IJ.shape == (4, 0)
    assert set(catalogue.text_I) == {""}


def test_ids_of_two_types_meet_as_text():
    catalogue = build_catalogue(tables(), pl.Series(["20", "x"]), pl.Series(["20"]), 0)
    assert sorted(catalogue.ids.to_list()) == ["10", "20", "30", "x"]
    assert catalogue.trained_I[number(catalogue, "20")]
    assert catalogue.text_I[number(catalogue, "20")] == "Mrs Dalloway. sea"


def test_the_arrays_agree_in_length():
    catalogue = build()
    sizes = {
        len(each)
        for each in (catalogue.kind_I, catalogue.code_IJ, catalogue.number_IV, catalogue.text_I,
                     catalogue.vectors["picture"], catalogue.time_I, catalogue.trained_I)
    }  # fmt: skip
    assert sizes == {len(catalogue)}
    assert catalogue.code_IJ[0].tolist() == [0]


def test_texts_are_joined_in_the_order_of_the_configuration():
    turned = replace(ROLES, item=(ROLES.item[1], ROLES.item[0]))
    assert item_texts(ITEMS, turned.item)[0] == "old, wit. Emma"
    assert item_texts(ITEMS, ()) == ["", "", ""]
