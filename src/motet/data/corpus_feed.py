"""Batches of pretraining: texts with words hidden, two views of one thing, texts that follow others.

Every feed gives the same epoch whenever it is asked for it, so a training that was killed goes on exactly.
Shapes: N texts, B texts of a batch, P pairs, L tokens.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch

from motet.batch import TextBatch
from motet.data.corpus import Pairs
from motet.data.hidden_words import HiddenWords
from motet.data.loader import Epoch, shuffled_windows, sorted_windows
from motet.data.tokens import Tokens
from motet.system.randomness import generator

MOST_MEASURED = 2000  # pairs
PLACES = 4096  # of tokens, padding included, in a batch that is not learned from
Joined = Callable[[Sequence[str], Sequence[str]], Tokens]
"""Texts and what may follow them -> tokens of each two as one text."""


class MaskedFeed:
    """Every text once an epoch, other words hidden in each.

    Args:
        hidden: The texts.
        place_T: Those that train.
        batch_size: Texts in a batch.
        seed: Of the order and of what is hidden.
    """

    def __init__(self, hidden: HiddenWords, place_T: np.ndarray, batch_size: int, seed: int) -> None:
        self.hidden, self.place_T, self.batch_size, self.seed = hidden, place_T, batch_size, seed

    def epoch(self, number: int) -> Epoch[TextBatch]:
        """Epoch `number`, the same each time it is asked for."""
        random = generator(self.seed, f"epoch {number} of hidden words")
        batches = shuffled_windows(self.hidden.tokens.length_N[self.place_T], self.batch_size, random)
        chosen = [self.place_T[each] for each in batches]

        def collate(place_B: np.ndarray) -> TextBatch:
            drawn = generator(self.seed, f"words of epoch {number} hidden in text {place_B[0]} and others")
            return self.hidden.batch(place_B, drawn)

        return Epoch(collate, chosen)


def hidden_always(hidden: HiddenWords, place_T: np.ndarray, seed: int) -> Iterator[TextBatch]:
    """Some texts with the same words hidden whenever they are asked for, by length."""
    length_T = hidden.tokens.length_N[place_T]
    for number, chosen in enumerate(sorted_windows(length_T, np.ones_like(length_T), PLACES)):
        random = generator(seed, f"words hidden in held-out batch {number}")
        yield hidden.batch(place_T[chosen], random)


class Known:
    """Which texts are partners, of pairs that train and of pairs that measure.

    Args:
        pairs: All of them.
        mutual: Whether a partner's partner is the text: both sides number the same texts.
    """

    def __init__(self, pairs: Pairs, *, mutual: bool) -> None:
        pair_P2 = np.concatenate([pairs.train_P2, pairs.held_P2])
        self.right = len(pairs.right)
        several = [pair_P2, pair_P2[:, ::-1]] if mutual else [pair_P2]
        self.code_P = np.unique(np.concatenate([self._codes(each[:, 0], each[:, 1]) for each in several]))

    def __call__(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Whether the right texts are partners of the left ones, boolean, of any shape."""
        code = self._codes(left, right)
        at = np.searchsorted(self.code_P, code).clip(max=len(self.code_P) - 1)
        found: np.ndarray = self.code_P[at] == code
        return found

    def _codes(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        code: np.ndarray = left.astype(np.int64) * self.right + right
        return code


class PairFeed:
    """Texts with a partner, see `drawn`; other partners of a text in its batch are no wrong answers.

    Args:
        task: What batches are called.
        left: Tokens of the texts as they stand on the left.
        right: And on the right.
        pairs: That train and that measure.
        batch_size: Pairs in a batch.
        seed: Of the order and the draws.
    """

    def __init__(
        self, task: str, left: Tokens, right: Tokens, pairs: Pairs, batch_size: int, seed: int
    ) -> None:
        self.task, self.left, self.right = task, left, right
        self.pairs, self.batch_size, self.seed = pairs, batch_size, seed
        self.known = Known(pairs, mutual=pairs.left is pairs.right)

    def epoch(self, number: int) -> Epoch[TextBatch]:
        """Epoch `number`, the same each time it is asked for."""
        random = generator(self.seed, f"epoch {number} of {self.task}")
        drawn_Q2 = drawn(self.pairs, self.pairs.train_P2, random)
        length_Q = self.left.length_N[drawn_Q2[:, 0]] + self.right.length_N[drawn_Q2[:, 1]]
        batches = shuffled_windows(length_Q, self.batch_size, random)
        return Epoch(lambda chosen: self.batch(drawn_Q2[chosen]), [each for each in batches if len(each) > 1])

    def batch(self, pair_B2: np.ndarray) -> TextBatch:
        """Some pairs: the left texts, and beside them the right ones."""
        other = one_side(self.task, self.right, pair_B2[:, 1])
        own = one_side(self.task, self.left, pair_B2[:, 0])
        fits_BB = torch.from_numpy(self.known(pair_B2[:, :1], pair_B2[None, :, 1]))
        return replace(own, more=other, fits_BB=fits_BB)

    def held(self) -> Iterator[TextBatch]:
        """Pairs that measure, in batches of one size, the same ones always."""
        random = generator(self.seed, f"held-out pairs of {self.task}")
        drawn_Q2 = some_of(self.pairs, random)
        for begin in range(0, len(drawn_Q2) - 1, self.batch_size):
            yield self.batch(drawn_Q2[begin : begin + self.batch_size])


class NextFeed:
    """Texts with what follows them, see `drawn`, or, every other one, with what never does.

    Args:
        task: What batches are called.
        pairs: That train and that measure.
        joined: Makes tokens of two texts.
        batch_size: Pairs in a batch.
        seed: Of the order and the draws.
    """

    def __init__(self, task: str, pairs: Pairs, joined: Joined, batch_size: int, seed: int) -> None:
        self.task, self.pairs, self.joined = task, pairs, joined
        self.batch_size, self.seed = batch_size, seed
        self.known = Known(pairs, mutual=False)

    def epoch(self, number: int) -> Epoch[TextBatch]:
        """Epoch `number`, the same each time it is asked for."""
        random = generator(self.seed, f"epoch {number} of {self.task}")
        drawn_Q2 = drawn(self.pairs, self.pairs.train_P2, random)
        right_Q, follows_Q = with_others(drawn_Q2, self.known, random)
        length_Q = np.array([len(self.pairs.left[row]) for row in drawn_Q2[:, 0]])
        batches = shuffled_windows(length_Q, self.batch_size, random)
        return Epoch(
            lambda chosen: self.batch(drawn_Q2[chosen, 0], right_Q[chosen], follows_Q[chosen]), batches
        )

    def batch(self, left_B: np.ndarray, right_B: np.ndarray, follows_B: np.ndarray) -> TextBatch:
        """Texts two by two, and whether the second follows the first."""
        left, right = self.pairs.left, self.pairs.right
        tokens = self.joined([left[row] for row in left_B], [right[row] for row in right_B])
        token_BL, real_BL = tokens.padded(np.arange(len(left_B)))
        label_B = torch.from_numpy(follows_B.astype(np.int64))
        return TextBatch(self.task, torch.from_numpy(left_B.copy()), label_B, token_BL, real_BL)

    def held(self) -> Iterator[TextBatch]:
        """Pairs that measure, half of them with another text, the same ones always."""
        random = generator(self.seed, f"held-out pairs of {self.task}")
        drawn_Q2 = some_of(self.pairs, random)
        right_Q, follows_Q = with_others(drawn_Q2, self.known, random)
        for begin in range(0, len(drawn_Q2), self.batch_size):
            chosen = slice(begin, begin + self.batch_size)
            yield self.batch(drawn_Q2[chosen, 0], right_Q[chosen], follows_Q[chosen])


def drawn(pairs: Pairs, pair_P2: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The pairs of an epoch, ``(Q, 2)``: every one, or one of each text on the left.

    Args:
        pairs: Whose they are.
        pair_P2: Those that train, or those that measure.
        random: Draws among the pairs of a text: one that stands there often is drawn more often.
    """
    return pair_P2 if pairs.every else one_a_text(pair_P2, random)


def one_a_text(pair_P2: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Of each text on the left one pair, drawn among its pairs, ``(Q, 2)``, in the order of these texts."""
    shuffled_P2 = pair_P2[random.permutation(len(pair_P2))]
    _, first_Q = np.unique(shuffled_P2[:, 0], return_index=True)
    found: np.ndarray = shuffled_P2[first_Q]
    return found


def some_of(pairs: Pairs, random: np.random.Generator) -> np.ndarray:
    """Pairs that measure, drawn as an epoch's, so many at most, in random order."""
    drawn_Q2 = drawn(pairs, pairs.held_P2, random)
    found: np.ndarray = drawn_Q2[random.permutation(len(drawn_Q2))[:MOST_MEASURED]]
    return found


def with_others(
    pair_Q2: np.ndarray, known: Known, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The right texts, half of them those of other pairs, and which follow, boolean: ``(Q,)``.

    One that would be the text itself, or that does follow in some pair, is not taken for another.
    """
    left_Q, own_Q = pair_Q2[:, 0], pair_Q2[:, 1]
    other_Q = own_Q[random.permutation(len(own_Q))]
    follows_Q = (random.random(len(own_Q)) < 0.5) | (other_Q == left_Q) | known(left_Q, other_Q)
    return np.where(follows_Q, own_Q, other_Q), follows_Q


def one_side(task: str, tokens: Tokens, row_B: np.ndarray) -> TextBatch:
    """Some texts of one side of pairs."""
    token_BL, real_BL = tokens.padded(row_B)
    none_B = torch.zeros(len(row_B), dtype=torch.int64)
    return TextBatch(task, torch.from_numpy(row_B.copy()), none_B, token_BL, real_BL)
