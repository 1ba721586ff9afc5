"""Checks that no score reads what it must not; each raises an AssertionError when it does.

They are run twice: as tests, and with their guard switched off, when they must fail.
"""

from dataclasses import replace
from unittest.mock import patch

import numpy as np
import polars as pl

from motet.data.dataset import prepare
from motet.data.division import clean_divided
from tests.leaks.changes import (
    another_future,
    event_of,
    moment_of,
    no_future,
    other_contents,
    telling_rows,
    with_events,
)
from tests.leaks.stage import (
    Row,
    assert_same,
    build,
    leak_config,
    scores,
    scores_among_others,
)
from tests.worlds import BEGIN, DAY, HOUR, TEST_DAY, World, tiny_tables, tiny_world

TEST_BEGIN = BEGIN + TEST_DAY * DAY


def the_future_and_own_outcomes_are_unseen(
    kind: str = "transformer", history: str = "rolling", seeds: int = 1, **changes
) -> None:
    """What happens from a row's moment on, and what comes of the row itself, moves no bit of its scores."""
    world = tiny_world()
    stage = build(world, leak_config(model__timeline__kind=kind, **changes))
    for row in telling_rows(world):
        since, expected = moment_of(world, row), scores(stage, world, row, history)
        for seed in range(seeds):
            changed = another_future(world, row, since, np.random.default_rng(seed))
            assert_same(
                scores(stage, changed, row, history), expected, f"{kind} {history} {row}, seed {seed}"
            )
        cut = scores(stage, no_future(world, row, since), row, history)
        assert_same(cut, expected, f"{kind} {history} {row}, log cut at its moment")


def rows_scored_together_keep_apart(
    kind: str = "transformer", history: str = "rolling", seeds: int = 1
) -> None:
    """The same where many rows of a user are scored on one timeline, some of them later ones."""
    world = tiny_world()
    stage = build(world, leak_config(model__timeline__kind=kind, model__timeline__length=64))
    for row in telling_rows(world, latest=False):
        expected = scores_among_others(stage, world, row, history)
        for seed in range(seeds):
            changed = other_contents(world, row, moment_of(world, row), np.random.default_rng(seed))
            found = scores_among_others(stage, changed, row, history)
            assert_same(found, expected, f"{kind} {history} {row}, seed {seed}")


def a_curve_reads_what_was_known(seeds: int = 1) -> None:
    """The same where probabilities follow the outcomes of the day before their hour."""
    world = tiny_world(users=30)
    stage = build(world, leak_config(model__timeline__length=64))
    moved = 0
    with patch("motet.evaluation.following.MANY", 2), patch("motet.tasks.calibration.MANY", 2):
        for row in telling_rows(world, latest=False):
            expected, plain = (scores_among_others(stage, world, row, follows=way) for way in (True, False))
            moved += "click" in expected and expected["click"] != plain["click"]
            for seed in range(seeds):
                changed = other_contents(world, row, moment_of(world, row), np.random.default_rng(seed))
                assert_same(scores_among_others(stage, changed, row, follows=True), expected, f"{row}")
    assert moved, "no row had a curve"


def a_frozen_history_ends_at_the_cut(kind: str = "transformer", seeds: int = 1) -> None:
    """With a frozen history nothing since the beginning of the test moves a score, earlier or later."""
    world = tiny_world()
    stage = build(world, leak_config(model__timeline__kind=kind))
    for row in telling_rows(world):
        expected = scores(stage, world, row, "frozen")
        for seed in range(seeds):
            changed = another_future(world, row, TEST_BEGIN, np.random.default_rng(seed))
            assert_same(scores(stage, changed, row, "frozen"), expected, f"{kind} {row}, seed {seed}")


def labels_that_look_ahead_are_unseen() -> None:
    """Whether a rating will follow on what was shown is not known to a click in between."""
    world = tiny_world()
    stage = build(world, leak_config())
    clicks = world.events.filter(pl.col("did") == "click", pl.col("ask").is_null(), pl.col("part") == "test")
    for row in [Row(*each) for each in clicks.sort("at").select("who", "what", "at").rows()[:3]]:
        later = (pl.col("who") == row.who) & (pl.col("at") > row.at) & (pl.col("did") == "rate")
        other = pl.when(later).then(pl.lit("click")).otherwise("did").alias("did")
        changed = replace(world, events=world.events.with_columns(other))
        assert_same(scores(stage, changed, row), scores(stage, world, row), f"{row}")


def what_is_shown_before_a_click_does_not_give_it_away(seeds: int = 1) -> None:
    """`next_item` stands before the impression of what is clicked: nothing since then moves its scores."""
    world = tiny_world()
    stage = build(world, leak_config())
    clicks = world.events.filter(pl.col("did") == "click", pl.col("ask").is_null(), pl.col("part") == "test")
    for row in [Row(*each) for each in clicks.sort("who", "at").select("who", "what", "at").rows()[:3]]:
        shown = (pl.col("who") == row.who) & (pl.col("what") == row.what) & (pl.col("at") > row.at - HOUR)
        since = int(world.events.filter(shown)["at"].min())
        assert since < row.at
        expected = _of_next_item(scores(stage, world, row))
        for seed in range(seeds):
            future = another_future(world, row, since, np.random.default_rng(seed))
            found = _of_next_item(scores(stage, _still_shown(future, row, since), row))
            assert_same(found, expected, f"{row}, seed {seed}")


