"""Which columns hold ids, and which of them name the same things: found by their values, not their names."""

from dataclasses import dataclass, field

import polars as pl

from motet.data.infer.figures import middle, number, span
from motet.data.infer.look import Look
from motet.data.infer.profile import Profile, profiles
from motet.data.readers_cells import flat_strings, is_list, parts

_ID_KINDS = ("integer", "word", "code", "text", "flag")
FEW = 20  # rows of which nothing is said to be nearly always so


@dataclass
class Table:
    """A file with what is known of its columns."""

    look: Look
    profiles: dict[str, Profile]
    keys: list[str] = field(default_factory=list)
    """Columns with a different value in every row; or else a first column in which hardly any repeats."""
    _values: dict[str, pl.Series] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The file's name, for messages."""
        return self.look.name

    def values(self, column: str) -> pl.Series:
        """Distinct values of an id column, or of the parts of a list, as strings; over the whole file."""
        if column not in self._values:
            self._values[column] = _distinct(self, column)
        return self._values[column]


@dataclass(frozen=True)
class Link:
    """How well the values of a column lie in a key of another file."""

    column: str
    table: Table
    key: str
    contained: float
    """Share of the column's distinct values that the key has."""
    covered: float
    """Share of the key's values that the column has."""

    @property
    def overlap(self) -> float:
        """Values of both among the values of either (Jaccard)."""
        if not self.contained or not self.covered:
            return 0.0
        return 1 / (1 / self.contained + 1 / self.covered - 1)


def as_table(look: Look) -> Table:
    """Look at the columns of a file."""
    found = profiles(look)
    table = Table(look, found)
    table.keys = [name for name, profile in found.items() if _is_key(table, profile)]
    if not table.keys:
        table.keys = [name for name, profile in list(found.items())[:1] if _is_nearly_key(table, profile)]
    return table


def _is_key(table: Table, profile: Profile) -> bool:
    unique = profile.kind in _ID_KINDS[:4] and profile.missing == 0 and profile.distinct == profile.count
    if not unique or table.look.rows == table.look.sample.height:
        return unique
    return len(table.values(profile.name)) == table.look.rows


def _is_nearly_key(table: Table, profile: Profile) -> bool:
    """A first column in which one value in a hundred is there twice, as a catalogue has that grew by hand."""
    if profile.kind not in _ID_KINDS[:4] or profile.missing or table.look.rows < FEW:
        return False
    return table.look.rows - len(table.values(profile.name)) <= max(1, table.look.rows // 100)


def _distinct(table: Table, column: str) -> pl.Series:
    dtype, value = table.look.raw.schema[column], pl.col(column)
    profile = table.profiles[column]
    if is_list(dtype):
        value = flat_strings(value, dtype)
    elif profile.kind == "list" and profile.separator:
        value = parts(value, profile.separator)
    elif dtype.is_float():
        value = value.cast(pl.Int64, strict=False).cast(pl.String)
    else:
        value = value.cast(pl.String).str.strip_chars()
    frame = table.look.raw.frame.select(value.alias("id"))
    if is_list(frame.collect_schema()["id"]):
        frame = frame.explode("id")
    return frame.drop_nulls().unique().collect(engine="streaming")["id"]


def id_columns(table: Table) -> list[str]:
    """Columns that may name users or items in a log: whole numbers, words or codes that come again."""
    return [
        name
        for name, profile in table.profiles.items()
        if profile.kind in ("integer", "word", "code")
        and profile.low >= 0
        and profile.distinct >= 2
        and name not in table.keys
    ]


def list_columns(table: Table) -> list[str]:
    """Columns with lists of what may be ids."""
    return [
        name for name, profile in table.profiles.items() if profile.kind == "list" and profile.distinct > 2
    ]


def link(table: Table, column: str, other: Table, key: str) -> Link:
    """Compare the values of a column with those of a key."""
    mine, theirs = table.values(column), other.values(key)
    shared = number(mine.is_in(theirs.implode()).sum()) if len(mine) and len(theirs) else 0.0
    return Link(column, other, key, shared / max(len(mine), 1), shared / max(len(theirs), 1))


def best_links(table: Table, column: str, others: list[Table]) -> list[Link]:
    """Keys of other files that the column's values lie in, the best first."""
    found = [link(table, column, other, key) for other in others if other is not table for key in other.keys]
    strings = not all(value.isdigit() for value in table.values(column).head(100).to_list())
    size = len(table.values(column))
    good = [each for each in found if _is_good(each, size, strings)]
    return sorted(
        good, key=lambda each: each.overlap + 0.5 * each.contained + 0.2 * (each.key == column), reverse=True
    )


def _is_good(found: Link, size: int, strings: bool) -> bool:
    """Small whole numbers lie in any key; a link needs most of the values, and a fair share of the key."""
    if strings:
        return found.contained >= 0.3 and size >= 2
    fair = found.covered >= 0.05 or (found.column == found.key and found.contained >= 0.95)
    return found.contained >= 0.8 and fair


def is_id_like(table: Table, column: str) -> bool:
    """Whether whole numbers name things: packed densely, or spread over their range; quantities crowd low."""
    profile = table.profiles[column]
    if profile.kind != "integer":
        return True
    values = table.values(column).cast(pl.Float64, strict=False).drop_nulls()
    low, high = span(values)
    spread = max(high - low, 1.0)
    return len(values) / (spread + 1) >= 0.3 or (middle(values) - low) / spread >= 0.2
