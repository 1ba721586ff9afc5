"""The losses of pretraining, with answers known by hand."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from motet.batch import TextBatch
from motet.config.model import Language
from motet.data.hidden_words import MASKED, HiddenWords
from motet.data.tokens import Tokens
from motet.language.masked_head import MaskedHead
from motet.language.tuned import TunedLanguage
from motet.training.pretraining import ALL, DROPOUT, PretrainedLanguage, measure
from tests.language.conftest import save_tiny_bert

VIEWS = "contrastive of neighbours"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return save_tiny_bert(tmp_path_factory.mktemp("models") / "tiny")


def model(folder: Path, temperature: float = 0.5, counts: np.ndarray | None = None) -> PretrainedLanguage:
    language = TunedLanguage(Language(name=str(folder), tuning="full"))
    words = len(language.words())
    counts = np.ones(words) if counts is None else counts
    word_C = np.flatnonzero(counts)
    head = MaskedHead(language.width, language.words().shape, word_C, counts[word_C])
    return PretrainedLanguage(language, head, follows=True, temperature=temperature)


def pair(left: list[int], right: list[int]) -> TextBatch:
    """Texts of one token each, named by their number."""
    sides = [
        TextBatch(VIEWS, torch.tensor(each), torch.zeros(len(each), dtype=torch.int64),
                  torch.tensor(each)[:, None] + 10, torch.ones(len(each), 1, dtype=torch.bool))
        for each in (left, right)
    ]  # fmt: skip
    return TextBatch(
        VIEWS, sides[0].row_B, sides[0].label_B, sides[0].token_BL, sides[0].real_BL, more=sides[1]
    )


def by_hand(found: PretrainedLanguage, left: list[int], right: list[int], allowed: torch.Tensor) -> float:
    """Cross-entropy of the partner among those that may stand beside it."""
    vectors = {}
    for each in {*left, *right}:
        token = torch.tensor([[each + 10]])
        vectors[each] = found.language.vectors(token, torch.ones_like(token, dtype=torch.bool))[0]
    loss = 0.0
    for row, a in enumerate(left):
        scores = [
            torch.cosine_similarity(vectors[a], vectors[b], dim=0).item() / found.temperature
            for column, b in enumerate(right)
            if allowed[row, column]
        ]
        own = torch.cosine_similarity(vectors[a], vectors[right[row]], dim=0).item() / found.temperature
        loss += math.log(sum(math.exp(score) for score in scores)) - own
    return loss / len(left)


def test_a_text_is_told_from_the_partners_of_others(folder):
    found = model(folder).eval()
    left, right = [0, 1, 2], [3, 4, 5]
    expected = by_hand(found, left, right, torch.ones(3, 3, dtype=torch.bool))
    assert found(pair(left, right))[VIEWS].item() == pytest.approx(expected, abs=1e-4)


def test_the_text_itself_and_its_partner_are_no_wrong_answers(folder):
    """Text 1 is the partner of 0, and 0 that of 1; 2 and 4 have the same partner."""
    found = model(folder).eval()
    left, right = [0, 1, 2, 4], [1, 0, 3, 3]
    allowed = torch.tensor([[1, 0, 1, 1], [0, 1, 1, 1], [1, 1, 1, 0], [1, 1, 0, 1]], dtype=torch.bool)
    expected = by_hand(found, left, right, allowed)
    assert found(pair(left, right))[VIEWS].item() == pytest.approx(expected, abs=1e-4)


def test_other_partners_of_a_text_are_no_wrong_answers(folder):
    """Text 4 is a partner of 0, too."""
    found = model(folder).eval()
    left, right = [0, 1, 2], [3, 4, 5]
    allowed = torch.tensor([[1, 0, 1], [1, 1, 1], [1, 1, 1]], dtype=torch.bool)
    fits_BB = torch.tensor([[1, 1, 0], [0, 1, 0], [0, 0, 1]], dtype=torch.bool)
    expected = by_hand(found, left, right, allowed)
    batch = replace(pair(left, right), fits_BB=fits_BB)
    assert found(batch)[VIEWS].item() == pytest.approx(expected, abs=1e-4)


def words(counts: np.ndarray, texts: int = 300) -> HiddenWords:
    random = np.random.default_rng(0)
    known = np.flatnonzero(counts)
    id_F = random.choice(known, texts * 8, p=counts[known] / counts.sum()).astype(np.int32)
    return HiddenWords(Tokens(id_F, np.arange(texts + 1) * 8), np.arange(texts * 8), known, 4, 0.3)


def test_before_anything_is_learned_the_perplexity_is_that_of_the_words_frequencies(folder):
    counts = np.zeros(len(model(folder).language.words()))
    counts[10:14] = [8, 4, 2, 2]  # 1.75 bits a word
    found = model(folder, counts=counts)
    source = words(counts)
    held = {MASKED: lambda: [source.batch(np.arange(300), np.random.default_rng(1))]}
    metrics = measure(found, held, {MASKED: 2.0}, 0)
    asked = held[MASKED]()[0].asked_BL
    known = asked[asked >= 0].numpy()
    expected = 2 ** (-np.log2(counts[known] / 16).mean())
    assert metrics[MASKED]["perplexity"] == pytest.approx(expected, rel=1e-4)
    assert metrics[MASKED]["perplexity"] == pytest.approx(2**1.75, rel=0.1)
    assert metrics[ALL]["loss"] == pytest.approx(2 * math.log(expected), rel=1e-4)


def test_words_that_no_training_text_has_are_not_asked_for(folder):
    counts = np.zeros(len(model(folder).language.words()))
    counts[10:14] = 1
    found = model(folder, counts=counts)
    token_BL = torch.tensor([[2, 10, 3]])
    asked_BL = torch.tensor([[-1, 40, -1]])
    batch = TextBatch(MASKED, torch.tensor([0]), torch.tensor([0]), token_BL, token_BL > 0, asked_BL=asked_BL)
    assert found(batch) == {}


def test_what_follows_is_told_right_where_its_logit_has_the_sign_of_its_label(folder):
    found = model(folder).eval()
    token_BL = torch.tensor([[2, 10, 3], [2, 11, 3], [2, 12, 3], [2, 13, 3]])
    batch = TextBatch("next of columns", torch.arange(4), torch.tensor([1, 0, 1, 0]), token_BL, token_BL > 0)
    with torch.no_grad():
        found.follows[2].weight.zero_()
        found.follows[2].bias.fill_(1.0)
    loss, right, count = found.answer(batch)
    likely = 1 / (1 + math.exp(-1))
    assert (right, count) == (2, 4)
    assert loss.item() == pytest.approx(-2 * math.log(likely) - 2 * math.log(1 - likely), rel=1e-5)


def losses(found: PretrainedLanguage, batch: TextBatch, steps: int = 30) -> list[float]:
    """Of one batch that is learned again and again."""
    optimizer, lost = torch.optim.Adam(found.parameters(), 0.01), []
    for _ in range(steps):
        (loss,) = found(batch).values()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        lost.append(loss.item())
    return lost


def test_steps_bring_partners_together(folder):
    lost = losses(model(folder, 0.1).eval(), pair([0, 1, 2, 3, 4], [5, 6, 7, 8, 9]))
    assert lost[0] > 1.0
    assert lost[-1] < 0.1


def test_steps_teach_what_follows(folder):
    token_BL = torch.tensor([[2, 10, 3, 15, 3], [2, 11, 3, 16, 3], [2, 10, 3, 17, 3], [2, 11, 3, 18, 3]])
    batch = TextBatch("next of columns", torch.arange(4), torch.tensor([1, 0, 0, 1]), token_BL, token_BL > 0)
    lost = losses(model(folder).eval(), batch)
    assert lost[0] == pytest.approx(math.log(2), abs=0.1)
    assert lost[-1] < 0.1


def test_measuring_says_the_same_twice_and_leaves_chance_and_mode_alone(folder):
    found = model(folder).train()
    batch = pair([0, 1, 2, 3], [0, 1, 2, 3])
    held = {DROPOUT: lambda: [batch]}
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first = measure(found, held, {DROPOUT: 1.0}, 0)
    assert torch.equal(torch.rand(3), expected)
    assert found.training
    assert measure(found, held, {DROPOUT: 1.0}, 0) == first
    assert measure(found, held, {DROPOUT: 1.0}, 1) != first, "the views differ by dropout alone"


def test_word_vectors_that_are_to_stay_have_no_gradient(folder):
    language = TunedLanguage(Language(name=str(folder), tuning="full", words=False))
    head = MaskedHead(language.width, language.words().shape, np.arange(10, 20), np.ones(10))
    found = PretrainedLanguage(language, head, follows=False, temperature=1.0)
    token_BL = torch.tensor([[2, 10, 4, 3]])
    asked_BL = torch.tensor([[-1, -1, 11, -1]])
    batch = TextBatch(MASKED, torch.tensor([0]), torch.tensor([0]), token_BL, token_BL > 0, asked_BL=asked_BL)
    found(batch)[MASKED].backward()
    assert language.words().grad is None
    assert head.norm.weight.grad is not None
    assert found.own_rates()[0][1] == language.settings.learning_rate
