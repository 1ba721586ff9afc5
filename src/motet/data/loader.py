"""The order in which windows are visited: shuffled in buckets of like length, or by length for evaluation."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from motet.batch import Batch, TextBatch
from motet.data.collate import Collator
from motet.data.counting import CountedRows
from motet.data.dataset import Dataset
from motet.data.requests import plan_requests
from motet.data.timelines import Timelines
from motet.system.randomness import generator

SomeBatch = TypeVar("SomeBatch", Batch, TextBatch)

BUCKET = 32  # batches among which windows are sorted by length


def shuffled_windows(length_W: np.ndarray, batch_size: int, random: np.random.Generator) -> list[np.ndarray]:
    """Batches of windows in random order, each of windows of about equal length.

    Args:
        length_W: Events in each window.
        batch_size: Windows in a batch.
        random: Decides the order.
    """
    order = random.permutation(len(length_W))
    batches: list[np.ndarray] = []
    for begin in range(0, len(order), batch_size * BUCKET):
        bucket = order[begin : begin + batch_size * BUCKET]
        bucket = bucket[np.argsort(length_W[bucket], kind="stable")]
        batches += [bucket[at : at + batch_size] for at in range(0, len(bucket), batch_size)]
    return [batches[at] for at in random.permutation(len(batches))]


def sorted_windows(length_W: np.ndarray, rows_W: np.ndarray, budget: int = 16_384) -> list[np.ndarray]:
    """Batches by length, each of at most `budget` padded places (events or rows, whichever are more)."""
    order = np.lexsort((rows_W, length_W))
    batches: list[np.ndarray] = []
    begin = 0
    widest = 0
    for at, window in enumerate(order):
        size = int(max(length_W[window] + 1, rows_W[window]))
        if at > begin and max(widest, size) * (at - begin + 1) > budget:
            batches.append(order[begin:at])
            begin, widest = at, 0
        widest = max(widest, size)
    if begin < len(order):
        batches.append(order[begin:])
    return batches


def visible_in_training(log: Timelines) -> np.ndarray:
    """Events that training windows hold, boolean ``(N,)``: those that train every task."""
    return log.train_N


def learned_rows(log: Timelines) -> np.ndarray:
    """Rows that training asks about, boolean ``(N,)``: those with a label, or positive for `next_item`."""
    learned_N: np.ndarray = np.logical_or.reduce([log.labelled_N, *log.positive.values()]) & log.train_N
    return learned_N


@dataclass(frozen=True)
class Epoch(Generic[SomeBatch]):
    """One visit of everything that trains, in a fixed order: what makes a batch, and of what each is made."""

    collate: Callable[[np.ndarray], SomeBatch]
    batches: list[np.ndarray]

    def __len__(self) -> int:
        return len(self.batches)

    def since(self, first: int) -> Iterator[SomeBatch]:
        """The batches from number `first` on."""
        for chosen in self.batches[first:]:
            yield self.collate(chosen)


class Feed:
    """Training epochs: windows are cut anew and shuffled anew in each, by generators derived from the seed.

    Args:
        dataset: What is trained on.
        length: Most events in a window.
        batch_size: Windows in a batch.
        seed: Of cuts and order.
        counter_NC: Standardised counters of every row, or None.
        only_N: Which of the rows that training asks about are asked about here, boolean; None: all.
    """

    def __init__(
        self,
        dataset: Dataset,
        length: int,
        batch_size: int,
        seed: int,
        counter_NC: CountedRows | None,
        only_N: np.ndarray | None = None,
    ) -> None:
        self.only_N = only_N
        self.log, self.item_time_I = dataset.log, dataset.catalogue.time_I
        self.length, self.batch_size, self.seed, self.counter_NC = length, batch_size, seed, counter_NC

    def epoch(self, number: int) -> Epoch[Batch]:
        """Epoch `number`, the same each time it is asked for."""
        random = generator(self.seed, f"epoch {number}")
        stride = max(1, self.length // 2)
        row_N = learned_rows(self.log)
        row_N = row_N if self.only_N is None else row_N & self.only_N
        visible_N = visible_in_training(self.log)
        shift = int(random.integers(stride))
        plan = plan_requests(self.log, visible_N, row_N, self.length, stride=stride, shift=shift)
        batches = shuffled_windows(plan.length_W, self.batch_size, random)
        return Epoch(Collator(self.log, plan, self.item_time_I, self.counter_NC), batches)
