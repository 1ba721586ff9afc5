"""From the gradients of all tasks to one: agreement with torchjd, and problems whose answers are known."""

from collections.abc import Callable

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
def test_nash_agrees_with_torchjd_in_direction(seed):
    torch.manual_seed(seed)
    matrix = torch.randn(3, 20)
    theirs = torchjd.NashMTL(n_tasks=3, max_norm=0.0)(matrix)
    ours = built("nash_mtl")(matrix, ones())
    assert torch.cosine_similarity(ours, theirs, 0) > 0.9999


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


def test_gradnorm_by_hand():
    """Norms 3 and 1, equal losses: the aim is their mean, 2; the first weight sinks, the second rises."""
    norm = built("gradnorm", ["a", "b"])
    gradient = torch.tensor([[3.0, 0.0], [0.0, 1.0]])
    assert torch.allclose(norm(gradient, {"a": 1.0, "b": 1.0}), torch.tensor([3.0, 1.0]))
    raw = torch.tensor([1 - 0.025 * 3 / 2, 1 + 0.025 * 1 / 2])
    assert torch.allclose(norm.get_buffer("weight_T"), raw * 2 / raw.sum())
    # next, the first task has halved its loss and the second has not moved: rates 2/3 and 4/3, aims G r^1.5
    weight = norm.get_buffer("weight_T").clone()
    scaled = weight * torch.tensor([3.0, 1.0])
    aim = scaled.mean() * torch.tensor([2 / 3, 4 / 3]) ** 1.5
    assert (torch.sign(scaled - aim) == torch.tensor([1.0, -1.0])).all()
    norm(gradient, {"a": 0.5, "b": 1.0})
    raw = weight - 0.025 * torch.sign(scaled - aim) * torch.tensor([3.0, 1.0]) / 2
    assert torch.allclose(norm.get_buffer("weight_T"), raw * 2 / raw.sum())


def test_gradnorm_ends_with_equal_norms_where_tasks_train_alike():
    norm = built("gradnorm", ["a", "b"])
    gradient = torch.tensor([[3.0, 0.0], [0.0, 1.0]])
    for _ in range(400):
        combined = norm(gradient, {"a": 1.0, "b": 1.0})
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


@pytest.mark.parametrize("seed", range(20))
def test_no_lower_task_worsens_a_higher_one_beyond_the_tolerance(seed):
    torch.manual_seed(seed)
    matrix, tolerance = torch.randn(4, 6), 0.1
    tasks = ["a", "b", "c", "d"]
    method = built({"kind": "priorities", "order": tasks, "tolerance": tolerance}, tasks)
    gramian = (matrix @ matrix.T).double()
    for place in range(1, 4):
        higher = list(range(place))
        part = matrix[place] + method._yielded(gramian, place, higher).float() @ matrix[higher]
        for each in higher:
            assert matrix[each] @ part >= -tolerance * matrix[each] @ matrix[each] - 1e-3


# ---- the toy landscape of CAGrad (Liu et al., NeurIPS 2021, arXiv:2110.14048, section 5.1)


def landscape(theta: Tensor) -> Tensor:
    """Two losses of two numbers: steep valleys that lead to a flat front between (-7, -3) and (7, -3)."""
    x, y = theta
    near, far = torch.clamp(torch.tanh(0.5 * y), 0), torch.clamp(torch.tanh(-0.5 * y), 0)
    f1 = torch.log((0.5 * (-x - 7) - torch.tanh(-y)).abs().clamp_min(5e-6)) + 6
    f2 = torch.log((0.5 * (-x + 3) + torch.tanh(-y) + 2).abs().clamp_min(5e-6)) + 6
    g1 = ((-x + 7) ** 2 + 0.1 * (-y - 8) ** 2) / 10 - 20
    g2 = ((-x - 7) ** 2 + 0.1 * (-y - 8) ** 2) / 10 - 20
    return torch.stack([f1 * near + g1 * far, f2 * near + g2 * far])


STARTS = [(-8.5, 7.5), (-8.5, 5.0), (0.0, 0.0), (9.0, 9.0), (10.0, -8.0)]


def descend(combine: Callable[[Tensor, dict[str, float]], Tensor], start: tuple[float, float]) -> Tensor:
    """Adam as in the paper, at a tenth of its steps and ten times its rate."""
    theta = torch.tensor(start, requires_grad=True)
    optimizer = torch.optim.Adam([theta], lr=0.02)
    for _ in range(5000):
        losses = landscape(theta)
        rows = [torch.autograd.grad(loss, theta, retain_graph=True)[0] for loss in losses]
        theta.grad = combine(torch.stack(rows), named(losses.detach(), ["a", "b"]))
        optimizer.step()
    return theta.detach()


def on_front(theta: Tensor) -> bool:
    """The front is the line between the two minima, where -y = 8 and x lies between -7 and 7."""
    return abs(float(theta[1]) + 8) < 0.5 and abs(float(theta[0])) <= 7.1
