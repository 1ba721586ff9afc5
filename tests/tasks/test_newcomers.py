"""Scores of items that training never met: three numbers, found again where they were planted."""

from dataclasses import replace

import pytest
import torch

from motet.tasks.newcomers import ENOUGH, Evidence, Newcomers

NAN = float("nan")


def planted(numbers: tuple[float, float, float], queries: int = 20_000, newcomers: int = 12) -> Evidence:
    """Right items drawn as likely as the numbers say; one item stands for all with a past."""
    random = torch.Generator().manual_seed(3)
    past_R = 4 + torch.randn(queries, generator=random)
    score_RC = past_R[:, None] - 3 + 2 * torch.randn(queries, newcomers, generator=random)
    likeness_RC = torch.rand(queries, newcomers, generator=random)
    slope, weight, level = numbers
    moved_RC = past_R[:, None] + slope * (score_RC - past_R[:, None]) + weight * likeness_RC + level
    share_RC = torch.softmax(torch.cat([moved_RC, past_R[:, None]], 1), 1)
    drawn_R = torch.multinomial(share_RC, 1, generator=random)[:, 0]
    column_T = torch.where(drawn_R < newcomers, drawn_R, -1)
    return Evidence(
        past_R, score_RC, likeness_RC, torch.arange(queries), past_R, column_T, torch.ones(queries)
    )


@pytest.mark.parametrize("numbers", [(0.5, 2.0, -2.0), (1.0, 0.0, 0.0), (1.3, -1.0, -1.0)])
def test_planted_numbers_are_found_again(numbers):
    made = Newcomers()
    assert made.fit(planted(numbers))
    assert made.fitted_3.tolist() == pytest.approx(numbers, abs=0.2)
    assert not made.plain


def test_scores_are_moved_in_relation_to_those_with_a_past():
    made = Newcomers(bonus=0.25)
    made.fitted_3.copy_(torch.tensor([0.5, 2.0, -1.0]))
    found = made(torch.tensor([[1.0, 3.0]]), torch.tensor([5.0]), torch.tensor([[0.5, 0.0]]))
    assert found.tolist() == [[5 - 2 + 1 - 1 + 0.25, 5 - 1 + 0 - 1 + 0.25]]


def test_with_few_newcomers_nothing_is_fitted():
    whole = planted((0.5, 2.0, -2.0))
    new_T = torch.nonzero(whole.column_T >= 0)[: ENOUGH - 1, 0]
    few = replace(
        whole,
        row_T=new_T,
        target_T=whole.target_T[new_T],
        column_T=whole.column_T[new_T],
        weight_T=whole.weight_T[new_T],
    )
    made = Newcomers()
    assert not made.fit(few)
    assert made.plain


def test_a_newcomer_that_takes_no_part_changes_nothing():
    whole = planted((0.5, 2.0, -2.0))
    one, other = Newcomers(), Newcomers()
    one.fit(whole)
    hidden_RC = torch.full((len(whole.past_R), 1), -torch.inf)
    wider = replace(
        whole,
        score_RC=torch.cat([whole.score_RC, hidden_RC], 1),
        likeness_RC=torch.cat([whole.likeness_RC, torch.ones_like(hidden_RC)], 1),
    )
    other.fit(wider)
    assert other.fitted_3.tolist() == pytest.approx(one.fitted_3.tolist(), abs=1e-3)


def test_the_score_of_a_right_newcomer_among_those_with_a_past_is_not_read():
    whole = planted((0.5, 2.0, -2.0))
    target_T = whole.target_T.masked_fill(whole.column_T >= 0, NAN)
    made, other = Newcomers(), Newcomers()
    made.fit(replace(whole, target_T=target_T))
    other.fit(whole)
    assert torch.equal(made.fitted_3, other.fitted_3)


def test_a_part_that_is_weighed_gives_what_the_whole_gives():
    whole = planted((0.5, 2.0, -2.0))
    new_T = whole.column_T >= 0
    kept = new_T | (torch.arange(len(new_T)) % 4 == 0)
    part = replace(
        whole,
        row_T=whole.row_T[kept],
        target_T=whole.target_T[kept],
        column_T=whole.column_T[kept],
        weight_T=torch.where(new_T, 1.0, 4.0)[kept],
    )
    made = Newcomers()
    assert made.fit(part)
    assert made.fitted_3.tolist() == pytest.approx((0.5, 2.0, -2.0), abs=0.2)
