"""Which of a log's two id columns is the user and which the item: votes of values first, of names last."""

import math
from dataclasses import dataclass

import polars as pl

from motet.data.infer import words
from motet.data.infer.figures import number
from motet.data.infer.ids import Link, Table


@dataclass(frozen=True)
class Vote:
    """One piece of evidence; positive weight: the first column is the user."""

    weight: float
    reason: str


def is_first_the_user(
    table: Table, first: str, second: str, time_ms: pl.Series | None, links: dict[str, Link | None]
) -> tuple[bool, str]:
    """Decide between two id columns.

    Args:
        table: The log.
        first: A column.
        second: The other.
        time_ms: Times of the rows of the file's head, when the log has times.
        links: Column -> the file that describes its values, if any.

    Returns:
        Whether the first is the user, and why.
    """
    sample = table.look.head
    votes = [
        _text(links.get(first), links.get(second)),
        _names(first, second),
        _blocks(sample, first, second),
    ]
    votes += [_popularity(sample, first, second), Vote(0.1, "the user stands first")]
    if time_ms is not None:
        votes += [_sittings(sample, time_ms, first, second), _same_moment(sample, time_ms, first, second)]
    total = sum(vote.weight for vote in votes)
    agreeing = [vote for vote in votes if vote.weight * total > 0 and abs(vote.weight) > 0.05]
    reasons = [vote.reason for vote in sorted(agreeing, key=lambda vote: -abs(vote.weight))[:2]]
    return total >= 0, " and ".join(reasons)


def _text(first: Link | None, second: Link | None) -> Vote:
    """Items have titles; people have attributes."""
    texts = [_words(each) for each in (first, second)]
    weight = 2.0 * (texts[1] > texts[0]) - 2.0 * (texts[0] > texts[1])
    return Vote(weight, "the file of items has text, that of users has none")


def _words(found: Link | None) -> float:
    if found is None:
        return 0.0
    return sum(profile.words for profile in found.table.profiles.values() if profile.kind == "text")


def _names(first: str, second: str) -> Vote:
    weight = 0.0
    for name, sign in ((first, 1.0), (second, -1.0)):
        weight += sign * (words.speaks_of(name, words.USER) - words.speaks_of(name, words.ITEM))
    return Vote(weight, "their names say so")


def _blocks(sample: pl.DataFrame, first: str, second: str) -> Vote:
    """Logs are often written user by user."""
    shares = sample.select(
        (pl.col(name) == pl.col(name).shift()).mean().alias(name) for name in (first, second)
    ).row(0)
    weight = (
        1.0
        if (shares[0] or 0) > 0.3 + (shares[1] or 0)
        else -1.0
        if (shares[1] or 0) > 0.3 + (shares[0] or 0)
        else 0
    )
    return Vote(weight, "the rows of a user lie together in the file")


def _popularity(sample: pl.DataFrame, first: str, second: str) -> Vote:
    """Popularity of items is spread more unevenly than activity of users."""
    spread = [_gini(sample[name].drop_nulls().value_counts()["count"]) for name in (first, second)]
    return Vote(2.0 * (spread[1] - spread[0]), "popularity of items is more uneven than activity of users")


def _gini(counts: pl.Series) -> float:
    ordered, total = counts.sort().cast(pl.Float64), number(counts.sum())
    place = pl.Series(range(1, len(ordered) + 1), dtype=pl.Float64)
    return 2 * number((place * ordered).sum()) / (len(ordered) * total) - (len(ordered) + 1) / len(ordered)


def _sittings(sample: pl.DataFrame, time_ms: pl.Series, first: str, second: str) -> Vote:
    """A user acts in sittings: most gaps are short against the mean gap; an item is met all the time."""
    crowding = [_crowding(sample[name], time_ms) for name in (first, second)]
    weight = max(-2.0, min(2.0, 0.5 * (crowding[1] - crowding[0])))
    return Vote(weight, "its events come in sittings")


def _crowding(ids: pl.Series, time_ms: pl.Series) -> float:
    """Mean log of (median gap / mean gap) over ids with at least four events; lower is more crowded."""
    rows = pl.DataFrame({"id": ids, "t": time_ms}).drop_nulls().sort("id", "t")
    gaps = rows.with_columns((pl.col("t") - pl.col("t").shift()).over("id").alias("gap")).drop_nulls("gap")
    groups = gaps.group_by("id").agg(n=pl.len(), median=pl.col("gap").median(), mean=pl.col("gap").mean())
    groups = groups.filter((pl.col("n") >= 3) & (pl.col("mean") > 0))
    if not groups.height:
        return math.log(0.7)
    ratio = ((groups["median"] + 1.0) / (groups["mean"] + 1.0)).log().clip(-8, 0)
    return number(ratio.mean())


def _same_moment(sample: pl.DataFrame, time_ms: pl.Series, first: str, second: str) -> Vote:
    """Rows of one moment are more often of one user than of one item."""
    rows = sample.select(first, second).with_columns(time_ms.alias("@t")).drop_nulls().sort("@t")
    together = pl.col("@t") == pl.col("@t").shift()
    found = rows.select(
        together.sum().alias("n"),
        (pl.col(first) == pl.col(first).shift()).filter(together).mean().alias("a"),
        (pl.col(second) == pl.col(second).shift()).filter(together).mean().alias("b"),
    ).row(0, named=True)
    if found["n"] < 50 or found["n"] > 0.9 * rows.height:
        return Vote(0.0, "")
    return Vote(1.5 * (found["a"] - found["b"]), "rows of one moment share it")
