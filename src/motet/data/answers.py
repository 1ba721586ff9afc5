"""Answers on their way to the model: those among which the right ones of a batch's texts are looked for.

Shapes: N texts, M answers, H of them that are near to a text by their words, B texts of a batch, C answers of
a batch, T width of the language model.
"""

from dataclasses import dataclass

import numpy as np
import torch

from motet.batch import AnswerBatch
from motet.data.lexical import Lexical
from motet.data.pairs import PairRows
from motet.data.tokens import Tokens

NEAR = 20  # answers of each text from which those are drawn that have its words and are wrong


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
    """

    rows: PairRows
    negatives: int
    near_NH: np.ndarray
    lexical: Lexical
    tokens: Tokens | None = None
    vector_MT: np.ndarray | None = None

    def drawn(self, random: np.random.Generator) -> "Drawn":
        """Which right answer of each text is learned in an epoch, and which wrong ones stand beside it."""
        count_N = np.diff(self.rows.offset_N)
        own_N = self.rows.right_F[
            self.rows.offset_N[:-1] + (random.random(len(count_N)) * count_N).astype(np.int64)
        ]
        order_NH = random.random(self.near_NH.shape).argsort(1)[:, : self.negatives]
        return Drawn(self, own_N, np.take_along_axis(self.near_NH, order_NH, 1))

    def batch(self, number_C: np.ndarray, own_B: np.ndarray, right_BC: np.ndarray) -> AnswerBatch:
        """Some answers, by their numbers."""
        own, right = torch.from_numpy(own_B), torch.from_numpy(right_BC)
        if self.tokens is not None:
            return AnswerBatch(own, right, *self.tokens.padded(number_C))
        assert self.vector_MT is not None
        return AnswerBatch(own, right, vector_CT=torch.from_numpy(self.vector_MT[number_C]))


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
