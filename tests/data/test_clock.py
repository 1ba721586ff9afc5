"""What a clock tells when a question is asked."""

import math

import numpy as np
import pytest

from motet.data.clock import CLOCK_NAMES, clock_features
from tests.data.hand_log import BEGIN, HOUR

DAY = 24 * HOUR


def features(time: int, last: int = -1, item: int = -1, seen: int = 0) -> dict[str, float]:
    row = clock_features(*(np.array([each]) for each in (time, last, item, seen)))[0]
    return dict(zip(CLOCK_NAMES, row.tolist(), strict=True))


def test_gap_and_age_are_logs_of_minutes_and_of_days():
    found = features(BEGIN, last=BEGIN - HOUR, item=BEGIN - 9 * DAY, seen=3)
    assert found["gap"] == pytest.approx(math.log1p(60) / 5)
    assert found["age"] == pytest.approx(math.log1p(9) / 3)
    assert found["seen"] == pytest.approx(math.log1p(3) / 3)
    assert (found["no_gap"], found["no_age"]) == (0, 0)


def test_six_in_the_morning_is_a_quarter_of_the_day():
    found = features(BEGIN + 6 * HOUR)
    assert (found["hour_sin"], found["hour_cos"]) == (pytest.approx(1), pytest.approx(0, abs=1e-6))
    later = features(BEGIN + 6 * HOUR + DAY)
    assert later["hour_sin"] == pytest.approx(found["hour_sin"], abs=1e-6)
    assert later["day_sin"] != pytest.approx(found["day_sin"], abs=1e-2)
    assert features(BEGIN + 7 * DAY)["day_sin"] == pytest.approx(features(BEGIN)["day_sin"], abs=1e-6)


def test_what_is_unknown_is_zero_and_said():
    found = features(BEGIN)
    assert (found["gap"], found["age"], found["no_gap"], found["no_age"]) == (0, 0, 1, 1)


def test_a_log_without_times_tells_nothing_but_how_much_was_seen():
    found = features(0, last=0, item=BEGIN, seen=2)
    assert found.pop("seen") > 0
    assert (found.pop("no_gap"), found.pop("no_age")) == (1, 1)
    assert set(found.values()) == {0.0}


def test_a_last_event_or_an_item_of_the_future_counts_as_of_now():
    found = features(BEGIN, last=BEGIN + HOUR, item=BEGIN + DAY)
    assert (found["gap"], found["age"]) == (0, 0)
