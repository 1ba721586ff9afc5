"""Figures behind the report's plots: calibration, popularity of what is recommended, training curves."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from motet.evaluation.records import Predictions, RankingPredictions, RowPredictions
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
        task: popularity_points(record)
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


def popularity_points(record: RankingPredictions) -> list[dict[str, float]]:
    """Share of training events and of recommendations in each tenth of the items by popularity."""
    assert record.lists is not None
    count_I = record.lists.catalogue.count_I[1:]
    order = np.argsort(-count_I, kind="stable")
    decile_I = np.empty(len(count_I), np.int64)
    decile_I[order] = np.arange(len(count_I)) * BINS // max(len(count_I), 1)
    shown = record.lists.shown_QK[:, :10]
    recommended = np.bincount(decile_I[shown[shown > 0] - 1], minlength=BINS)
    consumed = np.bincount(decile_I, count_I, minlength=BINS)
    return [
        {
            "decile": place + 1,
            "catalogue_share": float(consumed[place] / max(consumed.sum(), 1)),
            "recommended_share": float(recommended[place] / max(recommended.sum(), 1)),
        }
        for place in range(BINS)
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
