"""What users do: the figures behind the report's page on behaviour, all JSON-able.

Who is active, which items draw the events, which types of event there are, whether items come again, what a
session looks like (`sessions`), how the log drifts (`motet.data.drift`), how much of the test is cold.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from motet.data.drift import drift
from motet.data.order import changes, materialise_order
from motet.data.timelines import PARTS, TRAIN
from motet.system.log import stage

REPEATS_FROM = 0.01
"""From this share of events on an item that the user had before, items are said to come again."""
SESSION_GAP_MINUTES = 30
_LORENZ_POINTS = 20
_QUANTILES = {"p10": 0.1, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p90": 0.9, "p99": 0.99}


@stage("behaviour of users")
def behaviour(
    events: pl.DataFrame | pl.LazyFrame,
    items: pl.DataFrame | None = None,
    *,
    part: pl.Series | None = None,
    labels: Sequence[str] = (),
    seed: int = 0,
) -> dict[str, Any]:
    """Describe a log.

    Args:
        events: Cleaned events, from `materialise_order` or still to be ordered.
        items: The catalogue, so that items without events count too.
        part: Part of each row of ordered events from `split_rows`; None: nothing is said of cold rows.
        labels: Columns of labels (numbers or Booleans) whose mean is followed over time.
        seed: Of the order, where the events are still without one.

    Returns:
        ``activity`` (events per user and item, Gini, Lorenz curve), ``types`` (one entry a type, with its
        values), ``repeats``, ``sessions``, ``clock`` and ``drift`` (None without times), ``cold`` (None
        without parts). Shares lie between 0 and 1; quantiles are named p10 to p99; times are UTC.
    """
    events = _ordered(events, seed)
    timed = events.filter(pl.col("@time").is_not_null()) if "@time" in events.columns else events.clear()
    known = not timed.is_empty()
    return {
        "activity": _activity(events, items),
        "types": _types(events),
        "repeats": {"share": repeat_share(events), "come_again_from": REPEATS_FROM},
        "sessions": sessions(timed) if known else None,
        "clock": _clock(timed) if known else None,
        "drift": drift(timed, labels) if known else None,
        "cold": None if part is None else _cold(events, part),
    }


def _ordered(events: pl.DataFrame | pl.LazyFrame, seed: int) -> pl.DataFrame:
    frame = events.collect(engine="streaming") if isinstance(events, pl.LazyFrame) else events
    return frame if "@moment" in frame.columns else materialise_order(frame, seed)


def repeat_share(events: pl.DataFrame) -> float:
    """Share of events on an item that the same user had met before with the same type of event, 0 to 1.

    Rows of one moment count once, so a row that was logged twice is no repeat. At `REPEATS_FROM` or more,
    items are taken to come again (songs, groceries); below it they are not (films, courses).
    """
    if events.is_empty():
        return 0.0
    thing: list[str] = [name for name in ("@user", "@item", "@type") if name in events.columns]
    clock = (
        ["@moment"]
        if "@moment" in events.columns
        else [c for c in ("@time", "@order") if c in events.columns]
    )
    clock = [name for name in clock if events[name].null_count() < events.height]
    visits = _distinct(events, [*thing, *clock]) if clock else events.height
    return 1 - _distinct(events, thing) / visits


def _distinct(events: pl.DataFrame, columns: list[str]) -> int:
    rows = events.lazy().select(columns).unique()
    return int(rows.select(pl.len()).collect(engine="streaming").item())


def spread(number_N: np.ndarray) -> dict[str, float]:
    """Mean, least, greatest and quantiles of numbers ``(N,)``, N at least 1.

    >>> spread(np.arange(101))["p90"]
    90.0
    """
    points = np.quantile(number_N, list(_QUANTILES.values()))
    quantiles = dict(zip(_QUANTILES, map(float, points), strict=True))
    return {
        "mean": float(number_N.mean()),
        "least": float(number_N.min()),
        **quantiles,
        "greatest": float(number_N.max()),
    }


def gini(count_N: np.ndarray) -> float:
    """Gini index of counts ``(N,)``: 0 when all are equal, near 1 when one has everything (Gini, 1912).

    >>> gini(np.array([3, 3, 3])), gini(np.array([0, 0, 0, 8]))
    (0.0, 0.75)
    """
    ordered = np.sort(count_N).astype(np.float64)
    places = np.arange(1, len(ordered) + 1)
    total = ordered.sum()
    return float((2 * places - len(ordered) - 1) @ ordered / (len(ordered) * total)) if total else 0.0


def _activity(events: pl.DataFrame, items: pl.DataFrame | None) -> dict[str, Any]:
    per_user = _counts(events, "@user")
    per_item = _counts(events, "@item")
    silent = 0
    if items is not None:
        silent = (
            items.select("@item")
            .unique()
            .join(events.select("@item").unique(), on="@item", how="anti")
            .height
        )
    with_silent = np.concatenate([per_item, np.zeros(silent, np.int64)])
    return {
        "users": len(per_user),
        "items": len(per_item),
        "items_without_events": silent,
        "events": events.height,
        "events_per_user": spread(per_user) if len(per_user) else None,
        "events_per_item": spread(per_item) if len(per_item) else None,
        "users_by_events": _histogram(per_user, "users"),
        "gini": gini(with_silent),
        "lorenz": _lorenz(with_silent),
    }


def _counts(events: pl.DataFrame, column: str) -> np.ndarray:
    return events.group_by(column).len()["len"].to_numpy().astype(np.int64)


def _histogram(count_N: np.ndarray, name: str) -> list[dict[str, int]]:
    """How many lie in 1, 2-3, 4-7, 8-15, ... events."""
    step_N = np.frexp(count_N)[1]  # 1 -> 1, 2-3 -> 2, 4-7 -> 3
    bins = np.bincount(step_N) if len(count_N) else np.zeros(0, np.int64)
    return [{"from": 2 ** (b - 1), "to": 2**b - 1, name: int(bins[b])} for b in range(1, len(bins))]


def _lorenz(count_N: np.ndarray) -> list[dict[str, float]]:
    """Which share of the events the most popular share of the items draws."""
    if not count_N.sum():
        return []
    drawn = np.concatenate([[0], np.cumsum(np.sort(count_N)[::-1])]) / count_N.sum()
    shares = np.linspace(0, 1, _LORENZ_POINTS + 1)
    found = np.interp(shares * len(count_N), np.arange(len(drawn)), drawn)
    return [
        {"items": float(share), "events": float(event)} for share, event in zip(shares, found, strict=True)
    ]


def _types(events: pl.DataFrame) -> list[dict[str, Any]]:
    """Each type with its events and users, and what its values look like where it has some."""
    if "@type" not in events.columns:
        return []
    value = pl.col("@value") if "@value" in events.columns else pl.lit(None, pl.Float64)
    quantiles = [value.quantile(q, "linear").alias(name) for name, q in _QUANTILES.items()]
    table = events.group_by("@type").agg(
        pl.len().alias("events"),
        pl.col("@user").n_unique().alias("users"),
        value.is_not_null().mean().alias("valued"),
        value.mean().alias("mean"),
        value.min().alias("least"),
        *quantiles,
        value.max().alias("greatest"),
    )
    rows = table.sort(["events", "@type"], descending=[True, False]).rename({"@type": "type"}).to_dicts()
    return [_with_values(row, events.height) for row in rows]


def _with_values(row: dict[str, Any], total: int) -> dict[str, Any]:
    head = {name: row[name] for name in ("type", "events", "users")}
    values = {name: row[name] for name in ("mean", "least", *_QUANTILES, "greatest")}
    return {
        **head,
        "share": row["events"] / total,
        "valued": row["valued"],
        "values": values if row["mean"] is not None else None,
    }


def sessions(timed: pl.DataFrame) -> dict[str, Any]:
    """Sessions: runs of a user's events with less than half an hour between neighbours.

    Args:
        timed: Events of known time, sorted by user and time; at least one.
    """
    time_N = timed["@time"].to_numpy()
    pause_N = np.diff(time_N, prepend=time_N[0]) > SESSION_GAP_MINUTES * 60_000
    start = np.flatnonzero(changes(timed["@user"]) | pause_N)
    length = np.diff(np.append(start, len(time_N)))
    minutes = (time_N[start + length - 1] - time_N[start]) / 60_000
    return {
        "gap_minutes": SESSION_GAP_MINUTES,
        "sessions": len(start),
        "per_user": len(start) / int(changes(timed["@user"]).sum()),
        "events": spread(length),
        "minutes": spread(minutes),
    }


def _clock(timed: pl.DataFrame) -> dict[str, list[int]]:
    """Events by hour of the day (0 to 23) and by day of the week (Monday first), UTC."""
    time = pl.from_epoch("@time", time_unit="ms")
    table = timed.select(hour=time.dt.hour(), day=time.dt.weekday() - 1)
    return {
        "hours": np.bincount(table["hour"].to_numpy(), minlength=24).tolist(),
        "weekdays": np.bincount(table["day"].to_numpy(), minlength=7).tolist(),
    }


def _cold(events: pl.DataFrame, part: pl.Series) -> dict[str, Any]:
    """For validation and test: rows, and the share of them whose item or user has no training row."""
    train = events.filter(part == TRAIN)
    found = {}
    for name, number in PARTS.items():
        rows = events.filter(part == number)
        if number == TRAIN or rows.is_empty():
            continue
        new = {
            column: rows.join(train.select(column).unique(), on=column, how="anti").height / rows.height
            for column in ("@item", "@user")
        }
        found[name] = {"rows": rows.height, "cold_items": new["@item"], "cold_users": new["@user"]}
    return found
