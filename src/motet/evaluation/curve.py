"""The curves of a pretraining as one picture that needs nothing else."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import vl_convert

WIDTH, HEIGHT = 280, 180
COLUMNS = 2
TICKS = 8  # at most


def points(history: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One line an epoch, objective and metric; epoch 0 is before the first step."""
    return [
        {"epoch": record["epoch"], "objective": name, "metric": metric, "value": value}
        for record in history
        for name, metrics in record["metrics"].items()
        for metric, value in metrics.items()
    ]


def drawing(curve: Sequence[Mapping[str, Any]]) -> str:
    """SVG: of each objective what a person asks for first, over the epochs.

    Args:
        curve: From `points`; the first metric of an objective is drawn.
    """
    first = {point["objective"]: point["metric"] for point in reversed(curve)}
    charts, last = [], max((int(point["epoch"]) for point in curve), default=0)
    whole = list(range(0, last + 1, last // TICKS + 1))  # a part of an epoch is none
    for name, metric in reversed(first.items()):
        rows = [dict(each) for each in curve if each["objective"] == name and each["metric"] == metric]
        scale = alt.Scale(
            type="log" if metric == "perplexity" else "linear", zero=False, nice=metric != "perplexity"
        )
        chart = alt.Chart(alt.Data(values=rows), title=f"{name}: {metric}, held-out texts")  # type: ignore[no-untyped-call]
        line = chart.mark_line(point=True, color="#2f6db3").encode(
            x=alt.X("epoch:Q", axis=alt.Axis(values=whole, format="d"), title="epoch"),
            y=alt.Y("value:Q", scale=scale, axis=alt.Axis(format=",.3~r"), title=None),
        )
        charts.append(line.properties(width=WIDTH, height=HEIGHT))
    drawn = alt.concat(*charts, columns=COLUMNS).resolve_scale(y="independent")
    return str(vl_convert.vegalite_to_svg(drawn.to_dict()))
