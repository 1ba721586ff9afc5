"""On which types of event a flag or a number varies: where it does not, it has nothing to teach."""

from dataclasses import dataclass

import polars as pl

from motet.data.infer.dependence import agreement
from motet.data.infer.events import LogRoles, as_numbers
from motet.data.infer.figures import number
from motet.data.readers_times import time_in_ms
from motet.data.retold import retold

_NEARLY = 0.01
_FEWEST_PAIRS = 30


@dataclass(frozen=True)
class Where:
    """The types of event that a task should learn from."""

    types: tuple[str, ...]
    """The most frequent first."""
    reason: str
    """What its values are on the others."""
    ones: int
    """Of a flag: how many rows of these types are 1, estimated for the whole file."""
    share: float
    """Of a flag: the share of ones among these rows."""


def where_it_varies(roles: LogRoles, name: str) -> Where | None:
    """The types on whose rows a column varies and says something new; None where these are all types or none.

    On the rows of a type it counts as constant when fewer than 1% of them differ from the most frequent
    value, and these are fewer than 1% of all such rows: some clicks may be noted wrongly. It says nothing new
    where it repeats what an earlier row of the same user and item, of another type, had already.

    Args:
        roles: A log; only one that has a column of types has several.
        name: A column of flags or numbers.
    """
    types = _types(roles, name)
    if types is None or types.height < 2:
        return None
    fewest = _NEARLY * number(types["other"].sum())
    varies = (pl.col("other") > 0) & (
        (pl.col("other") >= _NEARLY * pl.col("known")) | (pl.col("other") >= fewest)
    )
    repeats = _repeats(roles, name, types.filter(varies))
    kept = types.filter(varies & ~pl.col("type").is_in(repeats))
    rest = types.join(kept, on="type", how="anti", maintain_order="left")
    if kept.is_empty() or rest.is_empty():
        return None
    names, look = kept["type"].to_list(), roles.log.table.look
    ones = number(kept["ones"].sum())
    return Where(
        tuple(names),
        f"learns from rows of type {', '.join(names)} alone: {_why_not(rest, repeats)}",
        round(ones * look.rows / max(look.sample.height, 1)),
        ones / number(kept["known"].sum()),
    )


def _types(roles: LogRoles, name: str) -> pl.DataFrame | None:
    """Type -> rows that hold something (`known`), the most frequent value, rows with another, and ones."""
    column, sample = roles.one("type"), roles.log.table.look.sample
    if column is None:
        return None
    rows = pl.DataFrame({"type": sample[column.name].cast(pl.String), "x": as_numbers(sample[name])})
    rows = rows.filter(pl.col("type").is_not_null() & (pl.col("type") != ""))
    values = rows.drop_nulls("x").group_by("type", "x").len().sort("len", "x", descending=True)
    known = values.group_by("type").agg(
        known=pl.col("len").sum(),
        usual=pl.col("x").first(),
        other=pl.col("len").sum() - pl.col("len").first(),
        ones=pl.col("len").filter(pl.col("x") == 1).sum(),
    )
    types = rows.group_by("type").len().join(known, on="type", how="left")
    return types.with_columns(pl.col("known", "other", "ones").fill_null(0)).sort(
        "len", "type", descending=[True, False]
    )


def _repeats(roles: LogRoles, name: str, types: pl.DataFrame) -> list[str]:
    """Types whose rows nearly all repeat what an earlier row of another type said of the same item."""
    time, column, look = roles.one("time"), roles.one("type"), roles.log.table.look
    if time is None or column is None or types.height < 2:
        return []
    moment = time_in_ms(time.name, look.head[time.name], "auto", look.name)
    who = [pl.col(roles.user).alias("user"), pl.col(roles.item).alias("item"), moment.alias("time")]
    kind, value = pl.col(column.name).cast(pl.String).alias("type"), as_numbers(look.head[name]).alias("x")
    pairs = retold(look.head.select(*who, kind, value))
    found = []
    for each in types["type"].to_list():
        mine = pairs.filter(pl.col("type") == each)
        after = mine.drop_nulls("before").with_row_index("pair")
        both = pl.concat([after.select("pair", "x"), after.select("pair", x="before")]).sort("pair")
        again = agreement(both, ["pair"], "x")
        if again.pairs >= max(_FEWEST_PAIRS, 0.95 * mine.height) and again.kappa >= 0.95:
            found.append(each)
    return found


def _why_not(types: pl.DataFrame, repeats: list[str]) -> str:
    """What the values are on the rows of types that a task does not learn from."""
    said: dict[str, list[str]] = {}
    for name, usual, other in types.select("type", "usual", "other").iter_rows():
        if name in repeats:
            reason = "repeats an earlier row"
        elif usual is None:
            reason = "is missing"
        else:
            reason = f"is {'nearly ' if other else ''}always {usual:g}"
        said.setdefault(reason, []).append(name)
    return " and ".join(f"it {reason} on those of {', '.join(names)}" for reason, names in said.items())