def _still_shown(world: World, row: Row, since: int) -> World:
    """The world in which the row's item is shown when it was, and nothing is positive until the row."""
    events = world.events.to_dicts()
    for event in events:
        if event["who"] == row.who and since <= event["at"] < row.at:
            event["did"] = "impression"
    shown = dict.fromkeys(world.events.columns) | {"who": row.who, "what": row.what, "at": since}
    return with_events(world, [*events, shown | {"did": "impression", "surface": "feed", "part": "test"}])


def _of_next_item(said: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: said[name] for name in ("state", "rank", "list")}


def what_a_user_has_later_is_not_left_out() -> None:
    """Where items do not come again, only those that the user had when asked are left out of the ranking."""
    world = tiny_world()
    stage = build(world, leak_config(data__repeats=False))
    row = telling_rows(world)[1]
    rank = int(scores(stage, world, row)["rank"][0])
    assert rank < len(world.items)
    later = [event for event in world.events.to_dicts() if event["at"] < row.at or event["who"] != row.who]
    own = event_of(world, row)
    others = [
        {**own, "what": int(item), "at": row.at + DAY} for item in world.items["id"] if item != row.what
    ]
    changed = with_events(world, [*later, own, *others])
    assert int(scores(stage, changed, row)["rank"][0]) == rank


def the_order_of_the_files_does_not_matter() -> None:
    """Rows of all three files in another order: the same numbers, the same log, the same scores."""
    world = tiny_world()
    other = World(world.items.reverse(), world.users.reverse(), world.events.sort("dwell"))
    config = leak_config(data__events__ignore=["part"])
    one, two = build(world, config), build(other, config)
    assert one.dataset.catalogue.ids.equals(two.dataset.catalogue.ids), "items are numbered by their place"
    assert np.array_equal(one.dataset.log.item_N, two.dataset.log.item_N), "ties follow the file"
    for row in telling_rows(world):
        assert_same(scores(two, other, row), scores(one, world, row), f"{row}")


def ties_follow_no_order_that_users_share() -> None:
    """Where nothing says what came first, neither ids nor items tell which row comes last."""
    users, items = 80, 7
    usual = {"did": "rate", "surface": "feed", "ask": None, "clicked": 1, "stars": 3.0, "dwell": 1.0}
    events = [
        usual | {"who": user, "what": 100 + item, "at": BEGIN + day * DAY, "part": part}
        for user in range(users)
        for day, part in ((0, "train"), (5, "valid"), (7, "test"))
        for item in range(items)
    ]
    config = leak_config(tasks=[{"name": "next", "kind": "next_item"}])
    tables, _ = clean_divided(tiny_tables(with_events(tiny_world(), events), config), config)
    dataset = prepare(tables, config)
    last_N = dataset.log.item_N.reshape(-1, items)[:, -1]
    count_I = np.bincount(last_N, minlength=len(dataset.catalogue))[1:]
    shares = np.sort(count_I)[-items:] / len(last_N)
    assert shares.max() < 2 / items, f"in ties some items come last too often: {shares}"


def other_ids_give_the_same_predictions() -> None:
    """Items and users under other ids: without id embeddings nothing can tell."""
    world, random = tiny_world(ties=False), np.random.default_rng(1)
    items = dict(zip(world.items["id"], random.permutation(5000)[: len(world.items)].tolist(), strict=True))
    users = dict(zip(world.users["id"], random.permutation(5000)[: len(world.users)].tolist(), strict=True))
    renamed = World(
        world.items.with_columns(pl.col("id").replace_strict(items)),
        world.users.with_columns(pl.col("id").replace_strict(users)),
        world.events.with_columns(pl.col("what").replace_strict(items), pl.col("who").replace_strict(users)),
    )
    config = leak_config(model__item={"id": False})
    one, two = build(world, config), build(renamed, config)
    shown = world.events.filter(part="test", did="impression").sort("at").select("who", "what", "at").rows()
    for row in [Row(*each) for each in shown[-3:]]:
        expected = scores(one, world, row)
        found = scores(two, renamed, Row(users[row.who], items[row.what], row.at))
        for name in ("click", "stars", "soon", "rank", "counters", "request"):
            assert np.allclose(found[name], expected[name], atol=1e-5), f"{row}: {name}"


def numbers_do_not_follow_ids() -> None:
    """The number of an item tells nothing of its id: neither its size nor its place."""
    world = tiny_world(items=14)
    more = pl.concat([world.items] * 20).with_columns(id=pl.int_range(pl.len()) + 100)
    config = leak_config()
    tables, _ = clean_divided(tiny_tables(World(more, world.users, world.events), config), config)
    ids = prepare(tables, config).catalogue.ids.to_numpy()
    assert abs(_correlation(np.arange(len(ids)), ids)) < 0.2, "numbers follow the ids"


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.corrcoef(first, second)[0, 1])
