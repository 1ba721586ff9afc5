"""How far one column settles another: rows that share a key are laid beside each other and compared."""

from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class Agreement:
    """Neighbours under one key: how many there are, and how often they agree beyond chance."""

    pairs: int
    kappa: float
    """1: they always agree; 0: as often as two rows drawn at random (Cohen's kappa)."""


def agreement(frame: pl.DataFrame, keys: list[str], column: str) -> Agreement:
    """Compare the values of a column in neighbouring rows that share all keys.

    Args:
        frame: Rows; those of one key lie next to each other.
        keys: Columns that settle which rows belong together.
        column: The column whose values are compared; nulls are left out.
    """
    rows = frame.select(*keys, column).drop_nulls()
    same_key = pl.all_horizontal([pl.col(key) == pl.col(key).shift() for key in keys])
    same = (pl.col(column) == pl.col(column).shift()).filter(same_key)
    found = rows.select(pairs=same.len(), same=same.mean())
    pairs = int(found["pairs"][0])
    if not pairs:
        return Agreement(0, 0.0)
    counts = rows[column].value_counts()["count"].cast(pl.Float64)
    if len(counts) == 1:
        return Agreement(pairs, 0.0)
    chance = float((counts**2).sum()) / rows.height**2
    return Agreement(pairs, (float(found["same"][0]) - chance) / (1 - chance))


def settles(frame: pl.DataFrame, key: str, column: str, least: float = 0.95) -> bool:
    """Whether a column is (nearly) a function of another, seen in at least 30 pairs of rows."""
    found = agreement(frame.sort(key), [key], column)
    return found.pairs >= 30 and found.kappa >= least
