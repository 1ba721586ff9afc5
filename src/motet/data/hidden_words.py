"""Words that are hidden in texts, to be found again: drawn anew in every epoch, or the same ones always.

Of the words that are asked for eight in ten are hidden, one is another word and one stays as it is (Devlin et
al., NAACL 2019, arXiv:1810.04805). Shapes: N texts, F tokens of all texts one after the other, B texts of a
batch, L tokens, C words that occur.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from motet.batch import TextBatch
from motet.data.letters import marks
from motet.data.tokens import Tokens

MASKED = "masked"
NEVER = -1  # group of a token that is no word: a mark of the tokenizer, the prefix
_WITHOUT_BLANKS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
"""Letters of scripts that put no blanks between words: Thai, Lao, Burmese, Khmer, kana, ideographs."""


def groups_of_tokens(letters_F: np.ndarray) -> np.ndarray:
    """A group for each token that stands for letters, ``(F,)``; -1 for the others.

    Tokens that share a letter (its bytes, a mark for the blank before it) are one group.

    >>> groups_of_tokens(np.array([[0, 0], [0, 1], [0, 2], [2, 3], [0, 0]])).tolist()
    [-1, 2, 2, 3, -1]
    """
    before_F = np.concatenate([[0], letters_F[:-1, 1]])
    number_F = np.cumsum(letters_F[:, 0] >= before_F)
    found: np.ndarray = np.where(letters_F[:, 1] > letters_F[:, 0], number_F, NEVER)
    return found


def groups_of_words(texts: Sequence[str], letters_F: np.ndarray, offset_N: np.ndarray) -> np.ndarray:
    """A group for each word: its tokens have the same, ``(F,)``; -1 where a token stands for no letter.

    A sign is a word, and so is each letter of scripts without blanks, as far as tokens go.

    Args:
        texts: The texts.
        letters_F: First letter of each token in its text, and the letter after its last, ``(F, 2)``.
        offset_N: Tokens of text n are those from ``offset_N[n]`` to ``offset_N[n + 1]``.
    """
    group_F = groups_of_tokens(letters_F)
    words = re.compile(rf"(?:(?![{_WITHOUT_BLANKS}])[\w{marks()}])+|[^\s]")
    for row, text in enumerate(texts):
        begin, end = int(offset_N[row]), int(offset_N[row + 1])
        word_of = np.zeros(len(text) + 1, np.int64)
        for found in words.finditer(text):
            word_of[found.start() : found.end()] = begin + found.start()
        own_L = letters_F[begin:end]
        last_L = np.clip(
            own_L[:, 1] - 1, 0, None
        )  # the first letter may be a blank that belongs to the token
        real_L = group_F[begin:end] != NEVER
        group_F[begin:end][real_L] = word_of[last_L][real_L]
    return group_F


@dataclass(frozen=True)
class HiddenWords:
    """Texts, and what may be hidden in them.

    Args:
        tokens: Of the texts.
        group_F: Of each token; those of one group are hidden together; -1: never.
        word_C: Token numbers that are hidden in training texts, ascending: one of them stands for another.
        mask_token: What hides a word.
        share: Of the groups that are asked for.
    """

    tokens: Tokens
    group_F: np.ndarray
    word_C: np.ndarray
    mask_token: int
    share: float

    def batch(self, place_B: np.ndarray, random: np.random.Generator) -> TextBatch:
        """Some texts with words hidden.

        Args:
            place_B: The texts.
            random: Decides.
        """
        token_BL, real_BL = self.tokens.padded(place_B)
        word_BL = token_BL.numpy().copy()
        asked_BL = self._asked(place_B, real_BL.numpy(), random)
        how_BL = random.random(word_BL.shape)
        other_BL = self.word_C[random.integers(len(self.word_C), size=word_BL.shape)]
        shown_BL = np.where(asked_BL & (how_BL < 0.9), other_BL, word_BL)
        shown_BL = np.where(asked_BL & (how_BL < 0.8), self.mask_token, shown_BL)
        return TextBatch(
            MASKED,
            torch.from_numpy(place_B),
            torch.zeros(len(place_B), dtype=torch.int64),
            torch.from_numpy(shown_BL),
            real_BL,
            asked_BL=torch.from_numpy(np.where(asked_BL, word_BL, NEVER)),
        )

    def _asked(self, place_B: np.ndarray, real_BL: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Which tokens are asked for, boolean ``(B, L)``: one draw a group."""
        group_BL = np.full(real_BL.shape, NEVER)
        length_B = real_BL.sum(1)
        for row, (place, length) in enumerate(zip(place_B, length_B, strict=True)):
            begin = self.tokens.offset_N[place]
            group_BL[row, :length] = self.group_F[begin : begin + length]
        drawn = random.random(group_BL.size)
        own = np.arange(len(place_B))[:, None] * (int(self.group_F.max(initial=0)) + 2)
        _, group = np.unique(group_BL + own, return_inverse=True)
        asked_BL: np.ndarray = (drawn[group].reshape(group_BL.shape) < self.share) & (group_BL != NEVER)
        return asked_BL


def words_that_occur(
    tokens: Tokens, group_F: np.ndarray, place_T: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Token numbers that some texts have and that may be hidden, ascending, and how often each occurs.

    Args:
        tokens: Of all texts.
        group_F: Of each token; -1: never hidden.
        place_T: Those that train.
    """
    length_T = tokens.length_N[place_T]
    at = np.repeat(tokens.offset_N[place_T] - np.concatenate([[0], np.cumsum(length_T)[:-1]]), length_T)
    place = at + np.arange(length_T.sum())
    word_C, count_C = np.unique(tokens.id_F[place[group_F[place] != NEVER]], return_counts=True)
    return word_C.astype(np.int64), count_C
