"""Stacks: beside the reference library, and where there is nothing to learn."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression, LogisticRegression

from motet.derive.stack import Lesson, Stack, fit_linear, fit_network

WIDE = 1e6  # a prior that expects nothing


def features(rows: int = 300, members: int = 3) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).normal(size=(rows, members))).float()


def test_a_logistic_stack_is_logistic_regression():
    x = features()
    y = (x @ torch.tensor([1.0, -0.5, 0.2]) + 0.3 > torch.randn(300, generator=torch.manual_seed(0))).float()
    stack = fit_linear(Lesson(x, y, "binary"), 3, prior=WIDE)
    wanted = LogisticRegression(C=1e12, tol=1e-10).fit(x.numpy(), y.numpy()).decision_function(x.numpy())
    np.testing.assert_allclose(stack(x), wanted, atol=5e-3)


def test_a_linear_stack_of_numbers_is_least_squares():
    x = features()
    y = x @ torch.tensor([0.7, 0.1, 0.4]) + 2 + 0.1 * features(300, 1)[:, 0].flip(0)
    stack = fit_linear(Lesson(x, y, "regression"), 3, prior=WIDE)
    wanted = LinearRegression().fit(x.numpy(), y.numpy()).predict(x.numpy())
    np.testing.assert_allclose(stack(x), wanted, atol=1e-3)


def test_a_choice_between_two_is_logistic_regression_of_their_difference():
    x = torch.stack([features(), features().flip(0)], 1)
    first = x[:, 0] @ torch.tensor([1.0, 0.0, 2.0]) - x[:, 1] @ torch.tensor([1.0, 0.0, 2.0])
    noise = torch.randn(300, generator=torch.manual_seed(1))
    y = (first < noise).float()
    stack = fit_linear(Lesson(x, y, "choice"), 3, prior=WIDE)
    between = (x[:, 1] - x[:, 0]).numpy()
    model = LogisticRegression(C=1e12, tol=1e-10, fit_intercept=False).fit(between, y.numpy())
    found = stack(x)
    np.testing.assert_allclose(found[:, 1] - found[:, 0], model.decision_function(between), atol=1e-2)


def test_candidates_that_are_not_open_do_not_count():
    x, y = torch.randn(50, 4, 2, generator=torch.manual_seed(0)), torch.zeros(50)
    open_NC = torch.tensor([[True, True, True, False]]).expand(50, 4)
    shut = Lesson(x, y, "choice", open_NC)
    cut = Lesson(x[:, :3], y, "choice")
    score = torch.randn(50, 4, generator=torch.manual_seed(2))
    assert shut.loss(score) == pytest.approx(float(cut.loss(score[:, :3])))
    torch.testing.assert_close(fit_linear(shut, 2)(x[:, :3]), fit_linear(cut, 2)(x[:, :3]), atol=1e-4, rtol=0)


def test_an_untrained_stack_is_the_mean_of_its_members():
    x = features(5, 4)
    for hidden in (0, 7):
        torch.testing.assert_close(Stack(4, 2, hidden)(x), x[:, :2].mean(1))


def test_a_network_learns_what_no_linear_stack_can():
    """The answer is the first member's where the second is positive, else its opposite."""
    x = features(600, 2)
    y = ((x[:, 0] * x[:, 1]) > 0).float()
    held = torch.arange(600) % 5 == 0
    lesson = Lesson(x, y, "binary")
    network, linear = fit_network(lesson, held, 2, seed=0), fit_linear(lesson, 2)
    assert lesson.loss(network(x)) < 0.35 < 0.65 < lesson.loss(linear(x))


def test_a_network_that_learns_nothing_for_others_stays_the_mean():
    """Labels of the rows that are held out are the opposite of all others: no step helps them."""
    x = features(100, 2)
    held = torch.arange(100) < 50
    y = torch.where(held, x.mean(1) > 0, x.mean(1) < 0).float()
    network = fit_network(Lesson(x, y, "binary"), held, 2, seed=0)
    torch.testing.assert_close(network(x), x.mean(1))


def test_a_network_is_the_same_for_the_same_seed():
    x = features(60, 2)
    lesson, held = Lesson(x, (x[:, 0] > 0).float(), "binary"), torch.arange(60) % 5 == 0
    one, two, other = (fit_network(lesson, held, 2, seed=seed)(x) for seed in (3, 3, 4))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
