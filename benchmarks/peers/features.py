"""Hand-made point-in-time features of an event table, for the boosted trees that Motet is compared with.

Written apart from Motet's own counters on purpose: a peer must not share a mistake with what it judges.
Whatever a row is told lies strictly before its time; rows of equal time do not see each other.
Input: ``events.parquet`` (user, item, time in ms, split 0 train / 1 valid / 2 test, signals, context), and,
when there, ``items.parquet`` and ``users.parquet``. Output: ``rows.parquet`` (the events' columns and the
features) and ``features.json`` (their names). Settings: README.md. Shapes: E rows of a key, sorted, R rows
of the log, V values.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.peers.exchange import Report, Settings, run_main

HOUR = 3_600_000.0
SESSION = 0.5 * HOUR
Columns = dict[str, np.ndarray]


@dataclass(frozen=True)
class Groups:
    """Rows sorted by a key and time: who comes before whom."""

    row_E: np.ndarray  # the row of the log
    time_E: np.ndarray  # ms
    start_E: np.ndarray  # where the row's key begins
    first_E: np.ndarray  # where the row's run of equal time begins
    visible_E: np.ndarray  # does the row count for later ones

    @classmethod
    def of(cls, row_E: np.ndarray, key_E: np.ndarray, time_R: np.ndarray, visible_R: np.ndarray) -> "Groups":
        """Group the rows ``row_E`` of the log by the key that each has; a row may occur with several keys."""
        order_E = np.lexsort((time_R[row_E], key_E))
        row_E, key_E = row_E[order_E], key_E[order_E]
        time_E, place_E = time_R[row_E], np.arange(len(row_E))
        new_key_E = np.r_[True, key_E[1:] != key_E[:-1]]
        new_time_E = new_key_E | np.r_[True, time_E[1:] != time_E[:-1]]
        start_E = np.maximum.accumulate(np.where(new_key_E, place_E, 0))
        first_E = np.maximum.accumulate(np.where(new_time_E, place_E, 0))
        return cls(row_E, time_E, start_E, first_E, visible_R[row_E])

    @property
    def gap_E(self) -> np.ndarray:
        """Milliseconds since the row before of the same key (endless for the first)."""
        inside_E = self.start_E != np.arange(len(self.row_E))
        return np.where(inside_E, np.diff(self.time_E, prepend=self.time_E[:1]).astype(float), np.inf)

    def fading(self, half_life: float | None) -> np.ndarray:
        """What is left of the past from one row to the next, ``(E,)``; without a half-life (ms) all of it."""
        gap_E = self.gap_E
        left_E = 1.0 if half_life is None else np.exp2(-np.minimum(gap_E, 1e15) / half_life)
        return np.where(np.isinf(gap_E), 0.0, left_E)

    def before(self, value_EV: np.ndarray, keep_E: np.ndarray, at_once: bool = False) -> np.ndarray:
        """Sum of the values strictly before each row's time, ``(E, V)``.

        Args:
            value_EV: What each row adds; what is not visible adds nothing.
            keep_E: The share of the past that is left when a row is reached, 0 where a key begins.
            at_once: The share is lost when the row has happened, not on the way to it.
        """
        sum_EV, keep_E1 = np.where(self.visible_E[:, None], value_EV, 0.0), keep_E[:, None].copy()
        step = 1
        while step < len(sum_EV):  # s[i] = v[i] + keep[i] * s[i - 1] for all i, by doubling
            sum_EV[step:] += keep_E1[step:] * sum_EV[:-step].copy()
            keep_E1[step:] *= keep_E1[:-step].copy()
            keep_E1[:step] = 0.0
            step *= 2
        last_E = self.first_E - 1
        left_E = np.where(last_E >= self.start_E, 1.0 if at_once else keep_E[self.first_E], 0.0)
        return sum_EV[last_E] * left_E[:, None]

    def since_last(self) -> np.ndarray:
        """Hours since the last visible row strictly before, ``(E,)``; NaN without one."""
        seen_E = np.maximum.accumulate(np.where(self.visible_E, np.arange(len(self.row_E)), -1))
        last_E = np.where(self.first_E > 0, seen_E[self.first_E - 1], -1)
        hours_E = (self.time_E - self.time_E[last_E]) / HOUR
        return np.where(last_E >= self.start_E, hours_E, np.nan)


def running_means(signal_RV: np.ndarray, time_R: np.ndarray, visible_R: np.ndarray) -> np.ndarray:
    """Mean of each signal over everything strictly before, ``(R, V)``: what a rate is pulled to."""
    row_E = np.arange(len(time_R))
    groups = Groups.of(row_E, np.zeros(len(row_E), np.int64), time_R, visible_R)
    known_EV = np.nan_to_num(signal_RV[groups.row_E])
    count_EV = (~np.isnan(signal_RV[groups.row_E])).astype(float)
    keep_E = groups.fading(None)
    mean_EV = groups.before(known_EV, keep_E) / np.maximum(groups.before(count_EV, keep_E), 1.0)
    mean_RV = np.empty_like(mean_EV)
    mean_RV[groups.row_E] = mean_EV
    return mean_RV


@dataclass(frozen=True)
class Log:
    """The log as arrays, and what of it is visible."""

    time_R: np.ndarray
    signal_RV: np.ndarray
    names: list[str]
    visible_R: np.ndarray
    prior_RV: np.ndarray
    smoothing: float

    def rates(self, name: str, groups: Groups, keep_E: np.ndarray, at_once: bool = False) -> Columns:
        """Past count and smoothed means of a key; several keys of one row are pooled."""
        signal_EV = self.signal_RV[groups.row_E]
        known_EV = (~np.isnan(signal_EV)).astype(float)
        sum_EV = groups.before(np.nan_to_num(signal_EV), keep_E, at_once)
        count_EV = groups.before(known_EV, keep_E, at_once)
        event_E1 = groups.before(np.ones((len(keep_E), 1)), keep_E, at_once)
        sum_RV, count_RV = self._pooled(groups, sum_EV), self._pooled(groups, count_EV)
        rate_RV = (sum_RV + self.smoothing * self.prior_RV) / (count_RV + self.smoothing)
        columns = {f"{name}.{signal}": rate_RV[:, place] for place, signal in enumerate(self.names)}
        return {f"{name}.count": np.log1p(self._pooled(groups, event_E1)[:, 0]), **columns}

    def _pooled(self, groups: Groups, value_EV: np.ndarray) -> np.ndarray:
        rows = len(self.time_R)
        parts = [np.bincount(groups.row_E, value_EV[:, v], rows) for v in range(value_EV.shape[1])]
        return np.stack(parts, axis=1)

    def since(self, groups: Groups) -> np.ndarray:
        """Hours since the key last occurred; of several keys of a row the most recent."""
        hours_R = np.full(len(self.time_R), np.inf)
        np.fmin.at(hours_R, groups.row_E, groups.since_last())
        return np.where(np.isinf(hours_R), np.nan, hours_R)


def keyed(events: pl.DataFrame, columns: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Rows and dense keys of a combination of columns; a list-valued column gives a row several keys."""
    table = events.select(*columns).with_row_index("row")
    for column in columns:
        if isinstance(table[column].dtype, pl.List):
            table = table.explode(column)
    table = table.drop_nulls().with_columns(key=pl.struct(columns).rank("dense"))
    return table["row"].to_numpy().astype(np.int64), table["key"].to_numpy().astype(np.int64)


