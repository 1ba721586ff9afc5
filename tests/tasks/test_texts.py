"""Heads of text tasks, and the two ways to learn more from few texts."""

import math

import pytest
import torch
import torch.nn.functional as F

from motet.batch import TextBatch
from motet.config.model import Language
from motet.language.tuned import TunedLanguage
from motet.tasks.texts import Guesses, TextClassHead, TextTasks, Ways, divergence
from tests.language.conftest import save_tiny_bert

SHARES = torch.tensor([0.5, 0.25, 0.25])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_tiny_bert(tmp_path_factory.mktemp("texts") / "bert")


def tasks(folder=None, dropout: float = 0.0, **settings: float) -> TextTasks:
    torch.manual_seed(0)
    language = None if folder is None else TunedLanguage(Language(name=str(folder), tuning="full"))
    width = 16 if language is None else language.width
    made = TextTasks(language, {"topic": TextClassHead(width, SHARES, dropout, 0.0)}, Ways(**settings))
    with torch.no_grad():
        made.head("topic").linear.weight.mul_(20)
    if language is not None and not dropout:
        for part in language.modules():
            if isinstance(part, torch.nn.Dropout):
                part.p = 0.0
    return made


def batch(label: list[int] | None = None) -> TextBatch:
    real_BL = torch.tensor([[1, 1, 1, 0], [1, 1, 1, 1], [1, 0, 0, 0]]).bool()
    token_BL = torch.tensor([[2, 9, 3, 0], [2, 12, 17, 3], [2, 0, 0, 0]])
    return TextBatch("topic", torch.arange(3), torch.tensor(label or [0, 2, 1]), token_BL, real_BL)


def ready(label: list[int]) -> TextBatch:
    torch.manual_seed(1)
    return TextBatch(
        "topic", torch.arange(len(label)), torch.tensor(label), vector_BT=torch.randn(len(label), 16)
    )


def test_the_loss_of_a_guess_by_the_shares_is_one():
    made = tasks()
    with torch.no_grad():
        made.head("topic").linear.weight.zero_()
    assert made.losses(ready([0, 0, 1, 2]))["topic"].item() == pytest.approx(1.0, abs=1e-5)
    assert made.nats["topic"] == pytest.approx(1.5 * math.log(2))


def test_vectors_of_any_scale_are_read_alike():
    made = tasks().eval()
    one = ready([0, 1, 2])
    ten = TextBatch("topic", one.row_B, one.label_B, vector_BT=10 * one.vector_BT)
    torch.testing.assert_close(made.probabilities(one), made.probabilities(ten), atol=1e-4, rtol=0)
    torch.testing.assert_close(made.probabilities(one).sum(1), torch.ones(3))


def test_a_class_that_training_has_not_is_learned_by_none():
    made = tasks()
    both, known = ready([0, 3, 1]), ready([0, 3, 1])
    known = TextBatch("topic", known.row_B[[0, 2]], known.label_B[[0, 2]], vector_BT=known.vector_BT[[0, 2]])
    torch.testing.assert_close(made.losses(both)["topic"], made.losses(known)["topic"])
    assert made.losses(ready([3, 3])) == {}


def test_padding_says_nothing(folder):
    made = tasks(folder).eval()
    wide = batch()
    narrow = TextBatch("topic", wide.row_B[:1], wide.label_B[:1], wide.token_BL[:1, :3], wide.real_BL[:1, :3])
    torch.testing.assert_close(made.probabilities(wide)[:1], made.probabilities(narrow), atol=1e-5, rtol=0)


def test_without_dropout_two_passes_agree_and_consistency_costs_nothing(folder):
    plain, drawn = (tasks(folder, consistency=weight).train() for weight in (0.0, 3.0))
    torch.testing.assert_close(plain.losses(batch())["topic"], drawn.losses(batch())["topic"])


def test_consistency_adds_the_divergence_of_two_passes(folder):
    made = tasks(folder, dropout=0.3, consistency=2.0).train()
    torch.manual_seed(5)
    found = made.losses(batch())["topic"]
    torch.manual_seed(5)
    head = made.head("topic")
    first, second = (made.raw(batch()) for _ in range(2))
    both = (head.loss(first, batch()) + head.loss(second, batch())) / 2
    p, q = F.softmax(first, -1), F.softmax(second, -1)
    by_hand = ((p * (p / q).log()).sum(1) + (q * (q / p).log()).sum(1)).mean() / 2
    assert divergence(first, second).item() == pytest.approx(by_hand.item(), rel=1e-4)
    assert by_hand > 1e-4
    torch.testing.assert_close(found, both + 2 * by_hand / head.nats)


