"""Affinity: train all tasks together once, look ahead for each, and say which of them help each other."""

from pathlib import Path
from typing import Any

import altair as alt
import vl_convert

from motet.config import Config
from motet.config.tasks import Binary
from motet.errors import ConfigError
from motet.gather import gather
from motet.judge import examiner_of, variants
from motet.run import settle
from motet.system.files import write_json
from motet.system.log import say
from motet.training.affinity import MOST_TASKS, Lookahead, best_groups
from motet.training.fit import Hooks, fit

LOOKS = 10  # steps from one look to the next: with few tasks about one training more in all


def affinity(config: Config, folder: Path, out: Path) -> dict[str, Any]:
    """Measure the affinity of a configuration's tasks; `affinity.json` and `affinity.svg` go to a folder.

    Args:
        config: The configuration.
        folder: Where its relative paths begin.
        out: Where to write; made when it is not there.

    Returns:
        What the file holds: ``matrix`` (task that a step is made for -> task -> share of its loss that this
        takes away), ``groups`` (the tasks in two groups that help each other most), ``looks`` and ``cost``.

    Raises:
        ConfigError: There are fewer than two tasks with a weight, or they lie in groups.
    """
    config = config.of_events
    tasks = [task.name for task in config.tasks if task.weight > 0]
    if len(tasks) < 2:
        raise ConfigError(
            "affinity is between tasks that read events: declare two or more with a weight above 0."
        )
    if config.model.groups:
        raise ConfigError("model.groups: tasks of different groups share nothing. Take  model.groups  out.")
    config = settle(config, folder)
    material = gather(config, folder)
    own, prepared = variants(material)["joint"]
    settings = own.training
    look = Lookahead(tasks, LOOKS, settings.precision, settings.seed)
    say(f"training {', '.join(tasks)} together, looking ahead every {LOOKS} steps")
    validate = examiner_of(material, own, prepared).validate
    done = fit(own, prepared, validate, lambda record: None, "affinity", hooks=Hooks(look=look))
    after = {task.name: task.after for task in config.tasks if isinstance(task, Binary) and task.after}
    found = {
        "matrix": look.matrix,
        "groups": best_groups(look.matrix, 2, after) if len(tasks) <= MOST_TASKS else None,
        "looks": int(look.count_TT.max()),
        "every": LOOKS,
        "seed": settings.seed,
        "cost": done.cost,
    }
    if not found["looks"]:
        raise ConfigError(
            f"the training had no more than {LOOKS} steps, so nothing was looked at. "
            "Raise  training.epochs  or lower  training.batch_size."
        )
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "affinity.json", found)
    (out / "affinity.svg").write_text(drawing(look.matrix), encoding="utf8")
    return found


def drawing(matrix: dict[str, dict[str, float | None]]) -> str:
    """The matrix as a picture: rows are steps, columns the tasks that they move; blue helps, red hurts."""
    rows = [
        {"step": name, "task": other, "share": value}
        for name, row in matrix.items()
        for other, value in row.items()
        if value is not None
    ]
    tasks = list(matrix)
    others = [
        abs(value) for name in matrix for other, value in matrix[name].items() if value and other != name
    ]
    largest = max(others, default=1.0)
    start = alt.Chart(alt.Data(values=rows)).encode(  # type: ignore[no-untyped-call]
        x=alt.X("task:N", sort=tasks, title="helps", axis=alt.Axis(orient="top", labelAngle=0)),
        y=alt.Y("step:N", sort=tasks, title="A step for"),
    )
    scale = alt.Scale(domain=[-largest, 0, largest], range=["#b5442e", "#f6f5f1", "#2f6db3"], clamp=True)
    field = start.mark_rect().encode(color=alt.Color("share:Q", scale=scale, legend=None))
    text = start.mark_text().encode(text=alt.Text("share:Q", format="+.2%"))
    chart = alt.layer(field, text).properties(
        width=90 * len(tasks), height=44 * len(tasks), title="Share of a task's loss that a step takes away"
    )
    return str(vl_convert.vegalite_to_svg(chart.to_dict()))
