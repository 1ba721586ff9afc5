"""The picture and the tables of docs/worlds.md, out of benchmarks/results/world.json.

python -m benchmarks.world_page
"""

from pathlib import Path
from typing import Any

import altair as alt
import vl_convert

from motet.system.files import read_json, write_text

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "world.json"
PAGE = ROOT / "docs" / "worlds.md"
PICTURE = ROOT / "docs" / "images" / "gain_against_conflict.svg"
MARKS = ("<!-- {name} -->", "<!-- end of {name} -->")
TASKS = {"click": "click (known of every view)", "like": "like (known of two in five)"}
COLOURS = ["#2f6db3", "#b5442e", "#3f8f5b", "#8a5fb0", "#b08a2e", "#d66fa8", "#4d5358"]
Details = dict[str, Any]


def write_page() -> None:
    """Draw the picture, and put the tables into the page."""
    details = read_json(RESULTS)["details"]
    write_text(PICTURE, drawing(details))
    write_text(PAGE, filled(PAGE.read_text(encoding="utf-8"), details))


def filled(page: str, details: Details) -> str:
    """A page with the tables between their marks."""
    tables = {"shared": shared, "conflict": conflict, "guard": guard, "transfer": transfer}
    for name, make in tables.items():
        start, end = (mark.format(name=name) for mark in MARKS)
        before, _, rest = page.partition(start)
        _, found, after = rest.partition(end)
        assert found, f"{PAGE.name} must hold a place for {name}, between {start} and {end}"
        page = f"{before}{start}\n{make(details[name])}{end}{after}"
    return page


def shared(found: Details) -> str:
    """Rare clicks on products beside frequent ones on articles."""
    rows = [
        (f"{float(at):g}", *(figures(seeds, "buy", name) for name in ("joint", "twin", "gain", "best")),
         figures(seeds, "read", "gain"))
        for at, seeds in found.items()
    ]  # fmt: skip
    return table(("`shared`", "products: joint", "twin", "gain", "best possible", "articles: gain"), rows)


def conflict(found: Details) -> str:
    """Gains by kind of sharing and conflict, click and like."""
    at = list(next(iter(found.values())))
    rows = [
        (f"`{kind}`", task, *(figures(by_conflict[value], task, "gain") for value in at))
        for task in TASKS for kind, by_conflict in found.items()
    ]  # fmt: skip
    return table(("sharing", "task", *(f"conflict {float(value):g}" for value in at)), rows)


def guard(found: Details) -> str:
    """What the guard did where tasks agree, and where they have nothing in common."""
    rows = []
    for at, seeds in found.items():
        apart = sum(one["separated"] for one in seeds)
        rows.append((f"{float(at):g}", f"{apart:.0f} of {len(seeds)}",
                     *(spread([one[name] for one in seeds]) for name in ("before", "after"))))  # fmt: skip
    head = ("conflict", "a task was set apart", "AUC less twin's without the guard", "with it")
    return table(head, rows)


def transfer(found: Details) -> str:
    """Next products of users who saw articles alone."""
    rows = [
        (f"{float(at):g}", *(spread([one[name] for one in seeds], sign="")
                             for name in ("ours", "popularity", "truth", "ours, other users",
                                          "popularity, other users")))
        for at, seeds in found.items()
    ]  # fmt: skip
    head = (
        "`shared`",
        "articles alone: Motet",
        "popularity",
        "by the true scores",
        "others: Motet",
        "popularity",
    )
    return table(head, rows)


def figures(seeds: list[Details], task: str, name: str) -> str:
    """Mean of the seeds; with the least and the greatest where it is a gain."""
    values = [one[task][name] for one in seeds]
    return spread(values) if name == "gain" else f"{sum(values) / len(values):.3f}"


def spread(values: list[float], sign: str = "+") -> str:
    """Mean, least and greatest.

    >>> spread([0.1, -0.2])
    '-0.050 (-0.200 to +0.100)'
    """
    mean, least, most = sum(values) / len(values), min(values), max(values)
    return f"{mean:{sign}.3f} ({least:{sign}.3f} to {most:{sign}.3f})"


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def drawing(details: Details) -> str:
    """Gain against conflict, a line for each kind of sharing, a field for each task; bars span the seeds."""
    rows = []
    for kind, by_conflict in details["conflict"].items():
        for at, seeds in by_conflict.items():
            for task, title in TASKS.items():
                gain = [one[task]["gain"] for one in seeds]
                mean, low, high = sum(gain) / len(gain), min(gain), max(gain)
                row = {"sharing": kind, "conflict": float(at), "task": title}
                rows.append(row | {"gain": mean, "low": low, "high": high})
    kinds = list(details["conflict"])
    start = alt.Chart().encode(
        x=alt.X(
            "conflict:Q",
            title="conflict: 0 the same, ½ unrelated, 1 opposed",
            axis=alt.Axis(values=[0, 0.25, 0.5, 0.75, 1], labelExpr="datum.value"),
        ),
        color=alt.Color(
            "sharing:N",
            title=None,
            scale=alt.Scale(domain=kinds, range=COLOURS),
            legend=alt.Legend(symbolOpacity=1),
        ),
    )
    line = start.mark_line(point=True).encode(y=alt.Y("gain:Q", title="AUC less that of the twin"))
    bars = start.mark_rule(opacity=0.35).encode(y="low:Q", y2="high:Q")
    zero = alt.Chart().mark_rule(color="#888", strokeDash=[4, 3]).encode(y=alt.datum(0))
    chart = alt.layer(zero, bars, line, data=alt.Data(values=rows)).properties(width=290, height=240)
    whole = chart.facet(column=alt.Column("task:N", title=None)).resolve_scale(y="independent")
    return str(vl_convert.vegalite_to_svg(whole.to_dict()))


if __name__ == "__main__":
    write_page()
