"""Missing feature values: filled, dropped, or left to a vector that the model learns.

They are filled with a mean, a median, a mode, a constant, or the user's own value before. Labels are never
made up: of the outcomes only those columns are filled that ask for it themselves.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from motet.config.data import Cleaning, Missing
from motet.data.account import Finding, Ledger
from motet.data.cleaning_rules import CellRule, RowRule, Sheet, apply_cell_rules, apply_row_rules, count
from motet.data.table import Feature
from motet.errors import ConfigError

_SUITED: dict[str, tuple[Missing, ...]] = {
    "number": ("learned", "mean", "median", "mode", "constant", "interpolate", "drop"),
    "category": ("learned", "mode", "constant", "drop"),
    "text": ("learned", "constant", "drop"),
    "vector": ("learned", "drop"),
    "image": ("learned", "drop"),
}


@dataclass(frozen=True)
class _Gap:
    """A feature with missing cells."""

    feature: Feature
    rows: int
    sort: str
    """A key of `_SUITED`."""
    strategy: Missing
    setting: str


def fill_missing(
    sheet: Sheet,
    features: Sequence[Feature],
    outcomes: Sequence[Feature],
    cleaning: Cleaning,
    ledger: Ledger,
    train: pl.Expr | None = None,
) -> Sheet:
    """Fill the gaps of features as the configuration says, and write down those that stay.

    Args:
        sheet: The table.
        features: What is known when the question is asked.
        outcomes: Columns that labels may read: filled only where the column itself says how.
        cleaning: With the strategy of columns that say nothing.
        ledger: Where it is written.
        train: Rows that means, medians and modes are taken from; None: all.

    Raises:
        ConfigError: A strategy does not suit a column.
    """
    own = {f.name for f in outcomes}
    asked = {f.name: f for f in [*outcomes, *features]}
    settled = {name: _strategy(sheet, f, cleaning, name in own) for name, f in asked.items()}
    missing = count(sheet, [pl.col(name).is_null() for name in asked])
    gaps = [
        _Gap(f, rows, _sort(f, sheet.schema[name]), *settled[name])
        for (name, f), rows in zip(asked.items(), missing, strict=True)
        if rows
    ]
    rules = [
        _rule(sheet, gap, train, gap.feature.name in own) for gap in gaps if gap.strategy != "interpolate"
    ]
    sheet = apply_cell_rules(sheet, [rule for rule in rules if isinstance(rule, CellRule)], ledger)
    for gap in gaps:
        sheet = _carry_forward(sheet, gap, ledger) if gap.strategy == "interpolate" else sheet
    return apply_row_rules(sheet, [rule for rule in rules if isinstance(rule, RowRule)], ledger)


def _sort(feature: Feature, dtype: pl.DataType) -> str:
    if feature.kind in ("text", "vector", "image"):
        return feature.kind
    return "number" if dtype.is_numeric() else "category"


def _strategy(sheet: Sheet, feature: Feature, cleaning: Cleaning, outcome: bool) -> tuple[Missing, str]:
    """What to do with a column's gaps, and the setting that says so."""
    own = feature.column.missing
    name = f"data.{sheet.table}: column {feature.column.column!r}"
    sort = _sort(feature, sheet.schema[feature.name])
    strategy = own or ("learned" if outcome else cleaning.missing)
    suited = [each for each in _SUITED[sort] if each != "interpolate" or sheet.table == "events"]
    if own == "interpolate" and sort == "number" and sheet.table != "events":
        raise ConfigError(
            f"{name}: missing: interpolate needs a timeline, and {sheet.table} have none. "
            f"Write  {{column: {feature.column.column}, missing: median}}  "
            "(or mean, mode, constant, learned, drop)."
        )
    if own and own not in suited:
        raise ConfigError(
            f"{name}: missing: {own} does not suit a {sort} column. Write one of {', '.join(suited)}."
        )
    if strategy == "constant" and feature.column.constant is None and sort not in ("vector", "image"):
        raise ConfigError(
            f"{name}: missing: constant needs to know which. "
            f"Write  {{column: {feature.column.column}, missing: constant, constant: VALUE}}."
        )
    if strategy not in suited:
        return "learned", f"data.cleaning.missing: {strategy} does not suit a {sort} column"
    return strategy, f"missing: {strategy}" if own else f"data.cleaning.missing: {strategy}"


