"""Binary tasks: will they click, buy, like, follow, return.

Shapes: R rows, D width.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from motet.tasks.calibration import fit_log_odds, log_odds

_AS_IT_IS = (1.0, 0.0)


class BinaryHead(nn.Module):
    """A probability, trained with cross-entropy or focal loss (Lin et al. 2017, arXiv:1708.02002, gamma 2).

    The loss is divided by what the base rate alone reaches: its entropy, or its focal loss.

    Args:
        width: Width of the shared state.
        rate: Share of positives among training rows.
        focal: Weigh rows by how wrong they are.
        earlier: The rate of the task that it follows, see `motet.tasks.chain`; the head then starts from the
            rate among those.
    """

    fitted_2: Tensor  # slope and level of the log odds, see `motet.tasks.calibration`

    def __init__(self, width: int, rate: float, *, focal: bool = False, earlier: float = 1.0) -> None:
        super().__init__()
        rate = min(max(rate, 1e-4), 1 - 1e-4)
        start = min(rate / max(earlier, 1e-4), 1 - 1e-4)
        self.linear = nn.Linear(width, 1)
        nn.init.constant_(self.linear.bias, math.log(start / (1 - start)))
        wrong = ((1 - rate) ** 2, rate**2) if focal else (1.0, 1.0)  # weight of a positive, of a negative
        self.nats = -(rate * wrong[0] * math.log(rate) + (1 - rate) * wrong[1] * math.log(1 - rate))
        self.focal = focal
        self.register_buffer("fitted_2", torch.tensor(_AS_IT_IS))

    def forward(self, shared_RD: Tensor) -> Tensor:
        """Logits ``(R,)``."""
        out: Tensor = self.linear(shared_RD).squeeze(-1)
        return out

    def loss(self, raw: Tensor, label_R: Tensor) -> Tensor:
        """Mean loss over labelled rows, in units of the base rate's."""
        loss_R = F.binary_cross_entropy_with_logits(raw, label_R, reduction="none")
        if self.focal:
            loss_R = loss_R * (1 - torch.exp(-loss_R)) ** 2
        return loss_R.mean() / self.nats

    def fitted(self, raw: Tensor) -> Tensor:
        """Log odds ``(R,)`` with the slope and level that were fitted."""
        slope, level = self.fitted_2.unbind()
        return slope * raw + level

    def prediction(self, raw: Tensor) -> Tensor:
        """Probabilities ``(R,)``."""
        return torch.sigmoid(self.fitted(raw))

    def leave_as_it_is(self) -> None:
        """Forget what was fitted."""
        self.fitted_2.copy_(torch.tensor(_AS_IT_IS))

    def calibrate(self, label_N: np.ndarray, said_N: np.ndarray) -> str:
        """Fit slope and level on rows that did not train; what was fitted in words, or nothing.

        Args:
            label_N: 0 or 1.
            said_N: Probabilities of this head as it is.
        """
        found = fit_log_odds(log_odds(said_N), label_N)
        if found is None:
            return ""
        self.fitted_2.copy_(torch.tensor(found))
        return f"probabilities have {found[0]:.2f} times their log odds, {found[1]:+.2f}"
