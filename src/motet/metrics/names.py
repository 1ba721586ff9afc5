"""Names of metrics: the main one of each task kind, and which way is better."""

from typing import Literal

TaskKind = Literal["next_item", "binary", "regression", "multiclass", "tagging", "retrieval"]

Metrics = dict[str, dict[str, float]]
"""Task -> metric -> value."""

_MAIN: dict[TaskKind, str] = {
    "next_item": "ndcg@10",
    "binary": "auc",
    "regression": "rmse",
    "multiclass": "macro_f1",
    "tagging": "entity_f1",
    "retrieval": "mrr",
}
_LOWER_IS_BETTER = frozenset({"log_loss", "ece", "rmse", "mae", "loss"})


def headlines(metrics: Metrics) -> list[tuple[str, str, float]]:
    """Task, metric and value: of each task the one that says most.

    >>> headlines({"next": {"mrr": 0.1, "ndcg@10": 0.2}, "rating": {"mae": 0.7}})
    [('next', 'ndcg@10', 0.2), ('rating', 'mae', 0.7)]
    """
    found = []
    for task, values in metrics.items():
        name = next((each for each in _MAIN.values() if each in values), next(iter(values), None))
        if name is not None:
            found.append((task, name, values[name]))
    return found


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
