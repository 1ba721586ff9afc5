"""The materialised order: ties, moments, and what it must not depend on."""

from dataclasses import replace

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from motet.data.dataset import prepare
from motet.data.division import clean_divided
from motet.data.fingerprint import fingerprint
from motet.data.order import materialise_order
from tests.worlds import tiny_config, tiny_tables, tiny_world


def log(rows: list[tuple], names: str, **dtypes) -> pl.DataFrame:
    columns = names.split()
    known = {"@time": pl.Int64, "@order": pl.Int64, "@request": pl.String, "@value": pl.Float64}
    return pl.DataFrame(
        rows, schema={name: dtypes.get(name, known.get(name)) for name in columns}, orient="row"
    )


def moments(frame: pl.DataFrame) -> list[int]:
    return materialise_order(frame, 0)["@moment"].to_list()


def test_rows_are_sorted_by_user_then_time_then_order():
    frame = log([(2, 1, 5, 0), (1, 2, 9, 0), (1, 3, 4, 1), (1, 4, 4, 0)], "@user @item @time @order")
    assert materialise_order(frame, 0)["@item"].to_list() == [4, 3, 2, 1]


def test_equal_times_share_a_moment_and_moments_count_from_zero_for_every_user():
    frame = log([(1, 1, 5), (1, 2, 5), (1, 3, 6), (2, 1, 5)], "@user @item @time")
    assert moments(frame) == [0, 0, 1, 0]


def test_a_different_order_at_one_time_is_a_different_moment():
    frame = log([(1, 1, 5, 1), (1, 2, 5, 2), (1, 3, 5, 2)], "@user @item @time @order")
    assert moments(frame) == [0, 1, 1]


def test_order_alone_stands_for_time():
    frame = log([(1, 1, None, 3), (1, 2, None, 1), (1, 3, None, 3)], "@user @item @time @order")
    ordered = materialise_order(frame, 0)
    assert ordered["@order"].to_list() == [1, 3, 3]
    assert ordered["@moment"].to_list() == [0, 1, 1]


def test_the_rows_of_one_request_share_a_moment_with_all_that_lies_between_them():
    rows = [(1, 1, 5, "a"), (1, 2, 6, None), (1, 3, 7, "a"), (1, 4, 8, None), (2, 5, 9, "a")]
    assert moments(log(rows, "@user @item @time @request")) == [0, 0, 0, 1, 0]


def test_rows_without_time_and_order_are_moments_of_their_own_in_a_seeded_order():
    frame = pl.DataFrame({"@user": [1] * 50, "@item": range(50)})
    ordered = materialise_order(frame, 0)
    assert ordered["@moment"].to_list() == list(range(50))
    assert ordered["@item"].to_list() != materialise_order(frame, 1)["@item"].to_list()
    assert ordered["@item"].to_list() != list(range(50))


def test_a_request_without_times_stays_together():
    frame = pl.DataFrame({"@user": [1] * 6, "@item": range(6), "@request": ["a", "b", "a", "b", "a", "b"]})
    ordered = materialise_order(frame, 0)
    assert ordered["@moment"].to_list() == [0, 0, 0, 1, 1, 1]
    assert ordered["@request"].n_unique() == 2


def test_rows_of_unknown_time_come_last_each_as_a_moment():
    frame = log([(1, 1, None), (1, 2, 5), (1, 3, None)], "@user @item @time")
    ordered = materialise_order(frame, 0)
    assert ordered["@time"].to_list() == [5, None, None]
    assert ordered["@moment"].to_list() == [0, 1, 2]


def test_ties_do_not_follow_the_size_of_item_ids():
    frame = pl.DataFrame({"@user": [0] * 2000, "@item": range(2000), "@time": [7] * 2000})
    place = materialise_order(frame, 0)["@item"]
    assert abs(pl.DataFrame({"a": place, "b": range(2000)}).select(pl.corr("a", "b")).item()) < 0.1


def test_no_item_comes_before_another_in_the_ties_of_all_users():
    users, items = 400, 5
    rows = {"@user": [u for u in range(users) for _ in range(items)], "@item": [*range(items)] * users}
    ordered = materialise_order(pl.DataFrame(rows).with_columns(pl.lit(7).alias("@time")), 0)
    last = ordered["@item"].gather_every(items, items - 1).value_counts()["count"]
    assert last.len() == items
    assert last.min() > 0.7 * users / items


def test_rows_that_differ_only_in_an_outcome_keep_one_order_wherever_they_lie():
    frame = log([(1, 1, 5, 0.0), (1, 1, 5, 1.0), (1, 1, 5, 2.0)], "@user @item @time watched")
    expected = materialise_order(frame, 3)["watched"].to_list()
    for order in ([2, 1, 0], [1, 0, 2], [2, 0, 1]):
        assert materialise_order(frame[order], 3)["watched"].to_list() == expected


