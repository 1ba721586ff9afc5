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

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1)  # of weight decay, in the mean loss of a text
HELD = 0.2  # of the texts, which say which is best
FEW = 5_000  # texts that choose
STEPS = 50
LEAST = 1e-3  # spread of a value that tells nothing


def probe(vector_NT: Tensor, label_N: Tensor, share_K: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Weights ``(K, T)`` and bias ``(K,)`` of a logistic regression whose strength held-out texts chose.

    Args:
        vector_NT: Of mean 0 and variance 1 over the texts.
        label_N: Class numbers.
        share_K: Share of each class, which the bias begins with.
        seed: Draws the texts that are held out.
    """
    order_N = torch.randperm(len(label_N), generator=torch.Generator().manual_seed(seed))[:FEW]
    held = order_N[: int(HELD * len(order_N))]
    learned = order_N[len(held) :]
    worth = {}
    for strength in STRENGTHS if len(held) else ():
        weight_KT, bias_K = _fitted(vector_NT[learned], label_N[learned], share_K, strength)
        worth[strength] = float(F.cross_entropy(vector_NT[held] @ weight_KT.T + bias_K, label_N[held]))
    best = min(worth, key=lambda each: worth[each], default=STRENGTHS[-1])
    return _fitted(vector_NT, label_N, share_K, best)


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
