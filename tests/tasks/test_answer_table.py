"""The table of vectors of all items, and the head that weighs words and users."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from motet.batch import AnswerBatch, TextBatch
from motet.data.tokens import Tokens
from motet.tasks.answer_table import AnswerTable
from motet.tasks.retrieval import RetrievalHead
from motet.tasks.texts import TextTasks


class Embedding(nn.Module):
    """A language model of one word: its vector."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.words = nn.Embedding(6, 4)

    def vectors(self, token_BL: Tensor, real_BL: Tensor, word_BLT: Tensor | None = None) -> Tensor:
        del real_BL, word_BLT
        return self.words(token_BL[:, 0])


def tokens() -> Tokens:
    return Tokens(np.arange(5, dtype=np.int32), np.arange(6))


def batch() -> TextBatch:
    """Two questions among four of five items, of which one is read anew."""
    right_BC = torch.tensor([[True, False, False, True], [False, False, True, False]])
    answers = AnswerBatch(
        torch.tensor([0, 2]), right_BC, torch.tensor([[3]]), torch.tensor([[True]]),
        number_C=torch.tensor([0, 2, 3, 4]), live_K=torch.tensor([2]),
    )  # fmt: skip
    none_B = torch.zeros(2, dtype=torch.int64)
    return TextBatch("search", torch.arange(2), none_B, vector_BT=torch.randn(2, 4), answers=answers)


def test_those_that_are_read_anew_have_a_gradient_and_stay_in_the_table():
    language, first_MT = Embedding(), torch.randn(5, 4)
    table = AnswerTable(first_MT, tokens())
    found_CT = table.vectors(batch().answers, language)
    torch.testing.assert_close(found_CT[[0, 1, 3]], first_MT[[0, 2, 4]])
    torch.testing.assert_close(found_CT[2], language.words.weight[3])
    found_CT.sum().backward()
    assert language.words.weight.grad.abs().sum(1).tolist() == [0, 0, 0, 4, 0, 0]
    now_MT = table.get_buffer("vector_MT")
    torch.testing.assert_close(now_MT[3], language.words.weight[3].detach())
    torch.testing.assert_close(now_MT[[0, 1, 2, 4]], first_MT[[0, 1, 2, 4]])


def test_all_are_read_anew_before_a_validation():
    language, table = Embedding(), AnswerTable(torch.zeros(5, 4), tokens())
    made = TextTasks(language, {"search": RetrievalHead(4, 4, mapped=False)})
    made.tables["of_search"] = table
    made.read_answers()
    torch.testing.assert_close(table.get_buffer("vector_MT"), language.words.weight[:5].detach())


def test_a_frozen_model_has_its_vectors_from_the_start():
    table = AnswerTable(torch.randn(5, 4))
    before = table.get_buffer("vector_MT").clone()
    made = TextTasks(None, {"search": RetrievalHead(4, 4)})
    made.tables["of_search"] = table
    made.read_answers()
    torch.testing.assert_close(table.get_buffer("vector_MT"), before)


def test_the_loss_is_that_of_the_item_among_all_that_are_wrong():
    language = Embedding()
    made = TextTasks(language, {"search": RetrievalHead(4, 4, mapped=False)})
    made.tables["of_search"] = AnswerTable(torch.randn(5, 4), tokens())
    of = batch()
    item_MT = made.tables["of_search"].get_buffer("vector_MT").clone()
    item_MT[3] = language.words.weight[3].detach()
    raw_BC = 20 * F.normalize(of.vector_BT, dim=1) @ F.normalize(item_MT[[0, 2, 3, 4]], dim=1).T
    by_hand = [-F.log_softmax(raw_BC[0, :3], 0)[0], -F.log_softmax(raw_BC[1], 0)[2]]
    loss = made.losses(of)["search"]
    assert loss.item() == pytest.approx(float(by_hand[0] + by_hand[1]) / 2 / math.log(4), rel=1e-5)


def test_the_weight_of_a_user_is_found():
    """Of 3,000 rows words and user each say a part of what is drawn, the user's half as loud as it should."""
    torch.manual_seed(0)
    word_BM, user_BM = (torch.log_softmax(torch.randn(3000, 8) * 2, 1) for _ in range(2))
    right_B = torch.distributions.Categorical(logits=word_BM + 2 * user_BM).sample()
    head = RetrievalHead(4, 8, rankings=2)
    assert head.beside_X.tolist() == [1.0, 1.0]
    weight = head.fit_beside(1, word_BM, user_BM, right_B)
    assert weight == pytest.approx(2.0, abs=0.1)
    assert head.beside_X.tolist() == [1.0, pytest.approx(weight)]


def test_few_rows_leave_the_weight_where_it_is_right_by_itself():
    word_BM = user_BM = torch.log_softmax(torch.zeros(3, 8), 1)
    assert RetrievalHead(4, 8, rankings=1).fit_beside(0, word_BM, user_BM, torch.tensor([0, 1, 2])) == 1.0


def test_an_item_that_takes_no_part_moves_no_weight():
    user_BM = torch.log_softmax(torch.tensor([[0.0, 1.0, -torch.inf]]), 1).clamp(min=-1e4)
    word_BM = torch.log_softmax(torch.tensor([[0.0, 0.0, 5.0]]), 1)
    weight = RetrievalHead(4, 3, rankings=1).fit_beside(0, word_BM, user_BM, torch.tensor([1]))
    assert 1.0 < weight < math.e
