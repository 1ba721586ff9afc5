"""Plans: which rows are scored, on which window, and what they see."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from motet.data.requests import Plan, histories, last_of, plan_ends, plan_requests
from motet.data.timelines import Timelines
from tests.data.hand_log import everything, hand_log


def seen(log: Timelines, plan: Plan, row: int) -> list[int]:
    """Places in the log that a row sees in its window, in order."""
    place = int(np.flatnonzero(plan.row_Q == row)[0])
    window = int(np.searchsorted(plan.offset_W, place, side="right")) - 1
    begin = plan.start_W[window]
    return plan.visible_H[begin : begin + plan.state_Q[place]].tolist()


def test_windows_of_ten_events_written_by_hand():
    log = hand_log([range(10)])
    plan = plan_requests(log, everything(log), everything(log), length=4, stride=2)
    assert plan.row_Q.tolist() == list(range(10))
    assert plan.offset_W.tolist() == [0, 5, 7, 9, 10]
    assert plan.start_W.tolist() == [0, 2, 4, 6]
    assert plan.length_W.tolist() == [4, 4, 4, 3]
    assert plan.state_Q.tolist() == [0, 1, 2, 3, 4, 3, 4, 3, 4, 3]
    assert plan.user_W.tolist() == [0, 0, 0, 0]
    assert seen(log, plan, 9) == [6, 7, 8]


def test_a_shift_moves_the_borders_of_the_windows():
    log = hand_log([range(10)])
    plan = plan_requests(log, everything(log), everything(log), length=4, stride=2, shift=1)
    assert plan.start_W.tolist() == [0, 1, 3, 5]
    assert plan.state_Q.tolist() == [0, 1, 2, 3, 3, 4, 3, 4, 3, 4]


def test_windows_never_hold_two_users():
    log = hand_log([range(3), range(6), range(2)])
    plan = plan_requests(log, everything(log), everything(log), length=4, stride=2)
    assert plan.user_W.tolist() == [0, 1, 1, 2]
    assert seen(log, plan, 3) == []
    assert seen(log, plan, 8) == [5, 6, 7]
    assert seen(log, plan, 9) == []
    assert seen(log, plan, 10) == [9]


def test_events_of_one_moment_share_the_state_before_them():
    log = hand_log([[0, 1, 1, 1, 2]])
    plan = plan_requests(log, everything(log), everything(log), length=9)
    assert plan.state_Q.tolist() == [0, 1, 1, 1, 4]


def test_a_row_sees_visible_events_alone():
    log = hand_log([range(6)])
    visible = np.array([True, False, True, True, False, True])
    plan = plan_requests(log, visible, everything(log), length=9)
    assert [seen(log, plan, row) for row in range(6)] == [[], [0], [0], [0, 2], [0, 2, 3], [0, 2, 3]]


def test_only_the_asked_rows_are_scored():
    log = hand_log([range(6), range(3)])
    rows = np.array([False, False, True, False, False, True, False, False, True])
    plan = plan_requests(log, everything(log), rows, length=9)
    assert plan.row_Q.tolist() == [2, 5, 8]
    assert plan.offset_W.tolist() == [0, 2, 3]
    assert plan.length_W.tolist() == [5, 2]


def test_a_plan_without_rows_is_empty():
    log = hand_log([range(3)])
    plan = plan_requests(log, everything(log), ~everything(log), length=4)
    assert len(plan) == 0
    assert plan.offset_W.tolist() == [0]


@given(st.lists(st.integers(1, 30), min_size=1, max_size=4), st.integers(1, 9), st.data())
def test_a_row_sees_its_last_events_and_never_fewer_than_promised(lengths, length, data):
    stride = data.draw(st.integers(1, length))
    shift = data.draw(st.integers(0, stride - 1))
    log = hand_log([range(count) for count in lengths])
    plan = plan_requests(log, everything(log), everything(log), length, stride=stride, shift=shift)
    for row in range(len(log)):
        first = int(log.offset_U[log.user_N[row]])
        found = seen(log, plan, row)
        assert found == list(range(row - len(found), row))
        assert min(row - first, length - stride + 1) <= len(found) <= min(row - first, length)


@given(st.integers(1, 25), st.integers(1, 9))
def test_the_window_of_a_row_does_not_move_when_events_come_later(count, length):
    short, long = hand_log([range(count)]), hand_log([range(count + 7)])
    last = count - 1
    plans = [plan_requests(log, everything(log), everything(log), length) for log in (short, long)]
    assert seen(short, plans[0], last) == seen(long, plans[1], last)


def test_a_click_is_asked_for_before_the_impression_of_its_item():
    log = hand_log([[0, 1, 2, 3]], items=[5, 6, 7, 6], positive=[True, False, False, True])
    plan = plan_requests(log, everything(log), everything(log), length=9)
    assert plan.state_Q.tolist() == [0, 1, 2, 3]
    assert plan.ask_Q.tolist() == [0, 1, 2, 1]
    assert plan.known_Q.tolist() == [0, 1, 2, 1]


def test_an_impression_before_the_last_positive_event_no_longer_counts():
    log = hand_log([[0, 1, 2, 3]], items=[6, 5, 7, 6], positive=[False, True, False, True])
    plan = plan_requests(log, everything(log), everything(log), length=9)
    assert plan.ask_Q.tolist() == [0, 1, 2, 3]


def test_a_question_that_lies_before_its_window_is_marked():
    log = hand_log([range(8)], items=[9, 1, 2, 3, 4, 5, 6, 9], positive=[False] * 7 + [True])
    plan = plan_requests(log, everything(log), log.positive["next"], length=4, stride=1)
    assert plan.ask_Q.tolist() == [-1]
    assert plan.known_Q.tolist() == [0]


def test_histories_are_all_visible_events_that_count_before_the_question():
    log = hand_log([range(3), range(4)])
    keep = np.array([True, True, True, True, False, True, True])
    visible = np.array([True, True, True, True, True, True, False])
    plan = plan_requests(log, visible, everything(log), length=1, stride=1)
    offset, place = histories(plan, np.array([6, 0, 2]), keep)
    assert offset.tolist() == [0, 2, 2, 4]
    assert place.tolist() == [3, 5, 0, 1]


def test_histories_of_no_queries_are_empty():
    log = hand_log([range(3)])
    plan = plan_requests(log, everything(log), everything(log), length=2)
    offset, place = histories(plan, np.zeros(0, np.int64), everything(log))
    assert (offset.tolist(), place.tolist()) == ([0], [])


@given(st.lists(st.integers(1, 30), min_size=1, max_size=5), st.integers(1, 20))
def test_the_end_of_a_timeline_is_the_state_of_a_row_that_comes_next(lengths, length):
    log = hand_log([range(count) for count in lengths])
    longer = hand_log([range(count + 1) for count in lengths])
    next_rows = np.zeros(len(longer), bool)
    next_rows[longer.offset_U[1:] - 1] = True
    plan = plan_requests(longer, ~next_rows, next_rows, length)
    ends = plan_ends(log, np.arange(len(lengths)), length)
    assert ends.start_W.tolist() == plan.start_W.tolist()
    for name in ("user_W", "length_W", "offset_W", "state_Q", "ask_Q", "known_Q"):
        assert getattr(ends, name).tolist() == getattr(plan, name).tolist(), name


def test_ends_of_some_users_are_those_of_all():
    log = hand_log([range(5), range(9), range(2)])
    all_users, some = plan_ends(log, np.arange(3), 4), plan_ends(log, np.array([1]), 4)
    assert some.start_W.tolist() == all_users.start_W[1:2].tolist()
    assert some.length_W.tolist() == all_users.length_W[1:2].tolist()


def test_the_last_events_of_histories_come_latest_first():
    offset, place = np.array([0, 3, 3, 4]), np.array([7, 8, 9, 20])
    assert last_of(offset, place, 2).tolist() == [[9, 8], [-1, -1], [20, -1]]
    assert last_of(np.array([0, 0]), np.zeros(0, np.int64), 2).tolist() == [[-1, -1]]
