"""The protocol of an evaluation: which rows are scored, what they may see, and who ranks what.

The same view is handed to the model, to its twins and to the baselines. Shapes: N rows of the log, C
counters.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from motet.config import Config
from motet.data.counting import CountedRows
from motet.data.requests import Plan, plan_requests
from motet.data.timelines import Timelines


@dataclass(frozen=True)
class View:
    """Tasks that share a split and a history."""

    tasks: tuple[str, ...]
    part_N: np.ndarray
    history: Literal["frozen", "rolling"]
    counter_NC: CountedRows | None = None  # standardised

    def visible(self, part: int) -> np.ndarray:
        """Events that rows of a part may see, boolean ``(N,)``: earlier parts; rolling: the part too.

        Rows that no part uses (cold items and users) are visible: they never train, but they did happen.
        """
        return self.part_N < part if self.history == "frozen" else self.part_N <= part

    def plan(
        self, log: Timelines, part: int, rows_N: np.ndarray, length: int, *, asking: bool = False
    ) -> Plan:
        """The plan that scores those rows of a part, or asks `next_item` for their items."""
        return plan_requests(log, self.visible(part), rows_N & (self.part_N == part), length, asking=asking)


def views(config: Config, log: Timelines, only: Sequence[str] | None = None) -> list[View]:
    """Group the tasks by split and history."""
    groups: dict[tuple[int, str], View] = {}
    for task in config.tasks:
        if only is not None and task.name not in only:
            continue
        part_N, history = log.part[task.name], task.history or config.evaluation.history
        known = groups.get((id(part_N), history))
        names = (*(known.tasks if known else ()), task.name)
        groups[id(part_N), history] = View(names, part_N, history)
    return list(groups.values())
