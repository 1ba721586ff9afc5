"""Fitting combiners on validation rows, and on folds of their users to judge them honestly.

Shapes: M members, R rows, T right items, K classes, C candidates, F features, U users of the log.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, assert_never

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from motet.derive.boosted import Objective, TreeRows, Trees, fit_trees
from motet.derive.combine import Combiner, Fusion, RowKind, Vote, Weights, row_features
from motet.derive.pool import (
    Chances,
    Errors,
    Evidence,
    averaging_weights,
    leader_of,
    stackelberg_weights,
)
from motet.derive.stack import HELD, Lesson, Stack, fit_linear, fit_network
from motet.system.randomness import derived_seed, generator

Kind = Literal[
    "average", "vote", "logistic", "boosted", "rank_fusion", "stackelberg", "network", "snapshot"
]  # fmt: skip
UNFITTED = ("vote", "snapshot")  # kinds that learn nothing from validation rows
FOLDS = 5  # of the users, where a combiner is judged on rows that did not fit it


@dataclass(frozen=True)
class RowEvidence:
    """What members said about labelled rows of a task, ``(M, R)`` or ``(M, R, K)``."""

    kind: RowKind
    said_M: np.ndarray
    label_R: np.ndarray
    user_R: np.ndarray

    def take(self, mask_R: np.ndarray) -> "RowEvidence":
        """The evidence of some rows."""
        return replace(
            self, said_M=self.said_M[:, mask_R], label_R=self.label_R[mask_R], user_R=self.user_R[mask_R]
        )

    def teaching(self) -> "RowEvidence":
        """What a stack can learn from: all of it."""
        return self

    def pool(self) -> Evidence:
        """The same for weights."""
        match self.kind:
            case "binary":
                yes_R = self.label_R == 1
                return Chances(np.where(yes_R, self.said_M, 1 - self.said_M).T)
            case "multiclass":
                row_R = np.arange(len(self.label_R))
                return Chances(self.said_M[:, row_R, self.label_R.astype(np.int64)].T)
            case "regression":
                return Errors((self.said_M - self.label_R).T.astype(np.float64))

    def lesson(self) -> Lesson:
        """The same for a stack."""
        feature = torch.from_numpy(row_features(self.kind, self.said_M)).float()
        kind: Literal["binary", "regression", "choice"] = "choice" if self.kind == "multiclass" else self.kind
        return Lesson(feature, torch.from_numpy(self.label_R).float(), kind)

    def tree_rows(self) -> TreeRows:
        """The same for trees."""
        return TreeRows(row_features(self.kind, self.said_M), self.label_R)


@dataclass(frozen=True)
class Beside:
    """The candidates beside each right item, for stacks.

    Args:
        feature_TCF: What a stack reads of them.
        open_TC: Real candidates, boolean.
        place_T: Which of them is right; -1 where none is.
    """

    feature_TCF: Tensor
    open_TC: Tensor
    place_T: Tensor

    def take(self, mask_T: Tensor) -> "Beside":
        """Those of some right items."""
        return Beside(self.feature_TCF[mask_T], self.open_TC[mask_T], self.place_T[mask_T])


@dataclass(frozen=True)
class RankEvidence:
    """The probability that each member gave to each right item, ``(T, M)``; for stacks what lay beside it."""

    chance_TM: np.ndarray
    user_R: np.ndarray  # of each right item
    beside: Beside | None = None

    def take(self, mask_T: np.ndarray) -> "RankEvidence":
        """The evidence of some right items."""
        beside = None if self.beside is None else self.beside.take(torch.from_numpy(mask_T))
        return RankEvidence(self.chance_TM[mask_T], self.user_R[mask_T], beside)

    def pool(self) -> Evidence:
        """The same for weights."""
        return Chances(self.chance_TM)

    def teaching(self) -> "RankEvidence":
        """What a stack can learn from: right items that some member has among its best."""
        assert self.beside is not None
        return self.take((self.beside.place_T >= 0).numpy())

    def lesson(self) -> Lesson:
        """The same for a stack."""
        found = self.teaching().beside
        assert found is not None
        return Lesson(found.feature_TCF, found.place_T, "choice", found.open_TC)

    def tree_rows(self) -> TreeRows:
        """The same for trees, which learn to put the right one of a query's candidates first."""
        lesson = self.lesson()
        assert lesson.open_NC is not None
        right_NC = F.one_hot(lesson.label_N, lesson.open_NC.shape[1])
        feature_NF, right_N = lesson.feature[lesson.open_NC].numpy(), right_NC[lesson.open_NC].numpy()
        return TreeRows(feature_NF, right_N, lesson.open_NC.sum(1).numpy())


AnyEvidence = RowEvidence | RankEvidence


