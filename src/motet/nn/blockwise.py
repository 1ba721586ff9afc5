"""The engine of the softmax over a catalogue: loss and gradients, one block of rows after another.

The logits of all rows are never held at once. A block gets its logits, its loss and its gradients while they
lie in the processor's cache, in buffers that serve again for the next block and the next step; the backward
pass only scales what the forward pass has found.

Shapes: R rows, N rows of a block, D width, J candidates, B left-out pairs of row and candidate, P pairs of
row and target.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

Pairs = tuple[Tensor, Tensor]

# Chosen by measurement (benchmarks/softmax.py --blocks): a block of fp32 logits fills most of a third-level
# cache, but has so many rows that adding to the gradient of all items, once a block, stays cheap.
BLOCK_BYTES, BLOCK_ROWS = 24 << 20, 256


@dataclass(frozen=True)
class Candidates:
    """What rows choose from: `vector` `(J, D)`, `bias` `(J,)`, `scale` of the products, without dimensions.

    With `positive` `(P,)` the logit of each target stands beside the candidates; without it the targets are
    some of them.
    """

    vector: Tensor
    bias: Tensor | None
    scale: Tensor
    positive: Tensor | None = None


@dataclass(frozen=True)
class Targets:
    """What is right: pairs of a row and a candidate, by row, and what part of the row each is.

    Args:
        row: int64 `(P,)`, ascending.
        candidate: int64 `(P,)`.
        share: `(P,)`; those of a row sum to one. None: every row has exactly one target.
    """

    row: Tensor
    candidate: Tensor
    share: Tensor | None = None

    @classmethod
    def one_each(cls, target_R: Tensor) -> "Targets":
        """One target a row."""
        return cls(torch.arange(len(target_R), device=target_R.device), target_R)

    def within(self, pairs: slice, first_row: int) -> "Targets":
        """Some of the pairs, with rows counted from another one."""
        share = None if self.share is None else self.share[pairs]
        return Targets(self.row[pairs] - first_row, self.candidate[pairs], share)

    def shares_of(self, value_P: Tensor) -> Tensor:
        """Values of the pairs times their shares, `(P,)`."""
        return value_P if self.share is None else value_P * self.share.to(value_P.dtype)


@dataclass(frozen=True)
class Question:
    """What needs no gradient: targets, weight `(R,)`, pairs left out, and how to compute.

    Pairs are sorted by row. With smoothing each is there once, and no target is among them.
    """

    targets: Targets
    weight: Tensor
    left_out: Pairs | None
    smoothing: float
    half: bool


def blockwise_loss(query_RD: Tensor, candidates: Candidates, question: Question) -> Tensor:
    """Weighted sum of the rows' cross-entropies, without dimensions; differentiable once."""
    inputs = (query_RD, candidates.vector, candidates.bias, candidates.scale, candidates.positive)
    wanted = torch.is_grad_enabled() and any(x is not None and x.requires_grad for x in inputs)
    loss: Tensor = _BlockwiseLoss.apply(*inputs, question, wanted)  # type: ignore[no-untyped-call]
    return loss


class _BlockwiseLoss(torch.autograd.Function):
    """Both passes in one: gradients are found in the forward pass."""

    @staticmethod
    def forward(ctx: Any, query_RD: Tensor, *rest: Any) -> Tensor:
        *parts, question, wanted = rest
        with torch.autocast(query_RD.device.type, enabled=False), fast_products(query_RD.device):
            sums = _Sums(query_RD, Candidates(*parts), question, wanted)
            for start in range(0, len(query_RD), sums.step):
                sums.add_block(slice(start, min(start + sums.step, len(query_RD))))
        gradients = sums.gradients() if wanted else []
        ctx.there = [gradient is not None for gradient in gradients]
        ctx.save_for_backward(*(gradient for gradient in gradients if gradient is not None))
        return sums.loss

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        saved = iter(ctx.saved_tensors)
        gradients = [next(saved) if there else None for there in ctx.there]
        if grad.device.type != "cpu" or grad.item() != 1.0:
            gradients = [None if g is None else g * grad.to(g.dtype) for g in gradients]
        return *gradients, None, None


