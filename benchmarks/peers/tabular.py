"""Peers for row tasks: LightGBM on given features, and biased matrix factorisation with folded-in users.

``{"model": "lightgbm" | "mf", "label": NAME, "kind": "binary" | "regression", "grid": [...], "rounds": 2000,
"patience": 50, "refit": true, "history": "rolling" | "frozen", "seed": 0, "threads": 1}`` reads
``rows.parquet`` (row, user, item, time, split 0 train / 1 valid / 2 test, labels, features) and
``features.json``. Every entry of the grid is one trial, judged on the validation rows (AUC or RMSE); with
``refit`` the best is fitted again on training and validation rows. A row without the label is left out of
fitting; every test row gets a prediction.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.peers.exchange import Report, Settings, Stopwatch, read_rows, run_main, write_predictions
from benchmarks.peers.factors import BiasedFactors, Rows

Places = np.ndarray
Predict = Callable[[Places], np.ndarray]  # places of rows -> predictions


def auc(label_T: np.ndarray, score_T: np.ndarray) -> float:
    """Area under the ROC curve; equal scores count half."""
    order_T = np.argsort(score_T, kind="stable")
    _, first_T, count_T = np.unique(score_T[order_T], return_index=True, return_counts=True)
    rank_T = np.empty(len(score_T))
    rank_T[order_T] = np.repeat(first_T + (count_T + 1) / 2, count_T)
    positives = label_T.sum()
    negatives = len(label_T) - positives
    return float((rank_T[label_T == 1].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def rmse(label_T: np.ndarray, score_T: np.ndarray) -> float:
    """Root mean squared error."""
    return float(np.sqrt(np.mean((label_T - score_T) ** 2)))


class Trees:
    """LightGBM with early stopping; after a refit with the number of rounds that validation chose."""

    def __init__(self, folder: Path, rows: pl.DataFrame, settings: Settings) -> None:
        told = json.loads((folder / "features.json").read_text(encoding="utf8"))
        wanted = set(settings.get("features") or told["features"])
        self.names = [name for name in told["features"] if name in wanted]
        self.categorical = [name for name in told["categorical"] if name in wanted]
        self.feature_RF = rows.select(self.names).to_numpy().astype(np.float32)
        self.label_R = rows[settings["label"]].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        self.settings = settings

    def _data(self, place_T: np.ndarray, like: Any = None) -> Any:
        import lightgbm

        return lightgbm.Dataset(
            self.feature_RF[place_T],
            self.label_R[place_T],
            feature_name=[name.replace(":", "_") for name in self.names],
            categorical_feature=[name.replace(":", "_") for name in self.categorical],
            reference=like,
            free_raw_data=False,
        )

    def fit(self, train_T: Places, valid_T: Places | None, setting: Settings) -> tuple[Predict, Settings]:
        """Fit on rows; validation rows find the number of rounds, without them the setting has it."""
        import lightgbm

        binary = self.settings["kind"] == "binary"
        fixed = {
            "objective": "binary" if binary else "regression",
            "metric": "auc" if binary else "rmse",
            "seed": int(self.settings.get("seed", 0)),
            "num_threads": int(self.settings.get("threads", 1)),
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }
        params = {**fixed, **{name: value for name, value in setting.items() if name != "rounds"}}
        data, stop = self._data(train_T), []
        if valid_T is not None:
            stop = [lightgbm.early_stopping(int(self.settings.get("patience", 50)), verbose=False)]
        rounds = int(setting.get("rounds", self.settings.get("rounds", 2000)))
        watched = [] if valid_T is None else [self._data(valid_T, data)]
        model = lightgbm.train(params, data, rounds, valid_sets=watched, callbacks=stop)
        found = {**setting, "rounds": model.best_iteration if valid_T is not None else rounds}
        return lambda place_T: model.predict(self.feature_RF[place_T]), found


class Factors:
    """Biased matrix factorisation; users are folded in from the rows that are visible before each row."""

    def __init__(self, folder: Path, rows: pl.DataFrame, settings: Settings) -> None:
        self.label_R = rows[settings["label"]].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        self.rows = Rows(*(rows[name].to_numpy() for name in ("user", "item", "time")), self.label_R)
        self.split_R = rows["split"].to_numpy()
        self.rolling = settings.get("history", "rolling") == "rolling"
        self.seed = int(settings.get("seed", 0))

    def fit(self, train_T: Places, valid_T: Places | None, setting: Settings) -> tuple[Predict, Settings]:
        """Fit on rows; predictions read what was visible before each row."""
        sizes = int(self.rows.user_E.max()) + 1, int(self.rows.item_E.max()) + 1
        model = BiasedFactors(*sizes, seed=self.seed, **setting)
        model.fit(self.rows.take(train_T))
        fitted_R = np.zeros(len(self.label_R), dtype=bool)
        fitted_R[train_T] = True
        return lambda place_T: self._predict(model, fitted_R, place_T), setting

    def _predict(self, model: BiasedFactors, fitted_R: np.ndarray, place_T: np.ndarray) -> np.ndarray:
        cut = self.split_R[place_T].min()
        before_R = self.split_R <= self.split_R[place_T].max() if self.rolling else self.split_R < cut
        seen_E = np.flatnonzero(~np.isnan(self.label_R) & before_R & (self.split_R >= 0))
        return model.predict(self.rows.take(seen_E), fitted_R[seen_E], self.rows.take(place_T))


def choose(learner: Any, split_R: np.ndarray, settings: Settings, report: Report) -> tuple[Predict, Settings]:
    """Fit every entry of the grid on the training rows; return the best on validation and its setting."""
    known_R = ~np.isnan(learner.label_R)
    train_T, valid_T = (np.flatnonzero(known_R & (split_R == part)) for part in (0, 1))
    binary, best = settings["kind"] == "binary", None
    for setting in settings["grid"]:
        clock = Stopwatch()
        with clock.running():
            predict, found = learner.fit(train_T, valid_T, setting)
        score_T = predict(valid_T)
        value = auc(learner.label_R[valid_T], score_T) if binary else rmse(learner.label_R[valid_T], score_T)
        report.trials.append({"setting": found, "auc" if binary else "rmse": value, "cpu_seconds": clock.cpu})
        print(f"{report.peer} {settings['label']} {found}: {value:.4f}, {clock.cpu:.1f} CPU s", flush=True)
        if best is None or (value > best[0] if binary else value < best[0]):
            best = value, predict, found
    assert best is not None, "the grid is empty"
    report.chosen = best[2]
    return best[1], best[2]


def work(folder: Path, settings: Settings, output: Path) -> None:
    """Choose on validation, predict the test rows."""
    report = Report("tabular." + settings["model"], settings)
    rows = read_rows(folder)
    learner = {"lightgbm": Trees, "mf": Factors}[settings["model"]](folder, rows, settings)
    split_R = rows["split"].to_numpy()
    predict, found = choose(learner, split_R, settings, report)
    if settings.get("refit", True):
        both_T = np.flatnonzero(~np.isnan(learner.label_R) & ((split_R == 0) | (split_R == 1)))
        predict, _ = learner.fit(both_T, None, found)
    test_T = np.flatnonzero(split_R == 2)
    write_predictions(output, rows["row"].to_numpy()[test_T], predict(test_T))
    report.write(output)


if __name__ == "__main__":
    run_main(work)
