"""From a task's settings to its head, with what training rows say about it."""

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter

from motet.config.model import Scoring
from motet.config.tasks import Task
from motet.tasks.binary import BinaryHead
from motet.tasks.build import TaskFacts, build_head, task_facts
from motet.tasks.multiclass import MulticlassHead
from motet.tasks.next_item import NextItemHead
from motet.tasks.regression import RegressionHead

NAN = float("nan")
TASKS = {
    "next_item": {"name": "next", "kind": "next_item"},
    "binary": {"name": "like", "kind": "binary", "label": "stars >= 4"},
    "regression": {"name": "stars", "kind": "regression", "label": "stars"},
    "multiclass": {"name": "mood", "kind": "multiclass", "label": "mood"},
}
FACTS = TaskFacts(mean=0.3, deviation=2.0, shares=(0.5, 0.5), classes=("a", "b"))
MASK = torch.tensor([False, True, True])


def task(kind: str, **changes) -> Task:
    return TypeAdapter(Task).validate_python(TASKS[kind] | changes)


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [("next_item", NextItemHead), ("binary", BinaryHead), ("regression", RegressionHead),
     ("multiclass", MulticlassHead)],
)  # fmt: skip
def test_every_kind_of_task_has_its_head(kind, wanted):
    head = build_head(task(kind), FACTS, Scoring(), 4, 6, (MASK, MASK))
    assert type(head) is wanted


@pytest.mark.parametrize("kind", ["binary", "regression", "multiclass"])
def test_a_row_head_reads_what_experts_give(kind):
    head = build_head(task(kind), FACTS, Scoring(), 4, 6, (MASK, MASK))
    assert len(head.prediction(head(torch.zeros(5, 6)))) == 5


def test_settings_of_a_task_reach_its_head():
    assert build_head(task("binary", loss="focal"), FACTS, Scoring(), 4, 6, (MASK, MASK)).focal
    assert build_head(task("regression", loss="huber"), FACTS, Scoring(), 4, 6, (MASK, MASK)).kind == "huber"
    made = build_head(task("next_item"), FACTS, Scoring(similarity="dot", unmet=0.5), 4, 6, (MASK, MASK))
    assert made.newcomers.bonus == 0.5
    assert not made.cosine


def test_facts_are_mean_deviation_and_shares_of_the_labelled_rows():
    labels = np.array([1.0, NAN, 3.0, 5.0], np.float32)
    facts = task_facts(task("regression"), labels)
    assert (facts.mean, facts.deviation) == (3.0, pytest.approx(np.sqrt(8 / 3)))
    assert task_facts(task("binary"), np.array([1, 0, NAN, 1, 0], np.float32)).mean == 0.5
    classes = np.array([0, 2, NAN, 2], np.float32)
    assert task_facts(task("multiclass"), classes, ("a", "b", "c")).shares == pytest.approx((1 / 3, 0, 2 / 3))
