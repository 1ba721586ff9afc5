"""The head that tags units of texts."""

import math

import pytest
import torch
import torch.nn.functional as F

from motet.batch import TextBatch, UnitBatch
from motet.config.model import Language
from motet.data.tags import tag_names
from motet.language.tuned import TunedLanguage
from motet.tasks.tagging import TagHead, read_of
from motet.tasks.texts import TextTasks, Ways
from tests.language.conftest import save_tiny_bert

TAGS = tag_names(["Item"])
SHARES = torch.tensor([0.5, 0.25, 0.25])


def units(piece: list[list[int]], tag: list[list[int]], real: list[list[int]] | None = None) -> UnitBatch:
    piece_BU = torch.tensor(piece)
    real_BU = torch.ones_like(piece_BU).bool() if real is None else torch.tensor(real).bool()
    none_BU = torch.zeros_like(piece_BU)
    return UnitBatch(piece_BU, none_BU, none_BU, torch.tensor(tag), real_BU)


def batch(of: UnitBatch) -> TextBatch:
    size = len(of.piece_BU)
    token_BL = torch.tensor([[2, 9, 12, 17, 3], [2, 12, 17, 3, 0]])[:size]
    none_B = torch.zeros(size, dtype=torch.int64)
    return TextBatch("mentions", torch.arange(size), none_B, token_BL, token_BL > 0, units=of)


def head(*, characters: bool = False, width: int = 16) -> TagHead:
    torch.manual_seed(0)
    return TagHead(width, TAGS, SHARES, 0.0, characters=characters)


def test_a_guess_by_the_shares_costs_about_one():
    """A little less: of the sequences that may not be, none takes a part."""
    made = head()
    with torch.no_grad():
        made.linear.weight.zero_()
        made.linear.bias.copy_(SHARES.log())
    texts = batch(units([[1, 2, 3, 1]], [[0, 1, 2, 0]]))
    loss = made.loss(made(torch.randn(1, 5, 16), texts), texts).item()
    assert made.nats == pytest.approx(1.5 * math.log(2))
    assert 0.7 < loss < 1.0


def test_a_unit_reads_its_own_token_alone():
    made, hidden_BLT = head(), torch.randn(1, 5, 16)
    texts = batch(units([[1, 3]], [[0, 0]]))
    before = made(hidden_BLT, texts)
    hidden_BLT[:, 2] += 5.0
    torch.testing.assert_close(made(hidden_BLT, texts), before)
    hidden_BLT[:, 3] += torch.randn(16)
    assert not torch.allclose(made(hidden_BLT, texts)[:, 1], before[:, 1])
    torch.testing.assert_close(made(hidden_BLT, texts)[:, 0], before[:, 0])


@pytest.mark.parametrize("characters", [True, False])
def test_units_of_one_token_are_told_apart_by_where_they_stand_in_it(characters):
    made, hidden_BLT = head(characters=characters), torch.randn(1, 5, 16)
    of = UnitBatch(
        torch.tensor([[1, 1]]), torch.tensor([[0, 1]]), torch.tensor([[1, 0]]),
        torch.tensor([[0, 1]]), torch.ones(1, 2).bool(),
    )  # fmt: skip
    first, second = made(hidden_BLT, batch(of))[0]
    assert torch.allclose(first, second) != characters


def test_what_was_cut_off_lies_outside_and_teaches_nothing():
    made = head()
    whole = batch(units([[1, 2]], [[1, 2]]))
    cut = batch(units([[1, 2, -1, -1]], [[1, 2, 1, 2]]))
    hidden_BLT = torch.randn(1, 5, 16)
    torch.testing.assert_close(
        made.loss(made(hidden_BLT, cut), cut), made.loss(made(hidden_BLT, whole), whole)
    )
    with torch.no_grad():
        made.linear.bias[1] = 50.0  # everything begins a span
    tag_BU, _ = made.best(made(hidden_BLT, cut), cut)
    assert tag_BU.tolist() == [[1, 1, 0, 0]]


def test_a_unit_without_a_token_in_the_midst_is_tagged_as_its_neighbours_say():
    of = units([[1, -1, 2, -1]], [[0, 0, 0, 0]])
    assert read_of(of).tolist() == [[True, True, True, False]]


def test_a_text_with_a_tag_that_training_has_not_is_learned_by_none():
    made, hidden_BLT = head(), torch.randn(2, 5, 16)
    both = batch(units([[1, 2], [1, 2]], [[1, 2], [0, -1]]))
    alone = batch(units([[1, 2]], [[1, 2]]))
    raw = made(hidden_BLT, both)
    assert made.loss(raw, both).item() == pytest.approx(made.loss(raw[:1], alone).item(), rel=1e-5)
    assert not made.asks(batch(units([[1, 2]], [[0, -1]])))
    assert not made.asks(batch(units([[-1, -1]], [[0, 1]])))


@pytest.mark.parametrize("ways", [{}, {"consistency": 1.0}, {"adversarial": 0.5}])
def test_every_way_sends_a_gradient_into_the_language_model(tmp_path, ways):
    language = TunedLanguage(Language(name=str(save_tiny_bert(tmp_path / "bert")), tuning="full"))
    made = TextTasks(language, {"mentions": head(width=language.width)}, Ways(**ways)).train()
    texts = batch(units([[1, 2, 3], [1, 2, -1]], [[1, 2, 0], [0, 1, 2]], [[1, 1, 1], [1, 1, 0]]))
    loss = made.losses(texts)["mentions"]
    loss.backward()
    assert sum(float(p.grad.abs().sum()) for p in language.parameters() if p.grad is not None) > 0
    assert torch.isfinite(loss)


def test_probabilities_are_those_of_the_best_tags():
    """A single unit: of O and B, for I may not come first."""
    made, texts = head(), batch(units([[1]], [[0]]))
    raw_BUK = torch.tensor([[[0.0, 2.0, 9.0]]])
    tag_BU, share_BU = made.best(raw_BUK, texts)
    assert tag_BU.tolist() == [[1]]
    assert share_BU.item() == pytest.approx(F.softmax(torch.tensor([0.0, 2.0]), 0)[1].item(), abs=1e-5)
