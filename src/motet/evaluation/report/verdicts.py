"""The top of the page: a card for each task, and an alarm for every one that sharing or a baseline beats."""

from collections import Counter
from dataclasses import dataclass

from motet.evaluation.report import joined
from motet.evaluation.report.blocks import Tone
from motet.evaluation.report.evidence import Contender, Evidence, Score, mapping
from motet.evaluation.report.guarded import is_its_twin, said_of
from motet.evaluation.report.numbers import brief, number, percent, real
from motet.evaluation.report.sentences import sentence
from motet.evaluation.report.words import amount, better, capital, label, listed, plain

BADGES: dict[Tone, str] = {
    "better": "Better than its twin",
    "same": "Same as its twin",
    "worse": "Worse than its twin",
    "untested": "Not tested against its twin",
    "none": "No twin to compare",
}
TWIN = "Answered by its twin"
TIMES = 10
ADVICE = "Serve this task from a model of its own, or give it more weight, until that is mended."
ADVICE_APART = "Serve this task from its twin, trained alone, until that is mended."


@dataclass(frozen=True)
class Verdict:
    """What sharing did to a task; the difference is positive where the joint model is better."""

    tone: Tone
    metric: str
    joint: float | None = None
    twin: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Card:
    """One task for a manager.

    Attributes:
        sentence: What was predicted, how well, and the verdict against the twin.
        other: What it was held against: its twin, or the best member of an ensemble.
        twin: The figures behind that verdict; empty without a twin.
        guard: What the guard did about it; empty where nothing.
        rival: How it stands against the best baseline; empty without one.
        behind: True if the best baseline is clearly better.
    """

    task: str
    kind: str
    verdict: Verdict
    badge: str
    sentence: str
    other: str
    twin: str
    metric: str
    score: str
    interval: str
    guard: str
    rival: str
    behind: bool


def verdict(evidence: Evidence, task: str) -> Verdict:
    """The verdict as recorded; where only the interval was, zero inside it means `same`."""
    raw = mapping(mapping(evidence.metrics.get("transfer")).get(task))
    joint, twin, difference, low, high = (
        real(raw.get(key)) for key in ("joint", "twin", "difference", "low", "high")
    )
    tone: Tone = "none"
    match raw.get("verdict"):
        case "better" | "same" | "worse" | "untested" as said:
            tone = said
        case _ if low is not None and high is not None:
            tone = "better" if low > 0 else "worse" if high < 0 else "same"
        case _ if difference is not None:
            tone = "untested"
    return Verdict(tone, evidence.main_metric(task), joint, twin, difference, low, high)


def cards(evidence: Evidence) -> list[Card]:
    """One card a task; those that sharing hurts first, then those that a baseline beats."""
    made = [_card(evidence, task) for task in evidence.tasks]
    return sorted(made, key=lambda card: (card.verdict.tone != "worse", not card.behind))


def _card(evidence: Evidence, task: str) -> Card:
    found = verdict(evidence, task)
    scores = evidence.joint.scores(task, evidence.split(task))
    score = scores.get(found.metric, Score())
    rival, behind = _rival(evidence, task, found.metric, score)
    beside = joined.gain(evidence, task)
    twin = is_its_twin(evidence, task)
    outcome = "answered by the same model trained on this task alone" if twin else ""
    return Card(
        task=plain(task),
        kind=plain(str(evidence.task(task).get("kind") or "")),
        verdict=found,
        badge=joined.BADGES[beside["verdict"]] if beside else TWIN if twin else BADGES[found.tone],
        sentence=sentence(
            evidence.asked(task), scores, found.tone, joined.outcome(beside) if beside else outcome
        ),
        twin=joined.figures(beside, evidence.confidence)
        if beside
        else ("" if twin else against_twin(found, evidence.confidence)),
        other="Best member" if beside else "Twin",
        metric=label(found.metric),
        score=brief(score.value),
        interval=_ends(score),
        guard=said_of(evidence, task, worse=found.tone == "worse"),
        rival=capital(rival),
        behind=behind,
    )


def _ends(score: Score) -> str:
    known = None not in (score.value, score.low, score.high)
    return f"{brief(score.low, score.value)} to {brief(score.high, score.value)}" if known else ""


