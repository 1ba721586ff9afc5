"""The charts of the page on behaviour: users by activity, popularity, the clock, and what moves over time."""

from typing import Any

from motet.evaluation.report import charts
from motet.evaluation.report.blocks import Cell, Figure, Row, Table
from motet.evaluation.report.evidence import mapping, records
from motet.evaluation.report.numbers import count, number, percent, real
from motet.evaluation.report.words import plain, said

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def behaviour_figures(raw: dict[str, Any]) -> tuple[Figure, ...]:
    """Every chart whose figures are there."""
    activity, clock = mapping(raw.get("activity")), mapping(raw.get("clock"))
    found = [
        _users(records(activity.get("users_by_events"))),
        _lorenz(records(activity.get("lorenz"))),
        *_over_time(mapping(raw.get("drift"))),
        _bars("clock-hours", "Events by hour of the day", "Hour (UTC)", _hours(clock)),
        _bars(
            "clock-weekdays", "Events by day of the week", "Day (UTC)", _listed(clock.get("weekdays"), DAYS)
        ),
    ]
    return tuple(figure for figure in found if figure is not None)


def _hours(clock: dict[str, Any]) -> list[tuple[str, float]]:
    """Events by hour; none where all are at midnight, for then the log has days alone."""
    steps = _listed(clock.get("hours"))
    return steps if any(value for _, value in steps[1:]) else []


def _listed(values: Any, names: tuple[str, ...] = ()) -> list[tuple[str, float]]:
    numbers = [real(value) for value in values] if isinstance(values, list) else []
    steps = names if len(names) == len(numbers) else tuple(map(str, range(len(numbers))))
    return [(step, value) for step, value in zip(steps, numbers, strict=True) if value is not None]


def _bars(
    key: str, title: str, axis: str, steps: list[tuple[str, float]], what: str = "Events"
) -> Figure | None:
    if not steps:
        return None
    rows: list[dict[str, Any]] = [{"step": step, "value": value} for step, value in steps]
    table = Table(title, (axis, what), tuple(Row(step, (Cell(count(value)),)) for step, value in steps))
    return Figure(f"behaviour-{key}", title, "", charts.bars(rows, (axis, what), title), table)


def _users(histogram: list[dict[str, Any]]) -> Figure | None:
    steps = []
    for one in histogram:
        low, high, users = real(one.get("from")), real(one.get("to")), real(one.get("users"))
        if low is not None and high is not None and users is not None:
            steps.append((count(low) if low == high else f"{count(low)}–{count(high)}", users))
    return _bars("users", "Users by number of events", "Events of a user", steps, "Users")


def _lorenz(points: list[dict[str, Any]]) -> Figure | None:
    known = [
        (items, events)
        for one in points
        if (items := real(one.get("items"))) is not None and (events := real(one.get("events"))) is not None
    ]
    if not known:
        return None
    rows: list[dict[str, Any]] = [{"x": items, "y": events} for items, events in known]
    titles = ("Share of items, most popular first", "Share of events")
    table = Table(
        "Share of events of the most popular items",
        titles,
        tuple(Row(percent(items), (Cell(percent(events)),)) for items, events in known),
    )
    note = "The dashed line: every item alike."
    spec = charts.shares(rows, titles, table.caption)
    return Figure("behaviour-lorenz", "How far events gather on few items", note, spec, table)


def _over_time(drift: dict[str, Any]) -> list[Figure | None]:
    """Events, users, the share of new items and each label by day."""
    points = records(drift.get("points"))
    days = real(drift.get("days_a_point")) or 1
    every = "a day" if days == 1 else f"in every {count(days)} days"
    names = list(dict.fromkeys(name for one in points for name in mapping(one.get("labels"))))

    def follow(key: str) -> dict[str, float | None]:
        return {said(one.get("day")): real(one.get(key)) for one in points}

    def label(name: str) -> dict[str, float | None]:
        return {said(one.get("day")): real(mapping(one.get("labels")).get(name)) for one in points}

    return [
        *(
            _line(f"time-{key}", f"{plain(key).capitalize()} {every}", follow(key))
            for key in ("events", "users")
        ),
        _line("new items", "Events on items that were not seen before", follow("new_items"), share=True),
        *(_line(f"label-{name}", f"Mean of “{plain(name)}”", label(name)) for name in names),
    ]


def _line(key: str, title: str, held: dict[str, float | None], *, share: bool = False) -> Figure | None:
    known = {day: value for day, value in held.items() if value is not None}
    if len(known) < 2:
        return None
    rows: list[dict[str, Any]] = [{"time": day, "value": value} for day, value in known.items()]
    show = percent if share else number
    table = Table(
        title, ("Day", "Value"), tuple(Row(day, (Cell(show(value)),)) for day, value in known.items())
    )
    spec = charts.lines(rows, ("Day", "Share" if share else "Number"), title, share=share)
    return Figure(f"behaviour-{key}", title, "", spec, table)
