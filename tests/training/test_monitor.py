"""Which epoch was best."""

import math

import pytest

from motet.training.monitor import Monitor

NAN = float("nan")


def metrics(ndcg: float, auc: float, rmse: float) -> dict[str, dict[str, float]]:
    return {"next": {"ndcg@10": ndcg}, "like": {"auc": auc}, "rating": {"rmse": rmse}}


def monitor() -> Monitor:
    pairs = [("next", "ndcg@10"), ("like", "auc"), ("rating", "rmse")]
    return Monitor(pairs, {("like", "auc"): 0.5, ("rating", "rmse"): 1.2})


def test_the_first_epoch_is_the_best_so_far():
    watch = monitor()
    assert watch.gain(metrics(0.1, 0.6, 1.0)) == math.inf
    assert watch.take(metrics(0.1, 0.6, 1.0), 0)
    assert watch.best_epoch == 0


def test_gains_are_relative_to_what_the_best_has_above_a_constant():
    watch = monitor()
    watch.take(metrics(0.10, 0.60, 1.0), 0)
    assert watch.gain(metrics(0.11, 0.60, 1.0)) == pytest.approx((0.1 + 0 + 0) / 3)
    assert watch.gain(metrics(0.10, 0.65, 1.0)) == pytest.approx((0 + 0.5 + 0) / 3)
    assert watch.gain(metrics(0.10, 0.60, 0.9)) == pytest.approx((0 + 0 + 0.5) / 3)


def test_one_task_may_pay_for_another():
    watch = monitor()
    watch.take(metrics(0.10, 0.60, 1.0), 0)
    assert watch.take(metrics(0.13, 0.59, 1.0), 1)  # + 30% - 10%
    assert not watch.take(metrics(0.13, 0.57, 1.0), 2)  # worse than the epoch before
    assert watch.best_epoch == 1
    assert watch.best == metrics(0.13, 0.59, 1.0)


def test_an_equal_epoch_is_not_better():
    watch = monitor()
    watch.take(metrics(0.1, 0.6, 1.0), 0)
    assert not watch.take(metrics(0.1, 0.6, 1.0), 1)
    assert watch.best_epoch == 0


@pytest.mark.parametrize(("metric", "better", "worse"), [("rmse", 0.9, 1.1), ("auc", 0.7, 0.6)])
def test_errors_should_fall_and_scores_should_rise(metric, better, worse):
    watch = Monitor([("a", metric)])
    watch.take({"a": {metric: 1.0 if metric == "rmse" else 0.65}}, 0)
    assert watch.gain({"a": {metric: worse}}) < 0 < watch.gain({"a": {metric: better}})


def test_a_metric_that_is_not_defined_has_no_say():
    watch = monitor()
    watch.take(metrics(0.10, NAN, 1.0), 0)
    assert watch.gain(metrics(0.11, NAN, 1.0)) == pytest.approx(0.1 / 3)
    assert watch.gain(metrics(0.11, 0.7, NAN)) == pytest.approx(0.1 / 3)


@pytest.mark.parametrize("first", [metrics(0.0, 0.5, 1.2), metrics(0.1, 0.4, 1.5)])
def test_a_first_epoch_no_better_than_a_constant_is_soon_beaten(first):
    watch = monitor()
    watch.take(first, 0)
    assert watch.take(metrics(0.2, 0.6, 1.0), 1)
    assert watch.take(metrics(0.22, 0.61, 0.98), 2)


@pytest.mark.parametrize(("auc", "rmse"), [((0.501, 0.499), (1.0, 1.0)), ((0.6, 0.6), (1.199, 1.201))])
def test_a_task_that_cannot_be_learned_does_not_outvote_one_that_can(auc, rmse):
    watch = monitor()
    watch.take(metrics(0.10, auc[0], rmse[0]), 0)
    assert watch.take(metrics(0.12, auc[1], rmse[1]), 1)


def test_the_last_epoch_can_be_kept_whatever_the_metrics_say():
    monitor = Monitor([("like", "auc")], last=True)
    assert monitor.take({"like": {"auc": 0.8}}, 0)
    assert monitor.take({"like": {"auc": 0.6}}, 1)
    assert monitor.best_epoch == 1
