"""Timelines written by hand, as arrays."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from motet.data.timelines import Timelines, asked_before, moment_starts

HOUR = 3_600_000
BEGIN = 1_704_067_200_000  # 2024-01-01, a Monday, unix ms


def hand_log(
    moments: Sequence[Sequence[int]],
    items: Sequence[int] | None = None,
    positive: Sequence[bool] | None = None,
    **changes: Any,
) -> Timelines:
    """Timelines of some users, one list of moment numbers each; a moment is an hour after the one before.

    Args:
        moments: For each user the moment of each event, ascending.
        items: Item number of each event, all users after another; without it 1, 2, 3, ...
        positive: Which events the task `next` learns from; without it all.
        changes: Other fields of the timelines.
    """
    lengths = [len(each) for each in moments]
    count = sum(lengths)
    user_N = np.repeat(np.arange(len(moments)), lengths)
    moment_N = np.array([moment for each in moments for moment in each], np.int64)
    start_N = moment_starts(user_N, moment_N)
    item_N = np.array(items if items is not None else range(1, count + 1), np.int32)
    positive_N = np.ones(count, bool) if positive is None else np.array(positive, bool)
    log = Timelines(
        user_ids=pl.Series([f"user {number}" for number in range(len(moments))]),
        offset_U=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        item_N=item_N,
        time_N=BEGIN + moment_N * HOUR,
        timed=True,
        moment_N=start_N,
        ask_N=asked_before(user_N, item_N, start_N, positive_N),
        event_code_NJ=np.arange(10, 10 + count, dtype=np.int32)[:, None],
        event_number_NV=np.arange(count, dtype=np.float32)[:, None] / 10,
        request_code_NJ=np.arange(50, 50 + count, dtype=np.int32)[:, None],
        request_number_NV=np.zeros((count, 0), np.float32),
        user_code_UJ=np.arange(90, 90 + len(moments), dtype=np.int32)[:, None],
        user_number_UV=np.zeros((len(moments), 0), np.float32),
        label={"like": (np.arange(count) % 2).astype(np.float32)},
        positive={"next": positive_N},
        part={"next": np.zeros(count, np.int8), "like": np.zeros(count, np.int8)},
        seen_once=False,
    )
    return replace(log, **changes)


def everything(log: Timelines) -> np.ndarray:
    """A mask of all events."""
    return np.ones(len(log), bool)
