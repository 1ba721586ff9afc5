"""Where `next_item` stands when it is asked, and what it has seen by then."""

import numpy as np
import polars as pl

from motet.data.dataset import prepare
from motet.data.division import clean_divided
from motet.data.timelines import TEST
from motet.evaluation.protocol import views
from motet.evaluation.scoring import questions
from tests.worlds import BEGIN, DAY, SECOND, World, tiny_config, tiny_tables, tiny_world


def shown_long_before(shown_after: int) -> tuple[int, int, int]:
    """The last test query: state it is asked from, events in its window, events known.

    The clicked item is shown first; then come that many other impressions, then the click.
    """
    world = tiny_world()
    at = BEGIN + 7 * DAY
    rows = [{"what": 100, "did": "impression", "at": at}]
    rows += [
        {"what": 101 + n % 9, "did": "impression", "at": at + (n + 1) * SECOND} for n in range(shown_after)
    ]
    rows += [{"what": 100, "did": "click", "at": at + 60 * SECOND}]
    usual = dict.fromkeys(world.events.columns) | {"who": 99, "surface": "feed", "part": "test"}
    events = pl.DataFrame([usual | {"dwell": float(n)} | row for n, row in enumerate(rows)])
    log = pl.concat([world.events, events.cast(world.events.schema)])
    config = tiny_config()
    tables, _ = clean_divided(tiny_tables(World(world.items, world.users, log), config), config)
    dataset = prepare(tables, config)
    asked = questions(dataset, views(config, dataset.log)[0], "next", TEST, 4)
    place = int(np.flatnonzero(asked.user_Q == len(dataset.log.user_ids) - 1)[-1])
    plan = asked.plan
    window = int(np.searchsorted(plan.offset_W, asked.query_Q[place], side="right")) - 1
    return int(plan.ask_Q[asked.query_Q[place]]), int(plan.length_W[window]), int(plan.known_Q[place])


def test_an_item_is_asked_for_before_it_was_shown():
    assert shown_long_before(2) == (0, 0, 0)


def test_however_many_events_lie_between_the_question_is_asked():
    assert shown_long_before(30) == (0, 0, 0)
