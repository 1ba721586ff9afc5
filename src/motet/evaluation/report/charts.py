"""Vega-Lite charts. Colours are CSS variables, so that light, dark and print share one drawing."""

from typing import Any

import altair as alt

from motet.evaluation.report.numbers import real

INK, MUTED, GRID = "var(--ink)", "var(--muted)", "var(--rule)"
JOINT, OTHER = "var(--joint)", "var(--other)"
TONES = {
    "better": "var(--better)",
    "same": "var(--muted)",
    "worse": "var(--worse)",
    "untested": "var(--muted)",
    "none": "var(--muted)",
}
SHAPES = {"better": "triangle-up", "worse": "triangle-down", "other": "diamond"}
ROW = 30  # pixels for one row of a chart with names on its left

Rows = list[dict[str, Any]]


def _finish(chart: Any, height: int, description: str) -> dict[str, Any]:
    """The specification, as wide as its place, without the address of its schema.

    The whole is not checked against the schema, which takes longer than the rest of the page; a test does it.
    """
    whole = chart.properties(width="container", height=height, description=description)
    made: dict[str, Any] = whole.to_dict(validate=False)
    made.pop("$schema", None)
    made.pop("config", None)
    made["autosize"] = {"type": "fit", "contains": "padding"}
    return made


def _names(rows: Rows, field: str) -> list[str]:
    return list(dict.fromkeys(str(row[field]) for row in rows))


def _data(rows: Rows) -> alt.Data:
    return alt.Data(values=rows)  # type: ignore[no-untyped-call]


def _format(rows: Rows) -> str:
    """Thousands as k where values are large, plain numbers where they are not."""
    largest = max((abs(value) for row in rows if (value := real(row["value"])) is not None), default=0.0)
    return "~s" if largest >= 10_000 else ",f"


def intervals(rows: Rows, title: str, description: str, *, zero: bool = False) -> dict[str, Any]:
    """A point and its interval for each name, one above the other.

    Args:
        rows: ``name``, ``value``, ``low``, ``high`` and ``tone``, one a mark; ends may be None.
        title: Of the horizontal axis.
        description: For readers of the page who do not see the chart.
        zero: Draw a line at zero, for differences.
    """
    names = _names(rows, "name")
    colours, shapes = _tones(rows)
    y = alt.Y("name:N", sort=names, title=None, axis=alt.Axis(labelLimit=150, ticks=False, domain=False))
    x = alt.X("value:Q", title=title, scale=alt.Scale(zero=False, nice=True), axis=alt.Axis(tickCount=4))
    start = alt.Chart(_data(rows))
    tooltip = ["name:N", *(alt.Tooltip(f"{one}:Q", format=".4~f") for one in ("value", "low", "high"))]
    line = start.mark_rule(strokeWidth=2.5).encode(
        y=y, x=alt.X("low:Q", title=title), x2="high:Q", color=colours
    )
    mark = start.mark_point(filled=True, size=90, opacity=1)
    point = mark.encode(y=y, x=x, color=colours, shape=shapes, tooltip=tooltip)
    layers: list[Any] = [line, point]
    if zero:
        layers.insert(
            0, alt.Chart(_data([{"at": 0}])).mark_rule(color=INK, strokeDash=[4, 3]).encode(x="at:Q")
        )
    return _finish(alt.layer(*layers), ROW * len(names) + 46, description)


def _tones(rows: Rows) -> tuple[alt.Color, alt.Shape]:
    """A colour and a shape for each tone, so that colour never speaks alone."""
    found = _names(rows, "tone")
    colours = {"joint": JOINT, "other": OTHER, "plain": MUTED, **TONES}
    colour = alt.Scale(domain=found, range=[colours[one] for one in found])
    shape = alt.Scale(domain=found, range=[SHAPES.get(one, "circle") for one in found])
    return alt.Color("tone:N", scale=colour, legend=None), alt.Shape("tone:N", scale=shape, legend=None)


