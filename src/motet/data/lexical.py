"""Words: how many of a query's a document has, weighed by how rare they are (BM25).

Robertson, Walker et al., TREC-3 1994, in the form of Lucene, by the package bm25s. Shapes: N queries, M
documents.
"""

import re
from collections.abc import Sequence

import numpy as np

from motet.data.letters import words
from motet.data.spelling import Spelling

_APART = re.compile("([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff])")  # characters that are words


def words_of(text: str) -> list[str]:
    """The words of a text in small letters; of scripts without blanks the characters, and each two of them.

    >>> words_of("Lost my card!"), words_of("丢了card")
    (['lost', 'my', 'card'], ['丢', '了', 'card', '丢了'])
    """
    found: list[str] = []
    for word in words().findall(text.casefold()):
        pieces = [each for each in _APART.split(word) if each]
        alone = [len(each) == 1 and bool(_APART.match(each)) for each in pieces]
        found += pieces
        found += [pieces[at] + pieces[at + 1] for at in range(len(pieces) - 1) if alone[at] and alone[at + 1]]
    return found


class Lexical:
    """An index of documents by their words.

    Args:
        documents: Their texts.
        spelling: A word that no document has stands for the known ones with the most of its letters: what is
            mistyped, or has another ending, is found all the same.
    """

    def __init__(self, documents: Sequence[str], *, spelling: bool = False) -> None:
        from bm25s import BM25

        self.index, self.size = BM25(method="lucene"), len(documents)
        found = [words_of(each) for each in documents]
        self.known = {word for each in found for word in each}
        if self.known:
            self.index.index([each or [""] for each in found], show_progress=False)
        self.spelling = Spelling(self.known) if spelling else None

    def scores(self, queries: Sequence[str]) -> np.ndarray:
        """How well the words of each query fit each document, float32 ``(N, M)``; 0 where none does."""
        found_NM = np.zeros((len(queries), self.size), np.float32)
        for row, query in enumerate(queries):
            asked = words_of(query)
            known = [word for word in asked if word in self.known]
            if known:
                found_NM[row] = self.index.get_scores(known)
            for word in (each for each in asked if self.spelling and each not in self.known):
                found_NM[row] += self._by_letters(word)
        return found_NM

    def _by_letters(self, word: str) -> np.ndarray:
        """What the known words are worth that an unknown one may stand for: the best, by its likeness."""
        assert self.spelling is not None
        best_M = np.zeros(self.size, np.float32)
        for known, alike in self.spelling.near(word):
            np.maximum(best_M, alike * self.index.get_scores([known]), out=best_M)
        return best_M
