"""Chains in ensembles: a task is never more probable than the one that it follows.

Tasks are put together each by its own combiner, so that the answers of two that follow one another need not
fit. The later one is capped at the earlier one's, row by row: what the combiner was fitted to say stays
wherever it can be true. (Combining what members say given the earlier task, and multiplying, would fit the
combiner to the rows alone where that happened, and would say nothing of how good the product is.)
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from motet.config.tasks import Binary, Task
from motet.evaluation.scoring import Scored


def followed_by(tasks: Sequence[Task]) -> dict[str, str]:
    """Task -> the one that it follows; those that are followed come first."""
    after = {task.name: task.after for task in tasks if isinstance(task, Binary) and task.after}

    def depth(name: str) -> int:
        return 1 + depth(after[name]) if name in after else 0

    return {name: after[name] for name in sorted(after, key=depth)}


def capped(found: Mapping[str, Scored], after: Mapping[str, str]) -> dict[str, Scored]:
    """Answers in which no task is more probable than what it follows, where both were asked about a row.

    Args:
        found: Task -> its rows, ascending, and what is said of them.
        after: As `followed_by` gives it.
    """
    out = dict(found)
    for name, earlier in after.items():
        if name in out and earlier in out and len(out[earlier].row_R):
            mine, its = out[name], out[earlier]
            place_R = np.searchsorted(its.row_R, mine.row_R).clip(max=len(its.row_R) - 1)
            most_R = np.where(its.row_R[place_R] == mine.row_R, its.prediction_R[place_R], np.inf)
            out[name] = replace(mine, prediction_R=np.minimum(mine.prediction_R, most_R))
    return out


def given(said_R: np.ndarray, earlier_R: np.ndarray) -> np.ndarray:
    """Probability where what a task follows has happened, ``(R,)``; 0 where that never happens."""
    never_R = earlier_R <= 0
    share_R: np.ndarray = np.where(never_R, 0.0, said_R / np.where(never_R, 1.0, earlier_R))
    return share_R.clip(0.0, 1.0)
