"""`motet check`: read, clean, order and split as training would, and say what comes of it; nothing trains."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer


def check(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="A configuration, such as motet.yaml.")],
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="a.b=c", help="Change a setting; may be given several times."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check a configuration and its data: what is found, what will be done, how many rows each task gets."""
    from motet.config.read import config_folder, located, read_config
    from motet.data.survey import survey

    with located(config, set_ or ()):
        found = survey(read_config(config, set_ or ()), config_folder(config))
    if as_json:
        import json

        print(json.dumps(found, indent=2, default=str))
    else:
        print("\n".join(page(found)))


def page(found: Mapping[str, Any]) -> Iterator[str]:
    """What was found, as lines for people."""
    yield f"{found['name']}: the configuration fits the data"
    parts = []
    if "log" in found:
        parts = [
            ("Log", _log(found["log"])),
            ("Columns", _columns(found["columns"])),
            ("Cleaning", iter(found["account"])),
            ("Tasks", _tasks(found["tasks"])),
            ("Suspicious", _suspects(found["suspects"])),
        ]
    if found["texts"]:
        parts.append(("Texts", _texts(found["texts"])))
    for title, lines in parts:
        yield from ("", title, *(f"  {line}" for line in lines))


def _texts(tasks: Mapping[str, dict[str, Any]]) -> Iterator[str]:
    for name, task in tasks.items():
        parts = ", ".join(f"{part} {rows:,}" for part, rows in task["parts"].items())
        yield f"{name}: {task['of']}; {parts}"
        yield from task["statements"]


def _log(log: Mapping[str, Any]) -> Iterator[str]:
    yield f"{log['events']:,} events of {log['users']:,} users on {log['items']:,} items"
    if log["first"] is None:
        yield "no times: events follow their order, or a seeded one where there is none"
    else:
        yield f"from {log['first']} to {log['last']}"
    yield f"types: {_counted(log['types'])}"
    if log["catalogue"]["items"]:
        yield f"catalogue: {log['catalogue']['items']:,} items; kinds: {_counted(log['catalogue']['kinds'])}"


def _counted(counts: Mapping[str, int], most: int = 8) -> str:
    shown = [f"{name} {number:,}" for name, number in list(counts.items())[:most]]
    return ", ".join(shown) + (f", and {len(counts) - most} more" if len(counts) > most else "")


_ROLES = {
    "item": "of an item",
    "user": "of a user",
    "context": "known when the question is asked",
    "outcome": "known afterwards alone",
}


def _columns(columns: Mapping[str, list[dict[str, Any]]]) -> Iterator[str]:
    for role, features in columns.items():
        words = [f"{each['column']} ({each['kind']}{', several' * each['several']})" for each in features]
        yield f"{_ROLES[role]}: {', '.join(words) or 'none'}"


def _suspects(suspects: list[dict[str, Any]] | None) -> Iterator[str]:
    if suspects is None:
        yield "not looked for: the log is long; training will look"
    else:
        yield from (each["text"] for each in suspects or [{"text": "no column seems to know too much"}])


def _tasks(tasks: Mapping[str, dict[str, Any]]) -> Iterator[str]:
    for name, task in tasks.items():
        parts = [f"{part} {rows['asked']:,}" for part, rows in task["parts"].items() if rows["rows"]]
        mean = "" if task["mean"] is None else f"; mean label {task['mean']:.4g}"
        left = "".join(f"; {each}" for each in _left_out(task))
        yield f"{name} ({task['kind']}, split {task['split']}): {', '.join(parts)}{mean}{left}"


def _left_out(task: Mapping[str, Any]) -> Iterator[str]:
    if task["open"]:
        yield f"rows masked because their window of {task['window']} was not over: {task['open']:,}"
    if task["elsewhere"]:
        yield f"rows that the split of another task holds out: {task['elsewhere']:,}"
