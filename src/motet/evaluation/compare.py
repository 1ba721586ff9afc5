"""Is one model better than another on the same rows? Paired differences, families of them, verdicts.

Both models are looked at on the same resamples of the same users, so what users have in common cancels out.
The verdicts of one call form a family and are corrected by Holm's method; the interval beside a verdict is
that of the single comparison.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict

import numpy as np

from motet.evaluation.measures import dense, known, refuse_other_questions
from motet.evaluation.records import Predictions
from motet.metrics.arrays import Floats
from motet.metrics.names import higher_is_better, main_metric
from motet.metrics.uncertainty import holm, interval, over_seeds, p_value, resampled_values, value_of

Verdict = Literal["better", "same", "worse", "untested"]
Runs = Predictions | Sequence[Predictions]
"""One record, or one a seed."""


class Gain(TypedDict):
    """A comparison; positive differences mean that ours is better, also for errors and losses.

    `p_holm` is the p-value after Holm's correction. `untested`: no resamples were asked for, or the metric
    has no value.
    """

    metric: str
    ours: float | None
    other: float | None
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    p_holm: float | None
    verdict: Verdict


class Transfer(TypedDict):
    """What sharing did to a task; a positive difference means that the joint model beats the twin."""

    metric: str
    joint: float | None
    twin: float | None
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    p_holm: float | None
    verdict: Verdict


@dataclass(frozen=True, eq=False)
class _Paired:
    metric: str
    ours: float
    other: float
    difference: float
    difference_R: Floats


def gain_family(
    pairs: Mapping[str, tuple[Runs, Runs]],
    *,
    bootstrap: int,
    confidence: float,
    generator: np.random.Generator,
    metrics: Mapping[str, str] | None = None,
) -> dict[str, Gain]:
    """Compare each pair (ours, other); all pairs are one family.

    A verdict is `better` or `worse` where the p-value after Holm's correction is at most 1 - confidence, else
    `same`: with R resamples and F comparisons nothing can be told apart unless 2 F / (R + 1) is below that.

    Args:
        pairs: Name of the comparison -> our record and the other's, or one record a seed of each. With
            several seeds the interval covers users and seeds; the seeds of the two sides are drawn apart from
            each other.
        bootstrap: Resamples of users; 0 gives differences without a verdict.
        confidence: Of the intervals, and 1 - the chance of a wrong verdict anywhere in the family.
        generator: Draws users and seeds.
        metrics: Name of the comparison -> metric, where it is not the main metric of the task kind.

    Returns:
        Name of the comparison -> its figures.

    Raises:
        DataError: A pair is not of the same rows in the same order.
    """
    chosen = metrics or {}
    paired = {
        name: _pair(_runs(ours), _runs(other), chosen.get(name), bootstrap, generator)
        for name, (ours, other) in pairs.items()
    }
    p = {name: p_value(one.difference_R) for name, one in paired.items()}
    p_holm = holm(p)
    return {name: _gain(one, confidence, p[name], p_holm[name]) for name, one in paired.items()}


def transfer(
    joint: Mapping[str, Runs],
    twins: Mapping[str, Runs],
    *,
    bootstrap: int,
    confidence: float,
    generator: np.random.Generator,
    metrics: Mapping[str, str] | None = None,
) -> dict[str, Transfer]:
    """What sharing did to each task: the part `transfer` of metrics.json.

    Args:
        joint: Task -> records of the joint model.
        twins: Task -> records of the task's twin; tasks without a twin are left out.
        bootstrap: Resamples of users; 0 gives differences without a verdict.
        confidence: Of the intervals, and 1 - the chance of a wrong verdict on any task.
        generator: Draws users and seeds.
        metrics: Task -> metric, where it is not the main metric of the task kind.

    Returns:
        Task -> joint, twin, difference (positive: the joint model is better), interval, p-values and verdict.

    Raises:
        DataError: Joint model and twin were not evaluated on the same rows in the same order.
    """
    gains = gain_family(
        {task: (joint[task], twins[task]) for task in joint if task in twins},
        bootstrap=bootstrap,
        confidence=confidence,
        generator=generator,
        metrics=metrics,
    )
    return {
        task: Transfer(
            metric=gain["metric"],
            joint=gain["ours"],
            twin=gain["other"],
            difference=gain["difference"],
            low=gain["low"],
            high=gain["high"],
            p=gain["p"],
            p_holm=gain["p_holm"],
            verdict=gain["verdict"],
        )
        for task, gain in gains.items()
    }


def _runs(runs: Runs) -> list[Predictions]:
    return list(runs) if isinstance(runs, Sequence) else [runs]


def _pair(
    ours: list[Predictions],
    other: list[Predictions],
    metric: str | None,
    bootstrap: int,
    generator: np.random.Generator,
) -> _Paired:
    refuse_other_questions(ours[0], [*ours, *other])
    metric = metric or main_metric(ours[0].kind)
    users = dense(ours[0].users)[1]
    k_list = [int(metric.split("@")[1])] if "@" in metric else []
    statistics = [record.statistics(k_list)[metric].statistic for record in (*ours, *other)]
    value = np.array([value_of(statistic, users) for statistic in statistics])
    drawn = resampled_values(dict(enumerate(statistics)), users, bootstrap, generator)
    value_SR = np.stack([drawn[place] for place in range(len(statistics))])
    ours_R, other_R = (
        over_seeds(part_SR, generator) for part_SR in (value_SR[: len(ours)], value_SR[len(ours) :])
    )
    sign = 1.0 if higher_is_better(metric) else -1.0
    first, second = float(value[: len(ours)].mean()), float(value[len(ours) :].mean())
    return _Paired(metric, first, second, sign * (first - second), sign * (ours_R - other_R))


def _gain(paired: _Paired, confidence: float, p: float, p_holm: float) -> Gain:
    low, high = interval(paired.difference_R, confidence)
    return Gain(
        metric=paired.metric,
        ours=known(paired.ours),
        other=known(paired.other),
        difference=known(paired.difference),
        low=known(low),
        high=known(high),
        p=known(p),
        p_holm=known(p_holm),
        verdict=_verdict(paired.difference, p_holm, 1 - confidence),
    )


def _verdict(difference: float, p_holm: float, level: float) -> Verdict:
    if np.isnan(difference) or np.isnan(p_holm):
        return "untested"
    if p_holm > level:
        return "same"
    return "better" if difference > 0 else "worse"
