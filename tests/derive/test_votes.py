"""Members that vote: small elections counted by hand."""

import numpy as np
import pytest
import torch

from motet.derive.votes import fused_ranks, list_votes, majority, plurality, ranks


def test_the_majority_is_a_share_of_voices_and_ties_go_to_the_higher_mean():
    said = majority(np.array([[0.9, 0.51, 0.1], [0.2, 0.49, 0.1], [0.6, 0.52, 0.2]]))
    assert said[1] > 0.5 > said[2]
    assert said[0] == pytest.approx((2 + (0.9 + 0.2 + 0.6) / 3) / 4)
    assert said[0] > said[1]  # two voices each; the mean decides


def test_the_class_with_most_voices_wins_though_another_is_more_probable_on_the_mean():
    said = plurality(np.array([[[0.51, 0.49, 0.0]], [[0.51, 0.49, 0.0]], [[0.0, 1.0, 0.0]]]))
    assert said.argmax() == 0
    assert said.sum() == pytest.approx(1)


def test_a_tie_of_classes_goes_to_the_more_probable():
    assert plurality(np.array([[[0.6, 0.4]], [[0.1, 0.9]]])).argmax() == 1


def test_equal_scores_are_ranked_by_number():
    assert ranks(torch.tensor([[0.5, 0.9, 0.5]])).tolist() == [[2, 1, 3]]


def test_points_of_lists_are_those_of_borda():
    """Lists of two places give 2 and 1 points: item 0 has 2 + 0, item 1 has 1 + 2, item 2 has 0 + 1."""
    log_chance = torch.tensor([[[0.6, 0.3, 0.1]], [[0.1, 0.5, 0.4]]]).log()
    assert list_votes(log_chance, 2)[0].floor().tolist() == [2, 3, 1]


def test_reciprocal_ranks_are_summed():
    """Cormack et al.: item 0 has rank 1 and 3, item 1 rank 2 and 1, item 2 rank 3 and 2."""
    found = fused_ranks(torch.tensor([[[3.0, 2.0, 1.0]], [[1.0, 3.0, 2.0]]]))
    assert found[0].tolist() == pytest.approx([1 / 61 + 1 / 63, 1 / 62 + 1 / 61, 1 / 63 + 1 / 62])
