"""Numbers written as text, with a point or a comma before the decimals.

With a decimal comma, points and blanks may part the thousands: ``1.880,37`` and ``1 880,37`` are 1880.37.
"""

import polars as pl

_THOUSANDS = r"[1-9]\d{0,2}(?:[.\s]\d{3})+"
COMMA_NUMBER = rf"^[+-]?(?:(?:\d+|{_THOUSANDS})(?:,\d+)?|,\d+)(?:[eE][+-]?\d+)?$"
"""A number where a comma stands before the decimals."""
_COMMA_GROUPS = r"^[+-]?[1-9]\d{0,2}(?:,\d{3})+$"
_FEW_OTHERS = 0.05


def plain(text: pl.Expr, decimal: str) -> pl.Expr:
    """Numbers as text, rewritten with a decimal point and without signs between thousands.

    Args:
        text: Strings without blanks at their ends.
        decimal: The sign before the decimals, ``.`` or ``,``.

    Returns:
        The text; null where points or commas in it stand otherwise than in a number. Words stay.

    >>> pl.select(plain(pl.Series(["4,5", "1.880,37", "4.5", "12", "none"]), ",")).to_series().to_list()
    ['4.5', '1880.37', None, '12', 'none']
    """
    if decimal == ".":
        return text
    bare = text.str.replace_all(r"[.\s]", "").str.replace(",", ".", literal=True)
    return pl.when(text.str.contains(COMMA_NUMBER)).then(bare).when(~text.str.contains("[.,]")).then(text)


def number(value: pl.Expr, dtype: pl.DataType, decimal: str = ".") -> pl.Expr:
    """An expression of some type as Float64, NaN as null; what is no number becomes null."""
    if dtype.is_temporal():
        return value.cast(pl.Datetime("ms")).dt.epoch("ms").cast(pl.Float64)
    text = plain(value.str.strip_chars(), decimal) if dtype == pl.String else value
    return text.cast(pl.Float64, strict=False).fill_nan(None)


def share_read(cells: pl.Series, decimal: str) -> float:
    """Which share of some strings are numbers with that decimal sign; 0 of none."""
    known = cells.drop_nulls()
    read = known.to_frame("x").select(number(pl.col("x"), pl.String(), decimal).is_not_null().mean())
    return float(read.item() or 0.0)


def other_decimal(cells: pl.Series) -> tuple[str, str] | None:
    """A decimal sign with which (nearly) all cells are numbers, although many are none with the other.

    Commas that may part thousands, as in ``1,880``, say nothing.

    Returns:
        The sign, and a cell that is a number with it alone; or None.

    >>> other_decimal(pl.Series(["4,5", "3", "12,25"])), other_decimal(pl.Series(["1,880", "2,500"]))
    ((',', '4,5'), None)
    """
    known = cells.cast(pl.String).str.strip_chars().drop_nulls()
    known = known.filter(known != "")
    for sign, other in ((",", "."), (".", ",")):
        if share_read(known, sign) < 1 - _FEW_OTHERS or share_read(known, other) >= 1 - _FEW_OTHERS:
            continue
        read = number(pl.col("x"), pl.String(), other)
        strange = known.to_frame("x").filter(read.is_null() & pl.col("x").str.contains("[.,]"))["x"]
        if len(strange) >= 2 and not strange.str.contains(_COMMA_GROUPS).all():
            return sign, str(strange[0])
    return None