def _rule(sheet: Sheet, gap: _Gap, train: pl.Expr | None, outcome: bool) -> CellRule | RowRule:
    name, empty = gap.feature.name, pl.col(gap.feature.name).is_null()
    if gap.strategy == "drop":
        return RowRule("missing values", empty, gap.setting, column=name, defect=False)
    if gap.strategy == "learned":
        left = "left: rows without a label are masked" if outcome else _LEFT[gap.sort]
        return CellRule(
            "missing values", name, empty, left, None, "" if outcome else gap.setting, defect=False
        )
    value = _value(sheet, gap, train)
    if value is None:
        left = f"left: no {gap.strategy} without values"
        return CellRule("missing values", name, empty, left, None, gap.setting, defect=False)
    shown = f"{value:.6g}" if isinstance(value, float) else repr(value)
    action = f"filled with the {gap.strategy} {shown}" + ("" if train is None else " of training rows")
    new = pl.lit([value]) if gap.feature.many else pl.lit(value)
    return CellRule("missing values", name, empty, action, new, gap.setting, defect=False)


_LEFT = {
    "number": "left to the learned vector",
    "category": "left to the learned vector",
    "text": "left empty",
    "vector": "left to the learned vector",
    "image": "left without a picture",
}


def _value(sheet: Sheet, gap: _Gap, train: pl.Expr | None) -> Any:
    """The value that fills a column's gaps, or None when the column has none at all."""
    column, frame = pl.col(gap.feature.name), sheet.frame if train is None else sheet.frame.filter(train)
    if gap.strategy == "constant":
        return _constant(sheet, gap)
    if gap.strategy in ("mean", "median"):
        value = column.cast(pl.Float64).mean() if gap.strategy == "mean" else column.cast(pl.Float64).median()
        return frame.select(value).collect(engine="streaming").item()
    values = frame.select(column.alias("value"))
    values = (values.explode("value") if gap.feature.many else values).drop_nulls()
    counted = values.group_by("value").len().sort(["len", "value"], descending=[True, False])
    found = counted.head(1).collect(engine="streaming")
    return found["value"].item() if found.height else None


def _constant(sheet: Sheet, gap: _Gap) -> Any:
    constant = gap.feature.column.constant
    if gap.sort != "number":
        return str(constant)
    try:
        return float(constant)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise ConfigError(
            f"data.{sheet.table}: column {gap.feature.name!r} holds numbers, "
            f"so  constant: {constant}  must be one."
        ) from None


def _carry_forward(sheet: Sheet, gap: _Gap, ledger: Ledger) -> Sheet:
    """Fill gaps with the user's last value at an earlier time.

    A line between the value before and the value after would be smoother, but it reads the future. Several
    values of one time count by their mean, so that the order of rows does not matter.
    """
    name, clock = gap.feature.name, _clock(sheet)
    if clock is None:
        raise ConfigError(
            f"data.events: column {gap.feature.column.column!r}: missing: interpolate needs a timeline, "
            "and the log has neither time nor order. Write  missing: median , or declare  time:"
        )
    steps = sheet.frame.filter(pl.col(clock).is_not_null()).group_by("@user", clock)
    known = steps.agg(pl.col(name).cast(pl.Float64).mean()).collect(engine="streaming").sort("@user", clock)
    before = pl.col(name).shift(1).forward_fill().over("@user").alias("@before")
    table = known.select("@user", clock, before).filter(pl.col("@before").is_not_null())
    joined = sheet.with_frame(sheet.frame.join(table.lazy(), on=["@user", clock], how="left"))
    fillable = pl.col(name).is_null() & pl.col("@before").is_not_null()
    filled = count(joined, [fillable])[0]
    finding = Finding(
        table=sheet.table,
        rule="missing values",
        found=gap.rows,
        action=f"{filled:,} filled with the user's value before, the others left to the learned vector",
        setting=gap.setting,
        column=name,
        changed=filled,
        examples=joined.examples(pl.col(name).is_null(), name),
        defect=False,
    )
    ledger.add(finding)
    return sheet.with_frame(
        joined.frame.with_columns(pl.coalesce(name, "@before").alias(name)).drop("@before")
    )


def _clock(sheet: Sheet) -> str | None:
    """The column that a timeline runs along: `@time`, or `@order` where there is no time."""
    counts = count(sheet, [pl.col("@time").is_not_null(), pl.col("@order").is_not_null()])
    return next((name for name, known in zip(("@time", "@order"), counts, strict=True) if known), None)
