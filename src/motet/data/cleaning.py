"""Cleaning: what cannot be right is dropped, mended or left as the configuration says, and written down.

Order of the rules, of which each row belongs to the first that drops it:
items and users: no id, an id seen before, impossible cells, outliers, missing values;
events: no ids, impossible times, unknown ids, exact duplicates, bots, impossible cells; then the splits are
made (`motet.data.division`), and outliers and gaps are mended with what training rows say.
The log streams: it is never held whole. See docs/cleaning.md.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

import polars as pl

from motet.config.data import Cleaning, Column, DataConfig
from motet.data.account import Account, Ledger
from motet.data.cleaning_cells import cut_outliers, mend_cells, value_columns, with_value
from motet.data.cleaning_missing import fill_missing
from motet.data.cleaning_rows import (
    drop_bots,
    drop_duplicates,
    match_ids,
    no_id_rules,
    no_type_rule,
    time_rules,
)
from motet.data.cleaning_rules import RowRule, Sheet, apply_row_rules, height
from motet.data.cuts import moment
from motet.data.table import Feature, Tables
from motet.errors import DataError

_DAY = 86_400_000
_CENTURY = 36_525 * _DAY


Divide = Callable[[pl.LazyFrame], tuple[pl.LazyFrame, pl.Expr]]


def clean(
    tables: Tables, data: DataConfig, *, now_ms: int | None = None, divide: Divide | None = None
) -> tuple[Tables, Account]:
    """Clean all tables.

    Args:
        tables: As the readers made them.
        data: With `cleaning`, and the strategies of single columns.
        now_ms: The present in unix milliseconds, by which the future is told; None: the clock.
        divide: Gives the log back with the parts of its rows, and a condition on those that train: quartiles
            and fillings come from them alone (see `motet.data.division`, which calls this). None: from all
            rows.

    Returns:
        The cleaned tables (events still lazy) and the account.

    Raises:
        ConfigError: A setting does not suit a column.
        DataError: Nothing is left of the log, or `strict: true` and something had to be mended.
    """
    ledger = Ledger()
    limits = _limits(data.cleaning, now_ms if now_ms is not None else time.time_ns() // 1_000_000)
    rows_in = {name: _rows(frame) for name, frame in _frames(tables).items()}
    items = _clean_list("items", tables.items, tables.roles.item, data.cleaning, ledger, limits)
    users = _clean_list("users", tables.users, tables.roles.user, data.cleaning, ledger, limits)
    events = _clean_events(replace(tables, items=items, users=users), data, ledger, limits, divide)
    cleaned = Tables(items, users, events, tables.roles)
    rows_out = {name: _rows(frame) for name, frame in _frames(cleaned).items()}
    account = Account(rows_in, rows_out, tuple(ledger.findings), tuple(ledger.notes))
    _refuse(account, data.cleaning)
    return cleaned, account


def _frames(tables: Tables) -> dict[str, pl.DataFrame | pl.LazyFrame]:
    frames = {"items": tables.items, "users": tables.users, "events": tables.events}
    return {name: frame for name, frame in frames.items() if frame is not None}


def _rows(frame: pl.DataFrame | pl.LazyFrame) -> int:
    return height(frame) if isinstance(frame, pl.LazyFrame) else frame.height


def _limits(cleaning: Cleaning, now_ms: int) -> tuple[int, int]:
    """Earliest and latest possible time in ms."""
    earliest = None if cleaning.earliest == "auto" else moment(cleaning.earliest, "data.cleaning.earliest")
    latest = None if cleaning.latest == "auto" else moment(cleaning.latest, "data.cleaning.latest")
    return now_ms - _CENTURY if earliest is None else earliest, now_ms + _DAY if latest is None else latest


def _clean_list(
    table: Literal["items", "users"],
    frame: pl.DataFrame | None,
    features: tuple[Feature, ...],
    cleaning: Cleaning,
    ledger: Ledger,
    limits: tuple[int, int],
) -> pl.DataFrame | None:
    """Clean the catalogue or the list of users."""
    if frame is None:
        return None
    identity = f"@{table.removesuffix('s')}"
    sheet = Sheet(table, frame.with_row_index("@row").lazy())
    because = " but for the first" + _other_kinds(frame, identity)
    again = RowRule("an id seen before", ~pl.col(identity).is_first_distinct(), because=because)
    sheet = apply_row_rules(sheet, [*no_id_rules(sheet, identity), again], ledger)
    sheet = mend_cells(sheet, features, ledger, limits)
    sheet = cut_outliers(sheet, [f.name for f in features if f.kind == "numeric"], cleaning, ledger)
    sheet = fill_missing(sheet, features, (), cleaning, ledger)
    return sheet.frame.drop("@row").collect()


def _other_kinds(frame: pl.DataFrame, identity: str) -> str:
    """How many rows repeat the id of an item of another kind: such ids need a prefix."""
    if "@kind" not in frame.columns:
        return ""
    others = frame.select((pl.col("@kind") != pl.col("@kind").first().over(identity)).sum()).item()
    return (
        f"; {others:,} are items of another kind: ids must differ between kinds, so prefix them"
        if others
        else ""
    )


def _clean_events(
    tables: Tables, data: DataConfig, ledger: Ledger, limits: tuple[int, int], divide: Divide | None
) -> pl.LazyFrame:
    cleaning, roles = data.cleaning, tables.roles
    sheet = Sheet("events", tables.events)
    rules = no_id_rules(sheet, "@user", "@item") + time_rules(data, *limits) + [no_type_rule()]
    sheet = apply_row_rules(sheet, rules, ledger)
    for column, table, rule in (
        ("@item", tables.items, cleaning.unknown_items),
        ("@user", tables.users, cleaning.unknown_users),
    ):
        sheet = match_ids(sheet, column, None if table is None else table[column], rule, ledger)
    sheet = drop_duplicates(sheet, cleaning.duplicates, ledger)
    sheet = drop_bots(sheet, cleaning.bots_per_day, ledger)
    features = (*roles.context, *roles.outcome)
    values = value_columns(data, sheet.schema)
    sheet = mend_cells(sheet, features, ledger, limits, values)
    numeric = dict.fromkeys([*(f.name for f in features if f.kind == "numeric"), *values])
    train = None
    if divide is not None and _mends_by_values(features, list(numeric), cleaning):
        frame, train = divide(sheet.frame)
        sheet = sheet.with_frame(frame)
    sheet = cut_outliers(sheet, list(numeric), cleaning, ledger, train)
    sheet = sheet.with_frame(with_value(sheet.frame, data, values))
    known = {feature.name for feature in features}
    read = [Feature(name, "numeric", Column(column=name)) for name in values if name not in known]
    return fill_missing(sheet, roles.context, (*roles.outcome, *read), cleaning, ledger, train).frame


def _mends_by_values(features: Sequence[Feature], numeric: Sequence[str], cleaning: Cleaning) -> bool:
    """Whether anything is clipped, filled or dropped for its value, so that the splits must be made first."""
    fills = any((feature.column.missing or cleaning.missing) != "learned" for feature in features)
    return fills or (bool(numeric) and cleaning.outliers != "keep")


def _refuse(account: Account, cleaning: Cleaning) -> None:
    if not account.rows_out["events"]:
        listed = (
            "; ".join(finding.line() for finding in account.findings if finding.dropped)
            or "the files are empty"
        )
        raise DataError(
            f"data.events: no row is left. {listed}. Mend the files, or the setting that is named."
        )
    if cleaning.strict and account.mended:
        listed = "\n".join(f"  {finding.line()}" for finding in account.mended)
        raise DataError(
            f"data.cleaning.strict: true, and this would have to be mended:\n{listed}\n"
            "Mend the files, or write  strict: false  to let it happen."
        )
