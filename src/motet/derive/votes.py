"""Members that vote: majorities and medians over rows, points of lists and fused ranks over a catalogue.

Nothing here is fitted. Shapes: M members, R rows, K classes, B queries, I items.
"""

import numpy as np
import torch
from torch import Tensor

LIST = 100  # places of a member's list that get points
RRF = 60  # the constant of reciprocal rank fusion, as its authors set it


def majority(said_MR: np.ndarray) -> np.ndarray:
    """Share of members that say yes (at least 0.5), ``(R,)``, beside one more voice: their mean probability.

    That voice breaks ties between rows with equal votes and turns no majority round.

    >>> majority(np.array([[0.9, 0.4], [0.6, 0.4]])).round(3).tolist()
    [0.917, 0.133]
    """
    found_R: np.ndarray = ((said_MR >= 0.5).sum(0) + said_MR.mean(0)) / (len(said_MR) + 1)
    return found_R


def plurality(said_MRK: np.ndarray) -> np.ndarray:
    """Share of members whose most probable class it is, ``(R, K)``; ties as in `majority`."""
    classes = said_MRK.shape[2]
    vote_MRK = np.eye(classes)[said_MRK.argmax(2)]
    found_RK: np.ndarray = (vote_MRK.sum(0) + said_MRK.mean(0)) / (len(said_MRK) + 1)
    return found_RK


def ranks(score_MBI: Tensor) -> Tensor:
    """Rank from 1 of every item for every member; ties go to the smaller item number."""
    order_MBI = torch.sort(score_MBI, dim=-1, descending=True, stable=True).indices
    place = torch.arange(1, score_MBI.shape[-1] + 1).expand_as(order_MBI)
    return torch.empty_like(order_MBI).scatter_(-1, order_MBI, place)


def list_votes(log_chance_MBI: Tensor, length: int = LIST) -> Tensor:
    """Borda's points: a list's first item gets `length`, its last one 1, all others none; ``(B, I)``.

    Among items with equal points the mean probability decides, which is less than a point.
    """
    point_BI = (length + 1 - ranks(log_chance_MBI)).clamp(min=0).double().sum(0)
    return point_BI + log_chance_MBI.double().exp().mean(0)


def fused_ranks(log_chance_MBI: Tensor, constant: int = RRF) -> Tensor:
    """Sum over members of 1 / (constant + rank): Cormack, Clarke and Büttcher, SIGIR 2009; ``(B, I)``."""
    return (1 / (constant + ranks(log_chance_MBI).double())).sum(0)
