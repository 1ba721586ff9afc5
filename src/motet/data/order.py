"""The order of the log: every user's events in time, ties by a seeded hash, moments numbered.

Whoever is compared (our model, a baseline, a peer) gets the same materialised order. Shapes: N rows.
"""

import numpy as np
import polars as pl

from motet.data.fingerprint import fingerprint_rows
from motet.data.table import PART
from motet.system.randomness import derived_seed

SAID_COLUMNS = ("@kind", "@item", "@type", "@request", "@value")
"""What a row says: ties are broken by these columns, and by others only where these are equal too."""
_WHOSE_COLUMNS = ("@user", "@time")
_PLACE_COLUMNS = ("@row", "@source", "@moment")


def materialise_order(events: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Sort events by user, time and order, break ties by a seeded hash, and number the moments.

    The hash reads what the row says (user, time, item, type, request, value; only where these are equal too,
    the other columns), never its place in a file, and it does not follow the size of an id. As it reads the
    user, no item comes before another in the ties of all users. Rows of unknown time (or order) come last.

    Args:
        events: Canonical columns; ``@user`` and ``@item`` at least.
        seed: Of the ties.

    Returns:
        The same rows and columns, sorted, with ``@moment`` (Int32): the number of the moment inside the
        user's timeline. Rows of equal ``@time`` and ``@order`` share a moment, and so do the rows of one
        ``@request`` with all that lies between them. Rows that have neither a time nor an order are moments
        of their own.
    """
    frame = _with_known_columns(events)
    keys = _merged([_codes(frame["@user"]), _ranks(frame["@time"]), _ranks(frame["@order"])])
    place_N = np.lexsort(keys[::-1])
    equal_N = np.ones(max(0, events.height - 1), bool)
    for key_N in keys:
        equal_N &= key_N[place_N[1:]] == key_N[place_N[:-1]]
    place_N = _settle_ties(frame, place_N, equal_N, derived_seed(seed, "ties"))
    frame = frame[place_N]
    return frame.select(*events.columns, pl.Series("@moment", moment_numbers(frame), dtype=pl.Int32))


def moment_numbers(frame: pl.DataFrame) -> np.ndarray:
    """Number of each row's moment in its user's timeline, ``(N,)`` int32; the rows are in order."""
    if frame.is_empty():
        return np.zeros(0, np.int32)
    user_N = changes(frame["@user"])
    unknown_N = (frame["@time"].is_null() & frame["@order"].is_null()).to_numpy()
    new_N = user_N | changes(frame["@time"]) | changes(frame["@order"]) | unknown_N
    if frame["@request"].null_count() < frame.height:
        new_N &= ~_inside_request(frame)
    count_N = np.cumsum(new_N)
    start = np.flatnonzero(user_N)
    length = np.diff(np.append(start, frame.height))
    within_N: np.ndarray = count_N - np.repeat(count_N[start], length)
    return within_N.astype(np.int32)


def changes(column: pl.Series) -> np.ndarray:
    """True at the first row and where a value differs from the one before, ``(N,)``; null equals null.

    >>> changes(pl.Series([1, 1, None, None, 2])).tolist()
    [True, False, True, False, True]
    """
    changed_N = column.ne_missing(column.shift(1)).to_numpy().copy()
    changed_N[:1] = True
    return changed_N


def _with_known_columns(events: pl.DataFrame) -> pl.DataFrame:
    dtypes = {"@time": pl.Int64, "@order": pl.Int64, "@value": pl.Float64}
    names = ("@time", "@order", *SAID_COLUMNS)
    absent = [name for name in names if name not in events.columns]
    return events.with_columns(pl.lit(None, dtypes.get(name, pl.String)).alias(name) for name in absent)


def _codes(users: pl.Series) -> np.ndarray:
    """Dense numbers of users in the order of their ids, ``(N,)`` int64."""
    distinct = users.unique().sort(nulls_last=True)
    numbers = pl.DataFrame({"id": distinct, "number": np.arange(len(distinct))})
    return (
        users.to_frame("id")
        .join(numbers, "id", "left", nulls_equal=True, maintain_order="left")["number"]
        .to_numpy()
    )


def _ranks(numbers: pl.Series) -> np.ndarray:
    """Whole numbers counted from the least one, null above all, ``(N,)`` int64."""
    numbers = numbers.cast(pl.Int64)
    least, most = numbers.min() or 0, numbers.max() or 0
    assert isinstance(least, int)
    assert isinstance(most, int)
    return (numbers - least).fill_null(most - least + 1).to_numpy()


def _merged(keys: list[np.ndarray]) -> list[np.ndarray]:
    """The same order with fewer keys: neighbours become one number where 63 bits hold both."""
    merged = keys[:1]
    for key_N in keys[1:]:
        width = int(key_N.max(initial=0)) + 1
        if (int(merged[-1].max(initial=0)) + 1) * width < 2**63:
            merged[-1] = merged[-1] * width + key_N
        else:
            merged.append(key_N)
    return merged


def _settle_ties(frame: pl.DataFrame, place_N: np.ndarray, equal_N: np.ndarray, seed: int) -> np.ndarray:
    """Order rows of equal user, time and order: by request, by what they say, by their other columns."""
    begins_N = np.concatenate([[True], ~equal_N])[: len(place_N)]
    tied = np.flatnonzero(~begins_N | np.append(equal_N, False)[: len(place_N)])
    if not len(tied):
        return place_N
    rows = frame[place_N[tied]]
    keys = [np.cumsum(begins_N)[tied]]
    keys += [
        fingerprint_rows([rows[name] for name in (*_WHOSE_COLUMNS, *said)], seed)
        for said in (["@request"], SAID_COLUMNS)
    ]
    rest = [
        name
        for name in frame.columns
        if name not in (*_PLACE_COLUMNS, *SAID_COLUMNS, "@user", "@time", "@order")
        and not name.startswith(PART)
    ]
    if rest and np.unique(np.stack(keys), axis=1).shape[1] < len(tied):
        keys.append(fingerprint_rows([rows[name] for name in rest], seed))
    place_N[tied] = place_N[tied][np.lexsort(keys[::-1])]
    return place_N


def _inside_request(frame: pl.DataFrame) -> np.ndarray:
    """True for rows that lie in a request which began at an earlier row of the same user, ``(N,)``."""
    rows = frame.select("@user", "@request", pl.int_range(pl.len(), dtype=pl.Int64).alias("place"))
    last = pl.col("place").max().over("@user", "@request")
    end = rows.select(pl.when(pl.col("@request").is_null()).then("place").otherwise(last)).to_series()
    reach_N = np.maximum.accumulate(end.to_numpy())
    inside_N = np.zeros(frame.height, bool)
    inside_N[1:] = reach_N[:-1] >= np.arange(1, frame.height)
    return inside_N
