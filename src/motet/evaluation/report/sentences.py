"""A task in one sentence: what it predicts, how well, and the verdict against its twin."""

from typing import Any

from motet.evaluation.report.blocks import Tone
from motet.evaluation.report.evidence import Score, mapping
from motet.evaluation.report.numbers import brief, percent
from motet.evaluation.report.words import plain, split_metric

OUTCOMES: dict[Tone, str] = {
    "better": "better than the same model trained on this task alone",
    "same": "as good as the same model trained on this task alone",
    "worse": "worse than the same model trained on this task alone",
    "untested": "it was not tested whether its twin is better",
    "none": "no twin was trained, so what sharing did to it is not known",
}


def sentence(task: dict[str, Any], scores: dict[str, Score], tone: Tone, said: str = "") -> str:
    """What was predicted, how well, and the verdict against the twin, or what is said in its place."""
    asked, answered = question(task), quality(task, scores)
    return f"{asked}{': ' if answered else ''}{answered}; {said or OUTCOMES[tone]}."


def question(task: dict[str, Any]) -> str:
    """What a task predicts, as the start of a sentence."""
    name = plain(str(task.get("name", "")))
    match task.get("kind"):
        case "next_item":
            items = task.get("items")
            kind = plain(str(items)) if items else "item"
            return f"Which {kind} a user takes next, out of the whole catalogue"
        case "binary":
            after = task.get("after")
            following = f", never more probable than “{plain(str(after))}”" if after else ""
            return f"Whether “{_label(task.get('label')) or name}”{following}"
        case "regression":
            return f"How large “{_label(task.get('label')) or name}” is"
        case "multiclass":
            return f"Which “{_label(task.get('label')) or name}” it is"
        case "tagging":
            return f"Where “{name}” stand in a text, and of which type"
        case "retrieval" if "items" in (task.get("documents"), task.get("texts")):
            items = task.get("items")
            return (
                f"Which {plain(str(items)) if items else 'item'} a text asks for, out of the whole catalogue"
            )
        case "retrieval":
            return f"Which “{_label(task.get('label')) or name}” belongs to a question"
    return f"The task “{name}”"


def _label(label: Any) -> str:
    window = mapping(label)
    if {"of", "event"} <= window.keys():
        within = f" within {window['within']}" if window.get("within") else ""
        return f"{window['event']} follows {window['of']}{within}"
    return str(label) if label not in (None, "") else ""


def quality(task: dict[str, Any], scores: dict[str, Score]) -> str:
    """How well a task does, in words, from its most telling metric; empty if none of them was measured."""
    match task.get("kind"):
        case "next_item" | "retrieval":
            return _hits(scores)
        case "binary":
            return _pairs(scores.get("auc", Score()))
        case "regression":
            size, mean = scores.get("rmse", Score()).value, scores.get("mae", Score()).value
            scale = " of log1p" if task.get("transform") == "log1p" else ""
            chosen = (size, f"RMSE{scale}") if size is not None else (mean, f"MAE{scale}")
            return f"it is typically off by {brief(chosen[0])} ({chosen[1]})" if chosen[0] is not None else ""
        case "multiclass":
            share = scores.get("accuracy", Score()).value
            return f"it is right in {percent(share)} of rows" if share is not None else ""
        case "tagging":
            share = scores.get("entity_recall", Score()).value
            return f"it finds {percent(share)} of them" if share is not None else ""
    return ""


def _hits(scores: dict[str, Score]) -> str:
    cuts = sorted(
        (int(cut), name)
        for name in scores
        for base, cut in [split_metric(name)]
        if base == "hr" and cut.isdigit()
    )
    known = [(cut, scores[name].value) for cut, name in cuts if scores[name].value is not None]
    if not known:
        return ""
    cut, share = min(known, key=lambda one: abs(one[0] - 10))
    place = "is the first" if cut == 1 else f"is among the first {cut}"
    return f"in {percent(share)} of cases the right one {place}"


def _pairs(score: Score) -> str:
    if score.value is None:
        return ""
    guessing = score.low is not None and score.high is not None and score.low <= 0.5 <= score.high
    note = ", no better than guessing" if guessing else " (guessing: 50%)"
    return f"given a yes and a no, it ranks the yes higher in {percent(score.value)} of pairs{note}"