def _whole(rows: Rows, field: str) -> list[int]:
    """At most eight whole numbers from the least to the greatest."""
    numbers = [int(row[field]) for row in rows]
    step = max(1, -(-(max(numbers) - min(numbers)) // 7))
    return list(range(min(numbers), max(numbers) + 1, step))


def curves(rows: Rows, title: str, description: str) -> dict[str, Any]:
    """Lines over epochs, one a model: the first (the joint model) solid, the others dashed.

    Args:
        rows: ``epoch``, ``value``, ``model``.
        title: Of the vertical axis.
        description: For readers of the page who do not see the chart.
    """
    models = _names(rows, "model")
    colours, dashes = [JOINT, OTHER, MUTED, INK], [[1, 0], [5, 3], [2, 2], [8, 2, 2, 2]]
    # One legend for both; it shows the dashes, and is left out for a single line.
    legend = alt.Legend(orient="top", title=None, symbolType="stroke", symbolSize=260) if models[1:] else None
    colour = alt.Scale(domain=models, range=(colours * len(models))[: len(models)])
    dash = alt.Scale(domain=models, range=(dashes * len(models))[: len(models)])
    chart = (
        alt.Chart(_data(rows))
        .mark_line(point=alt.OverlayMarkDef(size=18), strokeWidth=2)
        .encode(
            x=alt.X(
                "epoch:Q",
                title="Epoch",
                scale=alt.Scale(zero=False, nice=False),
                axis=alt.Axis(values=_whole(rows, "epoch"), format="d"),
            ),
            y=alt.Y("value:Q", title=title, scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=4)),
            color=alt.Color("model:N", scale=colour, legend=legend),
            strokeDash=alt.StrokeDash("model:N", scale=dash, legend=legend),
            tooltip=["model:N", "epoch:Q", alt.Tooltip("value:Q", format=".4~f")],
        )
    )
    return _finish(chart, 190, description)


def calibration(rows: Rows, description: str) -> dict[str, Any]:
    """What was observed over what was predicted, beside the diagonal of a perfect forecast.

    Args:
        rows: ``predicted``, ``observed`` and ``n`` (rows in the bin).
        description: For readers of the page who do not see the chart.
    """
    ends = [end for row in rows for key in ("predicted", "observed") if (end := real(row[key])) is not None]
    low, high = min([0.0, *ends]), max(ends) * 1.05
    scale = alt.Scale(domain=[low, high], nice=False)
    ideal = alt.Chart(_data([{"at": low}, {"at": high}])).mark_line(
        color=MUTED, strokeDash=[4, 3], strokeWidth=1.5
    )
    start = alt.Chart(_data(rows)).encode(
        x=alt.X("predicted:Q", title="Predicted", scale=scale, axis=alt.Axis(tickCount=5)),
        y=alt.Y("observed:Q", title="Observed", scale=scale, axis=alt.Axis(tickCount=5)),
    )
    size = alt.Size("n:Q", scale=alt.Scale(range=[25, 220], zero=True), legend=None)
    points = start.mark_point(filled=True, color=JOINT, opacity=0.9).encode(
        size=size,
        tooltip=[*(alt.Tooltip(f"{key}:Q", format=".4~f") for key in ("predicted", "observed")), "n:Q"],
    )
    layers = ideal.encode(x="at:Q", y="at:Q"), start.mark_line(color=JOINT, strokeWidth=1.5), points
    return _finish(alt.layer(*layers), 240, description)


def pairs(rows: Rows, titles: tuple[str, str], description: str) -> dict[str, Any]:
    """Two bars side by side for each step of a scale.

    Args:
        rows: ``step``, ``series`` (two of them), ``value`` (a share).
        titles: Of the horizontal and the vertical axis.
        description: For readers of the page who do not see the chart.
    """
    series, steps = _names(rows, "series"), _names(rows, "step")
    chart = (
        alt.Chart(_data(rows))
        .mark_bar()
        .encode(
            x=alt.X("step:N", title=titles[0], sort=steps, axis=alt.Axis(labelAngle=0, ticks=False)),
            xOffset=alt.XOffset("series:N", sort=series),
            y=alt.Y("value:Q", title=titles[1], axis=alt.Axis(format="~%", tickCount=4)),
            color=alt.Color(
                "series:N",
                scale=alt.Scale(domain=series, range=["var(--bar)", JOINT]),
                legend=alt.Legend(orient="top", title=None),
            ),
            tooltip=["series:N", "step:N", alt.Tooltip("value:Q", format=".1%")],
        )
    )
    return _finish(chart, 220, description)


def bars(rows: Rows, titles: tuple[str, str], description: str, *, share: bool = False) -> dict[str, Any]:
    """One bar for each step of a scale.

    Args:
        rows: ``step`` and ``value``.
        titles: Of the horizontal and the vertical axis.
        description: For readers of the page who do not see the chart.
        share: Whether values are shares, shown as per cent.
    """
    form = ".0%" if share else _format(rows)
    axis = alt.Axis(labelAngle=0, ticks=False, labelOverlap="parity")
    chart = (
        alt.Chart(_data(rows))
        .mark_bar(color=JOINT)
        .encode(
            x=alt.X("step:N", title=titles[0], sort=_names(rows, "step"), axis=axis),
            y=alt.Y("value:Q", title=titles[1], axis=alt.Axis(format=form, tickCount=4)),
            tooltip=["step:N", alt.Tooltip("value:Q", format=".1%" if share else ",.4~f")],
        )
    )
    return _finish(chart, 190, description)


def lines(rows: Rows, titles: tuple[str, str], description: str, *, share: bool = False) -> dict[str, Any]:
    """A line over days.

    Args:
        rows: ``time`` (a day such as ``2026-11-21``, UTC) and ``value``.
        titles: Of the horizontal and the vertical axis.
        description: For readers of the page who do not see the chart.
        share: Values are shares, printed as per cent.
    """
    day = alt.Axis(tickCount=5, labelOverlap="greedy")
    chart = (
        alt.Chart(_data(rows))
        .mark_line(color=JOINT, strokeWidth=2)
        .encode(
            x=alt.X("time:T", title=titles[0], scale=alt.Scale(type="utc"), axis=day),
            y=alt.Y(
                "value:Q",
                title=titles[1],
                axis=alt.Axis(format="~%" if share else _format(rows), tickCount=4),
            ),
            tooltip=[
                alt.Tooltip("utcyearmonthdate(time):T", title="day"),
                alt.Tooltip("value:Q", format=".1%" if share else ",.4~f"),
            ],
        )
    )
    return _finish(chart, 190, description)


def shares(rows: Rows, titles: tuple[str, str], description: str) -> dict[str, Any]:
    """A curve of one share over another, beside the diagonal.

    Args:
        rows: ``x`` and ``y`` between 0 and 1.
        titles: Of the horizontal and the vertical axis.
        description: For readers of the page who do not see the chart.
    """
    axis = alt.Axis(format="~%", tickCount=5)
    even = alt.Chart(_data([{"at": 0}, {"at": 1}])).mark_line(color=MUTED, strokeDash=[4, 3], strokeWidth=1.5)
    curve = (
        alt.Chart(_data(rows))
        .mark_line(color=JOINT, strokeWidth=2)
        .encode(
            x=alt.X("x:Q", title=titles[0], axis=axis),
            y=alt.Y("y:Q", title=titles[1], axis=axis),
            tooltip=[alt.Tooltip("x:Q", format=".0%"), alt.Tooltip("y:Q", format=".1%")],
        )
    )
    return _finish(alt.layer(even.encode(x="at:Q", y="at:Q"), curve), 190, description)


def fields(rows: Rows, pair: tuple[str, str], description: str) -> dict[str, Any]:
    """A field for each pair of names, darker where the share is larger, with the share in it.

    Args:
        rows: The two names, ``value`` (a share), and what else is shown of it (`spread`, a share too).
        pair: Which names stand downwards, and which across.
        description: For readers of the page who do not see the chart.
    """
    down, across = (_names(rows, name) for name in pair)
    shown = [name for name in ("value", "spread") if name in rows[0]]
    start = alt.Chart(_data(rows)).encode(
        x=alt.X(
            f"{pair[1]}:N",
            title=None,
            sort=across,
            axis=alt.Axis(labelAngle=-30, labelLimit=120, labelOverlap=False, ticks=False, domain=False),
        ),
        y=alt.Y(
            f"{pair[0]}:N", title=None, sort=down, axis=alt.Axis(labelLimit=150, ticks=False, domain=False)
        ),
        tooltip=[*(f"{name}:N" for name in pair), *(alt.Tooltip(f"{one}:Q", format=".1%") for one in shown)],
    )
    field = start.mark_rect(color=JOINT).encode(
        opacity=alt.Opacity("value:Q", scale=alt.Scale(domain=[0, 1], range=[0.06, 0.75]), legend=None)
    )
    text = start.mark_text(color=INK).encode(text=alt.Text("value:Q", format=".0%"))
    return _finish(alt.layer(field, text), ROW * len(down) + 60, description)
