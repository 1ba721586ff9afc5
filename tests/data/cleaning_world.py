"""A world of a few rows for the tests of cleaning."""

import polars as pl

from motet.config.data import Column, DataConfig
from motet.data.account import Account
from motet.data.cleaning import clean
from motet.data.table import Feature, Roles, Tables

NOW = 1_700_000_000_000
DAY = 86_400_000


def feature(name: str, kind: str = "numeric", many: bool = False, **column) -> Feature:
    return Feature(name, kind, Column(column=name, **column), many)


def config(timed: bool = True, value: str | None = None, **cleaning) -> DataConfig:
    source = {"path": "log.csv", "user": "u", "item": "i", "time": "t" if timed else None, "value": value}
    return DataConfig.model_validate({"events": source, "cleaning": cleaning})


def log(**columns) -> pl.DataFrame:
    height = len(next(iter(columns.values())))
    usual = {
        "@user": list(range(height)),
        "@item": [1] * height,
        "@type": ["click"] * height,
        "@time": [NOW - n for n in range(height)],
        "@order": pl.Series([None] * height, dtype=pl.Int64),
        "@request": pl.Series([None] * height, dtype=pl.String),
        "@row": list(range(height)),
        "@source": pl.Series([0] * height, dtype=pl.Int32),
        "@value": pl.Series([None] * height, dtype=pl.Float64),
    }
    return pl.DataFrame({**usual, **{name.replace("at_", "@"): cells for name, cells in columns.items()}})


def cleaned(
    events: pl.DataFrame | None = None,
    data: DataConfig | None = None,
    items: pl.DataFrame | None = None,
    users: pl.DataFrame | None = None,
    roles: Roles | None = None,
    train: pl.Expr | None = None,
) -> tuple[Tables, Account]:
    events = log(at_item=[1]) if events is None else events
    tables = Tables(items, users, events.lazy(), roles or Roles())
    divide = None if train is None else lambda frame: (frame, train)
    return clean(tables, data or config(), now_ms=NOW, divide=divide)


def the_events(tables: Tables) -> pl.DataFrame:
    return tables.events.collect().sort("@row")


def found(account: Account) -> dict[tuple[str, str], tuple[int, int, int]]:
    return {
        (f.column or f.table, f.rule.split(" (")[0]): (f.found, f.dropped, f.changed)
        for f in account.findings
    }
