"""Cleaning: every rule on a table of a few rows, and an account that adds up."""

import json
import math

import polars as pl
import pytest

from motet.config.data import DataConfig
from motet.data.account import Account, Finding
from motet.data.table import Roles
from motet.errors import ConfigError, DataError
from tests.data.cleaning_world import DAY, NOW, cleaned, config, feature, found, log, the_events


def test_a_clean_log_passes_untouched():
    events = log(at_item=[1, 2, 3])
    tables, account = cleaned(events)
    assert the_events(tables).equals(events)
    assert account.findings == ()
    assert account.to_json()["rows"] == {"events": {"in": 3, "out": 3}}
    assert list(account.lines()) == [
        "events: 3 rows read, 3 kept, 0 dropped",
        "nothing was found that had to be mended",
    ]


def test_exact_duplicates_are_dropped_but_for_the_first_in_the_file():
    events = log(at_user=[1, 1, 2, 1], at_time=[NOW] * 4, tags=[["a"], ["a"], ["a"], ["b"]])
    tables, account = cleaned(events)
    assert the_events(tables)["@row"].to_list() == [0, 2, 3]
    assert found(account) == {("events", "exact duplicates"): (1, 1, 0)}
    assert account.findings[0].examples == ({"@source": 0, "@row": 1, "@user": 1, "@item": 1},)


def test_duplicates_may_be_kept():
    tables, account = cleaned(log(at_user=[1, 1], at_time=[NOW] * 2), config(duplicates="keep"))
    assert the_events(tables).height == 2
    assert account.findings[0].action == "kept"
    assert not account.mended


def test_repeats_without_time_may_be_true_and_the_account_says_so():
    events = log(at_user=[1, 1], at_time=pl.Series([None, None], dtype=pl.Int64))
    _, account = cleaned(events, config(timed=False))
    assert "2 have no time" not in account.findings[0].action
    assert "1 have no time and no order, so they may be true repeats" in account.findings[0].action


def test_rows_without_a_user_or_an_item_are_dropped():
    events = log(at_user=["a", None, "", "b"], at_item=["x", "y", "z", None])
    tables, account = cleaned(events)
    assert the_events(tables)["@row"].to_list() == [0]
    assert found(account) == {("events", "no user"): (2, 2, 0), ("events", "no item"): (1, 1, 0)}


def test_impossible_times_are_dropped_and_each_row_counts_once():
    times = [NOW, None, NOW + 2 * DAY, NOW - 101 * 366 * DAY, NOW + DAY]
    tables, account = cleaned(log(at_time=times))
    assert the_events(tables)["@row"].to_list() == [0, 4]
    assert sorted(found(account).values()) == [(1, 1, 0)] * 3
    assert account.rows_out == {"events": 2}


def test_a_time_of_zero_stands_for_none_where_others_are_later():
    times = [NOW, 0, NOW - DAY, 1]
    tables, account = cleaned(log(at_time=times))
    assert the_events(tables)["@row"].to_list() == [0, 2, 3]
    assert found(account) == {("@time", "time 0, which stands for none"): (1, 1, 0)}
    counted = [0, 10, 20]  # seconds of some experiment: zero is when it began
    assert the_events(cleaned(log(at_time=counted))[0]).height == 3
    assert the_events(cleaned(log(at_time=times), config(earliest="1970-01-01"))[0]).height == 4


def test_the_bounds_of_time_may_be_given():
    times = [DAY, 10 * DAY, 20 * DAY]
    tables, _ = cleaned(log(at_time=times), config(earliest="1970-01-05", latest="1970-01-15"))
    assert the_events(tables)["@time"].to_list() == [10 * DAY]
    tables, account = cleaned(log(at_time=times), config(earliest="1970-01-05", bad_times="keep"))
    assert the_events(tables).height == 3
    assert [f.action for f in account.findings] == ["kept"]
    with pytest.raises(ConfigError, match=r"data\.cleaning\.latest: 'tomorrow' is no moment"):
        cleaned(log(at_time=times), config(latest="tomorrow"))


def test_a_source_without_times_is_not_blamed_for_it():
    events = log(at_time=[NOW, None], at_source=pl.Series([0, 1], dtype=pl.Int32))
    source = {"path": "x", "user": "u", "item": "i"}
    data = DataConfig.model_validate({"events": [{**source, "time": "t"}, source]})
    assert cleaned(events, data)[1].findings == ()


def test_events_without_a_type_are_counted_and_kept():
    tables, account = cleaned(log(at_type=["click", None]))
    assert the_events(tables).height == 2
    assert found(account) == {("events", "no type"): (1, 0, 0)}


def test_unknown_ids_are_counted_and_kept_or_dropped():
    items, users = pl.DataFrame({"@item": [1, 2]}), pl.DataFrame({"@user": [0, 1, 2]})
    events = log(at_item=[1, 2, 3, 4, 4])
    tables, account = cleaned(events, items=items, users=users)
    assert the_events(tables).height == 5
    assert [(f.found, f.dropped) for f in account.findings] == [(3, 0), (2, 0)]
    assert account.findings[0].rule == "items that data.items lacks (2 different)"
    tables, account = cleaned(events, config(unknown_items="drop"), items=items, users=users)
    assert the_events(tables)["@item"].to_list() == [1, 2]
    assert [(f.found, f.dropped) for f in account.findings] == [(3, 3)]


