"""Texts on their way to the model: as tokens or as ready vectors, in batches of like length.

Shapes: N texts, F tokens of all texts one after the other, B texts of a batch, L tokens, T width of the
language model.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from motet.batch import TextBatch, UnitBatch
from motet.data.loader import Epoch, shuffled_windows, sorted_windows
from motet.data.tagged import UNKNOWN, TaggedRows
from motet.data.texts import TextRows
from motet.data.timelines import TRAIN
from motet.system.randomness import generator

PLACES = 4096  # of tokens, padding included, in a batch that is not learned from


@dataclass(frozen=True)
class Tokens:
    """Token numbers of texts: those of text n are ``id_F[offset_N[n] : offset_N[n + 1]]``."""

    id_F: np.ndarray  # int32
    offset_N: np.ndarray  # int64 (N + 1,)

    @property
    def length_N(self) -> np.ndarray:
        """Tokens of each text, ``(N,)``."""
        return np.diff(self.offset_N)

    def padded(self, place_B: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """Tokens of some texts ``(B, L)``, padded on the right with 0, and which are real, bool."""
        length_B = self.length_N[place_B]
        number_L = np.arange(max(int(length_B.max(initial=0)), 1))
        real_BL = number_L < length_B[:, None]
        token_BL = np.zeros(real_BL.shape, np.int64)
        token_BL[real_BL] = self.id_F[(self.offset_N[place_B][:, None] + number_L)[real_BL]]
        return torch.from_numpy(token_BL), torch.from_numpy(real_BL)


@dataclass(frozen=True)
class Units:
    """What is tagged, of all texts one after the other, see `UnitBatch`.

    Args:
        place_F: Token, letters of it before and after the unit, and number of the tag, int32 ``(F, 4)``.
        offset_N: Those of text n are from ``offset_N[n]`` to ``offset_N[n + 1]``, int64 ``(N + 1,)``.
    """

    place_F: np.ndarray
    offset_N: np.ndarray

    @classmethod
    def of(cls, rows: TaggedRows, tokens: Tokens, letters_F: np.ndarray) -> "Units":
        """Where the units of all texts lie in their tokens.

        Args:
            rows: The texts.
            tokens: Their tokens.
            letters_F: Of each token its first letter in the text, and the letter after its last, ``(F, 2)``;
                both 0 where it has none.
        """
        place_F = np.full((len(rows.letters_F), 4), UNKNOWN, np.int32)
        place_F[:, 3] = rows.number_F()
        for row in range(len(rows)):
            mine = slice(rows.offset_N[row], rows.offset_N[row + 1])
            own_L = letters_F[tokens.offset_N[row] : tokens.offset_N[row + 1]]
            place_F[mine, :3] = pieces_of(own_L, rows.letters_F[mine])
        return cls(place_F, rows.offset_N)

    def padded(self, place_B: np.ndarray) -> UnitBatch:
        """The units of some texts."""
        length_B = np.diff(self.offset_N)[place_B]
        number_U = np.arange(max(int(length_B.max(initial=0)), 1))
        real_BU = number_U < length_B[:, None]
        place_BU4 = np.full((*real_BU.shape, 4), UNKNOWN, np.int64)
        place_BU4[real_BU] = self.place_F[(self.offset_N[place_B][:, None] + number_U)[real_BU]]
        piece_BU, before_BU, after_BU, tag_BU = (torch.from_numpy(place_BU4[..., at]) for at in range(4))
        return UnitBatch(piece_BU, before_BU, after_BU, tag_BU, torch.from_numpy(real_BU))


def pieces_of(letters_L: np.ndarray, letters_U: np.ndarray) -> np.ndarray:
    """Of each unit the token that holds its first letter, and letters of that token before and after it.

    Where several tokens claim a letter (a mark for a blank before it, and its own), the last has it.

    Args:
        letters_L: First letter of each token and the letter after its last, ``(L, 2)``.
        letters_U: The same of each unit, ``(U, 2)``.

    Returns:
        ``(U, 3)``; -1 where no token holds it, for the text was cut before it.

    >>> pieces_of(np.array([[0, 0], [0, 2], [2, 3]]), np.array([[0, 1], [1, 2], [2, 3], [3, 4]])).tolist()
    [[1, 0, 1], [1, 1, 0], [2, 0, 0], [-1, -1, -1]]
    """
    holder = np.full(max(int(letters_L[:, 1].max(initial=0)), int(letters_U[:, 1].max(initial=0))), -1)
    for piece, (first, after) in enumerate(letters_L):
        holder[first:after] = piece
    piece_U = holder[letters_U[:, 0]]
    held_U = letters_L[piece_U]
    found = np.stack([piece_U, letters_U[:, 0] - held_U[:, 0], held_U[:, 1] - letters_U[:, 1]], axis=1)
    found[piece_U < 0] = -1
    return found


@dataclass(frozen=True)
class TextSet:
    """The rows of a text task as its model reads them: tokens for a tuned language model, else vectors."""

    task: str
    rows: TextRows
    tokens: Tokens | None = None
    vector_NT: np.ndarray | None = None  # float32
    units: Units | None = None  # of a task that tags them

    def batch(self, place_B: np.ndarray) -> TextBatch:
        """Some rows, by their places."""
        label_B = torch.from_numpy(self.rows.label_N[place_B])
        place = torch.from_numpy(place_B)
        if self.tokens is not None:
            token_BL, real_BL = self.tokens.padded(place_B)
            units = None if self.units is None else self.units.padded(place_B)
            return TextBatch(self.task, place, label_B, token_BL, real_BL, units=units)
        assert self.vector_NT is not None
        vector_BT = torch.from_numpy(np.ascontiguousarray(self.vector_NT[place_B]))
        return TextBatch(self.task, place, label_B, vector_BT=vector_BT)

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
    """

    def __init__(self, texts: TextSet, batch_size: int, seed: int) -> None:
        self.texts, self.batch_size, self.seed = texts, batch_size, seed
        self.row_R = texts.rows.rows(TRAIN)

    def epoch(self, number: int) -> Epoch[TextBatch]:
        """Epoch `number`, the same each time it is asked for."""
        random = generator(self.seed, f"epoch {number} of {self.texts.task}")
        batches = shuffled_windows(self.texts.length_N()[self.row_R], self.batch_size, random)
        return Epoch(self.texts.batch, [self.row_R[chosen] for chosen in batches])
