"""Items whose texts are nearest: neighbours for an item that no user of the training had.

Shapes: I items (number 0 is none), T width of the language model, R rows, M neighbours, K items met.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

SHARPNESS = 10.0  # of the shares: a neighbour whose cosine is 0.07 lower counts half
PAIRS = (
    2_000_000_000  # compared at most, about ten seconds: where there are more, a part of the items met counts
)
_BLOCK = 1024


def nearest_texts(text_IT: Tensor, row_R: Tensor, met_I: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The items met in training whose texts are nearest to those of some items, themselves left out.

    Args:
        text_IT: Vectors of the language model; zeros where an item has no text.
        row_R: Items to find neighbours for.
        met_I: Items that may be neighbours, bool; every so many of them where pairs are more than `PAIRS`.
        count: How many, M.

    Returns:
        Item numbers ``(R, M)`` int64, the nearest first, and their shares, which sum to 1; both 0 where there
        are no more, and for an item without text.
    """
    item_K = torch.nonzero(met_I & (text_IT != 0).any(-1)).squeeze(-1)
    most = max(count, PAIRS // max(len(row_R), 1))
    if len(item_K) > most:
        item_K = item_K[torch.linspace(0, len(item_K) - 1, most, device=item_K.device).long()]
    near_RM = torch.zeros(len(row_R), count, dtype=torch.int64, device=text_IT.device)
    share_RM = torch.zeros(len(row_R), count, device=text_IT.device)
    kept = min(count, len(item_K))
    if not kept:
        return near_RM, share_RM
    mean_T = text_IT[item_K].float().mean(0)
    met_KT = directions(text_IT[item_K], mean_T)
    for start in range(0, len(row_R), _BLOCK):
        row_B = row_R[start : start + _BLOCK]
        cosine_BK = directions(text_IT[row_B], mean_T) @ met_KT.T
        cosine_BK.masked_fill_(row_B[:, None] == item_K, -torch.inf)
        best = cosine_BK.topk(kept)
        real_BM = best.values.isfinite() & (text_IT[row_B] != 0).any(-1, keepdim=True)
        share_BM = torch.softmax(SHARPNESS * best.values, 1).nan_to_num(0.0) * real_BM
        near_RM[start : start + _BLOCK, :kept] = item_K[best.indices] * real_BM
        share_RM[start : start + _BLOCK, :kept] = share_BM
    return near_RM, share_RM


def directions(text_NT: Tensor, mean_T: Tensor) -> Tensor:
    """Texts as seen from the mean of them all, each of length 1."""
    return F.normalize(text_NT.float() - mean_T, dim=-1)
