"""Cells that cannot be right: no numbers, infinite ones, broken vectors, impossible times, outliers.

Outliers are found on a robust scale: so many interquartile ranges beyond the quartiles, on a logarithmic
scale for skewed columns (heavy tails are normal in dwell times and prices). A column of few distinct values
(stars, flags) has no outliers.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from motet.config.data import Cleaning, DataConfig
from motet.data.account import Ledger
from motet.data.cleaning_rules import (
    CellRule,
    RowRule,
    Sheet,
    apply_cell_rules,
    apply_row_rules,
    height,
)
from motet.data.table import MARKS, OUTSIDE, UNREAD, Feature

FEW_VALUES = 20
"""A column with at most so many different values is a scale or a code: nothing on it is an outlier."""
SAMPLE_ROWS = 2_000_000
"""Quartiles of longer tables are taken from about so many rows, evenly spaced."""
_SKEW = 0.15


def mend_cells(
    sheet: Sheet,
    features: Sequence[Feature],
    ledger: Ledger,
    limits: tuple[int, int],
    values: Sequence[str] = (),
) -> Sheet:
    """Set impossible cells to missing, and blank texts too.

    Args:
        sheet: The table.
        features: Its feature columns.
        ledger: Where it is written.
        limits: Earliest and latest possible time in ms.
        values: Columns of numbers that are no features: the values of events.
    """
    schema = sheet.schema
    blank = [
        pl.when(pl.col(f.name) != "").then(pl.col(f.name)).alias(f.name)
        for f in _distinct(features)
        if schema[f.name] == pl.String
    ]
    sheet = sheet.with_frame(sheet.frame.with_columns(blank)) if blank else sheet
    floats = [name for name in (*(f.name for f in features), *values) if schema[name].is_float()]
    rules = [
        *_unread(schema),
        *_outside(schema, sheet.table),
        *_not_finite(floats),
        *_vectors(sheet, features),
    ]
    if sheet.table == "items" and "@time" in schema:
        impossible = ~pl.col("@time").is_between(*limits)
        rules.append(CellRule("impossible times", "@time", impossible, "set to missing", pl.lit(None)))
    sheet = apply_cell_rules(sheet, rules, ledger)
    return sheet.with_frame(sheet.frame.drop(name for name in schema if name.startswith(MARKS)))


def _distinct(features: Sequence[Feature]) -> list[Feature]:
    return list({feature.name: feature for feature in features}.values())


def _unread(schema: pl.Schema) -> list[CellRule]:
    """Cells that the reader could not read as numbers; they are empty already, and this says so."""
    marks = [name for name in schema if name.startswith(UNREAD)]
    return [
        CellRule(
            "unreadable numbers",
            name,
            pl.col(mark).is_not_null(),
            "read as missing",
            pl.col(name),
            written=mark,
        )
        for mark in marks
        for name in [mark.removeprefix(UNREAD)]
    ]


def _outside(schema: pl.Schema, table: str) -> list[CellRule]:
    """Numbers outside their declared range; the reader took them out already, and this says so."""
    marks = [name for name in schema if name.startswith(OUTSIDE)]
    named = [(mark, *mark.removeprefix(OUTSIDE).split(":", 1)) for mark in marks]
    return [
        CellRule(
            f"numbers {words}",
            name,
            pl.col(mark).is_not_null(),
            "set to missing",
            pl.col(name),
            f"data.{table}.ranges",
            written=mark,
        )
        for mark, words, name in named
    ]


def _not_finite(names: Sequence[str]) -> list[CellRule]:
    return [
        CellRule("not a finite number", name, ~pl.col(name).is_finite(), "set to missing", pl.lit(None))
        for name in dict.fromkeys(names)
    ]


def _vectors(sheet: Sheet, features: Sequence[Feature]) -> list[CellRule]:
    rules = []
    for name in [feature.name for feature in features if feature.kind == "vector"]:
        lengths = (
            sheet.frame.select(pl.col(name).list.len()).collect(engine="streaming").to_series().drop_nulls()
        )
        if lengths.is_empty():
            continue
        usual = int(lengths.mode().max())  # type: ignore[arg-type]
        each = pl.element()
        broken = pl.col(name).list.eval((each.is_null() | ~each.is_finite()).fill_null(True)).list.any()
        strange = (pl.col(name).list.len() != usual) | broken
        rules.append(
            CellRule(f"not a vector of {usual} finite numbers", name, strange, "set to missing", pl.lit(None))
        )
    return rules


def value_columns(data: DataConfig, schema: pl.Schema) -> list[str]:
    """The columns that `@value` was read from, if all of them are there as numbers; else `@value` itself.

    None when no source declares a value.
    """
    names = list(dict.fromkeys(source.value for source in data.events if source.value))
    return names if all(name in schema and schema[name].is_numeric() for name in names) else ["@value"]


def with_value(events: pl.LazyFrame, data: DataConfig, values: Sequence[str]) -> pl.LazyFrame:
    """Events with `@value` read again from its mended columns."""
    if not values or values == ["@value"]:
        return events
    value = pl.lit(None, pl.Float64)
    for place, source in enumerate(data.events):
        if source.value:
            value = (
                pl.when(pl.col("@source") == place)
                .then(pl.col(source.value).cast(pl.Float64))
                .otherwise(value)
            )
    return events.with_columns(value.alias("@value"))


def cut_outliers(
    sheet: Sheet, columns: Sequence[str], cleaning: Cleaning, ledger: Ledger, train: pl.Expr | None = None
) -> Sheet:
    """Clip, drop or count numbers far out of their column's range.

    Args:
        sheet: The table.
        columns: Its numeric columns.
        cleaning: What to do, and how far is far.
        ledger: Where it is written.
        train: Rows that the quartiles are taken from; None: all.
    """
    setting = f"data.cleaning.outliers: {cleaning.outliers}"
    clipped = "clipped to these bounds" + ("" if train is None else ", from training rows")
    cells, drops = [], []
    for name, (low, high) in _bounds(sheet, columns, cleaning, train).items():
        value = pl.col(name)
        rule = f"outliers beyond {low:.6g} and {high:.6g}"
        far = (value < low) | (value > high)
        if cleaning.outliers == "drop":
            drops.append(RowRule(rule, far, setting, column=name))
        elif cleaning.outliers == "clip":
            cells.append(CellRule(rule, name, far, clipped, value.clip(low, high), setting))
        else:
            cells.append(CellRule(rule, name, far, "kept", None, setting))
    return apply_row_rules(apply_cell_rules(sheet, cells, ledger), drops, ledger)


def _bounds(
    sheet: Sheet, columns: Sequence[str], cleaning: Cleaning, train: pl.Expr | None
) -> dict[str, tuple[float, float]]:
    if not columns:
        return {}
    frame = sheet.frame if train is None else sheet.frame.filter(train)
    step = max(1, height(sheet.frame) // SAMPLE_ROWS)
    sampled = frame.filter(pl.col("@row") % step == 0) if step > 1 else frame
    sample = sampled.select(columns).collect(engine="streaming")
    found = {
        name: outlier_bounds(
            sample[name].drop_nulls().to_numpy(), cleaning.outlier_iqr, cleaning.outlier_iqr_log
        )
        for name in columns
    }
    return {name: bounds for name, bounds in found.items() if bounds is not None}


def outlier_bounds(value_N: np.ndarray, iqr: float, iqr_log: float) -> tuple[float, float] | None:
    """Between which bounds a value is no outlier; None where the rule does not apply.

    Args:
        value_N: Finite numbers, ``(N,)``.
        iqr: How many interquartile ranges beyond the quartiles is out.
        iqr_log: The same on the logarithmic scale of a skewed column.

    >>> outlier_bounds(np.arange(101.0), 2.0, 6.0)
    (-75.0, 175.0)
    >>> outlier_bounds(np.repeat([1.0, 2.0, 3.0, 4.0, 5.0], 100), 2.0, 6.0) is None
    True
    """
    if len(np.unique(value_N)) <= FEW_VALUES:
        return None
    low, middle, high = np.quantile(value_N, [0.25, 0.5, 0.75])
    if np.mean(value_N == middle) >= 0.5:  # one value (often 0) says nothing about the others
        return outlier_bounds(value_N[value_N != middle], iqr, iqr_log)
    skewed = np.quantile(value_N, 0.01) >= 0 and high + low - 2 * middle > _SKEW * (high - low)
    if not skewed:
        return float(low - iqr * (high - low)), float(high + iqr * (high - low))
    unit = float(np.median(value_N[value_N > 0]))
    low, high = np.log1p(low / unit), np.log1p(high / unit)
    with np.errstate(over="ignore"):
        bounds = np.array([low - iqr_log * (high - low), high + iqr_log * (high - low)])
        low, high = np.sign(bounds) * np.expm1(np.abs(bounds)) * unit
    return float(low), float(high)