def history_columns(events: pl.DataFrame, visible_R: np.ndarray, settings: Settings) -> Columns:
    """Everything that is counted of the past, as a rolling view in which only visible rows count."""
    time_R = events["time"].to_numpy().astype(np.int64)
    names = settings["signals"]
    signal_RV = events.select(pl.col(names).cast(pl.Float64).fill_null(float("nan"))).to_numpy()
    prior_RV = running_means(signal_RV, time_R, visible_R)
    log = Log(time_R, signal_RV, names, visible_R, prior_RV, float(settings.get("smoothing", 10.0)))
    columns: Columns = {}
    for key in settings["keys"]:
        name, groups = "+".join(key), Groups.of(*keyed(events, key), time_R, visible_R)
        columns |= log.rates(name, groups, groups.fading(None))
        columns[f"{name}.since"] = log.since(groups)
        if key in settings.get("faded", []):
            for hours in settings.get("half_lives", [24]):
                columns |= log.rates(f"{name}.{hours}h", groups, groups.fading(hours * HOUR))
        if key == ["user"]:
            columns |= recent_columns(log, groups)
    return columns


def recent_columns(log: Log, groups: Groups) -> Columns:
    """The user's last few events (each older one counts 0.7 as much), and those of this session."""
    inside_E = ~np.isinf(groups.gap_E)
    weaker_E = np.where(inside_E, np.where(groups.visible_E, 0.7, 1.0), 0.0)
    session_E = (groups.gap_E < SESSION).astype(float)
    session = log.rates("session", groups, session_E)
    return {**log.rates("recent", groups, weaker_E, at_once=True), "session.count": session["session.count"]}


