"""Chains of tasks: what can only follow something else is never more probable than that.

Over all impressions a purchase has the probability of its click times that of the purchase given the click;
both factors are learned from all rows (ESMM, Ma et al., SIGIR 2018, arXiv:1804.07931). What the earlier task
found can be passed on to the later one (AITM, Xi et al., KDD 2021, arXiv:2105.08489).
Shapes: R rows, D width.
"""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

_LEAST = 1e-6  # the log probability of both is at most minus this, so that its odds are finite


def both(first_R: Tensor, given_R: Tensor) -> Tensor:
    """The logit of "the first, and the second given the first", from the logits of both."""
    log_R = nn.functional.logsigmoid(first_R.float()) + nn.functional.logsigmoid(given_R.float())
    log_R = log_R.clamp(max=-_LEAST)
    small_R = log_R < -math.log(2)  # log(1 - p) without a loss of digits, on either side of one half
    not_R = torch.where(
        small_R,
        torch.log1p(-torch.exp(log_R.masked_fill(~small_R, -1.0))),
        torch.log(-torch.expm1(log_R.masked_fill(small_R, -0.5))),
    )
    return log_R - not_R


def in_order(after: Mapping[str, str]) -> list[tuple[str, str]]:
    """Later and earlier tasks in pairs, so that what a pair reads was made by the pairs before it.

    >>> in_order({"buy": "cart", "cart": "click"})
    [('cart', 'click'), ('buy', 'cart')]
    """

    def depth(name: str) -> int:
        return 0 if name not in after else 1 + depth(after[name])

    return sorted(after.items(), key=lambda pair: depth(pair[0]))


class Transfer(nn.Module):
    """A later task's state, to which the earlier one's is passed on: attention over the two (AITM).

    Args:
        width: Of both states.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.passed = nn.Linear(width, width)
        self.key, self.query, self.value = (nn.Linear(width, width) for _ in range(3))

    def forward(self, earlier_RD: Tensor, own_RD: Tensor) -> Tensor:
        """States ``(R, D)``."""
        two_R2D = torch.stack([self.passed(earlier_RD), own_RD], 1)
        score_R2 = (self.key(two_R2D) * self.query(two_R2D)).sum(-1) / math.sqrt(two_R2D.shape[-1])
        share_R2 = torch.softmax(score_R2, 1)
        out: Tensor = (share_R2[..., None] * self.value(two_R2D)).sum(1)
        return out


class Chains(nn.Module):
    """All chains of a model.

    Args:
        after: Later task -> the task that it follows.
        passing: Later tasks to which the earlier one's state is passed on.
        width: Of the states that heads read.
    """

    def __init__(self, after: Mapping[str, str], passing: Sequence[str], width: int) -> None:
        super().__init__()
        self.pairs = in_order(after)
        self.transfers = nn.ModuleDict({f"of_{name}": Transfer(width) for name in passing})

    def conditional(self, given: Mapping[str, Tensor]) -> dict[tuple[str, str], Tensor]:
        """Later and earlier task -> probability of the later one where the earlier one has happened."""
        return {pair: torch.sigmoid(given[pair[0]]) for pair in self.pairs if pair[0] in given}

    def states(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Task name -> what its head reads, with what is passed on."""
        found = dict(state)
        for later, earlier in self.pairs:
            if f"of_{later}" in self.transfers and later in found:  # else it is answered apart
                found[later] = self.transfers[f"of_{later}"](found[earlier], found[later])
        return found

    def raw(self, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Logits of tasks over all rows, from those that are given what they follow."""
        found = dict(given)
        for later, earlier in (pair for pair in self.pairs if pair[0] in given):
            found[later] = both(found[earlier], found[later])
        return found
