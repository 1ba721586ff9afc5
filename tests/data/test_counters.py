"""Point-in-time counters: equal to counting by hand, blind to present and future, the same as a stream."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motet.data import fading
from motet.data.counters import NEVER_RECENCY, CounterPlan, Counters, CounterScaler
from motet.errors import ArtifactError, DataError

DAY = 86_400_000
PLAN = CounterPlan(keys=("user", "item"), targets=("click", "stars"), half_lives_ms=(DAY,), smoothing=5.0)


@dataclass(frozen=True)
class Log:
    """A tiny log in the order of its as-of times."""

    key: np.ndarray
    time: np.ndarray
    asof: np.ndarray
    target: np.ndarray
    ready: np.ndarray | None = None

    def part(self, rows: Any) -> "Log":
        ready = None if self.ready is None else self.ready[rows]
        return Log(self.key[:, rows], self.time[rows], self.asof[rows], self.target[:, rows], ready)

    def run(self, counters: Counters | None = None) -> np.ndarray:
        counters = counters or Counters(PLAN)
        return counters.run(self.key, self.time, self.asof, self.target, self.ready)


def random_log(seed: int, rows: int = 60, keys: int = 3, moments: int = 12, delayed: bool = False) -> Log:
    random = np.random.default_rng(seed)
    asof = np.sort(random.integers(0, moments, rows)) * (DAY // 3) + 1_700_000_000_000
    time = asof + random.integers(0, 3, rows) * (DAY // 5)  # requests take a while; some overlap
    target = np.stack([random.random(rows) < 0.4, random.random(rows) * 5]).astype(np.float32)
    target[random.random((2, rows)) < 0.3] = np.nan
    ready = time + random.integers(0, 4, rows) * (DAY // 4) if delayed else None
    return Log(random.integers(-1, keys, (2, rows)), time, asof, target, ready)


def by_hand(log: Log, plan: CounterPlan = PLAN) -> np.ndarray:
    """The same features by loops over rows."""
    ready = log.time if log.ready is None else log.ready
    rows = []
    for row, asof in enumerate(log.asof):
        happened, known = log.time < asof, ready < asof
        prior = [mean(values[known]) for values in log.target]
        features: list[float] = []
        for key in log.key:
            mine = (key == key[row]) & (key[row] >= 0)
            ages = asof - log.time
            weights = [np.ones(len(key)), *(0.5 ** (ages / length) for length in plan.half_lives_ms)]
            features += [np.log1p(weight[happened & mine].sum()) for weight in weights]
            for weight in weights:
                for start, values in zip(prior, log.target, strict=True):
                    seen = known & mine & ~np.isnan(values)
                    total = (weight * values)[seen].sum() + plan.smoothing * start
                    features.append(total / (weight[seen].sum() + plan.smoothing))
            times = log.time[happened & mine]
            recency = np.log1p((asof - times.max()) / 1000) if times.size else NEVER_RECENCY
            features += [recency, float(times.size == 0)]
        rows.append(features)
    return np.array(rows)


def mean(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else 0.0


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("delayed", [False, True])
def test_the_counters_equal_counting_by_hand(seed: int, delayed: bool) -> None:
    log = random_log(seed, rows=120, delayed=delayed)
    np.testing.assert_allclose(log.run(), by_hand(log), atol=1e-5)


def test_long_histories_equal_counting_by_hand() -> None:
    log = random_log(1, rows=900, keys=1, moments=700)
    np.testing.assert_allclose(log.run(), by_hand(log), atol=1e-5)


def test_three_clicks_are_counted_as_three() -> None:
    time = np.array([0, DAY, 2 * DAY, 3 * DAY])
    plan = CounterPlan(("item",), ("click",), (DAY,), smoothing=2.0)
    clicks = np.array([[1, 0, 1, np.nan]], np.float32)
    features = Counters(plan).run(np.zeros((1, 4), int), time, time, clicks)
    expected = {
        "item.count": np.log1p(3),
        "item.count@1d": np.log1p(0.5 + 0.25 + 0.125),
        "item.click": (2 + 2 * 2 / 3) / (3 + 2),
        "item.click@1d": (0.5 + 0.125 + 2 * 2 / 3) / (0.875 + 2),
        "item.recency": np.log1p(86_400),
        "item.never": 0.0,
    }
    assert Counters(plan).names() == list(expected)
    np.testing.assert_allclose(features[3], list(expected.values()), rtol=1e-6)


def test_a_row_without_past_has_the_flag_and_no_counts() -> None:
    first = random_log(0).run()[0]
    names = Counters(PLAN).names()
    assert first[names.index("user.never")] == 1
    assert first[names.index("user.recency")] == NEVER_RECENCY
    assert first[names.index("user.count")] == 0


def replay(log: Log) -> np.ndarray:
    """Moment by moment, as a server would: read the rows, then count them."""
    counters, features = Counters(PLAN), []
    for asof in np.unique(log.asof):
        now = log.part(log.asof == asof)
        features.append(counters.read(now.key, now.asof))
        counters.update(now.key, now.time, now.target, now.ready)
    return np.concatenate(features)


@pytest.mark.parametrize("delayed", [False, True])
def test_a_replay_moment_by_moment_equals_the_run(delayed: bool) -> None:
    log = random_log(3, rows=200, delayed=delayed)
    np.testing.assert_allclose(replay(log), log.run(), atol=1e-5)


@pytest.mark.parametrize("cut", [0, 1, 57, 100, 199])
def test_two_runs_in_a_row_equal_one(cut: int) -> None:
    log, counters = random_log(4, rows=200, delayed=True), Counters(PLAN)
    parts = [log.part(slice(0, cut)).run(counters), log.part(slice(cut, None)).run(counters)]
    np.testing.assert_allclose(np.concatenate(parts), log.run(), atol=1e-5)


def test_a_log_that_is_read_once_is_not_folded(monkeypatch: pytest.MonkeyPatch) -> None:
    log, counters = random_log(12, rows=100, delayed=True), Counters(PLAN)
    folded = []
    monkeypatch.setattr(fading.Ledger, "_fold", lambda *given: folded.append(given[1]))
    log.part(slice(0, 50)).run(counters)
    assert not folded
    log.part(slice(50, None)).run(counters)
    assert folded


def test_saved_counters_go_on_where_they_were() -> None:
    log, counters, again = random_log(5, rows=100, delayed=True), Counters(PLAN), Counters(PLAN)
    log.part(slice(0, 50)).run(counters)
    again.load(counters.save())
    rest = log.part(slice(50, None))
    np.testing.assert_array_equal(rest.run(again), rest.run(counters))


def test_saved_counters_of_another_plan_are_refused() -> None:
    with pytest.raises(ArtifactError, match="do not fit the plan"):
        Counters(PLAN).load(Counters(replace(PLAN, targets=("click",))).save())


def test_the_order_of_rows_does_not_matter() -> None:
    log = random_log(6)
    order = np.random.default_rng(0).permutation(len(log.time))
    np.testing.assert_allclose(log.part(order).run(), log.run()[order], atol=1e-6)


def change_the_rest(log: Log, row: int, seed: int) -> Log:
    """Everything that a row must not see, changed: events at or after its as-of time, and its own targets."""
    random = np.random.default_rng(seed)
    hidden = log.time >= log.asof[row]
    assert hidden[row]
    moved = log.time + random.integers(0, 3, len(log.time)) * (DAY // 7)
    key = np.where(hidden, random.integers(-1, 3, log.key.shape), log.key)
    key[:, row] = log.key[:, row]
    target = np.where(hidden, random.random(log.target.shape) * 9, log.target).astype(np.float32)
    return replace(log, key=key, time=np.where(hidden, moved, log.time), target=target)


@given(st.integers(0, 10_000), st.integers(0, 59), st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_the_future_and_the_own_outcome_do_not_move_a_bit(log_seed: int, row: int, seed: int) -> None:
    log = random_log(log_seed)
    np.testing.assert_array_equal(change_the_rest(log, row, seed).run()[row], log.run()[row])


@given(st.integers(0, 10_000), st.integers(0, 59))
@settings(max_examples=30, deadline=None)
def test_a_log_cut_before_the_row_gives_the_same_features(log_seed: int, row: int) -> None:
    log = random_log(log_seed)
    kept = log.time < log.asof[row]
    kept[row] = True
    place = int(kept[:row].sum())
    np.testing.assert_array_equal(log.part(kept).run()[place], log.run()[row])


@pytest.mark.parametrize("features", [Log.run, replay])
def test_the_guard_matters(features: Callable[[Log], np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    log = random_log(7)
    honest = features(log)
    monkeypatch.setattr(fading, "VISIBLE", "right")
    assert not np.allclose(features(log), honest)


def test_a_row_scored_after_its_event_is_refused() -> None:
    log = random_log(8)
    with pytest.raises(DataError, match="is scored after its own event"):
        replace(log, asof=log.time + 1).run()


def test_parts_out_of_order_are_refused() -> None:
    log, counters = random_log(9), Counters(PLAN)
    log.part(slice(40, None)).run(counters)
    with pytest.raises(DataError, match="in the order of their as-of times"):
        log.part(slice(0, 40)).run(counters)


def test_reading_counts_nothing() -> None:
    log, counters = random_log(10), Counters(PLAN)
    log.run(counters)
    later = np.full(60, log.time.max() + 1)
    np.testing.assert_array_equal(counters.read(log.key, later), counters.read(log.key, later))


def test_unknown_keys_are_read_as_empty() -> None:
    log, counters = random_log(11), Counters(PLAN)
    log.run(counters)
    features = counters.read(np.array([[99, -1], [99, -1]]), np.full(2, log.time.max() + 1))
    np.testing.assert_array_equal(features[0], features[1])
    assert features[0, Counters(PLAN).names().index("user.never")] == 1


def test_no_rows_give_no_features() -> None:
    nothing = random_log(0).part(slice(0, 0))
    assert nothing.run().shape == (0, len(Counters(PLAN).names()))


def test_the_scaler_standardises_training_rows_and_clips() -> None:
    features = np.random.default_rng(0).normal(3, 2, (500, 4)).astype(np.float32)
    features[:, 3] = 7
    train = np.arange(500) < 400
    features[450] = 1e6
    scaler = CounterScaler.load(CounterScaler.fit(features, train).save())
    scaled = scaler.apply(features)
    np.testing.assert_allclose(scaled[train].mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(scaled[train, :3].std(0), 1, atol=1e-4)
    assert (scaled[450] == 8).all()
    assert (scaled[train, 3] == 0).all()
