"""Target attention: a candidate looks back over the timeline (DIN: Zhou et al., KDD 2018, arXiv:1706.06978).

Shapes: B timelines, P candidates, L events, D width.
"""

import torch
from torch import Tensor, nn


class TargetAttention(nn.Module):
    """Attention from candidates to the events that lie strictly before their row.

    Args:
        width: Width of candidates, of events and of the result.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)

    def forward(self, candidate_BPD: Tensor, event_BLD: Tensor, visible_BP: Tensor) -> Tensor:
        """What each candidate finds, ``(B, P, D)``; zero where nothing is visible.

        Args:
            candidate_BPD: Candidate vectors.
            event_BLD: Event tokens.
            visible_BP: How many events a candidate may see, int64.
        """
        score = (
            self.query(candidate_BPD) @ self.key(event_BLD).transpose(1, 2) * candidate_BPD.shape[-1] ** -0.5
        )
        hidden = hidden_events(visible_BP, event_BLD.shape[1])
        weight = torch.softmax(score.masked_fill(hidden, -1e9), -1).masked_fill(hidden, 0.0)
        out: Tensor = weight @ self.value(event_BLD)
        return out


def hidden_events(visible_BP: Tensor, events: int) -> Tensor:
    """Events that a candidate may not see, boolean ``(B, P, L)``: all from its own row on."""
    return torch.arange(events, device=visible_BP.device) >= visible_BP[..., None]