def test_of_items_with_one_id_the_first_is_kept():
    items = pl.DataFrame({"@item": [1, 2, 1, None, 1], "@kind": ["film", "film", "song", "film", "film"]})
    tables, account = cleaned(items=items)
    assert tables.items.rows() == [(1, "film"), (2, "film")]
    assert found(account) == {("items", "no item"): (1, 1, 0), ("items", "an id seen before"): (2, 2, 0)}
    assert "1 are items of another kind" in account.findings[1].action


def test_bots_are_dropped_with_all_their_events():
    events = log(
        at_user=[1, 1, 1, 1, 2, 2, 2], at_time=[NOW, NOW - 1, NOW - 2, NOW - 9 * DAY, NOW, NOW - 1, NOW - DAY]
    )
    tables, account = cleaned(events, config(bots_per_day=2))
    assert the_events(tables)["@user"].unique().to_list() == [2]
    assert [(f.found, f.dropped) for f in account.findings] == [(4, 4)]
    assert account.findings[0].rule == "users with more than 2 events on one day (1 users)"
    assert the_events(tables).columns == events.columns


def test_bots_cannot_be_told_without_times_and_the_account_says_so():
    events = log(at_user=[1, 1], at_item=[1, 2], at_time=pl.Series([None] * 2, dtype=pl.Int64))
    _, account = cleaned(events, config(timed=False, bots_per_day=1))
    assert account.notes == ("data.cleaning.bots_per_day: 1 was not used: the log has no times.",)


def test_infinite_numbers_become_missing():
    events = log(seconds=[1.0, math.inf, math.nan, -math.inf, None])
    tables, account = cleaned(events, roles=Roles(outcome=(feature("seconds"),)))
    assert the_events(tables)["seconds"].to_list() == [1.0, None, None, None, None]
    assert found(account)["seconds", "not a finite number"] == (3, 0, 3)
    assert account.findings[1].action == "left: rows without a label are masked"


def test_cells_that_the_reader_could_not_read_are_counted():
    items = pl.DataFrame(
        {"@item": [1, 2, 3], "year": [1990.0, None, None], "@unread:year": [None, "old", None]}
    )
    tables, account = cleaned(items=items, roles=Roles(item=(feature("year"),)))
    assert tables.items.columns == ["@item", "year"]
    assert found(account) == {
        ("year", "unreadable numbers"): (1, 0, 1),
        ("year", "missing values"): (2, 0, 0),
    }


def test_vectors_of_another_length_become_missing():
    items = pl.DataFrame({"@item": [1, 2, 3, 4], "v": [[1.0, 2.0], [1.0], [3.0, math.nan], [4.0, 5.0]]})
    tables, account = cleaned(items=items, roles=Roles(item=(feature("v", "vector"),)))
    assert tables.items["v"].to_list() == [[1.0, 2.0], None, None, [4.0, 5.0]]
    assert found(account)["v", "not a vector of 2 finite numbers"] == (2, 0, 2)


def test_an_item_from_the_future_keeps_its_row_and_loses_its_time():
    items = pl.DataFrame({"@item": [1, 2], "@time": [NOW, NOW + 9 * DAY]})
    tables, account = cleaned(items=items)
    assert tables.items["@time"].to_list() == [NOW, None]
    assert found(account) == {("@time", "impossible times"): (1, 0, 1)}


def test_blank_categories_count_as_missing():
    items = pl.DataFrame({"@item": [1, 2], "colour": ["red", ""]})
    tables, account = cleaned(items=items, roles=Roles(item=(feature("colour", "categorical"),)))
    assert tables.items["colour"].to_list() == ["red", None]
    assert found(account) == {("colour", "missing values"): (1, 0, 0)}


def test_strict_refuses_and_lists_what_would_be_mended():
    events = log(at_user=[1, 1, None], at_time=[NOW] * 3)
    with pytest.raises(
        DataError, match=r"(?s)strict: true.*no user, 1 row: dropped.*exact duplicates, 1 row"
    ):
        cleaned(events, config(strict=True))


def test_strict_allows_what_is_only_kept_or_missing():
    items = pl.DataFrame({"@item": [1], "year": [None]}, schema={"@item": pl.Int64, "year": pl.Float64})
    events = log(at_user=[1, 1], at_item=[1, 7], at_time=[NOW] * 2)
    _, account = cleaned(events, config(strict=True), items=items, roles=Roles(item=(feature("year"),)))
    assert len(account.findings) == 2


def test_a_log_that_loses_every_row_is_refused():
    with pytest.raises(DataError, match=r"no row is left.*time before"):
        cleaned(log(at_time=[5, 6]), config(earliest="2000-01-01"))


def test_an_account_that_does_not_add_up_cannot_be_made():
    finding = Finding("events", "x", found=2, action="dropped", setting="", dropped=2)
    Account({"events": 3}, {"events": 1}, (finding,))
    with pytest.raises(AssertionError, match="3 rows in, 2 out, but 2 accounted for"):
        Account({"events": 3}, {"events": 2}, (finding,))


def test_the_account_is_json_and_holds_user_ids_only_when_asked():
    _, account = cleaned(log(at_user=["ann", "ann"], at_time=[NOW] * 2))
    assert "ann" not in json.dumps(account.to_json())
    assert "ann" in json.dumps(account.to_json(ids=True))
    assert any("user 'ann'" in line for line in account.lines())
