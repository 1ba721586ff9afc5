"""Peer for several row tasks at once: one MMOE or PLE of torch-rechub for all, by its own trainer.

``{"model": "mmoe" | "ple", "tasks": {NAME: "binary" | "regression"}, "sparse": [COLUMN], "bags": {COLUMN:
LENGTH}, "sequences": {NAME: [SIGNAL]}, "length": 30, "grid": [...], "epochs": 5, "seed": 0}`` reads
``rows.parquet`` and ``features.json`` of `features`. Every entry of the grid is one trial, judged after every
epoch on the validation rows by the mean gain of all tasks over a constant guess; the best is fitted again on
training and validation rows, for as many epochs as were best. An entry: ``batch_size``, ``learning_rate``,
``weight_decay``, ``embedding``, ``experts``, ``widths``, ``towers``, ``dropout``, ``balance`` (``uwl`` or
none), ``also`` (more sparse columns), ``packed`` (all numbers as one vector feature, or each as a column);
the only entry of a grid may have ``epochs`` too: it was chosen before, and nothing is tried.

What is timed is `MTLTrainer.train_one_epoch` with the loader of `DataGenerator`: no validation, no loading.
Shapes: R rows, L places of a sequence, F numbers, T tasks.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.peers.exchange import Report, Settings, Stopwatch, read_rows, run_main
from benchmarks.peers.tabular import auc, rmse
from benchmarks.peers.wide import Wide, wide_of

PART = 16_384  # rows that are predicted at once


@dataclass
class Trial:
    """One training: what it reached after each epoch, and what the trainer's own loop took."""

    model: Any
    curve: list[dict[str, Any]]
    rows: int  # over all epochs
    clock: Stopwatch

    @property
    def best(self) -> dict[str, Any]:
        """The best epoch."""
        return max(self.curve, key=lambda each: float(each["gain"]))


class Learner:
    """Trains the models of torch-rechub on some rows.

    Args:
        wide: All rows.
        settings: See above.
    """

    def __init__(self, wide: Wide, settings: Settings) -> None:
        self.wide, self.settings = wide, settings
        self.kinds: dict[str, str] = settings["tasks"]

    def features(self, setting: Settings) -> list[Any]:
        """The features of torch-rechub."""
        from torch_rechub.basic.features import DenseFeature, SequenceFeature, SparseFeature

        wide, width = self.wide, int(setting["embedding"])
        names = [name for name in wide.code if name in self._sparse(setting)]
        found: list[Any] = [SparseFeature(name, wide.codes[name], embed_dim=width) for name in names]
        for name in wide.bag:
            owner = wide.owner.get(name)
            found.append(
                SequenceFeature(name, wide.codes[name], width, "mean", shared_with=owner, padding_idx=0)
            )
        if setting.get("packed", True):
            return [*found, DenseFeature("numbers", embed_dim=wide.number_RF.shape[1])]
        return found + [DenseFeature(name) for name in wide.names]

    def _sparse(self, setting: Settings) -> list[str]:
        return [*self.settings["sparse"], *setting.get("also", [])]

    def table(self, row_T: np.ndarray, setting: Settings) -> dict[str, np.ndarray]:
        """What its datasets take: a column a feature."""
        wide = self.wide
        found = {name: wide.code[name][row_T] for name in wide.code if name in self._sparse(setting)}
        found |= {name: bag_RL[row_T] for name, bag_RL in wide.bag.items()}
        number_TF = wide.number_RF[row_T]
        if setting.get("packed", True):
            return found | {"numbers": number_TF}
        return found | {name: np.ascontiguousarray(number_TF[:, at]) for at, name in enumerate(wide.names)}

    def model(self, setting: Settings) -> Any:
        """A new model, with seeded weights."""
        import torch
        from torch_rechub.models.multi_task import MMOE, PLE

        torch.manual_seed(int(self.settings.get("seed", 0)))
        dropout, features = float(setting.get("dropout", 0.0)), self.features(setting)
        expert = {"dims": setting["widths"], "dropout": dropout}
        towers = [{"dims": setting["towers"], "dropout": dropout} for _ in self.kinds]
        experts = int(setting["experts"])
        if self.settings["model"] == "mmoe":
            return MMOE(features, self.types(), experts, expert, towers)
        return PLE(features, self.types(), int(setting.get("levels", 1)), experts, experts, expert, towers)

    def types(self) -> list[str]:
        """Kinds of the tasks in its words."""
        return ["classification" if kind == "binary" else "regression" for kind in self.kinds.values()]

    def train(self, row_T: np.ndarray, setting: Settings, epochs: int, valid_T: np.ndarray | None) -> Trial:
        """Train for some epochs; look at validation rows after each, where there are any."""
        from torch_rechub.trainers import MTLTrainer
        from torch_rechub.utils.data import DataGenerator

        label_TT = self.wide.label_RT[row_T]
        generator = DataGenerator(self.table(row_T, setting), label_TT)
        loader, *_ = generator.generate_dataloader(
            x_val={}, y_val=[], x_test={}, y_test=[], batch_size=int(setting["batch_size"])
        )
        trainer = MTLTrainer(
            self.model(setting),
            task_types=self.types(),
            optimizer_params={"lr": setting["learning_rate"], "weight_decay": setting["weight_decay"]},
            adaptive_params={"method": setting["balance"]} if setting.get("balance") else None,
            n_epoch=epochs,
        )
        trial = Trial(trainer.model, [], 0, Stopwatch())
        for epoch in range(epochs):
            with trial.clock.running():
                trainer.train_one_epoch(loader)
            trial.rows += len(row_T)
            if valid_T is not None:
                said_VT = self.predict(trial.model, valid_T, setting)
                trial.curve.append(
                    {"epoch": epoch + 1, "cpu_seconds": trial.clock.cpu, **self.judged(valid_T, said_VT)}
                )
        return trial

    def predict(self, model: Any, row_T: np.ndarray, setting: Settings) -> np.ndarray:
        """Predictions of some rows for all tasks, ``(T, tasks)``, in the labels' own units."""
        import torch

        model.eval()
        parts = []
        with torch.no_grad():
            for part_T in _parts(row_T):
                table = self.table(part_T, setting)
                parts.append(model({name: torch.from_numpy(value) for name, value in table.items()}).numpy())
        return np.concatenate(parts) * self.wide.deviation_T + self.wide.mean_T

    def judged(self, row_T: np.ndarray, said_TT: np.ndarray) -> dict[str, Any]:
        """Metrics of all tasks, and their mean gain over a constant guess."""
        label_TT = self.wide.label_RT[row_T] * self.wide.deviation_T + self.wide.mean_T
        found: dict[str, Any] = {}
        gains = []
        for at, (task, kind) in enumerate(self.kinds.items()):
            label_T, said_T = label_TT[:, at], said_TT[:, at]
            value = auc(label_T, said_T) if kind == "binary" else rmse(label_T, said_T)
            found[f"{task}.{'auc' if kind == 'binary' else 'rmse'}"] = value
            gains.append(2 * value - 1 if kind == "binary" else 1 - value / float(label_T.std()))
        return {**found, "gain": float(np.mean(gains))}


