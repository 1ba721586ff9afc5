"""Multiclass tasks: which topic, sentiment, intent.

Shapes: R rows, D width, K classes.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class MulticlassHead(nn.Module):
    """Class probabilities, trained with cross-entropy in units of the class shares' entropy.

    Args:
        width: Width of the shared state.
        share_K: Share of each class among training rows.
    """

    def __init__(self, width: int, share_K: Tensor) -> None:
        super().__init__()
        self.linear = nn.Linear(width, len(share_K))
        share_K = share_K.clamp(min=1e-6)
        with torch.no_grad():
            self.linear.bias.copy_(share_K.log())
        self.nats = max(float(-(share_K * share_K.log()).sum()), 1e-6)

    def forward(self, shared_RD: Tensor) -> Tensor:
        """Logits ``(R, K)``."""
        out: Tensor = self.linear(shared_RD)
        return out

    def loss(self, raw: Tensor, label_R: Tensor) -> Tensor:
        """Mean loss over labelled rows, in units of what the class shares alone reach."""
        return F.cross_entropy(raw, label_R.long()) / self.nats

    def prediction(self, raw: Tensor) -> Tensor:
        """Probabilities ``(R, K)``."""
        return torch.softmax(raw, -1)
