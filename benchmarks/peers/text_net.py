"""A block of RecTools' item net: a frozen, ready-made vector of each item, projected to the model's width."""

from typing import Any

import torch
from rectools.dataset.dataset import Dataset
from rectools.models.nn.item_net import ItemNetBase
from torch import nn


class FrozenVectorsItemNet(ItemNetBase):
    """Projects vectors that do not train; the projection does.

    Args:
        vectors_ND: One row an item in the order of the model's own numbers, zeros for padding, ``(N, D)``.
        n_factors: Width of the model.
        dropout_rate: Dropout on the projected vector.
    """

    def __init__(self, vectors_ND: torch.Tensor, n_factors: int, dropout_rate: float) -> None:
        super().__init__()
        self.register_buffer("vectors_ND", vectors_ND)
        self.project = nn.Linear(vectors_ND.shape[1], n_factors)
        self.dropout = nn.Dropout(dropout_rate)

    def forward(self, items: torch.Tensor) -> torch.Tensor:
        """Item numbers of any shape -> vectors with one more dimension of the model's width."""
        return self.dropout(self.project(self.get_buffer("vectors_ND")[items]))

    @classmethod
    def from_dataset(
        cls, dataset: Dataset, n_factors: int, dropout_rate: float, **kwargs: Any
    ) -> "FrozenVectorsItemNet":
        """Take the dense item features of the training dataset as vectors."""
        vectors_ND = torch.tensor(dataset.item_features.values, dtype=torch.float32)
        return cls(vectors_ND, n_factors, dropout_rate)

    @property
    def out_dim(self) -> int:
        """Width of what comes out."""
        return int(self.project.out_features)