def test_words_are_moved_along_the_gradient_by_a_step_of_their_own_size(folder):
    made = tasks(folder, adversarial=0.5).train()
    of = batch()
    word_BLT = made.language.embeddings(of.token_BL)
    loss = made.head("topic").loss(made.raw(of, word_BLT), of)
    moved = made._moved(of, word_BLT, loss) - word_BLT
    assert not moved[~of.real_BL].any()
    size_B = (word_BLT.norm(dim=-1) * of.real_BL).sum(1) / of.real_BL.sum(1)
    torch.testing.assert_close(moved.flatten(1).norm(dim=1), 0.5 * size_B)
    slope = torch.autograd.grad(loss, word_BLT, retain_graph=True)[0]
    assert (F.cosine_similarity(moved.flatten(1), slope.flatten(1)) > 0.999).all()


def test_a_small_step_that_way_costs_more_and_both_are_learned(folder):
    plain, moved = tasks(folder).train(), tasks(folder, adversarial=0.05).train()
    before, after = plain.losses(batch())["topic"], moved.losses(batch())["topic"]
    assert after > before
    plain.losses(batch())["topic"].backward()
    after.backward()
    ours, theirs = (each.head("topic").linear.weight.grad for each in (plain, moved))
    assert not torch.allclose(ours, theirs)


@pytest.mark.parametrize("settings", [{"adversarial": 0.5}, {"consistency": 1.0}])
def test_what_is_measured_is_the_plain_loss(folder, settings):
    made = tasks(folder, dropout=0.3, **settings).eval()
    plain = tasks(folder, dropout=0.3).eval()
    torch.testing.assert_close(made.losses(batch())["topic"], plain.losses(batch())["topic"])


def test_words_of_low_rank_additions_are_moved_too(folder):
    pytest.importorskip("peft")
    torch.manual_seed(0)
    language = TunedLanguage(Language(name=str(folder), tuning="lora", rank=2))
    made = TextTasks(language, {"topic": TextClassHead(16, SHARES, 0.0, 0.0)}, Ways(adversarial=0.3)).train()
    made.losses(batch())["topic"].backward()
    assert any(p.grad is not None and p.grad.any() for p in language.parameters())


def of_more(said: list[int]) -> TextBatch:
    """Two texts with a label, and some without whose vectors say which class they are of."""
    labelled = ready([0, 1])
    vector_XT = 5 * torch.eye(16)[torch.tensor(said)]
    none_X = torch.zeros(len(said), dtype=torch.int64)
    more = TextBatch("topic", torch.arange(len(said)), none_X + 3, vector_BT=vector_XT)
    return TextBatch("topic", labelled.row_B, labelled.label_B, vector_BT=labelled.vector_BT, more=more)


def sure_of(classes: dict[int, float]) -> TextTasks:
    """A head that reads the first values of a vector as so many nats for a class."""
    made = tasks(confidence=0.8)
    with torch.no_grad():
        made.head("topic").linear.weight.zero_()
        for place, nats in classes.items():
            made.head("topic").linear.weight[place, place] = nats
    return made


def test_of_texts_without_a_label_the_model_learns_what_it_is_sure_of():
    made = sure_of({0: 0.8, 1: 0.8, 2: 0.0}).train()
    plain = made.losses(ready([0, 1]))["topic"].item()
    share_XK = made.eval().probabilities(of_more([0, 1, 2]).more)
    assert (share_XK.max(1).values > 0.8).tolist() == [True, True, False]
    own = F.cross_entropy(share_XK.log(), share_XK.argmax(1), reduction="none")
    more = made.train().losses(of_more([0, 1, 2]))["topic"].item()
    assert more - plain == pytest.approx((own[:2].sum() / 3 / made.nats["topic"]).item(), rel=1e-4)
    assert made.eval().losses(of_more([0, 1, 2]))["topic"].item() == pytest.approx(plain, rel=1e-5)


def test_a_class_that_is_said_too_often_counts_less():
    """Half, a quarter, a quarter in training; the model says the first of nearly all."""
    guesses = Guesses(SHARES, 0.7)
    share_XK = torch.tensor([[0.96, 0.02, 0.02]] * 9 + [[0.55, 0.43, 0.02]])
    for _ in range(500):
        label_X, sure_X = guesses(share_XK)
    assert label_X.tolist() == [0] * 9 + [1]
    assert sure_X.tolist() == [False] * 9 + [True]
    assert guesses.said_K.tolist() == pytest.approx(share_XK.mean(0).tolist(), abs=0.01)


def test_hidden_words_are_not_read_in_training_alone(folder):
    made = tasks(folder, hidden_words=0.5)
    torch.manual_seed(0)
    hidden = [made.train()._with_hidden_words(batch()).real_BL for _ in range(200)]
    share_BL = torch.stack(hidden).float().mean(0)
    assert share_BL[:, 0].tolist() == [1.0, 1.0, 1.0]
    assert share_BL[1, 1:].mean().item() == pytest.approx(0.5, abs=0.06)
    assert not share_BL[2, 1:].any()  # padding
    assert made.eval()._with_hidden_words(batch()).real_BL.equal(batch().real_BL)
