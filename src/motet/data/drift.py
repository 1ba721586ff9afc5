"""Drift: how the log changes over time: activity, new items, labels, what was popular then and is now."""

from collections.abc import Sequence
from typing import Any

import polars as pl

_DAY = 86_400_000
_MOST_POINTS = 120
_TOP = 100


def drift(timed: pl.DataFrame, labels: Sequence[str] = ()) -> dict[str, Any]:
    """Follow a log over its days.

    Args:
        timed: Events of known time; at least one.
        labels: Columns of labels whose mean is followed.

    Returns:
        ``first`` and ``last`` (unix ms), ``days_a_point``, ``points`` (each: ``day`` as ISO text, ``events``,
        ``users``, ``new_items``: share of its events on items that no earlier point had, ``labels``: name ->
        mean or None), and ``popularity`` (see `popularity_overlap`).
    """
    low, high = timed.select(low=pl.col("@time").min(), high=pl.col("@time").max()).row(0)
    step = -(-(high // _DAY - low // _DAY + 1) // _MOST_POINTS)
    point = (pl.col("@time") // _DAY - low // _DAY) // step
    table = timed.select("@user", "@item", *labels, point=point)
    table = table.with_columns(new=pl.col("point").min().over("@item") == pl.col("point"))
    means = [pl.col(name).cast(pl.Float64).fill_nan(None).mean().alias(f"label {name}") for name in labels]
    rows = table.group_by("point").agg(
        pl.len().alias("events"), pl.col("@user").n_unique().alias("users"), pl.col("new").mean(), *means
    )
    return {
        "first": low,
        "last": high,
        "days_a_point": step,
        "points": [_point(row, labels, low // _DAY, step) for row in rows.sort("point").to_dicts()],
        "popularity": popularity_overlap(timed),
    }


def _point(row: dict[str, Any], labels: Sequence[str], first_day: int, step: int) -> dict[str, Any]:
    day = pl.Series([first_day + row["point"] * step]).cast(pl.Int32).cast(pl.Date).item()
    return {
        "day": day.isoformat(),
        "events": row["events"],
        "users": row["users"],
        "new_items": row["new"],
        "labels": {name.removeprefix("label:"): row[f"label {name}"] for name in labels},
    }


def popularity_overlap(timed: pl.DataFrame) -> dict[str, Any]:
    """How much of what was popular in the first quarter of the events is so in the last quarter.

    Args:
        timed: Events of known time.

    Returns:
        ``top``: how many items were compared; ``share``: of the last quarter's most popular items those that
        were among the first quarter's; ``new_item_events``: share of the last quarter's events on items that
        the three quarters before did not have.
    """
    rank = pl.col("@time").rank("min") - 1
    quarter = timed.select("@item", quarter=rank * 4 // pl.len())
    first, last = (quarter.filter(pl.col("quarter") == q).select("@item") for q in (0, 3))
    before = quarter.filter(pl.col("quarter") < 3).select("@item").unique()
    top = min(_TOP, max(1, first["@item"].n_unique() // 10))
    shared = _most_popular(first, top).join(_most_popular(last, top), on="@item", how="semi").height
    fresh = last.join(before, on="@item", how="anti").height
    return {
        "top": top,
        "share": shared / top if last.height else None,
        "new_item_events": fresh / last.height if last.height else None,
    }


def _most_popular(rows: pl.DataFrame, top: int) -> pl.DataFrame:
    counted = rows.group_by("@item").len()
    return counted.sort(["len", "@item"], descending=[True, False]).head(top).select("@item")
