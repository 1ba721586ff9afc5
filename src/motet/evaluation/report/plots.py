"""The charts of a training: curves, calibration, and how far recommendations lean to what is popular."""

from motet.evaluation.report import charts
from motet.evaluation.report.blocks import Block, Cell, Figure, Figures, Fold, Row, Section, Table
from motet.evaluation.report.evidence import Evidence, Score, mapping, records
from motet.evaluation.report.numbers import count, number, percent, real
from motet.evaluation.report.words import capital, label, plain

LOSSES = ("loss", "train_loss", "train/loss")


def training(evidence: Evidence) -> Section | None:
    """Loss and validation metric of each task over the epochs; None without curves."""
    points = _points(evidence)
    shown: list[Figure] = []
    rest: list[Figure] = []
    for task in dict.fromkeys(str(point["task"]) for point in points):
        names = list(dict.fromkeys(str(point["name"]) for point in points if point["task"] == task))
        chosen = _chosen(evidence, task, names)
        for name in sorted(names, key=lambda name: name not in LOSSES):
            (shown if name in chosen else rest).append(_curve(task, name, points))
    blocks: list[Block] = [Figures(tuple(shown), wide=True)]
    if rest:
        blocks.append(Fold(f"All other curves ({len(rest)})", (Figures(tuple(rest), wide=True),)))
    intro = "How the loss of each task and its validation metric moved while the model was trained."
    return Section("training", "Training", "Training", intro, tuple(blocks)) if shown else None


def _points(evidence: Evidence) -> list[dict[str, object]]:
    """Points with a number; `model` becomes Joint, Twin, or its name."""
    found = []
    for point in records(mapping(evidence.metrics.get("plots")).get("curves")):
        epoch, value = real(point.get("epoch")), real(point.get("value"))
        if epoch is None or value is None:
            continue
        model = _model(str(point.get("model") or "joint"))
        task, name = str(point.get("task") or "all"), str(point.get("name") or "loss")
        found.append({"epoch": int(epoch), "value": value, "model": model, "task": task, "name": name})
    return found


def _model(name: str) -> str:
    if name.lower() == "joint":
        return "Joint"
    return "Twin" if "twin" in name.lower() else capital(plain(name))


def _chosen(evidence: Evidence, task: str, names: list[str]) -> list[str]:
    """The loss and the metric of the verdict, or the first two names."""
    main = evidence.main_metric(task)
    loss = [name for name in names if name in LOSSES][:1]
    metric = [name for name in names if main and name in (main, f"valid/{main}", f"valid {main}")][:1]
    return [*loss, *metric] if loss and metric else names[:2]


def _curve(task: str, name: str, points: list[dict[str, object]]) -> Figure:
    rows = [p for p in points if p["task"] == task and p["name"] == name]
    rows.sort(key=lambda p: (p["model"] != "Joint", p["model"], p["epoch"]))
    models = list(dict.fromkeys(str(p["model"]) for p in rows))
    held = {(p["model"], p["epoch"]): real(p["value"]) for p in rows}
    table = Table(
        f"{plain(task)}: {label(name)} by epoch",
        ("Epoch", *models),
        tuple(
            Row(str(epoch), tuple(Cell(number(held.get((model, epoch)))) for model in models))
            for epoch in sorted({int(str(p["epoch"])) for p in rows})
        ),
    )
    spec = charts.curves(rows, label(name), f"{label(name)} of {plain(task)} over the epochs")
    return Figure(f"curve-{task}-{name}", f"{plain(task)}: {label(name)}", "", spec, table)


def calibration(evidence: Evidence) -> Section | None:
    """Whether a predicted 30% happens in 30% of cases, for each task with bins; None without any."""
    made = []
    for task, raw in mapping(mapping(evidence.metrics.get("plots")).get("calibration")).items():
        bins = [
            {"predicted": predicted, "observed": observed, "n": real(one.get("n")) or 0}
            for one in records(raw)
            if (predicted := real(one.get("predicted"))) is not None
            and (observed := real(one.get("observed"))) is not None
        ]
        if bins:
            made.append(_calibration(evidence, task, bins))
    intro = "On the dashed line what was predicted is what happened; above it the model predicts too little."
    if mapping(evidence.config.get("model")).get("calibrate") == "follow":
        intro += (
            " With a rolling history, probabilities of each hour follow what became known on the day before "
            "it, where that is a thousand rows of either label."
        )
    return (
        Section("calibration", "Calibration", "Calibration", intro, (Figures(tuple(made)),)) if made else None
    )


def _calibration(evidence: Evidence, task: str, bins: list[dict[str, float]]) -> Figure:
    error = evidence.joint.scores(task, evidence.split(task)).get("ece", Score())
    note = f"Off by {number(error.value)} on average (ECE)." if error.value is not None else ""
    rows = tuple(
        Row(number(one["predicted"]), (Cell(number(one["observed"])), Cell(count(one["n"])))) for one in bins
    )
    table = Table(f"{plain(task)}: calibration", ("Predicted", "Observed", "Rows"), rows)
    spec = charts.calibration(bins, f"Observed against predicted values of {plain(task)}")
    return Figure(
        f"calibration-{task}", plain(task), f"{note} Larger points hold more rows.".strip(), spec, table
    )


def popularity(evidence: Evidence) -> Section | None:
    """What is recommended beside what users take, by popularity; None without deciles."""
    made = []
    for task, raw in mapping(mapping(evidence.metrics.get("plots")).get("popularity")).items():
        deciles = [one for one in records(raw) if one.get("decile") is not None]
        if deciles:
            made.append(_popularity(task, deciles))
    intro = "Does the model show only what everybody knows already? Each group holds a tenth of the items."
    return Section("popularity", "Popularity", "Popularity", intro, (Figures(tuple(made)),)) if made else None


def _popularity(task: str, deciles: list[dict[str, object]]) -> Figure:
    name, key, rows = _ordered(deciles)
    series = ((name, key), ("Recommended", "recommended_share"))
    drawn = [
        {"step": str(place), "series": name, "value": real(one.get(key))}
        for place, one in enumerate(rows, 1)
        for name, key in series
    ]
    lines = tuple(
        Row(str(place), tuple(Cell(percent(real(one.get(key)))) for _, key in series))
        for place, one in enumerate(rows, 1)
    )
    columns = ("Tenth", *(name for name, _ in series))
    title = "Tenths of the catalogue, least popular first"
    spec = charts.pairs(drawn, (title, "Share"), f"Shares by popularity for {plain(task)}")
    table = Table(f"{plain(task)}: shares by popularity, least popular first", columns, lines)
    return Figure(f"popularity-{task}", plain(task), _tail(rows), spec, table)


def _ordered(deciles: list[dict[str, object]]) -> tuple[str, str, list[dict[str, object]]]:
    """What the recommendations are held against, its key, and the tenths from the least to the most popular.

    Runs may count tenths from either end; what users took says which.
    """
    for key in ("consumed_share", "catalogue_share"):
        ends = [real(one.get(key)) for one in (deciles[0], deciles[-1])]
        if None not in ends and ends[0] != ends[1]:
            rising = (ends[0] or 0) < (ends[1] or 0)
            return "Taken by users", key, deciles if rising else deciles[::-1]
    return "In the catalogue", "catalogue_share", deciles


def _tail(rows: list[dict[str, object]]) -> str:
    """The chart in a sentence: how much goes to the less popular half."""
    half = rows[: len(rows) // 2]
    shown = [share for one in half if (share := real(one.get("recommended_share"))) is not None]
    return (
        f"{percent(sum(shown))} of recommendations go to the less popular half of the catalogue."
        if shown
        else ""
    )
