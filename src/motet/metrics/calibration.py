"""Calibration: does an event that is given 30 percent happen in 30 percent of such rows?

Shapes: N rows, G bins. Bins that hold no row are left out.
"""

from typing import Literal, TypedDict

import numpy as np

from motet.metrics.arrays import Array, Ints

Width = Literal["equal_mass", "equal_width"]


class Bin(TypedDict):
    """One row of a reliability table: mean prediction, share of positive labels, number of rows."""

    predicted: float
    observed: float
    n: int


def bin_of_rows(probability_N: Array, bins: int = 15, width: Width = "equal_mass") -> Ints:
    """Number of the bin of each row, ``(N,)``.

    Equal mass: the inner edges are quantiles of the predictions, and a prediction on an edge goes to the
    lower bin, so equal predictions share a bin and a model with few distinct predictions has fewer bins.
    Equal width: ``[0, 1]`` cut evenly. Both are scikit-learn's `calibration_curve` (strategies `quantile` and
    `uniform`).

    >>> bin_of_rows(np.array([0.1, 0.2, 0.2, 0.9]), bins=2).tolist()
    [0, 0, 0, 1]
    """
    probability_N = np.asarray(probability_N, np.float64)
    shares_G = np.linspace(0, 1, bins + 1)
    if not len(probability_N):
        return np.zeros(0, np.int64)
    edges_G = np.quantile(probability_N, shares_G) if width == "equal_mass" else shares_G
    return np.searchsorted(edges_G[1:-1], probability_N).astype(np.int64)


def reliability(
    label_N: Array, probability_N: Array, bins: int = 15, width: Width = "equal_mass"
) -> list[Bin]:
    """Reliability table: a line for each bin that holds rows, lowest predictions first.

    >>> reliability(np.array([0, 1]), np.array([0.25, 0.75]), bins=2)
    [{'predicted': 0.25, 'observed': 0.0, 'n': 1}, {'predicted': 0.75, 'observed': 1.0, 'n': 1}]
    """
    bin_N = bin_of_rows(probability_N, bins, width)
    rows_G = np.bincount(bin_N, minlength=bins)
    sums = (np.bincount(bin_N, value_N, bins) for value_N in (probability_N, label_N))
    predicted_G, observed_G = (sum_G / rows_G.clip(1) for sum_G in sums)
    return [
        Bin(predicted=float(predicted_G[g]), observed=float(observed_G[g]), n=int(rows_G[g]))
        for g in np.flatnonzero(rows_G)
    ]


def ece(label_N: Array, probability_N: Array, bins: int = 15, width: Width = "equal_mass") -> float:
    """Expected calibration error: mean over rows of the gap between prediction and outcome in the row's bin.

    Source: Naeini et al., AAAI 2015; equal width in Guo et al., ICML 2017; equal mass in Nixon et al., CVPR-W
    2019. A
    perfect model has an ECE above 0 too, about sqrt(bins / rows) times a constant: compare models on the same
    rows. NaN without rows.

    >>> ece(np.array([0, 1, 1, 1]), np.array([0.25, 0.25, 0.75, 0.75]), bins=2)
    0.25
    """
    table = reliability(label_N, probability_N, bins, width)
    if not table:
        return float("nan")
    return sum(abs(line["predicted"] - line["observed"]) * line["n"] for line in table) / len(label_N)
