"""Calibration: the log odds of probabilities, corrected on rows that did not train.

A model trained on last month's rows knows last month's rate, and one that was trained too long is too sure.
Both are mended by a level and a slope (Platt 1999; Guo et al., ICML 2017, arXiv:1706.04599, for networks).
Where rows are many, a rising curve mends more: groups of rows of like probability, and how often it
happened in each (Zadrozny and Elkan, ICML 2001 and KDD 2002). The order of the predictions stays in both.
Shapes: N rows, G groups.
"""

from dataclasses import dataclass

import numpy as np

ENOUGH = 100  # rows of either label
_PULL = 1.0  # how strongly the slope is held at 1, in rows
_STEPS = 30
GROUPS = 15  # of a curve
_RISE = (1e-9, 0.0)  # by how much the mean log odds of groups rise, and shares
MANY = 1_000  # rows of either label that a curve needs


def fit_log_odds(logit_N: np.ndarray, label_N: np.ndarray) -> tuple[float, float] | None:
    """Slope above 0 and level with which ``slope * logit + level`` says most of the labels (Newton's method).

    Args:
        logit_N: Log odds.
        label_N: 0 or 1.

    Returns:
        Slope and level; None where rows of a label are too few, or where more log odds would mean less.

    >>> rng = np.random.default_rng(0)
    >>> logit_N = rng.normal(size=20_000)
    >>> label_N = rng.random(20_000) < 1 / (1 + np.exp(-(0.5 * logit_N - 1)))
    >>> [round(value, 1) for value in fit_log_odds(logit_N, label_N.astype(float))]
    [0.5, -1.0]
    """
    if min(label_N.sum(), len(label_N) - label_N.sum()) < ENOUGH:
        return None
    design_N2 = np.stack([logit_N, np.ones(len(logit_N))], 1).astype(np.float64)
    held_2, found_2 = np.array([_PULL, 0.0]), np.array([1.0, 0.0])
    for _ in range(_STEPS):
        probability_N = 1 / (1 + np.exp(-np.clip(design_N2 @ found_2, -30, 30)))
        slope_2 = design_N2.T @ (probability_N - label_N) + held_2 * (found_2 - [1.0, 0.0])
        weight_N1 = (probability_N * (1 - probability_N))[:, None]
        curve_22 = design_N2.T @ (design_N2 * weight_N1) + np.diag(held_2 + 1e-9)
        step_2 = np.linalg.solve(curve_22, slope_2)
        found_2 = found_2 - step_2 / max(1.0, float(np.abs(step_2).max()))
        if np.abs(step_2).max() < 1e-9:
            break
    return (float(found_2[0]), float(found_2[1])) if found_2[0] > 0 else None


@dataclass(frozen=True)
class Curve:
    """A rising curve from log odds to log odds: straight between its points, and with slope 1 outside.

    Args:
        said_G: Mean log odds of each group, rising.
        found_G: Log odds of the share of positives in it, rising.
    """

    said_G: np.ndarray
    found_G: np.ndarray

    def __call__(self, probability_N: np.ndarray) -> np.ndarray:
        """Probabilities ``(N,)`` as the curve has them."""
        said_N = log_odds(probability_N)
        beyond_N = said_N - np.clip(said_N, self.said_G[0], self.said_G[-1])
        found_N: np.ndarray = 1 / (1 + np.exp(-np.interp(said_N, self.said_G, self.found_G) - beyond_N))
        return found_N


def fit_curve(probability_N: np.ndarray, label_N: np.ndarray) -> Curve | None:
    """The curve through groups of as many rows each; neighbours that do not rise are one group.

    Args:
        probability_N: Probabilities.
        label_N: 0 or 1.

    Returns:
        The curve; None where rows of a label are too few.

    >>> rng = np.random.default_rng(0)
    >>> probability_N = rng.random(50_000)
    >>> label_N = (rng.random(50_000) < probability_N**2).astype(float)
    >>> fit_curve(probability_N, label_N)(np.array([0.3, 0.7])).round(1).tolist()
    [0.1, 0.5]
    """
    if min(label_N.sum(), len(label_N) - label_N.sum()) < MANY:
        return None
    said_N = log_odds(probability_N)
    groups: list[np.ndarray] = []  # rows, positives, sum of log odds
    for row_K in np.array_split(np.argsort(said_N, kind="stable"), min(GROUPS, len(said_N))):
        groups.append(np.array([len(row_K), label_N[row_K].sum(), said_N[row_K].sum()]))
        while len(groups) > 1 and (_point(groups[-2]) + _RISE >= _point(groups[-1])).any():
            last = groups.pop()
            groups[-1] = groups[-1] + last
    said_G, share_G = np.stack([_point(each) for each in groups], 1)
    return Curve(said_G, log_odds(share_G))


def log_odds(probability_N: np.ndarray) -> np.ndarray:
    """Log odds ``(N,)`` of probabilities, within 1e-7 of 0 and 1."""
    known_N = np.clip(probability_N.astype(np.float64), 1e-7, 1 - 1e-7)
    found_N: np.ndarray = np.log(known_N / (1 - known_N))
    return found_N


def _point(group: np.ndarray) -> np.ndarray:
    """Mean log odds of a group, and its share of positives, held off 0 and 1 by half a row each."""
    rows, positives, said = group
    return np.array([said / rows, (positives + 0.5) / (rows + 1)])
