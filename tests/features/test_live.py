"""Texts of items that a tuned language model reads: some of a batch anew, the others as they were last."""

import numpy as np
import pytest
import torch
from torch import nn

from motet.data.tokens import Tokens
from motet.features.live import LiveTexts
from motet.features.whitening import Whitening

LENGTHS = [0, 2, 1, 3, 0, 2]  # tokens of six items; number 0 and item 4 have no text
WIDTH = 3


class Reader(nn.Module):
    """The mean of token embeddings."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.table = nn.Embedding(10, WIDTH)
        self.read: list[int] = []

    def vectors(self, token_BL: torch.Tensor, real_BL: torch.Tensor) -> torch.Tensor:
        self.read.append(len(token_BL))
        real_BL1 = real_BL[..., None].float()
        return (self.table(token_BL) * real_BL1).sum(1) / real_BL1.sum(1)


def words() -> Tokens:
    return Tokens(np.arange(1, 9, dtype=np.int32), np.concatenate([[0], np.cumsum(LENGTHS)]))


def live(most: int = 2, *, whiten: bool = False) -> tuple[LiveTexts, Reader]:
    reader = Reader()
    text_IT = torch.zeros(len(LENGTHS), WIDTH)
    has = torch.tensor(LENGTHS) > 0
    with torch.no_grad():
        text_IT[has] = reader.vectors(*words().padded(np.flatnonzero(has.numpy())))
    return LiveTexts(words(), text_IT, Whitening(text_IT) if whiten else None, most), reader


ITEMS = torch.tensor([0, 1, 3, 4, 5])


@pytest.mark.parametrize("whiten", [False, True])
@pytest.mark.parametrize("some", [None, torch.tensor([5, 1, 0, 3, 2])])
def test_as_long_as_nothing_is_learned_all_reads_alike(whiten, some):
    made, reader = live(whiten=whiten)
    before = made.rows(some).clone()
    made.step(reader, ITEMS)
    torch.testing.assert_close(made.rows(some), before)
    made.read_all(reader)
    torch.testing.assert_close(made.rows(some), before)


@pytest.mark.parametrize("most", [1, 2, 7])
def test_no_more_are_read_with_gradient_than_allowed_and_none_without_a_text(most):
    made, reader = live(most)
    reader.read.clear()
    made.step(reader, ITEMS)
    assert reader.read == [min(most, 3)]
    rows = made.rows(None)
    rows.sum().backward()
    assert made.fresh is not None
    chosen = made.fresh[0].tolist()
    assert set(chosen) <= {1, 3, 5}
    tokens = {
        int(t) for item in chosen for t in words().id_F[words().offset_N[item] : words().offset_N[item + 1]]
    }
    assert set(torch.nonzero(reader.table.weight.grad.abs().sum(1)).squeeze(-1).tolist()) == tokens


def test_a_gradient_comes_through_rows_that_were_picked():
    made, reader = live(7)
    made.step(reader, ITEMS)
    made.rows(torch.tensor([2, 2, 0])).sum().backward(retain_graph=True)
    assert reader.table.weight.grad is None or not reader.table.weight.grad.any()  # 2 is not in the batch
    made.rows(torch.tensor([3, 2])).sum().backward()
    assert reader.table.weight.grad.any()


def test_what_was_not_read_stays_as_it_was_until_all_is_read():
    made, reader = live(1)
    before = made.rows(None).clone()
    with torch.no_grad():
        reader.table.weight += 1
    made.step(reader, ITEMS)
    assert made.fresh is not None
    moved = (made.rows(None) != before).any(1)
    assert torch.nonzero(moved).squeeze(-1).tolist() == made.fresh[0].tolist()
    text_IT = made.read_all(reader)
    has = np.flatnonzero(np.array(LENGTHS) > 0)
    torch.testing.assert_close(text_IT[has], reader.vectors(*words().padded(has)))
    assert not text_IT[[0, 4]].any()


def test_no_gradient_is_asked_for_where_nothing_is_trained():
    made, reader = live()
    made.step(reader, ITEMS)
    assert made.rows(None).requires_grad
    assert not made.eval().rows(None).requires_grad


def test_it_says_how_old_the_others_were():
    made, reader = live(1)
    for _ in range(4):
        made.step(reader, torch.tensor([1, 2]))
    assert "4 steps" in made.said()
    steps, ages = made.get_buffer("told_2").tolist()
    assert steps == 4
    assert 4 <= ages <= 10  # one of two is read in each step: the other is 1 to 4 steps old


@pytest.mark.parametrize("whiten", [False, True])
def test_it_reads_and_learns_in_half_precision_too(whiten):
    made, reader = live(2, whiten=whiten)
    with torch.autocast("cpu", torch.bfloat16):
        made.step(reader, ITEMS)
        rows = made.rows(None)
        some = made.rows(torch.tensor([5, 2]))
    assert rows.dtype == some.dtype == torch.float32
    rows.sum().backward()
    assert reader.table.weight.grad.any()
    with torch.autocast("cpu", torch.bfloat16):
        made.read_all(reader)
