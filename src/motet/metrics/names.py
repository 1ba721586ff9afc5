"""Names of metrics: the main one of each task kind, and which way is better."""

from typing import Literal

TaskKind = Literal["next_item", "binary", "regression", "multiclass"]

Metrics = dict[str, dict[str, float]]
"""Task -> metric -> value."""

_MAIN: dict[TaskKind, str] = {
    "next_item": "ndcg@10",
    "binary": "auc",
    "regression": "rmse",
    "multiclass": "macro_f1",
}
_LOWER_IS_BETTER = frozenset({"log_loss", "ece", "rmse", "mae", "loss"})


def main_metric(kind: TaskKind) -> str:
    """The metric on which a task of this kind is compared.

    >>> main_metric("binary")
    'auc'
    """
    return _MAIN[kind]


def higher_is_better(metric: str) -> bool:
    """False for losses and errors, true for all others.

    >>> higher_is_better("ndcg@10"), higher_is_better("rmse")
    (True, False)
    """
    return metric not in _LOWER_IS_BETTER