def against_twin(found: Verdict, confidence: str) -> str:
    """Both figures, and how far apart they are with the interval of the (paired) difference."""
    if found.joint is None or found.twin is None:
        return ""
    turned = ", lower is better" if better(found.metric) == "lower" else ""
    text = f"{label(found.metric)} {number(found.joint)} against {number(found.twin)} alone{turned}"
    if found.difference is None or found.low is None or found.high is None:
        return f"{text}."
    if found.tone == "same":
        return f"{text}; {_noise(found, confidence)}."
    ends = (-found.high, -found.low) if found.tone == "worse" else (found.low, found.high)
    interval = f"{confidence} interval {number(ends[0])} to {number(ends[1])}"
    return f"{text}; {found.tone} by {number(abs(found.difference))} ({interval})."


def _noise(found: Verdict, confidence: str) -> str:
    """Why two figures count as the same; tested together, tasks ask for more than one interval does."""
    low, high = found.low or 0.0, found.high or 0.0
    interval = f"{confidence} interval of the difference {number(low)} to {number(high)}"
    if low <= 0 <= high:
        return f"within noise ({interval})"
    return f"within noise when all tasks are tested together ({interval} for this one alone)"


def best_baseline(evidence: Evidence, task: str, metric: str) -> tuple[Contender, Score] | None:
    """The baseline with the best value of a metric on the task's main split, or None."""
    sign = {"higher": 1.0, "lower": -1.0, "neither": 0.0}[better(metric)]
    split = evidence.split(task)
    found = [
        (contender, score)
        for contender in evidence.contenders()
        if contender.role == "baseline"
        for score in [contender.scores(task, split).get(metric, Score())]
        if score.value is not None
    ]
    return max(found, key=lambda one: sign * (one[1].value or 0.0)) if found and sign else None


def _rival(evidence: Evidence, task: str, metric: str, score: Score) -> tuple[str, bool]:
    best = best_baseline(evidence, task, metric)
    if best is None or score.value is None or best[1].value is None:
        return "", False
    ahead = (score.value - best[1].value) * (1 if better(metric) == "higher" else -1) > 0
    clear = score.apart(best[1])
    share = ""
    if best[1].value and abs(score.value / best[1].value) < TIMES:  # beyond it a share says nothing
        share = f", by {percent(abs(score.value / best[1].value - 1))}"
    where = (
        f"{'clearly ' if clear else ''}{'ahead of' if ahead else 'behind'} the best baseline, {best[0].name}"
    )
    value = f"({label(metric)} {number(best[1].value)})"
    return f"{where} {value}{share}{'' if clear else ', within noise'}", clear and not ahead


def summary(made: list[Card], members: int = 0) -> str:
    """The run in one sentence; `members`: how many models an ensemble has."""
    if not made:
        return "No task was measured in this run."
    if members:
        return f"{amount(members, 'model')} put together, for {amount(len(made), 'task')}."
    counts = Counter(card.verdict.tone for card in made)
    said: dict[Tone, str] = {"better": "better", "same": "the same", "worse": "worse"}
    parts = [f"{counts[tone]} {words}" for tone, words in said.items() if counts[tone]]
    if not parts:
        return f"One model for {amount(len(made), 'task')}; none was tested against a twin."
    silent = counts["none"] + counts["untested"]
    unknown = f"; {silent} not tested" if silent else ""
    apart = sum(card.guard.startswith("Set apart") for card in made)
    guard = f" The guard set {apart} of them apart." if apart else ""
    if any(card.guard.startswith("By the guard") for card in made):
        guard = " The guard chose another epoch."
    found = f"beside twins trained alone: {listed(parts)}{unknown}."
    return f"One model for {amount(len(made), 'task')}; {found}{guard}"


def alarms(made: list[Card]) -> list[tuple[str, str]]:
    """Title and text of every warning that must stand at the top of the page."""
    found = []
    for card in made:
        if card.verdict.tone == "worse":
            advice = ADVICE_APART if card.guard.startswith("Set apart") else ADVICE
            text = " ".join(part for part in (card.twin, card.guard, advice) if part)
            found.append((f"Sharing hurts “{card.task}”", text))
        if card.behind:
            found.append((f"A simple baseline beats “{card.task}”", f"{card.rival}."))
    return found
