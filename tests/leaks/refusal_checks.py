"""Checks that leaks which no guard can make impossible are refused or found; an AssertionError when not."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from motet.data.counters import CounterPlan, Counters
from motet.data.suspects import SUSPICIOUS
from motet.errors import MotetError
from tests.leaks.stage import leak_config, prepare_all
from tests.worlds import World, tiny_world


def doubts(world: World, **changes: Any) -> list[str]:
    """What a run says it suspects."""
    dataset, _, _ = prepare_all(world, leak_config(**changes))
    return [text for text in dataset.statements if text.startswith(SUSPICIOUS)]


def an_honest_world_raises_no_doubt() -> None:
    """Without a leak nothing is suspected."""
    assert not doubts(tiny_world(users=60))


def an_outcome_used_as_input_is_found() -> None:
    """A context column that is known only with the answer."""
    world = tiny_world(users=60)
    events = world.events.with_columns(depth=pl.col("clicked") * 10.0 + pl.col("dwell") / 1000)
    context = [{"column": "surface", "count": True}, "depth"]
    said = doubts(replace(world, events=events), data__events__context=context)
    assert any("'depth' alone predicts 'click'" in text for text in said), said


def an_outcome_declared_twice_is_found() -> None:
    """A context column that repeats an outcome of which no label is made."""
    world = tiny_world(users=60)
    left = pl.when(pl.col("dwell") > 50).then(pl.lit("early")).otherwise(pl.lit("late"))
    events = world.events.with_columns(left=left, how=left)
    context = [{"column": "surface", "count": True}, "how"]
    said = doubts(replace(world, events=events), data__events__context=context)
    assert any("'how' holds the same as 'left'" in text for text in said), said


def the_target_inside_a_user_feature_is_found() -> None:
    """A user's favourite item that was chosen with the test in it."""
    world = tiny_world(users=60, items=200)
    future = (
        world.events.filter(pl.col("part") != "train").sort("at").group_by("who").agg(pl.col("what").last())
    )
    users = world.users.join(future, left_on="id", right_on="who", how="left").rename({"what": "favourite"})
    said = doubts(replace(world, users=users), data__users__categorical=["city", "favourite"])
    assert any("'favourite' names items that the user meets only after training" in text for text in said), (
        said
    )


def an_item_count_of_the_whole_log_is_found() -> None:
    """An item's number of events, the test included."""
    world = tiny_world(users=80, items=40)
    counts = np.bincount(world.events["what"] - 100, minlength=40).astype(float)
    items = world.items.with_columns(seen=pl.Series(counts))
    said = doubts(replace(world, items=items), data__items__numeric=["price", "seen"])
    assert any("'seen' follows the events of each item in the whole log" in text for text in said), said


def a_label_declared_as_context_is_refused() -> None:
    """The configuration itself says that it reads its label."""
    context = [{"column": "surface", "count": True}, "clicked"]
    said = _refusal(lambda: leak_config(data__events__context=context))
    assert "'clicked' is declared as known beforehand" in said, said


def a_counter_that_sees_its_own_row_is_refused() -> None:
    """Counters that are asked as of a time after the row's own event."""
    counters, key_KN, nothing = Counters(CounterPlan(("item",))), np.zeros((1, 1), np.int64), np.zeros((0, 1))
    said = _refusal(lambda: counters.run(key_KN, np.array([5]), np.array([6]), nothing))
    assert "scored after its own event and would see it" in said, said


def _refusal(work: Callable[[], Any]) -> str:
    try:
        work()
    except MotetError as error:
        return str(error)
    return "not refused"
