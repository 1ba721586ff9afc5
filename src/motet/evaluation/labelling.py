"""Which texts or rows to label next: those of which a model learns most for what a label costs.

Shapes: N texts of a pool, K classes, T width of a vector, C chosen.
"""

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.floating]
By = Literal["both", "uncertainty", "diversity", "random"]
WAYS: tuple[str, ...] = get_args(By)


def choose(share_NK: Numbers, vector_NT: Numbers, count: int, by: By, seed: int = 0) -> NDArray[np.int64]:
    """Places in the pool, ``(C,)``, the most wanted first; all of a pool that has no more.

    Args:
        share_NK: What the model says of the classes.
        vector_NT: What it reads of the texts.
        count: How many are to be labelled.
        by: uncertainty (`uncertain`), diversity (`diverse`), both (`surprising`) or random.
        seed: Draws what is random.
    """
    count = min(count, len(share_NK))
    match by:
        case "uncertainty":
            return uncertain(share_NK, count)
        case "diversity":
            return diverse(vector_NT, count)
        case "both":
            return surprising(share_NK, vector_NT, count, seed)
        case "random":
            return np.random.default_rng(seed).permutation(len(share_NK))[:count]


def margin(share_NK: Numbers) -> Numbers:
    """How far the most probable class lies before the next one, ``(N,)``; 1 where there is one class.

    >>> margin(np.array([[0.7, 0.2, 0.1], [0.4, 0.4, 0.2]])).round(2)
    array([0.5, 0. ])
    """
    if share_NK.shape[1] < 2:
        return np.ones(len(share_NK))
    two_N2 = np.partition(share_NK, share_NK.shape[1] - 2, axis=1)[:, -2:]
    found: Numbers = two_N2[:, 1] - two_N2[:, 0]
    return found


def uncertain(share_NK: Numbers, count: int) -> NDArray[np.int64]:
    """Those between whose two best classes the model decides least (Scheffer, Decomain, Wrobel, IDA 2001)."""
    return np.argsort(margin(share_NK), kind="stable")[:count]


def diverse(vector_NT: Numbers, count: int) -> NDArray[np.int64]:
    """Each the farthest from those before it, the first the nearest to the middle.

    The greedy cover of the core-set (Sener and Savarese, ICLR 2018, arXiv:1708.00489), of directions.
    """
    direction_NT = vector_NT / np.maximum(np.linalg.norm(vector_NT, axis=1, keepdims=True), 1e-12)
    if count < 1:
        return np.zeros(0, np.int64)
    chosen = [int((direction_NT @ direction_NT.mean(0)).argmax())]
    far_N = np.full(len(direction_NT), np.inf)
    while len(chosen) < count:
        far_N = np.minimum(far_N, 1 - direction_NT @ direction_NT[chosen[-1]])
        far_N[chosen] = -1
        chosen.append(int(far_N.argmax()))
    return np.array(chosen, np.int64)


def surprising(share_NK: Numbers, vector_NT: Numbers, count: int, seed: int) -> NDArray[np.int64]:
    """Unlike one another in what they would change: BADGE (Ash et al., ICLR 2020, arXiv:1906.03671).

    The gradient that a text's own best class would send into the last layer is the outer product of
    ``share - onehot(best)`` and its vector: long where the model doubts. Of those the seeds of k-means++ are
    drawn, each with the probability of its squared distance to the nearest before it. Here the origin is a
    seed from the start, so that a text that would change nothing is not drawn for being unlike the others.
    The products are never written out: of two the inner product is that of both factors.
    """
    doubt_NK = share_NK.astype(np.float64)
    doubt_NK[np.arange(len(doubt_NK)), doubt_NK.argmax(1)] -= 1
    vector_NT = vector_NT.astype(np.float64)
    length_N = (doubt_NK**2).sum(1) * (vector_NT**2).sum(1)
    random = np.random.default_rng(seed)
    far_N = length_N.copy()  # from the origin
    chosen: list[int] = []
    while len(chosen) < count:
        left_N = np.maximum(far_N, 0)
        left_N[chosen] = 0
        if left_N.sum() <= 0:  # all others are where one was chosen: any of them
            left_N = np.ones(len(far_N))
            left_N[chosen] = 0
        place = int(random.choice(len(far_N), p=left_N / left_N.sum()))
        chosen.append(place)
        alike_N = (doubt_NK @ doubt_NK[place]) * (vector_NT @ vector_NT[place])
        far_N = np.minimum(far_N, length_N + length_N[place] - 2 * alike_N)
    return np.array(chosen, np.int64)
