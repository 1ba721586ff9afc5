"""Cleaning of numbers: outliers, and every way to fill what is missing."""

import numpy as np
import polars as pl
import pytest

from motet.data.cleaning_cells import outlier_bounds
from motet.data.table import Roles
from motet.errors import ConfigError
from tests.data.cleaning_world import DAY, NOW, cleaned, config, feature, found, log, the_events

USUAL = (20.0, 6.0)
YEARS = [1950.0 + n for n in range(60)]


def test_an_outlier_is_clipped_dropped_or_kept():
    items = pl.DataFrame({"@item": range(61), "year": [*YEARS, 99_999.0]})
    roles = Roles(item=(feature("year"),))
    tables, account = cleaned(items=items, roles=roles)
    top = outlier_bounds(items["year"].to_numpy(), 20.0, 6.0)[1]
    assert tables.items["year"].max() == top < 3000
    assert account.findings[0].changed == 1
    tables, account = cleaned(items=items, roles=roles, data=config(outliers="drop"))
    assert tables.items.height == 60
    assert account.findings[0].dropped == 1
    tables, account = cleaned(items=items, roles=roles, data=config(outliers="keep"))
    assert tables.items["year"].max() == 99_999
    assert account.findings[0].action == "kept"


def test_the_distance_of_outliers_is_a_setting():
    items = pl.DataFrame({"@item": range(61), "year": [*YEARS, 2100.0]})
    roles = Roles(item=(feature("year"),))
    assert cleaned(items=items, roles=roles)[1].findings == ()
    assert cleaned(items=items, roles=roles, data=config(outlier_iqr=1.5))[1].findings[0].found == 1


def test_a_scale_of_few_values_has_no_outliers():
    values = np.repeat([1.0, 2, 3, 4, 5, 1000], 50)
    assert outlier_bounds(values, 0.1, 0.1) is None


def test_bounds_of_an_even_column_are_the_quartiles_and_so_many_ranges():
    assert outlier_bounds(np.arange(101.0), 1.5, 6.0) == (25 - 75, 75 + 75)


@pytest.mark.parametrize("spread", [0.5, 1.0, 1.5, 2.0, 3.0])
def test_the_long_tail_of_dwell_times_is_no_outlier_but_a_broken_clock_is(spread):
    dwell = np.random.default_rng(0).lognormal(3, spread, 100_000)
    low, high = outlier_bounds(np.append(dwell, 1e30), *USUAL)
    assert low < 0
    assert dwell.max() < high < 1e5 * dwell.max()


def test_one_stray_value_does_not_rule_the_mean_of_a_skewed_column():
    seconds = np.random.default_rng(0).exponential(30, 2000)
    low, high = outlier_bounds(np.append(seconds, 1e25), *USUAL)
    assert seconds.max() < high
    assert np.append(seconds, 1e25).clip(low, high).mean() < 1.15 * seconds.mean()


@pytest.mark.parametrize("zeros", [0.0, 0.3, 0.55, 0.7, 0.9])
def test_zeros_do_not_draw_the_bounds_into_the_tail(zeros):
    rng = np.random.default_rng(0)
    seconds = np.where(rng.random(100_000) < zeros, 0, rng.lognormal(3, 1.5, 100_000))
    assert seconds.max() < outlier_bounds(seconds, *USUAL)[1]


def test_both_distances_are_settings():
    data = config(outlier_iqr=1.5, outlier_iqr_log=2.0)
    even, skewed = np.arange(100.0) + 100, np.random.default_rng(0).exponential(30, 100)
    items = pl.DataFrame({"@item": range(101), "even": [*even, 300.0], "skewed": [*skewed, 1000.0]})
    roles = Roles(item=(feature("even"), feature("skewed")))
    assert cleaned(items=items, roles=roles)[1].findings == ()
    counts = found(cleaned(items=items, roles=roles, data=data)[1])
    assert {column: rows for (column, _), (rows, *_) in counts.items()} == {"even": 1, "skewed": 1}


def test_the_unit_of_a_column_does_not_count():
    dwell = np.random.default_rng(0).exponential(10, 5000)
    seconds, milliseconds = outlier_bounds(dwell, 20.0, 3.0), outlier_bounds(dwell * 1000, 20.0, 3.0)
    assert np.allclose(np.array(seconds) * 1000, milliseconds)


