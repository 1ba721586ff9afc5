"""What it costs to balance tasks: the time of a training step with each method, against equal weights.

    python -m benchmarks.balance_cost [--rounds 24] [--threads 1] [--seeds 3]

A generated log (1,500 users, 3,000 items, 60 events a user), five tasks: next item, two that happen, two
numbers; the model's default settings without a language model. In every round each method makes four steps
on the same four batches, in an order drawn anew; the ratio of its CPU seconds to those of `fixed` in the same
round is taken, and the median over all rounds counts. Gradient methods work at the representation; what some
of them cost at the parameters stands in the details. A Stackelberg balance looks up once in `every` steps:
steps that all do are timed, and the ratio of the mean step follows.

Claims, for each the worst method's ratio: `balance.loss_methods_cost`, `balance.gradient_methods_cost`,
`balance.stackelberg_cost`.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, get_args

import numpy as np
import polars as pl
import torch
from torch import nn

from benchmarks.record import claim, record
from motet.batch import Batch
from motet.config.balance import Balance, GradientKind, LossKind
from motet.config.read import config_from_dict
from motet.data.loader import Feed
from motet.data.readers import tables_from_frames
from motet.gather import gather
from motet.system.devices import tune_memory
from motet.training.descent import build_descent
from motet.training.fit import Prepared, learn_facts, new_model
from motet.training.optimizer import build_optimizer
from motet.training.stackelberg import Leadership, StackelbergBalance

USERS, ITEMS, EVENTS, BATCHES = 1500, 3000, 60, 4
TASKS = [
    {"name": "next", "kind": "next_item"},
    {"name": "like", "kind": "binary", "label": "stars >= 4"},
    {"name": "love", "kind": "binary", "label": "stars >= 5"},
    {"name": "stars", "kind": "regression", "label": "stars"},
    {"name": "stay", "kind": "regression", "label": "dwell", "transform": "log1p"},
]
SETTINGS = {
    "name": "balance-cost",
    "data": {
        "items": {"path": "items", "id": "item", "categorical": ["genre"]},
        "events": {
            "path": "events", "user": "user", "item": "item", "time": "time", "value": "stars",
            "outcomes": ["dwell"],
        },
        "split": {"kind": "leave_one_out"},
        "counters": {"enabled": False},
    },
    "tasks": TASKS,
    "model": {"language": "none"},
    "training": {"batch_size": 64, "precision": "fp32", "threads": 1},
}  # fmt: skip
AT_PARAMETERS = ("pcgrad", "mgda", "upgrad", "priorities")
LOOKS = {
    f"stackelberg {gradient}": {"kind": "stackelberg", "every": 1, "gradient": gradient}
    for gradient in ("unrolled", "implicit")
}


def main() -> None:
    """Time all methods and write benchmarks/results/balance_cost.json."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=24)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    tune_memory()
    ratios: dict[str, list[list[float]]] = {}
    for seed in range(given.seeds):
        for name, found in rounds(seed, given.rounds).items():
            ratios.setdefault(name, []).append(found)
            print(f"seed {seed} {name:24} {median(found):.3f}", flush=True)
    by_seed = {name: [median(found) for found in several] for name, several in ratios.items()}
    claims = []
    for called, kinds in (("loss", get_args(LossKind)), ("gradient", get_args(GradientKind))):
        worst = max((kind for kind in kinds if kind != "fixed"), key=lambda kind: median(by_seed[kind]))
        claims.append(
            claim(
                f"balance.{called}_methods_cost",
                by_seed[worst],
                seeds=range(given.seeds),
                peer=("fixed", 1.0),
            )
        )
    every = Balance(kind="stackelberg").every
    mean = {name: [1 + (ratio - 1) / every for ratio in by_seed[name]] for name in LOOKS}
    worst = max(mean, key=lambda name: median(mean[name]))
    claims.append(
        claim("balance.stackelberg_cost", mean[worst], seeds=range(given.seeds), peer=("fixed", 1.0))
    )
    details = {"ratios": by_seed, "rounds": given.rounds, "settings": SETTINGS, "clock": "CPU seconds"}
    command = f"python -m benchmarks.balance_cost --rounds {given.rounds} --threads {given.threads}"
    record("balance_cost", command, claims, details)


