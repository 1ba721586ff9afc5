"""Labels that look ahead: edges of the window, equal times, cuts, and what no label may see."""

import random

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motet.config.tasks import Binary, Window
from motet.data.labels import label_columns
from motet.errors import DataError

SECOND, FAR = 1000, 10**9
WINDOW = Window(of="view", event="buy", within="10s")


def log(*rows) -> pl.DataFrame:
    """Events from (user, item, type, time in ms)."""
    names = {"@user": pl.Int64, "@item": pl.Int64, "@type": pl.String, "@time": pl.Int64}
    return pl.DataFrame(rows, schema=names, orient="row")


def labels(events: pl.DataFrame, cut=FAR, window: Window = WINDOW, types=None) -> list:
    task = Binary(name="t", kind="binary", label=window, types=types)
    return label_columns(events, [task], cut)["label:t"].to_list()


def test_an_event_within_the_window_makes_the_label_one():
    assert labels(log((1, 7, "view", 0), (1, 7, "buy", 5000))) == [1, None]


def test_the_end_of_the_window_belongs_to_it_and_its_beginning_does_not():
    events = [(1, 7, "view", 0), (2, 7, "view", 0), (3, 7, "view", 0), (3, 7, "view", 10_000)]
    buys = [(1, 7, "buy", 10_000), (2, 7, "buy", 10_001), (3, 7, "buy", 0)]
    assert labels(log(*events, *buys))[:4] == [1, 0, 0, 0]


def test_only_the_same_user_and_the_same_item_count():
    assert labels(log((1, 7, "view", 0), (2, 7, "buy", 1), (1, 8, "buy", 1), (1, 7, "buy", -1))) == [
        0,
        None,
        None,
        None,
    ]


def test_another_type_does_not_count():
    assert labels(log((1, 7, "view", 0), (1, 7, "cart", 1), (2, 9, "buy", 0))) == [0, None, None]


def test_every_row_before_one_event_is_labelled_by_it():
    views = [(1, 7, "view", time) for time in (0, 1000, 9000, 12_000)]
    assert labels(log(*views, (1, 7, "buy", 11_000))) == [0, 1, 1, 0, None]


def test_an_event_can_follow_one_of_its_own_type():
    window = Window(of="buy", event="buy", within="10s")
    buys = log((1, 7, "buy", 0), (1, 7, "buy", 5000), (1, 7, "buy", 5000), (1, 7, "buy", 50_000))
    assert labels(buys, window=window) == [1, 0, 0, 0]


def test_a_window_that_is_open_at_the_cut_is_masked_even_if_the_event_has_come():
    events = log((1, 7, "view", 0), (1, 7, "buy", 1), (2, 7, "view", 0))
    assert labels(events, cut=10_001) == [1, None, 0]
    assert labels(events, cut=10_000) == [None, None, None]
    assert labels(events, cut=5) == [None, None, None]


def test_every_row_has_its_own_cut():
    events = log((1, 7, "view", 0), (2, 7, "view", 0), (3, 7, "view", 0), (3, 7, "buy", 100))
    assert labels(events, cut=np.array([FAR, 10_000, FAR, 0])) == [0, None, 1, None]
    assert labels(events, cut=pl.Series([FAR, 10_000, FAR, 0])) == [0, None, 1, None]


def test_without_a_cut_the_log_ends_with_its_last_event():
    events = [(1, 7, "view", 0), (1, 7, "view", 500), (1, 7, "view", 501), (1, 7, "buy", 10_500)]
    assert labels(log(*events), cut=None) == [0, 1, None, None]
    assert labels(log(*events), cut=pl.Series([None] * 4, dtype=pl.Int64)) == [0, 1, None, None]


def test_the_order_of_the_rows_does_not_matter():
    rows = [(1, 7, "view", 0), (1, 7, "buy", 5000), (2, 7, "view", 3), (2, 7, "view", 1), (1, 8, "view", 4)]
    expected = dict(zip(rows, labels(log(*rows)), strict=True))
    for seed in range(5):
        random.Random(seed).shuffle(rows)
        assert labels(log(*rows)) == [expected[row] for row in rows]


def test_rows_without_user_item_or_time_are_masked():
    rows = [
        (None, 7, "view", 0),
        (1, None, "view", 0),
        (1, 7, "view", None),
        (1, 7, "buy", 1),
        (None, 7, "buy", 1),
    ]
    assert labels(log(*rows)) == [None] * 5


def test_users_and_items_may_be_text():
    events = log((1, 7, "view", 0), (1, 7, "buy", 5)).cast({"@user": pl.String, "@item": pl.String})
    assert labels(events) == [1, None]


def test_a_type_that_the_log_lacks_is_refused():
    with pytest.raises(DataError, match=r"tasks.t: label: the log has no events of type 'buy'. It has view."):
        labels(log((1, 7, "view", 0)))


def test_a_log_without_times_is_refused():
    with pytest.raises(DataError, match="a window needs times"):
        labels(log((1, 7, "view", None), (1, 7, "buy", None)))


rows = st.tuples(
    st.integers(1, 2),
    st.integers(1, 2),
    st.sampled_from(["view", "buy"]),
    st.integers(0, 30).map(SECOND.__mul__),
)


def by_hand(events: list, cuts: list) -> list:
    """The definition, row by row."""
    out = []
    for (user, item, kind, time), cut in zip(events, cuts, strict=True):
        end = time + 10 * SECOND
        hit = any(e[:3] == (user, item, "buy") and time < e[3] <= end for e in events)
        out.append(None if kind != "view" or end >= cut else float(hit))
    return out


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(rows, st.integers(0, 40).map(SECOND.__mul__)), min_size=1, max_size=25))
def test_windows_are_what_their_definition_says(drawn):
    always = [(9, 9, "view", 0), (9, 9, "buy", 0)]
    events, cuts = always + [row for row, _ in drawn], [FAR, FAR] + [cut for _, cut in drawn]
    assert labels(log(*events), cut=np.array(cuts)) == by_hand(events, cuts)


@settings(max_examples=60, deadline=None)
@given(st.lists(rows, min_size=1, max_size=20), st.integers(0, 40).map(SECOND.__mul__))
def test_what_happens_at_or_after_the_cut_never_moves_a_label(events, cut):
    always = [(9, 9, "view", 0), (9, 9, "buy", 0)]
    past = always + [row for row in events if row[3] < cut]
    future = [row for row in events if row[3] >= cut]
    assert labels(log(*past, *future), cut=cut)[: len(past)] == labels(log(*past), cut=cut)
