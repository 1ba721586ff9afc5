"""What a column of a sample looks like: numbers, flags, times, words, text, lists, codes, vectors."""

import time
from dataclasses import dataclass, replace
from typing import Literal

import polars as pl

from motet.data.infer.figures import mean, span
from motet.data.infer.lists import find_list_sign, find_vector_sign, split_flat
from motet.data.infer.look import Look
from motet.data.readers_cells import is_list
from motet.data.readers_times import time_in_ms, time_unit
from motet.errors import DataError

ColumnKind = Literal[
    "empty",  # nothing, or the same value everywhere
    "flag",  # 0 and 1
    "integer",
    "number",
    "time",
    "word",  # strings that repeat: categories, or ids of strings
    "text",  # words for a language model
    "list",  # several categories or ids in a cell
    "vector",  # a list of numbers, equally long everywhere
    "code",  # strings that hardly repeat and are no words: ids, serial numbers
    "address",  # web addresses, file names
    "other",  # what cannot be used: lists of records, binary
]

_OLDEST = 631_152_000_000  # 1990: lower numbers are no times of events
_YEAR = 366 * 86_400_000
_LOOKED_AT = 20_000
_ADDRESS = r"^(https?://|www\.)|\.(jpe?g|png|gif|webp|mp4|mp3|wav)$"


@dataclass(frozen=True)
class Profile:
    """One column."""

    name: str
    kind: ColumnKind
    count: int
    """Cells that hold something."""
    missing: float
    """Share of cells that hold nothing."""
    distinct: int
    """Distinct values in the sample."""
    low: float = 0.0
    high: float = 0.0
    separator: str | None = None
    """Of a list that is written as text."""
    tokens: int = 0
    """Parts of all lists of the sample."""
    unit: str = ""
    """Of a time that is a number: s, ms, us, ns, day, moment; iso when it is text."""
    words: float = 0.0
    """Words in a cell of text, on average; a Chinese sign counts as half a word."""
    whole: bool = False
    """List or words whose parts are all integers."""

    @property
    def repeats(self) -> float:
        """How often a value occurs, on average."""
        return self.count / max(self.distinct, 1)


def profiles(look: Look) -> dict[str, Profile]:
    """Column name -> what the column looks like."""
    return {name: profile(look.sample[name], look.raw.lists.get(name)) for name in look.sample.columns}


def profile(column: pl.Series, list_sign: str | None = None) -> Profile:
    """What one column looks like.

    Args:
        column: A sample of its values.
        list_sign: What divides its parts, when the file itself declares it as a list.
    """
    known = _known(column)
    base = Profile(column.name, "empty", len(known), 1 - len(known) / max(len(column), 1), 0)
    if known.is_empty():
        return base
    if is_list(known.dtype):
        return _native_list(known, base)
    if isinstance(known.dtype, pl.Binary | pl.Object | pl.Struct):
        return replace(base, kind="other")
    base = replace(base, distinct=known.n_unique())
    if known.dtype == pl.Boolean:
        return replace(base, kind="flag" if base.distinct > 1 else "empty", high=1.0)
    if known.dtype.is_temporal():
        return replace(base, kind="time", unit="native")
    return _flat(known, base, list_sign)


def _known(column: pl.Series) -> pl.Series:
    known = column.drop_nulls()
    if known.dtype.is_float():
        return known.drop_nans()
    if known.dtype == pl.String:
        known = known.str.strip_chars()
        return known.filter(known != "")
    return known


def _flat(known: pl.Series, base: Profile, list_sign: str | None) -> Profile:
    numbers = known.cast(pl.Float64, strict=False)
    coded = known.dtype == pl.String and known.str.contains(r"^-?0\d").any()
    if numbers.null_count() <= 0.05 * len(known) and not coded and list_sign is None:
        return _number(known, numbers.drop_nulls(), base)
    if known.dtype != pl.String:
        known = known.cast(pl.String)
    lowered = known.head(_LOOKED_AT).str.to_lowercase()
    if lowered.is_in(["true", "false"]).all() and lowered.n_unique() == 2:
        return replace(base, kind="flag", distinct=2, high=1.0)
    if list_sign is None and _is_time_text(known):
        return replace(base, kind="time", unit="iso")
    return _words(known, base, list_sign)


