"""Cleaning of made-up logs of every sort, and of real ones."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motet.config.data import DataConfig
from motet.data.cleaning import clean
from motet.data.readers import read_tables
from motet.errors import DataError
from tests.data.cleaning_world import DAY, NOW, cleaned, config, log, the_events

_rows = st.lists(
    st.tuples(
        st.none() | st.integers(0, 2),
        st.none() | st.integers(0, 3),
        st.none() | st.sampled_from([NOW, NOW - DAY, NOW + 9 * DAY, -(10**15)]),
        st.none() | st.sampled_from(["view", "buy"]),
    ),
    min_size=1,
    max_size=20,
)


def messy(rows: list[tuple]) -> pl.DataFrame:
    user, item, time, kind = (list(column) for column in zip(*rows, strict=True))
    types = {"user": pl.Int64, "item": pl.Int64, "time": pl.Int64, "type": pl.String}
    cells = {"user": user, "item": item, "time": time, "type": kind}
    return log(**{f"at_{name}": pl.Series(cell, dtype=types[name]) for name, cell in cells.items()})


@settings(max_examples=25)
@given(_rows, st.sampled_from(["keep", "drop"]), st.sampled_from([None, 1, 3]))
def test_rows_in_are_rows_out_and_rows_accounted_for_and_a_second_cleaning_drops_none(rows, unknown, bots):
    events, items = messy(rows), pl.DataFrame({"@item": [0, 1, 2]})
    data = config(unknown_items=unknown, bots_per_day=bots)
    try:
        tables, account = cleaned(events, data, items=items)
    except DataError:
        return
    assert the_events(tables).height == account.rows_out["events"]
    again, second = cleaned(the_events(tables), data, items=items)
    assert second.rows_in["events"] == second.rows_out["events"]
    assert the_events(again).equals(the_events(tables))


@given(_rows)
def test_what_is_left_holds_no_row_that_a_rule_forbids(rows):
    try:
        left = the_events(cleaned(messy(rows))[0])
    except DataError:
        return
    assert left.null_count().select("@user", "@item", "@time").sum_horizontal().item() == 0
    assert left["@time"].is_between(NOW - 36525 * DAY, NOW + DAY).all()
    assert not left.drop("@row").is_duplicated().any()


@pytest.mark.slow
@pytest.mark.data
def test_a_real_log_of_impressions_holds_as_many_duplicates_as_its_readme_says(data_folder):
    folder = data_folder("kuairand-pure-2w")
    files = {"events": "log_standard_4_25_to_5_08.csv.gz", "users": "user_features_pure.csv.gz"}
    source = {"path": files["events"], "user": "user_id", "item": "video_id", "time": "time_ms"}
    people = {"path": files["users"], "id": "user_id", "numeric": ["register_days"]}
    data = DataConfig.model_validate({"events": source, "users": people})
    tables, account = clean(read_tables(data, folder), data)
    assert account.rows_in["events"] == 228_329
    assert [(f.rule, f.found) for f in account.findings if f.dropped] == [("exact duplicates", 5_460)]
    assert tables.events.select(pl.len()).collect().item() == 222_869


@pytest.mark.data
def test_a_well_kept_log_of_ratings_loses_no_row(data_folder):
    folder = data_folder("ml-100k")
    data = DataConfig.model_validate(
        {
            "events": {"path": "ml-100k.inter", "user": "user_id", "item": "item_id", "time": "timestamp"},
            "items": {"path": "ml-100k.item", "id": "item_id", "text": ["movie_title"]},
            "cleaning": {"strict": True},
        }
    )
    _, account = clean(read_tables(data, folder), data)
    assert account.rows_in == account.rows_out == {"items": 1682, "events": 100_000}
