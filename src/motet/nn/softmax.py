"""Cross-entropy over a catalogue: in full, or over a sample with logQ correction.

Shapes: R rows, I items, D width, S sampled items, B banned pairs, P places of them in a sample.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from motet.nn.blockwise import Candidates, Pairs, Question, blockwise_loss


@dataclass(frozen=True)
class Softmax:
    """How the loss is computed.

    Args:
        label_smoothing: Share of the label that is spread evenly over the items that are not banned.
        precision: Of the matrix products; all else is done in fp32.
        reduction: Mean over the rows (weighted), or sum.
    """

    label_smoothing: float = 0.0
    precision: Literal["fp32", "bf16"] = "fp32"
    reduction: Literal["mean", "sum"] = "mean"


_PLAIN = Softmax()


@dataclass(frozen=True)
class Sample:
    """Items drawn as negatives, the same for all rows.

    Args:
        item_S: Their numbers; an item may be drawn several times.
        log_q_S: Log probability with which one draw gives this item.
        log_q_target_R: The same for each row's target, to correct the target too (Yi et al.: in-batch
            negatives). None leaves it as it is, for it is always there (Bengio & Senecal).
    """

    item_S: Tensor
    log_q_S: Tensor
    log_q_target_R: Tensor | None = None


def catalogue_cross_entropy(
    query_RD: Tensor,
    item_ID: Tensor,
    target_R: Tensor,
    *,
    bias_I: Tensor | None = None,
    scale: Tensor | float = 1.0,
    weight_R: Tensor | None = None,
    banned: Pairs | None = None,
    settings: Softmax = _PLAIN,
) -> Tensor:
    """Cross-entropy of each row's target among all items by logits ``scale * query_RD @ item_ID.T + bias_I``.

    Args:
        query_RD: One state a row, ``(R, D)``.
        item_ID: One vector an item, ``(I, D)``.
        target_R: Number of the right item, ``(R,)``.
        bias_I: Added to the logits, ``(I,)``.
        scale: A number, or a learned tensor without dimensions (one over the temperature).
        weight_R: Weight of each row, not negative, ``(R,)``; it gets no gradient.
        banned: Rows and items, ``(B,)`` each, that are left out. A row's own target never is.
        settings: Label smoothing, precision, reduction.

    Returns:
        The loss, without dimensions; 0 without rows.
    """
    assert query_RD.shape[1] == item_ID.shape[1], (query_RD.shape, item_ID.shape)
    weight_R = _weights(weight_R, target_R, settings, query_RD)
    left_out = None if banned is None else _tidy(banned, target_R, len(item_ID))
    half = settings.precision == "bf16"
    question = Question(target_R, weight_R, left_out, settings.label_smoothing, half)
    return blockwise_loss(query_RD, Candidates(item_ID, bias_I, _exact(scale, query_RD)), question)


def sampled_cross_entropy(
    query_RD: Tensor,
    item: Tensor | Callable[[Tensor], Tensor],
    target_R: Tensor,
    sample: Sample,
    *,
    scale: Tensor | float = 1.0,
    weight_R: Tensor | None = None,
    banned: Pairs | None = None,
    settings: Softmax = _PLAIN,
) -> Tensor:
    """Cross-entropy of each row's target among a sample of the items, corrected for how they were drawn.

    The log of the expected number of draws is taken from a sampled item's logit, so that the sum over the
    sample estimates the sum over the catalogue (Bengio & Senecal, doi.org/10.1109/TNN.2007.912312; Yi et al.,
    RecSys 2019, doi.org/10.1145/3298689.3346996). Where the sample holds a row's target, the row does not see
    it.

    Args:
        query_RD: One state a row, ``(R, D)``.
        item: All vectors, ``(I, D)``, or a function from item numbers to their vectors.
        target_R: Number of the right item, ``(R,)``.
        sample: The sampled items and their probabilities.
        scale: As in :func:`catalogue_cross_entropy`.
        weight_R: As in :func:`catalogue_cross_entropy`.
        banned: As in :func:`catalogue_cross_entropy`.
        settings: Precision and reduction; there is no label smoothing.

    Returns:
        The loss, without dimensions; 0 without rows.
    """
    vectors = item if callable(item) else item.__getitem__
    scale = _exact(scale, query_RD)
    own_R = torch.arange(len(target_R), device=target_R.device)
    pairs = [(own_R, target_R)] if banned is None else [banned, (own_R, target_R)]
    left_out = _places(
        torch.cat([row for row, _ in pairs]), torch.cat([it for _, it in pairs]), sample.item_S
    )
    positive_R = scale * (query_RD.to(scale.dtype) * vectors(target_R)).sum(1)
    log_draws = math.log(max(len(sample.item_S), 1))
    if sample.log_q_target_R is not None:
        positive_R = positive_R - (sample.log_q_target_R + log_draws)
    bias_S = -(sample.log_q_S.to(scale.dtype) + log_draws)
    weight_R = _weights(weight_R, target_R, settings, query_RD)
    question = Question(target_R, weight_R, left_out, 0.0, settings.precision == "bf16")
    return blockwise_loss(query_RD, Candidates(vectors(sample.item_S), bias_S, scale, positive_R), question)


def _tidy(banned: Pairs, target_R: Tensor, num_items: int) -> Pairs:
    """The pairs by row, each once, without the rows' own targets."""
    kept_B = banned[1] != target_R[banned[0]]
    pair_B = torch.unique(banned[0][kept_B] * num_items + banned[1][kept_B])
    return pair_B // num_items, pair_B % num_items


def _places(row_B: Tensor, item_B: Tensor, item_S: Tensor) -> Pairs:
    """Where the items of the pairs stand in the sample: rows and places, `(P,)` each, by row."""
    sorted_S, order_S = torch.sort(item_S)
    first_B = torch.searchsorted(sorted_S, item_B)
    times_B = torch.searchsorted(sorted_S, item_B, right=True) - first_B
    pair_P = torch.repeat_interleave(times_B)
    nth_P = torch.arange(len(pair_P), device=pair_P.device) - (times_B.cumsum(0) - times_B)[pair_P]
    row_P, place_P = row_B[pair_P], order_S[first_B[pair_P] + nth_P]
    by_row_P = torch.argsort(row_P, stable=True)
    return row_P[by_row_P], place_P[by_row_P]


def _weights(weight_R: Tensor | None, target_R: Tensor, settings: Softmax, like: Tensor) -> Tensor:
    """What each row's loss counts for in the whole: `(R,)`."""
    kind = torch.promote_types(like.dtype, torch.float32)
    if weight_R is None:
        weight_R = torch.ones(len(target_R), device=like.device)
    weight_R = weight_R.detach().to(kind)
    return weight_R if settings.reduction == "sum" else weight_R / weight_R.sum().clamp_min(1e-12)


def _exact(scale: Tensor | float, like: Tensor) -> Tensor:
    """The scale as a tensor, in fp32 or better."""
    return torch.as_tensor(scale, dtype=torch.promote_types(like.dtype, torch.float32), device=like.device)
