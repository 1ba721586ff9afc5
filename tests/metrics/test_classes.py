"""Class metrics against scikit-learn and by hand."""

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from motet.metrics.classes import accuracy, auc, auc_of_users, gauc, log_loss, macro_f1, report_by_class

GENERATOR = np.random.default_rng(0)
LABEL_N = GENERATOR.integers(0, 2, 500)
SCORE_N = (GENERATOR.random(500) * 0.8 + LABEL_N * 0.2).round(2)
USER_N = GENERATOR.integers(0, 60, 500)
CLASS_N, PREDICTED_N = GENERATOR.integers(0, 7, 500), GENERATOR.integers(0, 6, 500)


def test_auc_with_ties_is_that_of_scikit_learn():
    assert len(np.unique(SCORE_N)) < 120
    assert auc(LABEL_N, SCORE_N) == pytest.approx(sklearn_metrics.roc_auc_score(LABEL_N, SCORE_N), abs=1e-9)


def test_auc_without_two_classes_is_not_a_number():
    assert np.isnan(auc(np.ones(3), np.arange(3)))
    assert np.isnan(auc(np.zeros(0), np.zeros(0)))


def test_auc_of_equal_scores_is_one_half():
    assert auc(np.array([0, 1, 1]), np.full(3, 0.3)) == 0.5


def test_gauc_is_the_mean_of_the_users_auc_weighted_by_rows():
    values, weights = [], []
    for user in np.unique(USER_N):
        mine = user == USER_N
        if 0 < LABEL_N[mine].sum() < mine.sum():
            values.append(sklearn_metrics.roc_auc_score(LABEL_N[mine], SCORE_N[mine]))
            weights.append(mine.sum())
    assert gauc(LABEL_N, SCORE_N, USER_N) == pytest.approx(np.average(values, weights=weights), abs=1e-9)


def test_auc_of_users_leaves_out_users_without_rows():
    auc_U, rows_U = auc_of_users(np.array([0, 1]), np.array([1.0, 0.0]), np.array([2, 2]), 4)
    assert np.isnan(auc_U[[0, 1, 3]]).all()
    assert (auc_U[2], rows_U.tolist()) == (0.0, [0, 0, 2, 0])


def test_gauc_without_a_user_of_both_classes_is_not_a_number():
    assert np.isnan(gauc(np.array([0, 1]), np.array([0.1, 0.2]), np.array([1, 2])))


def test_log_loss_is_that_of_scikit_learn():
    probability_N = np.clip(SCORE_N, 0, 1)
    assert log_loss(LABEL_N, probability_N) == pytest.approx(
        sklearn_metrics.log_loss(LABEL_N, probability_N), abs=1e-9
    )


def test_a_sure_mistake_costs_a_finite_loss():
    assert log_loss(np.array([1]), np.array([0.0])) == pytest.approx(36.04, abs=0.01)


def test_accuracy_and_macro_f1_are_those_of_scikit_learn():
    expected = sklearn_metrics.f1_score(CLASS_N, PREDICTED_N, average="macro")
    assert macro_f1(CLASS_N, PREDICTED_N) == pytest.approx(expected, abs=1e-9)
    assert accuracy(CLASS_N, PREDICTED_N) == pytest.approx(
        sklearn_metrics.accuracy_score(CLASS_N, PREDICTED_N)
    )


def test_a_class_that_nobody_labels_or_predicts_is_left_out_of_macro_f1():
    label_N, predicted_N = np.array([0, 3]), np.array([0, 3])
    assert macro_f1(label_N, predicted_N) == 1.0


def test_the_report_by_class_is_that_of_scikit_learn():
    names = [f"class {number}" for number in range(7)]
    theirs = sklearn_metrics.classification_report(
        CLASS_N, PREDICTED_N, target_names=names, output_dict=True, zero_division=0
    )
    for line in report_by_class(CLASS_N, PREDICTED_N, names):
        their = theirs[line["name"]]
        assert [line["precision"], line["recall"], line["f1"], line["n"]] == pytest.approx(
            [their["precision"], their["recall"], their["f1-score"], their["support"]], abs=1e-9
        )


def test_metrics_of_no_rows_are_not_numbers():
    nothing = np.zeros(0, np.int64)
    assert all(np.isnan(metric(nothing, nothing)) for metric in (log_loss, accuracy, macro_f1))
