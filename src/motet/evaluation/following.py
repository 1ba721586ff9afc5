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

from motet.config.tasks import Binary, Task
from motet.data.counting import known_after
from motet.data.timelines import TEST, VALID, Timelines
from motet.evaluation.protocol import View
from motet.evaluation.scoring import Answers, Ranked, Scored
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


def follow(said_R: np.ndarray, time_R: np.ndarray, outcomes: Outcomes) -> np.ndarray:
    """Probabilities ``(R,)`` by the curve of their hour; as they are where a day had too few outcomes.

    Args:
        said_R: Probabilities as the model gives them.
        time_R: When they are asked for, unix ms.
        outcomes: What became known after the hour of a row began does not count for it.
    """
    found_R = said_R.astype(np.float64)
    begin_R = hour_of(time_R)
    for begin in np.unique(begin_R):
        day = outcomes.before(begin)
        curve = fit_curve(outcomes.said_K[day], outcomes.label_K[day])
        if curve is not None:
            mine_R = begin_R == begin
            found_R[mine_R] = curve(said_R[mine_R])
    return found_R


def hour_of(time_R: np.ndarray) -> np.ndarray:
    """When the hours of some times began, unix ms."""
    begin_R: np.ndarray = time_R - time_R % HOUR
    return begin_R


class Following:
    """A model whose probabilities follow the days on test rows; it answers like the model itself.

    On validation rows, where level and slope are fitted, and where the history is frozen, it says what the
    model says.

    Args:
        answers: The model.
        tasks: The tasks that it has heads for.
        log: The timelines.
    """

    def __init__(self, answers: Answers, tasks: Sequence[Task], log: Timelines) -> None:
        self.answers, self.log = answers, log
        binary = {task.name: task.after for task in tasks if isinstance(task, Binary)}
        self.after = {name: after if after in binary else None for name, after in binary.items()}
        self.delay = known_after(tasks)

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
        outcomes = self.outcomes(view, self.log.time_N[np.concatenate(rows)], said)
        found: dict[str, Scored] = dict(said)
        for name in sorted(outcomes, key=lambda each: len(self.chain(each))):
            mine, earlier = said[name], self.after[name]
            given_R = mine.prediction_R / before_of(said, mine, earlier)
            given_R = follow(given_R, self.log.time_N[mine.row_R], outcomes[name])
            found[name] = replace(mine, prediction_R=given_R * before_of(found, mine, earlier))
        return found

    def chain(self, task: str) -> list[str]:
        """A task and what it follows, the first of all first."""
        earlier = self.after[task]
        return [*(self.chain(earlier) if earlier else []), task]

    def outcomes(
        self, view: View, time_R: np.ndarray, tested: Mapping[str, Scored] | None = None
    ) -> dict[str, Outcomes]:
        """What can be known of each binary task of a view when rows of some times are asked about.

        Of a task that follows another: its probability given that, where that has happened.

        Args:
            view: Rows and history.
            time_R: The times, unix ms.
            tested: Predictions of the view's test rows where they are there already.

        Returns:
            Task -> outcomes; nothing where no day has enough, or where the rows of a chain differ.
        """
        names = [name for name in view.tasks if name in self.after]
        if not self.enough(view, time_R):
            return {}
        begin_R = hour_of(time_R)
        since = begin_R.min() - WINDOW - max(self.delay[name] for name in names)
        recent_N = (self.log.time_N >= since) & (self.log.time_N < begin_R.max())
        tested = self._recent(view, TEST, names, recent_N) if tested is None else tested
        whole = [each for each in (self._recent(view, VALID, names, recent_N), tested) if each]
        apart = {name for name in self.after if not all(self._whole(each, name) for each in whole)}
        return {name: self._outcomes(whole, name) for name in names if not apart & self._kin(name)}

    def _kin(self, task: str) -> set[str]:
        """The tasks of its chain."""
        return {name for name in self.after if self.chain(name)[0] == self.chain(task)[0]}

    def enough(self, view: View, time_R: np.ndarray) -> bool:
        """Whether any task has outcomes enough for a curve in the day before an hour of some times."""
        if view.history != "rolling" or not self.log.timed:
            return False
        begin_B = np.unique(hour_of(time_R))
        for name in (each for each in view.tasks if each in self.after):
            label_N = self.log.label[name]
            row_K = np.flatnonzero(np.isin(view.part_N, (VALID, TEST)) & ~np.isnan(label_N))
            row_K = row_K[np.argsort(self.log.time_N[row_K], kind="stable")]
            known_K = self.log.time_N[row_K] + self.delay[name]
            yes_K = np.concatenate([[0], np.cumsum(label_N[row_K])])
            first_B, last_B = np.searchsorted(known_K, begin_B - WINDOW), np.searchsorted(known_K, begin_B)
            yes_B = yes_K[last_B] - yes_K[first_B]
            if (np.minimum(yes_B, last_B - first_B - yes_B) >= MANY).any():
                return True
        return False

    def _recent(self, view: View, part: int, names: Sequence[str], recent_N: np.ndarray) -> dict[str, Scored]:
        """What the model says about the recent rows of a part; the others are seen and not asked about."""
        labelled_N = np.logical_or.reduce([~np.isnan(self.log.label[name]) for name in names])
        if not (recent_N & labelled_N & (view.part_N == part)).any():
            return {}
        part_N = np.where((view.part_N == part) & ~recent_N, part - 1, view.part_N)
        return self.answers.rows(replace(view, tasks=tuple(names), part_N=part_N), part)

    def _whole(self, said: Mapping[str, Scored], name: str) -> bool:
        """Whether what a task follows was asked about on all of its rows."""
        earlier = self.after[name]
        if name not in said or earlier is None:
            return name in said
        return earlier in said and bool(np.isin(said[name].row_R, said[earlier].row_R).all())

    def _outcomes(self, said: Sequence[Mapping[str, Scored]], name: str) -> Outcomes:
        parts, earlier = [], self.after[name]
        delay = max(self.delay[each] for each in self.chain(name))
        for each in said:
            mine = each[name]
            happened_R = np.ones(len(mine.row_R), bool)
            if earlier is not None:
                happened_R = each[earlier].label_R[places(each[earlier], mine)] == 1
            given_R = mine.prediction_R / before_of(each, mine, earlier)
            known_R = self.log.time_N[mine.row_R] + delay
            parts.append((known_R[happened_R], given_R[happened_R], mine.label_R[happened_R]))
        known_K, said_K, label_K = (np.concatenate(column) for column in zip(*parts, strict=True))
        return Outcomes.of(known_K, said_K, label_K)


def before_of(said: Mapping[str, Scored], mine: Scored, earlier: str | None) -> np.ndarray:
    """Probabilities of what a task follows on the task's rows ``(R,)``; 1 where it follows nothing."""
    if earlier is None:
        return np.ones(len(mine.row_R))
    found_R: np.ndarray = said[earlier].prediction_R[places(said[earlier], mine)].astype(np.float64)
    return found_R.clip(1e-9)


def places(of: Scored, mine: Scored) -> np.ndarray:
    """Where one task's rows stand among another's, which are ascending and hold them all."""
    found_R: np.ndarray = np.searchsorted(of.row_R, mine.row_R)
    return found_R