def _parts(row_T: np.ndarray) -> Iterator[np.ndarray]:
    for begin in range(0, len(row_T), PART):
        yield row_T[begin : begin + PART]


def choose(learner: Learner, split_R: np.ndarray, settings: Settings, report: Report) -> Settings:
    """Train every entry of the grid; the setting of the best, with its best number of epochs.

    A grid of one that says its ``epochs`` was chosen before.
    """
    if len(settings["grid"]) == 1 and "epochs" in settings["grid"][0]:
        report.chosen = settings["grid"][0]
        return report.chosen
    train_T, valid_T = (np.flatnonzero(split_R == part) for part in (0, 1))
    best = -np.inf
    for setting in settings["grid"]:
        trial = learner.train(train_T, setting, int(settings["epochs"]), valid_T)
        found = {**setting, "epochs": trial.best["epoch"]}
        report.trials.append(
            {
                "setting": found,
                **{name: value for name, value in trial.best.items() if name not in ("epoch", "cpu_seconds")},
                "cpu_seconds": trial.clock.cpu,
                "rows_per_cpu_second": trial.rows / trial.clock.cpu,
            }
        )
        print(report.trials[-1], flush=True)
        if trial.best["gain"] > best:
            best, report.chosen, report.curve = trial.best["gain"], found, trial.curve
    return report.chosen


def work(folder: Path, settings: Settings, output: Path) -> None:
    """Choose on validation rows, fit again, predict the test rows of all tasks."""
    import torch

    torch.set_num_threads(int(settings.get("threads", 1)))
    report = Report("torch-rechub." + settings["model"], settings)
    rows = read_rows(folder)
    wide = wide_of(folder, rows, settings)
    rows = rows.filter(pl.col("split") >= 0).select("row", "split")
    learner, split_R = Learner(wide, settings), rows["split"].to_numpy()
    chosen = choose(learner, split_R, settings, report)
    both_T, test_T = (np.flatnonzero(np.isin(split_R, parts)) for parts in ((0, 1), (2,)))
    trial = learner.train(both_T, chosen, int(chosen["epochs"]), None)
    said_TT = learner.predict(trial.model, test_T, chosen)
    said = {name: said_TT[:, at].astype(np.float64) for at, name in enumerate(learner.kinds)}
    pl.DataFrame({"row": rows["row"].to_numpy()[test_T], **said}).write_parquet(
        output / "predictions.parquet"
    )
    report.notes = {
        "given": wide.told(),
        "rows": trial.rows,
        "train_cpu_seconds": trial.clock.cpu,
        "train_wall_seconds": trial.clock.wall,
        "rows_per_cpu_second": trial.rows / trial.clock.cpu,
    }
    report.write(output)


if __name__ == "__main__":
    run_main(work)
