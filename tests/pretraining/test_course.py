"""The course of a pretraining: which pairs are enough, and what is said of them."""

import numpy as np
import pytest

from motet.data.corpus import Pairs
from motet.errors import DataError
from motet.pretraining.course import refuse_few, told_pairs

NAME = "contrastive of columns"


def columns(brands: int, rows: int = 40, held: int = 10) -> Pairs:
    """Rows of so many brands, each with a text of its own."""
    pair_P2 = np.stack([np.arange(rows) % brands, np.arange(rows)], axis=1)
    return Pairs([""] * rows, [""] * rows, pair_P2[held:], pair_P2[:held], every=True)


def test_pairs_whose_first_texts_are_all_the_same_are_refused():
    said = r"one side of the pairs has 1 different texts .* Put a column of more values first"
    with pytest.raises(DataError, match=said):
        refuse_few(NAME, columns(1))
    refuse_few(NAME, columns(2))


def test_too_few_pairs_are_refused():
    with pytest.raises(DataError, match=r"39 pairs train and 1 measure.*raise  held_out"):
        refuse_few(NAME, columns(5, held=1))


def test_how_many_pairs_an_epoch_has_is_said():
    every = columns(2)
    assert told_pairs(NAME, every).endswith(
        "30 pairs of 2 different texts train, 30 of them in an epoch; 10 measure"
    )
    one = Pairs(every.left, every.right, every.train_P2, every.held_P2)
    assert told_pairs(NAME, one).endswith("train, 2 of them in an epoch; 10 measure")
