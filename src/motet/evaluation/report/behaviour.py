"""What users do: activity, repeats, sessions and drift, as the run's account of behaviour gives them.

Nothing is assumed of the account but its shapes: a number becomes a tile, a list of records a chart and a table, a
mapping a part of its own.
"""

from typing import Any

from motet.evaluation.report import charts
from motet.evaluation.report.blocks import (
    Block,
    Cell,
    Figure,
    Figures,
    Heading,
    Points,
    Row,
    Section,
    Table,
    Tiles,
)
from motet.evaluation.report.evidence import Evidence, mapping, records
from motet.evaluation.report.words import capital, number, plain, real, said

INTRO = "What the log says about its users, before any model: how active they are, what they repeat, how it changes."
MOMENTS = ("time", "date", "day", "week", "month", "period", "from", "start")


def behaviour(evidence: Evidence) -> Section | None:
    """The page on behaviour; None if the run holds none."""
    blocks = _part(mapping(evidence.metrics.get("behaviour")), "behaviour")
    return Section("behaviour", "Behaviour", "What users do", INTRO, tuple(blocks)) if blocks else None


def _part(raw: dict[str, Any], path: str) -> list[Block]:
    """Tiles of the numbers, then sentences, then charts, then a heading and a part for each mapping."""
    numbers = [(key, value) for key, held in raw.items() if (value := real(held)) is not None]
    words = [f"{capital(plain(key))}: {held}" for key, held in raw.items() if isinstance(held, str) and held]
    words += [
        said(one) for held in raw.values() if isinstance(held, list) for one in held if isinstance(one, str)
    ]
    lists = [(key, held) for key in raw if (held := records(raw[key]))]
    blocks: list[Block] = []
    if numbers:
        blocks.append(Tiles(tuple((capital(plain(key)), number(value), "") for key, value in numbers)))
    if words:
        blocks.append(Points(tuple(words)))
    figures = [figure for key, held in lists for figure in _figures(key, held, f"{path}-{key}")]
    if figures:
        blocks.append(Figures(tuple(figures)))
    for key in raw:
        inner = _part(mapping(raw[key]), f"{path}-{key}")
        if inner:
            blocks += [Heading(capital(plain(key))), *inner]
    return blocks


def _figures(name: str, rows: list[dict[str, Any]], path: str) -> list[Figure]:
    """One chart for each numeric column over the first column."""
    first, *others = list(dict.fromkeys(key for row in rows for key in row)) or [""]
    numeric = [key for key in others if any(real(row.get(key)) is not None for row in rows)]
    return [_figure(name, rows, (first, key), f"{path}-{key}") for key in numeric]


def _figure(name: str, rows: list[dict[str, Any]], columns: tuple[str, str], path: str) -> Figure:
    first, key = columns
    lines = tuple(Row(said(row.get(first)), (Cell(number(real(row.get(key)))),)) for row in rows)
    table = Table(
        f"{capital(plain(name))}: {plain(key)}", (capital(plain(first)), capital(plain(key))), lines
    )
    titles, text = (capital(plain(first)), capital(plain(key))), f"{plain(key)} by {plain(first)}"
    if first in MOMENTS:
        drawn = [{"time": said(row.get(first)), "value": real(row.get(key))} for row in rows]
        return Figure(path, table.caption, "", charts.lines(drawn, titles, text), table)
    drawn = [{"step": said(row.get(first)), "value": real(row.get(key))} for row in rows]
    return Figure(path, table.caption, "", charts.bars(drawn, titles, text), table)
