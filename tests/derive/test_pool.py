"""Weights of members: answers known by hand."""

import numpy as np
import pytest

from motet.derive.pool import (
    Chances,
    Errors,
    averaging_weights,
    leader_of,
    on_simplex,
    stackelberg_weights,
)


def chances(*members):
    return Chances(np.array(members, float).T)


def errors(*members):
    return Errors(np.array(members, float).T)


def test_a_member_that_knows_the_truth_gets_all_the_weight():
    assert averaging_weights(chances([1, 1, 1], [0.5, 0.9, 0.2])) == pytest.approx([1, 0], abs=1e-6)
    assert averaging_weights(errors([0, 0, 0], [1, -1, 2])) == pytest.approx([1, 0], abs=1e-6)


def test_two_members_with_independent_equal_errors_share_the_weight():
    assert averaging_weights(errors([1, -1, 0, 0], [0, 0, 1, -1])) == pytest.approx([0.5, 0.5])
    assert averaging_weights(chances([0.9, 0.1], [0.1, 0.9])) == pytest.approx([0.5, 0.5])


def test_weights_of_errors_fall_with_their_variance():
    """Independent errors: the weight of each is as 1 / variance, here 1 / 1 to 1 / 4."""
    assert averaging_weights(errors([1, -1, 0, 0], [0, 0, 2, -2])) == pytest.approx([0.8, 0.2], abs=1e-6)


def test_a_mixture_of_certain_members_weighs_them_by_how_often_they_are_right():
    """Likelihood w^3 (1 - w): its best w is 3 / 4."""
    assert averaging_weights(chances([1, 1, 1, 0], [0, 0, 0, 1])) == pytest.approx([0.75, 0.25], abs=1e-6)


def test_no_weight_is_negative_though_a_difference_would_be_better():
    """Errors (1, 1) and (2, 2): twice the first less the second would be exact."""
    assert averaging_weights(errors([1, 1], [2, 2])) == pytest.approx([1, 0])


def test_weights_have_the_least_loss_among_many_others():
    random = np.random.default_rng(0)
    for evidence in (Chances(random.uniform(0.01, 1, (200, 4))), Errors(random.normal(size=(200, 4)))):
        best = averaging_weights(evidence)
        assert best.min() >= 0
        assert best.sum() == pytest.approx(1)
        others = random.dirichlet(np.ones(4), 500)
        assert evidence.loss(best) <= min(evidence.loss(other) for other in others) + 1e-9


def test_what_is_held_stays_and_the_rest_is_shared_out():
    evidence = errors([5, 5], [1, -1], [9, 9])
    held = np.array([0.3, 0, 0])
    found = evidence.best(held, np.array([False, True, True]), 0.7)
    assert found == pytest.approx([0.3, 0.7, 0])


def test_the_leader_is_the_best_on_its_own():
    assert leader_of(errors([2, 2], [1, -1], [3, 0])) == 1
    assert leader_of(chances([0.1, 0.2], [0.3, 0.2])) == 1


def test_a_single_follower_has_no_choice_so_the_leader_takes_its_best_weight_on_its_half():
    """Errors (1, 0) and (0, 2) on the leader's half: least at a / (1 - a) = 4, whatever the other half."""
    led = errors([1, 0], [0, 2])
    for followed in (errors([0, 0], [9, 9]), errors([9, 9], [0, 0])):
        assert stackelberg_weights(followed, led, 0) == pytest.approx([0.8, 0.2])


def test_the_leader_foresees_the_answer_of_its_followers():
    """On their half the second member is without error, so they give it all that is left: (a, 1 - a, 0).

    On the leader's half that is (1 - a) * 3 + a * 1, never less than 1: the leader keeps everything, though
    the third member, which nobody would choose below, has no error there.
    """
    followed = errors([1, 1], [0, 0], [5, 5])
    led = errors([1, 1], [3, 3], [0, 0])
    assert stackelberg_weights(followed, led, 0) == pytest.approx([1, 0, 0])
    assert averaging_weights(led) == pytest.approx([0, 0, 1], abs=1e-6)


def test_followers_answer_to_the_leaders_weight():
    """Below, only a mean of leader and second member is exact: a = 1/2 is answered by 1/2 and 0."""
    followed = errors([1, 1], [-1, -1], [8, -8])
    led = errors([1, 0], [-1, 0], [0, 9])
    assert stackelberg_weights(followed, led, 0) == pytest.approx([0.5, 0.5, 0], abs=1e-6)


def test_the_nearest_point_of_a_simplex():
    assert on_simplex(np.array([3.0, 1.0, -5.0]), 2.0).tolist() == [2.0, 0.0, 0.0]
    assert on_simplex(np.array([0.2, 0.3, 0.5])) == pytest.approx([0.2, 0.3, 0.5])
