"""What a column of a sample looks like: numbers, flags, times, words, text, lists, codes, vectors, addresses."""

import re
from dataclasses import dataclass
from typing import Literal

import polars as pl

from motet.data.infer.look import Look
from motet.data.readers_cells import is_list, parts
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

SEPARATORS = (" || ", "||", "|", " > ", ";", ",", "/", " ")
_OLDEST, _NEWEST = 315_532_800_000, 2_524_608_000_000  # 1980 and 2050: numbers outside are no times of events
_LOOKED_AT = 20_000
_INTERVAL = r"^[\[(][^,]*,[^,]*[\])]$"
_GROUPED_NUMBER = r"^\d{1,3}([,/]\d{3})+$"


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
    return {
        name: profile(look.sample[name], look.raw.lists.get(name), look.name) for name in look.sample.columns
    }


def profile(column: pl.Series, list_sign: str | None = None, where: str = "") -> Profile:
    """What one column looks like.

    Args:
        column: A sample of its values.
        list_sign: What divides its parts, when the file itself declares it as a list.
        where: File, for messages.
    """
    known = column.drop_nulls()
    if column.dtype.is_float():
        known = known.drop_nans()
    missing = 1 - len(known) / max(len(column), 1)
    if known.is_empty():
        return Profile(column.name, "empty", 0, 1.0, 0)
    if is_list(column.dtype):
        return _native_list(known, missing)
    if isinstance(column.dtype, pl.Binary | pl.Object | pl.Struct):
        return Profile(column.name, "other", len(known), missing, 0)
    if column.dtype == pl.Boolean:
        return Profile(column.name, _constant_or(known, "flag"), len(known), missing, known.n_unique(), 0, 1)
    if column.dtype.is_temporal():
        return Profile(column.name, "time", len(known), missing, known.n_unique(), unit="native")
    if column.dtype == pl.String:
        known = known.str.strip_chars()
        known = known.filter(known != "")
        if known.is_empty():
            return Profile(column.name, "empty", 0, 1.0, 0)
        missing = 1 - len(known) / len(column)
    return _flat(known, missing, list_sign, where)


def _constant_or(known: pl.Series, kind: ColumnKind) -> ColumnKind:
    return "empty" if known.n_unique() == 1 else kind


def _flat(known: pl.Series, missing: float, list_sign: str | None, where: str) -> Profile:
    numbers = known.cast(pl.Float64, strict=False)
    share = 1 - numbers.null_count() / len(known)
    coded = known.dtype == pl.String and known.str.contains(r"^-?0\d").any()
    if share >= 0.95 and not coded and list_sign is None:
        return _number(known, numbers.drop_nulls(), missing)
    if known.dtype != pl.String:
        known = known.cast(pl.String)
    lowered = known.head(_LOOKED_AT).str.to_lowercase()
    if lowered.is_in(["true", "false"]).all() and lowered.n_unique() == 2:
        return Profile(known.name, "flag", len(known), missing, 2, 0, 1)
    if list_sign is None and _is_time_text(known, where):
        return Profile(known.name, "time", len(known), missing, known.n_unique(), unit="iso")
    return _words(known, missing, list_sign)


def _number(known: pl.Series, numbers: pl.Series, missing: float) -> Profile:
    low, high = float(numbers.min()), float(numbers.max())  # type: ignore[arg-type]
    distinct = numbers.n_unique()
    facts = {
        "name": known.name,
        "count": len(known),
        "missing": missing,
        "distinct": distinct,
        "low": low,
        "high": high,
    }
    whole = bool((numbers == numbers.round()).all())
    kind: ColumnKind = "integer" if whole else "number"
    if distinct == 1:
        kind = "empty"
    elif distinct == 2 and low == 0 and high == 1:
        kind = "flag"
    elif distinct > 2 and (unit := _time_unit(known, numbers)):
        return Profile(kind="time", unit=unit, **facts)
    return Profile(kind=kind, whole=whole, **facts)


def _time_unit(known: pl.Series, numbers: pl.Series) -> str:
    """The unit, when the numbers lie where times lie; else nothing."""
    unit = time_unit(numbers)
    milli = known.to_frame().select(
        time_in_ms(known.name, numbers, unit if unit not in ("day", "moment") else "auto", "")
    )
    times = milli.to_series().drop_nulls()
    if times.is_empty():
        return ""
    inside = times.is_between(_OLDEST, _NEWEST).mean() or 0
    return unit if inside > 0.99 else ""


def _is_time_text(known: pl.Series, where: str) -> bool:
    cells = known.head(2_000)
    if (
        not cells.head(200).str.contains(r"\d").mean()
        or (cells.head(200).str.contains(r"\d").mean() or 0) < 0.9
    ):
        return False
    try:
        times = cells.to_frame().select(time_in_ms(known.name, cells, "iso", where)).to_series()
    except DataError:
        return False
    return times.null_count() <= 0.1 * len(cells)


