"""Rows of the log that cannot be right: no ids, impossible times, unknown ids, duplicates, bots.

All passes stream; in memory stand one 64-bit hash an event (to find duplicates) and the ids looked up.
"""

import numpy as np
import polars as pl

from motet.config.data import DataConfig
from motet.data.account import Finding, Ledger
from motet.data.cleaning_rules import RowRule, Sheet, apply_row_rules, height
from motet.data.cuts import iso
from motet.data.table import UNREAD

_DAY = 86_400_000
_PLACE = ("@source", "@row")
TEN_YEARS = 10 * 365 * 86_400_000  # in ms: a log that reaches past 1980 has no event of the first of 1970


def no_id_rules(sheet: Sheet, *columns: str) -> list[RowRule]:
    """Rows whose user or item is missing."""
    return [RowRule(f"no {name.removeprefix('@')}", _empty(sheet, name)) for name in columns]


def _empty(sheet: Sheet, name: str) -> pl.Expr:
    column = pl.col(name)
    return column.is_null() | (column == "") if sheet.schema[name] == pl.String else column.is_null()


def time_rules(data: DataConfig, earliest: int, latest: int) -> list[RowRule]:
    """Events of missing or impossible time, in sources that declare one."""
    timed = [place for place, source in enumerate(data.events) if source.time]
    if not timed:
        return []
    drop, time = data.cleaning.bad_times == "drop", pl.col("@time")
    setting = f"data.cleaning.bad_times: {data.cleaning.bad_times}"
    cases = {
        "no time, or none that can be read": time.is_null() & pl.col("@source").is_in(timed),
        f"time before {iso(earliest)}": time < earliest,
        f"time after {iso(latest)}": time > latest,
    }
    if data.cleaning.earliest == "auto":
        cases["time 0, which stands for none"] = (time == 0) & (time.max() > TEN_YEARS)
    return [RowRule(name, holds, setting, drop, "@time") for name, holds in cases.items()]


def no_type_rule() -> RowRule:
    """Events without a type stay: they belong to no task that names its types."""
    missing = pl.col("@type").is_null() | (pl.col("@type") == "")
    return RowRule("no type", missing, drop=False, because=": an event of no type")


def match_ids(sheet: Sheet, column: str, known: pl.Series | None, rule: str, ledger: Ledger) -> Sheet:
    """Count (and drop, if so set) events whose item or user the other table lacks.

    Args:
        sheet: The log.
        column: `@item` or `@user`.
        known: Ids of the catalogue or of the users' file; None: there is no such file.
        rule: `keep` or `drop`.
        ledger: Where it is written.
    """
    if known is None:
        return sheet
    name = column.removeprefix("@")
    ids = known.cast(sheet.schema[column], strict=False).unique().to_frame(column).lazy()
    strange = sheet.with_frame(sheet.frame.join(ids, on=column, how="anti"))
    found, distinct = (
        strange.frame.select(pl.len(), pl.col(column).n_unique().alias("ids"))
        .collect(engine="streaming")
        .row(0)
    )
    if not found:
        return sheet
    drop = rule == "drop"
    finding = Finding(
        table=sheet.table,
        rule=f"{name}s that data.{name}s lacks ({distinct:,} different)",
        found=found,
        action="dropped" if drop else "kept: known by their events alone",
        setting=f"data.cleaning.unknown_{name}s: {rule}",
        column=column,
        dropped=found if drop else 0,
        examples=strange.examples(pl.lit(True), column),
    )
    ledger.add(finding)
    return sheet.with_frame(sheet.frame.join(ids, on=column, how="semi")) if drop else sheet


def drop_duplicates(sheet: Sheet, rule: str, ledger: Ledger) -> Sheet:
    """Drop (or count) rows that agree with an earlier row in every column but their place.

    Rows are compared by a hash first; the few that share one are compared in full.
    """
    columns = [name for name in sheet.schema if name != "@row" and not name.startswith(UNREAD)]
    value = pl.struct(columns).hash().alias("@hash")
    hash_N = np.sort(sheet.frame.select(value).collect(engine="streaming").to_series().to_numpy())
    shared = np.unique(hash_N[1:][hash_N[1:] == hash_N[:-1]])
    if not len(shared):
        return sheet
    alike = sheet.frame.with_columns(value).join(pl.LazyFrame({"@hash": shared}), on="@hash", how="semi")
    alike_rows = alike.collect(engine="streaming").sort(_PLACE)
    again = alike_rows.filter(~pl.struct(columns).is_first_distinct())
    drop = rule == "drop"
    places = again.select(_PLACE)
    finding = Finding(
        table=sheet.table,
        rule="exact duplicates",
        found=again.height,
        action=("dropped but for the first" if drop else "kept") + _doubt(sheet, again),
        setting=f"data.cleaning.duplicates: {rule}",
        dropped=again.height if drop else 0,
        examples=Sheet(sheet.table, again.lazy()).examples(pl.lit(True)),
    )
    ledger.add(finding)
    return (
        sheet.with_frame(sheet.frame.join(places.lazy(), on=_PLACE, how="anti"))
        if drop and len(places)
        else sheet
    )


def _doubt(sheet: Sheet, rows: pl.DataFrame) -> str:
    blind = rows.filter(pl.col("@time").is_null() & pl.col("@order").is_null()).height
    if not blind:
        return ""
    return (
        f" ({blind:,} have no time and no order, so they may be true repeats: then write  duplicates: keep)"
    )


def drop_bots(sheet: Sheet, per_day: int | None, ledger: Ledger) -> Sheet:
    """Drop all events of users with more than so many events on one day (UTC)."""
    if per_day is None:
        return sheet
    setting = f"data.cleaning.bots_per_day: {per_day}"
    busy = sheet.frame.group_by("@user").len().filter(pl.col("len") > per_day).select("@user")
    timed = sheet.frame.filter(pl.col("@time").is_not_null())
    if not height(timed.head(1)):
        ledger.note(f"{setting} was not used: the log has no times.")
        return sheet
    days = timed.join(busy, on="@user", how="semi").group_by("@user", pl.col("@time") // _DAY).len()
    bots = days.filter(pl.col("len") > per_day).select("@user").unique().collect(engine="streaming")
    if not bots.height:
        return sheet
    rule = RowRule(
        f"users with more than {per_day:,} events on one day ({bots.height:,} users)",
        pl.col("@bot").fill_null(False),
        setting,
        because=", all events of these users",
    )
    flagged = sheet.frame.join(bots.with_columns(pl.lit(True).alias("@bot")).lazy(), on="@user", how="left")
    left = apply_row_rules(sheet.with_frame(flagged), [rule], ledger)
    return left.with_frame(left.frame.drop("@bot"))
