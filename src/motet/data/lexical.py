"""Words: how many of a query's a document has, weighed by how rare they are (BM25).

Robertson, Walker et al., TREC-3 1994, in the form of Lucene, by the package bm25s. Shapes: N queries, M
documents.
"""

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from motet.data.letters import words
from motet.data.spelling import Spelling

WHOLE = 5.0  # that a document has all words is worth a word more, one that a hundredth of the documents has
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
        typed: Queries are a few words that somebody typed. A word that no document has stands for the known
            ones with the most of its letters, so what is mistyped or has another ending is found; and a
            document gains by the share of a query's words that it has (coordination, as in Lucene's classic
            form).
    """

    def __init__(self, documents: Sequence[str], *, typed: bool = False) -> None:
        from bm25s import BM25

        self.index, self.size = BM25(method="lucene"), len(documents)
        found = [words_of(each) for each in documents]
        self.known = {word for each in found for word in each}
        if self.known:
            self.index.index([each or [""] for each in found], show_progress=False)
        self.spelling = Spelling(self.known) if typed else None

    def scores(self, queries: Sequence[str]) -> np.ndarray:
        """How well the words of each query fit each document, float32 ``(N, M)``; 0 where none does."""
        found_NM = np.zeros((len(queries), self.size), np.float32)
        for row, query in enumerate(queries):
            asked = words_of(query)
            if self.spelling is not None:
                found_NM[row] = self._typed(asked, self.spelling)
            elif known := [word for word in asked if word in self.known]:
                found_NM[row] = self.index.get_scores(known)
        return found_NM

    def _typed(self, asked: Sequence[str], spelling: Spelling) -> np.ndarray:
        """What each document has of some words, and the share of them that it has."""
        score_M, share_M = np.zeros((2, self.size), np.float32)
        several = Counter(asked)
        for word, times in several.items():
            near = [(word, 1.0)] if word in self.known else spelling.near(word)
            best_M, alike_M = np.zeros((2, self.size), np.float32)
            for known, alike in near:
                own_M = self.index.get_scores([known])
                np.maximum(best_M, alike * own_M, out=best_M)
                np.maximum(alike_M, alike * (own_M > 0), out=alike_M)
            score_M += times * best_M
            share_M += alike_M / len(several)
        found_M: np.ndarray = score_M + WHOLE * share_M
        return found_M
