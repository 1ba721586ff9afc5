"""Damped means and class frequencies."""

import numpy as np
import pytest

from motet.evaluation.baselines_rows import ClassFrequencies, DampedMeans, Visible


def test_damped_means_by_hand():
    means = DampedMeans(damping=1)
    means.fit(np.array([1, 1, 2]), np.array([1, 2, 1]), np.array([5.0, 1.0, 3.0]))
    item_1, item_2 = (2 + 0) / (2 + 1), (-2) / (1 + 1)
    user_1 = ((5 - 3 - item_1) + (1 - 3 - item_2)) / (2 + 1)
    assert means.predict(np.array([1]), np.array([2]))[0] == pytest.approx(3 + item_2 + user_1)


def test_without_damping_an_item_alone_is_its_mean():
    means = DampedMeans(damping=0)
    means.fit(np.zeros(4, np.int64), np.array([1, 1, 2, 2]), np.array([1.0, 2.0, 4.0, 5.0]))
    assert means.predict(np.zeros(2, np.int64), np.array([1, 2])).tolist() == [1.5, 4.5]


def test_unknown_users_and_items_get_the_mean():
    means = DampedMeans()
    means.fit(np.array([1, 0]), np.array([1, 0]), np.array([2.0, 4.0]))
    assert means.predict(np.array([0, 99]), np.array([0, 99])).tolist() == [3.0, 3.0]


def test_probabilities_stay_inside_of_zero_and_one():
    means = DampedMeans(damping=0, probability=True)
    means.fit(np.array([1, 2]), np.array([1, 2]), np.array([1, 0]))
    assert means.predict(np.array([1, 2]), np.array([1, 2])).tolist() == [0.999, 0.001]


def rolling_world():
    generator = np.random.default_rng(0)
    rows = 120
    user_N, item_N = generator.integers(0, 8, rows), generator.integers(0, 10, rows)
    return user_N, item_N, generator.normal(3, 1, rows), np.sort(generator.integers(0, 40, rows))


def test_a_rolling_prediction_sees_the_rows_before_its_moment_and_no_other():
    user_N, item_N, label_N, moment_N = rolling_world()
    train, later = slice(0, 60), slice(60, 120)
    means = DampedMeans(damping=2)
    means.fit(user_N[train], item_N[train], label_N[train])
    visible = Visible(user_N[later], item_N[later], label_N[later], moment_N[later])
    rolling_N = means.predict(user_N[later], item_N[later], moment_N[later], visible)
    for row in range(60):
        before = visible.moment_V < moment_N[60 + row]
        seen = Visible(
            *(part[before] for part in (visible.user_V, visible.item_V, visible.label_V, visible.moment_V))
        )
        expected = by_hand(means, seen, user_N[60 + row], item_N[60 + row])
        assert rolling_N[row] == pytest.approx(expected, abs=1e-7)


def by_hand(means, seen, user, item):
    rest_V = seen.label_V - means.mean

    def offset(kept, number, same_V, value_V):
        if number == 0:
            return 0.0
        return (kept.total_K[number] + value_V[same_V].sum()) / (kept.rows_K[number] + same_V.sum() + 2)

    item_V = means.item.at(seen.item_V, 2)
    item_offset = offset(means.item, item, seen.item_V == item, rest_V)
    return means.mean + item_offset + offset(means.user, user, seen.user_V == user, rest_V - item_V)


def test_changing_a_row_and_its_future_does_not_move_its_rolling_prediction():
    user_N, item_N, label_N, moment_N = rolling_world()
    means = DampedMeans()
    means.fit(user_N[:60], item_N[:60], label_N[:60])
    cut = moment_N[90]
    changed_N = np.where(moment_N >= cut, label_N + 100, label_N)
    now = moment_N[60:] <= cut
    first, second = (
        means.predict(
            user_N[60:],
            item_N[60:],
            moment_N[60:],
            Visible(user_N[60:], item_N[60:], one_N[60:], moment_N[60:]),
        )
        for one_N in (label_N, changed_N)
    )
    assert first[now].tolist() == second[now].tolist()
    assert first[~now].tolist() != second[~now].tolist()


def test_with_nothing_visible_a_rolling_prediction_is_the_frozen_one():
    user_N, item_N, label_N, moment_N = rolling_world()
    means = DampedMeans()
    means.fit(user_N, item_N, label_N)
    empty = Visible(*(np.zeros(0, kind) for kind in (np.int64, np.int64, float, np.int64)))
    frozen_N = means.predict(user_N, item_N)
    np.testing.assert_array_equal(means.predict(user_N, item_N, moment_N, empty), frozen_N)


def test_class_frequencies_count_each_class_once_more():
    frequencies = ClassFrequencies()
    frequencies.fit(np.array([0, 0, 2]), 3)
    np.testing.assert_allclose(frequencies.predict(2), [[0.5, 1 / 6, 1 / 3]] * 2)
