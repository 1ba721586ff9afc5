"""Batches of pretraining: each text once an epoch, and the same epoch whenever it is asked for."""

import numpy as np
import torch

from motet.batch import TextBatch
from motet.data.corpus_feed import MaskedFeed, NextFeed, PairFeed, hidden_always, one_a_text, with_others
from motet.data.hidden_words import HiddenWords
from motet.data.tokens import Tokens

TEXTS = 50


def tokens(texts: int = TEXTS) -> Tokens:
    length_N = 3 + np.arange(texts) % 5
    offset_N = np.concatenate([[0], np.cumsum(length_N)])
    return Tokens((np.arange(offset_N[-1]) % 90 + 10).astype(np.int32), offset_N)


def hidden() -> HiddenWords:
    own = tokens()
    return HiddenWords(own, np.arange(len(own.id_F)), np.arange(10, 100), 4, 0.3)


def same(one: TextBatch, other: TextBatch) -> bool:
    return torch.equal(one.row_B, other.row_B) and torch.equal(one.token_BL, other.token_BL)


def test_every_text_comes_once_an_epoch_with_other_words_hidden():
    feed = MaskedFeed(hidden(), np.arange(5, TEXTS), 8, 0)
    first, again, second = (list(feed.epoch(number).since(0)) for number in (0, 0, 1))
    assert sorted(row for batch in first for row in batch.row_B.tolist()) == list(range(5, TEXTS))
    assert all(same(one, other) for one, other in zip(first, again, strict=True))
    shown = [
        {row: text for batch in each for row, text in zip(batch.row_B.tolist(), batch.token_BL, strict=True)}
        for each in (first, second)
    ]
    assert any(shown[0][row].tolist() != shown[1][row].tolist() for row in shown[0])


def test_an_epoch_goes_on_in_its_middle_as_it_was():
    feed = MaskedFeed(hidden(), np.arange(TEXTS), 8, 0)
    whole, rest = list(feed.epoch(3).since(0)), list(feed.epoch(3).since(2))
    assert all(same(one, other) for one, other in zip(whole[2:], rest, strict=True))


def test_the_words_that_measure_are_always_the_same():
    first, again = (list(hidden_always(hidden(), np.arange(20), 0)) for _ in range(2))
    assert all(same(one, other) for one, other in zip(first, again, strict=True))


def pairs() -> np.ndarray:
    """Text n has the partners n + 1, n + 2 and n + 3."""
    return np.array([(n, n + by) for n in range(TEXTS - 3) for by in (1, 2, 3)])


def test_a_text_has_one_of_its_partners_an_epoch():
    feed = PairFeed("contrastive of neighbours", tokens(), tokens(), pairs(), 8, 0)
    drawn = [
        sorted(
            (a, b)
            for batch in feed.epoch(number).since(0)
            for a, b in zip(batch.row_B.tolist(), batch.more.row_B.tolist(), strict=True)
        )
        for number in range(3)
    ]
    for each in drawn:
        assert [a for a, _ in each] == list(range(TEXTS - 3))
        assert {b - a for a, b in each} == {1, 2, 3}
    assert drawn[0] != drawn[1]


def test_both_sides_of_a_pair_have_the_tokens_of_their_texts():
    left, right = tokens(), Tokens(tokens().id_F + 1000, tokens().offset_N)
    feed = PairFeed("contrastive of columns", left, right, pairs(), 8, 0)
    batch = next(feed.epoch(0).since(0))
    assert torch.equal(batch.token_BL, left.padded(batch.row_B.numpy())[0])
    assert torch.equal(batch.more.token_BL, right.padded(batch.more.row_B.numpy())[0])


def test_no_batch_has_a_single_pair():
    """It would have nothing to be told from."""
    feed = PairFeed("contrastive of dropout", tokens(), tokens(), np.stack([np.arange(9)] * 2, axis=1), 8, 0)
    assert [len(batch.row_B) for batch in feed.epoch(0).since(0)] == [8]
    assert [len(batch.row_B) for batch in feed.in_order(feed.pair_P2)] == [8]


def test_half_of_what_follows_is_another_text_and_said_to_be():
    pair_Q2 = np.stack([np.arange(4000), np.arange(4000) + 5000], axis=1)
    right_Q, follows_Q = with_others(pair_Q2, np.random.default_rng(0))
    assert ((right_Q == pair_Q2[:, 1]) == follows_Q).all()
    assert abs(follows_Q.mean() - 0.5) < 0.03
    assert np.isin(right_Q, pair_Q2[:, 1]).all()


def test_what_follows_is_joined_to_its_text():
    names = [f"t{n}" for n in range(TEXTS)]
    joined = []

    def join(texts, others):
        joined.extend(zip(texts, others, strict=True))
        return tokens(len(texts))

    feed = NextFeed("next of neighbours", names, names, pairs(), join, 8, 0)
    labels = {}
    for batch in feed.epoch(0).since(0):
        labels |= dict(zip(batch.row_B.tolist(), batch.label_B.tolist(), strict=True))
    assert sorted(labels) == list(range(TEXTS - 3))
    own = {tuple(names[each] for each in pair) for pair in pairs().tolist()}
    for left, right in joined:
        assert labels[int(left[1:])] == 0 or (left, right) in own


def test_of_many_pairs_each_is_drawn_as_often():
    pair_P2 = np.array([(0, 1), (0, 2), (0, 2), (0, 2)])
    drawn = [one_a_text(pair_P2, np.random.default_rng(seed))[0, 1] for seed in range(2000)]
    assert abs(np.mean(np.array(drawn) == 2) - 0.75) < 0.03
