"""Stackelberg: a leading task chooses the weights of the tasks that follow it.

A game of two levels: below, the model descends the weighted sum of all losses; above, the weights descend the
leader's loss on rows that teach the model nothing (`motet.training.held_out`), along its hypergradient
(`motet.training.hypergradient`). As in Auto-lambda (Liu et al., TMLR 2022, arXiv:2202.03091) one step of the
weights follows many of the model.
Shapes: T tasks that are learned.
"""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from motet.batch import Batch
from motet.config.balance import Balance as Settings
from motet.config.training import TrainingConfig
from motet.system.randomness import derived_seed
from motet.training.balance import Balance
from motet.training.hypergradient import Pair, implicit, unrolled
from motet.training.optimizer import next_step

WIDEST = 4.6  # of a logarithm: a weight stays between a hundredth and a hundred times the leader's


class StackelbergBalance(Balance):
    """Weights ``T softmax(logits)``, times those of the configuration; the leader's logit is always 0.

    So the leader says what each follower counts beside itself. A move is exponentiated gradient descent
    (Kivinen, Warmuth 1997) within that family, in steps of AdaGrad-Norm (Ward, Wu, Bottou, ICML 2019,
    arXiv:1806.01811): how large slopes are on the whole has no say, and the noise of many dies down.

    Args:
        weights: Task name -> weight of the configuration; a task of weight 0 takes no part.
        leader: Tasks that lead; those that the model lacks are left out.
    """

    def __init__(self, weights: dict[str, float], leader: Sequence[str] = ()) -> None:
        super().__init__(weights)
        self.tasks = [name for name, weight in weights.items() if weight > 0]
        self.leaders = [name for name in leader if name in self.tasks]
        self.register_buffer("logit_T", torch.zeros(len(self.tasks)))
        self.register_buffer("squares", torch.zeros(()))  # of all slopes so far, summed

    @property
    def leads(self) -> bool:
        """Whether there are a leader and a follower."""
        return 0 < len(self.leaders) < len(self.tasks)

    def forward(self, losses: dict[str, Tensor]) -> Tensor:
        """Weighted sum of the losses, a scalar."""
        weights = self.current()
        return torch.stack([weights[name] * loss for name, loss in losses.items()]).sum()

    def current(self) -> dict[str, float]:
        """Task name -> weight."""
        shares = self.shares()
        return {name: weight * shares.get(name, 1.0) for name, weight in self.weights.items()}

    def shares(self) -> dict[str, float]:
        """Task name -> what its weight in the configuration is multiplied by; they sum to their count."""
        share_T = torch.softmax(self.get_buffer("logit_T"), 0) * len(self.tasks)
        return dict(zip(self.tasks, share_T.tolist(), strict=True))

    def move(self, slopes: Mapping[str, float], pace: float) -> None:
        """Move the followers' weights down the leader's loss.

        Args:
            slopes: Task -> slope of the leader's loss along its share; tasks that are not there stay.
            pace: Length of the first move of the logits.
        """
        shares = {name: share for name, share in self.shares().items() if name in slopes}
        mean = sum(share * slopes[name] for name, share in shares.items()) / max(sum(shares.values()), 1e-12)
        moves = {name: slopes[name] - mean for name in shares if name not in self.leaders}
        squares, logit_T = self.get_buffer("squares"), self.get_buffer("logit_T")
        squares += sum(slope**2 for slope in moves.values())
        for name, slope in moves.items():
            if slope:
                place = self.tasks.index(name)
                logit_T[place] -= pace * slope / float(squares.sqrt())
        logit_T.clamp_(-WIDEST, WIDEST)


class Leadership:
    """Looks at the next step now and then, and moves the weights before it is made.

    Args:
        balance: Whose weights are moved.
        settings: Of the training.
        lead: Batches of the leader's rows, by number.
    """

    def __init__(
        self, balance: StackelbergBalance, settings: TrainingConfig, lead: Callable[[int], Batch]
    ) -> None:
        self.balance, self.training, self.lead = balance, settings, lead
        self.settings: Settings = settings.balance

    def __call__(self, model: nn.Module, batch: Batch, optimizer: torch.optim.Optimizer, step: int) -> None:
        """Move the weights, when it is time and the optimiser has made a step."""
        if step % self.settings.every or not optimizer.state:
            return
        self.balance.move(self.slopes(model, batch, optimizer, step), self.settings.pace)

    def slopes(
        self, model: nn.Module, batch: Batch, optimizer: torch.optim.Optimizer, step: int
    ) -> dict[str, float]:
        """Task name -> slope of the leader's loss along its share, over the scale of all."""
        given = self.balance.weights
        ends = self.settings.gradient == "implicit"
        parameters = [p for p in model.parameters() if p.requires_grad]
        sizes, momentum = next_step(optimizer, parameters)
        pair = Pair(
            model, batch, self.lead(step // self.settings.every), self.balance.current(),
            {name: given[name] for name in self.balance.leaders},
            sizes,
            derived_seed(self.training.seed, f"leader at step {step}"),
            "fp32" if ends else str(self.training.precision),
            momentum,
        )  # fmt: skip
        found = implicit(pair, self.settings.terms) if ends else unrolled(pair, self.training.clip)
        return {name: given[name] * slope for name, slope in found.relative.items()}


def leaders_of(settings: Settings, weights: Mapping[str, float]) -> list[str]:
    """Tasks that lead: those named, or the one of the greatest weight, the first of equals.

    >>> leaders_of(Settings(kind="stackelberg"), {"next": 1.0, "like": 2.0, "stay": 2.0})
    ['like']
    """
    return settings.leader or [max(weights, key=lambda name: weights[name])]
