"""Items whose texts are nearest."""

import pytest
import torch

from motet.features import nearest
from motet.features.nearest import SHARPNESS, nearest_texts

MET = torch.tensor([False, True, True, True, True, False, False])


def texts() -> torch.Tensor:
    """Six texts around a circle, at these degrees; number 0 has none."""
    angle_I = torch.deg2rad(torch.tensor([0.0, 0.0, 90.0, 180.0, 270.0, 80.0, 200.0]))
    text_IT = torch.stack([angle_I.cos(), angle_I.sin()], 1)
    text_IT[0] = 0.0
    return text_IT


def test_the_nearest_come_first_and_count_by_their_cosines():
    near, share = nearest_texts(texts(), torch.tensor([5, 6]), MET, 2)
    assert near.tolist() == [[2, 1], [3, 4]]
    ratio = torch.exp(
        SHARPNESS * (torch.deg2rad(torch.tensor(10.0)).cos() - torch.deg2rad(torch.tensor(80.0)).cos())
    )
    assert (share[0, 0] / share[0, 1]).item() == pytest.approx(ratio.item(), rel=1e-3)
    assert share.sum(1).tolist() == pytest.approx([1.0, 1.0])


def test_an_item_is_not_its_own_neighbour_and_unmet_items_are_nobodys():
    near, _ = nearest_texts(texts(), torch.arange(1, 7), MET, 3)
    assert all(number not in row for number, row in enumerate(near.tolist(), 1))
    assert set(near.flatten().tolist()) <= {1, 2, 3, 4}


def test_where_there_are_fewer_items_than_wanted_the_rest_is_empty():
    near, share = nearest_texts(texts(), torch.tensor([1, 5]), MET, 6)
    assert (near > 0).sum(1).tolist() == [3, 4]
    assert ((share > 0) == (near > 0)).all()


def test_an_item_without_text_has_no_neighbours():
    near, share = nearest_texts(texts(), torch.tensor([0]), MET, 2)
    assert near.tolist() == [[0, 0]]
    assert share.tolist() == [[0.0, 0.0]]


def test_a_catalogue_that_training_never_met_has_no_neighbours():
    near, share = nearest_texts(texts(), torch.tensor([1, 2]), MET & False, 2)
    assert not near.any()
    assert not share.any()


def test_items_without_text_are_nobodys_neighbours():
    text_IT = texts()
    text_IT[2] = 0.0
    near, _ = nearest_texts(text_IT, torch.tensor([5]), MET, 4)
    assert sorted(near[0].tolist()) == [0, 1, 3, 4]


def test_of_very_many_items_a_part_is_compared(monkeypatch):
    monkeypatch.setattr(nearest, "PAIRS", 4)
    near, share = nearest_texts(texts(), torch.tensor([5, 6]), MET, 1)
    assert near.tolist() == [[1], [4]]  # of 1 to 4, two are compared: the first and the last
    assert share.tolist() == [[1.0], [1.0]]