def test_a_column_that_is_mostly_zero_is_judged_by_its_other_values():
    values = np.concatenate([np.zeros(900), np.arange(100.0) + 50])
    assert outlier_bounds(values, 1.5, 6.0) == outlier_bounds(np.arange(100.0) + 50, 1.5, 6.0)


def test_bounds_come_from_training_rows_where_it_is_known_which_those_are():
    seconds = [float(n) for n in range(50)] + [5000.0 + n for n in range(50)]
    events = log(seconds=seconds)
    roles, data = Roles(outcome=(feature("seconds"),)), config(outlier_iqr=3.0)
    tables, account = cleaned(events, data, roles=roles, train=pl.col("seconds") < 1000)
    assert account.findings[0].found == 50
    assert account.findings[0].action == "clipped to these bounds, from training rows"
    assert the_events(tables)["seconds"].max() < 200
    assert cleaned(events, data, roles=roles)[1].findings == ()


def test_a_value_and_the_column_it_was_read_from_stay_equal():
    price = [float(n) for n in range(60)] + [1e12]
    events = log(price=price, at_value=price)
    tables, account = cleaned(events, config(value="price"))
    mended = the_events(tables)
    assert mended["price"].max() == mended["@value"].max() < 1e12
    assert len(account.findings) == 1


def test_events_without_their_value_are_counted():
    events = log(price=[1.0, None], at_value=[1.0, None])
    tables, account = cleaned(events, config(value="price", missing="mean"))
    assert the_events(tables)["@value"].to_list() == [1.0, None]
    assert found(account) == {("price", "missing values"): (1, 0, 0)}


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({"missing": "learned"}, [1.0, None, 3.0, 8.0]),
        ({"missing": "mean"}, [1.0, 4.0, 3.0, 8.0]),
        ({"missing": "median"}, [1.0, 3.0, 3.0, 8.0]),
        ({"missing": "constant", "constant": -1}, [1.0, -1.0, 3.0, 8.0]),
        ({"missing": "drop"}, [1.0, 3.0, 8.0]),
    ],
)
def test_missing_numbers_are_filled_as_asked(how, expected):
    items = pl.DataFrame({"@item": [1, 2, 3, 4], "size": [1.0, None, 3.0, 8.0]})
    tables, account = cleaned(items=items, roles=Roles(item=(feature("size", **how),)))
    assert tables.items["size"].to_list() == expected
    assert account.findings[0].found == 1
    assert not account.mended


def test_the_mode_is_the_most_frequent_category_and_ties_go_to_the_first_in_the_alphabet():
    items = pl.DataFrame(
        {
            "@item": range(6),
            "c": ["b", "a", None, "b", "a", "c"],
            "l": [["x"], ["y", "x"], None, [], ["x"], ["y"]],
        }
    )
    many = feature("l", "categorical", many=True, missing="mode")
    tables, _ = cleaned(items=items, roles=Roles(item=(feature("c", "categorical", missing="mode"), many)))
    assert tables.items["c"].to_list() == ["b", "a", "a", "b", "a", "c"]
    assert tables.items["l"].to_list()[2] == ["x"]


def test_a_general_strategy_fills_what_it_suits_and_says_what_it_left():
    items = pl.DataFrame({"@item": [1, 2], "size": [1.0, None], "colour": ["red", None]})
    roles = Roles(item=(feature("size"), feature("colour", "categorical")))
    tables, account = cleaned(items=items, roles=roles, data=config(missing="mean"))
    assert tables.items.row(1) == (2, 1.0, None)
    assert account.findings[1].setting == "data.cleaning.missing: mean does not suit a category column"


def test_means_come_from_training_rows_where_it_is_known_which_those_are():
    events = log(price=[1.0, 3.0, None, 100.0], part=["train", "train", "valid", "test"])
    roles = Roles(context=(feature("price", missing="mean"),))
    tables, account = cleaned(events, roles=roles, train=pl.col("part") == "train")
    assert the_events(tables)["price"].to_list() == [1.0, 3.0, 2.0, 100.0]
    assert account.findings[0].action == "filled with the mean 2 of training rows"


