"""Fitted encodings: from categories and numbers to dense numbers, learned on training rows only.

Categories of one table (items, users, events, requests) share one range of codes: 0 is an empty slot; each
feature then has one code for "missing", one for "unknown" and one for every value met in training.
Shapes: N rows, J code slots, V numbers.
"""

from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import polars as pl

from motet.data.table import Feature
from motet.system.log import stage

MISSING, UNKNOWN, FIRST = 0, 1, 2
MOST_SLOTS = 24
MOST_VALUES = 200_000


@dataclass(frozen=True)
class Categories:
    """One categorical feature: its values, where its codes begin and how many slots a row has."""

    name: str
    values: list[str]
    offset: int
    slots: int
    many: bool

    @property
    def size(self) -> int:
        """Number of codes."""
        return FIRST + len(self.values)

    def encode(self, column: pl.Series) -> np.ndarray:
        """Codes ``(N, slots)`` int32."""
        values = pl.Series("value", self.values, dtype=pl.String)
        codes = pl.DataFrame([values, pl.Series("code", range(len(values)), dtype=pl.Int32)])
        if not self.many:
            found = (
                column.cast(pl.String)
                .to_frame("value")
                .join(codes, on="value", how="left", maintain_order="left")
            )
            code = found["code"].fill_null(-1).to_numpy() + FIRST
            code = np.where(code < FIRST, UNKNOWN, code)
            code[column.is_null().to_numpy()] = MISSING
            return (code[:, None] + self.offset).astype(np.int32)
        return self._encode_lists(column, codes)

    def _encode_lists(self, column: pl.Series, codes: pl.DataFrame) -> np.ndarray:
        out = np.zeros((len(column), self.slots), np.int32)
        long = (
            pl.DataFrame({"row": np.arange(len(column)), "value": column.cast(pl.List(pl.String))})
            .explode("value")
            .drop_nulls("value")
            .join(codes, on="value", how="left", maintain_order="left")
            .with_columns(pl.int_range(pl.len()).over("row").alias("slot"))
            .filter(pl.col("slot") < self.slots)
        )
        code = long["code"].fill_null(UNKNOWN - FIRST).to_numpy() + FIRST + self.offset
        out[long["row"].to_numpy(), long["slot"].to_numpy()] = code
        out[(out == 0).all(1), 0] = self.offset + MISSING
        return out


@dataclass(frozen=True)
class Numbers:
    """One numeric feature: standardised, after log1p where its tail is long."""

    name: str
    log: bool
    mean: float
    deviation: float

    def encode(self, column: pl.Series) -> np.ndarray:
        """Standardised values ``(N,)`` float32, clipped at 8 deviations; NaN is missing."""
        value = column.cast(pl.Float64).to_numpy().astype(np.float64)
        return np.clip((_logged(value, self.log) - self.mean) / self.deviation, -8, 8).astype(np.float32)


@dataclass(frozen=True)
class Encoding:
    """All features of one table."""

    categories: list[Categories]
    numbers: list[Numbers]

    @property
    def codes(self) -> int:
        """Size of the table's code range, the empty slot included."""
        return 1 + sum(each.size for each in self.categories)

    @property
    def slots(self) -> int:
        """Code slots of a row, J."""
        return sum(each.slots for each in self.categories)

    def encode(self, frame: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Codes ``(N, J)`` int32 and numbers ``(N, V)`` float32 of a frame that has the features' columns."""
        codes = [each.encode(_column(frame, each.name)) for each in self.categories]
        numbers = [each.encode(_column(frame, each.name)) for each in self.numbers]
        empty = np.zeros((frame.height, 0))
        return (
            np.concatenate(codes, 1) if codes else empty.astype(np.int32),
            np.stack(numbers, 1) if numbers else empty.astype(np.float32),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values for a JSON file."""
        return asdict(self)

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> Self:
        """The inverse of `to_json`."""
        return cls(
            [Categories(**each) for each in raw["categories"]], [Numbers(**each) for each in raw["numbers"]]
        )


@stage("encoding")
def fit_encoding(
    frame: pl.DataFrame, features: tuple[Feature, ...], train: np.ndarray | None = None
) -> Encoding:
    """Learn values, means and deviations from the training rows of a table.

    Args:
        frame: The table.
        features: Its categorical and numeric features; others are passed over.
        train: Boolean mask ``(N,)`` of training rows; None takes all rows.
    """
    seen = frame if train is None else frame.filter(pl.Series(train))
    categories: list[Categories] = []
    offset = 1
    for feature in features:
        if feature.kind == "categorical":
            categories.append(_fit_categories(seen[feature.name], feature, offset))
            offset += categories[-1].size
    numbers = [_fit_numbers(seen[f.name], f) for f in features if f.kind == "numeric"]
    return Encoding(categories, numbers)


def _fit_categories(column: pl.Series, feature: Feature, offset: int) -> Categories:
    slots = 1
    if feature.many:
        lengths = column.cast(pl.List(pl.String)).list.len().drop_nulls()
        slots = int(min(max(lengths.max() or 1, 1), MOST_SLOTS))  # type: ignore[arg-type]
        column = column.cast(pl.List(pl.String)).explode()
    counts = column.cast(pl.String).drop_nulls().alias("value").value_counts(sort=True)
    values = counts.sort("count", "value", descending=[True, False])["value"].head(MOST_VALUES).to_list()
    return Categories(feature.name, values, offset, slots, feature.many)


def _fit_numbers(column: pl.Series, feature: Feature) -> Numbers:
    value = column.cast(pl.Float64).drop_nulls().drop_nans().to_numpy()
    if len(value) == 0:
        return Numbers(feature.name, False, 0.0, 1.0)
    log = feature.column.log
    if log is None:
        spread = np.quantile(value, 0.75) - np.quantile(value, 0.25)
        log = bool(value.min() >= 0 and value.max() - np.median(value) > 10 * max(spread, 1e-9))
    logged = _logged(value, log)
    return Numbers(feature.name, log, float(logged.mean()), float(max(logged.std(), 1e-6)))


def _logged(value: np.ndarray, log: bool) -> np.ndarray:
    return np.log1p(np.maximum(value, 0)) if log else value


def _column(frame: pl.DataFrame, name: str) -> pl.Series:
    return frame[name] if name in frame.columns else pl.Series(name, [None] * frame.height)
