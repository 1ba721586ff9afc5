"""A linear head for vectors that stay as they are: where a head begins before they are tuned.

A head that begins at random pulls the language model about while it learns; one that begins where a frozen
model's would end does not (linear probing, then fine-tuning: Kumar et al., ICLR 2022, arXiv:2202.10054).
Shapes: N texts, T width of the language model, K classes.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0, 10.0)  # of weight decay, in the mean loss of a text
FOLDS = 3
FEW = 3_000  # texts that choose
SCALES = tuple(float(2.0 ** (power / 2)) for power in range(-4, 13))  # of what the chosen one says
STEPS = 50
LEAST = 1e-3  # spread of a value that tells nothing


def probe(vector_NT: Tensor, label_N: Tensor, share_K: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Weights ``(K, T)`` and bias ``(K,)`` of a logistic regression.

    Its strength is that with which most texts are told right by those of the other folds. So strong a one
    says too little of how sure it is: its answers are scaled by what suits the same texts best.

    Args:
        vector_NT: Of mean 0 and variance 1 over the texts.
        label_N: Class numbers.
        share_K: Share of each class, which the bias begins with.
        seed: Draws the folds.
    """
    order_N = torch.randperm(len(label_N), generator=torch.Generator().manual_seed(seed))[:FEW]
    vector_FT, label_F = vector_NT[order_N], label_N[order_N]
    fold_F = torch.arange(len(order_N)) % FOLDS
    best, scale, most = STRENGTHS[-1], 1.0, -1.0
    for strength in STRENGTHS if len(order_N) >= FOLDS else ():
        said_FK = vector_FT.new_zeros(len(order_N), len(share_K))
        for fold in range(FOLDS):
            mine_F = fold_F == fold
            weight_KT, bias_K = _fitted(vector_FT[~mine_F], label_F[~mine_F], share_K, strength)
            said_FK[mine_F] = vector_FT[mine_F] @ weight_KT.T + bias_K
        right = float((said_FK.argmax(1) == label_F).float().mean())
        if right >= most:  # of equals the strongest
            best, scale, most = strength, _scale(said_FK, label_F), right
    weight_KT, bias_K = _fitted(vector_NT, label_N, share_K, best)
    return scale * weight_KT, scale * bias_K


def _scale(said_FK: Tensor, label_F: Tensor) -> float:
    """By what answers are multiplied to be as sure as they are right."""
    nats = {scale: float(F.cross_entropy(scale * said_FK, label_F)) for scale in SCALES}
    return min(nats, key=lambda scale: nats[scale])


def _fitted(vector_NT: Tensor, label_N: Tensor, share_K: Tensor, strength: float) -> tuple[Tensor, Tensor]:
    weight_KT = vector_NT.new_zeros(len(share_K), vector_NT.shape[1]).requires_grad_()
    bias_K = share_K.clamp(min=1e-6).log().to(vector_NT).requires_grad_()
    optimizer = torch.optim.LBFGS([weight_KT, bias_K], max_iter=STEPS, line_search_fn="strong_wolfe")

    def closure() -> float:
        optimizer.zero_grad()
        loss = F.cross_entropy(vector_NT @ weight_KT.T + bias_K, label_N)
        loss = loss + strength * weight_KT.square().sum() / 2
        torch.autograd.backward(loss)
        return float(loss.detach())

    minimise: Callable[[Callable[[], float]], Any] = optimizer.step
    with torch.enable_grad():
        minimise(closure)
    return weight_KT.detach(), bias_K.detach()


def standard(vector_NT: Tensor) -> tuple[Tensor, Tensor]:
    """Mean ``(T,)`` and spread ``(T,)`` of vectors; 1 where a value is the same everywhere."""
    spread_T = vector_NT.std(0, correction=0)
    return vector_NT.mean(0), torch.where(spread_T < LEAST, 1.0, spread_T)
