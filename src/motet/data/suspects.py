"""Suspects: declared columns that seem to know what they cannot know when the question is asked.

No guard of ours can tell what a column means: an outcome that is declared as context, or a user's feature
that was computed with the test in it, is read like any other. But such columns betray themselves by being too
good. Only cheap looks at single columns are taken, on a sample of rows. See docs/leakage.md.
Shapes: N rows, I items or users, V values of a column.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import polars as pl

from motet.data.column_power import FEWEST_ROWS, agreement, codes_of, power, rank_correlation
from motet.data.retold import retold
from motet.data.table import Feature, Tables
from motet.system.log import stage
from motet.system.randomness import generator

SUSPICIOUS = "Suspicious: "  # how such a statement begins

TOO_GOOD_AUC = 0.98
TOO_GOOD_FIT = 0.95  # share of the variance of a label's ranks
TOO_EQUAL = 0.95  # agreement of two columns beyond chance, 1 is equal
TOO_LIKE_COUNTS = 0.98  # rank correlation with counts of the whole log
BY_CHANCE = 5  # how many times what chance names is too often

SAMPLE_ROWS = 50_000
MOST_ROWS = 500_000  # in which retold labels are looked for; of more rows those of a part of the users
TOLD_OFTEN = 0.5  # share of a type's rows
FEWEST_HITS = 5

Role = Literal["context", "item", "user", "label"]


@dataclass(frozen=True)
class Suspect:
    """One suspicious column and what it seems to know."""

    role: Role
    column: str
    knows: str  # the label, the outcome, or what is counted
    figure: float
    text: str


@stage("columns that know too much")
def suspects(events: pl.DataFrame, tables: Tables, train_N: np.ndarray) -> list[dict[str, Any]]:
    """Look for declared columns that know too much.

    Args:
        events: The log in its materialised order, with the columns of `label_columns`.
        tables: Items, users and the roles of columns.
        train_N: Rows that train, boolean.

    Returns:
        For each suspect ``role, column, knows, figure, text``; JSON-able.
    """
    place = generator(0, "suspects").permutation(np.flatnonzero(train_N))[:SAMPLE_ROWS]
    rows = events[place]
    found = [
        *_predictors(rows, tables),
        *_equals(rows, tables),
        *_counts("item", tables.items, tables.roles.item, events, train_N),
        *_counts("user", tables.users, tables.roles.user, events, train_N),
        *_namers(events, tables, train_N),
        *_retold(events, train_N),
    ]
    return [asdict(each) for each in found]


def statements(found: Sequence[dict[str, Any]]) -> list[str]:
    """The suspects as sentences for people."""
    return [f"{SUSPICIOUS}{each['text']}" for each in found]


def _predictors(rows: pl.DataFrame, tables: Tables) -> Iterator[Suspect]:
    """Columns that predict a label too well by themselves."""
    labels = [name for name in rows.columns if name.startswith("label:")]
    for role, name, column in _columns(rows, tables):
        code_N = codes_of(column)
        for label in labels:
            figure, measure = power(code_N, rows[label])
            if figure >= (TOO_GOOD_AUC if measure == "an AUC" else TOO_GOOD_FIT):
                task = label.removeprefix("label:")
                text = (
                    f"the {role} column {name!r} alone predicts {task!r} with {measure} of {figure:.3f} on "
                    f"training rows. Unless it is known beforehand, take it out of {_PLACES[role]}."
                )
                yield Suspect(role, name, task, figure, text)


_PLACES = {"context": "data.events.context", "item": "data.items", "user": "data.users"}


def _columns(rows: pl.DataFrame, tables: Tables) -> Iterator[tuple[Role, str, pl.Series]]:
    """Every declared categorical or numeric column, with one cell for each of the rows."""
    for feature in _plain(tables.roles.context):
        if feature.name in rows.columns:
            yield "context", feature.column.column, rows[feature.name]
    sources: tuple[tuple[Role, pl.DataFrame | None, tuple[Feature, ...]], ...] = (
        ("item", tables.items, tables.roles.item),
        ("user", tables.users, tables.roles.user),
    )
    for role, table, features in sources:
        names = [feature.name for feature in _plain(features)]
        if table is None or not names:
            continue
        key = rows[f"@{role}"]
        known = table.select(pl.col(f"@{role}").cast(key.dtype, strict=False), *names)
        joined = key.to_frame().join(known, on=f"@{role}", how="left", maintain_order="left")
        for feature in _plain(features):
            yield role, feature.column.column, joined[feature.name]


def _plain(features: Sequence[Feature]) -> list[Feature]:
    return [feature for feature in features if feature.kind in ("categorical", "numeric")]


def _equals(rows: pl.DataFrame, tables: Tables) -> Iterator[Suspect]:
    """Context columns that hold the same as an outcome column."""
    outcomes = [feature.name for feature in _plain(tables.roles.outcome) if feature.name in rows.columns]
    outcomes += [name for name in ("@type", "@value") if name in rows.columns]
    for feature in _plain(tables.roles.context):
        if feature.many or feature.name not in rows.columns:
            continue
        for outcome in outcomes:
            both = rows.select(one=pl.col(feature.name), two=pl.col(outcome)).drop_nulls()
            figure = _equality(both)
            if figure >= TOO_EQUAL:
                name = feature.column.column
                text = (
                    f"the context column {name!r} holds the same as {outcome.removeprefix('@')!r} (agreement "
                    f"{figure:.3f}), which comes of the event. Take it out of {_PLACES['context']}."
                )
                yield Suspect("context", name, outcome, figure, text)


def _equality(both: pl.DataFrame) -> float:
    if both.height < FEWEST_ROWS or isinstance(both["two"].dtype, pl.List):
        return 0.0
    if all(both[name].dtype.is_numeric() for name in ("one", "two")):
        both = both.cast(pl.Float64)
    stacked = pl.concat([both["one"].cast(pl.String), both["two"].cast(pl.String).rename("one")])
    code = stacked.rank("dense").to_numpy().astype(np.int64)
    return agreement(code[: both.height], code[both.height :])


def _counts(
    role: Role,
    table: pl.DataFrame | None,
    features: Sequence[Feature],
    events: pl.DataFrame,
    train_N: np.ndarray,
) -> Iterator[Suspect]:
    """Numbers of items or users that follow counts of the whole log more closely than those of training."""
    numeric = [feature for feature in features if feature.kind == "numeric"]
    if table is None or not numeric or train_N.all():
        return
    key = f"@{role}"
    known = table.with_columns(pl.col(key).cast(events[key].dtype, strict=False))
    told = [name for name in events.columns if name == key or name.startswith(("label:", "positive:"))]
    events = events.select(told)
    past = _counted(events.filter(pl.Series(train_N)), key)
    joined = _counted(events, key).join(past, on=key, how="left", suffix="@train")
    joined = joined.join(known, on=key, how="inner")
    for feature in numeric:
        for name in past.columns[1:]:
            after = rank_correlation(joined[feature.name], joined[name])
            before = rank_correlation(joined[feature.name], joined[f"{name}@train"].fill_null(0))
            if after >= TOO_LIKE_COUNTS and after - before > (1 - after) / 2 + 1e-3:
                text = (
                    f"the {role} column {feature.column.column!r} follows the {name} of each {role} in the "
                    f"whole log (rank correlation {after:.3f}; {before:.3f} in training rows): it seems to "
                    f"know the test. Compute it from training rows, or take it out of {_PLACES[role]}."
                )
                yield Suspect(role, feature.column.column, name, after, text)
                break


def _counted(events: pl.DataFrame, key: str) -> pl.DataFrame:
    """Events, positives of each task and mean labels, for each item or user."""
    counted = {"events": pl.len()}
    for name in events.columns:
        task = name.partition(":")[2]
        if name.startswith("positive:"):
            counted[f"positives of {task!r}"] = pl.col(name).sum()
        elif name.startswith("label:") and events[name].dtype.is_numeric():
            counted[f"mean of {task!r}"] = pl.col(name).mean()
    return events.group_by(key).agg(**counted)


def _namers(events: pl.DataFrame, tables: Tables, train_N: np.ndarray) -> Iterator[Suspect]:
    """User columns that name items which the user meets only after training."""
    if tables.users is None:
        return
    pairs = events.select("@user", "@item")
    train, held = pairs.filter(pl.Series(train_N)).unique(), pairs.filter(~pl.Series(train_N)).unique()
    new = held.join(train, on=["@user", "@item"], how="anti").cast(pl.String).rename({"@item": "named"})
    if new.is_empty():
        return
    for feature in _plain(tables.roles.user):
        named = _named(tables.users, feature).filter(pl.col("named").is_in(new["named"].unique().implode()))
        named = named.filter(pl.col("@user").is_in(new["@user"].unique().implode())).unique()
        hits = named.join(new, on=["@user", "named"], how="semi").height
        chance = _hits_by_chance(named, new)
        if hits >= FEWEST_HITS and hits > BY_CHANCE * max(chance, 1.0):
            name = feature.column.column
            text = (
                f"the user column {name!r} names items that the user meets only after training, {hits:,} "
                f"times where chance would {chance:.1f}: the target is inside it. Compute it from training "
                f"rows, or take it out of {_PLACES['user']}."
            )
            yield Suspect("user", name, "items to come", float(hits), text)


def _retold(events: pl.DataFrame, train_N: np.ndarray) -> Iterator[Suspect]:
    """Labels of rows of one type that an earlier row of the same user and item has told already."""
    if not {"@type", "@time"} <= set(events.columns) or events["@type"].n_unique() < 2:
        return
    rows = events.filter(pl.Series(train_N))
    if rows.height > MOST_ROWS:
        rows = rows.filter(pl.col("@user").hash(seed=0) % -(-rows.height // MOST_ROWS) == 0)
    who = {"user": "@user", "item": "@item", "time": "@time", "type": "@type"}
    for label in (name for name in events.columns if name.startswith("label:")):
        found = retold(rows.select(**{name: pl.col(column) for name, column in who.items()}, x=pl.col(label)))
        for (kind,), mine in found.group_by("type", maintain_order=True):
            again = mine.drop_nulls()
            if again.height < max(FEWEST_ROWS, TOLD_OFTEN * mine.height):
                continue
            figure = _equality(again.select(one="x", two="before"))
            if figure >= TOO_EQUAL:
                task = label.removeprefix("label:")
                text = (
                    f"the label of {task!r} on rows of type {kind!r} is what an earlier row of the same user "
                    f"and item said ({again.height:,} of {mine.height:,} rows, agreement {figure:.3f}): "
                    f"history tells the answer. Leave {kind!r} out of the task's  types: ."
                )
                yield Suspect("label", task, str(kind), figure, text)


def _named(users: pl.DataFrame, feature: Feature) -> pl.DataFrame:
    """What a user column names, one value a row, as text; whole numbers without a point."""
    column = pl.col(feature.name)
    if isinstance(users.schema[feature.name], pl.List):
        frame = users.select("@user", named=column).explode("named")
    elif users.schema[feature.name].is_float():
        frame = users.select("@user", named=column.cast(pl.Int64, strict=False))
    else:
        frame = users.select("@user", named=column)
    return frame.cast(pl.String).drop_nulls()


def _hits_by_chance(named: pl.DataFrame, new: pl.DataFrame) -> float:
    """Hits when the named values are dealt to the users anew, the mean of five deals."""
    random = generator(0, "deals")
    hits = 0
    for _ in range(5):
        dealt = named["named"].gather(random.permutation(named.height))
        hits += named.with_columns(dealt).join(new, on=["@user", "named"], how="semi").height
    return hits / 5
