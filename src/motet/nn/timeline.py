"""TimelineEncoder: reads a user's events in order; state i has seen the first i events and never a later one.

Shapes: B timelines, S states (the user, then the events), D width, H heads.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from motet.nn.dropout import Dropout
from motet.nn.relative import RelativeBias


class TimelineEncoder(nn.Module):
    """A stack of causal blocks.

    Timelines are padded on the right, so that a causal mask alone keeps padding out of every real state.

    Args:
        blocks: Transformer or HSTU blocks, each called as ``block(state_BSD, bias_BHSS)``.
        bias: Relative bias that all blocks share.
        width: Width of a token and of a state.
        dropout: Share of token numbers dropped.
    """

    def __init__(self, blocks: Sequence[nn.Module], bias: RelativeBias, width: int, dropout: float) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.bias = bias
        self.norm = nn.LayerNorm(width)
        self.dropout = Dropout(dropout)

    def forward(self, token_BSD: Tensor, time_BS: Tensor | None) -> Tensor:
        """Encode the tokens: states after all layers, normalised, ``(B, S, D)``."""
        return self.last(self.layers(token_BSD, time_BS))

    def last(self, layers: Sequence[Tensor]) -> Tensor:
        """States after all layers, normalised, ``(B, S, D)``."""
        out: Tensor = self.norm(layers[-1])
        return out

    def layers(self, token_BSD: Tensor, time_BS: Tensor | None) -> list[Tensor]:
        """What each layer gives, ``(B, S, D)``.

        Args:
            token_BSD: The user's token, then one token an event, ``(B, S, D)``.
            time_BS: Times in seconds, ``(B, S)``; None when the log has none.
        """
        S = token_BSD.shape[1]
        bias = self.bias(S, time_BS)
        hidden_SS = out_of_sight(S, token_BSD.device)
        bias = hidden_SS if bias is None else bias + hidden_SS
        state_BSD = self.dropout(token_BSD)
        found: list[Tensor] = []
        for block in self.blocks:
            state_BSD = block(state_BSD, bias)
            found.append(state_BSD)
        return found


def out_of_sight(states: int, device: torch.device) -> Tensor:
    """The causal mask ``(S, S)``, to be added to scores: -inf where the key lies after the query, else 0."""
    later_SS = torch.ones(states, states, dtype=torch.bool, device=device).triu(1)
    return torch.zeros(states, states, device=device).masked_fill(later_SS, float("-inf"))
