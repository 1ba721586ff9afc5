"""Text tasks: which classes are taken for which, and what the errors look like."""

from motet.evaluation.report import charts
from motet.evaluation.report.blocks import Block, Cell, Figure, Heading, Row, Section, Table
from motet.evaluation.report.evidence import Evidence, mapping, records
from motet.evaluation.report.numbers import count, percent, real
from motet.evaluation.report.words import plain

ERRORS = {  # of classes, of spans, of answers: what is called what
    "errors": ("Text", "Taken for", "Label"),
    "wrong": ("Text", "Found", "Is"),
    "missed": ("Question", "Answered", "Right"),
}


def texts(evidence: Evidence) -> Section | None:
    """Confusions and errors of every text task; None without one."""
    blocks: list[Block] = []
    for task, raw in mapping(evidence.metrics.get("texts")).items():
        found = mapping(raw)
        shown = (
            _fields(task, found),
            _pairs(found),
            _types(found),
            _sure(task, found),
            *(_surest(found, key, columns) for key, columns in ERRORS.items()),
        )
        own = [each for each in shown if each is not None]
        blocks += [Heading(plain(task)), *own] if own else []
    intro = "On the test texts. An error that the model is sure of is often a label worth a second look."
    return Section("texts", "Texts", "What is taken for what?", intro, tuple(blocks)) if blocks else None


def _fields(task: str, found: dict[str, object]) -> Figure | None:
    among = {label: mapping(shares) for label, shares in mapping(found.get("among")).items()}
    rows: list[dict[str, object]] = [
        {"label": label, "prediction": said, "value": share}
        for label, shares in among.items()
        for said, raw in shares.items()
        if (share := real(raw)) is not None
    ]
    if not rows:
        return None
    names = list(dict.fromkeys(str(row["prediction"]) for row in rows))
    lines = tuple(
        Row(label, tuple(Cell(percent(real(shares.get(name)))) for name in names))
        for label, shares in among.items()
    )
    table = Table("Share of the texts of a class that are taken for each", ("Class", *names), lines)
    spec = charts.fields(rows, ("label", "prediction"), "Share of the texts of each class taken for another")
    note = "Downwards the label, across what the model says. The classes that are confused most."
    return Figure(f"confusion {task}", "Confusion", note, spec, table)


def _pairs(found: dict[str, object]) -> Table | None:
    rows = tuple(
        Row(
            str(each.get("label")),
            (Cell(str(each.get("prediction")), number=False), Cell(count(real(each.get("n"))))),
        )
        for each in records(found.get("confused"))
    )
    return Table("Most confused classes", ("Label", "Taken for", "Texts"), rows) if rows else None


def _types(found: dict[str, object]) -> Table | None:
    rows = tuple(
        Row(
            kind,
            (*(Cell(percent(real(each.get(name)))) for name in ("precision", "recall", "f1")),
             Cell(count(real(each.get("n"))))),
        )
        for kind, raw in mapping(found.get("types")).items()
        for each in (mapping(raw),)
    )  # fmt: skip
    return (
        Table("How well each type is found", ("Type", "Precision", "Recall", "F1", "Spans"), rows)
        if rows
        else None
    )


def _sure(task: str, found: dict[str, object]) -> Figure | None:
    points = [
        (answered, right, real(each.get("confidence")))
        for each in records(found.get("curve"))
        if (answered := real(each.get("answered"))) is not None
        and (right := real(each.get("right"))) is not None
    ]
    if not points:
        return None
    least = real(found.get("least"))
    rows: list[dict[str, object]] = [
        {"step": percent(answered), "value": right} for answered, right, _ in points
    ]
    lines = tuple(
        Row(percent(answered), (Cell(percent(right)), Cell(percent(confidence))))
        for answered, right, confidence in points
    )
    table = Table(
        "Of the questions answered, those of which the model is surest",
        ("Answered", "Right", "Confidence of the least sure"),
        lines,
    )
    titles = ("Share of the questions answered", "Share of them that is right")
    spec = charts.bars(rows, titles, "Right answers over questions answered, the surest first", share=True)
    note = "The surest first: the fewer questions it answers by itself, the more of its answers are right."
    if least and least > 1:
        note += (
            " On the validation rows no confidence was high enough, so it leaves all questions to a person."
        )
    elif least:
        note += f" Below a confidence of {percent(least)} it leaves a question to a person."
    return Figure(f"sure {task}", "How sure it is, and how right", note, spec, table)


def _surest(found: dict[str, object], key: str, columns: tuple[str, str, str]) -> Table | None:
    """The surest errors: a text, what the model says, what is right, and how sure it is."""
    rows = tuple(
        Row(
            str(each.get("text")),
            (
                Cell(_said(each), number=False),
                Cell(str(each.get("label")), number=False),
                Cell(percent(real(each.get("probability")))),
            ),
        )
        for each in records(found.get(key))
    )
    return Table("The surest errors", (*columns, "Probability"), rows) if rows else None


def _said(error: dict[str, object]) -> str:
    """What the model says; of a span its type and its words."""
    said = str(error.get("prediction"))
    return f"{said}: {error['span']}" if "span" in error else said
