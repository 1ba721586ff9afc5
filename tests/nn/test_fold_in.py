"""Users out of their labels so far: ridge regression in closed form."""

import numpy as np
import torch

from motet.nn.fold_in import FoldIn, FoldIns, sums_before

NAN = float("nan")
WIDTH, FACTORS, MEAN, DEVIATION = 6, 2, 3.0, 2.0


class One:
    """A single task, asked and answered without its name."""

    def __init__(self, own: FoldIn) -> None:
        self.own, self.all = own, FoldIns({"task": own})

    def __call__(self, candidate_RD, item_BLD, label_BL, user_BD, seen_2R):
        return self.all(candidate_RD, item_BLD, {"task": label_BL}, user_BD, seen_2R)["task"]


def moved(mean: float = MEAN, deviation: float = DEVIATION) -> FoldIn:
    made = FoldIn(WIDTH, FACTORS, mean, deviation)
    with torch.no_grad():
        for weight in made.parameters():
            weight.add_(0.5 * torch.randn_like(weight))
    return made


def fold_in() -> One:
    torch.manual_seed(0)
    return One(moved())


def asked(events: int = 5, rows: int = 4) -> tuple[torch.Tensor, ...]:
    """Candidates, items and labels of two timelines, users, and what each row has seen."""
    torch.manual_seed(1)
    label_BL = torch.randint(1, 6, (2, events)).float()
    seen_2R = torch.tensor([[0, 0, 1, 1], [0, 3, 2, 5]])[:, :rows]
    return torch.randn(4, WIDTH), torch.randn(2, events, WIDTH), label_BL, torch.randn(2, WIDTH), seen_2R


def by_hand(own: FoldIn, given: tuple[torch.Tensor, ...]) -> list[float]:
    candidate_RD, item_BLD, label_BL, user_BD, seen_2R = given
    found = []
    for row, (timeline, seen) in enumerate(seen_2R.T.tolist()):
        said_LA = own.item(normal(item_BLD[timeline, :seen])).detach().numpy()
        design_LA = np.c_[np.ones(seen), said_LA[:, 1:]]
        expected_A = own.expected(user_BD[timeline]).detach().numpy()
        label_L = ((label_BL[timeline, :seen] - own.mean) / own.deviation).numpy() - said_LA[:, 0]
        ridge_AA = np.diag(own.log_ridge.exp().detach().numpy())
        rest_L = label_L - design_LA @ expected_A
        user_A = expected_A + np.linalg.solve(design_LA.T @ design_LA + ridge_AA, design_LA.T @ rest_L)
        said_A = own.item(normal(candidate_RD[row])).detach().numpy()
        found.append(own.gain.item() * (said_A[0] + float(np.r_[1.0, said_A[1:]] @ user_A)))
    return found


def normal(item_XD: torch.Tensor) -> torch.Tensor:
    """Of mean 0 and variance 1 each."""
    rest_XD = item_XD - item_XD.mean(-1, keepdim=True)
    return rest_XD / (rest_XD.square().mean(-1, keepdim=True) + 1e-5).sqrt()


def test_a_user_is_the_solution_of_a_ridge_regression_on_the_labels_before_the_row():
    made, given = fold_in(), asked()
    assert np.allclose(made(*given).detach().numpy(), by_hand(made.own, given), atol=1e-5)


def test_tasks_solved_together_are_each_solved_alone():
    torch.manual_seed(2)
    own = {"like": moved(), "rating": moved(0.4, 0.5), "share": moved(1.0, 3.0)}
    candidate, item, label, user, seen = asked()
    told = {"like": label, "rating": label % 2, "share": label.masked_fill(label > 3, NAN)}
    found = FoldIns(own)(candidate, item, told, user, seen)
    assert list(found) == list(own)
    for name, each in own.items():
        alone = One(each)(candidate, item, told[name], user, seen)
        assert torch.allclose(found[name], alone, atol=1e-6)


def test_no_task_is_no_answer():
    candidate, item, _, user, seen = asked()
    assert FoldIns({})(candidate, item, {}, user, seen) == {}


def test_an_untrained_one_expects_the_mean_of_a_newcomer():
    torch.manual_seed(0)
    found = One(FoldIn(WIDTH, FACTORS, MEAN, DEVIATION))(*asked())
    assert found[0] == 0
    assert found[1] != 0


def test_labels_from_the_row_on_move_no_bit():
    made, (candidate, item, label, user, seen) = fold_in(), asked()
    before = made(candidate, item, label, user, seen)
    label, item = label.clone(), item.clone()
    label[0, 3:], item[0, 3:], label[1, 2:] = 1e4, 1e4, NAN
    after = made(candidate, item, label, user, seen)
    assert torch.equal(before[:3], after[:3])
    assert before[3] != after[3]


def test_an_event_without_a_label_does_not_count():
    made, (candidate, item, label, user, _) = fold_in(), asked()
    seen_2R = torch.tensor([[0, 0, 0, 0], [3, 3, 3, 3]])
    label[0, 1] = NAN
    kept = torch.tensor([0, 2, 3, 4])
    without = made(candidate, item[:, kept], label[:, kept], user, seen_2R - torch.tensor([[0], [1]]))
    assert torch.allclose(made(candidate, item, label, user, seen_2R), without, atol=1e-5)


def test_timelines_without_events_are_newcomers():
    made, (candidate, item, label, user, seen) = fold_in(), asked()
    none = made(candidate, item[:, :0], label[:, :0], user, seen * torch.tensor([[1], [0]]))
    assert torch.allclose(none[0], made(candidate, item, label, user, seen)[0])


def test_it_is_computed_exactly_where_the_rest_is_in_half_precision():
    made, given = fold_in(), asked()
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(made(*given), made(*given).float())
        half = made(*given)
    assert torch.equal(half, made(*given))


def test_gradients_reach_item_vectors_through_the_solution():
    made, (candidate, item, label, user, seen) = fold_in(), asked()
    item.requires_grad_()
    made(candidate, item, label, user, seen)[1].backward()
    assert (item.grad[0, :3] != 0).all()
    assert (item.grad[0, 3:] == 0).all()
    assert (item.grad[1] == 0).all()


def test_sums_of_nothing_come_first():
    assert sums_before(torch.tensor([[1.0, 2.0, 4.0]])).tolist() == [[0, 1, 3, 7]]
