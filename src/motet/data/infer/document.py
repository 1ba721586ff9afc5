"""Findings and plan become a configuration that a person can read: every choice with its reason."""

import os
from pathlib import Path
from typing import Any

from motet.data.infer.events import Column, LogRoles
from motet.data.infer.features import Choice, Described
from motet.data.infer.gather import Findings, kind_of
from motet.data.infer.look import Look
from motet.data.infer.page import Page
from motet.data.infer.plan import Plan, event_type


def write_document(found: Findings, plan: Plan, name: str, folder: Path) -> str:
    """The text of a configuration.

    Args:
        found: What the files are.
        plan: Tasks, split and length.
        name: Of the configuration.
        folder: Where it will lie; paths are relative to it.
    """
    page = Page()
    page.comment(
        "Written by `motet init` from the files below. Every choice has its reason beside it; change what you"
    )
    page.comment("know better, then run  motet check  and  motet train  on this file.")
    page.put("name", name)
    page.gap()
    page.put("data")
    if found.items:
        page.put("items", depth=1)
        for described in found.items:
            _write_items(page, described, kind_of(described, found.separate_kinds), folder)
    if found.users:
        page.put("users", depth=1)
        for described in found.users:
            _write_source(page, described, "users", folder)
            _write_features(page, described)
    page.put("events", depth=1)
    for place, roles in enumerate(found.logs):
        _write_log(page, roles, event_type(found.logs, place), folder)
    _write_unused(page, found)
    page.put("split", plan.split.settings, plan.split.reason, depth=1)
    page.gap()
    _write_tasks(page, plan)
    page.gap()
    _write_model(page, found, plan)
    return page.text()


def _path(look: Look, folder: Path) -> str | list[str]:
    paths = [_relative(path, folder) for path in look.paths]
    return paths[0] if len(paths) == 1 else paths


def _relative(path: Path, folder: Path) -> str:
    """Relative where the file lies beside or below the configuration, else absolute."""
    absolute = path.resolve()
    relative = os.path.relpath(absolute, folder.resolve())
    return str(absolute) if relative.startswith(os.path.join("..", "..")) else Path(relative).as_posix()


def _write_source(page: Page, described: Described, part: str, folder: Path) -> None:
    look, key = described.table.look, described.key
    if described.only is None:
        twice = look.rows - len(described.table.values(key))
        where = f"all but {twice:,}" if twice else "each"
        reason = f"{key} is different in {where} of its {look.rows:,} rows and is what the log points to"
    else:
        reason = f"there is no file of {part}; these columns of the log are the same for each {key}"
    page.comment(reason, 2)
    page.put("path", _path(look, folder), depth=3, first=True)
    for setting, value in look.settings.items():
        page.put(setting, value, _why_setting(setting, look), depth=3)
    page.put("id", key, depth=3)


def _why_setting(setting: str, look: Look) -> str:
    return {
        "decimal": look.commas.reason if look.commas else "",
        "header": "names for its columns, as the first line is data like the others",
        "encoding": "the text is not UTF-8",
        "layout": "a line is one user, then the items in order",
        "item_separator": "what divides the items of a line",
    }.get(setting, "")


def _write_items(page: Page, described: Described, kind: str, folder: Path) -> None:
    _write_source(page, described, "items", folder)
    page.put("kind", kind, "what these items are called", depth=3)
    if described.time is not None:
        page.put("time", described.time, "when the item came to be: gives its age", depth=3)
    _write_features(page, described)


def _write_features(page: Page, described: Described) -> None:
    for role in ("text", "categorical", "numeric", "vectors"):
        choices = described.of(role)
        if role == "text":
            choices = _short_first(described, choices)
        if choices:
            page.put(role, depth=3)
        for choice in choices:
            page.entry(_column(choice, role), choice.reason, 4)
    for name, reason in described.left_out.items():
        page.comment(f"left out: {name} ({reason})", 3)


def _short_first(described: Described, choices: list[Choice]) -> list[Choice]:
    """A title before categories before a long description, for long texts are cut at their end."""

    def length(choice: Choice) -> float:
        profile = described.table.profiles[choice.column]
        return profile.words if profile.kind != "list" else profile.tokens / max(profile.count, 1)

    plain = [choice for choice in choices if described.table.profiles[choice.column].kind == "text"]
    title = min(plain, key=length, default=None)
    return sorted(choices, key=lambda choice: (choice is not title, length(choice)))