def _number(known: pl.Series, numbers: pl.Series, base: Profile) -> Profile:
    low, high = span(numbers)
    whole = bool((numbers == numbers.round()).all())
    base = replace(base, distinct=numbers.n_unique(), low=low, high=high, whole=whole)
    if base.distinct == 1:
        return replace(base, kind="empty")
    if base.distinct == 2 and low == 0 and high == 1:
        return replace(base, kind="flag")
    unit = _time_unit(known, numbers) if base.distinct > 2 else ""
    if unit:
        return replace(base, kind="time", unit=unit)
    return replace(base, kind="integer" if whole else "number")


def _time_unit(known: pl.Series, numbers: pl.Series) -> str:
    """The unit, when the numbers lie where times lie; else nothing."""
    unit = time_unit(numbers)
    wanted = "auto" if unit in ("day", "moment") else unit
    times = known.to_frame().select(time_in_ms(known.name, numbers, wanted, "")).to_series().drop_nulls()
    newest = time.time_ns() // 1_000_000 + _YEAR
    oldest = -newest if unit in ("day", "moment") else _OLDEST
    if mean(times.is_between(oldest, newest)) <= 0.99:
        return ""
    even = unit in ("day", "moment") or mean(times % 60_000 == 0) > 0.95
    return unit if even or numbers.n_unique() >= 0.1 * len(numbers) else ""  # ids come again more often


def _is_time_text(known: pl.Series) -> bool:
    cells = known.head(2_000)
    if mean(cells.head(200).str.contains(r"\d")) < 0.9:
        return False
    try:
        times = cells.to_frame().select(time_in_ms(known.name, cells, "iso", "")).to_series()
    except DataError:
        return False
    return times.null_count() <= 0.1 * len(cells)


def _native_list(known: pl.Series, base: Profile) -> Profile:
    listed = known if isinstance(known.dtype, pl.List) else known.arr.to_list()
    lengths = listed.list.len()
    inner = getattr(listed.dtype, "inner", pl.String())
    base = replace(base, tokens=int(lengths.sum()))
    if isinstance(inner, pl.Struct | pl.Binary | pl.Object):
        return replace(base, kind="other")
    if inner.is_float() and lengths.n_unique() == 1 and int(lengths[0]) > 2:
        return replace(base, kind="vector", distinct=len(known))
    flat = listed.explode()
    while is_list(flat.dtype):
        flat = flat.explode()
    flat = flat.drop_nulls()
    if flat.is_empty() or isinstance(flat.dtype, pl.Struct):
        return replace(base, kind="empty" if flat.is_empty() else "other")
    whole = flat.dtype.is_integer() or bool(flat.cast(pl.String).str.contains(r"^\d+$").all())
    return replace(base, kind="list", distinct=flat.n_unique(), whole=whole)


def _words(known: pl.Series, base: Profile, list_sign: str | None) -> Profile:
    if base.distinct == 1 and len(known) > 1:
        return base
    looked_at = known.head(_LOOKED_AT)
    if mean(looked_at.str.contains(_ADDRESS)) > 0.8:
        return replace(base, kind="address")
    vector = find_vector_sign(looked_at)
    if vector:
        return replace(base, kind="vector", separator=vector)
    sign = find_list_sign(looked_at, list_sign)
    if sign:
        tokens = split_flat(known, sign)
        whole = bool(tokens.str.contains(r"^\d+$").all())
        distinct = tokens.n_unique()
        return replace(base, kind="list", distinct=distinct, tokens=len(tokens), separator=sign, whole=whole)
    return replace(base, kind=_kind_of_words(looked_at), words=_mean_words(looked_at))


def _mean_words(cells: pl.Series) -> float:
    """Words in a cell; signs of languages without blanks count as half a word."""
    eastern = cells.str.count_matches(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
    return mean(cells.str.split(" ").list.len() + eastern * 0.5)


def _kind_of_words(cells: pl.Series) -> ColumnKind:
    words = _mean_words(cells)
    fresh = cells.n_unique() / len(cells)
    if fresh < 0.5 and not (words > 12 and fresh > 0.1):
        return "word"
    spoken = mean(cells.str.contains(r"\p{L}{2,}"))
    bare = mean(~cells.str.contains(r"\s"))
    coded = mean(cells.str.contains(r"^[!-~]*\d[!-~]*$"))
    if spoken < 0.8 or coded > 0.8 or (bare > 0.95 and words < 2):
        return "code"
    return "text"
