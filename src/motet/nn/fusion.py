"""Several vectors of one thing become one, whichever of them are there.

Shapes: K things, M modalities, D width.
"""

from typing import Literal

import torch
from torch import Tensor, nn


class Fusion(nn.Module):
    """Vectors of the modalities of each thing, weighed and added up; both kinds begin as the plain sum.

    ``gate``: ``sum_m 2 sigmoid(W_m [x_1; ...; x_M]) * x_m``, each value of each vector weighed by all of them
    (the gated multimodal unit, Arevalo et al., ICLR 2017 workshop, arXiv:1702.01992, but of maps without a
    tanh). ``attention``: ``n sum_m a_m x_m`` with a the softmax of ``q . norm(x_m)`` over the n that are
    there. A modality that is missing is zero and has no weight.

    Args:
        kind: gate or attention.
        modalities: How many.
        width: Of a vector.
    """

    def __init__(self, kind: Literal["gate", "attention"], modalities: int, width: int) -> None:
        super().__init__()
        self.kind = kind
        self.gates = nn.Linear(modalities * width, modalities * width) if kind == "gate" else None
        self.query = nn.Parameter(torch.zeros(width)) if kind == "attention" else None
        if self.gates is not None:
            nn.init.zeros_(self.gates.weight)
            nn.init.zeros_(self.gates.bias)

    def forward(self, vector_KMD: Tensor, there_KM: Tensor) -> Tensor:
        """One vector a thing, ``(K, D)``.

        Args:
            vector_KMD: Vectors.
            there_KM: Which are there, bool.
        """
        vector_KMD = vector_KMD * there_KM[..., None]
        if self.gates is not None:
            weight_KMD = 2 * torch.sigmoid(self.gates(vector_KMD.flatten(1)).view_as(vector_KMD))
            gated_KD: Tensor = (weight_KMD * vector_KMD).sum(1)
            return gated_KD
        assert self.query is not None
        score_KM = nn.functional.layer_norm(vector_KMD, vector_KMD.shape[-1:]) @ self.query
        lacks_KM = ~there_KM & there_KM.any(1, keepdim=True)  # of what has none at all nothing counts
        score_KM = score_KM.masked_fill(lacks_KM, -torch.inf)
        share_KM = torch.softmax(score_KM, 1) * there_KM.sum(1, keepdim=True)
        out: Tensor = (share_KM[..., None] * vector_KMD).sum(1)
        return out
