"""Cross-entropy over a catalogue: in full, or over a sample with logQ correction.

Shapes: R rows, I items, D width, S sampled items, B banned pairs, P pairs of row and target.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from motet.nn.blockwise import Candidates, Pairs, Question, Targets, blockwise_loss


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
        log_q_target_P: The same for each target, to correct the targets too (Yi et al.: in-batch
            negatives). None leaves them as they are, for they are always there (Bengio & Senecal).
    """

    item_S: Tensor
    log_q_S: Tensor
    log_q_target_P: Tensor | None = None


def catalogue_cross_entropy(
    query_RD: Tensor,
    item_ID: Tensor,
    targets: Tensor | Targets,
    *,
    bias_I: Tensor | None = None,
    scale: Tensor | float = 1.0,
    weight_R: Tensor | None = None,
    banned: Pairs | None = None,
    settings: Softmax = _PLAIN,
) -> Tensor:
    """Cross-entropy of each row's targets among all items by logits ``scale * query @ item.T + bias``.

    Args:
        query_RD: One state a row, ``(R, D)``.
        item_ID: One vector an item, ``(I, D)``.
        targets: Number of the right item, ``(R,)``, or several right items a row and their shares.
        bias_I: Added to the logits, ``(I,)``.
        scale: A number, or a learned tensor without dimensions (one over the temperature).
        weight_R: Weight of each row, not negative, ``(R,)``; it gets no gradient.
        banned: Rows and items, ``(B,)`` each, that are left out. A row's own targets never are.
        settings: Label smoothing, precision, reduction.

    Returns:
        The loss, without dimensions; 0 without rows.
    """
    assert query_RD.shape[1] == item_ID.shape[1], (query_RD.shape, item_ID.shape)
    targets = targets if isinstance(targets, Targets) else Targets.one_each(targets)
    weight_R = _weights(weight_R, settings, query_RD)
    exact = settings.label_smoothing > 0
    left_out = None if banned is None else _tidy(banned, targets, len(item_ID), exact=exact)
    half = settings.precision == "bf16"
    question = Question(targets, weight_R, left_out, settings.label_smoothing, half)
    return blockwise_loss(query_RD, Candidates(item_ID, bias_I, _exact(scale, query_RD)), question)


def sampled_cross_entropy(
    query_RD: Tensor,
    item: Tensor | Callable[[Tensor], Tensor],
    targets: Tensor | Targets,
    sample: Sample,
    *,
    scale: Tensor | float = 1.0,
    weight_R: Tensor | None = None,
    banned: Pairs | None = None,
    settings: Softmax = _PLAIN,
) -> Tensor:
    """Cross-entropy of each row's targets among a sample of the items, corrected for how they were drawn.

    The log of the expected number of draws is taken from a sampled item's logit, so that the sum over the
    sample estimates the sum over the catalogue (Bengio & Senecal, doi.org/10.1109/TNN.2007.912312; Yi et al.,
    RecSys 2019, doi.org/10.1145/3298689.3346996). Where the sample holds a row's target, the row does not see
    it; of several targets each is compared with the sample alone.

    Args:
        query_RD: One state a row, ``(R, D)``.
        item: All vectors, ``(I, D)``, or a function from item numbers to their vectors.
        targets: As in :func:`catalogue_cross_entropy`.
        sample: The sampled items and their probabilities.
        scale: As in :func:`catalogue_cross_entropy`.
        weight_R: As in :func:`catalogue_cross_entropy`.
        banned: As in :func:`catalogue_cross_entropy`.
        settings: Precision and reduction; there is no label smoothing.

    Returns:
        The loss, without dimensions; 0 without rows.
    """
    vectors = item if callable(item) else item.__getitem__
    targets = targets if isinstance(targets, Targets) else Targets.one_each(targets)
    scale = _exact(scale, query_RD)
    own = (targets.row, targets.candidate)
    pairs = [own] if banned is None else [banned, own]
    left_out = _places(
        torch.cat([row for row, _ in pairs]), torch.cat([it for _, it in pairs]), sample.item_S
    )
    positive_P = scale * (query_RD.to(scale.dtype)[targets.row] * vectors(targets.candidate)).sum(1)
    log_draws = math.log(max(len(sample.item_S), 1))
    if sample.log_q_target_P is not None:
        positive_P = positive_P - (sample.log_q_target_P + log_draws)
    bias_S = -(sample.log_q_S.to(scale.dtype) + log_draws)
    weight_R = _weights(weight_R, settings, query_RD)
    question = Question(targets, weight_R, left_out, 0.0, settings.precision == "bf16")
    return blockwise_loss(query_RD, Candidates(vectors(sample.item_S), bias_S, scale, positive_P), question)


def _tidy(banned: Pairs, targets: Targets, num_items: int, *, exact: bool) -> Pairs:
    """The pairs by row; exactly: each once, and without the rows' own targets."""
    if exact:
        pair_P = targets.row * num_items + targets.candidate
        pair_B = torch.unique(banned[0] * num_items + banned[1])
        pair_B = pair_B[~torch.isin(pair_B, pair_P)]
        return pair_B // num_items, pair_B % num_items
    if (banned[0].diff() >= 0).all():
        return banned
    order_B = torch.argsort(banned[0], stable=True)
    return banned[0][order_B], banned[1][order_B]


def _places(row_B: Tensor, item_B: Tensor, item_S: Tensor) -> Pairs:
    """Where the items of the pairs stand in the sample: rows and places, `(F,)` each, by row."""
    sorted_S, order_S = torch.sort(item_S)
    first_B = torch.searchsorted(sorted_S, item_B)
    times_B = torch.searchsorted(sorted_S, item_B, right=True) - first_B
    pair_F = torch.repeat_interleave(times_B)
    nth_F = torch.arange(len(pair_F), device=pair_F.device) - (times_B.cumsum(0) - times_B)[pair_F]
    row_F, place_F = row_B[pair_F], order_S[first_B[pair_F] + nth_F]
    by_row_F = torch.argsort(row_F, stable=True)
    return row_F[by_row_F], place_F[by_row_F]


def _weights(weight_R: Tensor | None, settings: Softmax, like: Tensor) -> Tensor:
    """What each row's loss counts for in the whole: `(R,)`."""
    kind = torch.promote_types(like.dtype, torch.float32)
    if weight_R is None:
        weight_R = torch.ones(len(like), device=like.device)
    weight_R = weight_R.detach().to(kind)
    return weight_R if settings.reduction == "sum" else weight_R / weight_R.sum().clamp_min(1e-12)


def _exact(scale: Tensor | float, like: Tensor) -> Tensor:
    """The scale as a tensor, in fp32 or better."""
    return torch.as_tensor(scale, dtype=torch.promote_types(like.dtype, torch.float32), device=like.device)
