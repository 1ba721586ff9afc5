"""Labels read from later events: did an event follow on the same item within a time?

A window covers the times strictly after its row, up to and with the row's time plus its length. It counts
only when all of it lies before the row's cut: rows with an open window have no label, whether or not the
event has come already, because keeping the early ones alone would make it look more frequent than it is.
"""

from collections.abc import Iterable

import numpy as np
import polars as pl

from motet.config.record import milliseconds
from motet.config.tasks import Window
from motet.data.splits import last_of_moment
from motet.data.timelines import TEST, TRAIN, VALID
from motet.errors import DataError


def window_label(events: pl.DataFrame, window: Window, cut_N: np.ndarray) -> pl.Series:
    """The label of every row.

    Args:
        events: The log, with `@user`, `@item`, `@type` and `@time`, in any order.
        window: Which event must follow which, and how soon.
        cut_N: What happened at or after this time is not known to the row, unix ms, ``(N,)`` int64.

    Returns:
        Float64 ``(N,)``: 1 where the event followed, 0 where it did not, null for rows of another type,
        without user, item or time, or with an open window.

    Raises:
        DataError: The log has no times.
    """
    if events["@time"].null_count() == events.height:
        raise DataError("a window needs times, and the log has none; write  time: COLUMN  under data.events")
    within = milliseconds(window.within)
    keys = ["@user", "@item", "@time"]
    known = events.select(*keys, "@type").with_row_index("row").drop_nulls(keys)
    asked = known.filter(pl.col("@type") == window.of).sort("@time")
    came = known.filter(pl.col("@type") == window.event).select("@user", "@item", came="@time").sort("came")
    found = asked.join_asof(
        came, left_on="@time", right_on="came", by=["@user", "@item"], strategy="forward",
        allow_exact_matches=False, check_sortedness=False,
    )  # fmt: skip
    row_R, end_R = found["row"].to_numpy(), (found["@time"] + within).to_numpy()
    followed_R = (found["came"] - found["@time"] <= within).fill_null(False).to_numpy()
    label_N = np.full(events.height, np.nan)
    label_N[row_R] = np.where(end_R < cut_N[row_R], followed_R, np.nan)
    return pl.Series(label_N).fill_nan(None)


def cut_times(events: pl.DataFrame, parts: Iterable[np.ndarray]) -> np.ndarray:
    """The cut of every row, ``(N,)`` int64 ms: a label of its part must not look into a later part.

    That is where the next event of a later part stands in the user's timeline; and where a part lies before
    the later ones for all users, as in a split by time, where the first of these begins. After the last part
    it is the end of the log.

    Args:
        events: Rows in their materialised order, with ``@moment``.
        parts: Part of each row in every split; the earliest cut counts.
    """
    time_N = events["@time"].fill_null(0).to_numpy()
    ends_N = last_of_moment(events, time_N)
    known_N = events["@time"].is_not_null().to_numpy()
    cut_N = np.full(len(time_N), time_N.max(initial=0) + 1, np.int64)
    for part_N in parts:
        for part, later in ((TRAIN, (VALID, TEST)), (VALID, (TEST,))):
            mine_N, later_N = known_N & (part_N == part), known_N & np.isin(part_N, later)
            cut_N[mine_N] = np.minimum(cut_N, _next_time(events["@user"], time_N, later_N))[mine_N]
            begins = ends_N[later_N].min(initial=np.iinfo(np.int64).max)
            if ends_N[mine_N].max(initial=0) < begins:
                cut_N[mine_N] = np.minimum(cut_N[mine_N], begins)
    return cut_N


def _next_time(users: pl.Series, time_N: np.ndarray, later_N: np.ndarray) -> np.ndarray:
    """Time of the user's next chosen row, itself included, ``(N,)``; the largest number without one."""
    frame = pl.DataFrame({"user": users, "time": time_N, "later": later_N})
    next_time = pl.when("later").then("time").backward_fill().over("user")
    return frame.select(next_time.fill_null(np.iinfo(np.int64).max)).to_series().to_numpy()
