"""The head that ranks a catalogue."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from motet.nn.blockwise import Targets
from motet.tasks.next_item import Ahead, NextItemHead

WIDTH, ITEMS = 4, 6
ALLOWED = torch.tensor([False, True, True, True, True, True])
TRAINED = torch.tensor([False, True, True, False, True, True])  # item 3 is cold
SIMILARITIES = pytest.mark.parametrize("similarity", ["cosine", "dot"])


def head(similarity: str = "cosine", smoothing: float = 0.0, allowed: Tensor = ALLOWED) -> NextItemHead:
    torch.manual_seed(0)
    made = NextItemHead(WIDTH, allowed, TRAINED, similarity, 0.25, smoothing)
    with torch.no_grad():
        made.query.weight.add_(0.1 * torch.randn(WIDTH, WIDTH))
    return made


def states(rows: int = 3) -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    return torch.randn(rows, WIDTH), torch.randn(ITEMS, WIDTH)


def logits(made: NextItemHead, state_RD: Tensor, item_ID: Tensor) -> Tensor:
    return made.queries(state_RD) @ made.keys(item_ID).T


@SIMILARITIES
def test_the_loss_is_a_softmax_over_the_trained_items_alone(similarity):
    made, (state_RD, item_ID) = head(similarity), states()
    trained = [1, 2, 4, 5]
    wanted = F.cross_entropy(logits(made, state_RD, item_ID)[:, trained], torch.tensor([0, 3, 2]))
    found = made.loss(state_RD, item_ID, torch.tensor([1, 5, 4]), None)
    assert found.item() == pytest.approx(wanted.item() / math.log(4), rel=1e-5)


def test_cold_items_do_not_move_the_loss():
    made, (state_RD, item_ID) = head(), states()
    before = made.loss(state_RD, item_ID, torch.tensor([1, 5, 4]), None)
    item_ID[3], item_ID[0] = 100.0, 100.0
    assert torch.equal(before, made.loss(state_RD, item_ID, torch.tensor([1, 5, 4]), None))


def test_cold_items_are_ranked_by_their_content():
    made, (state_RD, item_ID) = head(), states(1)
    item_ID[3] = made.query(state_RD)[0].detach()
    assert logits(made, state_RD, item_ID)[0, 1:].argmax().item() + 1 == 3
    assert made.get_buffer("allowed_I")[3]


def test_rows_whose_item_is_not_in_the_softmax_are_left_out():
    made, (state_RD, item_ID) = head(), states()
    all_rows = made.loss(state_RD, item_ID, torch.tensor([1, 3, 4]), None)
    kept = made.loss(state_RD[[0, 2]], item_ID, torch.tensor([1, 4]), None)
    assert torch.allclose(all_rows, kept)


def test_without_a_row_the_loss_is_zero_and_has_a_gradient():
    made, (state_RD, item_ID) = head(), states()
    loss = made.loss(state_RD.requires_grad_(), item_ID, torch.tensor([3, 3, 0]), None)
    loss.backward()
    assert loss.item() == 0.0
    assert state_RD.grad.abs().sum() == 0


def test_seen_items_are_left_out_of_their_own_rows_softmax():
    made, (state_RD, item_ID) = head(), states()
    seen_2N = torch.tensor([[0, 0, 2, 1], [2, 3, 1, 0]])  # row 0 saw 2 and the cold 3, row 2 saw 1
    score = logits(made, state_RD, item_ID).detach()
    score[0, 2] = score[2, 1] = -math.inf
    wanted = F.cross_entropy(score[:, [1, 2, 4, 5]], torch.tensor([0, 3, 2]))
    found = made.loss(state_RD, item_ID, torch.tensor([1, 5, 4]), seen_2N)
    assert found.item() == pytest.approx(wanted.item() / math.log(4), rel=1e-5)


def test_a_target_that_was_seen_stays_in_its_own_softmax():
    made, (state_RD, item_ID) = head(), states(1)
    target = torch.tensor([2])
    alone = made.loss(state_RD, item_ID, target, None)
    assert torch.allclose(alone, made.loss(state_RD, item_ID, target, torch.tensor([[0], [2]])))


def test_seen_items_of_rows_that_are_left_out_do_not_move_to_other_rows():
    made, (state_RD, item_ID) = head(), states()
    target = torch.tensor([3, 5, 4])  # row 0 is cold
    seen_2N = torch.tensor([[0, 0, 0, 2], [1, 2, 4, 1]])
    found = made.loss(state_RD, item_ID, target, seen_2N)
    wanted = made.loss(state_RD[1:], item_ID, target[1:], torch.tensor([[1], [1]]))
    assert torch.allclose(found, wanted)


@SIMILARITIES
def test_a_guess_that_knows_nothing_has_a_loss_of_one(similarity):
    made, (_, item_ID) = head(similarity), states()
    with torch.no_grad():
        made.query.bias.zero_()
    loss = made.loss(torch.zeros(3, WIDTH), item_ID, torch.tensor([1, 5, 4]), None)
    assert loss.item() == pytest.approx(1.0)


def test_cosine_scores_lie_within_one_over_the_temperature_and_forget_lengths():
    made, (state_RD, item_ID) = head("cosine"), states()
    score = logits(made, state_RD, item_ID)
    assert score.abs().max() <= 4.0 + 1e-5
    assert torch.allclose(score, logits(made, state_RD, 7 * item_ID), atol=1e-5)
    assert made.log_scale.requires_grad


def test_dot_scores_are_plain_products_without_a_temperature():
    made, (state_RD, item_ID) = head("dot"), states()
    assert torch.allclose(logits(made, state_RD, item_ID), made.query(state_RD) @ item_ID.T)
    assert not made.log_scale.requires_grad


@SIMILARITIES
def test_a_new_head_asks_with_the_state_itself(similarity):
    made, (state_RD, _) = NextItemHead(WIDTH, ALLOWED, TRAINED, similarity, 0.25, 0.0), states()
    assert torch.equal(made.query(state_RD), state_RD)


def test_smoothing_gives_a_share_of_the_target_to_all_trained_items():
    made, (state_RD, item_ID) = head(smoothing=0.2), states()
    score = logits(made, state_RD, item_ID)[:, [1, 2, 4, 5]]
    wanted = F.cross_entropy(score, torch.tensor([0, 3, 2]), label_smoothing=0.2)
    found = made.loss(state_RD, item_ID, torch.tensor([1, 5, 4]), None)
    assert found.item() == pytest.approx(wanted.item() / math.log(4), rel=1e-5)


def test_a_task_of_one_kind_trains_and_ranks_the_items_of_its_kind_alone():
    allowed = torch.tensor([False, True, True, True, False, False])
    made, (state_RD, item_ID) = head(allowed=allowed), states(1)
    wanted = F.cross_entropy(logits(made, state_RD, item_ID)[:, [1, 2]], torch.tensor([1]))
    found = made.loss(state_RD, item_ID, torch.tensor([2]), None)
    assert found.item() == pytest.approx(wanted.item() / math.log(2), rel=1e-5)


def test_state_and_items_both_learn():
    made, (state_RD, item_ID) = head(), states()
    made.loss(state_RD.requires_grad_(), item_ID.requires_grad_(), torch.tensor([1, 5, 4]), None).backward()
    assert (state_RD.grad.abs().sum(1) > 0).all()
    assert (item_ID.grad.abs().sum(1) > 0).tolist() == TRAINED.tolist()


def test_a_sampled_softmax_learns_the_target_as_the_full_one_does():
    torch.manual_seed(0)
    yes = torch.ones(40, dtype=torch.bool)
    yes[0] = False
    item_ID, state_RD = torch.randn(40, 8), torch.randn(64, 8)
    target_R = torch.randint(1, 40, (64,))
    full = NextItemHead(8, yes, yes, "cosine", 0.25, 0.0)
    drawn = NextItemHead(8, yes, yes, "cosine", 0.25, 0.0, 20_000)
    expected = full.loss(state_RD, item_ID, target_R, None)
    assert drawn.loss(state_RD, item_ID, target_R, None).item() == pytest.approx(expected.item(), rel=0.02)


def test_items_further_ahead_count_less_and_stay_within_their_timeline():
    targets = Ahead(horizon=3, discount=0.5).targets(
        torch.tensor([10, 11, 12, 20]), torch.tensor([0, 0, 0, 1])
    )
    assert targets.row.tolist() == [0, 0, 0, 1, 1, 2, 3]
    assert targets.candidate.tolist() == [10, 11, 12, 11, 12, 12, 20]
    assert targets.share.tolist() == pytest.approx([4 / 7, 2 / 7, 1 / 7, 2 / 3, 1 / 3, 1, 1])


def test_without_a_row_there_is_nothing_ahead():
    nothing = torch.zeros(0, dtype=torch.int64)
    assert len(Ahead(horizon=3).targets(nothing, nothing).row) == 0


def test_targets_that_are_not_in_the_softmax_leave_their_shares_to_the_others():
    made, (state_RD, item_ID) = head(), states()
    row_P, item_P = torch.tensor([0, 0, 1, 2, 2]), torch.tensor([3, 1, 3, 5, 4])  # 3 is cold
    targets = Targets(row_P, item_P, torch.tensor([0.6, 0.4, 1.0, 0.5, 0.5]))
    kept = Targets(torch.tensor([0, 1, 1]), torch.tensor([1, 5, 4]), torch.tensor([1.0, 0.5, 0.5]))
    wanted = made.loss(state_RD[[0, 2]], item_ID, kept, None)
    assert torch.allclose(made.loss(state_RD, item_ID, targets, None), wanted)
