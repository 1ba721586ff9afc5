"""Rules of cleaning: a condition on rows or cells, counted in one pass, then applied and written down."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from motet.data.account import EXAMPLES, Finding, Ledger


@dataclass(frozen=True)
class Sheet:
    """One table on its way through cleaning."""

    table: str
    frame: pl.LazyFrame

    def with_frame(self, frame: pl.LazyFrame) -> "Sheet":
        """The same table with other rows."""
        return replace(self, frame=frame)

    @property
    def schema(self) -> pl.Schema:
        """Its columns."""
        return self.frame.collect_schema()

    def examples(self, condition: pl.Expr, column: str = "", written: str = "") -> tuple[dict[str, Any], ...]:
        """A few rows that a condition holds for: where they lie, their ids, and the cell.

        Args:
            condition: Which rows.
            column: The cell's column.
            written: The column that holds what the file has there, where that is another; then the rows shown
                have different cells.
        """
        names = [name for name in ("@source", "@row", "@user", "@item") if name in self.schema]
        cell = [pl.col(written or column).alias(column)] if (written or column) in self.schema else []
        rows = self.frame.filter(condition).select(*(name for name in names if name != column), *cell)
        rows = rows.unique(subset=column, keep="any") if written else rows
        found = rows.head(EXAMPLES).collect(engine="streaming")
        return tuple(found.sort("@row").to_dicts() if "@row" in names else found.to_dicts())


@dataclass(frozen=True)
class RowRule:
    """Rows that cannot be right."""

    name: str
    condition: pl.Expr
    setting: str = ""
    drop: bool = True
    column: str = ""
    because: str = ""
    defect: bool = True


@dataclass(frozen=True)
class CellRule:
    """Cells of one column that cannot be right, and what stands there afterwards (null: they are left)."""

    name: str
    column: str
    condition: pl.Expr
    action: str
    new: pl.Expr | None = None
    setting: str = ""
    defect: bool = True
    written: str = ""
    """The column that holds what the file has there, where that is another."""


def apply_row_rules(sheet: Sheet, rules: Sequence[RowRule], ledger: Ledger) -> Sheet:
    """Drop rows; a row belongs to the first rule that drops it."""
    mine = []
    gone = pl.lit(False)
    for rule in rules:
        holds = rule.condition.fill_null(False)
        mine.append(holds & ~gone)
        gone = gone | holds if rule.drop else gone
    counts = count(sheet, mine)
    dropping = []
    for rule, condition, found in zip(rules, mine, counts, strict=True):
        if not found:
            continue
        ledger.add(_row_finding(sheet, rule, condition, found))
        dropping += [rule.condition.fill_null(False)] if rule.drop else []
    return sheet.with_frame(sheet.frame.filter(~pl.any_horizontal(dropping))) if dropping else sheet


def _row_finding(sheet: Sheet, rule: RowRule, condition: pl.Expr, found: int) -> Finding:
    return Finding(
        table=sheet.table,
        rule=rule.name,
        found=found,
        action=("dropped" if rule.drop else "kept") + rule.because,
        setting=rule.setting,
        column=rule.column,
        dropped=found if rule.drop else 0,
        examples=sheet.examples(condition, rule.column),
        defect=rule.defect,
    )


def apply_cell_rules(sheet: Sheet, rules: Sequence[CellRule], ledger: Ledger) -> Sheet:
    """Change cells; the rules must concern different cells."""
    counts = count(sheet, [rule.condition.fill_null(False) for rule in rules])
    for rule, found in zip(rules, counts, strict=True):
        if not found:
            continue
        finding = Finding(
            table=sheet.table,
            rule=rule.name,
            found=found,
            action=rule.action,
            setting=rule.setting,
            column=rule.column,
            changed=found if rule.new is not None else 0,
            examples=sheet.examples(rule.condition, rule.column, rule.written),
            defect=rule.defect,
        )
        ledger.add(finding)
    changes: dict[str, pl.Expr] = {}
    for rule, found in zip(rules, counts, strict=True):
        if found and rule.new is not None:
            before = changes.get(rule.column, pl.col(rule.column))
            changed = pl.when(rule.condition.fill_null(False)).then(rule.new).otherwise(before)
            changes[rule.column] = changed.alias(rule.column)
    return sheet.with_frame(sheet.frame.with_columns(changes.values())) if changes else sheet


def count(sheet: Sheet, conditions: Sequence[pl.Expr]) -> list[int]:
    """How many rows each condition holds for, in one pass."""
    if not conditions:
        return []
    sums = [condition.sum().cast(pl.Int64).alias(str(place)) for place, condition in enumerate(conditions)]
    return list(sheet.frame.select(sums).collect(engine="streaming").row(0))


def height(frame: pl.LazyFrame) -> int:
    """Number of rows."""
    return int(frame.select(pl.len()).collect(engine="streaming").item())
