"""Rows with features as wide tables: codes, bags of codes, standardised numbers, labels of several tasks.

For peers that take one row at a time and all tasks together. Codes, means and deviations are learned from
training rows alone (split 0); what those never held, and a missing value, is code 0. Whatever a sequence
holds lies strictly before the time of its row.
Shapes: R rows, L places, F numbers, T tasks.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.peers.exchange import Settings

SKEWED = 3.0  # numbers that are never negative and skewer than this are read as log(1 + x)
OFTEN_MISSING = 0.01  # numbers missing in a larger share of training rows get a column that says so
FARTHEST = 8.0  # standard deviations


@dataclass(frozen=True)
class Wide:
    """All rows that learn or are asked (split 0 and above); code 0 is nothing."""

    code: dict[str, np.ndarray]  # column -> (R,) int64
    bag: dict[str, np.ndarray]  # list or sequence -> (R, L) int64, padded with 0
    owner: dict[str, str]  # bag -> the column whose codes it has
    codes: dict[str, int]  # size of each code range
    names: list[str]  # of the numbers
    number_RF: np.ndarray  # float32
    label_RT: np.ndarray  # float32; those of regressions standardised
    mean_T: np.ndarray  # what undoes that: 0 and 1 where nothing was done
    deviation_T: np.ndarray

    def told(self) -> dict[str, Any]:
        """What was given, for the report."""
        bags = {name: list(bag_RL.shape[1:]) for name, bag_RL in self.bag.items()}
        return {"sparse": self.codes, "bags": bags, "numbers": self.names}


def wide_of(folder: Path, rows: pl.DataFrame, settings: Settings) -> Wide:
    """Everything that the settings name, of rows that learn or are asked; sequences hold the others too.

    Args:
        folder: With ``features.json``.
        rows: Of ``rows.parquet``.
        settings: ``tasks``; ``sparse`` and what ``also`` of the grid adds, columns; ``bags``, list columns
            and how many places each gets; ``sequences``, names of sequences of the items that the user had
            before, of all events or of those in which one of some signals is above 0; ``length`` of those.
    """
    told = json.loads((folder / "features.json").read_text(encoding="utf8"))
    train_R = rows["split"].to_numpy() == 0
    more = [name for setting in settings["grid"] for name in setting.get("also", [])]
    code, codes, owner = {}, {}, {}
    for name in dict.fromkeys([*settings["sparse"], *more]):
        code[name], codes[name] = codes_of(rows[name], train_R)
    bag = {}
    for name, places in settings.get("bags", {}).items():
        bag[name], codes[name] = bag_of(rows[name], train_R, places)
    for name, signals in settings.get("sequences", {}).items():
        owner[name], codes[name] = "item", codes["item"]
        bag[name] = seen_before(rows, code["item"], signals, int(settings["length"]))
    apart = {*told["categorical"], *(f"f.{name}" for name in code)}
    plain = [name for name in told["features"] if name not in apart]
    names, number_RF = numbers_of(rows, plain, train_R)
    asked_R = rows["split"].to_numpy() >= 0
    label_RT, mean_T, deviation_T = labels_of(rows, settings["tasks"], train_R)
    return Wide(
        {name: code_R[asked_R] for name, code_R in code.items()},
        {name: bag_RL[asked_R] for name, bag_RL in bag.items()},
        owner,
        codes,
        names,
        number_RF[asked_R],
        label_RT[asked_R],
        mean_T,
        deviation_T,
    )


def codes_of(column: pl.Series, train_R: np.ndarray) -> tuple[np.ndarray, int]:
    """Codes from 1 of the values that training rows hold, and how many there are with 0."""
    values = column.cast(pl.String)
    known = values.filter(pl.Series(train_R)).drop_nulls().unique().sort()
    table = pl.DataFrame({"value": known, "code": np.arange(1, len(known) + 1)})
    found = pl.DataFrame({"value": values}).join(table, on="value", how="left", maintain_order="left")
    return found["code"].fill_null(0).to_numpy().astype(np.int64), len(known) + 1


def bag_of(column: pl.Series, train_R: np.ndarray, places: int) -> tuple[np.ndarray, int]:
    """The first values of each list as codes, ``(R, places)``."""
    lists = column.list.eval(pl.element().cast(pl.String))
    owner = np.repeat(np.arange(len(lists)), lists.list.len().fill_null(0).to_numpy())
    flat = lists.filter(lists.list.len() > 0).explode()
    code_F, count = codes_of(flat, train_R[owner])
    place_F = np.arange(len(owner)) - np.searchsorted(owner, owner)
    bag_RL = np.zeros((len(lists), places), np.int64)
    kept_F = place_F < places
    bag_RL[owner[kept_F], place_F[kept_F]] = code_F[kept_F]
    return bag_RL, count


def seen_before(rows: pl.DataFrame, item_R: np.ndarray, signals: list[str], length: int) -> np.ndarray:
    """The user's last items strictly before each row, latest first, ``(R, length)``.

    Args:
        rows: With ``user`` and ``time``.
        item_R: Their codes; what has code 0 takes a place all the same.
        signals: An event counts where one of them is above 0; none: all events count.
        length: Places.
    """
    user_R, time_R = rows["user"].to_numpy(), rows["time"].to_numpy()
    counts_R = np.ones(len(rows), bool)
    if signals:
        counts_R = rows.select(pl.any_horizontal(pl.col(signals) > 0).fill_null(False)).to_series().to_numpy()
    order_E = np.lexsort((time_R, user_R))  # stable: equal times stay in the order of the file
    user_E, time_E = user_R[order_E], time_R[order_E]
    new_E = np.r_[True, (user_E[1:] != user_E[:-1]) | (time_E[1:] != time_E[:-1])]
    moment_E = np.maximum.accumulate(np.where(new_E, np.arange(len(order_E)), 0))
    begin_E = np.searchsorted(user_E, user_E)
    kept_H = np.flatnonzero(counts_R[order_E])
    end_E, start_E = np.searchsorted(kept_H, moment_E), np.searchsorted(kept_H, begin_E)
    place_EL = end_E[:, None] - 1 - np.arange(length)
    has_EL = place_EL >= start_E[:, None]
    item_H = item_R[order_E][kept_H] if len(kept_H) else np.zeros(1, np.int64)
    found_RL = np.zeros((len(rows), length), np.int64)
    found_RL[order_E] = np.where(has_EL, item_H[np.where(has_EL, place_EL, 0)], 0)
    return found_RL


def numbers_of(rows: pl.DataFrame, names: list[str], train_R: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Standardised numbers, a missing one as the mean, and columns that say where one is missing."""
    told, found = [], []
    for name in names:
        number_R = rows[name].cast(pl.Float64).fill_null(float("nan")).to_numpy().copy()
        missing_R = np.isnan(number_R)
        known_R = number_R[train_R & ~missing_R]
        if len(known_R) and known_R.min() >= 0 and _skewness(known_R) > SKEWED:
            number_R, known_R = np.log1p(np.maximum(number_R, 0)), np.log1p(known_R)
        deviation = known_R.std() if len(known_R) else 0.0
        if deviation > 1e-9:
            told.append(name)
            standard_R = (number_R - known_R.mean()) / deviation
            found.append(np.nan_to_num(standard_R).clip(-FARTHEST, FARTHEST).astype(np.float32))
        if OFTEN_MISSING < missing_R[train_R].mean() < 1:
            told.append(f"{name}.missing")
            found.append(missing_R.astype(np.float32))
    return told, np.stack(found, 1)


def _skewness(known_R: np.ndarray) -> float:
    deviation = known_R.std()
    return float((((known_R - known_R.mean()) / deviation) ** 3).mean()) if deviation > 1e-9 else 0.0


def labels_of(
    rows: pl.DataFrame, tasks: dict[str, str], train_R: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels ``(R, T)``, those of regressions standardised by the training rows; means and deviations."""
    label_RT = rows.select(pl.col(list(tasks)).cast(pl.Float64)).fill_null(float("nan")).to_numpy().copy()
    numeric_T = np.array([kind == "regression" for kind in tasks.values()])
    known_RT = label_RT[train_R]
    mean_T = np.where(numeric_T, known_RT.mean(0), 0.0)
    deviation_T = np.where(numeric_T, known_RT.std(0), 1.0)
    return ((label_RT - mean_T) / deviation_T).astype(np.float32), mean_T, deviation_T
