"""Weights of members: not negative, with sum one, fitted on what each member said about the same rows.

Probabilities are pooled as a mixture (linear opinion pool: Stone 1961), whose likelihood is concave in the
weights, and numbers as a mean, whose squared error is convex in them: both have one least value, which is
found. Shapes: T targets or rows, M members.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

STEPS = 5000  # at most; both searches stop when a step moves no weight any more
STILL = 1e-6  # a step that moves no weight by more is the last
LEAST = 1e-30  # a probability that is not below it, so that no surprise is infinite
COARSE, FINE = 0.05, 0.01  # steps between the leader's weights that are tried; fine ones beside the best


class Evidence(Protocol):
    """What members said about rows whose answers are known."""

    @property
    def members(self) -> int:
        """How many."""
        ...

    def loss(self, weight_M: np.ndarray) -> float:
        """Mean loss over the rows of the members together."""
        ...

    def best(self, held_M: np.ndarray, free_M: np.ndarray, share: float) -> np.ndarray:
        """The least loss: `held_M` stays, the free members (boolean) share out `share`; weights ``(M,)``."""
        ...

    def take(self, mask_T: np.ndarray) -> "Evidence":
        """The evidence of some rows."""
        ...


@dataclass(frozen=True)
class Chances:
    """The probability that each member gave to what happened, ``(T, M)``; the loss is the log loss."""

    chance_TM: np.ndarray

    @property
    def members(self) -> int:
        """How many."""
        return int(self.chance_TM.shape[1])

    def loss(self, weight_M: np.ndarray) -> float:
        """Mean surprise over what happened."""
        return float(-np.log(np.maximum(self.chance_TM @ weight_M, LEAST)).mean())

    def best(self, held_M: np.ndarray, free_M: np.ndarray, share: float) -> np.ndarray:
        """By expectation and maximisation (Dempster, Laird and Rubin 1977), which never goes uphill."""
        chance_TM = np.maximum(self.chance_TM, LEAST)
        held_T = chance_TM @ held_M
        moved_M = np.where(free_M, share / max(free_M.sum(), 1), 0.0)
        for _ in range(STEPS if share > 0 else 0):
            part_TM = chance_TM * moved_M
            due_M = (part_TM / (held_T + part_TM.sum(1))[:, None]).mean(0)
            new_M = share * due_M / due_M.sum()
            still = np.abs(new_M - moved_M).max() < STILL
            moved_M = new_M
            if still:
                break
        return held_M + moved_M

    def take(self, mask_T: np.ndarray) -> "Chances":
        """The evidence of some rows."""
        return Chances(self.chance_TM[mask_T])


@dataclass(frozen=True)
class Errors:
    """The error of each member on each row, ``(T, M)``; the loss is the squared error."""

    error_TM: np.ndarray

    @property
    def members(self) -> int:
        """How many."""
        return int(self.error_TM.shape[1])

    def loss(self, weight_M: np.ndarray) -> float:
        """Mean squared error."""
        return float(((self.error_TM @ weight_M) ** 2).mean())

    def best(self, held_M: np.ndarray, free_M: np.ndarray, share: float) -> np.ndarray:
        """By projected gradients with momentum (Beck and Teboulle 2009) on the members' products."""
        product_MM = self.error_TM.T @ self.error_TM / len(self.error_TM)
        step = 1 / max(float(np.linalg.eigvalsh(product_MM)[-1]), LEAST)
        moved_M = np.where(free_M, share / max(free_M.sum(), 1), 0.0)
        ahead_M, speed = moved_M, 1.0
        for _ in range(STEPS if share > 0 else 0):
            new_M = np.zeros_like(moved_M)
            downhill_M = ahead_M - step * product_MM @ (held_M + ahead_M)
            new_M[free_M] = on_simplex(downhill_M[free_M], share)
            faster = (1 + (1 + 4 * speed**2) ** 0.5) / 2
            ahead_M, speed = new_M + (speed - 1) / faster * (new_M - moved_M), faster
            still = np.abs(new_M - moved_M).max() < STILL
            moved_M = new_M
            if still:
                break
        return held_M + moved_M

    def take(self, mask_T: np.ndarray) -> "Errors":
        """The evidence of some rows."""
        return Errors(self.error_TM[mask_T])


def on_simplex(value_M: np.ndarray, total: float = 1.0) -> np.ndarray:
    """The nearest values that are not negative and have that sum (Duchi et al., ICML 2008).

    >>> on_simplex(np.array([0.6, 0.6])).tolist(), on_simplex(np.array([2.0, 0.0])).tolist()
    ([0.5, 0.5], [1.0, 0.0])
    """
    falling_M = np.sort(value_M)[::-1]
    over_M = (np.cumsum(falling_M) - total) / np.arange(1, len(value_M) + 1)
    last = int(np.flatnonzero(falling_M > over_M)[-1])
    found_M: np.ndarray = np.maximum(value_M - over_M[last], 0.0)
    return found_M


def averaging_weights(evidence: Evidence) -> np.ndarray:
    """The weights with the least loss, ``(M,)``."""
    return evidence.best(np.zeros(evidence.members), np.ones(evidence.members, bool), 1.0)


def leader_of(evidence: Evidence) -> int:
    """The member with the least loss on its own."""
    return int(np.argmin([evidence.loss(alone_M) for alone_M in np.eye(evidence.members)]))


def stackelberg_weights(followed: Evidence, led: Evidence, leader: int) -> np.ndarray:
    """Weights of a game in which one member moves first (von Stackelberg 1934), ``(M,)``.

    Two levels, on two halves of the rows. Below, the followers see the leader's weight a and share out
    1 - a so that the loss on `followed` is least. Above, the leader, who knows how they answer to every a,
    commits to the a for which the loss on `led` is least at their answer. So the weight of the best member
    is judged on rows to which the others could not fit themselves. With two members the one follower has no
    choice, and a is the best weight on `led`. The leader's weights are tried in steps of .05, and beside the
    best of these in steps of .01.

    Args:
        followed: What the followers look at.
        led: What the leader looks at.
        leader: Its place.
    """
    alone_M = np.eye(followed.members)[leader]

    def best_of(shares: np.ndarray) -> np.ndarray:
        answers = [followed.best(share * alone_M, alone_M == 0, 1 - share) for share in shares]
        return answers[int(np.argmin([led.loss(weight_M) for weight_M in answers]))]

    near = best_of(np.arange(0, 1 + FINE, COARSE).clip(max=1))[leader]
    beside = np.arange(near - COARSE, near + COARSE + FINE / 2, FINE)
    return best_of(np.append(beside.clip(0, 1), near))