def test_an_outcome_never_decides_between_rows_that_differ_elsewhere():
    frame = pl.DataFrame({"@user": [1] * 30, "@item": range(30), "@time": [5] * 30, "clicked": [0, 1] * 15})
    other = frame.with_columns(clicked=1 - pl.col("clicked"))
    assert materialise_order(frame, 0)["@item"].to_list() == materialise_order(other, 0)["@item"].to_list()


def test_the_order_is_the_same_on_every_machine():
    frame = pl.DataFrame({"@user": [1] * 5, "@item": ["ä", "b", "", "dd", "e"], "@time": [5] * 5})
    assert materialise_order(frame, 0)["@item"].to_list() == ["e", "ä", "b", "dd", ""]
    numbers = pl.DataFrame({"@user": [1] * 5, "@item": [1, 2, 3, 4, -5], "@time": [5] * 5})
    assert materialise_order(numbers, 0)["@item"].to_list() == [-5, 2, 4, 1, 3]


_rows = st.lists(
    st.tuples(
        st.integers(1, 3),
        st.integers(-4, 10**15),
        st.none() | st.integers(0, 4),
        st.none() | st.sampled_from(["r", "s"]),
        st.none() | st.sampled_from([0.0, 1.5]),
        st.integers(0, 2),
    ),
    min_size=1,
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(_rows, st.randoms(use_true_random=False))
def test_the_place_of_a_row_in_the_file_does_not_count(rows, random):
    frame = log(rows, "@user @item @time @request @value kept")
    shuffled = list(rows)
    random.shuffle(shuffled)
    other = log(shuffled, "@user @item @time @request @value kept")
    assert_frame_equal(materialise_order(frame, 5), materialise_order(other, 5))


@settings(max_examples=60, deadline=None)
@given(_rows)
def test_no_moment_begins_before_the_one_before_it_has_ended(rows):
    ordered = materialise_order(log(rows, "@user @item @time @request @value kept"), 0)
    timed = ordered.filter(pl.col("@time").is_not_null())
    spans = (
        timed.group_by("@user", "@moment")
        .agg(start=pl.col("@time").min(), end=pl.col("@time").max())
        .sort("@user", "@moment")
    )
    gaps = spans.select((pl.col("start") > pl.col("end").shift(1).over("@user")).fill_null(True)).to_series()
    assert gaps.all()


def test_an_empty_log_stays_empty():
    frame = pl.DataFrame(schema={"@user": pl.Int64, "@item": pl.Int64, "@time": pl.Int64})
    assert materialise_order(frame, 0).columns == ["@user", "@item", "@time", "@moment"]


def test_fingerprints_of_different_values_differ_and_null_has_its_own():
    for column in (
        pl.Series(["", "a", "b", "ab", "ba", None]),
        pl.Series([0, 1, -1, 2**62, None]),
        pl.Series([0.0, 1.0, 0.5, float("nan"), None]),
        pl.Series([True, False, None]),
        pl.Series([["a"], ["a", "b"], [], None]),
    ):
        assert len(set(fingerprint(column, 0).tolist())) == len(column)
    assert fingerprint(pl.Series([0.0]), 0) == fingerprint(pl.Series([-0.0]), 0)


def test_fingerprints_do_not_depend_on_where_a_long_column_is_cut():
    column = pl.Series([f"item {n % 7}" for n in range(500_010)])
    numbers = fingerprint(column, 0)
    assert (numbers[500_003:] == numbers[:7]).all()  # 500,003 is a multiple of 7


def test_the_seed_of_the_data_is_that_of_the_training_unless_it_is_set():
    assert tiny_config(training__seed=3).data_seed == 3
    assert tiny_config(training__seed=3, data__seed=0).data_seed == 0


def test_runs_of_two_seeds_with_one_seed_of_the_data_see_the_same_rows_in_the_same_order():
    world = tiny_world(0, users=8, items=9)
    world = replace(world, events=world.events.with_columns(at=pl.col("at") // 10**8 * 10**8))  # many ties
    logs = []
    for changes in ({}, {"training__seed": 1, "data__seed": 0}, {"training__seed": 1}):
        config = tiny_config(**changes)
        logs.append(prepare(clean_divided(tiny_tables(world, config), config)[0], config))
    first, same, other = ([each.catalogue.ids.to_list(), each.log.item_N.tolist()] for each in logs)
    assert first == same
    assert first != other
