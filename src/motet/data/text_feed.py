"""Texts on their way to the model: as tokens or as ready vectors, in batches of like length.

Shapes: N texts, B texts of a batch, L tokens, R rows of a part, T width of the language model.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch

from motet.batch import AnswerBatch, TextBatch
from motet.data.answers import Answers
from motet.data.loader import Epoch, shuffled_windows, sorted_windows
from motet.data.texts import TextRows
from motet.data.timelines import TRAIN, UNUSED
from motet.data.tokens import Tokens, Units
from motet.system.randomness import generator

PLACES = 1024  # of tokens, padding included, in a batch that is not learned from; more leave the cache


@dataclass(frozen=True)
class TextSet:
    """The rows of a text task as its model reads them: tokens for a tuned language model, else vectors."""

    task: str
    rows: TextRows
    tokens: Tokens | None = None
    vector_NT: np.ndarray | None = None  # float32
    units: Units | None = None  # of a task that tags them
    answers: Answers | None = None  # of a task that looks for answers

    def batch(self, place_B: np.ndarray, answers: AnswerBatch | None = None) -> TextBatch:
        """Some rows, by their places.

        Args:
            place_B: The places.
            answers: Among which the right ones are looked for, where they are learned from.
        """
        label_B = torch.from_numpy(self.rows.label_N[place_B])
        place = torch.from_numpy(place_B)
        if self.tokens is not None:
            token_BL, real_BL = self.tokens.padded(place_B)
            units = None if self.units is None else self.units.padded(place_B)
            return TextBatch(self.task, place, label_B, token_BL, real_BL, units=units, answers=answers)
        assert self.vector_NT is not None
        vector_BT = torch.from_numpy(np.ascontiguousarray(self.vector_NT[place_B]))
        return TextBatch(self.task, place, label_B, vector_BT=vector_BT, answers=answers)

    def in_order(self, place_R: np.ndarray) -> Iterator[TextBatch]:
        """Batches of some rows by length, to be answered and not learned from."""
        length_R = np.ones(len(place_R), np.int64) if self.tokens is None else self.tokens.length_N[place_R]
        for chosen in sorted_windows(length_R, np.ones_like(length_R), PLACES):
            yield self.batch(place_R[chosen])

    def length_N(self) -> np.ndarray:
        """How much there is to read of each text, ``(N,)``."""
        return np.ones(len(self.rows), np.int64) if self.tokens is None else self.tokens.length_N


class TextFeed:
    """Training epochs of one text task, shuffled anew in each.

    Args:
        texts: All rows of the task.
        batch_size: Texts in a batch.
        seed: Of the order.
        beside: Texts without a label in a batch, for each that has one.
    """

    def __init__(self, texts: TextSet, batch_size: int, seed: int, beside: int = 0) -> None:
        self.texts, self.batch_size, self.seed, self.beside = texts, batch_size, seed, beside
        self.row_R, self.more_X = texts.rows.rows(TRAIN), texts.rows.rows(UNUSED)

    def epoch(self, number: int) -> Epoch[TextBatch]:
        """Epoch `number`, the same each time it is asked for."""
        random = generator(self.seed, f"epoch {number} of {self.texts.task}")
        batches = shuffled_windows(self.texts.length_N()[self.row_R], self.batch_size, random)
        chosen = [self.row_R[chosen] for chosen in batches]
        if self.texts.answers is not None:
            drawn = self.texts.answers.drawn(self._random(f"answers of epoch {number}"))
            return Epoch(lambda place_B: self.texts.batch(place_B, drawn.batch(place_B)), chosen)
        if self.beside and len(self.more_X):
            first = {int(place_B[0]): at for at, place_B in enumerate(chosen)}
            more = self._more(number, len(chosen))
            return Epoch(lambda place_B: self._beside(place_B, more[first[int(place_B[0])]]), chosen)
        return Epoch(self.texts.batch, chosen)

    def _random(self, what: str) -> np.random.Generator:
        return generator(self.seed, f"{what} of {self.texts.task}")

    def _more(self, number: int, batches: int) -> list[np.ndarray]:
        """Texts without a label for each batch of an epoch; all of them before any comes again."""
        size = min(self.beside * self.batch_size, len(self.more_X))
        rounds = [
            self._random(f"texts without a label {at} of epoch {number}").permutation(self.more_X)
            for at in range(-(-batches * size // len(self.more_X)))
        ]
        return np.split(np.concatenate(rounds)[: batches * size], batches)

    def _beside(self, place_B: np.ndarray, more_X: np.ndarray) -> TextBatch:
        return replace(self.texts.batch(place_B), more=self.texts.batch(more_X))
