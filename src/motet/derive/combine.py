"""Combiners: what several members say becomes one answer, for rows and for rankings.

Shapes: M members, R rows, K classes, B queries, I items, C candidates of a query, F features.
"""

from dataclasses import dataclass
from typing import Literal, assert_never

import numpy as np
import torch
from torch import Tensor

from motet.derive.boosted import Trees
from motet.derive.stack import Stack
from motet.derive.votes import RRF, fused_ranks, list_votes, majority, plurality, ranks

RowKind = Literal["binary", "regression", "multiclass"]
CANDIDATES = 100  # of a member's best items, which a stack ranks anew; the others come behind
LEAST = 1e-7  # probabilities are read no nearer to 0 or 1
TIE = 1e-6  # weight of the mean probability among candidates that a stack scores equal
FAR = -30.0  # and log probabilities of items no lower


@dataclass(frozen=True)
class Weights:
    """A weighted mean of probabilities or numbers; of a ranking, of the probabilities of its items."""

    weight_M: tuple[float, ...]


@dataclass(frozen=True)
class Vote:
    """Majority, median, or points of lists."""


@dataclass(frozen=True)
class Fusion:
    """Reciprocal rank fusion."""

    constant: int = RRF


Combiner = Weights | Vote | Fusion | Stack | Trees


def combine_rows(combiner: Combiner, kind: RowKind, said_M: np.ndarray) -> np.ndarray:
    """One answer for each row.

    Args:
        combiner: How.
        kind: Of the task.
        said_M: What the members say: ``(M, R)``, or ``(M, R, K)`` class probabilities.

    Returns:
        ``(R,)`` or ``(R, K)``, on the scale of the members.
    """
    match combiner:
        case Weights(weight_M):
            found: np.ndarray = np.tensordot(np.array(weight_M), said_M, 1)
            return found
        case Vote():
            return _voted(kind, said_M)
        case Stack() | Trees():
            return _stacked_rows(combiner, kind, said_M)
        case Fusion():
            raise AssertionError("ranks are fused where a catalogue is ranked")
    assert_never(combiner)


def _voted(kind: RowKind, said_M: np.ndarray) -> np.ndarray:
    match kind:
        case "binary":
            return majority(said_M)
        case "regression":
            median_R: np.ndarray = np.median(said_M, 0)
            return median_R
        case "multiclass":
            return plurality(said_M)


def _stacked_rows(stack: Stack | Trees, kind: RowKind, said_M: np.ndarray) -> np.ndarray:
    feature = row_features(kind, said_M)
    if isinstance(stack, Stack):
        score = stack(torch.from_numpy(feature).float()).double()
    else:
        score = torch.from_numpy(stack(feature))
    match kind:
        case "binary":
            score = torch.sigmoid(score)
        case "multiclass":
            score = torch.softmax(score, -1)
        case "regression":
            pass
    found: np.ndarray = score.numpy()
    return found


def row_features(kind: RowKind, said_M: np.ndarray) -> np.ndarray:
    """What a stack reads of a row, ``(R, M)``, or of each of its classes, ``(R, K, M)``."""
    said: np.ndarray = np.moveaxis(said_M, 0, -1)
    match kind:
        case "binary":
            chance = np.clip(said, LEAST, 1 - LEAST)
            odds: np.ndarray = np.log(chance / (1 - chance))
            return odds
        case "regression":
            return said
        case "multiclass":
            chances: np.ndarray = np.log(np.clip(said, LEAST, 1.0))
            return chances


def combine_rankings(combiner: Combiner, log_chance_MBI: Tensor) -> Tensor:
    """Scores of the whole catalogue, ``(B, I)``; minus infinity where an item takes no part.

    Args:
        combiner: How.
        log_chance_MBI: Log probability of each item to be the next, by each member.
    """
    match combiner:
        case Weights(weight_M):
            weight_M11 = torch.tensor(weight_M, dtype=log_chance_MBI.dtype)[:, None, None]
            return torch.logsumexp(log_chance_MBI + weight_M11.log(), 0)
        case Vote():
            score_BI = list_votes(log_chance_MBI)
        case Fusion(constant):
            score_BI = fused_ranks(log_chance_MBI, constant)
        case Stack() | Trees():
            score_BI = _ranked_anew(combiner, log_chance_MBI)
        case _:
            assert_never(combiner)
    return score_BI.masked_fill(log_chance_MBI[0] == -torch.inf, -torch.inf)


@dataclass(frozen=True)
class Candidates:
    """Items that some member has among its best, query by query."""

    item_BC: Tensor
    open_BC: Tensor  # boolean; queries have different numbers of candidates
    feature_BCF: Tensor  # log probabilities of the members, then logarithms of their ranks


def candidates(log_chance_MBI: Tensor, best: int = CANDIDATES) -> Candidates:
    """The union of the members' best items, in the order of their numbers, and what a stack reads of them."""
    best = min(best, log_chance_MBI.shape[-1])
    inside_BI = torch.zeros(log_chance_MBI.shape[1:], dtype=torch.bool)
    for chance_BI in log_chance_MBI:
        top = torch.topk(chance_BI, best)
        inside_BI.scatter_(1, top.indices, top.values > -torch.inf)
    most = max(int(inside_BI.sum(1).max()), 1) if len(inside_BI) else 1
    item_BC = torch.sort(torch.topk(inside_BI.float(), most).indices).values
    log_rank_MBI = ranks(log_chance_MBI).float().log()
    place_MBC = item_BC.expand(len(log_chance_MBI), -1, -1)
    chance_MBC = log_chance_MBI.gather(2, place_MBC).float().clamp(min=FAR)
    feature_BCF = torch.cat([chance_MBC, log_rank_MBI.gather(2, place_MBC)]).permute(1, 2, 0)
    return Candidates(item_BC, inside_BI.gather(1, item_BC), feature_BCF)


def _ranked_anew(stack: Stack | Trees, log_chance_MBI: Tensor) -> Tensor:
    """Candidates by the stack's scores, which are moved above 1; all others by their mean probability."""
    found = candidates(log_chance_MBI)
    if isinstance(stack, Stack):
        score_BC = stack(found.feature_BCF).double()
    else:
        flat_NF = found.feature_BCF.reshape(-1, found.feature_BCF.shape[-1]).numpy()
        score_BC = torch.from_numpy(stack(flat_NF)).reshape(found.item_BC.shape)
    score_BC = score_BC - score_BC.masked_fill(~found.open_BC, torch.inf).amin(1, keepdim=True) + 2
    behind_BI = log_chance_MBI.double().exp().mean(0)
    behind_BC = behind_BI.gather(1, found.item_BC)
    score_BC = torch.where(found.open_BC, score_BC + TIE * behind_BC, behind_BC)
    return behind_BI.scatter(1, found.item_BC, score_BC)
