"""Times of every spelling become milliseconds since 1970 (UTC): integers by size, ISO text, datetimes.

Times without a zone are taken as UTC.
"""

import polars as pl

from motet.data.readers_numbers import plain
from motet.errors import DataError

_TEXT_FORMATS = (
    "%Y-%m-%dT%H:%M:%S%.f%#z",
    "%Y-%m-%d %H:%M:%S%.f%#z",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d",
    "%Y/%m/%d %H:%M:%S%.f",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d",
    "%d-%b-%Y",
    "%d %b %Y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%a %b %d %H:%M:%S %#z %Y",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y",
)
_MONTH_FIRST, _DAY_FIRST = ("%m/%d/%Y", "%d/%m/%Y")
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
_DAY_FORMATS = {8: "%Y%m%d", 14: "%Y%m%d%H%M%S"}
_PER_MS = {"us": 1_000, "ns": 1_000_000}


def time_unit(numbers: pl.Series) -> str:
    """Unit of numeric times: `s`, `ms`, `us`, `ns`, or `day` / `moment` for 20240131 / 20240131235959.

    >>> [time_unit(pl.Series([time])) for time in (881250949, 1650812741436, 20240131)]
    ['s', 'ms', 'day']
    """
    known = numbers.cast(pl.Float64, strict=False).drop_nulls().drop_nans()
    if known.is_empty():
        return "s"
    for name, digits in (("day", 8), ("moment", 14)):
        if _are_calendar(known, digits):
            return name
    middle = abs(float(known.median()))  # type: ignore[arg-type]
    return next((unit for unit, below in (("s", 1e11), ("ms", 1e14), ("us", 1e17)) if middle < below), "ns")


def _are_calendar(known: pl.Series, digits: int) -> bool:
    low, high = 1900 * 10 ** (digits - 4), 2101 * 10 ** (digits - 4)
    if float(known.min()) < low or float(known.max()) >= high or (known != known.round()).any():  # type: ignore[arg-type]
        return False
    text = known.cast(pl.Int64).cast(pl.String)
    return text.str.strptime(pl.Datetime("ms"), _DAY_FORMATS[digits], strict=False).null_count() == 0


def time_in_ms(column: str, sample: pl.Series, unit: str, where: str, decimal: str = ".") -> pl.Expr:
    """An expression that turns a column into unix ms (Int64); what is no time becomes null.

    Args:
        column: Its name.
        sample: Some of its values, by which unit and spelling are found.
        unit: `auto`, `s`, `ms`, `us`, `ns` or `iso`.
        where: File, for messages.
        decimal: What stands before the decimals of numbers.

    Raises:
        DataError: Most of the sample is not understood.
    """
    if sample.dtype.is_temporal():
        return pl.col(column).cast(pl.Datetime("ms", time_zone=_zone(sample.dtype))).dt.epoch("ms")
    value, numbers = pl.col(column), sample
    if sample.dtype == pl.String:
        sample, value = sample.str.strip_chars(), plain(value.str.strip_chars(), decimal)
        numbers = sample.to_frame(column).select(plain(pl.col(column), decimal)).to_series()
    numbers = numbers.cast(pl.Float64, strict=False)
    known = len(sample) - sample.null_count()
    if unit != "iso" and len(numbers) - numbers.null_count() >= known * 0.5:
        return _number(value, time_unit(numbers) if unit == "auto" else unit)
    return _text(column, sample, known, where)


def _zone(dtype: pl.DataType) -> str | None:
    return getattr(dtype, "time_zone", None)


def _number(value: pl.Expr, unit: str) -> pl.Expr:
    whole, real = value.cast(pl.Int64, strict=False), value.cast(pl.Float64, strict=False)
    if unit in ("day", "moment"):
        text = real.cast(pl.Int64, strict=False).cast(pl.String)
        spelling = _DAY_FORMATS[8 if unit == "day" else 14]
        return text.str.strptime(pl.Datetime("ms"), spelling, strict=False).dt.epoch("ms")
    exact = whole.cast(pl.Float64) == real
    if unit in _PER_MS:
        divisor = _PER_MS[unit]
        return (
            pl.when(exact)
            .then(whole // divisor)
            .otherwise((real / divisor).floor().cast(pl.Int64, strict=False))
        )
    factor = 1_000 if unit == "s" else 1
    return pl.when(exact).then(whole * factor).otherwise((real * factor).round().cast(pl.Int64, strict=False))


def _text(column: str, sample: pl.Series, known: int, where: str) -> pl.Expr:
    text = _clean(pl.col(column))
    seen = sample.cast(pl.String).drop_nulls().to_frame(column)
    chosen: list[str] = []
    for spelling in _TEXT_FORMATS:
        if seen.select(_parsed(text, spelling).is_not_null().any()).item():
            chosen.append(spelling)
    chosen = chosen or _slashed(seen, text)
    if chosen:
        time = pl.coalesce([_parsed(text, spelling) for spelling in chosen])
        if seen.select(time.is_not_null().sum()).item() >= known * 0.5:
            return time
    raise DataError(
        f"{where}: the times in column {column!r} are not understood, for example"
        f" {seen[column].head(3).to_list()}. Write them as 2024-01-31T12:00:00Z, or as seconds or"
        " milliseconds since 1970."
    )


def _slashed(seen: pl.DataFrame, text: pl.Expr) -> list[str]:
    """Days such as 12/31/2024, where some day above 12 tells which number is the month."""
    understood = []
    for day in (_MONTH_FIRST, _DAY_FIRST):
        for clock in _CLOCKS:
            if seen.height and seen.select(_parsed(text, day + clock).is_not_null().all()).item():
                understood.append(day + clock)
                break
    return understood if len(understood) == 1 else []


def _clean(value: pl.Expr) -> pl.Expr:
    text = value.cast(pl.String).str.strip_chars()
    return text.str.replace("(Z| ?UTC| ?GMT)$", "+00:00")


def _parsed(text: pl.Expr, spelling: str) -> pl.Expr:
    zone = "UTC" if "z" in spelling else None
    return text.str.strptime(pl.Datetime("ms", zone), spelling, strict=False).dt.epoch("ms")
