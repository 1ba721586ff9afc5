"""The one place where a task's settings become a head."""

from dataclasses import dataclass
from typing import assert_never

import numpy as np
import torch
from torch import Tensor, nn

from motet.config.model import Scoring
from motet.config.tasks import Binary, Multiclass, NextItem, Regression, Retrieval, Tagging, Task
from motet.tasks.binary import BinaryHead
from motet.tasks.multiclass import MulticlassHead
from motet.tasks.next_item import Ahead, NextItemHead
from motet.tasks.regression import RegressionHead

FULL_UP_TO = 30_000  # items of a full softmax; above it a sample is several times faster
DRAWN = 4096

AnyRowHead = BinaryHead | RegressionHead | MulticlassHead


@dataclass(frozen=True)
class TaskFacts:
    """What training rows say about a task; saved with the model, to build it again without the log."""

    mean: float = 0.0  # of the labels; the rate of a binary task
    deviation: float = 1.0
    shares: tuple[float, ...] = ()  # of the classes
    classes: tuple[str, ...] = ()
    answers: int = 0  # how many there are, of a task that looks for them


def task_facts(task: Task, label_N: np.ndarray, classes: tuple[str, ...] = ()) -> TaskFacts:
    """Learn a row task's facts from the labels of its training rows (NaN: no label)."""
    known = label_N[~np.isnan(label_N)]
    if len(known) == 0:
        return TaskFacts(classes=classes, shares=tuple(1 / len(classes) for _ in classes))
    if isinstance(task, Multiclass):
        counts = np.bincount(known.astype(np.int64), minlength=len(classes))
        return TaskFacts(shares=tuple((counts / counts.sum()).tolist()), classes=classes)
    return TaskFacts(mean=float(known.mean()), deviation=float(known.std()))


def build_head(
    task: Task,
    facts: TaskFacts,
    scoring: Scoring,
    width: int,
    shared: int,
    masks: tuple[Tensor, Tensor],
    earlier: float = 1.0,
) -> nn.Module:
    """The head of a task.

    Args:
        task: Its settings.
        facts: What training rows say.
        scoring: How `next_item` compares.
        width: Width of states.
        shared: Width of what experts give.
        masks: Items that the task ranks, and items met in training, bool.
        earlier: Rate of the task that it follows; 1 where it follows none.
    """
    allowed_I, trained_I = masks
    match task:
        case NextItem():
            drawn = _drawn(task, int((allowed_I & trained_I).sum()))
            kind, temperature, smoothing = scoring.similarity, scoring.temperature, scoring.label_smoothing
            ahead = Ahead(task.horizon, task.discount)
            head = NextItemHead(width, allowed_I, trained_I, kind, temperature, smoothing, drawn, ahead)
            head.newcomers.bonus = scoring.unmet
            return head
        case Binary():
            return BinaryHead(shared, facts.mean, focal=task.loss == "focal", earlier=earlier)
        case Regression():
            return RegressionHead(shared, facts.mean, facts.deviation, task.loss)
        case Multiclass():
            return MulticlassHead(shared, torch.tensor(facts.shares))
        case Tagging() | Retrieval():
            raise AssertionError("the heads of text tasks are built by motet.assemble.build_texts")
        case _:
            assert_never(task)


def _drawn(task: NextItem, items: int) -> int | None:
    """How many items the training softmax draws; None for all of them."""
    if task.sampled == "auto":
        return DRAWN if items > FULL_UP_TO else None
    return task.sampled
