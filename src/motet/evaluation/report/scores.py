"""The results: every task and metric of the joint model beside twins, ablations and baselines."""

from motet.evaluation.report import charts
from motet.evaluation.report.blocks import Block, Cell, Figure, Fold, Heading, Mark, Row, Section, Table, Text
from motet.evaluation.report.evidence import Contender, Evidence, Score
from motet.evaluation.report.joined import members
from motet.evaluation.report.numbers import between, count, number
from motet.evaluation.report.sentences import question
from motet.evaluation.report.verdicts import Verdict, verdict
from motet.evaluation.report.words import better, family, label, plain

ARROWS = {"higher": "higher is better", "lower": "lower is better", "neither": "describes, no best"}
COLOURS = {"joint": "joint", "twin": "other"}
INTRO = "The joint model beside its twins, itself without one of its inputs, and simple baselines."
JOINED = "The ensemble beside its members and simple baselines."
NOTE = (
    "Bold is the best of its row; where shaded, by more than noise. ≈ is within noise of the best: the "
    "intervals overlap (for joint model and twin the interval of their difference decides). "
    "In small print: the {level} interval."
)


def results(evidence: Evidence) -> Section:
    """Every task with its main metrics open and all others folded."""
    blocks: list[Block] = [Text(NOTE.format(level=evidence.confidence), quiet=True)]
    for task in evidence.tasks:
        blocks += _task(evidence, task)
    return Section("results", "Results", "Results", JOINED if members(evidence) else INTRO, tuple(blocks))


def _task(evidence: Evidence, task: str) -> list[Block]:
    split, name = evidence.split(task), plain(task)
    rivals, metrics = measured(evidence, task, split)
    blocks: list[Block] = [Heading(name, f"{question(evidence.asked(task))}.")]
    if not rivals:
        return [*blocks, Text("This task was not measured.")]
    main, found = shown(evidence, task, metrics), verdict(evidence, task)
    blocks += _forest(evidence, task, rivals)
    blocks.append(score_table(f"{name} on the {split} split", rivals, task, split, main, found))
    rest = sorted((metric for metric in metrics if metric not in main), key=family)
    if rest:
        table = score_table(
            f"{name} on the {split} split, all other metrics", rivals, task, split, rest, found
        )
        blocks.append(Fold(f"All other metrics of {name} ({len(rest)})", (table,)))
    return blocks + [_fold(evidence, task, other) for other in evidence.splits(task)[1:]]


def measured(evidence: Evidence, task: str, split: str) -> tuple[list[Contender], list[str]]:
    """Those that were measured on a task and split, and every metric that was."""
    rivals = [one for one in evidence.contenders() if one.scores(task, split)]
    return rivals, list(dict.fromkeys(metric for one in rivals for metric in one.scores(task, split)))


def shown(evidence: Evidence, task: str, metrics: list[str]) -> list[str]:
    """Those of the metrics that a task's tables show first."""
    scores = evidence.joint.scores(task, evidence.split(task))
    known = [metric for metric in metrics if scores.get(metric, Score()).value is not None]
    chosen = [evidence.main_metric(task), *evidence.usual_metrics(task, known)]
    return [metric for metric in dict.fromkeys(chosen) if metric in metrics] or metrics[:4]


def _fold(evidence: Evidence, task: str, split: str) -> Fold:
    rivals, metrics = measured(evidence, task, split)
    metrics = sorted(metrics, key=family)
    caption = f"{plain(task)} on the {split} split"
    table = score_table(caption, rivals, task, split, metrics, Verdict("none", ""))
    return Fold(f"{caption} (used to choose, not to judge)", (table,))


def score_table(
    caption: str, rivals: list[Contender], task: str, split: str, metrics: list[str], found: Verdict
) -> Table:
    """Metrics down, contenders across; the best is marked, and what is within noise of it.

    On the metric of the verdict the interval of the difference decides between joint model and twin: it is
    narrower than what two intervals side by side can tell.
    """
    rows = []
    for metric in metrics:
        scores = [one.scores(task, split).get(metric, Score()) for one in rivals]
        marks = cleared(_settled(ranks(scores, better(metric)), rivals, found, metric), scores)
        said = f" · n = {count(scores[0].n)}" if scores and scores[0].n else ""
        rows.append(Row(label(metric), _cells(scores, marks), ARROWS[better(metric)] + said))
    return Table(caption, ("Metric", *(one.name for one in rivals)), tuple(rows))


def _cells(scores: list[Score], marks: list[Mark]) -> tuple[Cell, ...]:
    pairs = zip(scores, marks, strict=True)
    return tuple(Cell(number(score.value), between(score.low, score.high), mark) for score, mark in pairs)


def ranks(scores: list[Score], way: str) -> list[Mark]:
    """For each score ``best``, ``near`` (its interval overlaps the best one's) or an empty string."""
    known = [score.value for score in scores if score.value is not None]
    if way == "neither" or len(known) < 2:
        return ["" for _ in scores]
    top = max(known) if way == "higher" else min(known)
    winner = next(score for score in scores if score.value == top)
    return ["best" if score.value == top else "near" if score.near(winner) else "" for score in scores]


def cleared(marks: list[Mark], scores: list[Score]) -> list[Mark]:
    """A single best score is ``clear`` if every interval is known and no other score is near."""
    known = all(score.bounded for score in scores if score.value is not None)
    if "near" in marks or marks.count("best") != 1 or not known:
        return marks
    return ["clear" if mark == "best" else mark for mark in marks]


def _settled(marks: list[Mark], rivals: list[Contender], found: Verdict, metric: str) -> list[Mark]:
    pair = [place for place, one in enumerate(rivals) if one.role in COLOURS]
    decided = metric == found.metric and found.tone in ("better", "worse")
    if not decided or "best" not in [marks[place] for place in pair]:
        return marks
    return ["" if place in pair and mark == "near" else mark for place, mark in enumerate(marks)]


def _forest(evidence: Evidence, task: str, rivals: list[Contender]) -> list[Block]:
    """The main metric of every contender as a chart; nothing if there is only one."""
    metric, split = evidence.main_metric(task), evidence.split(task)
    found = [(one, one.scores(task, split).get(metric, Score())) for one in rivals]
    found = [(one, score) for one, score in found if score.value is not None]
    if len(found) < 2:
        return []
    rows: list[dict[str, object]] = [
        {
            "name": one.name,
            "value": score.value,
            "low": score.low,
            "high": score.high,
            "tone": COLOURS.get(one.role, "plain"),
        }
        for one, score in found
    ]
    lines = tuple(
        Row(one.name, (Cell(number(score.value)), Cell(number(score.low)), Cell(number(score.high))))
        for one, score in found
    )
    table = Table(f"{plain(task)}: {label(metric)}", ("Model", "Value", "Low", "High"), lines)
    said = f"{label(metric)} of {plain(task)} for each model, with intervals"
    spec = charts.intervals(rows, f"{label(metric)}, {ARROWS[better(metric)]}", said)
    note = f"Lines: {evidence.confidence} interval."
    return [Figure(f"scores-{task}", f"{label(metric)} of each model", note, spec, table)]
