"""What to know before any figure is read: text used or not, visible history, split, what was left out."""

from typing import Any

from motet.evaluation.report.evidence import Evidence, mapping, records
from motet.evaluation.report.numbers import count, real
from motet.evaluation.report.words import capital, listed, plain

HISTORIES = {
    "rolling": "rolling: a prediction sees all that its user did before that moment, the test included",
    "frozen": "frozen: a prediction sees nothing that happened after the training cut",
}


def facts(evidence: Evidence) -> list[tuple[str, str]]:
    """Label and sentence of each fact; what the run does not tell is left out, but for the language model."""
    events = bool(_sources(evidence, "events")) or not evidence.config
    found = [
        ("Data", size(evidence)),
        ("Language model", language(evidence)),
        ("Visible history", capital(history(evidence)) if events else ""),
        ("Split", capital(split(evidence)) if events else ""),
    ]
    return [(name, text) for name, text in found if text]


def statements(evidence: Evidence) -> tuple[str, ...]:
    """What the run says of itself: what was left out, inferred or decided."""
    found = evidence.metrics.get("statements")
    return tuple(str(one) for one in found) if isinstance(found, list) else ()


def size(evidence: Evidence) -> str:
    """How much was learned from."""
    held = mapping(mapping(evidence.metrics.get("behaviour")).get("activity"))
    known = [(name, number) for name in ("events", "users", "items") if (number := real(held.get(name)))]
    return listed([f"{count(number)} {name}" for name, number in known])


def language(evidence: Evidence) -> str:
    """Which language model read the items' text; the sentence says `without` where none did."""
    if not evidence.config:
        return "Not known: the run's configuration is missing"
    chosen = mapping(evidence.config.get("model")).get("language", "")
    if chosen in (None, False, "none"):
        return "None: this model was trained without a language model"
    held = mapping(chosen)
    name, tuning = held.get("name", chosen), held.get("tuning", "frozen")
    named = f"{name or 'the one that comes with Motet'}"
    own = [plain(str(task["name"])) for task in records(evidence.config.get("tasks")) if task.get("texts")]
    if not any(source.get("text") for source in _sources(evidence, "items")):
        if own:
            return f"{named} ({tuning}) reads the texts of {listed(own)}"
        return f"{named}, but the catalogue has no text column: no text was used"
    beside = f", and the texts of {listed(own)}" if own else ""
    return f"{named} ({tuning}) reads each item's {listed(_texts(evidence))}{beside}"


def _sources(evidence: Evidence, name: str) -> list[dict[str, Any]]:
    found = mapping(evidence.config.get("data")).get(name)
    return records(found if isinstance(found, list) else [found])


def _texts(evidence: Evidence) -> list[str]:
    columns = [column for source in _sources(evidence, "items") for column in source.get("text") or []]
    names = [plain(str(mapping(column).get("column", column))) for column in columns if column]
    return list(dict.fromkeys(names))


def history(evidence: Evidence) -> str:
    """Which history was visible, and where a task differs from the others."""
    common = mapping(evidence.config.get("evaluation")).get("history")
    own = [
        task for task in records(evidence.config.get("tasks")) if task.get("history") not in (None, common)
    ]
    text = HISTORIES.get(str(common), str(common or ""))
    others = "; ".join(f"{plain(str(task.get('name')))}: {task['history']}" for task in own)
    return text + (f" (but {others})" if others else "")


def split(evidence: Evidence) -> str:
    """How rows were kept apart for the test."""
    chosen = mapping(mapping(evidence.config.get("data")).get("split"))
    text = _split(chosen)
    cold = [
        f"{share:.0%} of {name} never train"
        for name, share in (
            ("items", real(chosen.get("cold_items"))),
            ("users", real(chosen.get("cold_users"))),
        )
        if share
    ]
    own = [
        plain(str(task.get("name"))) for task in records(evidence.config.get("tasks")) if task.get("split")
    ]
    apart = f"; {listed(own)} on a split of {'its' if len(own) == 1 else 'their'} own" if own else ""
    return "; ".join([text, *cold]) + apart if text else ""


def _split(chosen: dict[str, Any]) -> str:
    match chosen.get("kind"):
        case "leave_one_out":
            return "each user's last event is the test, the one before it validates, the rest trains"
        case "time":
            return (
                f"by time: {_part(chosen, 'test')} {'is' if real(chosen.get('test')) else 'on is'} the test"
            )
        case "random":
            return f"at random: {_part(chosen, 'test')} is the test"
        case "column":
            return f"as the column “{chosen.get('column')}” says"
        case "kfold":
            return f"fold {chosen.get('fold')} (counted from 0) of {chosen.get('folds')}"
    return str(chosen.get("kind") or "")


def _part(chosen: dict[str, Any], name: str) -> str:
    share = real(chosen.get(name))
    if share is None:
        return f"what happened from {chosen.get(name)}"
    return f"the last {share:.0%} of events" if chosen.get("kind") == "time" else f"{share:.0%} of events"
