"""Timelines in a step and the warm-up: a small log needs small steps, or an epoch is over before it began."""

from typing import Any

import numpy as np
import polars as pl

from motet.config.training import TrainingConfig

_FEWEST = 8
_WARM_EPOCHS = 2


def step_settings(lengths: pl.Series, longest: int) -> tuple[dict[str, Any], str]:
    """The settings under `training` that differ from the defaults, and the reason; empty where none does.

    About the square root of the timelines goes in a step, a power of two: 32 for the thousand of a log like
    MovieLens-100K, where 64 learned slower and 16 no better; the default from eight thousand on. See LOG.md.

    Args:
        lengths: How many events each user has.
        longest: Events that a timeline holds; a user with more has several.
    """
    usual = TrainingConfig()
    timelines = count_timelines(lengths, longest)
    size = int(np.clip(2 ** round(np.log2(max(timelines, 1)) / 2), _FEWEST, usual.batch_size))
    steps = -(-timelines // size)
    settings: dict[str, Any] = {}
    reasons = []
    if size < usual.batch_size:
        settings["batch_size"] = size
        few = -(-timelines // usual.batch_size)
        reasons.append(f"{_steps(steps)} an epoch, where {usual.batch_size} in a step would leave {few}")
    warmup = max(10, round(_WARM_EPOCHS * steps, -1))
    if warmup < usual.warmup:
        settings["warmup"] = warmup
        reasons.append(f"warm-up over about {_WARM_EPOCHS} epochs instead of {usual.warmup} steps")
    return settings, f"some {timelines:,} timelines make {'; '.join(reasons)}" if settings else ""


def count_timelines(lengths: pl.Series, longest: int) -> int:
    """How many timelines users are cut into, of which neighbours overlap by half.

    >>> count_timelines(pl.Series([3, 10, 11, 21]), 10)
    8
    """
    beyond_U = np.maximum(lengths.to_numpy() - longest, 0)
    stride = max(1, longest // 2)
    return int(len(beyond_U) + (-(-beyond_U // stride)).sum())


def _steps(number: int) -> str:
    return "1 step" if number == 1 else f"{number} steps"
