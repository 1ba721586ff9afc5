"""Stacking: a small model that reads what the members say (Wolpert, Neural Networks 1992).

Its score is the mean of the members' scores and what it learned to add to it, so that without learning it is
their average. Shapes: N rows or queries, C candidates of a query, F features, M members.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from motet.system.randomness import torch_generator

HIDDEN = 16  # units of the network's one hidden layer
STEPS = 200  # of the network's training, at most
RATE = 0.01  # and its learning rate
DECAY = 0.01  # of its weights
PRIOR = 1.0  # deviation of a linear stack's weights that is expected before any row is seen
HELD = 5  # one in so many users says when the network stops


@dataclass(frozen=True)
class Lesson:
    """What a stack learns from.

    Args:
        feature: ``(N, F)``, or ``(N, C, F)`` where one of several candidates is right; the first M are the
            members' own scores.
        label_N: 0 or 1 (binary), a number (regression), or the place of the right candidate (choice).
        kind: Which of the three.
        open_NC: Real candidates, boolean; None where all are.
    """

    feature: Tensor
    label_N: Tensor
    kind: Literal["binary", "regression", "choice"]
    open_NC: Tensor | None = None

    def take(self, mask_N: Tensor) -> "Lesson":
        """The lesson of some rows."""
        open_NC = None if self.open_NC is None else self.open_NC[mask_N]
        return replace(self, feature=self.feature[mask_N], label_N=self.label_N[mask_N], open_NC=open_NC)

    def loss(self, score: Tensor) -> Tensor:
        """Mean loss of scores ``(N,)`` or ``(N, C)``."""
        match self.kind:
            case "binary":
                return F.binary_cross_entropy_with_logits(score, self.label_N)
            case "regression":
                return F.mse_loss(score, self.label_N)
            case "choice":
                if self.open_NC is not None:
                    score = score.masked_fill(~self.open_NC, -torch.inf)
                return F.cross_entropy(score, self.label_N.long())


class Stack(nn.Module):
    """Features to scores.

    Args:
        features: How many.
        members: How many of them, the first, are members' scores.
        hidden: Units of a hidden layer; 0 for a linear stack.
    """

    mean_F: Tensor
    deviation_F: Tensor

    def __init__(self, features: int, members: int, hidden: int = 0) -> None:
        super().__init__()
        self.members, self.hidden = members, hidden
        self.register_buffer("mean_F", torch.zeros(features))
        self.register_buffer("deviation_F", torch.ones(features))
        self.last = nn.Linear(hidden or features, 1)
        self.first = nn.Linear(features, hidden) if hidden else None
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, feature: Tensor) -> Tensor:
        """Scores ``(...)`` of features ``(..., F)``."""
        plain = (feature - self.mean_F) / self.deviation_F
        if self.first is not None:
            plain = F.silu(self.first(plain))
        out: Tensor = feature[..., : self.members].mean(-1) + self.last(plain).squeeze(-1)
        return out

    def standardise(self, lesson: Lesson) -> None:
        """Take the features' mean and deviation from those rows and candidates that are real."""
        known = lesson.feature if lesson.open_NC is None else lesson.feature[lesson.open_NC]
        known = known.reshape(-1, known.shape[-1])
        self.mean_F.copy_(known.mean(0))
        self.deviation_F.copy_(known.std(0, correction=0).clamp(min=1e-6))


def fit_linear(lesson: Lesson, members: int, prior: float = PRIOR) -> Stack:
    """Logistic regression of members' log odds, least squares of their numbers, or a conditional logit.

    Args:
        lesson: What it learns from.
        members: How many of the features are members' scores.
        prior: Deviation of the normal prior of its weights (of standardised features, beside the mean).
    """
    stack = Stack(lesson.feature.shape[-1], members)
    stack.standardise(lesson)
    search = torch.optim.LBFGS(stack.parameters(), max_iter=200, line_search_fn="strong_wolfe")
    penalty = 1 / (2 * prior**2 * max(len(lesson.label_N), 1))

    def surprise() -> float:
        search.zero_grad()
        loss = lesson.loss(stack(lesson.feature)) + penalty * stack.last.weight.square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())

    search.step(surprise)  # type: ignore[no-untyped-call]
    return stack.requires_grad_(False)


def fit_network(lesson: Lesson, held_N: Tensor, members: int, seed: int) -> Stack:
    """A network with one hidden layer; it learns for as many steps as help rows that are held out.

    It is then trained anew on all rows, for as many steps; without any it is the members' average.

    Args:
        lesson: What it learns from.
        held_N: Rows that say how long, boolean.
        members: How many of the features are members' scores.
        seed: Of its first weights.
    """
    losses: list[float] = []
    held = lesson.take(held_N)

    def look(stack: Stack) -> None:
        with torch.no_grad():
            losses.append(float(held.loss(stack(held.feature))))

    if bool(held_N.any()) and not bool(held_N.all()):
        _train(lesson.take(~held_N), members, seed, STEPS, look)
    steps = losses.index(min(losses)) if losses else 0
    return _train(lesson, members, seed, steps, lambda stack: None).requires_grad_(False)


def _train(lesson: Lesson, members: int, seed: int, steps: int, look: Callable[[Stack], None]) -> Stack:
    """All rows at once; `look` sees the network before the first step and after each."""
    stack = Stack(lesson.feature.shape[-1], members, HIDDEN)
    stack.standardise(lesson)
    assert stack.first is not None
    nn.init.xavier_uniform_(stack.first.weight, generator=torch_generator(seed, "stack"))
    nn.init.zeros_(stack.first.bias)
    search = torch.optim.AdamW(stack.parameters(), RATE, weight_decay=DECAY)
    look(stack)
    for _ in range(steps):
        search.zero_grad()
        lesson.loss(stack(lesson.feature)).backward()  # type: ignore[no-untyped-call]
        search.step()
        look(stack)
    return stack
