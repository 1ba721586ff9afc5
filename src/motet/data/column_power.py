"""How much one column says of another: cheap measures on single columns, robust to scale and to many values.

Shapes: N rows, V values of a column.
"""

import numpy as np
import polars as pl

from motet.metrics.classes import auc

BINS = 64  # of a column of numbers
FEWEST_ROWS = 100  # below, every figure may be chance
FEWEST_OF_A_CLASS = 20
FEWEST_THINGS = 30


def codes_of(column: pl.Series) -> np.ndarray:
    """Dense codes of a column's values, ``(N,)`` int64: numbers in bins of equal size, lists as a whole."""
    if column.dtype.is_numeric() and column.n_unique() > BINS:
        rank = column.fill_nan(None) if column.dtype.is_float() else column
        share = (rank.rank() - 1) / max(len(column), 1)
        return (share * BINS).floor().fill_null(-1).cast(pl.Int64).to_numpy() + 1
    if isinstance(column.dtype, pl.List):
        column = column.cast(pl.List(pl.String)).list.join("\x1f")
    dense = column.cast(pl.String).rank("dense").fill_null(0)
    return dense.cast(pl.Int64).to_numpy()


def power(code_N: np.ndarray, label: pl.Series) -> tuple[float, str]:
    """How well codes predict a label: each half of the rows by the means of the other half.

    Args:
        code_N: From `codes_of`.
        label: 0 and 1, other numbers, or classes as text; null: none.

    Returns:
        AUC, share of the variance of ranks, or agreement beyond chance, and its name; 0 for too few rows.
    """
    known_N = label.is_not_null().to_numpy()
    code_N, label = code_N[known_N], label.filter(pl.Series(known_N))
    if len(label) < FEWEST_ROWS or len(np.unique(code_N)) < 2:
        return 0.0, "an AUC"
    if not label.dtype.is_numeric():
        classes = label.rank("dense").to_numpy().astype(np.int64)
        return agreement(_said_by_mode(code_N, classes), classes), "an agreement beyond chance"
    value_N = label.cast(pl.Float64).to_numpy()
    if set(np.unique(value_N)) <= {0.0, 1.0}:
        if min(value_N.sum(), (1 - value_N).sum()) < FEWEST_OF_A_CLASS:
            return 0.0, "an AUC"
        return auc(value_N, _said_by_mean(code_N, value_N)), "an AUC"
    rank_N = label.rank().to_numpy()
    error = np.square(rank_N - _said_by_mean(code_N, rank_N)).mean()
    return float(1 - error / max(rank_N.var(), 1e-12)), "an R2 of ranks"


def _said_by_mean(code_N: np.ndarray, value_N: np.ndarray) -> np.ndarray:
    """Mean value of a code in the other half of the rows; the overall mean where it has none."""
    half_N, said_N = np.arange(len(code_N)) % 2, np.empty(len(code_N))
    for half in (0, 1):
        other_N, size = half_N != half, int(code_N.max()) + 1
        count_V = np.bincount(code_N[other_N], minlength=size)
        sum_V = np.bincount(code_N[other_N], value_N[other_N], minlength=size)
        mean_V = np.where(count_V > 0, sum_V / np.maximum(count_V, 1), value_N[other_N].mean())
        said_N[half_N == half] = mean_V[code_N[half_N == half]]
    return said_N


def _said_by_mode(code_N: np.ndarray, class_N: np.ndarray) -> np.ndarray:
    """Most frequent class of a code in the other half of the rows; -1 where it has none."""
    half_N, said_N = np.arange(len(code_N)) % 2, np.full(len(code_N), -1)
    for half in (0, 1):
        other_N = half_N != half
        pairs = pl.DataFrame({"code": code_N[other_N], "class": class_N[other_N]})
        counted = pairs.group_by("code", "class").len().sort("len", "class", descending=[True, False])
        mode = counted.unique("code", keep="first", maintain_order=True).select("code", "class")
        asked = pl.DataFrame({"code": code_N[half_N == half]})
        joined = asked.join(mode, on="code", how="left", maintain_order="left")
        said_N[half_N == half] = joined["class"].fill_null(-1).to_numpy()
    return said_N


def agreement(first_N: np.ndarray, second_N: np.ndarray) -> float:
    """Cohen's kappa: share of equal values beyond what chance gives, 1 for equal columns."""
    size = int(max(first_N.max(), second_N.max())) + 2
    chance = float(
        np.bincount(first_N + 1, minlength=size)
        @ np.bincount(second_N + 1, minlength=size)
        / len(first_N) ** 2
    )
    return float((first_N == second_N).mean() - chance) / max(1 - chance, 1e-12)


def rank_correlation(one: pl.Series, two: pl.Series) -> float:
    """Spearman's correlation of two columns, whatever its sign; 0 for too few rows or values."""
    both = pl.DataFrame({"one": one.cast(pl.Float64), "two": two.cast(pl.Float64)}).drop_nulls().drop_nans()
    if both.height < FEWEST_THINGS or min(both["one"].n_unique(), both["two"].n_unique()) < 3:
        return 0.0
    return abs(float(both.select(pl.corr("one", "two", method="spearman")).item()))
