"""A candidate looks back over the timeline: over its events, or over what the encoder made of them.

Shapes: B timelines, P candidates, L events, D width.
"""

import torch
from torch import Tensor, nn

from motet.nn.mlp import FeedForward


class TargetAttention(nn.Module):
    """Attention from candidates to the events that lie strictly before their row.

    With candidate c and visible events e_j it finds ``sum_j softmax_j(q(c) k(e_j) / sqrt(D)) v(e_j)``, where
    q, k and v are linear. After DIN (Zhou et al., KDD 2018, arXiv:1706.06978), which takes ``sum_j a(e_j, c)
    e_j`` with a small network a and no softmax, so that there many like events count more than one.

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


class CrossAttention(nn.Module):
    """A decoder's block (Vaswani et al. 2017, arXiv:1706.03762): candidates ask the states they may see.

    With candidate c and visible states h_j it finds ``a + F(norm(a))``, where F is a SwiGLU layer and O joins
    the heads i: ``a = O concat_i sum_j softmax_j(q_i(norm(c)) k_i(h_j) / sqrt(D / heads)) v_i(h_j)``. Unlike
    in that block c is not added to a: who reads this has c beside it. State 0 has seen no event, so that a
    candidate always sees one.

    Args:
        width: Width of candidates, of states and of the result.
        heads: Of the attention.
        dropout: Share of values hidden in training.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm, self.norm_out = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.pair = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)
        self.feed = FeedForward(width, 2.0, "swiglu", dropout)

    def forward(self, candidate_BPD: Tensor, state_BSD: Tensor, visible_BP: Tensor) -> Tensor:
        """What each candidate finds, ``(B, P, D)``.

        Args:
            candidate_BPD: Candidate vectors.
            state_BSD: States of the timeline.
            visible_BP: How many events a candidate may see, int64: it sees one state more.
        """
        query, key, value = (
            each.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for each in (self.query(self.norm(candidate_BPD)), *self.pair(state_BSD).chunk(2, -1))
        )
        seen = ~hidden_events(visible_BP + 1, state_BSD.shape[1])[:, None]
        found = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=seen)
        asked_BPD = self.out(found.transpose(1, 2).flatten(-2))
        out: Tensor = asked_BPD + self.feed(self.norm_out(asked_BPD))
        return out


def hidden_events(visible_BP: Tensor, events: int) -> Tensor:
    """Events that a candidate may not see, boolean ``(B, P, L)``: all from its own row on."""
    return torch.arange(events, device=visible_BP.device) >= visible_BP[..., None]
