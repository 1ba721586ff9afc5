"""The head that looks for answers."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from motet.batch import AnswerBatch, TextBatch
from motet.tasks.retrieval import TEMPERATURE, RetrievalHead, least_confidence
from motet.tasks.texts import TextTasks

RIGHT = torch.tensor([[True, False, False, True], [False, True, False, False]])


def batch(right_BC: torch.Tensor = RIGHT, own: tuple[int, ...] = (0, 1)) -> TextBatch:
    torch.manual_seed(0)
    answers = AnswerBatch(torch.tensor(own), right_BC, vector_CT=torch.randn(right_BC.shape[1], 8))
    count = len(own)
    none_B = torch.zeros(count, dtype=torch.int64)
    return TextBatch("faq", torch.arange(count), none_B, vector_BT=torch.randn(count, 8), answers=answers)


def test_it_begins_as_the_cosine_of_both_vectors():
    head, of = RetrievalHead(8, 4), batch()
    cosine_BC = F.cosine_similarity(of.vector_BT[:, None], of.answers.vector_CT[None], dim=-1)
    torch.testing.assert_close(head(of.vector_BT, of, of.answers.vector_CT), cosine_BC / TEMPERATURE)


def test_the_loss_is_that_of_the_answer_among_those_that_are_wrong():
    made, of = TextTasks(None, {"faq": RetrievalHead(8, 4)}), batch()
    raw_BC = made.raw(of)
    by_hand = [
        -F.log_softmax(raw_BC[0, :3], 0)[0],  # the fourth is right too, and not learned now
        -F.log_softmax(raw_BC[1], 0)[1],
    ]
    assert made.losses(of)["faq"].item() == pytest.approx(float(sum(by_hand)) / 2 / math.log(4), rel=1e-5)


def test_a_guess_costs_one():
    head = RetrievalHead(8, 4)
    of = batch(torch.eye(4).bool(), (0, 1, 2, 3))
    assert head.loss(torch.zeros(4, 4), of).item() == pytest.approx(1.0)
    assert head.nats == pytest.approx(math.log(4))
    few = batch(torch.eye(2).bool(), (0, 1))  # a last step that shows fewer counts in the same unit
    assert head.loss(torch.zeros(2, 2), few).item() == pytest.approx(math.log(2) / math.log(4))


def test_one_answer_teaches_nothing():
    assert TextTasks(None, {"faq": RetrievalHead(8, 4)}).losses(batch(torch.tensor([[True]]), (0,))) == {}


def test_it_learns_a_map_where_vectors_stay():
    """Answers are the questions with their halves swapped, which no cosine sees."""
    torch.manual_seed(0)
    asked = F.normalize(torch.randn(16, 8), dim=1)
    answers = AnswerBatch(torch.arange(16), torch.eye(16).bool(), vector_CT=asked.roll(4, 1))
    of = TextBatch("faq", torch.arange(16), torch.zeros(16).long(), vector_BT=asked, answers=answers)
    made = TextTasks(None, {"faq": RetrievalHead(8, 16)})
    optimizer = torch.optim.Adam(made.parameters(), 0.02)
    first = made.losses(of)["faq"].item()
    for _ in range(200):
        optimizer.zero_grad()
        made.losses(of)["faq"].backward()
        optimizer.step()
    assert made.losses(of)["faq"].item() < first / 10


def test_words_count_where_they_tell_and_probabilities_are_calibrated():
    """Of 2,000 questions the words name the right answer, vectors say nothing."""
    torch.manual_seed(0)
    right = torch.randint(10, (2000,))
    right_BM = F.one_hot(right, 10).bool()
    cosine_BM, word_BM = torch.randn(2000, 10) / 10, 2 * right_BM + torch.randn(2000, 10)
    head = RetrievalHead(8, 10)
    plain = head.scores(cosine_BM, word_BM)
    torch.testing.assert_close(plain, cosine_BM / TEMPERATURE)
    said = head.fit(cosine_BM, word_BM, right_BM, None)
    fitted = F.cross_entropy(head.scores(cosine_BM, word_BM), right).item()
    # unit noise and a lead of 2: the likelihood ratio of an answer is exp(2 x), so the scale of words is 2
    assert head.scale_2[1].item() == pytest.approx(2.0, abs=0.15)
    assert fitted < F.cross_entropy(plain, right).item() - 0.5
    assert head.least.item() == 0
    assert said.startswith("scale of cosines ")


def test_the_least_confidence_is_that_at_which_enough_is_right():
    torch.manual_seed(1)
    right = torch.randint(10, (2000,))
    right_BM = F.one_hot(right, 10).bool()
    word_BM = 2 * right_BM + torch.randn(2000, 10)
    head = RetrievalHead(8, 10)
    said = head.fit(torch.zeros(2000, 10), word_BM, right_BM, 0.9)
    share_BM = torch.softmax(head.scores(torch.zeros(2000, 10), word_BM), 1)
    sure_B, best_B = share_BM.max(1)
    given_B = sure_B >= head.least - 1e-6
    # 0.9 and a standard error of it, for the threshold is chosen where it suits
    assert (best_B[given_B] == right[given_B]).float().mean().item() == pytest.approx(0.909, abs=0.003)
    assert 0.3 < given_B.float().mean() < 0.95
    assert "a person answers" in said


def test_few_questions_do_not_make_it_sure():
    """All of thirty are right, and every lead is worth the same: the scale stays where it can be believed."""
    torch.manual_seed(0)
    right_BM = F.one_hot(torch.arange(30) % 10, 10).bool()
    cosine_BM = torch.rand(30, 10) * 0.5 + right_BM * 0.5
    head = RetrievalHead(8, 10)
    head.fit(cosine_BM, torch.zeros(30, 10), right_BM, None)
    assert 10 < head.scale_2[0].item() < 60


@pytest.mark.parametrize(
    ("sure", "hit", "share", "wanted"),
    [
        ([0.9] * 90 + [0.5] * 10, [True] * 100, 0.9, (0.5, 1.0)),
        (
            [0.9] * 50 + [0.5, 0.5],
            [True] * 51 + [False],
            0.98,
            (0.9, 50 / 52),
        ),  # equals are answered together
        ([0.9] * 5, [True] * 5, 0.9, (1.01, 0.0)),  # five of five may be chance
        ([0.9, 0.5], [False, False], 0.5, (1.01, 0.0)),
        ([], [], 0.5, (1.01, 0.0)),
    ],
)
def test_least_confidence(sure, hit, share, wanted):
    assert least_confidence(sure, hit, share) == pytest.approx(wanted)


def test_the_share_is_reached_on_questions_that_chose_nothing():
    """Calibrated confidences of 60 questions each; the threshold is used on others."""
    random = np.random.default_rng(0)
    reached = []
    for _ in range(300):
        sure_N = random.uniform(0.3, 1.0, 60)
        least, kept = least_confidence(sure_N.tolist(), (random.random(60) < sure_N).tolist(), 0.9)
        if kept:
            reached.append(
                (max(least, 0.3) + 1.0) / 2
            )  # mean confidence above it, which is the share that is right
    assert len(reached) > 50
    assert np.mean(reached) > 0.895
