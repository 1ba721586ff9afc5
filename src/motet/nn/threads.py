"""Threads that work side by side on pieces, rather than all on each piece.

Where all threads share one product, each waits for the slowest of them many times in a layer; on cores that
others use too they mostly wait. Pieces that need nothing of one another leave nothing to wait for.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

MOST = 8  # at once; further threads share the work of each
Piece = TypeVar("Piece")
Said = TypeVar("Said")


def side_by_side(
    work: Callable[[Piece], Said], pieces: Sequence[Piece], device: str = "cpu"
) -> Iterator[Said]:
    """What a function says of each piece, in their order, by as many threads as torch may use.

    Args:
        work: Must change nothing that another piece reads.
        pieces: What it is asked about.
        device: Type of the device; on others than the CPU one piece comes after the other.
    """
    threads = torch.get_num_threads()
    workers, each = shares(threads, len(pieces)) if device == "cpu" else (1, threads)
    if workers == 1:
        yield from map(work, pieces)
        return
    try:
        with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(each,)) as pool:
            yield from pool.map(work, pieces)
    finally:
        torch.set_num_threads(threads)  # which threads that are still to come read


def shares(threads: int, pieces: int) -> tuple[int, int]:
    """How many pieces at once, and how many threads for each of them.

    >>> [shares(threads, 100) for threads in (1, 2, 8, 12)], shares(4, 2), shares(2, 0)
    ([(1, 1), (2, 1), (8, 1), (6, 2)], (2, 2), (1, 2))
    """
    each = -(-threads // max(min(threads, pieces, MOST), 1))
    return threads // each, each