def test_interpolation_carries_the_users_own_past_forward():
    events = log(
        at_user=[1, 1, 1, 1, 2, 1],
        at_time=[NOW - 50, NOW - 40, NOW - 30, NOW - 20, NOW - 10, NOW - 60],
        price=[2.0, None, 9.0, None, None, None],
    )
    tables, account = cleaned(events, roles=Roles(context=(feature("price", missing="interpolate"),)))
    assert the_events(tables)["price"].to_list() == [2.0, 2.0, 9.0, 9.0, None, None]
    assert found(account) == {("price", "missing values"): (4, 0, 2)}


def test_interpolation_never_reads_the_same_moment_nor_the_future():
    events = log(
        at_user=[1, 1, 1], at_time=[NOW - 9, NOW - 5, NOW - 5], at_item=[1, 2, 3], price=[None, None, 7.0]
    )
    roles = Roles(context=(feature("price", missing="interpolate"),))
    assert the_events(cleaned(events, roles=roles)[0])["price"].to_list() == [None, None, 7.0]
    later = events.with_columns(price=pl.Series([4.0, None, 8.0]))
    assert the_events(cleaned(later, roles=roles)[0])["price"].to_list() == [4.0, 4.0, 8.0]


def test_interpolation_runs_along_the_order_where_there_is_no_time():
    no_time = pl.Series([None] * 3, dtype=pl.Int64)
    events = log(at_user=[1, 1, 1], at_time=no_time, at_order=[3, 1, 2], price=[None, 5.0, None])
    roles = Roles(context=(feature("price", missing="interpolate"),))
    tables, _ = cleaned(events, config(timed=False), roles=roles)
    assert the_events(tables)["price"].to_list() == [5.0, 5.0, 5.0]
    with pytest.raises(ConfigError, match="the log has neither time nor order"):
        cleaned(events.with_columns(pl.lit(None, pl.Int64).alias("@order")), config(timed=False), roles=roles)


def test_labels_are_not_made_up_unless_a_column_asks_for_it():
    events = log(stars=[1.0, None, 3.0])
    tables, account = cleaned(events, config(missing="mean"), roles=Roles(outcome=(feature("stars"),)))
    assert the_events(tables)["stars"].to_list() == [1.0, None, 3.0]
    assert "masked" in account.findings[0].action
    asked = Roles(outcome=(feature("stars", missing="mean"),))
    assert the_events(cleaned(events, roles=asked)[0])["stars"].to_list() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("one", "message"),
    [
        (
            feature("x", missing="interpolate"),
            r"items: column 'x': missing: interpolate needs a timeline.*missing: median\}",
        ),
        (
            feature("c", "categorical", missing="mean"),
            "missing: mean does not suit a category column. Write one of learned, mode",
        ),
        (
            feature("x", missing="constant"),
            r"needs to know which. Write  \{column: x, missing: constant, constant: VALUE\}",
        ),
        (feature("x", missing="constant", constant="many"), "holds numbers, so  constant: many  must be one"),
    ],
)
def test_a_strategy_that_does_not_suit_says_what_to_write(one, message):
    items = pl.DataFrame({"@item": [1, 2], "x": [1.0, None], "c": ["a", None]})
    with pytest.raises(ConfigError, match=message):
        cleaned(items=items, roles=Roles(item=(one,)))


def test_dropped_outliers_and_missing_rows_add_up_with_all_the_others():
    events = log(
        at_user=[None, *range(1, 70)],
        at_time=[NOW] * 68 + [NOW + 9 * DAY, NOW],
        seconds=[1.0, None, 1e15, *[float(n) for n in range(67)]],
    )
    roles = Roles(context=(feature("seconds", missing="drop"),))
    tables, account = cleaned(events, config(outliers="drop"), roles=roles)
    assert the_events(tables).height == 66
    assert sum(f.dropped for f in account.findings) == 4
    assert account.rows_in == {"events": 70}


def test_a_general_strategy_that_a_column_cannot_follow_leaves_it_to_the_learned_vector():
    items = pl.DataFrame({"@item": [1, 2], "x": [1.0, None]})
    _, account = cleaned(data=config(missing="interpolate"), items=items, roles=Roles(item=(feature("x"),)))
    (finding,) = (each for each in account.findings if each.column == "x")
    assert finding.action == "left to the learned vector"
