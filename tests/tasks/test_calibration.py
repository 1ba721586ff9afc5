"""Level and slope of probabilities, fitted on validation rows when training is over."""

from pathlib import Path

import numpy as np
import pytest
import torch

from motet.data.timelines import VALID
from motet.evaluation.evaluate import Examiner
from motet.evaluation.scoring import Scorer
from motet.gather import gather
from motet.metrics.classes import log_loss
from motet.tasks import calibration
from motet.tasks.binary import BinaryHead
from motet.tasks.calibration import fit_curve, fit_log_odds
from motet.training.fit import Start
from tests.model.world import LENGTH, changed, material, model
from tests.worlds import tiny_tables, tiny_world


def distorted(slope: float, level: float, rows: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Log odds, and labels whose true log odds are slope * said + level."""
    rng = np.random.default_rng(3)
    said_N = rng.normal(-0.5, 1.5, rows)
    return said_N, (rng.random(rows) < 1 / (1 + np.exp(-(slope * said_N + level)))).astype(np.float64)


@pytest.mark.parametrize(("slope", "level"), [(1.0, 0.0), (0.5, 0.3), (1.6, -1.0)])
def test_slope_and_level_of_a_known_world_are_found(slope, level):
    assert fit_log_odds(*distorted(slope, level)) == pytest.approx((slope, level), abs=0.05)


def test_what_says_the_contrary_or_too_little_is_left_alone():
    assert fit_log_odds(*distorted(-1.0, 0.0)) is None
    said_N, label_N = distorted(1.0, 0.0)
    few = np.flatnonzero(label_N == 1)[: calibration.ENOUGH - 1]
    rows = np.concatenate([few, np.flatnonzero(label_N == 0)])
    assert fit_log_odds(said_N[rows], label_N[rows]) is None


def bent(rows: int = 60_000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities, labels, and the true probabilities: no slope and level turn one into the other."""
    rng = np.random.default_rng(4)
    said_N = rng.random(rows)
    true_N = np.where(said_N < 0.5, 0.4 * said_N, 0.2 + 1.4 * (said_N - 0.5))
    return said_N, (rng.random(rows) < true_N).astype(np.float64), true_N


def test_a_curve_finds_what_two_numbers_cannot():
    said_N, label_N, true_N = bent()
    curve = fit_curve(said_N, label_N)
    found_N = curve(said_N)
    assert np.abs(found_N - true_N).mean() < 0.012
    slope, level = fit_log_odds(calibration.log_odds(said_N), label_N)
    straight_N = 1 / (1 + np.exp(-(slope * calibration.log_odds(said_N) + level)))
    assert np.abs(straight_N - true_N).mean() > 2 * np.abs(found_N - true_N).mean()


def test_a_curve_rises_everywhere_also_where_the_outcomes_fall():
    rng = np.random.default_rng(5)
    said_N = rng.random(20_000)
    label_N = (rng.random(20_000) < np.abs(said_N - 0.5) + 0.2).astype(np.float64)
    curve = fit_curve(said_N, label_N)
    assert (np.diff(curve.said_G) > 0).all()
    assert (np.diff(curve.found_G) > 0).all()
    assert len(curve.said_G) < calibration.GROUPS
    wide_N = np.linspace(0.0001, 0.9999, 999)
    assert (np.diff(curve(wide_N)) > 0).all()


def test_rows_of_equal_probability_are_one_point_of_a_curve():
    label_N = np.repeat([0.0, 1.0], [6_000, 4_000])
    label_N = label_N[np.random.default_rng(6).permutation(10_000)]
    curve = fit_curve(np.full(10_000, 0.2), label_N)
    assert curve(np.array([0.2]))[0] == pytest.approx(0.4, abs=1e-3)
    two_N = np.where(np.arange(10_000) < 5_000, 0.2, 0.3)
    curve = fit_curve(two_N, np.where(np.arange(10_000) % 5 < np.where(two_N == 0.2, 1, 3), 1.0, 0.0))
    np.testing.assert_allclose(curve(np.array([0.2, 0.3])), [0.2, 0.6], atol=0.02)


def test_a_curve_needs_many_rows_of_either_label():
    said_N, label_N, _ = bent(3 * calibration.MANY)
    label_N[:] = 0
    label_N[: calibration.MANY - 1] = 1
    assert fit_curve(said_N, label_N) is None
    label_N[calibration.MANY] = 1
    assert fit_curve(said_N, label_N) is not None


def test_a_head_says_more_probable_things_in_the_same_order():
    said_N, label_N = distorted(0.5, 0.3)
    head, raw_N = BinaryHead(4, 0.4), torch.from_numpy(said_N).float()
    before = head.prediction(raw_N).numpy()
    assert head.calibrate(label_N, before).startswith("probabilities have 0.5")
    assert head.fitted_2.tolist() == pytest.approx([0.5, 0.3], abs=0.05)
    after = head.prediction(raw_N).numpy()
    assert (np.argsort(after, kind="stable") == np.argsort(before, kind="stable")).mean() > 0.999
    assert log_loss(label_N, after) < log_loss(label_N, before) - 0.01
    head.leave_as_it_is()
    np.testing.assert_array_equal(head.prediction(raw_N).numpy(), before)


CHAIN = [
    {"name": "click", "kind": "binary", "label": "dwell >= 35", "types": ["impression"]},
    {"name": "stay", "kind": "binary", "label": "dwell >= 60", "types": ["impression"], "after": "click"},
]


@pytest.mark.parametrize(("changes", "fitted"), [({}, True), ({"model__calibrate": "none"}, False)])
def test_probabilities_are_fitted_where_that_is_wanted(monkeypatch, changes, fitted):
    monkeypatch.setattr(calibration, "ENOUGH", 1)
    of = material()
    config = changed(**changes)
    made = model(config, of)
    examiner = Examiner(config, of.prepared.dataset, of.views)
    said = examiner.calibrate(made)
    assert bool(said) is fitted
    head = made.row_heads["click"]
    assert (head.fitted_2.tolist() != [1.0, 0.0]) is fitted
    once = head.fitted_2.clone()
    examiner.calibrate(made)
    torch.testing.assert_close(head.fitted_2, once)  # it begins anew


def test_each_link_of_a_chain_is_fitted_and_what_follows_stays_the_less_probable(monkeypatch):
    """What is fitted for the later task is found anew from its rows on which the earlier one happened."""
    monkeypatch.setattr(calibration, "ENOUGH", 1)
    config = changed(tasks=CHAIN)
    of = gather(config, Path(), tiny_tables(tiny_world(), config))
    made = model(config, of)
    made.row_heads["click"].linear.weight.data.zero_()  # as it is made, more log odds would mean less
    log, scorer = of.prepared.dataset.log, Scorer(made, of.prepared.dataset, LENGTH)
    (view,) = (each for each in of.views if "stay" in each.tasks)
    before = scorer.rows(view, VALID)
    assert len(Examiner(config, of.prepared.dataset, of.views).calibrate(made)) == 2
    happened = log.label["click"][before["stay"].row_R] == 1
    given_R = before["stay"].prediction_R[happened] / before["click"].prediction_R[happened]
    wanted = fit_log_odds(np.log(given_R / (1 - given_R)), before["stay"].label_R[happened])
    assert made.row_heads["stay"].fitted_2.tolist() == pytest.approx(wanted, abs=1e-3)
    after = Scorer(made, of.prepared.dataset, LENGTH).rows(view, VALID)
    assert (after["stay"].prediction_R <= after["click"].prediction_R).all()
    for name in ("click", "stay"):
        assert not np.allclose(after[name].prediction_R, before[name].prediction_R)
    slope, level = made.row_heads["stay"].fitted_2.tolist()
    said_R = 1 / (1 + np.exp(-(slope * np.log(given_R / (1 - given_R)) + level)))
    found_R = after["stay"].prediction_R[happened] / after["click"].prediction_R[happened]
    np.testing.assert_allclose(found_R, said_R, atol=1e-4)


def test_calibration_lowers_the_log_loss_of_the_rows_that_it_was_fitted_on(monkeypatch):
    monkeypatch.setattr(calibration, "ENOUGH", 1)
    of = material()
    made = model()
    examiner = Examiner(of.config, of.prepared.dataset, of.views)
    before = examiner.examine(made, VALID)["click"]
    examiner.calibrate(made)
    after = examiner.examine(made, VALID)["click"]
    assert log_loss(after.label_N, after.prediction_N) < log_loss(before.label_N, before.prediction_N)


def test_a_training_that_starts_from_other_weights_starts_uncalibrated():
    state = model().state_dict()
    state["heads.of_click.fitted_2"] = torch.tensor([2.0, 1.0])
    made = model()
    Start(state).put_into(made)
    assert made.row_heads["click"].fitted_2.tolist() == [1.0, 0.0]
