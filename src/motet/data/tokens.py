"""Tokens of texts, and where the units lie in them that are tagged.

Shapes: N texts, F tokens or units of all texts one after the other, B texts of a batch, L tokens, U units.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from motet.batch import UnitBatch
from motet.data.tagged import UNKNOWN, TaggedRows
from motet.data.tags import spans


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

    @cached_property
    def held_N(self) -> np.ndarray:
        """Of each text the units up to the last that a token holds; what lies behind was cut off."""
        count_N = np.diff(self.offset_N)
        last_F = np.where(self.place_F[:, 0] >= 0, np.arange(len(self.place_F)) + 1, 0)
        held_N = np.zeros(len(count_N), np.int64)
        has_N = count_N > 0
        held_N[has_N] = np.maximum.reduceat(last_F, self.offset_N[:-1][has_N]) if has_N.any() else 0
        found: np.ndarray = np.maximum(held_N - self.offset_N[:-1], 0)
        return found

    def padded(self, place_B: np.ndarray) -> UnitBatch:
        """The units of some texts, up to the last that a token holds."""
        length_B = self.held_N[place_B]
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


def oracle(rows: TaggedRows, units: Units) -> float | None:
    """F1 that one tag a token could reach: where tokens hold several units, an edge may lie inside of one.

    Returns:
        None where every unit has a token of its own.
    """
    reached = total = 0
    for row in range(len(rows)):
        own_U4 = units.place_F[rows.offset_N[row] : rows.offset_N[row + 1]]
        for _, first, after in spans(rows.tags_N[row]):
            total += 1
            reached += int(own_U4[first, 1] == 0 and own_U4[after - 1, 2] == 0)
    held_F = units.place_F[:, 0] >= 0
    if not total or not ((units.place_F[:, 1] > 0) & held_F).any():
        return None
    return 2 * reached / (total + reached)