def _column(choice: Choice, role: str) -> Any:
    details: dict[str, Any] = {"column": choice.column}
    if choice.separator is not None and role != "text":
        details["separator"] = choice.separator
    if choice.count:
        details["count"] = True
    return choice.column if len(details) == 1 else details


def _write_log(page: Page, roles: LogRoles, type_name: str, folder: Path) -> None:
    log = roles.log
    if len(log.table.look.paths) > 1:
        page.comment(f"{len(log.table.look.paths)} files with the same columns, laid end to end", 2)
        if log.table.look.parts_of_split and not roles.of("split"):
            page.comment(
                "their names may speak of a split; to keep it, give the rows a column that says so", 2
            )
    for reason in [*log.reasons, f"{roles.user} is the user: {roles.reason}"]:
        page.comment(reason, 2)
    page.put("path", _path(log.table.look, folder), depth=3, first=True)
    settings = dict(log.table.look.settings)
    if log.list_column is not None:
        settings.setdefault("layout", "sequences")
        sign = log.table.profiles[log.list_column].separator
        if sign not in (None, " ") and not log.table.look.ragged:
            settings["item_separator"] = sign
    for setting, value in settings.items():
        page.put(setting, value, _why_setting(setting, log.table.look), depth=3)
    page.put("user", roles.user, depth=3)
    page.put("item", roles.item, depth=3)
    time = roles.one("time")
    if time is not None:
        page.put("time", time.name, _why_time(roles, time), depth=3)
    order = roles.one("order")
    if order is not None:
        page.put("order", order.name, order.reason, depth=3)
    _write_type(page, roles, type_name)
    _write_rest(page, roles)


def _why_time(roles: LogRoles, time: Column) -> str:
    unit = {"s": "seconds since 1970", "ms": "milliseconds since 1970", "us": "microseconds since 1970"}
    return "; ".join(part for part in (unit.get(roles.time_unit, ""), time.reason) if part)


def _write_type(page: Page, roles: LogRoles, type_name: str) -> None:
    column = roles.one("type")
    page.put(
        "type", type_name, f"column: {column.reason}" if column else "what these events are called", depth=3
    )
    stars = [each for each in roles.of("outcome") if each.shape == "stars"]
    if stars:
        page.put("value", stars[0].name, stars[0].reason, depth=3)
    request = roles.one("request")
    if request is not None:
        page.put("request", request.name, request.reason, depth=3)


def _write_rest(page: Page, roles: LogRoles) -> None:
    context = roles.of("context")
    if context:
        page.put("context", depth=3)
    for column in context:
        counted = column.shape == "category" and roles.log.table.profiles[column.name].distinct >= 3
        page.entry({"column": column.name, "count": True} if counted else column.name, column.reason, 4)
    value = next((each.name for each in roles.of("outcome") if each.shape == "stars"), None)
    outcomes = [column for column in roles.of("outcome") if column.name != value]
    if outcomes:
        page.comment("known only after the event, so never an input of the row itself:", 3)
        page.put("outcomes", depth=3)
    for column in outcomes:
        page.entry(column.name, column.reason, 4)
    ignored = [column for column in roles.columns.values() if column.part in ("ignore", "of_item", "of_user")]
    if ignored:
        page.put("ignore", depth=3)
    for column in ignored:
        page.entry(column.name, column.reason, 4)


def _write_unused(page: Page, found: Findings) -> None:
    for name, reason in found.unused.items():
        page.comment(f"not used: {name} ({reason})", 1)


def _write_tasks(page: Page, plan: Plan) -> None:
    page.put("tasks")
    for task in plan.tasks:
        page.entry(task.settings, task.reason, 1, task.off)


def _write_model(page: Page, found: Findings, plan: Plan) -> None:
    page.put("model")
    if not any(described.of("text") for described in found.items):
        page.put("language", "none", "no file has text of the items", depth=1)
    page.put("timeline", plan.length.settings, plan.length.reason, depth=1)
    if plan.steps.settings:
        page.gap()
        page.put("training", plan.steps.settings, plan.steps.reason)