class _Sums:
    """What grows with each block: the loss, and the gradients of query, vectors, bias, scale and positive."""

    def __init__(self, query_RD: Tensor, candidates: Candidates, question: Question, wanted: bool) -> None:
        self.question, self.wanted = question, wanted
        self.kinds = (query_RD.dtype, candidates.vector.dtype)
        self.kind = candidates.scale.dtype
        self.product_kind = torch.bfloat16 if question.half else self.kind
        self.scale, self.bias, self.positive = candidates.scale.item(), candidates.bias, candidates.positive
        self.query, self.vector = query_RD.to(self.kind), candidates.vector.to(self.kind)
        self.factor = self.vector.to(self.product_kind)
        self.step = max(BLOCK_ROWS, BLOCK_BYTES // (4 * max(len(self.vector), 1)))
        left_out = question.left_out
        self.bounds = _bounds(left_out and left_out[0], len(query_RD), self.step)
        self.target_bounds = _bounds(question.targets.row, len(query_RD), self.step)
        self.loss, self.grad_scale = candidates.scale.new_zeros(()), candidates.scale.new_zeros(())
        if wanted:
            self.grad_query, self.grad_vector = torch.empty_like(self.query), torch.zeros_like(self.vector)
        self.grad_bias = torch.zeros_like(self.bias) if wanted and self.bias is not None else None
        self.grad_positive = torch.zeros_like(self.positive) if wanted and self.positive is not None else None

    def add_block(self, rows: slice) -> None:
        """Add the loss of some rows, and their gradients."""
        logit_NJ = self._logits(self.query[rows])
        judge = self._beside if self.positive is not None else self._among
        block = rows.start // self.step
        pairs = slice(self.target_bounds[block], self.target_bounds[block + 1])
        targets = self.question.targets.within(pairs, rows.start)
        weight_N = self.question.weight[rows]
        slope_NJ, weight_N = judge(logit_NJ, self._left_out(rows), targets, weight_N, pairs)
        if self.wanted:
            self._add_gradients(slope_NJ, weight_N, rows)

    def _logits(self, query_ND: Tensor) -> Tensor:
        scaled_ND = (query_ND * self.scale).to(self.product_kind)
        shape = (len(query_ND), len(self.vector))
        logit_NJ = torch.mm(scaled_ND, self.factor.T, out=_buffer("product", shape, scaled_ND))
        if self.product_kind != self.kind:
            logit_NJ = _buffer("logit", shape, query_ND).copy_(logit_NJ)
        return logit_NJ if self.bias is None else logit_NJ.add_(self.bias)

    def _left_out(self, rows: slice) -> Pairs | None:
        if self.question.left_out is None:
            return None
        row_B, candidate_B = self.question.left_out
        block = rows.start // self.step
        mine = slice(self.bounds[block], self.bounds[block + 1])
        return row_B[mine] - rows.start, candidate_B[mine]

    def _among(
        self, logit_NJ: Tensor, left_out: Pairs | None, targets: Targets, weight_N: Tensor, pairs: slice
    ) -> tuple[Tensor, Tensor]:
        """Add the loss where targets are candidates: derivative by the logits, and weights of rows."""
        place, smoothing = (targets.row, targets.candidate), self.question.smoothing
        logit_P = logit_NJ[place]
        wanted_P = targets.shares_of(logit_P) * (1 - smoothing)
        wanted_N = torch.zeros_like(weight_N).index_add_(0, targets.row, wanted_P)
        if smoothing:
            each_N, total_N = _even_share(logit_NJ, left_out, smoothing)
            wanted_N += total_N * each_N
        if left_out is not None:
            logit_NJ[left_out] = -torch.inf
            logit_NJ[place] = logit_P  # a row's own targets stay
        share_NJ, log_sum_N = _softmax_(logit_NJ)
        self.loss += torch.dot(log_sum_N - wanted_N, weight_N)
        if smoothing:
            share_NJ -= each_N[:, None]
            if left_out is not None:
                share_NJ[left_out] = 0.0
        less_P = targets.shares_of(torch.full_like(wanted_P, smoothing - 1))
        share_NJ.index_put_(place, less_P, accumulate=True)
        return share_NJ, weight_N

    def _beside(
        self, logit_NJ: Tensor, left_out: Pairs | None, targets: Targets, weight_N: Tensor, pairs: slice
    ) -> tuple[Tensor, Tensor]:
        """Add the loss where the targets stand beside the candidates."""
        assert self.positive is not None
        if left_out is not None:
            logit_NJ[left_out] = -torch.inf
        share_NJ, log_sum_N = _softmax_(logit_NJ)
        surplus_P = log_sum_N[targets.row] - self.positive[pairs]
        weight_P = targets.shares_of(weight_N[targets.row])
        self.loss += torch.dot(torch.nn.functional.softplus(surplus_P), weight_P)
        pull_P = weight_P * torch.sigmoid(surplus_P)
        if self.grad_positive is not None:
            self.grad_positive[pairs] = -pull_P
        return share_NJ, torch.zeros_like(weight_N).index_add_(0, targets.row, pull_P)

    def _add_gradients(self, slope_NJ: Tensor, weight_N: Tensor, rows: slice) -> None:
        query_ND, pull_ND = self.query[rows], self.grad_query[rows]
        if self.grad_bias is not None:
            self.grad_bias += weight_N @ slope_NJ
        weighted_ND = (query_ND * (weight_N * self.scale)[:, None]).to(self.product_kind)
        if self.product_kind == self.kind:
            torch.mm(slope_NJ, self.vector, out=pull_ND)
            self.grad_vector.addmm_(slope_NJ.T, weighted_ND)
        else:
            slope_NJ = _buffer("product", tuple(slope_NJ.shape), weighted_ND).copy_(slope_NJ)
            pull_ND.copy_(slope_NJ @ self.factor)
            part_JD = _buffer("part", tuple(self.vector.shape), weighted_ND)
            self.grad_vector += torch.mm(slope_NJ.T, weighted_ND, out=part_JD)
        self.grad_scale += torch.dot((pull_ND * query_ND).sum(1), weight_N)
        pull_ND *= (weight_N * self.scale)[:, None]

    def gradients(self) -> list[Tensor | None]:
        """Gradients of the five inputs, each in its input's precision."""
        query, vector = self.grad_query.to(self.kinds[0]), self.grad_vector.to(self.kinds[1])
        return [query, vector, self.grad_bias, self.grad_scale, self.grad_positive]


def _softmax_(logit_NJ: Tensor) -> tuple[Tensor, Tensor]:
    """Shares, in place of the logits, and the log of each row's sum of exponentials."""
    if not logit_NJ.shape[1]:
        return logit_NJ, logit_NJ.new_full(logit_NJ.shape[:1], -torch.inf)
    top_N = logit_NJ.amax(1)
    share_NJ = torch.softmax(logit_NJ, 1, out=logit_NJ)
    log_sum_N = top_N - share_NJ.amax(1).log_()  # the largest share is never below 1 / J
    nothing_N = torch.isneginf(top_N)
    if nothing_N.any():  # a small sample may be left out as a whole
        share_NJ[nothing_N] = 0.0
        log_sum_N[nothing_N] = -torch.inf
    return share_NJ, log_sum_N


def _even_share(logit_NJ: Tensor, left_out: Pairs | None, smoothing: float) -> tuple[Tensor, Tensor]:
    """What smoothing gives each candidate that is not left out, and the sum of their logits: `(N,)` each."""
    total_N = logit_NJ.sum(1)
    count_N = torch.full_like(total_N, logit_NJ.shape[1])
    if left_out is not None:
        logit_B = logit_NJ[left_out]
        count_N.index_add_(0, left_out[0], torch.ones_like(logit_B), alpha=-1)
        total_N.index_add_(0, left_out[0], logit_B, alpha=-1)
    return smoothing / count_N, total_N


def _bounds(row_B: Tensor | None, rows: int, step: int) -> list[int]:
    """Where the pairs of each block of rows begin, and where the last end; `row_B` ascends."""
    if row_B is None:
        return []
    first_rows = torch.arange(0, rows + step, step, device=row_B.device)
    bounds: list[int] = torch.searchsorted(row_B.contiguous(), first_rows).tolist()
    return bounds


_shelf = threading.local()


def _buffer(name: str, shape: tuple[int, ...], like: Tensor) -> Tensor:
    """Memory used again and again: fresh pages of big tensors cost as much as the arithmetic on them."""
    buffers: dict[Any, Tensor] = _shelf.__dict__
    key, size = f"{name} {like.dtype} {like.device}", torch.Size(shape).numel()
    if key not in buffers or buffers[key].numel() < size:
        buffers[key] = torch.empty(size, dtype=like.dtype, device=like.device)
    return buffers[key][:size].view(shape)


@contextmanager
def fast_products(device: torch.device) -> Iterator[None]:
    """On a CPU, multiply fp32 matrices by oneDNN, not MKL, where it rounds no more: twice as fast on AMD."""
    if device.type != "cpu" or not _onednn_keeps_fp32():
        yield
        return
    setting = _product_setting()
    before = setting.fp32_precision
    setting.fp32_precision = "bf16"
    try:
        yield
    finally:
        setting.fp32_precision = before


def _product_setting() -> Any:
    return torch.backends.mkldnn.matmul  # type: ignore[attr-defined]


@lru_cache(maxsize=1)
def _onednn_keeps_fp32() -> bool:
    """Whether oneDNN does not round to bf16 when *allowed* to: only processors with bf16 tiles (AMX) do."""
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    setting = _product_setting()
    before = setting.fp32_precision
    fine = torch.full((256, 128), 1 + 2.0**-12)  # bf16 has no such number
    try:
        setting.fp32_precision = "bf16"
        return bool(torch.equal((fine @ torch.eye(128, 1024))[:, :128], fine))
    finally:
        setting.fp32_precision = before
