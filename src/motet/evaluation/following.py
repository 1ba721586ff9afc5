"""Calibration that follows the days: what a model says is held against the outcomes of the last day.

What is fitted when training is over ages: rates rise and fall, and a model that no longer trains grows too
sure or too shy. So a probability is corrected by the curve of its hour, fitted on rows of the day before that
hour which did not train and whose outcomes were known by then. Which curve that is depends on the log alone,
never on which rows are asked about together.
Shapes: R rows asked about, K rows with known outcomes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from motet.config import Config
from motet.config.tasks import Binary, Task
from motet.data.counting import counted_before, known_after
from motet.data.timelines import TEST, VALID, Timelines
from motet.evaluation.protocol import View
from motet.evaluation.scoring import Answers, Ranked, Scored, Scorer
from motet.tasks.calibration import MANY, fit_curve

HOUR = 3_600_000  # ms for which a curve holds
WINDOW = 24 * HOUR  # ms of outcomes that it is fitted on


@dataclass(frozen=True)
class Outcomes:
    """Rows whose labels became known, in the order in which they did.

    Args:
        known_K: When, unix ms, ascending.
        said_K: Probabilities that the model had given them.
        label_K: 0 or 1.
    """

    known_K: np.ndarray
    said_K: np.ndarray
    label_K: np.ndarray

    @classmethod
    def of(cls, known_K: np.ndarray, said_K: np.ndarray, label_K: np.ndarray) -> "Outcomes":
        """From rows in any order."""
        order = np.argsort(known_K, kind="stable")
        return cls(known_K[order], said_K[order].astype(np.float64), label_K[order])

    def before(self, begin: int) -> slice:
        """The rows whose labels became known in the day before a time."""
        return slice(*np.searchsorted(self.known_K, [begin - WINDOW, begin]))


def follow(said_R: np.ndarray, hour_R: np.ndarray, outcomes: Outcomes) -> np.ndarray:
    """Probabilities ``(R,)`` by the curve of their hour; as they are where a day had too few outcomes.

    Args:
        said_R: Probabilities as the model gives them.
        hour_R: When the hours in which they are asked for began, unix ms.
        outcomes: What became known after the hour of a row began does not count for it.
    """
    found_R = said_R.astype(np.float64)
    for hour in np.unique(hour_R):
        day = outcomes.before(hour)
        curve = fit_curve(outcomes.said_K[day], outcomes.label_K[day])
        if curve is not None:
            mine_R = hour_R == hour
            found_R[mine_R] = curve(said_R[mine_R])
    return found_R


def hour_of(time_R: np.ndarray) -> np.ndarray:
    """When the hours of some times began, unix ms."""
    hour_R: np.ndarray = time_R - time_R % HOUR
    return hour_R


class Following:
    """A model whose probabilities follow the days on test rows; it answers like the model itself.

    On validation rows, where level and slope are fitted, and where the history is frozen, it says what the
    model says.

    Args:
        answers: The model.
        tasks: The tasks that it has heads for.
        log: The timelines.
    """

    @classmethod
    def of(cls, scorer: Scorer, config: Config, log: Timelines) -> "Following":
        """Of a model that knows some of the tasks of a configuration."""
        return cls(scorer, [task for task in config.tasks if scorer.has(task.name)], log)

    def __init__(self, answers: Answers, tasks: Sequence[Task], log: Timelines) -> None:
        self.answers, self.log = answers, log
        binary = {task.name: task.after for task in tasks if isinstance(task, Binary)}
        self.after = {name: after if after in binary else None for name, after in binary.items()}
        self.delay = known_after(tasks)
        self.last: tuple[object, dict[str, Outcomes]] | None = None

    def ranks(self, task: str) -> bool:
        """Whether a task of that name ranks a catalogue."""
        return self.answers.ranks(task)

    def next_item(self, view: View, task: str, part: int, k: int) -> Ranked:
        """Ranks for a `next_item` task, as the model has them."""
        return self.answers.next_item(view, task, part, k)

    def rows(self, view: View, part: int) -> dict[str, Scored]:
        """Predictions of the view's row tasks."""
        said = self.answers.rows(view, part)
        rows = [scored.row_R for name, scored in said.items() if name in self.after]
        if part != TEST or not rows:
            return said
        hour_N = self.hours(counted_before(self.log))
        outcomes = self.outcomes(view, hour_N[np.concatenate(rows)], said)
        found: dict[str, Scored] = dict(said)
        for name in sorted(outcomes, key=lambda each: len(self.chain(each))):
            mine, earlier = said[name], self.after[name]
            before_R = before_of(said, mine, earlier)
            now_R = before_of(found, mine, earlier) * follow(
                mine.prediction_R / before_R, hour_N[mine.row_R], outcomes[name]
            )
            found[name] = replace(mine, prediction_R=np.where(np.isnan(now_R), mine.prediction_R, now_R))
        return found

    def hours(self, time_R: np.ndarray) -> np.ndarray:
        """The hours whose curves are those of some times, unix ms: after the log's end, that of its end."""
        end = -(-int(self.log.time_N.max(initial=0) + 1) // HOUR) * HOUR
        hour_R: np.ndarray = np.minimum(hour_of(time_R), end)
        return hour_R

    def chain(self, task: str) -> list[str]:
        """A task and what it follows, the first of all first."""
        earlier = self.after[task]
        return [*(self.chain(earlier) if earlier else []), task]

    def outcomes(
        self, view: View, hour_R: np.ndarray, tested: Mapping[str, Scored] | None = None
    ) -> dict[str, Outcomes]:
        """What can be known of each binary task of a view when rows of some hours are asked about.

        Of a task that follows another: its probability given that, where that has happened. A chain of which
        a part stands in another view is left out.

        Args:
            view: Rows and history.
            hour_R: When the hours began, unix ms.
            tested: Predictions of the view's test rows where they are there already.

        Returns:
            Task -> outcomes; nothing where no day has enough.
        """
        names = [name for name in view.tasks if name in self.after and self._kin(name) <= set(view.tasks)]
        if not names or not self.enough(view, hour_R):
            return {}
        recent_N = self._recent(np.unique(hour_R), max(self.delay[name] for name in names))
        tested = self._heard(view, TEST, names, recent_N) if tested is None else tested
        said = (self._heard(view, VALID, names, recent_N), tested)
        return {name: self._outcomes(said, name) for name in names}

    def asked_again(self, view: View, hour_R: np.ndarray) -> dict[str, Outcomes]:
        """The same; what was asked last is remembered."""
        key = (view.tasks, view.part_N.tobytes(), np.unique(hour_R).tobytes())
        if self.last is None or self.last[0] != key:
            self.last = key, self.outcomes(view, hour_R)
        return self.last[1]

    def _kin(self, task: str) -> set[str]:
        """The tasks of its chain."""
        return {name for name in self.after if self.chain(name)[0] == self.chain(task)[0]}

    def enough(self, view: View, hour_R: np.ndarray) -> bool:
        """Whether any task has outcomes enough for a curve of some hours."""
        if view.history != "rolling" or not self.log.timed:
            return False
        hour_B = np.unique(hour_R)
        for name in (each for each in view.tasks if each in self.after):
            label_N = self.log.label[name]
            row_K = np.flatnonzero(np.isin(view.part_N, (VALID, TEST)) & ~np.isnan(label_N))
            row_K = row_K[np.argsort(self.log.time_N[row_K], kind="stable")]
            known_K = self.log.time_N[row_K] + self.delay[name]
            yes_K = np.concatenate([[0], np.cumsum(label_N[row_K], dtype=np.int64)])
            first_B, last_B = np.searchsorted(known_K, hour_B - WINDOW), np.searchsorted(known_K, hour_B)
            yes_B = yes_K[last_B] - yes_K[first_B]
            if (np.minimum(yes_B, last_B - first_B - yes_B) >= MANY).any():
                return True
        return False

    def _recent(self, hour_B: np.ndarray, delay: int) -> np.ndarray:
        """Rows that may have become known on the day before any of some hours, boolean ``(N,)``."""
        time_N = self.log.time_N
        next_N = np.append(hour_B, np.iinfo(np.int64).max)[np.searchsorted(hour_B, time_N, side="right")]
        recent_N: np.ndarray = (next_N <= hour_B[-1]) & (next_N - time_N <= WINDOW + delay)
        return recent_N

    def _heard(self, view: View, part: int, names: Sequence[str], recent_N: np.ndarray) -> dict[str, Scored]:
        """What the model says about the recent rows of a part; the others are seen and not asked about."""
        mine_N = recent_N & (view.part_N == part)
        has = tuple(name for name in names if (mine_N & ~np.isnan(self.log.label[name])).any())
        if not has:
            return {}
        part_N = np.where((view.part_N == part) & ~recent_N, part - 1, view.part_N)
        return self.answers.rows(replace(view, tasks=has, part_N=part_N), part)

    def _outcomes(self, said: Sequence[Mapping[str, Scored]], name: str) -> Outcomes:
        parts, earlier = [], self.after[name]
        delay = max(self.delay[each] for each in self.chain(name))
        for each in (found for found in said if name in found):
            mine = each[name]
            given_R = mine.prediction_R / before_of(each, mine, earlier)
            counts_R = ~np.isnan(given_R)
            if earlier is not None:
                counts_R &= self.log.label[earlier][mine.row_R] == 1
            known_R = self.log.time_N[mine.row_R] + delay
            parts.append((known_R[counts_R], given_R[counts_R], mine.label_R[counts_R]))
        columns = zip(*parts, strict=True) if parts else ([np.zeros(0)],) * 3
        known_K, said_K, label_K = (np.concatenate(column) for column in columns)
        return Outcomes.of(known_K, said_K, label_K)


def before_of(said: Mapping[str, Scored], mine: Scored, earlier: str | None) -> np.ndarray:
    """Probabilities of what a task follows on the task's rows ``(R,)``: 1 where it follows nothing.

    NaN on rows on which nobody was asked about it.
    """
    if earlier is None:
        return np.ones(len(mine.row_R))
    found_R = np.full(len(mine.row_R), np.nan)
    if earlier in said:
        of = said[earlier]
        place_R = np.searchsorted(of.row_R, mine.row_R).clip(max=len(of.row_R) - 1)
        same_R = of.row_R[place_R] == mine.row_R
        found_R[same_R] = of.prediction_R[place_R[same_R]].clip(1e-9)
    return found_R
