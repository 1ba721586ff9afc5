"""The tables that every later step reads: canonical columns, which no other can collide with, and features.

Canonical columns of events: `@user`, `@item` (Int64 when every file has integers there, else String),
`@type`, `@time` (unix ms UTC), `@order` (Int64), `@request`, `@row` (place in the files, for accounts
only), `@source` (which entry of `data.events`), `@value` (Float64). Items have `@item`, `@kind` and, where
declared, `@time`; users have `@user`.
"""

from dataclasses import dataclass
from typing import Literal

import polars as pl

from motet.config.data import Column

USER = "@user"
ITEM = "@item"
KIND = "@kind"
PLAIN_KIND = "item"
SPLIT = "@split"
TYPE = "@type"
TIME = "@time"
ORDER = "@order"
REQUEST = "@request"
ROW = "@row"
SOURCE = "@source"
VALUE = "@value"

UNREAD = "@unread:"
"""Beside a column of numbers `NAME`, `@unread:NAME` holds the text of cells that could not be read."""

OUTSIDE = "@outside:"
"""Beside it, `@outside:WORDS:NAME` holds the numbers outside the range that the words tell."""

MARKS = (UNREAD, OUTSIDE)
"""How the names of columns begin that cleaning reads and then drops."""

PART = "@part:"
"""Columns `@part:0`, ... hold the part of each row in the splits of the tasks, see `motet.data.division`."""

EVENT_COLUMNS = (USER, ITEM, TYPE, TIME, ORDER, REQUEST, ROW, SOURCE, VALUE)

FeatureKind = Literal["categorical", "numeric", "text", "vector", "image"]


@dataclass(frozen=True)
class Feature:
    """One feature column as the files turned out to hold it."""

    name: str
    """Column of the table. A column with two roles keeps its name in the first; see `readers_features`."""
    kind: FeatureKind
    column: Column
    """What the configuration says of it."""
    many: bool = False
    """List-valued: `pl.List(pl.String)` for categories (and text that shares their column)."""


@dataclass(frozen=True)
class Roles:
    """Which columns are features of an item, of a user, of a request, and of what came of an event."""

    item: tuple[Feature, ...] = ()
    user: tuple[Feature, ...] = ()
    context: tuple[Feature, ...] = ()
    outcome: tuple[Feature, ...] = ()


@dataclass(frozen=True)
class Tables:
    """Items and users in memory, events lazily."""

    items: pl.DataFrame | None
    """`@item`, `@kind`, `@time` (only where declared) and the feature columns."""
    users: pl.DataFrame | None
    """`@user` and the feature columns."""
    events: pl.LazyFrame
    """Canonical columns, then context, outcomes, the columns that labels read, and split columns; before
    cleaning also the marks of what was unreadable or impossible (`MARKS`)."""
    roles: Roles
