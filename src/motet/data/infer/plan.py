"""Tasks, split and model settings for the logs that were found, each with its reason."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from motet.config.record import milliseconds
from motet.config.syntax import RESERVED
from motet.config.tasks import Window
from motet.data.infer import words
from motet.data.infer.events import Column, LogRoles
from motet.data.infer.steps import step_settings
from motet.data.infer.where import Where, where_it_varies
from motet.data.readers_times import time_in_ms
from motet.data.windows import window_label

LEAST_POSITIVES = 200
_MOST_FLAGS, _MOST_NUMBERS, _MOST_WINDOWS = 6, 2, 3
_ONES = ("1", "1.0", "true")
_CHAIN = 20  # ones that must have come with another before a chain is spoken of
_WINDOWS = ("7d", "3d", "1d", "6h", "1h", "10m")


@dataclass
class Planned:
    """One mapping of the configuration, with its reason; `off` says why it is only written as a comment."""

    settings: dict[str, Any]
    reason: str
    off: str = ""


@dataclass
class Plan:
    """What the configuration says besides the files."""

    tasks: list[Planned] = field(default_factory=list)
    split: Planned = field(default_factory=lambda: Planned({"kind": "leave_one_out"}, ""))
    length: Planned = field(default_factory=lambda: Planned({"length": 100}, ""))
    steps: Planned = field(default_factory=lambda: Planned({}, ""))
    """Settings of the training that the defaults do not fit."""
    types: dict[str, int] = field(default_factory=dict)
    """Event types of the first log and how often each occurs; empty without a type column."""


def make_plan(logs: list[LogRoles], lengths: pl.Series) -> Plan:
    """Choose tasks, split, timeline length and the size of a step.

    Args:
        logs: The logs, the main one first.
        lengths: How many events each user has.
    """
    main = logs[0]
    plan = Plan(types=_types(logs))
    names: set[str] = set()
    plan.tasks.append(_next_item(main, plan.types))
    names.add("next")
    plan.tasks += _flag_tasks(main, names) + _star_tasks(main, names) + _number_tasks(main, names)
    plan.tasks += _window_tasks(main, plan.types, names)
    plan.split = _split(
        logs, any(task.settings["kind"] != "next_item" and not task.off for task in plan.tasks)
    )
    _split_apart(plan, timed=main.one("time") is not None)
    plan.length = _length(lengths)
    plan.steps = Planned(*step_settings(lengths, plan.length.settings["length"]))
    return plan


def event_type(logs: list[LogRoles], place: int) -> str:
    """A column that holds the type, or a word for the events of one file."""
    roles = logs[place]
    column = roles.one("type")
    if column is not None:
        return column.name
    return words.unclaimed(_word_for_events(logs, place), _read_as_types(roles))


def _word_for_events(logs: list[LogRoles], place: int) -> str:
    roles = logs[place]
    shapes = {each.shape for each in roles.of("outcome")}
    if roles.log.list_column is not None and place:
        return "history"
    same_family = words.family(roles.log.table.look.paths[0].name)
    if len(_rows(logs)) > 1 and roles.log.list_column is None and same_family:
        return same_family.replace(" ", "_")
    return "rating" if "stars" in shapes else "impression" if "flag" in shapes else "event"


def _read_as_types(roles: LogRoles) -> list[str]:
    """Columns that `type:` would read if it were their name; the one under `value:` is none of them."""
    stars = [each.name for each in roles.of("outcome") if each.shape == "stars"]
    return [
        each.name for each in roles.columns.values() if each.part != "time" and each.name not in stars[:1]
    ]


def _rows(logs: list[LogRoles]) -> list[LogRoles]:
    return [roles for roles in logs if roles.log.list_column is None]


def quoted(column: str) -> str:
    """A column as label expressions spell it.

    >>> quoted("is_click"), quoted("dwell time")
    ('is_click', '`dwell time`')
    """
    plain = re.fullmatch(r"[^\W\d]\w*", column) and column not in RESERVED
    return column if plain else f"`{column}`"


def task_name(column: str, taken: set[str], otherwise: str = "task") -> str:
    """A name for a task that learns from a column; adds it to those taken.

    >>> task_name("is_click", set()), task_name("3 stars", set()), task_name("like", {"like"})
    ('click', 'task_3_stars', 'like_2')
    """
    plain = re.sub(r"[^A-Za-z0-9_]+", "_", column).strip("_")
    plain = re.sub(r"^(is|has|did|if)_(?=[A-Za-z])", "", plain)
    if not plain or not plain[0].isalpha():
        plain = f"{otherwise}_{plain}".rstrip("_")
    name, number = plain, 2
    while name in taken:
        name, number = f"{plain}_{number}", number + 1
    taken.add(name)
    return name


def _types(logs: list[LogRoles]) -> dict[str, int]:
    """Event types, the most frequent first: those of the type column, or one for each log."""
    roles, column = logs[0], logs[0].one("type")
    if column is None:
        rows = _rows(logs)
        named = {event_type(logs, n): each.log.events for n, each in enumerate(logs) if each in rows}
        return dict(sorted(named.items(), key=lambda item: -item[1])) if len(named) > 1 else {}
    counts = (
        roles.log.table.look.raw.frame.group_by(column.name)
        .agg(pl.len().alias("n"))
        .collect(engine="streaming")
    )
    return {str(name): n for name, n in counts.drop_nulls().sort("n", descending=True).rows()}


def _next_item(roles: LogRoles, types: dict[str, int]) -> Planned:
    task: dict[str, Any] = {"name": "next", "kind": "next_item"}
    flags = [each for each in _flags(roles) if 0 < each.share <= 0.9]
    rated = any(column.shape == "stars" for column in roles.of("outcome"))
    if flags and not rated:
        chosen = flags[0]
        task["positive"] = f"{quoted(chosen.name)} == 1"
        return Planned(
            task, f"{chosen.name} is the most frequent sign of interest ({chosen.share:.1%} of the rows)"
        )
    shown = [name for name in types if words.speaks_of(name, words.EXPOSURE)]
    done = [name for name in types if name not in shown and types[name] >= LEAST_POSITIVES]
    if (
        shown
        and done
        and any(words.speaks_of(name, ["impression", "show", "expose", "exposure", "曝光"]) for name in shown)
    ):
        task["positive"] = done
        return Planned(task, f"{', '.join(shown)} only says that an item was shown")
    if rated:
        return Planned(task, "every rating counts: to rate an item is to have chosen it")
    return Planned(task, "every event counts as interest")


def _flags(roles: LogRoles) -> list[Column]:
    found = [column for column in roles.of("outcome") if column.shape == "flag"]
    return sorted(found, key=lambda column: -column.positives)


def _flag_tasks(roles: LogRoles, names: set[str]) -> list[Planned]:
    tasks = []
    for place, column in enumerate(_flags(roles)):
        label = f"{quoted(column.name)} == 1"
        settings: dict[str, Any] = {
            "name": task_name(column.name, names, "flag"),
            "kind": "binary",
            "label": label,
        }
        where = where_it_varies(roles, column.name)
        positives, share = (column.positives, column.share) if where is None else (where.ones, where.share)
        ones = f"about {positives:,} ones ({share:.2%})"
        off = ""
        if positives < LEAST_POSITIVES:
            off = f"{ones}: fewer than {LEAST_POSITIVES} are too few to learn from and to measure"
        elif place >= _MOST_FLAGS:
            off = f"{ones}: {_MOST_FLAGS} more frequent ones are tasks already"
        tasks.append(_on_types(Planned(settings, ones, off), where))
    _tell_chains(roles, [column.name for column in _flags(roles)], tasks)
    return tasks


def _tell_chains(roles: LogRoles, columns: Sequence[str], tasks: Sequence[Planned]) -> None:
    """Say of flags that never come without a more frequent one that they may be declared to follow it."""
    head = roles.log.table.look.head
    ones = [(head[name].cast(pl.String).str.to_lowercase().is_in(_ONES)).fill_null(False) for name in columns]
    for later, (task, one) in enumerate(zip(tasks, ones, strict=True)):
        if task.off or one.sum() < _CHAIN:
            continue
        found = [
            earlier
            for earlier in range(later)
            if not tasks[earlier].off and ones[earlier].sum() > one.sum() and not (one & ~ones[earlier]).any()
        ]
        if found:
            first = tasks[found[-1]].settings["name"]  # the rarest of them is the nearest
            task.reason += f"; never without {first}: `after: {first}` would make them a chain"


def _star_tasks(roles: LogRoles, names: set[str]) -> list[Planned]:
    tasks = []
    for column in [column for column in roles.of("outcome") if column.shape == "stars"][:1]:
        scale = column.scale
        if scale is None:
            continue
        steps = f"{scale.low:g} to {scale.high:g}"
        label = f"{quoted(column.name)} >= {scale.threshold:g}"
        like = {"name": task_name("like", names), "kind": "binary", "label": label}
        where = where_it_varies(roles, column.name)
        tasks.append(_on_types(Planned(like, f"the upper {scale.share:.0%} of a scale from {steps}"), where))
        number = {
            "name": task_name(column.name, names, "rating"),
            "kind": "regression",
            "label": quoted(column.name),
        }
        tasks.append(_on_types(Planned(number, f"{column.name} is a scale from {steps}"), where))
    return tasks


def _number_tasks(roles: LogRoles, names: set[str]) -> list[Planned]:
    spent = [column for column in roles.of("outcome") if column.shape == "spent"]
    others = [column for column in roles.of("outcome") if column.shape == "number"]
    tasks = []
    for place, column in enumerate(spent + others):
        settings: dict[str, Any] = {
            "name": task_name(column.name, names, "number"),
            "kind": "regression",
            "label": quoted(column.name),
        }
        if column.shape == "spent":
            settings["transform"] = "log1p"
        off = (
            ""
            if place < _MOST_NUMBERS and column.shape == "spent"
            else "its values are not those of a time spent"
        )
        if column.shape == "spent" and place >= _MOST_NUMBERS:
            off = f"{_MOST_NUMBERS} numbers are tasks already"
        tasks.append(_on_types(Planned(settings, column.reason, off), where_it_varies(roles, column.name)))
    return tasks


def _on_types(task: Planned, where: Where | None) -> Planned:
    """The task, learning only from the types of event where its label varies."""
    if where is not None:
        task.settings["types"] = where.types[0] if len(where.types) == 1 else list(where.types)
        task.reason += f"; {where.reason}"
    return task


def _window_tasks(roles: LogRoles, types: dict[str, int], names: set[str]) -> list[Planned]:
    """In a log with one row an event: will the first, most frequent act be followed by another?"""
    if len(types) < 2 or roles.one("time") is None:
        return []
    base, *later = types
    within, too_short = _window(roles)
    tasks = []
    for place, event in enumerate(later):
        window = {"of": base, "event": event, "within": within}
        settings = {"name": task_name(event, names), "kind": "binary", "label": window}
        reason = f"does {event} follow {base} on the same item ({types[event]:,} rows of it)"
        off = too_short or _seldom_follows(roles, base, event, within)
        if types[event] < LEAST_POSITIVES:
            off = f"{types[event]} rows are too few to learn from and to measure"
        elif place >= _MOST_WINDOWS:
            off = f"{_MOST_WINDOWS} more frequent acts are tasks already"
        tasks.append(Planned(settings, reason, off))
    return tasks


def _seldom_follows(roles: LogRoles, base: str, event: str, within: str) -> str:
    """Why the answer would nearly always be no; nothing is said of a log that was looked at in part alone."""
    look, column, time = roles.log.table.look, roles.one("type"), roles.one("time")
    if column is None or time is None or look.rows > look.head.height:
        return ""
    moment = time_in_ms(time.name, look.head[time.name], "auto", look.name)
    names = {"@user": roles.user, "@item": roles.item, "@type": column.name}
    log = look.head.select(*(pl.col(name).alias(new) for new, name in names.items()), moment.alias("@time"))
    cut_N = np.full(log.height, np.iinfo(np.int64).max)
    window = Window(of=base, event=event, within=within)
    followed = int(window_label(log.cast({"@type": pl.String}), window, cut_N).sum())
    if followed >= LEAST_POSITIVES:
        return ""
    return f"it follows {followed:,} times within {within}: too few to learn from and to measure"


def _window(roles: LogRoles) -> tuple[str, str]:
    """The longest window that fits twice into each part of a split by time, and why none does.

    Rows whose window is still open at the end of their part have no label.
    """
    time = roles.one("time")
    if time is None:
        return _WINDOWS[0], ""
    look = roles.log.table.look
    moment = look.sample.select(time_in_ms(time.name, look.head[time.name], "auto", look.name)).to_series()
    low, valid, test, high = (moment.quantile(share) or 0 for share in (0, 0.8, 0.9, 0.999))
    shortest = min(valid - low, test - valid, high - test)
    fitting = [window for window in _WINDOWS if milliseconds(window) <= shortest / 2]
    if fitting:
        return fitting[0], ""
    return _WINDOWS[-1], "the log is too short: at the end of each part all windows would still be open"


def _split(logs: list[LogRoles], row_tasks: bool) -> Planned:
    main = logs[0]
    column = main.one("split")
    if column is not None:
        settings: dict[str, Any] = {"kind": "column", "column": column.name}
        other = {part: value for part, value in main.split_values.items() if part != value}
        return Planned(settings | ({"values": other} if other else {}), f"the file has it: {column.reason}")
    timed = main.one("time") is not None
    rated = any(column.shape == "stars" for column in main.of("outcome"))
    if timed and row_tasks and not rated:
        share = {"kind": "time", "valid": 0.1, "test": 0.1}
        return Planned(
            share,
            "rows are scored as they come, so the last tenth in time is the test, the tenth before it"
            " validation",
        )
    if timed or main.one("order") is not None:
        return Planned(
            {"kind": "leave_one_out"}, "each user's last event is the test, the one before it validation"
        )
    if main.log.list_column is not None:
        return Planned(
            {"kind": "leave_one_out"}, "there are no times: the last item of each list is the test"
        )
    return Planned(
        {"kind": "random", "valid": 0.1, "test": 0.1},
        "there is neither time nor order: rows are drawn at random",
    )


def _split_apart(plan: Plan, *, timed: bool) -> None:
    """Give tasks a split of their own whose rows leave-one-out would not hold out.

    It holds out the last two positives of each user. Other rows (impressions, other types of event) then have
    no validation rows, or all with one answer.
    """
    if plan.split.settings["kind"] != "leave_one_out":
        return
    if "positive" not in plan.tasks[0].settings and len(plan.types) < 2:
        return
    kind = "time" if timed else "random"
    for task in plan.tasks[1:]:
        task.settings["split"] = {"kind": kind, "valid": 0.1, "test": 0.1}
        task.reason += (
            f"; split {'by time' if timed else 'at random'}, for leave-one-out holds out each user's last"
            " positives, and its rows are others"
        )


def _length(lengths: pl.Series) -> Planned:
    high = float(lengths.quantile(0.95) or 10)
    length = int(min(200, max(10, -(-high // 10) * 10)))
    said = f"95% of the users have at most {high:.0f} events" + (
        ", of which the last 200 are read" if high > 200 else ""
    )
    return Planned({"length": length}, said)