def _native_list(known: pl.Series, missing: float) -> Profile:
    lengths = known.list.len() if isinstance(known.dtype, pl.List) else known.arr.to_list().list.len()
    inner = getattr(known.dtype, "inner", pl.String())
    facts = {"name": known.name, "count": len(known), "missing": missing, "tokens": int(lengths.sum())}
    if isinstance(inner, pl.Struct | pl.Binary | pl.Object):
        return Profile(kind="other", distinct=0, **facts)  # type: ignore[arg-type]
    if inner.is_float() and lengths.n_unique() == 1 and int(lengths[0]) > 2:
        return Profile(kind="vector", distinct=len(known), **facts)  # type: ignore[arg-type]
    flat = (known if isinstance(known.dtype, pl.List) else known.arr.to_list()).explode()
    while is_list(flat.dtype):
        flat = flat.explode()
    flat = flat.drop_nulls()
    if flat.is_empty():
        return Profile(kind="empty", distinct=0, **facts)  # type: ignore[arg-type]
    whole = inner.is_integer() or flat.cast(pl.String).str.contains(r"^\d+$").all()
    return Profile(kind="list", distinct=flat.n_unique(), whole=whole, **facts)  # type: ignore[arg-type]


def _words(known: pl.Series, missing: float, list_sign: str | None) -> Profile:
    distinct = known.n_unique()
    facts = {"name": known.name, "count": len(known), "missing": missing}
    if distinct == 1 and len(known) > 1:
        return Profile(kind="empty", distinct=1, **facts)  # type: ignore[arg-type]
    looked_at = known.head(_LOOKED_AT)
    if (looked_at.str.contains(r"^(https?://|www\.)|\.(jpe?g|png|gif|webp|mp4|mp3|wav)$").mean() or 0) > 0.8:
        return Profile(kind="address", distinct=distinct, **facts)  # type: ignore[arg-type]
    if vector := _vector(looked_at):
        return Profile(kind="vector", distinct=distinct, separator=vector, **facts)  # type: ignore[arg-type]
    sign = find_list_sign(looked_at, list_sign)
    if sign:
        flat = parts(pl.col(known.name), sign)
        tokens = known.to_frame().select(flat).to_series().explode().drop_nulls()
        whole = bool(tokens.str.contains(r"^\d+$").all())
        return Profile(
            kind="list", distinct=tokens.n_unique(), tokens=len(tokens), separator=sign, whole=whole, **facts
        )  # type: ignore[arg-type]
    return Profile(kind=_kind_of_words(looked_at), distinct=distinct, words=_mean_words(looked_at), **facts)  # type: ignore[arg-type]


def _vector(cells: pl.Series) -> str:
    """What divides the numbers of ready-made vectors that are written as text; else nothing."""
    first = re.sub(r"[\[\](){}]", " ", str(cells[0])).strip()
    for sign in (",", ";", "|", " "):
        pieces = [piece for piece in first.split(sign) if piece.strip()]
        if len(pieces) < 8 or "." not in first:
            continue
        values = cells.to_frame().select(parts(pl.col(cells.name), sign).alias("v"))
        numbers = values.select(pl.col("v").list.eval(pl.element().cast(pl.Float64, strict=False)))["v"]
        if numbers.list.len().n_unique() == 1 and numbers.explode().null_count() == 0:
            return sign
    return ""


def find_list_sign(cells: pl.Series, declared: str | None = None) -> str:
    """What divides the parts of cells that hold several categories or ids; nothing when they hold one value.

    Parts of a list come again in other cells; those of a sentence do not, apart from its single words.
    """
    for sign in SEPARATORS if declared is None else (declared,):
        several = cells.filter(cells.str.contains(sign, literal=True))
        if len(several) < max(2, 0.01 * len(cells)):
            continue
        tokens = cells.to_frame().select(parts(pl.col(cells.name), sign)).to_series()
        if _are_parts(cells, several, tokens, sign):
            return sign
    return ""


def _are_parts(cells: pl.Series, several: pl.Series, tokens: pl.Series, sign: str) -> bool:
    flat = tokens.explode().drop_nulls()
    counts = flat.value_counts()
    distinct, cell_values = counts.height, cells.n_unique()
    if flat.is_empty() or _all(several, _INTERVAL) or (sign in ",/" and _all(several, _GROUPED_NUMBER)):
        return False
    again = flat.is_in(counts.filter(pl.col("count") > 1)[cells.name].implode()).mean() or 0.0
    if sign != " ":
        few_words = (flat.str.split(" ").list.len().mean() or 0) <= 4  # type: ignore[operator]
        return bool(few_words and again >= 0.5 and distinct < cell_values * 3)  # type: ignore[operator]
    digits = flat.str.contains(r"^\d+$").mean() or 0
    if digits == 1:
        return len(several) > 0.3 * len(cells) and len(flat) > 1.2 * len(cells)
    sentences = (flat.str.contains(r"[.!?:]$").mean() or 0) > 0.01 or 0.05 < digits < 0.95  # type: ignore[operator]
    return bool(again > 0.95 and distinct <= 0.5 * cell_values and not sentences)  # type: ignore[operator]


def _all(cells: pl.Series, pattern: str) -> bool:
    return bool(cells.str.contains(pattern).all())


def _mean_words(cells: pl.Series) -> float:
    chinese = cells.str.count_matches(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
    return float((cells.str.split(" ").list.len() + chinese * 0.5).mean() or 0)  # type: ignore[arg-type]


def _kind_of_words(cells: pl.Series) -> ColumnKind:
    distinct, mean = cells.n_unique(), _mean_words(cells)
    fresh = distinct / len(cells)
    if fresh < 0.5 and not (mean > 12 and fresh > 0.1):
        return "word"
    spoken = cells.str.contains(r"\p{L}{2,}").mean() or 0
    bare = (~cells.str.contains(r"\s")).mean() or 0
    coded = cells.str.contains(r"^\S*\d\S*$").mean() or 0
    if spoken < 0.8 or coded > 0.8 or (bare > 0.95 and mean < 2):
        return "code"
    return "text"
