"""Checks that a trained model in use sees no more of the log than the question's moment allows."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from motet.bundle import Bundle
from motet.use import TrainedModel
from tests.leaks.changes import another_future, event_of, no_future, telling_rows, with_events
from tests.leaks.stage import Row, Stage, build, leak_config, scores
from tests.worlds import World, tiny_settings, tiny_tables, tiny_world


def in_use(stage: Stage, world: World) -> TrainedModel:
    """The stage's model, opened with the log of a world."""
    dataset, prepared = stage.dataset, stage.prepared
    bundle = Bundle(
        Path(), stage.config, stage.model, dataset.catalogue, dataset.encodings, {}, prepared.scaler,
        prepared.content,
    )  # fmt: skip
    return TrainedModel(bundle, given=tiny_tables(world, stage.config))


def predicted(stage: Stage, world: World, row: Row) -> float:
    """The probability of a click when the row is asked about as a question, its time being known."""
    question = pl.DataFrame({"who": [row.who], "what": [row.what], "at": [row.at], "surface": ["feed"]})
    times = question.with_columns(pl.col("at").cast(pl.Int64))
    return float(in_use(stage, world).predict(times, "click")["prediction"][0])


def a_question_sees_nothing_from_its_moment_on() -> None:
    """What happens at the question's time or later moves no prediction."""
    world = tiny_world()
    stage, row = build(world, leak_config()), telling_rows(world)[0]
    expected = predicted(stage, world, row)
    for seed in range(3):
        changed = another_future(world, row, row.at, np.random.default_rng(seed))
        assert predicted(stage, changed, row) == expected, f"{row}, seed {seed}"
    assert predicted(stage, no_future(world, row, row.at), row) == expected, "log cut at the question"


def a_question_gets_the_score_of_its_row() -> None:
    """Training, evaluation and use read a row alike: the question has the score that its row had.

    Labels that look ahead are left out: near a cut an evaluation masks those that a later question may count.
    """
    world = tiny_world()
    stage, row = build(world, leak_config(tasks=tiny_settings()["tasks"])), telling_rows(world)[0]
    own = event_of(world, row)
    world = with_events(world, [e | {"surface": "feed"} if e == own else e for e in world.events.to_dicts()])
    expected = float(scores(stage, world, row)["click"][0])
    without = replace(world, events=world.events.filter(pl.col("dwell") != own["dwell"]))
    assert abs(predicted(stage, without, row) - expected) < 1e-6
