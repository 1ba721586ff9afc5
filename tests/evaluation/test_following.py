"""Calibration that follows the days: curves of outcomes that were known by then."""

from dataclasses import replace

import numpy as np
import pytest

from motet.config.tasks import Binary
from motet.data.timelines import TEST, VALID
from motet.evaluation import following
from motet.evaluation.evaluate import Examiner
from motet.evaluation.following import HOUR, WINDOW, Following, Outcomes, follow, hour_of
from motet.evaluation.protocol import View
from motet.evaluation.scoring import Ranked, Scored, Scorer
from motet.metrics.calibration import ece
from motet.metrics.classes import log_loss
from motet.tasks import calibration
from tests.model.world import LENGTH, changed, material, model

BEGIN = 1_704_067_200_000  # 2024-01-01, unix ms
CLICK = {"name": "click", "kind": "binary", "label": "clicked"}
BUY = {"name": "buy", "kind": "binary", "label": "bought", "after": "click"}


def drifting(days: int = 6, rows: int = 6_000, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times, probabilities that are said, and labels: what is said goes stale by the day."""
    rng = np.random.default_rng(seed)
    time_N = np.sort(rng.integers(0, days * WINDOW, days * rows)) + BEGIN
    said_N = rng.beta(2, 3, len(time_N))
    odds_N = np.log(said_N / (1 - said_N)) * 1.5 + 0.25 * (time_N - BEGIN) / WINDOW
    return time_N, said_N, (rng.random(len(time_N)) < 1 / (1 + np.exp(-odds_N))).astype(np.float64)


def test_what_goes_stale_is_mended_by_the_outcomes_of_the_day_before():
    time_N, said_N, label_N = drifting()
    late_N = time_N >= BEGIN + 2 * WINDOW
    found_R = follow(said_N[late_N], hour_of(time_N[late_N]), Outcomes.of(time_N, said_N, label_N))
    assert ece(label_N[late_N], said_N[late_N]) > 0.1
    assert ece(label_N[late_N], found_R) < 0.03
    assert log_loss(label_N[late_N], found_R) < log_loss(label_N[late_N], said_N[late_N]) - 0.05
    for begin in np.unique(hour_of(time_N[late_N]))[::20]:  # within an hour the order stays
        mine_R = hour_of(time_N[late_N]) == begin
        order = np.argsort(said_N[late_N][mine_R])
        assert (np.diff(found_R[mine_R][order]) > 0).all()


def test_outcomes_count_from_the_hour_after_they_became_known():
    time_N, said_N, label_N = drifting(days=3)
    begin = BEGIN + 2 * WINDOW
    asked_R = (time_N >= begin) & (time_N < begin + HOUR)

    def found(label_N: np.ndarray) -> np.ndarray:
        return follow(said_N[asked_R], hour_of(time_N[asked_R]), Outcomes.of(time_N, said_N, label_N))

    later_N, before_N = time_N >= begin, time_N < begin
    of_old_N = time_N < begin - WINDOW
    np.testing.assert_array_equal(found(np.where(later_N, 1 - label_N, label_N)), found(label_N))
    np.testing.assert_array_equal(found(np.where(of_old_N, 1 - label_N, label_N)), found(label_N))
    last = np.flatnonzero(before_N)[-500:]
    other_N = label_N.copy()
    other_N[last] = 1 - other_N[last]
    assert (found(other_N) != found(label_N)).any()


def test_a_day_with_too_few_outcomes_leaves_what_is_said():
    time_N, said_N, label_N = drifting(rows=calibration.MANY)
    np.testing.assert_array_equal(
        follow(said_N, hour_of(time_N), Outcomes.of(time_N, said_N, label_N)), said_N
    )


class Told:
    """Answers that are known: what is said of every row of the log, by task."""

    def __init__(self, log: "Log", said: dict[str, np.ndarray]) -> None:
        self.log, self.said = log, said
        self.asked: list[tuple[int, int]] = []  # part, rows

    def ranks(self, task: str) -> bool:
        return task == "next"

    def next_item(self, view: View, task: str, part: int, k: int) -> Ranked:
        raise NotImplementedError

    def rows(self, view: View, part: int) -> dict[str, Scored]:
        found = {}
        for name, said_N in self.said.items():
            if name not in view.tasks:
                continue
            row_R = np.flatnonzero((view.part_N == part) & ~np.isnan(self.log.label[name]))
            found[name] = Scored(row_R, np.zeros(len(row_R)), self.log.label[name][row_R], said_N[row_R])
            self.asked.append((part, len(row_R)))
        return found


class Log:
    """What `Following` reads of a log."""

    def __init__(self, time_N: np.ndarray, label: dict[str, np.ndarray]) -> None:
        self.time_N, self.label, self.timed = time_N, label, True
        self.moment_N = np.arange(len(time_N))


def shop() -> tuple[Log, Told, View]:
    """Clicks and what is bought after them, over six days of which the first two validate."""
    time_N, click_N, clicked_N = drifting(rows=20_000)
    rng = np.random.default_rng(1)
    given_N = rng.beta(4, 3, len(time_N))
    bought_N = clicked_N * (rng.random(len(time_N)) < given_N**2)
    log = Log(time_N, {"click": clicked_N, "buy": bought_N.astype(np.float64)})
    part_N = np.where(time_N < BEGIN + 2 * WINDOW, VALID, TEST)
    view = View(("click", "buy"), part_N, "rolling")
    return log, Told(log, {"click": click_N, "buy": click_N * given_N}), view


def tasks(*settings: dict) -> list[Binary]:
    return [Binary(**each) for each in settings]


def test_a_chain_follows_link_by_link_and_what_comes_later_stays_the_less_probable():
    log, told, view = shop()
    said = told.rows(view, TEST)
    told.asked.clear()
    found = Following(told, tasks(CLICK, BUY), log).rows(view, TEST)
    assert (found["buy"].prediction_R <= found["click"].prediction_R).all()
    for name in ("click", "buy"):
        label_R = log.label[name][found[name].row_R]
        assert ece(label_R, found[name].prediction_R) < ece(label_R, said[name].prediction_R) / 2
    day = int((np.abs(log.time_N - (BEGIN + 1.5 * WINDOW)) <= WINDOW / 2).sum())
    assert [rows for part, rows in told.asked if part == VALID] == [day, day]  # no row of the first day


def test_of_a_twin_what_its_model_has_follows_the_days():
    log, told, view = shop()
    del told.said["click"]
    said = told.rows(view, TEST)["buy"]
    found = Following(told, tasks(BUY), log).rows(view, TEST)["buy"]
    assert ece(said.label_R, found.prediction_R) < ece(said.label_R, said.prediction_R) / 2


def test_rows_without_the_label_of_what_a_task_follows_stay_as_they_are():
    log, told, view = shop()
    lacks_N = np.arange(len(log.time_N)) % 50 == 0
    log.label["click"] = np.where(lacks_N, np.nan, log.label["click"])
    said = told.rows(view, TEST)["buy"]
    found = Following(told, tasks(CLICK, BUY), log).rows(view, TEST)["buy"]
    moved_R = found.prediction_R != said.prediction_R
    np.testing.assert_array_equal(moved_R, ~lacks_N[said.row_R])


def test_a_chain_whose_links_stand_in_two_views_is_left_alone():
    log, told, view = shop()
    for mine in (replace(view, tasks=("buy",)), replace(view, tasks=("click",))):
        said = told.rows(mine, TEST)
        found = Following(told, tasks(CLICK, BUY), log).rows(mine, TEST)
        for name in said:
            np.testing.assert_array_equal(found[name].prediction_R, said[name].prediction_R)


def test_a_row_follows_the_hour_in_which_its_request_began():
    """Two rows of one request may lie on both sides of an hour; none knows what came of the other."""
    log, told, view = shop()
    log.moment_N = np.arange(len(log.time_N)) // 2 * 2
    view = replace(view, tasks=("click",))

    def said() -> np.ndarray:
        return Following(told, tasks(CLICK), log).rows(view, TEST)["click"].prediction_R

    row_R = np.flatnonzero(view.part_N == TEST)
    across = np.flatnonzero(hour_of(log.time_N[row_R]) != hour_of(log.time_N[log.moment_N[row_R]]))
    assert len(across) > 10
    before = said()
    log.label["click"][row_R[across] - 1] = 1 - log.label["click"][row_R[across] - 1]
    after = said()
    day = hour_of(log.time_N[row_R]) == hour_of(log.time_N[row_R[across[0]]])
    assert before[across[0]] == after[across[0]]
    assert (before[day] != after[day]).any()  # but what is asked in that hour knows it


def test_after_the_end_of_the_log_the_last_curve_holds():
    log, told, _ = shop()
    made, end = Following(told, tasks(CLICK), log), int(log.time_N.max())
    hours = made.hours(np.array([end - 3 * HOUR, end + 1, end + 5 * WINDOW]))
    np.testing.assert_array_equal(hours[:2], hour_of(np.array([end - 3 * HOUR, end + 1])))
    assert end < hours[2] <= end + HOUR


def test_a_task_without_a_recent_label_does_not_stop_the_others():
    log, told, view = shop()
    late_N = log.time_N > BEGIN + 0.5 * WINDOW
    log.label["buy"] = np.where(late_N, np.nan, log.label["buy"])
    found = Following(told, tasks(CLICK, BUY | {"after": None}), log)
    outcomes = found.outcomes(view, np.array([BEGIN + 2 * WINDOW]))
    assert len(outcomes["buy"].known_K) == 0
    assert len(outcomes["click"].known_K) > 0
    assert all(rows for _, rows in told.asked)


def test_what_was_asked_last_is_remembered():
    log, told, view = shop()
    made = Following(told, tasks(CLICK, BUY), log)
    hour_R = np.array([BEGIN + 3 * WINDOW])
    first = made.asked_again(view, hour_R)
    count = len(told.asked)
    assert made.asked_again(view, hour_R) is first
    assert len(told.asked) == count
    assert made.asked_again(view, hour_R + HOUR) is not first


@pytest.mark.parametrize("count", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_many_positives_are_counted_to_the_last(monkeypatch, count):
    """More than a number of 32 bits tells apart: the positives of old days do not hide those of the last."""
    monkeypatch.setattr(following, "MANY", 1_000)
    log, told, view = shop()
    old = 2**24 * count
    log.time_N = np.concatenate([np.full(old, BEGIN - 9 * WINDOW), log.time_N])
    log.label["click"] = np.concatenate([np.ones(old, np.float32), log.label["click"].astype(np.float32)])
    part_N = np.concatenate([np.full(old, VALID), view.part_N])
    mine = View(("click",), part_N, "rolling")
    assert Following(told, tasks(CLICK), log).enough(mine, np.array([BEGIN + 3 * WINDOW]))


@pytest.mark.parametrize("case", ["frozen", "validation", "no times", "too few"])
def test_elsewhere_the_model_is_heard_as_it_is(case):
    log, told, view = shop()
    part = VALID if case == "validation" else TEST
    if case == "frozen":
        view = replace(view, history="frozen")
    if case == "no times":
        log.timed = False
    if case == "too few":
        log.label = {name: np.where(log.time_N % 100 == 0, each, np.nan) for name, each in log.label.items()}
    said = told.rows(view, part)
    told.asked.clear()
    found = Following(told, tasks(CLICK, BUY), log).rows(view, part)
    assert {each for each, _ in told.asked} == {part}  # nobody is asked about other rows in vain
    for name in said:
        np.testing.assert_array_equal(found[name].prediction_R, said[name].prediction_R)


def test_a_label_that_waits_counts_when_its_window_is_over():
    log, told, view = shop()
    waits = {"of": "impression", "event": "click", "within": "1d"}
    (task,) = tasks(CLICK | {"label": waits})
    now = Following(told, [task], log)
    begin = BEGIN + 3 * WINDOW
    outcomes = now.outcomes(replace(view, tasks=("click",)), np.array([begin]))["click"]
    day = outcomes.before(begin)
    wanted = (log.time_N >= begin - 2 * WINDOW) & (log.time_N < begin - WINDOW)
    np.testing.assert_array_equal(outcomes.said_K[day], told.said["click"][wanted])


@pytest.mark.parametrize(("kind", "curved"), [("follow", True), ("once", False), ("none", False)])
def test_a_model_follows_where_that_is_wanted(monkeypatch, kind, curved):
    monkeypatch.setattr(calibration, "MANY", 1)
    monkeypatch.setattr(following, "MANY", 1)
    of, made = material(), model()
    config = changed(model__calibrate=kind)
    examiner = Examiner(config, of.prepared.dataset, of.views)
    plain = Scorer(made, of.prepared.dataset, LENGTH)
    view = examiner.view_of("click")
    for part in (VALID, TEST):
        found = examiner.following(plain).rows(view, part)
        said = plain.rows(view, part)
        same = (found["click"].prediction_R == said["click"].prediction_R).all()
        assert same != (curved and part == TEST)
        np.testing.assert_array_equal(found["stars"].prediction_R, said["stars"].prediction_R)
        assert found.keys() == said.keys()


def test_true_and_false_are_read_as_before():
    for given, meant in ((True, "once"), (False, "none")):
        assert changed(model__calibrate=given).model.calibrate == meant
    assert changed().model.calibrate == "follow"
