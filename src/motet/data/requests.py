"""Requests: which rows are scored, and what each of them may see.

A plan cuts timelines into windows of at most `length` events and hangs every row on the window from which
it is scored. The window of a row depends on nothing but how many events the row may see, so that what comes
later can never move it.
Shapes: H visible events, Q rows, W windows.
"""

from dataclasses import dataclass

import numpy as np

from motet.data.timelines import Timelines


@dataclass(frozen=True)
class Plan:
    """Windows over visible events, and the rows scored on them (sorted by window)."""

    visible_H: np.ndarray  # int64, places of visible events in the log, ascending
    user_W: np.ndarray  # int32
    start_W: np.ndarray  # int64, first visible event of a window (a place in visible_H)
    length_W: np.ndarray  # int64, how many
    offset_W: np.ndarray  # int64 (W + 1,), the window's rows in row_Q
    row_Q: np.ndarray  # int64, places in the log
    state_Q: np.ndarray  # int64, how many events of its window a row sees
    ask_Q: np.ndarray  # int64, the same for `next_item`; -1 when that lies before the window
    first_Q: np.ndarray  # int64, the user's first visible event (a place in visible_H)
    known_Q: (
        np.ndarray
    )  # int64, how many visible events of the user precede the asking, outside the window too

    def __len__(self) -> int:
        return len(self.user_W)


def plan_requests(
    log: Timelines,
    visible_N: np.ndarray,
    row_N: np.ndarray,
    length: int,
    *,
    stride: int | None = None,
    shift: int = 0,
    asking: bool = False,
) -> Plan:
    """Plan the scoring of rows.

    Args:
        log: The timelines.
        visible_N: Boolean ``(N,)``: events that may be read. A row sees the visible events of moments
            before its own.
        row_N: Boolean ``(N,)``: rows to score.
        length: Most events in a window.
        stride: How far apart windows begin; a row sees at least ``length - stride + 1`` events where there
            are so many. Null: an eighth of the length.
        shift: Moves the windows' borders, ``0 <= shift < stride``; training draws it anew each epoch.
        asking: Each row sees no more than `next_item` may when it is asked for the row's item, so that what
            lies between that and the row does not move its window either.
    """
    stride = stride or max(1, length // 8)
    visible_H = np.flatnonzero(visible_N)
    row_Q = np.flatnonzero(row_N)
    user_Q = log.user_N[row_Q]
    first_Q = np.searchsorted(visible_H, log.offset_U[user_Q])
    asks_Q = np.searchsorted(visible_H, log.ask_N[row_Q]) - first_Q
    sees_Q = asks_Q if asking else np.searchsorted(visible_H, visible_before(log, row_Q)) - first_Q
    index_Q = np.maximum(0, -(-(sees_Q + shift - length) // stride))
    begin_Q = np.maximum(0, index_Q * stride - shift)
    return _group(visible_H, user_Q, first_Q, begin_Q, sees_Q, asks_Q, row_Q)


def visible_before(log: Timelines, row_Q: np.ndarray) -> np.ndarray:
    """Place in the log before which a row may read its timeline, ``(Q,)``: its moment's first event.

    So a row sees neither itself nor another event of equal time or of its request.
    """
    place_Q: np.ndarray = log.moment_N[row_Q]
    return place_Q


def _group(
    visible_H: np.ndarray,
    user_Q: np.ndarray,
    first_Q: np.ndarray,
    begin_Q: np.ndarray,
    sees_Q: np.ndarray,
    asks_Q: np.ndarray,
    row_Q: np.ndarray,
) -> Plan:
    new = np.ones(len(row_Q), bool)
    new[1:] = (user_Q[1:] != user_Q[:-1]) | (begin_Q[1:] != begin_Q[:-1])
    offset = np.append(np.flatnonzero(new), len(row_Q))
    state_Q = sees_Q - begin_Q
    ask_Q = np.where(asks_Q >= begin_Q, asks_Q - begin_Q, -1)
    length_W = np.maximum.reduceat(state_Q, offset[:-1]) if len(row_Q) else np.zeros(0, np.int64)
    start_W = (first_Q + begin_Q)[new]
    return Plan(visible_H, user_Q[new], start_W, length_W, offset, row_Q, state_Q, ask_Q, first_Q, asks_Q)


def plan_ends(log: Timelines, user_Q: np.ndarray, length: int) -> Plan:
    """Plan the states of some users after all of their events: what `next_item` is asked from now.

    Args:
        log: The timelines.
        user_Q: User numbers, ascending.
        length: Most events in a window.
    """
    stride = max(1, length // 8)
    first_Q = log.offset_U[user_Q]
    sees_Q = log.offset_U[user_Q + 1] - first_Q
    begin_Q = np.maximum(0, -(-(sees_Q - length) // stride)) * stride
    return _group(np.arange(len(log)), user_Q, first_Q, begin_Q, sees_Q, sees_Q, first_Q + sees_Q - 1)


def histories(plan: Plan, query_K: np.ndarray, keep_N: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All that is visible when some rows are asked for: ``(offset (K + 1,), places in the log)``.

    Args:
        plan: The plan.
        query_K: Rows, as places in the plan.
        keep_N: Events of the log that count, boolean.
    """
    keep_H = keep_N[plan.visible_H]
    count_K = plan.known_Q[query_K]
    ends = np.cumsum(count_K)
    flat = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - count_K, count_K)
    flat += np.repeat(plan.first_Q[query_K], count_K)
    kept = keep_H[flat]
    owner = np.repeat(np.arange(len(query_K)), count_K)[kept]
    offset = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=len(query_K)))])
    return offset, plan.visible_H[flat[kept]]


def last_of(offset_K: np.ndarray, place_F: np.ndarray, count: int) -> np.ndarray:
    """The last events of some histories, see `histories`: places ``(K, count)``, latest first; -1 is none."""
    back = offset_K[1:, None] - 1 - np.arange(count)
    has = back >= offset_K[:-1, None]
    return np.where(has, place_F[np.where(has, back, 0)], -1) if len(place_F) else np.full(back.shape, -1)