def rounds(seed: int, count: int) -> dict[str, list[float]]:
    """Method -> ratio to equal weights, one a round; the first round is for warming up."""
    config = config_from_dict(SETTINGS | {"training": SETTINGS["training"] | {"seed": seed}})
    material = gather(config, Path(), tables(seed))
    feed = Feed(material.prepared.dataset, config.model.timeline.length, 64, seed, None)
    batches = [batch for _, batch in zip(range(BATCHES), feed.epoch(0).since(0), strict=False)]
    methods: dict[str, dict[str, Any]] = {kind: {"kind": kind} for kind in get_args(LossKind)}
    methods |= {kind: {"kind": kind} for kind in get_args(GradientKind)}
    methods["priorities"] |= {"order": ["next", "like"], "at": "representation"}
    methods |= {
        f"{kind} at parameters": methods[kind] | {"kind": kind, "at": "parameters"} for kind in AT_PARAMETERS
    }
    methods |= LOOKS
    steps = {
        name: step_of(config, material.prepared, Balance.model_validate(settings), batches)
        for name, settings in methods.items()
    }
    order, ratios = np.random.default_rng(seed), {name: [] for name in steps}
    for number in range(count + 1):
        spent = {}
        for name in order.permutation(list(steps)):
            began = time.process_time()
            for batch in batches:
                steps[name](batch)
            spent[name] = time.process_time() - began
        for name, seconds in spent.items():
            if number:
                ratios[name].append(seconds / spent["fixed"])
    return ratios


def step_of(config: Any, prepared: Prepared, settings: Balance, lead: list[Batch]) -> Callable[[Batch], None]:
    """One training step of a new model with one method, as the training loop makes it.

    A leader's rows are taken from other batches of the training, which cost what its own would.
    """
    model = new_model(config, prepared, learn_facts(config, prepared)).train()
    descent = build_descent(settings, model, {task.name: task.weight for task in config.tasks})
    optimizer = build_optimizer([model, descent.method], 1e-3, 0.01)
    training = config.training.model_copy(update={"balance": settings})
    look = None
    if isinstance(descent.method, StackelbergBalance):
        look = Leadership(descent.method, training, lambda number: lead[(number + 1) % len(lead)])

    def step(batch: Batch) -> None:
        if look is not None:
            look(model, batch, optimizer, 0)
        losses = descent.losses(batch)
        optimizer.zero_grad(set_to_none=True)
        descent.backward(losses)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    return step


def tables(seed: int) -> Any:
    """A generated log; what is in it does not matter for the time."""
    random = np.random.default_rng(seed)
    rows = USERS * EVENTS
    taste_UK, item_IK = random.normal(size=(USERS, 8)), random.normal(size=(ITEMS, 8))
    user_N = np.repeat(np.arange(USERS), EVENTS)
    item_N = random.integers(ITEMS, size=rows)
    like_N = (taste_UK[user_N] * item_IK[item_N]).sum(1) / 3 + random.normal(size=rows)
    events = pl.DataFrame(
        {
            "user": user_N,
            "item": item_N,
            "time": 1_600_000_000 + random.integers(10_000_000, size=rows),
            "stars": np.clip(np.round(3 + like_N), 1, 5),
            "dwell": np.exp(2 + like_N),
        }
    )
    items = pl.DataFrame({"item": np.arange(ITEMS), "genre": random.choice(list("abcdefgh"), ITEMS)})
    config = config_from_dict(SETTINGS)
    return tables_from_frames(config.data, items=items, users=None, events=events)


if __name__ == "__main__":
    main()
