"""Calibration: level and slope of a probability's log odds, fitted on rows that did not train.

A model trained on last month's rows knows last month's rate, and one that was trained too long is too sure.
Both are mended by two numbers (Platt 1999; Guo et al., ICML 2017, arXiv:1706.04599, for networks); the order
of the predictions stays. Shapes: N rows.
"""

import numpy as np

ENOUGH = 100  # rows of either label
_PULL = 1.0  # how strongly the slope is held at 1, in rows
_STEPS = 30


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
