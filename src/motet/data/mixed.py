"""Several feeds as one: batches of timelines and of texts take turns in a random order."""

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from motet.batch import AnyBatch
from motet.system.randomness import generator


class AnyEpoch(Protocol):
    """One visit of all that a feed has."""

    def __len__(self) -> int: ...

    def since(self, first: int) -> Iterator[AnyBatch]:
        """The batches from number `first` on."""
        ...


class AnyFeed(Protocol):
    """Epochs of batches, each the same whenever it is asked for."""

    def epoch(self, number: int) -> AnyEpoch:
        """Epoch `number`."""
        ...


class MixedEpoch:
    """The batches of several epochs, those of each in their order.

    Args:
        parts: The epochs.
        turn_X: Whose turn it is at each of all batches.
    """

    def __init__(self, parts: Sequence[AnyEpoch], turn_X: np.ndarray) -> None:
        self.parts, self.turn_X = parts, turn_X

    def __len__(self) -> int:
        return len(self.turn_X)

    def since(self, first: int) -> Iterator[AnyBatch]:
        """The batches from number `first` on."""
        had = np.bincount(self.turn_X[:first], minlength=len(self.parts))
        begun = [iter(part.since(int(count))) for part, count in zip(self.parts, had, strict=True)]
        for turn in self.turn_X[first:]:
            yield next(begun[turn])


class MixedFeed:
    """An epoch is one of each feed, their batches shuffled among each other.

    Args:
        feeds: Two or more.
        seed: Of the order.
    """

    def __init__(self, feeds: Sequence[AnyFeed], seed: int) -> None:
        self.feeds, self.seed = feeds, seed

    def epoch(self, number: int) -> MixedEpoch:
        """Epoch `number`, the same each time it is asked for."""
        parts = [feed.epoch(number) for feed in self.feeds]
        turn_X = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
        return MixedEpoch(parts, generator(self.seed, f"turns of epoch {number}").permutation(turn_X))
