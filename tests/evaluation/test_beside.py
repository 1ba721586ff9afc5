"""Words beside a timeline."""

import numpy as np
import torch

from motet.evaluation.beside import user_chances


def test_items_that_the_catalogue_lacks_have_the_median_of_the_others():
    score_BI = torch.tensor([[-torch.inf, 2.0, 1.0, 0.0, -torch.inf], [-torch.inf, 0.0, 0.0, 5.0, -1.0]])
    found_BM = user_chances(score_BI, np.array([3, 0, 1, 4], np.int32))
    chance_BI = torch.log_softmax(score_BI, 1)
    torch.testing.assert_close(found_BM[:, [0, 2, 3]], chance_BI[:, [3, 1, 4]])
    assert found_BM[0, 1] == chance_BI[0, 2]  # the second of three
    assert found_BM[0, 3] == -torch.inf


def test_chances_are_those_of_the_whole_catalogue():
    score_BI = torch.tensor([[-torch.inf, 1.0, 1.0, 1.0, 1.0]])
    found_BM = user_chances(score_BI, np.array([1, 2]))
    torch.testing.assert_close(found_BM.exp(), torch.full((1, 2), 0.25))
