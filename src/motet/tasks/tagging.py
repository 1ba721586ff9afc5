"""TagHead: a tag for each word or character of a text.

Shapes: B texts, C of them, L tokens, U units of a text, T width of the language model, K tags.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from motet.batch import TextBatch, UnitBatch
from motet.data.tags import OUTSIDE, may_follow
from motet.nn.crf import LinearChain

SIDES = 8  # letters of a token before and after a unit that are told apart, the last for all further ones
SIDE = 16  # width of what is learned for each of them


class TagHead(nn.Module):
    """Scores of the tags of every unit, and the sequence that is best of those that may be.

    A unit is read from the token that holds its first letter. Where units are characters a token may hold
    several: how many of its letters lie before and after the unit is read beside it, so that an edge may lie
    inside of a token. Trained with the nats of the right sequence (`LinearChain`) for each unit, in those of
    the tags' shares.

    Args:
        width: Of the language model.
        tags: Names of the tags.
        share_K: Share of each among the units of the training texts.
        dropout: On what is read.
        characters: Whether a token may hold several units.
    """

    def __init__(
        self, width: int, tags: Sequence[str], share_K: Tensor, dropout: float, *, characters: bool
    ) -> None:
        super().__init__()
        self.tags = tuple(tags)
        share_K = share_K.clamp(min=1e-6)
        self.before = nn.Embedding(SIDES, SIDE) if characters else None
        self.after = nn.Embedding(SIDES, SIDE) if characters else None
        self.inner = nn.Linear(width + 2 * SIDE, width) if characters else None
        self.linear, self.dropout = nn.Linear(width, len(self.tags)), nn.Dropout(dropout)
        nn.init.normal_(self.linear.weight, std=0.02)
        with torch.no_grad():
            self.linear.bias.copy_(share_K.log())
        self.nats = max(float(-(share_K * share_K.log()).sum()), 1e-6)
        may_KK = torch.tensor([[may_follow(before, tag) for tag in self.tags] for before in self.tags])
        first_K = torch.tensor([may_follow(OUTSIDE, tag) for tag in self.tags])
        self.chain = LinearChain(may_KK, first_K)

    def forward(self, hidden_BLT: Tensor, batch: TextBatch) -> Tensor:
        """Scores ``(B, U, K)``."""
        units = _units(batch)
        normal_BLT = F.layer_norm(hidden_BLT, hidden_BLT.shape[-1:])
        place_BU1 = units.piece_BU.clamp(min=0)[..., None]
        state_BUT = normal_BLT.gather(1, place_BU1.expand(-1, -1, normal_BLT.shape[-1]))
        state_BUT = state_BUT * (units.piece_BU >= 0)[..., None]
        if self.inner is not None:
            assert self.before is not None
            assert self.after is not None
            sides = [
                side(near.clamp(0, SIDES - 1))
                for side, near in ((self.before, units.before_BU), (self.after, units.after_BU))
            ]
            state_BUT = state_BUT + F.gelu(self.inner(torch.cat([state_BUT, *sides], -1)))
        out: Tensor = self.linear(self.dropout(state_BUT))
        return out

    def loss(self, raw_BUK: Tensor, batch: TextBatch) -> Tensor:
        """Mean nats of a unit's tag, in those of a guess by the tags' shares."""
        units = _units(batch)
        known_B = self._known(units)
        read_CU = read_of(units)[known_B]
        nats_C = self.chain.loss(raw_BUK[known_B].float(), units.tag_BU[known_B], read_CU)
        return nats_C.sum() / (read_CU.sum() * self.nats)

    def asks(self, batch: TextBatch) -> bool:
        """Whether a text can be learned from."""
        return bool(self._known(_units(batch)).any())

    def _known(self, units: UnitBatch) -> Tensor:
        """Texts that have a unit, and none with a tag that training has not, ``(B,)``."""
        read_BU = read_of(units)
        return read_BU[:, 0] & ((units.tag_BU >= 0) | ~read_BU).all(1)

    def apart(self, first_BUK: Tensor, second_BUK: Tensor, batch: TextBatch) -> Tensor:
        """How far two readings lie apart, a unit, in those nats."""
        real_BU = read_of(_units(batch))
        return divergence(first_BUK[real_BU], second_BUK[real_BU]) / self.nats

    def best(self, raw_BUK: Tensor, batch: TextBatch) -> tuple[Tensor, Tensor]:
        """The best tags ``(B, U)``, and the probability of each ``(B, U)``; what was cut off lies outside."""
        read_BU = read_of(_units(batch))
        tag_BU = self.chain.best(raw_BUK, read_BU)
        share_BUK = self.chain.shares(raw_BUK, read_BU)
        return tag_BU, share_BUK.gather(-1, tag_BU[..., None])[..., 0]


def read_of(units: UnitBatch) -> Tensor:
    """Units up to the last that a token holds: those behind it were cut off, ``(B, U)``."""
    held_BU = units.real_BU & (units.piece_BU >= 0)
    found: Tensor = held_BU.flip(1).cumsum(1).flip(1) > 0
    return found


def divergence(first_RK: Tensor, second_RK: Tensor) -> Tensor:
    """Mean of the divergences of two sets of scores from each other, both ways, in nats.

    >>> float(divergence(torch.tensor([[1.0, 2.0]]), torch.tensor([[2.0, 3.0]])))
    0.0
    """
    first_RK, second_RK = F.log_softmax(first_RK.float(), -1), F.log_softmax(second_RK.float(), -1)
    there = F.kl_div(first_RK, second_RK, reduction="batchmean", log_target=True)
    back = F.kl_div(second_RK, first_RK, reduction="batchmean", log_target=True)
    return (there + back) / 2


def _units(batch: TextBatch) -> UnitBatch:
    assert batch.units is not None, "the rows of a tagging task have units"
    return batch.units
