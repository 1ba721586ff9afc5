"""What every head of a row task keeps: raw scores from a shared state, a loss on labelled rows, a prediction.

Shapes: R rows, D width, K outputs.
"""

from typing import Protocol

from torch import Tensor


class RowHead(Protocol):
    """A head that scores rows (user, item, request)."""

    def __call__(self, shared_RD: Tensor) -> Tensor:
        """Raw scores, ``(R,)`` or ``(R, K)``."""
        ...

    def loss(self, raw: Tensor, label_R: Tensor) -> Tensor:
        """Mean loss over rows, about 1 for a predictor that knows only the training mean."""
        ...

    def prediction(self, raw: Tensor) -> Tensor:
        """What a person reads: a probability, a number, class probabilities."""
        ...
