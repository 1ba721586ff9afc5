"""What users do: activity, repeats, sessions, drift and cold rows, in sentences, charts and tables."""

from collections.abc import Callable
from typing import Any

from motet.evaluation.report.behaviour_plots import behaviour_figures
from motet.evaluation.report.blocks import Block, Cell, Figures, Points, Row, Section, Table, Tiles
from motet.evaluation.report.evidence import Evidence, mapping, records
from motet.evaluation.report.numbers import ABSENT, count, percent, real, short
from motet.evaluation.report.words import amount, listed, plain, said

INTRO = "What the log says of its users before any model: how active they are, what they repeat, what drifts."
Part = dict[str, Any]


def behaviour(evidence: Evidence) -> Section | None:
    """The page on behaviour; None if the run holds none."""
    raw = mapping(evidence.metrics.get("behaviour"))
    tiles = tuple(tile for tile in _tiles(raw) if tile[1] != ABSENT)
    sentences = tuple(text for say in SENTENCES if (text := say(raw)))
    figures, types = behaviour_figures(raw), _types(raw)
    blocks: list[Block] = [Tiles(tiles)] if tiles else []
    blocks += [Points(sentences)] if sentences else []
    blocks += [Figures(figures)] if figures else []
    blocks += [types] if types else []
    return Section("behaviour", "Behaviour", "What users do", INTRO, tuple(blocks)) if blocks else None


def _tiles(raw: Part) -> list[tuple[str, str, str]]:
    activity, sessions = mapping(raw.get("activity")), mapping(raw.get("sessions"))
    silent = real(activity.get("items_without_events"))
    return [
        ("Users", count(real(activity.get("users"))), ""),
        (
            "Items",
            count(real(activity.get("items"))),
            f"and {count(silent)} without an event" if silent else "",
        ),
        ("Events", count(real(activity.get("events"))), ""),
        ("Repeats", percent(real(mapping(raw.get("repeats")).get("share"))), "of events"),
        ("Sessions", short(real(sessions.get("per_user"))), "for each user"),
    ]


def _activity(raw: Part) -> str:
    held = mapping(mapping(raw.get("activity")).get("events_per_user"))
    half, tenth = real(held.get("p50")), real(held.get("p90"))
    if half is None or tenth is None:
        return ""
    tail = f"the most active tenth has at least {count(tenth)}"
    return f"Half of the users have at most {count(half)} events; {tail}."


def _concentration(raw: Part) -> str:
    activity = mapping(raw.get("activity"))
    points = [(real(one.get("items")), real(one.get("events"))) for one in records(activity.get("lorenz"))]
    share = next((events for items, events in points if items is not None and abs(items - 0.1) < 1e-6), None)
    if share is None:
        return ""
    index = real(activity.get("gini"))
    tail = f" (Gini {index:.2f}: 0 is even, 1 is all on one)" if index is not None else ""
    return f"The most popular tenth of the items draws {percent(share)} of all events{tail}."


def _repeats(raw: Part) -> str:
    held = mapping(raw.get("repeats"))
    share, least = real(held.get("share")), real(held.get("come_again_from"))
    if share is None:
        return ""
    verdict = "" if least is None else ": items come again" if share >= least else ": items do not come again"
    return f"{percent(share)} of events are on an item that the user had met before{verdict}."


def _sessions(raw: Part) -> str:
    held = mapping(raw.get("sessions"))
    events, minutes = (real(mapping(held.get(key)).get("p50")) for key in ("events", "minutes"))
    if events is None or minutes is None:
        return ""
    pause = real(held.get("gap_minutes"))
    ends = f" (a pause of {count(pause)} minutes ends one)" if pause is not None else ""
    most = amount(round(events), "event")
    return f"Half of the sessions{ends} have at most {most} and last at most {_short(minutes)}."


def _short(minutes: float) -> str:
    return f"{minutes * 60:.0f} seconds" if minutes < 2 else f"{minutes:,.0f} minutes"


def _drift(raw: Part) -> str:
    held = mapping(mapping(raw.get("drift")).get("popularity"))
    share, top, fresh = (real(held.get(key)) for key in ("share", "top", "new_item_events"))
    if share is None or top is None:
        return ""
    news = f"; {percent(fresh)} of its events are on items that came later" if fresh is not None else ""
    return (
        f"Of the {count(top)} most popular items of the first quarter of the log, {percent(share)} "
        f"still are in the last quarter{news}."
    )


def _cold(raw: Part) -> str:
    told = []
    for name, held in mapping(raw.get("cold")).items():
        items, users = (real(mapping(held).get(key)) for key in ("cold_items", "cold_users"))
        if items is not None and users is not None:
            told.append(
                f"the item of {percent(items)} and the user of {percent(users)} of the {plain(name)} rows"
            )
    return f"Not seen in training: {listed(told)}." if told else ""


SENTENCES: tuple[Callable[[Part], str], ...] = (_activity, _concentration, _repeats, _sessions, _drift, _cold)


def _types(raw: Part) -> Table | None:
    """Each type of event; None if there are none."""
    rows = tuple(_type(one) for one in records(raw.get("types")))
    columns = ("Type", "Events", "Share", "Users", "With a value", "Median value")
    return Table("Types of events", columns, rows) if rows else None


def _type(one: Part) -> Row:
    values = mapping(one.get("values"))
    middle, low, high = (real(values.get(key)) for key in ("p50", "p10", "p90"))
    spread = "" if low is None or high is None else f"eight of ten: {short(low)} to {short(high)}"
    cells = (
        Cell(count(real(one.get("events")))),
        Cell(percent(real(one.get("share")))),
        Cell(count(real(one.get("users")))),
        Cell(percent(real(one.get("valued")))),
        Cell(short(middle), spread),
    )
    return Row(said(one.get("type")), cells)
