"""What users do, on logs small enough to count by hand."""

import json

import numpy as np
import polars as pl
import pytest

from motet.config.data import Split
from motet.data.behaviour import behaviour, gini, repeat_share, sessions
from motet.data.drift import drift, popularity_overlap
from motet.data.order import materialise_order
from motet.data.splits import split_rows

MINUTE, DAY = 60_000, 86_400_000


def log(rows: list[tuple], *more: str) -> pl.DataFrame:
    frame = pl.DataFrame(rows, ["@user", "@item", "@time", *more], orient="row")
    if "@type" not in more:
        frame = frame.with_columns(pl.lit("play").alias("@type"))
    return materialise_order(frame, 0)


def test_a_repeat_is_an_event_on_an_item_that_the_user_had_before():
    assert repeat_share(log([(1, 7, 0), (1, 7, 1), (1, 8, 2), (2, 7, 3)])) == 0.25
    assert repeat_share(log([(1, 7, 0), (2, 7, 1)])) == 0


def test_a_click_on_what_was_shown_is_no_repeat():
    rows = [(1, 7, 0, "impression"), (1, 7, 1, "click"), (1, 7, 2, "click")]
    assert repeat_share(log(rows, "@type")) == pytest.approx(1 / 3)


def test_rows_of_one_moment_are_no_repeats_and_rows_without_time_are():
    assert repeat_share(log([(1, 7, 5), (1, 7, 5)])) == 0
    assert repeat_share(log([(1, 7, None), (1, 7, None)])) == 0.5
    assert repeat_share(log([])) == 0


def test_activity_counts_users_items_and_the_silent_part_of_the_catalogue():
    events = log([(1, 7, 0), (1, 7, 1), (1, 8, 2), (2, 7, 3)])
    found = behaviour(events, pl.DataFrame({"@item": [7, 8, 9, 10]}))["activity"]
    assert (found["users"], found["items"], found["items_without_events"], found["events"]) == (2, 2, 2, 4)
    assert found["events_per_user"]["mean"] == 2
    assert found["users_by_events"] == [{"from": 1, "to": 1, "users": 1}, {"from": 2, "to": 3, "users": 1}]
    assert found["gini"] == pytest.approx(gini(np.array([3, 1, 0, 0])))
    assert found["lorenz"][5] == {"items": 0.25, "events": 0.75}
    assert found["lorenz"][-1] == {"items": 1.0, "events": 1.0}


def test_the_gini_index_of_a_straight_line_is_a_third():
    assert gini(np.arange(100_000)) == pytest.approx(1 / 3, abs=1e-4)


def test_each_type_has_its_share_and_its_values():
    rows = [
        (1, 7, 0, "play", None),
        (1, 8, 1, "rating", 2.0),
        (2, 8, 1, "rating", 4.0),
        (2, 9, 2, "rating", None),
    ]
    rating, play = behaviour(log(rows, "@type", "@value"))["types"]
    assert (rating["type"], rating["share"], rating["users"], rating["valued"]) == ("rating", 0.75, 2, 2 / 3)
    assert (rating["values"]["mean"], rating["values"]["p50"]) == (3, 3)
    assert play["values"] is None


def test_a_pause_of_more_than_half_an_hour_begins_a_session():
    times = [0, 30 * MINUTE, 61 * MINUTE, 62 * MINUTE]
    found = sessions(log([*((1, n, time) for n, time in enumerate(times)), (2, 0, 0)]))
    assert (found["sessions"], found["per_user"]) == (3, 1.5)
    assert found["events"]["greatest"] == 2
    assert found["minutes"]["greatest"] == 30


def test_drift_counts_days_new_items_and_labels():
    rows = [
        (1, 7, 0, True),
        (2, 8, 5, False),
        (1, 7, DAY, None),
        (1, 9, DAY + 1, True),
        (1, 7, 3 * DAY, True),
    ]
    found = drift(log(rows, "label:like"), ["label:like"])
    assert [point["day"] for point in found["points"]] == ["1970-01-01", "1970-01-02", "1970-01-04"]
    assert [point["events"] for point in found["points"]] == [2, 2, 1]
    assert [point["new_items"] for point in found["points"]] == [1, 0.5, 0]
    assert [point["labels"]["like"] for point in found["points"]] == [0.5, 1, 1]


def test_a_long_log_is_followed_in_few_points():
    found = drift(log([(1, 1, day * DAY) for day in range(1000)]))
    assert found["days_a_point"] == 9
    assert len(found["points"]) == 112
    assert sum(point["events"] for point in found["points"]) == 1000


def test_popularity_is_compared_between_the_first_and_the_last_quarter():
    same = [(n, n % 2, n) for n in range(40)]
    assert popularity_overlap(log(same)) == {"top": 1, "share": 1, "new_item_events": 0}
    moved = [(n, 0 if n < 20 else 5, n) for n in range(30)] + [(n, 6, n) for n in range(30, 40)]
    assert popularity_overlap(log(moved)) == {"top": 1, "share": 0, "new_item_events": 1}


def test_cold_rows_of_the_test_are_those_whose_item_or_user_never_trained():
    rows = [(1, 1, 0), (1, 2, 1), (1, 3, 2), (1, 1, 3), (2, 2, 3)]
    events = log(rows)
    part = pl.Series([0, 0, 1, 2, 2], dtype=pl.Int8)
    assert behaviour(events, part=part)["cold"] == {
        "valid": {"rows": 1, "cold_items": 1, "cold_users": 0},
        "test": {"rows": 2, "cold_items": 0, "cold_users": 0.5},
    }


def test_the_hours_and_days_of_events_are_counted_from_midnight_and_monday():
    found = behaviour(log([(1, 1, 0), (1, 2, 3 * 60 * MINUTE), (1, 3, 4 * DAY)]))["clock"]
    assert (found["hours"][0], found["hours"][3]) == (2, 1)
    assert found["weekdays"] == [1, 0, 0, 2, 0, 0, 0]  # 1 January 1970 was a Thursday


def test_a_log_without_times_has_no_sessions_and_no_drift():
    found = behaviour(log([(1, 1, None), (1, 2, None)]))
    assert (found["sessions"], found["drift"], found["clock"], found["cold"]) == (None, None, None, None)


def test_the_whole_account_is_json_without_nan():
    events = log(
        [(u, u * n % 7, n * DAY) for u in range(5) for n in range(6)],
    )
    found = behaviour(events, part=split_rows(events, Split()))
    assert json.loads(json.dumps(found, allow_nan=False)) == found
