"""Answers on their way to the model: those among which the right ones of a batch's texts are looked for.

Those of a file stand beside the texts of their step. Items are all compared with each text: a table has the
vectors of those that are not read anew in the step (`motet.tasks.answer_table`).
Shapes: N texts, M answers, H of them that are near to a text by their words, B texts of a batch, C answers of
a batch, K of them that are read anew, T width of the language model.
"""

from dataclasses import dataclass

import numpy as np
import torch

from motet.batch import AnswerBatch
from motet.data.item_pairs import ItemPairs
from motet.data.lexical import Lexical
from motet.data.pairs import PairRows
from motet.data.tokens import Tokens

NEAR = 20  # answers of each text from which those are drawn that have its words and are wrong
ALL_UP_TO = 30_000  # items that a text is compared with in a step; of more of them so many are drawn
DRAWN = 4096


@dataclass(frozen=True)
class Answers:
    """The answers of a task, as its model reads them: tokens for a tuned language model, else vectors.

    Args:
        rows: Questions and which answers are right.
        negatives: Wrong answers of each text in a batch that have words of it.
        tokens: Of the answers.
        vector_MT: Their vectors, float32.
        near_NH: Numbers of wrong answers that are near to each text by their words, nearest first; -1: none.
        lexical: Index of their words.
        live: Items of a step that are read anew at most.
    """

    rows: PairRows
    negatives: int
    near_NH: np.ndarray
    lexical: Lexical
    tokens: Tokens | None = None
    vector_MT: np.ndarray | None = None
    live: int = 0

    def drawn(self, random: np.random.Generator) -> "Drawn | DrawnItems":
        """Which right answer of each text is learned in an epoch, and which wrong ones stand beside it."""
        own_N = self.rows.one_right(random)
        if isinstance(self.rows, ItemPairs):
            order_A = random.permutation(np.flatnonzero(self.rows.learns_M))
            return DrawnItems(self, own_N, order_A, random.random(len(own_N)))
        order_NH = random.random(self.near_NH.shape).argsort(1)[:, : self.negatives]
        return Drawn(self, own_N, np.take_along_axis(self.near_NH, order_NH, 1))

    def batch(self, number_C: np.ndarray, own_B: np.ndarray, right_BC: np.ndarray) -> AnswerBatch:
        """Some answers, by their numbers."""
        own, right = torch.from_numpy(own_B), torch.from_numpy(right_BC)
        if self.tokens is not None:
            return AnswerBatch(own, right, *self.tokens.padded(number_C))
        assert self.vector_MT is not None
        return AnswerBatch(own, right, vector_CT=torch.from_numpy(self.vector_MT[number_C]))

    def compared(
        self, number_C: np.ndarray, own_B: np.ndarray, right_BC: np.ndarray, live: np.ndarray
    ) -> AnswerBatch:
        """Some items whose vectors a table has, by their numbers; of those that are `live` the tokens too."""
        own, right, number = (torch.from_numpy(each) for each in (own_B, right_BC, number_C))
        if self.tokens is None or not len(live):
            return AnswerBatch(own, right, number_C=number)
        live_K = torch.from_numpy(np.searchsorted(number_C, live))
        return AnswerBatch(own, right, *self.tokens.padded(live), number_C=number, live_K=live_K)


@dataclass(frozen=True)
class Drawn:
    """What an epoch shows of the answers."""

    answers: Answers
    own_N: np.ndarray
    wrong_NH: np.ndarray  # -1: none

    def batch(self, place_B: np.ndarray) -> AnswerBatch:
        """The answers that stand beside some texts."""
        shown = np.concatenate([self.own_N[place_B], self.wrong_NH[place_B].ravel()])
        number_C = np.unique(shown[shown >= 0])
        own_B = np.searchsorted(number_C, self.own_N[place_B])
        right_BC = np.stack([np.isin(number_C, self.answers.rows.right(row)) for row in place_B.tolist()])
        return self.answers.batch(number_C, own_B, right_BC)


@dataclass(frozen=True)
class DrawnItems:
    """What an epoch shows of the items: all that train, or many of them, some read anew.

    Args:
        answers: The items.
        own_N: Which right item of each text is learned.
        order_A: All items that train, in an order of the epoch.
        turn_N: Which texts' items are read anew first, in [0, 1).
    """

    answers: Answers
    own_N: np.ndarray
    order_A: np.ndarray
    turn_N: np.ndarray

    def batch(self, place_B: np.ndarray) -> AnswerBatch:
        """The items that some texts are compared with."""
        own_B = self.own_N[place_B]
        number_C = np.unique(np.concatenate([own_B, self._others(int(place_B[0]))]))
        place_M = np.full(len(self.answers.rows.answers), -1)
        place_M[number_C] = np.arange(len(number_C))
        right_BC = np.zeros((len(place_B), len(number_C)), bool)
        for at, row in enumerate(place_B.tolist()):
            here = place_M[self.answers.rows.right(row)]
            right_BC[at, here[here >= 0]] = True
        first = own_B[np.argsort(self.turn_N[place_B], kind="stable")]
        live = np.unique(first[np.sort(np.unique(first, return_index=True)[1])[: self.answers.live]])
        return self.answers.compared(number_C, place_M[own_B], right_BC, live)

    def _others(self, first: int) -> np.ndarray:
        """All, or so many of them as a step draws: from a place on that its first text says."""
        if len(self.order_A) <= ALL_UP_TO:
            return self.order_A
        return np.take(self.order_A, np.arange(first * DRAWN, (first + 1) * DRAWN), mode="wrap")


def shown_items(rows: ItemPairs) -> int:
    """How many items a query is compared with in a step."""
    count = int(rows.learns_M.sum())
    return count if count <= ALL_UP_TO else DRAWN


def near_by_words(rows: PairRows, lexical: Lexical, row_R: np.ndarray) -> np.ndarray:
    """Wrong answers that are near to some texts by their words, ``(N, H)``, nearest first; -1: none."""
    count = min(NEAR, lexical.size - 1)
    near_NH = np.full((len(rows), count), -1, np.int64)
    for begin in range(0, len(row_R), 256):
        chosen = row_R[begin : begin + 256]
        score_BM = lexical.scores([rows.text_N[row] for row in chosen.tolist()])
        for at, row in enumerate(chosen.tolist()):
            score_BM[at, rows.right(row)] = -1.0
        order_BH = np.argsort(-score_BM, 1, kind="stable")[:, :count]
        fits_BH = np.take_along_axis(score_BM, order_BH, 1) > 0
        near_NH[chosen] = np.where(fits_BH, order_BH, -1)
    return near_NH
