"""Which texts to label next, on pools small enough to see the answer."""

import numpy as np
import pytest

from motet.evaluation.labelling import choose, diverse, margin, surprising, uncertain

SURE = np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8], [0.55, 0.45]])


def test_uncertain_are_those_whose_two_best_classes_lie_nearest():
    assert uncertain(SURE, 3).tolist() == [1, 3, 2]
    np.testing.assert_allclose(margin(np.array([[0.5, 0.1, 0.4], [1.0, 0.0, 0.0]])), [0.1, 1.0])
    assert margin(np.ones((3, 1))).tolist() == [1, 1, 1]


def test_diverse_are_far_from_one_another_and_begin_in_the_middle():
    angle = np.deg2rad([0, 1, 2, 44, 45, 46, 88, 89, 90])
    chosen = diverse(np.stack([np.cos(angle), np.sin(angle)], 1), 3)
    assert chosen[0] == 4
    assert set(chosen[1:]) == {0, 8}
    lengths = np.arange(1.0, 10.0)[:, None]  # of the vectors: no length counts, the directions alone
    longer = diverse(lengths * np.stack([np.cos(angle), np.sin(angle)], 1), 3)
    assert longer[0] == 4
    assert set(longer[1:]) == {0, 8}


def test_the_distances_of_surprising_are_those_of_the_gradients():
    """Seeds of k-means++ on outer products that are written out here, with the same draws."""
    random = np.random.default_rng(5)
    share_NK, vector_NT = random.dirichlet(np.ones(3), 30), random.normal(size=(30, 4))
    slope_NK = share_NK - np.eye(3)[share_NK.argmax(1)]
    gradient_NG = np.einsum("nk,nt->nkt", slope_NK, vector_NT).reshape(30, -1)
    draws = np.random.default_rng(7)
    length_N = (gradient_NG**2).sum(1)
    chosen = [int(draws.choice(30, p=length_N / length_N.sum()))]
    while len(chosen) < 8:
        seeds = [np.zeros(gradient_NG.shape[1]), *gradient_NG[chosen]]
        far_N = np.min([((gradient_NG - each) ** 2).sum(1) for each in seeds], axis=0)
        far_N[chosen] = 0
        chosen.append(int(draws.choice(30, p=far_N / far_N.sum())))
    assert surprising(share_NK, vector_NT, 8, 7).tolist() == chosen


def test_surprising_takes_one_of_each_doubt_and_leaves_what_is_known():
    share_NK = np.array([[1.0, 0.0]] * 20 + [[0.5, 0.5]] * 20)
    vector_NT = np.concatenate(
        [np.tile([[1.0, 0], [0, 1.0]], (10, 1)), np.tile([[1.0, 0], [0, 1.0]], (10, 1))]
    )
    for seed in range(20):
        chosen = surprising(share_NK, vector_NT, 2, seed)
        assert (chosen >= 20).all()  # what is known has a gradient of 0
        assert chosen[0] % 2 != chosen[1] % 2  # and the second is unlike the first


@pytest.mark.parametrize("by", ["uncertainty", "diversity", "both", "random"])
def test_a_pool_is_chosen_from_once_and_whole_if_more_is_asked(by):
    vector_NT = np.random.default_rng(0).normal(size=(4, 2))
    assert sorted(choose(SURE, vector_NT, 10, by)) == [0, 1, 2, 3]
    assert len(choose(SURE, vector_NT, 2, by)) == 2
    assert len(choose(SURE[:0], vector_NT[:0], 2, by)) == 0
    alike = np.ones((4, 2))
    assert sorted(choose(np.full((4, 2), 0.5), alike, 4, by)) == [0, 1, 2, 3]


def test_what_is_random_goes_by_the_seed():
    vector_NT = np.random.default_rng(0).normal(size=(100, 2))
    share_NK = np.random.default_rng(1).dirichlet(np.ones(3), 100)
    for by in ("both", "random"):
        first, again, other = (choose(share_NK, vector_NT, 5, by, seed).tolist() for seed in (1, 1, 2))
        assert first == again != other
