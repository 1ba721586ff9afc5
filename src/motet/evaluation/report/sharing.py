"""Does sharing help? Every task of the joint model against its single-task twin."""

from collections.abc import Mapping

from motet.evaluation.report import charts
from motet.evaluation.report.blocks import Block, Cell, Figure, Row, Section, Table, Text
from motet.evaluation.report.evidence import Evidence, mapping
from motet.evaluation.report.numbers import between, number, percent, real, signed
from motet.evaluation.report.verdicts import BADGES, Verdict, verdict
from motet.evaluation.report.words import label, plain

INTRO = (
    "A twin is the same model with the same inputs, trained on one task alone: what sharing costs or gives."
)


def sharing(evidence: Evidence) -> Section | None:
    """The gain of each task over its twin; None if no twin was compared."""
    found = [(plain(task), verdict(evidence, task)) for task in evidence.tasks]
    known = [(task, one) for task, one in found if one.difference is not None]
    if not known:
        return None
    caption = "Joint model against single-task twins"
    columns = ("Task", "Verdict", "Joint", "Twin", "Gain")
    table = Table(caption, columns, tuple(_row(task, one) for task, one in known))
    gains = [gain for task, one in known if (gain := _gain(task, one))]
    note = (
        f"Lines: {evidence.confidence} interval of the difference between the two, on the same users. "
        "A line that crosses zero may be noise; verdicts also allow for several tasks being tested at once."
    )
    block: Block = _figure(gains, table) if gains else table
    return Section("sharing", "Sharing", "Does sharing help?", INTRO, (block, Text(note, quiet=True)))


def _row(task: str, one: Verdict) -> Row:
    gain = Cell(signed(one.difference), between(one.low, one.high, sign=True))
    badge = Cell(BADGES[one.tone], tone=one.tone, number=False)
    return Row(task, (badge, Cell(number(one.joint)), Cell(number(one.twin)), gain), label(one.metric))


def _gain(task: str, one: Verdict) -> dict[str, object]:
    """The gain in per cent of the twin, so that metrics of any size stand side by side; empty without one."""
    if not one.twin or one.difference is None:
        return {}
    ends = {"value": one.difference, "low": one.low, "high": one.high}
    shares = {key: None if end is None else 100 * end / abs(one.twin) for key, end in ends.items()}
    return {"name": f"{task} ({label(one.metric)})", **shares, "tone": one.tone}


def _figure(gains: list[dict[str, object]], table: Table) -> Figure:
    said = "Gain of the joint model over the twin of each task, in per cent"
    spec = charts.intervals(gains, "Gain over the twin, %", said, zero=True)
    return Figure("sharing", "Gain over the twin", "Right of zero the joint model is better.", spec, table)


def experts(evidence: Evidence) -> Section | None:
    """Which experts each task uses; None without gates."""
    gates = mapping(mapping(evidence.metrics.get("plots")).get("gates"))
    rows = [
        {"task": plain(task), "expert": plain(name), "value": share, "spread": real(mapping(one).get("sd"))}
        for task, shares in gates.items()
        for name, one in mapping(shares).items()
        if (share := real(mapping(one).get("mean"))) is not None
    ]
    if not rows:
        return None
    names = list(dict.fromkeys(str(row["expert"]) for row in rows))
    held = {(row["task"], row["expert"]): row for row in rows}
    lines = tuple(
        Row(task, tuple(_share(held.get((task, name))) for name in names))
        for task in dict.fromkeys(str(row["task"]) for row in rows)
    )
    table = Table("Shares of the experts in each task's state", ("Task", *names), lines)
    spec = charts.fields(rows, ("task", "expert"), "Mean share of each expert in the state of each task")
    figure = Figure("experts", "Who uses which expert", "Rows of the test part; darker is more.", spec, table)
    intro = (
        "Tasks that use the same experts share what they learned; one that uses its own alone learned alone."
    )
    return Section("experts", "Experts", "Which experts does each task use?", intro, (figure,))


def _share(row: Mapping[str, object] | None) -> Cell:
    """A mean share and how much it differs from row to row."""
    if row is None:
        return Cell("")
    return Cell(percent(real(row["value"])), f"± {percent(real(row['spread']))}")