def fit_combiner(kind: Kind, evidence: AnyEvidence, seed: int) -> Combiner:
    """Fit a combiner.

    A rank fusion has nothing to do for rows, whose answers are averaged with fitted weights then. Snapshots
    of one training are averaged with equal weights (Huang et al., ICLR 2017, arXiv:1704.00109).

    Args:
        kind: How members are put together.
        evidence: What they said about validation rows.
        seed: Of what is drawn.
    """
    match kind:
        case "vote":
            return Vote()
        case "rank_fusion":
            return Fusion() if isinstance(evidence, RankEvidence) else _averaged(evidence)
        case "snapshot":
            return Weights((1 / _members(evidence),) * _members(evidence))
        case "average":
            return _averaged(evidence)
        case "stackelberg":
            return _led(evidence, seed)
        case "logistic":
            return fit_linear(evidence.lesson(), _members(evidence))
        case "network":
            return _networked(evidence, seed)
        case "boosted":
            return _boosted(evidence, seed)
    assert_never(kind)


def _members(evidence: AnyEvidence) -> int:
    return evidence.pool().members


def _averaged(evidence: AnyEvidence) -> Weights:
    return Weights(tuple(averaging_weights(evidence.pool()).tolist()))


def _networked(evidence: AnyEvidence, seed: int) -> Stack:
    """A network that stops by the loss of some users that are held out."""
    evidence = evidence.teaching()
    held_R = folds_of(evidence.user_R, HELD, seed, "held") == 0
    return fit_network(evidence.lesson(), torch.from_numpy(held_R), _members(evidence), seed)


def _boosted(evidence: AnyEvidence, seed: int) -> Trees:
    """Trees, as many as help some users that are held out."""
    evidence = evidence.teaching()
    held_R = folds_of(evidence.user_R, HELD, seed, "held") == 0
    objective: Objective = "lambdarank" if isinstance(evidence, RankEvidence) else evidence.kind
    taught, held = evidence.take(~held_R), evidence.take(held_R)
    own_seed = derived_seed(seed, "boosted")
    return fit_trees(
        evidence.tree_rows(), taught.tree_rows(), held.tree_rows(), objective, _members(evidence), own_seed
    )


def _led(evidence: AnyEvidence, seed: int) -> Weights:
    """Stackelberg weights: half of the users for the followers, half for the leader."""
    below_R = folds_of(evidence.user_R, 2, seed, "halves") == 0
    leader = leader_of(evidence.pool())
    followed, led = (evidence.take(mask_R).pool() for mask_R in (below_R, ~below_R))
    return Weights(tuple(stackelberg_weights(followed, led, leader).tolist()))


def folds_of(user_R: np.ndarray, folds: int, seed: int, name: str) -> np.ndarray:
    """Fold of each row, ``(R,)``: users are dealt out at random, all rows of one to one fold."""
    user_U, place_R = np.unique(user_R, return_inverse=True)
    fold_U = np.arange(len(user_U)) % folds
    generator(seed, f"ensemble {name}").shuffle(fold_U)
    return np.asarray(fold_U[place_R])


@dataclass(frozen=True)
class Chosen:
    """The combiner of a task; while it is judged one a fold, for the rows of which it was not fitted."""

    combiners: tuple[Combiner, ...]
    fold_U: np.ndarray | None = None  # fold of each user of the log

    def each(self, user_R: np.ndarray) -> list[tuple[Combiner, np.ndarray]]:
        """The combiners with the places of the rows that are theirs; those without rows are left out."""
        if self.fold_U is None:
            return [(self.combiners[0], np.arange(len(user_R)))]
        fold_R = self.fold_U[user_R]
        pairs = [(each, np.flatnonzero(fold_R == fold)) for fold, each in enumerate(self.combiners)]
        return [(each, place_R) for each, place_R in pairs if len(place_R)]


def cross_fitted(
    fit: Callable[[AnyEvidence], Combiner], evidence: AnyEvidence, seed: int, users: int
) -> Chosen:
    """Combiners of which each was fitted without the users of its fold.

    Args:
        fit: Evidence to a combiner.
        evidence: Of all validation rows.
        seed: Of the folds.
        users: How many the log has.
    """
    folds = min(FOLDS, len(np.unique(evidence.user_R)))
    if folds < 2:
        return Chosen((fit(evidence),))
    fold_R = folds_of(evidence.user_R, folds, seed, "folds")
    fold_U = np.zeros(users, np.int64)
    fold_U[evidence.user_R] = fold_R
    return Chosen(tuple(fit(evidence.take(fold_R != fold)) for fold in range(folds)), fold_U)


def as_json(combiner: Combiner) -> dict[str, object]:
    """What ensemble.json says of a combiner."""
    match combiner:
        case Weights(weight_M):
            return {"combiner": "weights", "weights": list(weight_M)}
        case Vote():
            return {"combiner": "vote"}
        case Fusion(constant):
            return {"combiner": "rank_fusion", "constant": constant}
        case Stack():
            sizes = {"features": len(combiner.mean_F), "members": combiner.members}
            return {"combiner": "stack", **sizes, "hidden": combiner.hidden}
        case Trees():
            return {"combiner": "trees", "members": combiner.members}
    assert_never(combiner)
