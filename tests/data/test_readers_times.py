"""Times of every spelling."""

from datetime import UTC, date, datetime

import polars as pl
import pytest

from motet.data.readers_times import time_in_ms, time_unit
from motet.errors import DataError

MOMENT = 1_650_812_741_000  # 2022-04-24T15:05:41Z


def in_ms(values, unit="auto", dtype=None) -> list[int | None]:
    series = pl.Series("t", values, dtype=dtype)
    return series.to_frame().select(time_in_ms("t", series, unit, "log.csv")).to_series().to_list()


@pytest.mark.parametrize("factor", [1, 1_000, 1_000_000, 1_000_000_000])
def test_the_unit_of_integers_is_found_from_their_size(factor):
    assert in_ms([MOMENT // 1000 * factor]) == [MOMENT]
    assert in_ms([str(MOMENT // 1000 * factor)]) == [MOMENT]


@pytest.mark.parametrize(
    "text",
    [
        "2022-04-24T15:05:41Z",
        "2022-04-24 15:05:41",
        "2022-04-24T15:05:41.000",
        "2022-04-24 15:05:41 UTC",
        "2022-04-24T17:05:41+02:00",
        "2022/04/24 15:05:41",
        "20220424150541",
    ],
)
def test_iso_text_is_utc_unless_it_says_otherwise(text):
    assert in_ms([text]) == [MOMENT]


@pytest.mark.parametrize(
    "day", ["1995-01-01", "1995/01/01", "01-Jan-1995", "1 Jan 1995", "Jan 1, 1995", 19950101]
)
def test_days_are_their_first_moment(day):
    assert in_ms([day]) == [788_918_400_000]


def test_several_spellings_in_one_column_are_all_understood():
    assert in_ms(["1970-01-02", "1970-01-01 00:00:01", None, "never"]) == [86_400_000, 1_000, None, None]


def test_native_times_keep_their_moment():
    assert in_ms([datetime(2022, 4, 24, 15, 5, 41, tzinfo=UTC)]) == [MOMENT]
    assert in_ms([datetime(2022, 4, 24, 15, 5, 41)]) == [MOMENT]
    assert in_ms([date(1970, 1, 2)]) == [86_400_000]
    series = pl.Series([datetime(2022, 4, 24, 15, 5, 41)]).dt.replace_time_zone("Asia/Shanghai")
    assert in_ms(series) == [MOMENT - 8 * 3_600_000]


def test_a_declared_unit_wins_over_the_size():
    assert in_ms([5], "s") == [5_000]
    assert in_ms([5_000_000], "us") == [5_000]


def test_fractions_of_seconds_are_kept():
    assert in_ms([881250949.25]) == [881250949250]
    assert in_ms(["881250949.25"]) == [881250949250]


def test_eight_digits_that_are_no_days_are_seconds():
    assert time_unit(pl.Series([20220431, 20220132])) == "s"


def test_times_that_nobody_understands_are_shown():
    with pytest.raises(
        DataError, match=r"log.csv: the times in column 't' are not understood, for example \['soon'"
    ):
        in_ms(["soon", "later"])


def test_slashed_days_are_read_when_some_day_tells_which_number_is_the_month():
    assert in_ms(["1/2/1970 00:00", "1/31/1970 00:00"]) == [86_400_000, 30 * 86_400_000]
    assert in_ms(["2/1/1970", "31/1/1970"]) == [86_400_000, 30 * 86_400_000]
    with pytest.raises(DataError, match="are not understood"):
        in_ms(["1/2/1970", "2/3/1970"])


def test_blanks_around_a_time_do_not_matter():
    assert in_ms([" 1650812741 "]) == [MOMENT]
