"""Changes of a world that no score of a row may notice: another future, other outcomes of the row itself."""

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from tests.leaks.stage import Row
from tests.worlds import HOUR, SURFACES, World

TYPES = ("impression", "click", "rate")
OUTCOMES = ("clicked", "stars", "dwell")
Event = dict[str, Any]


def telling_rows(world: World, *, latest: bool = True) -> list[Row]:
    """A test row of each kind: shown with others, clicked in the request that showed it, rated later."""
    events = world.events.filter(part="test").sort("at", "who", "what", descending=latest)
    shown = events.filter(pl.col("did") == "impression", pl.col("clicked") == 1)
    clicked = events.filter(pl.col("did") == "click", pl.col("ask").is_not_null())
    rated = events.filter(did="rate")
    return [Row(*each.select("who", "what", "at").row(0)) for each in (shown, clicked, rated)]


def event_of(world: World, row: Row) -> Event:
    """The row's event."""
    found = world.events.filter(who=row.who, what=row.what, at=row.at)
    assert found.height == 1, found
    return found.row(0, named=True)


def moment_of(world: World, row: Row) -> int:
    """When the moment of a row began: the earliest time of its request."""
    ask = event_of(world, row)["ask"]
    mates = world.events.filter((pl.col("who") == row.who) & (pl.col("ask") == pl.lit(ask, pl.String)))
    return int(mates["at"].min()) if mates.height else row.at


def with_events(world: World, events: list[Event]) -> World:
    """The world with another log."""
    return replace(world, events=pl.DataFrame(events, schema=world.events.schema))


def another_future(world: World, row: Row, since: int, random: np.random.Generator) -> World:
    """Everything since a time is another: items, types, outcomes, contexts, times; of the row its outcomes.

    Times move to later ones; those of the row's own moment stay, for they say when the moment began, and so
    does the first, for it says where the part before it ends.
    """
    own, items = event_of(world, row), world.items["id"].to_list()
    first = world.events.filter(pl.col("at") >= since)["at"].min()
    events: list[Event] = []
    for event in world.events.to_dicts():
        if event["at"] >= since:
            event = with_other_outcomes(event, random)
            if not is_row(event, row):
                event |= {"what": int(random.choice(items)), "surface": str(random.choice(SURFACES))}
                if not _of_moment(event, own):
                    event["ask"] = None
                    event["at"] += int(random.integers(0, 30)) * HOUR * (event["at"] > first)
                event["what"] = _not(row, event, items)
        events.append(event)
    return with_events(world, events)


def no_future(world: World, row: Row, since: int) -> World:
    """The log cut: nothing since a time but the row's moment, and one last event, so that there is a test."""
    own, last = event_of(world, row), world.events.filter(did="rate")["at"].max()
    events = world.events.to_dicts()
    return with_events(world, [e for e in events if e["at"] < since or _of_moment(e, own) or e["at"] == last])


def other_contents(world: World, row: Row, since: int, random: np.random.Generator) -> World:
    """Since a time other items, outcomes and contexts, but as many events, of the same types and times."""
    items, events = world.items["id"].to_list(), []
    for event in world.events.to_dicts():
        if event["at"] >= since:
            event = event | {"dwell": float(random.gamma(2.0, 30.0))}
            for name, values in (("clicked", [0, 1]), ("stars", [1.0, 2.0, 3.0, 4.0, 5.0])):
                event[name] = None if event[name] is None else random.choice(values).item()
            if not is_row(event, row):
                event |= {"what": int(random.choice(items)), "surface": str(random.choice(SURFACES))}
                event["what"] = _not(row, event, items)
        events.append(event)
    return with_events(world, events)


def with_other_outcomes(event: Event, random: np.random.Generator) -> Event:
    """An event of which something else came."""
    return event | {
        "did": str(random.choice(TYPES)),
        "clicked": [0, 1, None][random.integers(3)],
        "stars": [None, 1.0, 2.0, 3.0, 4.0, 5.0][random.integers(6)],
        "dwell": float(random.gamma(2.0, 30.0)),
    }


def is_row(event: Event, row: Row) -> bool:
    """Whether an event is the row's."""
    return (event["who"], event["what"], event["at"]) == (row.who, row.what, row.at)


def _of_moment(event: Event, own: Event) -> bool:
    same = event["ask"] is not None and event["ask"] == own["ask"]
    return event["who"] == own["who"] and (same or event["at"] == own["at"])


def _not(row: Row, event: Event, items: list[int]) -> int:
    """The event's item, or the next one where the event would be taken for the row."""
    return items[(items.index(row.what) + 1) % len(items)] if is_row(event, row) else event["what"]
