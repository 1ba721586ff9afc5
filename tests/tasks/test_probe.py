"""Where a head of texts begins: where a linear head on vectors that stay would end."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from motet.batch import TextBatch
from motet.tasks.probe import _fitted, probe, standard
from motet.tasks.texts import TextClassHead, TextTasks


def texts(count: int, seed: int, noise: float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Vectors in a narrow cone, as a language model gives them; a small part of them tells the class."""
    torch.manual_seed(7)
    centre_KT = torch.randn(3, 24)
    made = torch.Generator().manual_seed(seed)
    label_N = torch.randint(3, (count,), generator=made)
    return 20.0 + 0.1 * (centre_KT[label_N] + noise * torch.randn(count, 24, generator=made)), label_N


def batch(vector_NT: torch.Tensor, label_N: torch.Tensor) -> TextBatch:
    return TextBatch("topic", torch.arange(len(label_N)), label_N, vector_BT=vector_NT)


@pytest.mark.parametrize("strength", [0.01, 1.0])
def test_the_solution_is_that_of_scikit_learn(strength):
    sklearn = pytest.importorskip("sklearn.linear_model")
    vector_NT, label_N = texts(300, 0)
    mean_T, spread_T = standard(vector_NT)
    vector_NT = (vector_NT - mean_T) / spread_T
    weight_KT, bias_K = _fitted(vector_NT, label_N, torch.ones(3) / 3, strength)
    theirs = sklearn.LogisticRegression(C=1 / (strength * 300), max_iter=5000, tol=1e-8)
    their_NK = theirs.fit(vector_NT.numpy(), label_N.numpy()).predict_proba(vector_NT.numpy())
    np.testing.assert_allclose(
        torch.softmax(vector_NT @ weight_KT.T + bias_K, 1).numpy(), their_NK, atol=5e-3
    )


def test_it_is_as_sure_as_it_is_right():
    """Few noisy texts: what is fitted to them is too sure, and what is held back much says too little."""
    vector_NT, label_N = texts(90, 0, noise=4.0)
    mean_T, spread_T = standard(vector_NT)
    weight_KT, bias_K = probe((vector_NT - mean_T) / spread_T, label_N, torch.ones(3) / 3, 0)
    other_NT, other_N = texts(3000, 1, noise=4.0)
    share_NK = torch.softmax((other_NT - mean_T) / spread_T @ weight_KT.T + bias_K, 1)
    right = (share_NK.argmax(1) == other_N).float().mean().item()
    assert share_NK.max(1).values.mean().item() == pytest.approx(right, abs=0.08)


def test_a_head_begins_as_good_as_a_linear_head_is():
    vector_NT, label_N = texts(600, 0)
    other_NT, other_N = texts(600, 1)
    made = TextTasks(None, {"topic": TextClassHead(24, torch.ones(3) / 3, 0.0, 0.0)})
    share = (made.probabilities(batch(other_NT, other_N)).argmax(1) == other_N).float().mean()
    made.head("topic").begin(vector_NT, label_N, 0)
    begun = (made.probabilities(batch(other_NT, other_N)).argmax(1) == other_N).float().mean()
    assert share < 0.6
    assert begun > 0.95


def test_of_vectors_that_tell_nothing_the_strongest_is_chosen_and_shares_are_said():
    torch.manual_seed(0)
    label_N = torch.tensor([0, 0, 0, 1] * 100)
    weight_KT, bias_K = probe(torch.randn(400, 24), label_N, torch.tensor([0.75, 0.25]), 0)
    assert weight_KT.abs().max() < 0.2
    assert F.softmax(bias_K, 0)[0].item() == pytest.approx(0.75, abs=0.03)


def test_values_that_never_vary_do_no_harm():
    vector_NT, label_N = texts(100, 0)
    vector_NT[:, 3] = 5.0
    head = TextClassHead(24, torch.ones(3) / 3, 0.0, 0.0)
    head.begin(vector_NT, label_N, 0)
    assert torch.isfinite(head(vector_NT, batch(vector_NT, label_N))).all()


def test_one_text_is_enough_to_begin():
    head = TextClassHead(24, torch.tensor([0.5, 0.5]), 0.0, 0.0)
    head.begin(torch.randn(1, 24), torch.tensor([1]), 0)
    assert torch.isfinite(head.linear.weight).all()
