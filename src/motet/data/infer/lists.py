"""Cells that hold several values as text: what divides them, and when a sentence only looks like a list."""

import re

import polars as pl

from motet.data.infer.figures import mean
from motet.data.readers_cells import parts

SEPARATORS = (" || ", "||", "|", " > ", ";", ",", "/", " ")
_INTERVAL = r"^[\[(][^,]*,[^,]*[\])]$"
_GROUPED_NUMBER = r"^\d{1,3}([,/]\d{3})+$"


def find_list_sign(cells: pl.Series, declared: str | None = None) -> str:
    """What divides the parts of cells that hold several categories or ids; nothing when they hold one value.

    Parts of a list come again in other cells; those of a sentence do not, apart from its single words.

    >>> find_list_sign(pl.Series(["a|b", "b|c", "a"])), find_list_sign(pl.Series(["[1,2)", "[2,5)", "[5,9)"]))
    ('|', '')
    """
    for sign in SEPARATORS if declared is None else (declared,):
        several = cells.filter(cells.str.contains(sign, literal=True))
        if len(several) < max(2, 0.01 * len(cells)):
            continue
        if _are_parts(cells, several, sign):
            return sign
    return ""


def _are_parts(cells: pl.Series, several: pl.Series, sign: str) -> bool:
    flat = split_flat(cells, sign)
    if flat.is_empty() or _all(several, _INTERVAL) or (sign in ",/" and _all(several, _GROUPED_NUMBER)):
        return False
    if sign == "/" and mean(several.str.contains(", ")) > 0.1:
        return False  # n/a, and/or
    counts = flat.value_counts(name="n")
    distinct, cell_values = counts.height, cells.n_unique()
    again = mean(flat.is_in(counts.filter(pl.col("n") > 1)[flat.name].implode()))
    if sign != " ":
        return mean(flat.str.split(" ").list.len()) <= 4 and again >= 0.5 and distinct <= cell_values * 3
    digits = mean(flat.str.contains(r"^\d+$"))
    if digits == 1:
        return len(several) > 0.3 * len(cells) and len(flat) > 1.2 * len(cells)
    sentences = mean(flat.str.contains(r"[.!?:]$")) > 0.01 or 0.05 < digits < 0.95
    return again > 0.95 and distinct <= 0.5 * cell_values and not sentences


def split_flat(cells: pl.Series, sign: str) -> pl.Series:
    """All parts of all cells."""
    frame = cells.to_frame()
    return frame.select(parts(pl.col(cells.name), sign)).to_series().explode().drop_nulls()


def _all(cells: pl.Series, pattern: str) -> bool:
    return bool(cells.str.contains(pattern).all())


def find_vector_sign(cells: pl.Series) -> str:
    """What divides the numbers of ready-made vectors that are written as text; nothing when they are none."""
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