def plain_columns(events: pl.DataFrame, settings: Settings) -> tuple[Columns, list[str]]:
    """Columns as they are, the clock and the item's age; and the names of the categorical ones."""
    columns: Columns = {}
    categorical: list[str] = []
    for name in settings.get("plain", []):
        series = events[name]
        if series.dtype == pl.String:
            series = series.cast(pl.Categorical).to_physical()
            categorical.append(name)
        columns[name] = series.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    hour_R = (events["time"].to_numpy() / HOUR) + float(settings.get("utc_offset_hours", 0))
    columns |= {"hour": np.floor(hour_R % 24), "weekday": np.floor(hour_R / 24) % 7}
    if "item_time" in events.columns:
        columns["item_age"] = ((events["time"] - events["item_time"]) / HOUR).to_numpy()
    return columns, list(dict.fromkeys(categorical + settings.get("categorical", [])))


def read_events(folder: Path) -> pl.DataFrame:
    """The log with the columns of its items and users joined on."""
    events = pl.read_parquet(folder / "events.parquet")
    for side in ("item", "user"):
        path = folder / f"{side}s.parquet"
        if path.exists():
            events = events.join(pl.read_parquet(path), on=side, how="left", maintain_order="left")
    return events


def build(events: pl.DataFrame, settings: Settings) -> tuple[pl.DataFrame, list[str], list[str]]:
    """All features of every row.

    ``history: rolling``: a row sees whatever came before it, test rows included. ``history: frozen``:
    validation rows see the training part only, test rows training and validation.

    Returns:
        The rows, the names of the features and those of the categorical ones.
    """
    split_R = events["split"].to_numpy()
    columns, categorical = plain_columns(events, settings)
    if settings.get("history", "rolling") == "rolling":
        columns |= history_columns(events, np.ones(len(events), dtype=bool), settings)
    else:
        train = history_columns(events, split_R == 0, settings)
        later = history_columns(events, split_R <= 1, settings)
        columns |= {name: np.where(split_R == 2, later[name], train[name]) for name in train}
    table = pl.DataFrame({f"f.{name}": value.astype(np.float32) for name, value in columns.items()})
    lists = [name for name, kind in events.schema.items() if kind == pl.List]
    rows = events.drop(set(lists) - set(settings.get("lists", []))).with_row_index("row").hstack(table)
    return rows, table.columns, [f"f.{name}" for name in categorical]


def work(folder: Path, settings: Settings, output: Path) -> None:
    """Write the rows with their features."""
    report = Report("features", settings)
    rows, names, categorical = build(read_events(folder), settings)
    rows.write_parquet(output / "rows.parquet")
    told = {"features": names, "categorical": categorical}
    (output / "features.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf8")
    report.notes = {"rows": len(rows), "features": len(names)}
    report.write(output)


if __name__ == "__main__":
    run_main(work)
