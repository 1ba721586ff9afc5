"""Whitening: vectors of a language model, made to differ alike in every direction.

Vectors of texts lie in a narrow cone: most of what sets two items apart is in directions that hardly vary,
which a linear map learns slowly (Zhang et al., ICDE 2024, arXiv:2402.10602). Shapes: N texts, T width.
"""

import torch
from torch import Tensor, nn

SMOOTHING = 0.1  # of the mean variance: directions that vary less than that are not blown up
LENGTH = 2.0  # mean length of a whitened vector; a linear map then begins as loud as an id embedding


class Whitening(nn.Module):
    """Subtract the mean, give all directions the same variance; learned once, from the items of the training.

    A text that is not there (a zero vector) stays zero.

    Args:
        text_NT: Vectors to learn from; zero vectors do not count.
    """

    mean_T: Tensor
    map_TT: Tensor

    def __init__(self, text_NT: Tensor) -> None:
        super().__init__()
        mean_T, map_TT = _learned(text_NT[(text_NT != 0).any(-1)].double())
        self.register_buffer("mean_T", mean_T.float())
        self.register_buffer("map_TT", map_TT.float())

    def forward(self, text_NT: Tensor) -> Tensor:
        """Whitened vectors ``(N, T)``."""
        has_N1 = (text_NT != 0).any(-1, keepdim=True)
        return ((text_NT.float() - self.mean_T) @ self.map_TT) * has_N1


def _learned(text_NT: Tensor) -> tuple[Tensor, Tensor]:
    """Mean ``(T,)`` and map ``(T, T)``; the identity where nothing varies."""
    width = text_NT.shape[1]
    mean_T = text_NT.mean(0) if len(text_NT) else text_NT.new_zeros(width)
    centred_NT = text_NT - mean_T
    variance_T, axis_TT = torch.linalg.eigh(centred_NT.T @ centred_NT / max(len(text_NT), 1))
    variance_T = variance_T.clamp(min=0)
    if not variance_T.sum() > 0:
        return torch.zeros_like(mean_T), torch.eye(width, dtype=text_NT.dtype)
    map_TT = (axis_TT * (variance_T + SMOOTHING * variance_T.mean()).rsqrt()) @ axis_TT.T
    return mean_T, map_TT * (LENGTH / (centred_NT @ map_TT).norm(dim=1).mean())
