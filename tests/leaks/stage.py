"""What the checks against leaks stand on: an untrained model, and what it says about one row of a log.

Files go the way of a run: read, clean, prepare (or reopen with known encodings), count, score.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch

from motet.config import Config
from motet.data.catalogue import Catalogue
from motet.data.dataset import Dataset, prepare, reopen
from motet.data.division import clean_divided
from motet.data.requests import Plan
from motet.data.timelines import TEST, Timelines
from motet.evaluation.following import Following
from motet.evaluation.protocol import View
from motet.evaluation.scoring import Scorer, questions
from motet.features.content import build_content, items_beside
from motet.gather import count
from motet.model import Motet
from motet.training.fit import Prepared, learn_facts, new_model
from tests.worlds import World, tiny_config, tiny_settings, tiny_tables

SOON = {"name": "soon", "kind": "binary", "label": {"of": "impression", "event": "rate", "within": "1d"}}


@dataclass(frozen=True)
class Row:
    """Names a row of a world's log; no user does two things with one item at one time."""

    who: int
    what: int
    at: int


@dataclass(frozen=True)
class Stage:
    """A model with random weights, and what it needs to read another log."""

    config: Config
    dataset: Dataset
    prepared: Prepared
    model: Motet


@dataclass(frozen=True)
class OneRow(View):
    """A view that asks about one row alone, so that no other row can change the shape of a batch."""

    place: int = -1

    def plan(
        self, log: Timelines, part: int, rows_N: np.ndarray, length: int, *, asking: bool = False
    ) -> Plan:
        one_N = np.arange(len(log)) == self.place
        return super().plan(log, part, rows_N & one_N, length, asking=asking)


def leak_config(**changes) -> Config:
    """Next item, a column, a number and a label that looks ahead, with all that could leak switched on.

    Event columns without a role are outcomes, as they are in a file of which nobody said more.
    """
    ours = {"tasks": [*tiny_settings()["tasks"], SOON], "data__events__outcomes": None, "model__fold_in": 2}
    ours |= {"data__events__ignore": ["part"], "model__counter_pieces": 3}
    signal = {"name": "seconds", "value": "dwell"}
    ours |= {"data__counters__signals": [signal], "data__counters__crosses": [["user", "maker", "surface"]]}
    return tiny_config(**ours | changes)


def build(world: World, config: Config) -> Stage:
    """Prepare a world and make a model with random weights."""
    dataset, prepared, _ = prepare_all(world, config)
    model = new_model(config, prepared, learn_facts(config, prepared))
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.3 * torch.randn(weight.shape, generator=random))
    return Stage(config, dataset, prepared, model.eval())


def prepare_all(world: World, config: Config) -> tuple[Dataset, Prepared, list[View]]:
    """The way of a run up to the model."""
    tables, _ = clean_divided(tiny_tables(world, config), config)
    dataset = prepare(tables, config)
    counter_NC, scaler, names, views = count(config, tables, dataset)
    content = build_content(
        dataset.catalogue, None, items_beside(dataset.log, len(dataset.catalogue) - 1, neighbours=100)
    )
    return dataset, Prepared(dataset, content, counter_NC, scaler, names), views


def reopen_all(stage: Stage, world: World, history: str) -> tuple[Dataset, View]:
    """The way of a log into a model that is trained already."""
    evaluation = stage.config.evaluation.model_copy(update={"history": history})
    config = stage.config.model_copy(update={"evaluation": evaluation})
    tables, _ = clean_divided(tiny_tables(world, config), config)
    dataset, _ = reopen(tables, config, stage.dataset.catalogue, stage.dataset.encodings)
    return dataset, count(config, tables, dataset, stage.prepared.scaler)[3][0]


def place_of(log: Timelines, catalogue: Catalogue, row: Row) -> int:
    """Where a row stands in the log."""
    user = log.user_ids.to_list().index(row.who)
    item = catalogue.ids.to_list().index(row.what) + 1
    found = np.flatnonzero((log.user_N == user) & (log.item_N == item) & (log.time_N == row.at))
    assert len(found) == 1, (row, found)
    return int(found[0])


def scores(
    stage: Stage, world: World, row: Row, history: str = "rolling", part: int = TEST
) -> dict[str, np.ndarray]:
    """All that is said about one row: every task's prediction, `next_item` scores and ranks, counters."""
    dataset, view = reopen_all(stage, world, history)
    place = place_of(dataset.log, dataset.catalogue, row)
    log = _ask_all(dataset.log, place)
    one = OneRow(view.tasks, view.part_N, view.history, view.counter_NC, place)
    length = stage.config.model.timeline.length
    scorer = Scorer(stage.model, replace(dataset, log=log), length)
    said = {task: found.prediction_R for task, found in scorer.rows(one, part).items()}
    ranked = scorer.next_item(one, "next", part, len(dataset.catalogue))
    state_QD = scorer._states(questions(scorer.dataset, one, "next", part, length), one, "next")
    return said | {
        "rank": ranked.rank_T,
        "list": ranked.top_QK,
        "state": state_QD.numpy(),
        "counters": one.counter_NC[place],
        "request": log.request_code_NJ[place],
    }


def scores_among_others(
    stage: Stage, world: World, row: Row, history: str = "rolling", part: int = TEST, *, follows: bool = False
) -> dict[str, np.ndarray]:
    """What an evaluation of the whole part says about one row; `follows`: by the outcomes of the last day."""
    dataset, view = reopen_all(stage, world, history)
    place = place_of(dataset.log, dataset.catalogue, row)
    length = stage.config.model.timeline.length
    scorer = Scorer(stage.model, dataset, length)
    answers = Following(scorer, stage.config.tasks, dataset.log) if follows else scorer
    found = answers.rows(view, part).items()
    said = {
        task: each.prediction_R[each.row_R == place] for task, each in found if (each.row_R == place).any()
    }
    asked = questions(dataset, view, "next", part, length)
    if (mine := asked.plan.row_Q[asked.query_Q] == place).any():
        ranked = scorer.next_item(view, "next", part, len(dataset.catalogue))
        said |= {"rank": ranked.rank_T[mine], "list": ranked.top_QK[mine]}
    assert said, row
    return said


def _ask_all(log: Timelines, place: int) -> Timelines:
    """The log in which one row is a positive and has a label of every task, whatever it holds."""
    label, positive = {}, {}
    for name, label_N in log.label.items():
        label[name] = np.where(np.arange(len(log)) == place, np.float32(0), np.full_like(label_N, np.nan))
    for name, positive_N in log.positive.items():
        positive[name] = positive_N | (np.arange(len(log)) == place)
    return replace(log, label=label, positive=positive)


def assert_same(found: dict[str, np.ndarray], expected: dict[str, np.ndarray], why: str) -> None:
    """Bit for bit."""
    assert found.keys() == expected.keys(), why
    for name, array in expected.items():
        equal = np.array_equal(found[name], array, equal_nan=array.dtype.kind == "f")
        assert equal, f"{why}: {name} moved from {array} to {found[name]}"
