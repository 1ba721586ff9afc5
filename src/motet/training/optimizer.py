"""The optimiser, the course of its learning rate, and the moving average of the weights."""

import math
from collections.abc import Iterable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

Own = Sequence[tuple[Sequence[nn.Parameter], float]]
"""Parameters that learn at a rate of their own."""


def build_optimizer(
    modules: Iterable[nn.Module], learning_rate: float, weight_decay: float, own: Own = ()
) -> torch.optim.AdamW:
    """AdamW (Loshchilov, Hutter 2019, arXiv:1711.05101); vectors, norms and embeddings are not decayed.

    Each parameter goes through the processor's cache once a step (`fused`): a quarter of the time. Every
    group of parameters has its `rate`, the highest learning rate.
    """
    rate_of = {id(p): rate for several, rate in own for p in several}
    groups: dict[tuple[float, float], list[Tensor]] = {
        (learning_rate, weight_decay): [],
        (learning_rate, 0.0): [],
    }
    for module in modules:
        embeddings = {id(each.weight) for each in module.modules() if isinstance(each, nn.Embedding)}
        for parameter in module.parameters():
            if parameter.requires_grad:
                plain = parameter.ndim < 2 or id(parameter) in embeddings
                rate = rate_of.get(id(parameter), learning_rate)
                groups.setdefault((rate, 0.0 if plain else weight_decay), []).append(parameter)
    listed = [
        {"params": several, "weight_decay": decay, "rate": rate, "lr": rate}
        for (rate, decay), several in groups.items()
        if several
    ]
    return torch.optim.AdamW(listed, lr=learning_rate, betas=(0.9, 0.98), fused=True)


def learning_rate_factor(
    step: int, warmup: int, total: int, decay: Literal["none", "cosine", "linear"]
) -> float:
    """Share of the full learning rate at a step.

    >>> [learning_rate_factor(s, 10, 110, "linear") for s in (0, 9, 60, 110)]
    [0.1, 1.0, 0.5, 0.0]
    """
    if step < warmup:
        return (step + 1) / warmup
    done = min((step - warmup) / max(total - warmup, 1), 1.0)
    match decay:
        case "none":
            return 1.0
        case "linear":
            return 1.0 - done
        case "cosine":
            return 0.5 * (1 + math.cos(math.pi * done))


def step_sizes(optimizer: torch.optim.Optimizer, parameters: Sequence[Tensor]) -> list[Tensor]:
    """How far Adam goes for a gradient of 1 at each number, as it stands, without momentum.

    Shaped as the parameters; zeros for one that had no gradient yet.
    """
    group_of = {id(p): group for group in optimizer.param_groups for p in group["params"]}
    found = []
    for p in parameters:
        group, state = group_of[id(p)], optimizer.state.get(p)
        if not state:
            found.append(torch.zeros_like(p))
            continue
        root = (state["exp_avg_sq"] / (1 - group["betas"][1] ** state["step"])).sqrt() + group["eps"]
        found.append(group["lr"] / root)
    return found


def next_step(
    optimizer: torch.optim.Optimizer, parameters: Sequence[Tensor]
) -> tuple[list[Tensor], list[Tensor]]:
    """What Adam's next step will be, as far as it is known: so much for a gradient of 1, and its momentum.

    The step is about ``-(size * gradient + momentum)`` at each number, the second moments taken as they are.
    """
    group_of = {id(p): group for group in optimizer.param_groups for p in group["params"]}
    sizes, momenta = step_sizes(optimizer, parameters), []
    for place, p in enumerate(parameters):
        beta, state = group_of[id(p)]["betas"][0], optimizer.state.get(p)
        if state:
            sizes[place] = sizes[place] / (1 - beta ** (state["step"] + 1))
            momenta.append(sizes[place] * beta * state["exp_avg"])
            sizes[place] = sizes[place] * (1 - beta)
        else:
            momenta.append(torch.zeros_like(p))
    return sizes, momenta


class WeightAverage:
    """Exponential moving average of the weights (Polyak); what is validated and kept when it is on."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.shadow = {name: p.detach().clone() for name, p in model.named_parameters()} if decay else {}

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Move towards the model's weights; faster in the first steps."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, parameter in model.named_parameters():
            if name in self.shadow:
                self.shadow[name].lerp_(parameter.detach(), 1 - decay)

    @torch.no_grad()
    def swap(self, model: nn.Module) -> None:
        """Exchange the average with the model's weights; a second call exchanges them back."""
        for name, parameter in model.named_parameters():
            if name in self.shadow:
                kept = parameter.detach().clone()
                parameter.copy_(self.shadow[name])
                self.shadow[name].copy_(kept)
