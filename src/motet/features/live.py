"""LiveTexts: the texts of items as a language model reads them that is being tuned.

In each step the texts of some items of the batch are read with gradient, drawn anew; the vectors of all
others come from a table of what was read last. Before every validation the whole table is read anew, so that
what is measured, kept and served is the model's own reading.
Shapes: I items (number 0 is none), K some of them, L tokens, T width of the language model.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from motet.features.whitening import Whitening

PLACES = 1024  # of tokens, padding included, that are read at once without gradient; more leave the cache


class Reader(Protocol):
    """A language model that is tuned."""

    def vectors(self, token_BL: Tensor, real_BL: Tensor) -> Tensor:
        """One vector a text, ``(B, T)``."""
        ...


class Words(Protocol):
    """Texts as tokens."""

    @property
    def length_N(self) -> np.ndarray:
        """Tokens of each text; 0 where there is none."""
        ...

    def padded(self, place_B: np.ndarray) -> tuple[Tensor, Tensor]:
        """Tokens of some texts ``(B, L)``, and which are real."""
        ...


class LiveTexts(nn.Module):
    """The table, and what of it is read anew.

    Args:
        words: Tokens of every item's text.
        text_IT: The language model's vectors as the training begins; zeros where an item has no text.
        whitening: Of the vectors; None leaves them as they are.
        most: Items of a step whose texts are read with gradient.
    """

    def __init__(self, words: Words, text_IT: Tensor, whitening: Whitening | None, most: int) -> None:
        super().__init__()
        self.words, self.most = words, most
        self.whitening: Whitening | None
        self.__dict__["whitening"] = whitening  # not a child: its encoder has it
        self.register_buffer("text_IT", text_IT.clone())
        self.register_buffer("white_IT", self._whitened(text_IT).detach().clone())
        self.register_buffer("read_I", torch.zeros(len(text_IT), dtype=torch.int64))  # at which step
        self.has_I = torch.from_numpy(words.length_N > 0)
        self.fresh: tuple[Tensor, Tensor] | None = None  # items of this step, and their whitened vectors
        self.register_buffer(
            "told_2", torch.zeros(2, dtype=torch.float64)
        )  # steps, and ages summed over them

    def step(self, reader: Reader, item_K: Tensor) -> None:
        """Read the texts of some of a batch's items with gradient.

        Args:
            reader: The language model.
            item_K: The items of the batch, each once.
        """
        text_IT, white_IT, read_I = (self.get_buffer(name) for name in ("text_IT", "white_IT", "read_I"))
        item_K = item_K[self.has_I[item_K]]
        chosen_K, others_K = item_K[torch.randperm(len(item_K))].split_with_sizes(
            [min(self.most, len(item_K)), max(len(item_K) - self.most, 0)]
        )
        self.fresh, told_2 = None, self.get_buffer("told_2")
        told_2[0] += 1
        if len(others_K):
            told_2[1] += (told_2[0] - read_I[others_K]).mean()
        if not len(chosen_K):
            return
        vector_KT = reader.vectors(*self.words.padded(chosen_K.numpy()))
        white_KT = self._whitened(vector_KT)
        with torch.no_grad():
            text_IT[chosen_K], white_IT[chosen_K] = vector_KT.detach(), white_KT.detach()
            read_I[chosen_K] = int(told_2[0])
        self.fresh = chosen_K, white_KT

    def _whitened(self, text_NT: Tensor) -> Tensor:
        """In full precision, whatever the rest is computed in."""
        with torch.autocast(text_NT.device.type, enabled=False):
            found: Tensor = text_NT if self.whitening is None else self.whitening(text_NT.float())
        return found

    def rows(self, item_K: Tensor | None) -> Tensor:
        """Whitened vectors of some items, or of all; in training those of the step have a gradient."""
        white_IT = self.get_buffer("white_IT")
        if self.fresh is None or not self.training:
            return white_IT if item_K is None else white_IT[item_K]
        chosen_K, white_KT = self.fresh
        if item_K is None:
            return white_IT.index_put((chosen_K,), white_KT)
        place_I = torch.full((len(white_IT),), -1)
        place_I[chosen_K] = torch.arange(len(chosen_K))
        place = place_I[item_K]
        return torch.where((place >= 0)[..., None], white_KT[place.clamp(min=0)], white_IT[item_K])

    @torch.no_grad()
    def read_all(self, reader: Reader) -> Tensor:
        """Read the texts of all items anew; their vectors ``(I, T)``."""
        text_IT, white_IT = self.get_buffer("text_IT"), self.get_buffer("white_IT")
        self.fresh = None
        for item_B in self._blocks(np.flatnonzero(self.has_I.numpy())):
            text_IT[torch.from_numpy(item_B)] = reader.vectors(*self.words.padded(item_B))
        white_IT.copy_(self._whitened(text_IT))
        self.get_buffer("read_I").fill_(int(self.get_buffer("told_2")[0]))
        return text_IT.clone()

    def said(self) -> str:
        """How many texts a step reads, and how old the other vectors were, for the report."""
        steps, ages = self.get_buffer("told_2").tolist()
        return (
            f"In each of {steps:,.0f} steps the language model read the texts of at most {self.most} items "
            f"of the batch with gradient; what it knew of the others was {ages / max(steps, 1):.0f} steps "
            "old on average. All were read anew before every validation."
        )

    def _blocks(self, item_N: np.ndarray) -> Iterator[np.ndarray]:
        """Items of like length, so many at a time as are read at once."""
        length_N = self.words.length_N[item_N]
        order: Sequence[int] = np.argsort(-length_N, kind="stable").tolist()
        begin = 0
        while begin < len(order):
            count = max(1, PLACES // int(length_N[order[begin]]))
            yield item_N[order[begin : begin + count]]
            begin += count
