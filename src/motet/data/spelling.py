"""Spelling: which known words an unknown one may stand for, by the letters that they share.

Shapes: W known words.
"""

from collections import defaultdict
from collections.abc import Iterable

import numpy as np

NEAREST = 3  # known words that an unknown one stands for
LEAST = 0.5  # likeness below which it stands for none
KEPT = 10_000  # words that were asked for, at most


class Spelling:
    """Known words by their pairs of letters.

    Two words are alike by Dice's coefficient of the pairs of letters that they have, edges included (Adamson
    and Boreham, Information Storage and Retrieval, 1974).

    Args:
        known: The words.
    """

    def __init__(self, known: Iterable[str]) -> None:
        self.words = sorted(known)
        self.found: dict[str, list[tuple[str, float]]] = {}  # of words that were asked for
        places: dict[str, list[int]] = defaultdict(list)
        size = np.zeros(len(self.words), np.int64)
        for place, word in enumerate(self.words):
            own = pairs(word)
            size[place] = len(own)
            for pair in own:
                places[pair].append(place)
        self.size_W = size
        self.places = {pair: np.array(several) for pair, several in places.items()}

    def near(self, word: str) -> list[tuple[str, float]]:
        """The known words nearest to a word, the nearest first, and how alike each is, from `LEAST` to 1.

        >>> Spelling(["shampoo", "shampoos", "balm"]).near("shampo")
        [('shampoo', 0.933...), ('shampoos', 0.75)]
        """
        if word not in self.found:
            if len(self.found) >= KEPT:
                self.found.pop(next(iter(self.found)))  # the oldest
            own = pairs(word)
            common_W = np.zeros(len(self.words))
            for pair in own:
                if pair in self.places:
                    common_W[self.places[pair]] += 1
            alike_W = 2 * common_W / (self.size_W + len(own))
            best = np.argsort(-alike_W, kind="stable")[:NEAREST].tolist()
            self.found[word] = [(self.words[at], float(alike_W[at])) for at in best if alike_W[at] >= LEAST]
        return self.found[word]


def pairs(word: str) -> set[str]:
    """Pairs of neighbouring letters of a word, its edges included.

    >>> sorted(pairs("oil"))
    ['^o', 'il', 'l$', 'oi']
    """
    edged = f"^{word}$"
    return {edged[at : at + 2] for at in range(len(edged) - 1)}
