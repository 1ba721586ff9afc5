"""What a clock tells when a question is asked: the gap, the hour, the day, the age of the item.

Shapes: Q rows.
"""

import numpy as np

CLOCK_NAMES = ("seen", "gap", "no_gap", "hour_sin", "hour_cos", "day_sin", "day_cos", "age", "no_age")
_HOUR = 3_600_000.0
_DAY = 24 * _HOUR


def clock_features(
    time_Q: np.ndarray, last_Q: np.ndarray, item_time_Q: np.ndarray, seen_Q: np.ndarray
) -> np.ndarray:
    """Features of a request, all of about unit size.

    Args:
        time_Q: When the question is asked, unix ms; 0 when the log has no time.
        last_Q: When the last visible event happened, unix ms; -1 when there is none.
        item_time_Q: When the item came to be, unix ms; -1 when unknown.
        seen_Q: How many events are visible in the window.

    Returns:
        ``(Q, len(CLOCK_NAMES))`` float32.
    """
    timed = time_Q > 0
    gapped = timed & (last_Q >= 0)
    aged = timed & (item_time_Q >= 0)
    gap = np.log1p(np.maximum(time_Q - last_Q, 0) / 60_000.0) / 5.0
    age = np.log1p(np.maximum(time_Q - item_time_Q, 0) / _DAY) / 3.0
    hour = 2 * np.pi * (time_Q % _DAY) / _DAY
    day = 2 * np.pi * (time_Q % (7 * _DAY)) / (7 * _DAY)
    columns = [
        np.log1p(seen_Q) / 3.0,
        np.where(gapped, gap, 0),
        ~gapped,
        np.where(timed, np.sin(hour), 0),
        np.where(timed, np.cos(hour), 0),
        np.where(timed, np.sin(day), 0),
        np.where(timed, np.cos(day), 0),
        np.where(aged, age, 0),
        ~aged,
    ]
    return np.stack(columns, axis=-1).astype(np.float32)
