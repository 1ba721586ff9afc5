"""Figures behind the report's plots: calibration, popularity of what is recommended, training curves."""

from collections.abc import Mapping, Sequence
from typing import Any

from motet.evaluation.records import Predictions, RankingPredictions, RowPredictions
from motet.metrics.beyond import popularity_deciles
from motet.metrics.calibration import reliability

BINS = 10


def plots(
    records: Mapping[str, Predictions], histories: Mapping[str, Sequence[Mapping[str, Any]]]
) -> dict[str, Any]:
    """The part `plots` of metrics.json.

    Args:
        records: Task -> the joint model's record on the test rows.
        histories: Model -> its records of training (see `motet.training.loop`).
    """
    calibration = {
        task: calibration_points(record)
        for task, record in records.items()
        if isinstance(record, RowPredictions) and record.kind == "binary"
    }
    popularity = {
        task: popularity_deciles(record.lists.shown_QK[:, :10], record.lists.catalogue.count_I)
        for task, record in records.items()
        if isinstance(record, RankingPredictions) and record.lists is not None
    }
    return {"calibration": calibration, "popularity": popularity, "curves": curves(histories)}


def calibration_points(record: RowPredictions) -> list[dict[str, float]]:
    """Predicted against observed rate in bins of equal mass."""
    return [
        {"predicted": float(row["predicted"]), "observed": float(row["observed"]), "n": int(row["n"])}
        for row in reliability(record.label_N, record.prediction_N, BINS)
    ]


def curves(histories: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """One line an epoch, task and metric."""
    return [
        {"model": model, "epoch": record["epoch"], "task": task, "name": name, "value": value}
        for model, history in histories.items()
        for record in history
        for task, metrics in record["metrics"].items()
        for name, value in metrics.items()
    ]
