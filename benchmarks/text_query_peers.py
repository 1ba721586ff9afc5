"""Peers of queries for items: BM25, cosines of a language model as it comes, and both together.

Their settings are chosen on the validation queries of a seed that is not measured, as ours are: what BM25
counts (k1, b, with or without the commonest English words), and how much words count in a fusion, by ranks
(RRF: Cormack, Clarke, Buettcher, SIGIR 2009) or by scores that run from 0 to 1 in each query.
Shapes: N queries, M items.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from bm25s import BM25
from bm25s.tokenization import tokenize

from benchmarks.texts_peers import vectors

LANGUAGE = "all-MiniLM-L6-v2"
PEERS = ("bm25", "cosine", "fusion")
WORD = r"(?u)\b\w+\b"  # words of one character too, as ours reads them
FUSED = 60  # of reciprocal rank fusion
K1, B = (0.6, 0.9, 1.2, 1.5), (0.4, 0.75)
WEIGHTS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)  # of words in a fusion; cosines have the rest
Scores = Callable[[Sequence[str]], np.ndarray]
"""Queries to scores of all items ``(N, M)``."""


@dataclass(frozen=True)
class Settings:
    """What may be chosen of the peers.

    Args:
        k1: Of BM25: how soon a word that is repeated says no more.
        b: Of BM25: how much the length of a document counts.
        common: Whether the commonest English words count.
        way: What a fusion adds, `ranks` or `scores`.
        weight: How much words count in it, from 0 to 1.
    """

    k1: float = 1.5
    b: float = 0.75
    common: bool = True
    way: str = "ranks"
    weight: float = 0.5


def peers(documents: Sequence[str], settings: Settings) -> dict[str, Scores]:
    """What the peers make of queries."""
    words, near = remembered(bm25(documents, settings)), remembered(cosine(documents))
    return dict(zip(PEERS, (words, near, fusion(words, near, settings)), strict=True))


def bm25(documents: Sequence[str], settings: Settings) -> Scores:
    """Common words."""
    stopwords: str | list[str] = [] if settings.common else "en"

    def read(texts: Sequence[str]) -> list[list[str]]:
        return tokenize(
            list(texts), token_pattern=WORD, stopwords=stopwords, return_ids=False, show_progress=False
        )

    index = BM25(method="lucene", k1=settings.k1, b=settings.b)
    index.index(read(documents), show_progress=False)

    def scores(texts: Sequence[str]) -> np.ndarray:
        none_M = np.zeros(len(documents), np.float32)
        return np.stack([index.get_scores(words) if words else none_M for words in read(texts)])

    return scores


def cosine(documents: Sequence[str]) -> Scores:
    """Likeness of the vectors of the language model."""
    document_MT = _directions(documents)

    def scores(texts: Sequence[str]) -> np.ndarray:
        found: np.ndarray = _directions(texts) @ document_MT.T
        return found

    return scores


def fusion(words: Scores, near: Scores, settings: Settings) -> Scores:
    """Both together, by ranks or by scores."""
    scale = SCALES[settings.way]
    return _sum(_through(scale, words), _through(scale, near), settings.weight)


def remembered(scores: Scores) -> Scores:
    """The same, which works out what it is asked again only once."""
    known: dict[tuple[str, ...], np.ndarray] = {}

    def found(texts: Sequence[str]) -> np.ndarray:
        key = tuple(texts)
        if key not in known:
            known[key] = scores(texts).astype(np.float32)
        return known[key]

    return found


def by_rank(score_NM: np.ndarray) -> np.ndarray:
    """One through rank and a constant.

    >>> by_rank(np.array([[0.3, 0.9]])).round(4).tolist()
    [[0.0161, 0.0164]]
    """
    order = np.argsort(-score_NM, axis=1, kind="stable")
    rank_NM = np.empty_like(order)
    np.put_along_axis(rank_NM, order, np.arange(1, order.shape[1] + 1)[None], axis=1)
    return 1 / (FUSED + rank_NM)


def by_range(score_NM: np.ndarray) -> np.ndarray:
    """Scores of each query from 0 to 1; 0 where all are the same.

    >>> by_range(np.array([[1.0, 3.0, 2.0], [5.0, 5.0, 5.0]])).tolist()
    [[0.0, 1.0, 0.5], [0.0, 0.0, 0.0]]
    """
    low_N1 = score_NM.min(1, keepdims=True)
    width_N1 = score_NM.max(1, keepdims=True) - low_N1
    return (score_NM - low_N1) / np.where(width_N1 > 0, width_N1, 1)


SCALES = {"ranks": by_rank, "scores": by_range}


def chosen(documents: Sequence[str], judge: Callable[[Scores], float]) -> tuple[Settings, list[Any]]:
    """The best settings of BM25, then, with these, of the fusion; and every trial.

    Args:
        documents: The items.
        judge: Scores to what they bring on the validation queries.
    """
    trials: list[Any] = []

    def best(several: Iterator[tuple[Settings, Scores]], name: str) -> Settings:
        tried = [(settings, judge(scores)) for settings, scores in several]
        trials.extend({"peer": name, **asdict(each), "value": round(value, 4)} for each, value in tried)
        return max(tried, key=lambda one: one[1])[0]

    grid = [Settings(k1, b, common) for k1, b, common in product(K1, B, (True, False))]
    words = best(((each, bm25(documents, each)) for each in grid), "bm25")
    own, near = remembered(bm25(documents, words)), remembered(cosine(documents))
    return best(_fusions(own, near, words), "fusion"), trials


def _fusions(words: Scores, near: Scores, settings: Settings) -> Iterator[tuple[Settings, Scores]]:
    """Fusions by ranks and by scores, whose parts are worked out once for all weights."""
    for way, scale in SCALES.items():
        parts = remembered(_through(scale, words)), remembered(_through(scale, near))
        for weight in WEIGHTS:
            yield replace(settings, way=way, weight=weight), _sum(*parts, weight)


def settings_of(known: Mapping[str, Any]) -> Settings:
    """What was chosen, as a file keeps it; what a fusion of equal parts has where nothing was."""
    return Settings(**known.get("chosen", {}))


def _through(scale: Callable[[np.ndarray], np.ndarray], scores: Scores) -> Scores:
    return lambda texts: scale(scores(texts))


def _sum(words: Scores, near: Scores, weight: float) -> Scores:
    return lambda texts: weight * words(texts) + (1 - weight) * near(texts)


def _directions(texts: Sequence[str]) -> np.ndarray:
    found = vectors(LANGUAGE, list(texts), 128)
    return found / np.linalg.norm(found, axis=1, keepdims=True)
