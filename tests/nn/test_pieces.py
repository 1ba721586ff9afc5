"""Piecewise-linear codes of numbers."""

import numpy as np
import torch

from motet.nn.pieces import Pieces, knots


def test_a_number_fills_its_pieces_one_after_another():
    pieces = Pieces(1, 2)
    pieces.fit(np.array([[0.0], [1.0], [3.0]], np.float32))
    code = pieces(torch.tensor([[-1.0], [0.5], [1.0], [2.0], [9.0]]))
    assert code.tolist() == [[-1, 0, 0], [0.5, 0.5, 0], [1, 1, 0], [2, 1, 0.5], [9, 1, 1]]


def test_each_number_has_pieces_of_its_own():
    pieces = Pieces(2, 1)
    pieces.fit(np.array([[0.0, 10.0], [2.0, 30.0]], np.float32))
    assert pieces(torch.tensor([[1.0, 15.0]])).tolist() == [[1, 15, 0.5, 0.25]]


def test_without_pieces_numbers_pass_as_they_are():
    number_RC = torch.randn(3, 2)
    assert Pieces(2, 0)(number_RC) is number_RC


def test_a_number_that_never_varies_has_empty_pieces():
    pieces = Pieces(1, 3)
    pieces.fit(np.ones((5, 1), np.float32))
    assert pieces(torch.tensor([[1.0], [7.0]])).tolist() == [[1, 0, 0, 0], [7, 0, 0, 0]]


def test_where_most_numbers_are_equal_the_others_have_knots_too():
    number_R = np.array([0.0] * 90 + [float(each) for each in range(1, 11)])
    found = knots(number_R, 5)
    assert found[0] == 0
    assert (np.diff(found) > 0).all()


def test_knots_are_saved_with_the_model_and_never_trained():
    pieces = Pieces(2, 4)
    assert [name for name, _ in pieces.named_parameters()] == ["knot_CK"]
    assert not any(each.requires_grad for each in pieces.parameters())
    assert "knot_CK" in pieces.state_dict()
