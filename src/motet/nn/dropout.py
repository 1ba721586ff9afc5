"""Dropout whose mask is drawn byte by byte: several times faster on a CPU than a float a number.

The share dropped is rounded to a 256th, and what is kept is scaled by the share that really is (Srivastava
et al., JMLR 2014).
"""

import numpy as np
import torch
from torch import Tensor, nn


class Dropout(nn.Module):
    """Sets a share of the numbers to zero in training; nothing otherwise.

    Args:
        share: Between 0 and 1.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.dropped = min(round(share * 256), 255)  # of 256

    def forward(self, x: Tensor) -> Tensor:
        """The same shape; the mask follows torch's seed."""
        if not self.training or self.dropped == 0:
            return x
        if x.device.type != "cpu":
            return torch.nn.functional.dropout(x, self.dropped / 256)
        return x * mask(x.shape, self.dropped, x.dtype)


def mask(shape: torch.Size, dropped: int, dtype: torch.dtype) -> Tensor:
    """Zeros for ``dropped`` of 256 numbers, and what keeps the mean for the others."""
    seed = int(torch.randint(2**62, ()))
    random = np.random.Generator(np.random.SFC64(seed))
    size = shape.numel()
    drawn = np.frombuffer(random.bytes(size), np.uint8) >= dropped
    kept = torch.from_numpy(drawn).view(shape).to(dtype)
    return kept.mul_(256 / (256 - dropped))
