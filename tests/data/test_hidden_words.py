"""Words that are hidden: how many, how, and never a mark of the tokenizer."""

import numpy as np

from motet.data.hidden_words import (
    NEVER,
    HiddenWords,
    groups_of_tokens,
    groups_of_words,
    words_that_occur,
)
from motet.data.tokens import Tokens

MASK, WORDS = 4, np.arange(10, 60)


def hidden(texts: int = 200, length: int = 20, share: float = 0.15, several: int = 1) -> HiddenWords:
    """Texts of numbers; their first token is a mark, and so many tokens make a word."""
    random = np.random.default_rng(0)
    id_F = random.choice(WORDS, texts * length).astype(np.int32)
    group_F = np.arange(texts * length) // several
    id_F[::length], group_F[::length] = 2, NEVER
    tokens = Tokens(id_F, np.arange(texts + 1) * length)
    return HiddenWords(tokens, group_F, WORDS, MASK, share)


def test_of_the_words_asked_for_eight_in_ten_are_hidden_and_one_is_another():
    batch = hidden().batch(np.arange(200), np.random.default_rng(1))
    asked = (batch.asked_BL >= 0).numpy()
    shown, word = batch.token_BL.numpy()[asked], batch.asked_BL.numpy()[asked]
    assert abs(asked[:, 1:].mean() - 0.15) < 0.015
    assert abs((shown == MASK).mean() - 0.8) < 0.04
    assert abs(((shown != MASK) & (shown != word)).mean() - 0.1 * 49 / 50) < 0.04
    assert np.isin(shown[shown != MASK], WORDS).all()


def test_what_is_not_asked_for_stays():
    source = hidden(texts=30)
    batch = source.batch(np.arange(30), np.random.default_rng(1))
    asked = (batch.asked_BL >= 0).numpy()
    word_BL = source.tokens.id_F.reshape(30, 20)
    assert (batch.token_BL.numpy()[~asked] == word_BL[~asked]).all()
    assert (batch.asked_BL.numpy()[asked] == word_BL[asked]).all()


def test_a_mark_is_never_asked_for():
    batch = hidden(share=0.9).batch(np.arange(200), np.random.default_rng(1))
    assert (batch.asked_BL[:, 0] == NEVER).all()
    assert (batch.token_BL[:, 0] == 2).all()


def test_tokens_of_one_word_are_asked_for_together():
    batch = hidden(several=4, share=0.5).batch(np.arange(200), np.random.default_rng(1))
    asked = (batch.asked_BL >= 0).numpy().reshape(200, 5, 4)[:, 1:]
    assert set(asked.sum(2).ravel()) == {0, 4}
    assert abs(asked.mean() - 0.5) < 0.06


def test_the_same_generator_hides_the_same():
    first, again, other = (
        hidden().batch(np.arange(9), np.random.default_rng(seed)).token_BL.tolist() for seed in (1, 1, 2)
    )
    assert first == again != other


def test_words_of_languages_with_blanks_are_whole_and_ideographs_each_their_own():
    text = "red shoes, 红色鞋 x"
    letters = [(0, 0), (0, 3), (3, 7), (7, 9), (9, 10), (10, 12), (12, 13), (13, 14), (14, 16), (0, 0)]
    group = groups_of_words([text], np.array(letters), np.array([0, 10])).tolist()
    mark, red, sho, es, comma, one, two, three, x, end = group
    assert mark == end == NEVER
    assert sho == es
    assert len({red, sho, comma, one, two, three, x}) == 7


def test_groups_of_several_texts_begin_anew():
    letters = np.array([(0, 0), (0, 2), (2, 4), (0, 0), (0, 0), (0, 2), (2, 4), (0, 0)])
    group = groups_of_words(["abcd", "abcd"], letters, np.array([0, 4, 8]))
    assert group[1] == group[2] != group[5] == group[6]
    apart = groups_of_tokens(letters)
    assert len(set(apart[apart >= 0])) == 4


def test_words_that_occur_are_those_of_the_texts_that_train_and_that_may_be_hidden():
    """Token 1 is a mark, at the beginning of each text."""
    tokens = Tokens(np.array([1, 5, 5, 1, 7, 1, 9], np.int32), np.array([0, 3, 5, 7]))
    group_F = np.array([NEVER, 0, 1, NEVER, 2, NEVER, 3])
    word_C, count_C = words_that_occur(tokens, group_F, np.array([0, 2]))
    assert word_C.tolist() == [5, 9]
    assert count_C.tolist() == [2, 1]
