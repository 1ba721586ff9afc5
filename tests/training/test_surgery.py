"""From the gradients of all tasks to one: agreement with torchjd, and problems whose answers are known."""

from itertools import pairwise

import pytest
import torch
from torch import Tensor
from torchjd import aggregation as torchjd

from motet.config.training import TrainingConfig
from motet.training.surgery import Surgery, build_surgery

TASKS = ["a", "b", "c"]
KINDS = [
    "pcgrad", "mgda", "imtl_g", "aligned_mtl", "nash_mtl", "upgrad", "graddrop", "cagrad", "gradnorm",
    {"kind": "priorities", "order": ["a"]},
]  # fmt: skip


def built(kind: str | dict, tasks: list[str] = TASKS) -> Surgery:
    return build_surgery(TrainingConfig(balance=kind).balance, tasks)  # type: ignore[arg-type]


def named(values: Tensor | list[float], tasks: list[str] = TASKS) -> dict[str, float]:
    return dict(zip(tasks, [float(value) for value in values], strict=True))


def ones(count: int = 3) -> dict[str, float]:
    return named([1.0] * count, TASKS[:count])


@pytest.mark.parametrize(
    ("kind", "theirs"),
    [
        ("pcgrad", torchjd.PCGrad()),
        ("mgda", torchjd.MGDA()),
        ("imtl_g", torchjd.IMTLG()),
        ("aligned_mtl", torchjd.AlignedMTL()),
        ("upgrad", torchjd.UPGrad()),
        ("graddrop", torchjd.GradDrop()),
        ("cagrad", torchjd.CAGrad(c=0.5)),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_methods_agree_with_torchjd_but_for_their_length(kind, theirs, seed):
    torch.manual_seed(seed)
    matrix = torch.randn(3, 20)
    torch.manual_seed(7)
    wanted = theirs(matrix)
    torch.manual_seed(7)
    found = built(kind)(matrix, ones())
    scale = {"pcgrad": 1.0, "graddrop": 1.0, "cagrad": 2.0}.get(kind, 3.0)
    assert torch.allclose(found, scale * wanted, atol=1e-5)


@pytest.mark.filterwarnings("ignore:You are solving a parameterized problem")
@pytest.mark.parametrize("seed", range(5))
def test_nash_agrees_with_torchjd_but_for_one_factor(seed):
    pytest.importorskip("ecos")
    torch.manual_seed(seed)
    matrix = torch.randn(3, 20)
    theirs = torchjd.NashMTL(n_tasks=3, max_norm=0.0)(matrix)
    ours = built("nash_mtl")(matrix, ones())
    factor = ours.norm() / theirs.norm()
    assert torch.allclose(ours, factor * theirs, atol=1e-5)


def test_nash_weights_solve_the_bargaining_equation():
    torch.manual_seed(0)
    matrix = torch.randn(3, 8)
    nash = built("nash_mtl")
    nash(matrix, ones())
    weight = torch.tensor(list(nash.current().values()))
    product = weight * (matrix @ matrix.T @ weight)  # all equal where G w is proportional to 1 / w
    assert weight.sum() == pytest.approx(3)
    assert torch.allclose(product, product.mean().expand(3), rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_equal_gradients_give_their_sum(kind):
    gradient = torch.tensor([[1.0, -2.0, 0.5]]).expand(3, 3).contiguous()
    if kind == "mgda":  # its weights are any point of the simplex then
        assert torch.allclose(built(kind)(gradient, ones()), 3 * gradient[0], atol=1e-4)
        return
    assert torch.allclose(built(kind)(gradient, ones()), 3 * gradient[0], atol=2e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_a_task_alone_keeps_its_gradient(kind):
    gradient = torch.tensor([[1.0, -2.0, 0.5]])
    assert torch.allclose(built(kind)(gradient, ones(1)), gradient[0], atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_no_gradient_at_all_gives_none(kind):
    found = built(kind)(torch.zeros(3, 4), ones())
    assert torch.equal(found, torch.zeros(4))


def test_pcgrad_by_hand():
    """Two gradients that conflict are each put at a right angle to the other."""
    found = built("pcgrad")(torch.tensor([[1.0, 0.0], [-1.0, 1.0]]), ones(2))
    assert torch.allclose(found, torch.tensor([0.5, 0.5]) + torch.tensor([0.0, 1.0]))


def test_graddrop_by_hand():
    """3 and -1 in 100,000 places: each is 3 or -1, 3 with probability (1 + 2 / 4) / 2; 1 and 2 add up."""
    torch.manual_seed(0)
    gradient = torch.tensor([[3.0, 1.0, 0.0], [-1.0, 2.0, 0.0]]).repeat_interleave(100_000, 1)
    conflict, agree, nothing = built("graddrop")(gradient, ones(2)).split(100_000)
    assert set(conflict.tolist()) == {3.0, -1.0}
    assert (conflict == 3).float().mean() == pytest.approx(0.75, abs=0.006)  # four standard deviations
    assert torch.equal(agree, torch.full_like(agree, 3.0))
    assert torch.equal(nothing, torch.zeros_like(nothing))


def test_gradnorm_by_hand():
    """Norms 3 and 1, equal losses: the aim is their mean, 2; the first weight sinks, the second rises."""
    norm = built("gradnorm", ["a", "b"])
    gradient = torch.tensor([[3.0, 0.0], [0.0, 1.0]])
    assert torch.allclose(norm(gradient, {"a": 1.0, "b": 1.0}), torch.tensor([3.0, 1.0]))
    norm.step_over()
    raw = torch.tensor([1 - 0.025 * 3 / 2, 1 + 0.025 * 1 / 2])
    assert torch.allclose(norm.get_buffer("weight_T"), raw * 2 / raw.sum())
    # next, the first task has halved its loss and the second has not moved: rates 2/3 and 4/3, aims G r^1.5
    weight = norm.get_buffer("weight_T").clone()
    scaled = weight * torch.tensor([3.0, 1.0])
    aim = scaled.mean() * torch.tensor([2 / 3, 4 / 3]) ** 1.5
    assert (torch.sign(scaled - aim) == torch.tensor([1.0, -1.0])).all()
    norm(gradient, {"a": 0.5, "b": 1.0})
    norm.step_over()
    raw = weight - 0.025 * torch.sign(scaled - aim) * torch.tensor([3.0, 1.0]) / 2
    assert torch.allclose(norm.get_buffer("weight_T"), raw * 2 / raw.sum())


def test_gradnorm_learns_once_a_step_from_the_means_of_its_batches():
    """Norms 4 and 1 in the first batch, 2 and 1 in the second, which holds no row of c: means 3, 1 and 5."""
    norm, once = built("gradnorm"), built("gradnorm")
    batches = [torch.diag(torch.tensor([4.0, 1.0, 5.0])), torch.diag(torch.tensor([2.0, 1.0, 0.0]))[:2]]
    found = [norm(each, ones(len(each))) for each in batches]
    assert torch.equal(found[1], torch.tensor([2.0, 1.0, 0.0]))  # still with the weights of the beginning
    once(torch.diag(torch.tensor([3.0, 1.0, 5.0])), ones())
    for each in (norm, once):
        each.step_over()
    assert torch.equal(norm.get_buffer("weight_T"), once.get_buffer("weight_T"))
    assert norm.get_buffer("weight_T")[0] != 1
    after = norm.get_buffer("weight_T").clone()
    norm.step_over()  # a step without rows
    assert torch.equal(norm.get_buffer("weight_T"), after)


def test_gradnorm_ends_with_equal_norms_where_tasks_train_alike():
    norm = built("gradnorm", ["a", "b"])
    gradient = torch.tensor([[3.0, 0.0], [0.0, 1.0]])
    for _ in range(400):
        combined = norm(gradient, {"a": 1.0, "b": 1.0})
        norm.step_over()
    assert combined.tolist() == pytest.approx([1.5, 1.5], abs=0.1)


def test_a_lower_task_yields_as_much_as_it_must():
    """A has priority: b, which conflicts with it, keeps only what is at a right angle to a."""
    lexicographic = built({"kind": "priorities", "order": ["a", "b"]}, ["a", "b"])
    a, b = torch.tensor([1.0, 0.0]), torch.tensor([-3.0, 2.0])
    assert torch.allclose(lexicographic(torch.stack([a, b]), ones(2)), torch.tensor([1.0, 2.0]))
    lenient = built({"kind": "priorities", "order": ["a"], "tolerance": 0.4}, ["a", "b"])
    assert torch.allclose(lenient(torch.stack([a, b]), ones(2)), torch.tensor([0.6, 2.0]))
    turned = built({"kind": "priorities", "order": ["b", "a"]}, ["a", "b"])
    kept = a - (a @ b) / (b @ b) * b
    assert torch.allclose(turned(torch.stack([a, b]), ones(2)), b + kept)


def steps(gradient: Tensor, tolerance: float) -> list[Tensor]:
    """What each of the tasks a, b, c, d adds to the combined gradient, in this order of importance."""
    sums = [torch.zeros(gradient.shape[1])]
    for count in range(1, len(gradient) + 1):
        tasks = list("abcd"[:count])
        method = built({"kind": "priorities", "order": ["a", "b", "c"], "tolerance": tolerance}, tasks)
        sums.append(method(gradient[:count], named([1.0] * count, tasks)))
    return [later - earlier for earlier, later in pairwise(sums)]


@pytest.mark.parametrize("tolerance", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("seed", range(10))
def test_all_lower_tasks_together_cost_a_higher_one_no_more_than_the_tolerance(seed, tolerance):
    torch.manual_seed(seed)
    gradient = torch.randn(4, 6) + torch.outer(torch.tensor([2.0, -1.0, -1.5, -2.0]), torch.randn(6))
    own = steps(gradient, tolerance)
    for place, g in enumerate(gradient):
        gain = float(g @ own[place])
        lower = [float(g @ step) for step in own[place + 1 :]]
        assert gain >= 0
        assert sum(min(each, 0.0) for each in lower) >= -tolerance * gain - 1e-3
    combined = sum(own)
    assert gradient[0] @ combined >= (1 - tolerance) * gradient[0].square().sum() - 1e-3


def test_three_lower_tasks_share_what_one_of_them_may_take():
    """Each would take a tenth of a: the second finds nothing left, and what the third gives is not spent."""
    gradient = torch.tensor([[1.0, 0, 0, 0], [-1.0, 1, 0, 0], [-1.0, 0, 1, 0], [0.3, 1, 1, 1]])
    own = steps(gradient, 0.1)
    assert [round(float(step[0]), 6) for step in own] == [1.0, -0.1, 0.0, 0.3]


def test_the_tolerance_is_a_share_of_what_a_task_gains_after_it_has_yielded():
    """B yields to a and gains 4 instead of 13: c may cost it a half of 4."""
    gradient = torch.tensor([[1.0, 0, 0], [-3.0, 2, 0], [0, -9.0, 1]])
    own = steps(gradient, 0.5)
    assert float(gradient[1] @ own[1]) == pytest.approx(4 + 3 * 0.5, abs=1e-4)  # and a lets it have a half
    assert float(gradient[1] @ own[2]) == pytest.approx(-0.5 * 5.5, abs=1e-4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", range(3))
def test_a_task_that_does_not_pull_counts_as_one_that_is_not_there(kind, place):
    torch.manual_seed(0)
    gradient = torch.randn(3, 8)
    gradient[place] = 0
    rest = [each for each in range(3) if each != place]
    whole, without = built(kind), built(kind)
    for loss in (1.0, 0.4):  # gradnorm has learned by the second step
        torch.manual_seed(7)
        found = whole(gradient, named([loss, 1.0, 0.5]))
        torch.manual_seed(7)
        losses = {name: value for name, value in named([loss, 1.0, 0.5]).items() if name != TASKS[place]}
        wanted = without(gradient[rest], losses)
        assert torch.allclose(found, wanted, atol=1e-6)
        assert found.norm() > 0.1
        whole.step_over()
        without.step_over()
    assert whole.current() == without.current()
