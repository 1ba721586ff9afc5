"""Quality on parts of the test: short histories, cold items, kinds of item."""

from motet.evaluation.report.blocks import Block, Cell, Heading, Row, Section, Table, Text
from motet.evaluation.report.evidence import Evidence, Score, mapping
from motet.evaluation.report.numbers import between, count, number
from motet.evaluation.report.scores import shown
from motet.evaluation.report.words import better, label, plain

FEW = 30
"""A part of fewer rows than this is not called weaker."""


def slices(evidence: Evidence) -> Section | None:
    """Quality on parts of the test (short histories, cold items, kinds); None if none was measured."""
    blocks: list[Block] = []
    for task, raw in mapping(evidence.metrics.get("slices")).items():
        blocks += _slices(evidence, task, mapping(raw))
    intro = "The joint model on parts of the test. ▼ marks what is weaker than the whole by more than noise."
    return (
        Section("slices", "Parts", "Where it works, and where not", intro, tuple(blocks)) if blocks else None
    )


def _slices(evidence: Evidence, task: str, raw: dict[str, object]) -> list[Block]:
    parts = {name: {m: Score.of(one) for m, one in mapping(held).items()} for name, held in raw.items()}
    whole = evidence.joint.scores(task, evidence.split(task))
    found = list(dict.fromkeys(metric for scores in parts.values() for metric in scores))
    metrics = shown(evidence, task, found)
    if not metrics:
        return []
    rows = [_slice("all", whole, whole, metrics)]
    rows += [_slice(plain(name), scores, whole, metrics) for name, scores in parts.items()]
    table = Table(
        f"{plain(task)} on parts of the {evidence.split(task)} split",
        ("Part", "n", *map(label, metrics)),
        tuple(rows),
    )
    return [Heading(plain(task)), table, *_weak(evidence, task, parts, whole)]


def _slice(name: str, scores: dict[str, Score], whole: dict[str, Score], metrics: list[str]) -> Row:
    cells = [Cell(count(_size(scores, metrics)))]
    for metric in metrics:
        score = scores.get(metric, Score())
        tone = "worse" if _below(score, whole.get(metric, Score()), metric) else "none"
        arrow = "▼ " if tone == "worse" else ""
        cells.append(Cell(arrow + number(score.value), between(score.low, score.high), tone=tone))  # type: ignore[arg-type]
    few = 0 < (_size(scores, metrics) or 0) < FEW
    return Row(name, tuple(cells), "too few to judge" if few else "")


def _size(scores: dict[str, Score], metrics: list[str]) -> float | None:
    return next((n for metric in metrics if (n := scores.get(metric, Score()).n) is not None), None)


def _below(score: Score, whole: Score, metric: str) -> bool:
    if score.n is not None and score.n < FEW:
        return False
    if score.value is None or whole.value is None or not score.apart(whole):
        return False
    gain = score.value - whole.value
    return gain < 0 if better(metric) == "higher" else gain > 0 and better(metric) == "lower"


def _weak(
    evidence: Evidence, task: str, parts: dict[str, dict[str, Score]], whole: dict[str, Score]
) -> list[Block]:
    metric = evidence.main_metric(task)
    weak = [
        name
        for name, scores in parts.items()
        if _below(scores.get(metric, Score()), whole.get(metric, Score()), metric)
    ]
    if not weak:
        return []
    said = ", ".join(f"{plain(name)} ({number(parts[name][metric].value)})" for name in weak)
    return [
        Text(
            f"Clearly weaker than the whole ({number(whole[metric].value)} {label(metric)}): {said}.", "worse"
        )
    ]
