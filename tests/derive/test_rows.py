"""Combiners are fitted on validation rows: what the test rows answer moves none of them by a bit."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from motet.data.readers import tables_from_frames
from motet.data.timelines import TEST
from motet.derive import boosted, stack
from motet.derive.chorus import Chorus, voices
from motet.derive.fitting import as_json
from motet.derive.make import fit_all
from motet.derive.stack import Stack
from motet.use import TrainedModel
from tests.derive.pair import NAMES, opened
from tests.trained import ITEMS, world_folder
from tests.worlds import with_other_answers

pytestmark = pytest.mark.usefixtures("members")
KINDS = ["average", "logistic", "boosted", "network", "stackelberg"]  # that learn from rows and from rankings


def chorus(part: str | None = None) -> Chorus:
    """The pair of runs on their log, or where the rows of a part have other answers."""
    items, users, events = (
        pl.read_csv(world_folder() / f"{name}.csv") for name in ("items", "users", "events")
    )
    if part is not None:
        mood = pl.col("mood").replace({"sad": "glad", "glad": "calm", "calm": "sad"})
        events = with_other_answers(events, part, ITEMS)
        events = events.with_columns(mood=pl.when(pl.col("part") == part).then(mood).otherwise("mood"))
    models = [opened(place).bundle for place in (0, 1)]
    tables = tables_from_frames(models[0].config.data, items=items, users=users, events=events)
    return Chorus(voices([TrainedModel(each, tables) for each in models]), {})


@pytest.fixture(scope="module")
def worlds() -> dict[str, Chorus]:
    return {"plain": chorus(), "test": chorus("test"), "valid": chorus("valid")}


def fitted(of: Chorus, kind: Any) -> dict[str, list[Any]]:
    """Task -> all that its combiners learned, of the one that is kept and of those that judge it."""
    made = fit_all(of, kind)
    return {
        task: [
            [as_json(each), *(value.tolist() for value in each.state_dict().values())]
            if isinstance(each, Stack)
            else [as_json(each), getattr(each, "text", "")]
            for each in (made.kept[task], *made.judging[task].combiners)
        ]
        for task in NAMES
    }


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_fitted_hangs_on_answers_of_validation_rows_alone(worlds, kind, monkeypatch):
    if kind == "boosted":
        pytest.importorskip("lightgbm")
    monkeypatch.setitem(boosted.SETTINGS, "min_data_in_leaf", 2)  # of few rows trees learn nothing otherwise
    monkeypatch.setattr(boosted, "ROUNDS", 8)
    monkeypatch.setattr(stack, "STEPS", 8)
    plain, test, valid = (fitted(worlds[name], kind) for name in ("plain", "test", "valid"))
    assert test == plain
    for task in NAMES:
        assert valid[task] != plain[task], task


def test_the_answers_of_test_rows_are_others_there(worlds):
    """So that the test above can fail."""
    for task in NAMES:
        here, there = (worlds[name].evidence(task, TEST, 0, beside=False) for name in ("plain", "test"))
        assert here.pool().loss(np.array([0.5, 0.5])) != there.pool().loss(np.array([0.5, 0.5]))
