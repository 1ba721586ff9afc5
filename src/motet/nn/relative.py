"""Relative bias of attention: how far apart two events lie, in places and in time.

One learned number a head for every distance in places (Raffel et al. 2020, arXiv:1910.10683, without
buckets), and for time a learned mixture of exponential decays with half-lives from a minute to a quarter
(in the spirit of the time bias of HSTU, Zhai et al., ICML 2024, arXiv:2402.17152, but smooth).
Shapes: B timelines, S states, H heads, K decays.
"""

import torch
from torch import Tensor, nn

HALF_LIVES_SECONDS = (60.0, 3_600.0, 86_400.0, 7 * 86_400.0, 90 * 86_400.0)


class RelativeBias(nn.Module):
    """What is added to the attention scores of every layer.

    Args:
        heads: Number of attention heads.
        length: Largest distance in places that has a number of its own; longer ones share the last.
        position: Whether places count.
        time: Whether times count.
    """

    def __init__(self, heads: int, length: int, *, position: bool, time: bool) -> None:
        super().__init__()
        self.place_HL = nn.Parameter(torch.zeros(heads, length + 1)) if position else None
        self.decay_KH = nn.Parameter(torch.zeros(len(HALF_LIVES_SECONDS), heads)) if time else None
        rate = torch.log(torch.tensor(2.0)) / torch.tensor(HALF_LIVES_SECONDS)
        self.register_buffer("rate_K", rate, persistent=False)
        self.heads = heads

    def forward(self, states: int, time_BS: Tensor | None) -> Tensor | None:
        """Bias ``(B or 1, H, S, S)``, or None when neither places nor times count."""
        bias: Tensor | None = None
        if self.place_HL is not None:
            place = torch.arange(states, device=self.place_HL.device)
            distance_SS = (place[:, None] - place[None, :]).clamp(0, self.place_HL.shape[1] - 1)
            bias = self.place_HL[:, distance_SS][None]
        if self.decay_KH is not None and time_BS is not None:
            gap_BSS = (time_BS[:, :, None] - time_BS[:, None, :]).clamp(min=0).float()
            rate_K: Tensor = self.get_buffer("rate_K")
            decays_BSSK = torch.exp(-gap_BSS[..., None] * rate_K)
            timed = (decays_BSSK @ self.decay_KH).permute(0, 3, 1, 2)
            bias = timed if bias is None else bias + timed
        return bias
