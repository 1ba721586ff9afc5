"""Cuts of labels that look ahead: none of them may look into a later part."""

import numpy as np
import polars as pl

from motet.data.order import materialise_order
from motet.data.windows import cut_times

TRAIN, VALID, TEST = 0, 1, 2


def cuts(
    rows: list[tuple[int, int, int]], *others: list[int], requests: list[str] | None = None
) -> list[int]:
    """Cuts of (user, time, part), given in order."""
    frame = pl.DataFrame(rows, schema=["@user", "@time", "part"], orient="row")
    frame = frame.with_columns(
        pl.lit(7).alias("@item"), pl.Series("@request", requests or [None] * len(rows))
    )
    events = materialise_order(frame, 0)
    parts = [events["part"].to_numpy(), *(np.array(other) for other in others)]
    return cut_times(events, parts).tolist()


def test_a_users_next_part_is_the_cut_where_parts_interleave():
    first = [(1, 1, TRAIN), (1, 5, VALID), (1, 9, TEST)]
    second = [(2, 6, TRAIN), (2, 12, VALID), (2, 20, TEST)]
    assert cuts(first + second) == [5, 9, 21, 12, 20, 21]


def test_in_a_split_by_time_a_user_without_later_events_has_the_cut_of_the_others():
    rows = [(1, 1, TRAIN), (1, 5, VALID), (1, 9, TEST), (2, 2, TRAIN), (3, 6, VALID)]
    assert cuts(rows) == [5, 9, 10, 5, 9]


def test_a_row_of_a_later_part_that_lies_before_does_not_count():
    rows = [(1, 1, TEST), (1, 3, TRAIN), (1, 5, VALID), (1, 7, TRAIN), (1, 8, VALID), (1, 9, TRAIN)]
    assert cuts(rows) == [10, 5, 10, 8, 10, 10]


def test_the_earliest_cut_of_several_splits_counts():
    rows = [(1, 1, TRAIN), (1, 5, TRAIN), (1, 9, VALID), (1, 12, TEST)]
    assert cuts(rows, [TRAIN, VALID, TEST, TEST]) == [5, 9, 12, 13]


def test_a_request_that_straddles_the_cut_moves_no_other_users_rows():
    rows = [(1, 1, VALID), (1, 6, VALID), (1, 9, TEST), (2, 2, TRAIN), (3, 4, TRAIN)]
    assert cuts(rows, requests=["a", "a", None, None, None]) == [9, 9, 10, 6, 6]
