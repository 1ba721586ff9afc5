"""Labels read from later events: did an event follow on the same item within a time?

A window covers the times strictly after its row, up to and with the row's time plus its length. It counts
only when all of it lies before the row's cut: rows with an open window have no label, whether or not the
event has come already, because keeping the early ones alone would make it look more frequent than it is.
"""

import numpy as np
import polars as pl

from motet.config.record import milliseconds
from motet.config.tasks import Window
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
