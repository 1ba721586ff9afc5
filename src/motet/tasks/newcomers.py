"""Newcomers: what items that training never met score, beside those that it met.

A newcomer lacks an id and neighbours, so its score is less sure than that of an item with a past: the best of
many newcomers is too often a lucky one. Its log odds against all items with a past are shrunk, and how like
its text is to the texts of the user's last items is added. The three numbers are fitted on validation rows
(logistic calibration, Platt 1999, with one more input); a bonus that the owner sets comes on top.
Shapes: R rows, I items, C newcomers.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

ENOUGH = 100  # targets that are newcomers; with fewer nothing is fitted
LAST_ITEMS = 5  # whose texts are compared with a newcomer's
FADING = 0.7  # weight of each, in that of the one that came after it
_PLAIN = (1.0, 0.0, 0.0)


@dataclass(frozen=True)
class Evidence:
    """What the numbers are fitted on: queries with their right items, in the units of scores.

    Args:
        past_R: Log-sum-exp of the scores of all items with a past.
        score_RC: Scores of newcomers; minus infinity where one takes no part.
        likeness_RC: Likeness of their texts to those of the last items.
        row_T: Query of each right item.
        target_T: Score of each right item with a past; not a number where it is a newcomer.
        column_T: Which newcomer the right item is, -1 for an item with a past.
        weight_T: How many right items each stands for, where not all were looked at.
    """

    past_R: Tensor
    score_RC: Tensor
    likeness_RC: Tensor
    row_T: Tensor
    target_T: Tensor
    column_T: Tensor
    weight_T: Tensor


class Newcomers(nn.Module):
    """Scores of newcomers, set in relation to those of all other items.

    Args:
        bonus: Added to the score of a newcomer, in log odds.
    """

    fitted_3: Tensor  # slope, weight of the likeness, level

    def __init__(self, bonus: float = 0.0) -> None:
        super().__init__()
        self.bonus = bonus
        self.register_buffer("fitted_3", torch.tensor(_PLAIN))

    @property
    def plain(self) -> bool:
        """Whether nothing was fitted, so that no likeness need be known."""
        return tuple(self.fitted_3.tolist()) == _PLAIN

    def said(self) -> str:
        """What was fitted, in words."""
        slope, weight, level = self.fitted_3.tolist()
        return (
            f"items that training never met score {slope:.2f} times their log odds, {weight:+.2f} times the "
            f"likeness of their text to the last items', {level:+.2f}"
        )

    def forward(self, score_RC: Tensor, past_R: Tensor, likeness_RC: Tensor) -> Tensor:
        """Scores of newcomers, see `Evidence` for the arguments."""
        slope, weight, level = self.fitted_3.unbind()
        past_R1 = past_R[:, None]
        out: Tensor = past_R1 + slope * (score_RC - past_R1) + weight * likeness_RC + level + self.bonus
        return out

    def fit(self, evidence: Evidence) -> bool:
        """Fit the three numbers to the most likely ones; false, and nothing is changed, with few newcomers.

        The likelihood is that of the softmax over all items; scores of those with a past stay as they are.
        """
        new_T = evidence.column_T >= 0
        if int(new_T.sum()) < ENOUGH:
            return False
        number_3 = torch.tensor(_PLAIN, requires_grad=True)
        search = torch.optim.LBFGS([number_3], max_iter=100, line_search_fn="strong_wolfe")
        row_T, past_R1 = evidence.row_T, evidence.past_R[:, None]
        open_RC = evidence.score_RC.isfinite()
        odds_RC = (evidence.score_RC - past_R1).masked_fill(~open_RC, 0.0)
        known_T = (evidence.target_T - evidence.past_R[row_T])[~new_T]
        weight_T = evidence.weight_T / evidence.weight_T.sum()

        def surprise() -> float:
            search.zero_grad()
            slope, weight, level = number_3.unbind()
            moved_RC = slope * odds_RC + weight * evidence.likeness_RC + level
            total_R = torch.logsumexp(moved_RC.masked_fill(~open_RC, -torch.inf), 1)
            all_R = torch.logaddexp(total_R, torch.zeros_like(total_R))
            right_T = torch.zeros_like(weight_T)
            right_T = right_T.index_put((new_T,), moved_RC[row_T[new_T], evidence.column_T[new_T]])
            right_T = right_T.index_put((~new_T,), known_T)
            loss: Tensor = (weight_T * (all_R[row_T] - right_T)).sum()
            loss.backward()  # type: ignore[no-untyped-call]
            return float(loss.detach())

        search.step(surprise)  # type: ignore[no-untyped-call]
        if not bool(torch.isfinite(number_3).all()):
            return False
        self.fitted_3.copy_(number_3.detach())
        return True
