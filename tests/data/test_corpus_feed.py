"""Batches of pretraining: each text once an epoch, and the same epoch whenever it is asked for."""

from dataclasses import replace

import numpy as np
import torch

from motet.batch import TextBatch
from motet.data.corpus import Pairs
from motet.data.corpus_feed import (
    Known,
    MaskedFeed,
    NextFeed,
    PairFeed,
    hidden_always,
    one_a_text,
    with_others,
)
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


def of(pair_P2: np.ndarray, *, one_side: bool = True, every: bool = False) -> Pairs:
    """Pairs of texts that are called t0, t1, ...; the two sides are the same list, or two."""
    names = [f"t{n}" for n in range(TEXTS)]
    right = names if one_side else [f"r{n}" for n in range(TEXTS)]
    return Pairs(names, right, pair_P2, np.zeros((0, 2), np.int64), every)


def test_a_text_has_one_of_its_partners_an_epoch():
    feed = PairFeed("contrastive of neighbours", tokens(), tokens(), of(pairs()), 8, 0)
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
    feed = PairFeed("contrastive of columns", left, right, of(pairs(), one_side=False), 8, 0)
    batch = next(feed.epoch(0).since(0))
    assert torch.equal(batch.token_BL, left.padded(batch.row_B.numpy())[0])
    assert torch.equal(batch.more.token_BL, right.padded(batch.more.row_B.numpy())[0])


def test_no_batch_has_a_single_pair():
    """It would have nothing to be told from."""
    twice_P2 = np.stack([np.arange(9)] * 2, axis=1)
    pairs = replace(of(twice_P2), held_P2=twice_P2)
    feed = PairFeed("contrastive of dropout", tokens(), tokens(), pairs, 8, 0)
    assert [len(batch.row_B) for batch in feed.epoch(0).since(0)] == [8]
    assert [len(batch.row_B) for batch in feed.held()] == [8]


def test_partners_of_a_text_in_its_batch_are_known_on_both_sides_and_when_they_measure():
    pairs = replace(of(np.array([(0, 5), (0, 6), (1, 6), (2, 0)])), held_P2=np.array([(1, 5)]))
    batch = PairFeed("contrastive of neighbours", tokens(), tokens(), pairs, 8, 0).batch(
        np.array([(0, 5), (1, 6), (2, 0)])
    )
    assert batch.fits_BB.tolist() == [[True, True, False], [True, True, False], [False, False, True]]
    own = PairFeed("contrastive of neighbours", tokens(), tokens(), pairs, 8, 0).batch(
        np.array([(0, 5), (3, 2)])
    )
    assert own.fits_BB.tolist() == [[True, True], [False, False]], "2 has the partner 0, so 0 has 2"
    apart = replace(pairs, right=[f"r{n}" for n in range(TEXTS)])
    other = PairFeed("contrastive of columns", tokens(), tokens(), apart, 8, 0).batch(
        np.array([(0, 5), (3, 2)])
    )
    assert other.fits_BB.tolist() == [[True, False], [False, False]], "sides number texts of their own"


def test_every_row_is_a_pair_of_an_epoch_where_the_first_column_has_few_values():
    """Forty rows of two brands: each row comes, not one a brand."""
    pair_P2 = np.stack([np.arange(40) % 2, np.arange(40)], axis=1)
    feed = PairFeed(
        "contrastive of columns", tokens(), tokens(), of(pair_P2, one_side=False, every=True), 8, 0
    )
    batches = list(feed.epoch(0).since(0))
    assert sorted(row for batch in batches for row in batch.more.row_B.tolist()) == list(range(40))
    assert all(batch.fits_BB.sum() >= 8 * 8 / 2 for batch in batches), "rows of the same brand fit it"


def test_what_follows_in_some_pair_is_never_said_not_to():
    pair_P2 = np.array([(left, right) for left in range(20) for right in range(20, 40) if (left + right) % 3])
    known = Known(of(pair_P2), mutual=False)
    drawn_Q2 = pair_P2[np.random.default_rng(1).permutation(len(pair_P2))]
    right_Q, follows_Q = with_others(drawn_Q2, known, np.random.default_rng(0))
    truly = {tuple(pair) for pair in pair_P2.tolist()}
    for (left, _), right, follows in zip(
        drawn_Q2.tolist(), right_Q.tolist(), follows_Q.tolist(), strict=True
    ):
        assert ((left, right) in truly) == follows
    assert not follows_Q.all()


def test_half_of_what_follows_is_another_text_and_said_to_be():
    pair_Q2 = np.stack([np.arange(4000), np.arange(4000) + 5000], axis=1)
    known = Known(Pairs([""] * 9000, [""] * 9000, pair_Q2, pair_Q2[:0]), mutual=False)
    right_Q, follows_Q = with_others(pair_Q2, known, np.random.default_rng(0))
    assert ((right_Q == pair_Q2[:, 1]) == follows_Q).all()
    assert abs(follows_Q.mean() - 0.5) < 0.03
    assert np.isin(right_Q, pair_Q2[:, 1]).all()


def test_what_follows_is_joined_to_its_text():
    names = [f"t{n}" for n in range(TEXTS)]
    joined = []

    def join(texts, others):
        joined.extend(zip(texts, others, strict=True))
        return tokens(len(texts))

    feed = NextFeed("next of neighbours", of(pairs()), join, 8, 0)
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
