"""Does sharing help? Every task of the joint model against its single-task twin."""

from motet.evaluation.report import charts
from motet.evaluation.report.blocks import Block, Cell, Figure, Row, Section, Table, Text
from motet.evaluation.report.evidence import Evidence
from motet.evaluation.report.numbers import between, number, signed
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
