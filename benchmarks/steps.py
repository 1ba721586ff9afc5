"""Where the time of a training step goes: its parts, and the operations that take most.

    python -m benchmarks.steps CONFIG [--steps 30] [a.b=c ...]

CPU seconds of one thread, from `torch.profiler`; the table of docs/speed.md is made by this.
"""

import argparse
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile, record_function

from motet.config.read import config_folder, read_config
from motet.data.collate import Collator
from motet.gather import gather
from motet.nn import blockwise
from motet.run import settle
from motet.training import fit as fitting

WARM = 8


class Stop(Exception):
    """Enough steps were seen."""


def named(what: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, under a name in the profile."""

    def inside(*given: Any, **more: Any) -> Any:
        with record_function(f"part: {what}"):
            return function(*given, **more)

    return inside


def watch(model: Any) -> None:
    """Name the parts of a model."""
    for what, module in (("items", model.items), ("events", model.events), ("timeline", model.timeline)):
        module.forward = named(what, module.forward)


def main() -> None:
    """Train for some steps and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--steps", type=int, default=30)
    given = parser.parse_args()
    config = settle(
        read_config(given.config, [*given.overrides, "training.threads=1"]), config_folder(given.config)
    )
    material = gather(config, config_folder(given.config))
    seen: dict[str, int] = defaultdict(int)
    profiler = profile(activities=[ProfilerActivity.CPU])
    plain = torch.optim.AdamW.step

    def step(self: Any, *rest: Any) -> Any:
        with record_function("part: optimizer"):
            done = plain(self, *rest)
        seen["steps"] += 1
        if seen["steps"] == WARM:
            profiler.__enter__()
        if seen["steps"] == WARM + given.steps:
            profiler.__exit__(None, None, None)
            raise Stop
        return done

    build = fitting.new_model

    def new_model(*arguments: Any) -> Any:
        model = build(*arguments)
        watch(model)
        return model

    fitting.new_model = new_model
    torch.optim.AdamW.step = step  # type: ignore[method-assign]
    Collator.__call__ = named("batch", Collator.__call__)  # type: ignore[method-assign]
    blockwise._Sums.add_block = named("softmax and its gradients", blockwise._Sums.add_block)  # type: ignore
    torch.Tensor.backward = named("backward", torch.Tensor.backward)  # type: ignore[method-assign]
    with suppress(Stop):
        fitting.fit(config, material.prepared, lambda model: {}, lambda record: None)
    events = profiler.key_averages()
    parts = [(e.key[6:], e.cpu_time_total / 1000 / given.steps) for e in events if e.key.startswith("part: ")]
    whole = sum(e.self_cpu_time_total for e in events) / 1000 / given.steps
    print(f"{'a step':40} {whole:8.1f} ms")
    for what, ms in sorted(parts, key=lambda each: -each[1]):
        print(f"  {what:38} {ms:8.1f} ms")
    print(events.table(sort_by="self_cpu_time_total", row_limit=18, max_name_column_width=40))


if __name__ == "__main__":
    main()
