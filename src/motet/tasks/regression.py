"""Regression tasks: which rating, how long will they read or watch.

Shapes: R rows, D width.
"""

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn


class RegressionHead(nn.Module):
    """A number, trained in units of the training rows' standard deviation.

    Args:
        width: Width of the shared state.
        mean: Of the (transformed) labels of training rows.
        deviation: Of the same.
        loss: squared, absolute or Huber.
    """

    def __init__(
        self, width: int, mean: float, deviation: float, loss: Literal["squared", "absolute", "huber"]
    ) -> None:
        super().__init__()
        self.linear = nn.Linear(width, 1)
        nn.init.zeros_(self.linear.bias)
        self.mean, self.deviation = mean, max(deviation, 1e-6)
        self.kind = loss
        self.nats = 0.5  # of the squared loss, if errors are normal and as wide as the labels

    def forward(self, shared_RD: Tensor) -> Tensor:
        """Standardised numbers ``(R,)``."""
        out: Tensor = self.linear(shared_RD).squeeze(-1)
        return out

    def loss(self, raw: Tensor, label_R: Tensor) -> Tensor:
        """Mean loss over labelled rows; the squared loss of the training mean is 1."""
        target_R = (label_R - self.mean) / self.deviation
        match self.kind:
            case "squared":
                return F.mse_loss(raw, target_R)
            case "absolute":
                return F.l1_loss(raw, target_R)
            case "huber":
                return F.huber_loss(raw, target_R)

    def prediction(self, raw: Tensor) -> Tensor:
        """Numbers on the (transformed) scale of the label, ``(R,)``."""
        return raw * self.deviation + self.mean
