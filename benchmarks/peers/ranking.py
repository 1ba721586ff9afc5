"""Ranking inside a peer: who has seen what, ranks over the whole catalogue, validation NDCG, top-k lists.

Shapes: B users of a block, N items, T targets, K places, E interactions.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from benchmarks.peers.exchange import Interactions

BLOCK = 1024
Score = Callable[[np.ndarray], np.ndarray]


def user_item_matrix(interactions: Interactions, num_users: int, num_items: int) -> sparse.csr_matrix:
    """1 where the user has the item, ``(num_users, num_items)``, float32."""
    ones_E = np.ones(len(interactions.user_E), dtype=np.float32)
    matrix = sparse.csr_matrix(
        (ones_E, (interactions.user_E, interactions.item_E)), shape=(num_users, num_items)
    )
    matrix.data[:] = 1.0
    return matrix


def hide(score_BN: np.ndarray, seen: sparse.csr_matrix, user_B: np.ndarray) -> np.ndarray:
    """Set the scores of what the users already have to minus infinity, in place."""
    rows, columns = seen[user_B].nonzero()
    score_BN[rows, columns] = -np.inf
    return score_BN


def ranks(score_BN: np.ndarray, row_T: np.ndarray, target_T: np.ndarray) -> np.ndarray:
    """Rank (from 1) of each target in its row; of equal scores the smaller item number comes first."""
    score_T = score_BN[row_T, target_T][:, None]
    above_T = (score_BN[row_T] > score_T).sum(axis=1)
    equal_TN = score_BN[row_T] == score_T
    before_TN = np.arange(score_BN.shape[1])[None, :] < target_T[:, None]
    return 1 + above_T + (equal_TN & before_TN).sum(axis=1)


def mean_ndcg(rank_T: np.ndarray, query_T: np.ndarray, k: int = 10) -> float:
    """NDCG@k, averaged over the queries that have a target (binary relevance, any number of targets)."""
    _, query_T, targets_Q = np.unique(query_T, return_inverse=True, return_counts=True)
    gain_T = np.where(rank_T <= k, 1.0 / np.log2(1.0 + rank_T), 0.0)
    ideal = np.concatenate([[0.0], np.cumsum(1.0 / np.log2(1.0 + np.arange(1, k + 1)))])
    return float((np.bincount(query_T, weights=gain_T) / ideal[np.minimum(targets_Q, k)]).mean())


@dataclass(frozen=True)
class Validation:
    """The validation targets, and what their users had before."""

    targets: Interactions
    seen: sparse.csr_matrix

    def blocks(self) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Users of a block, and for each target its row in the block and its item."""
        users = np.unique(self.targets.user_E)
        for start in range(0, len(users), BLOCK):
            user_B = users[start : start + BLOCK]
            inside_E = (self.targets.user_E >= user_B[0]) & (self.targets.user_E <= user_B[-1])
            row_T = np.searchsorted(user_B, self.targets.user_E[inside_E])
            yield user_B, row_T, self.targets.item_E[inside_E]

    def ranks(self, score: Score) -> tuple[np.ndarray, np.ndarray]:
        """Rank and user of each target under a model that scores all items; own history is left out."""
        found = []
        for user_B, row_T, target_T in self.blocks():
            score_BN = hide(score(user_B), self.seen, user_B)
            found.append((ranks(score_BN, row_T, target_T), user_B[row_T]))
        rank_T, user_T = (np.concatenate(part) for part in zip(*found, strict=True))
        return rank_T, user_T

    def ndcg(self, score: Score, k: int = 10) -> float:
        """NDCG@k of a model that scores all items for some users."""
        return mean_ndcg(*self.ranks(score), k)

    def recall(self, score: Score, k: int = 10) -> float:
        """Share of the targets among the first k; with one target a user that is Recall@k."""
        return float((self.ranks(score)[0] <= k).mean())


def top_lists(
    score: Score, seen: sparse.csr_matrix, user_Q: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """The k best items not seen yet and their scores, ``(Q, K)`` each; -1 where fewer are left."""
    items, scores = [], []
    for start in range(0, len(user_Q), BLOCK):
        user_B = user_Q[start : start + BLOCK]
        score_BN = hide(score(user_B), seen, user_B)
        best_BK = np.sort(np.argpartition(-score_BN, min(k, score_BN.shape[1] - 1), axis=1)[:, :k], axis=1)
        value_BK = np.take_along_axis(score_BN, best_BK, axis=1)
        order_BK = np.argsort(-value_BK, axis=1, kind="stable")
        value_BK = np.take_along_axis(value_BK, order_BK, axis=1)
        items.append(np.where(np.isneginf(value_BK), -1, np.take_along_axis(best_BK, order_BK, axis=1)))
        scores.append(value_BK)
    return np.concatenate(items), np.concatenate(scores)


def popularity(interactions: Interactions, num_items: int, seed: int = 0) -> np.ndarray:
    """How often each item occurs, ``(N,)``; ties are broken by a seeded draw, never by the item's number."""
    count_N = np.bincount(interactions.item_E, minlength=num_items).astype(np.float64)
    return count_N + 0.5 * np.random.default_rng(seed).random(num_items)
