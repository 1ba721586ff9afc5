"""Batches of pretraining: texts with words hidden, two views of one thing, texts that follow others.

Every feed gives the same epoch whenever it is asked for it, so a training that was killed goes on exactly.
Shapes: N texts, B texts of a batch, P pairs, L tokens.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch

from motet.batch import TextBatch
from motet.data.hidden_words import HiddenWords
from motet.data.loader import Epoch, shuffled_windows, sorted_windows
from motet.data.tokens import Tokens
from motet.system.randomness import generator

MOST_MEASURED = 2000  # texts with a partner
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


class PairFeed:
    """Every text that has a partner once an epoch, with one of its partners, drawn anew.

    Args:
        task: What batches are called.
        left: Tokens of the texts as they stand on the left.
        right: And on the right.
        pair_P2: Pairs that train; one that stands there often is drawn more often.
        batch_size: Pairs in a batch.
        seed: Of the order and the draws.
    """

    def __init__(
        self, task: str, left: Tokens, right: Tokens, pair_P2: np.ndarray, batch_size: int, seed: int
    ) -> None:
        self.task, self.left, self.right = task, left, right
        self.pair_P2, self.batch_size, self.seed = pair_P2, batch_size, seed

    def epoch(self, number: int) -> Epoch[TextBatch]:
        """Epoch `number`, the same each time it is asked for."""
        random = generator(self.seed, f"epoch {number} of {self.task}")
        drawn_Q2 = one_a_text(self.pair_P2, random)
        length_Q = self.left.length_N[drawn_Q2[:, 0]]
        batches = shuffled_windows(length_Q, self.batch_size, random)
        return Epoch(lambda chosen: self.batch(drawn_Q2[chosen]), [each for each in batches if len(each) > 1])

    def batch(self, pair_B2: np.ndarray) -> TextBatch:
        """Some pairs: the left texts, and beside them the right ones."""
        other = one_side(self.task, self.right, pair_B2[:, 1])
        own = one_side(self.task, self.left, pair_B2[:, 0])
        return TextBatch(own.task, own.row_B, own.label_B, own.token_BL, own.real_BL, more=other)

    def in_order(self, pair_P2: np.ndarray) -> Iterator[TextBatch]:
        """Pairs, each text on the left once, in batches of one size, the same ones always."""
        drawn_Q2 = some_of(pair_P2, generator(self.seed, f"held-out pairs of {self.task}"))
        for begin in range(0, len(drawn_Q2) - 1, self.batch_size):
            yield self.batch(drawn_Q2[begin : begin + self.batch_size])


class NextFeed:
    """Every text that something follows once an epoch: with that, or, every other one, with another.

    Args:
        task: What batches are called.
        left: Texts.
        right: What may follow.
        pair_P2: Pairs that train.
        joined: Makes tokens of two texts.
        batch_size: Pairs in a batch.
        seed: Of the order and the draws.
    """

    def __init__(
        self,
        task: str,
        left: Sequence[str],
        right: Sequence[str],
        pair_P2: np.ndarray,
        joined: Joined,
        batch_size: int,
        seed: int,
    ) -> None:
        self.task, self.left, self.right, self.joined = task, left, right, joined
        self.pair_P2, self.batch_size, self.seed = pair_P2, batch_size, seed

    def epoch(self, number: int) -> Epoch[TextBatch]:
        """Epoch `number`, the same each time it is asked for."""
        random = generator(self.seed, f"epoch {number} of {self.task}")
        drawn_Q2 = one_a_text(self.pair_P2, random)
        right_Q, follows_Q = with_others(drawn_Q2, random)
        length_Q = np.array([len(self.left[row]) for row in drawn_Q2[:, 0]])
        batches = shuffled_windows(length_Q, self.batch_size, random)
        return Epoch(
            lambda chosen: self.batch(drawn_Q2[chosen, 0], right_Q[chosen], follows_Q[chosen]), batches
        )

    def batch(self, left_B: np.ndarray, right_B: np.ndarray, follows_B: np.ndarray) -> TextBatch:
        """Texts two by two, and whether the second follows the first."""
        tokens = self.joined([self.left[row] for row in left_B], [self.right[row] for row in right_B])
        token_BL, real_BL = tokens.padded(np.arange(len(left_B)))
        label_B = torch.from_numpy(follows_B.astype(np.int64))
        return TextBatch(self.task, torch.from_numpy(left_B.copy()), label_B, token_BL, real_BL)

    def in_order(self, pair_P2: np.ndarray) -> Iterator[TextBatch]:
        """Pairs, each text on the left once, half of them with another text, the same ones always."""
        random = generator(self.seed, f"held-out pairs of {self.task}")
        drawn_Q2 = some_of(pair_P2, random)
        right_Q, follows_Q = with_others(drawn_Q2, random)
        for begin in range(0, len(drawn_Q2), self.batch_size):
            chosen = slice(begin, begin + self.batch_size)
            yield self.batch(drawn_Q2[chosen, 0], right_Q[chosen], follows_Q[chosen])


def one_a_text(pair_P2: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Of each text on the left one pair, drawn among its pairs, ``(Q, 2)``, in the order of these texts."""
    shuffled_P2 = pair_P2[random.permutation(len(pair_P2))]
    _, first_Q = np.unique(shuffled_P2[:, 0], return_index=True)
    found: np.ndarray = shuffled_P2[first_Q]
    return found


def some_of(pair_P2: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The same of so many texts at most, in random order."""
    drawn_Q2 = one_a_text(pair_P2, random)
    found: np.ndarray = drawn_Q2[random.permutation(len(drawn_Q2))[:MOST_MEASURED]]
    return found


def with_others(pair_Q2: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The right texts, half of them those of other pairs, and which are their own, boolean: ``(Q,)``."""
    own_Q = pair_Q2[:, 1]
    other_Q = own_Q[random.permutation(len(own_Q))]
    follows_Q = (random.random(len(own_Q)) < 0.5) | (other_Q == own_Q) | (other_Q == pair_Q2[:, 0])
    return np.where(follows_Q, own_Q, other_Q), follows_Q


def one_side(task: str, tokens: Tokens, row_B: np.ndarray) -> TextBatch:
    """Some texts of one side of pairs."""
    token_BL, real_BL = tokens.padded(row_B)
    none_B = torch.zeros(len(row_B), dtype=torch.int64)
    return TextBatch(task, torch.from_numpy(row_B.copy()), none_B, token_BL, real_BL)
