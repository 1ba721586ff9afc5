"""An ensemble beside the best of its members: what stands in the place of the verdict against a twin."""

from typing import Any

from motet.evaluation.report.evidence import Evidence, mapping
from motet.evaluation.report.numbers import number, real
from motet.evaluation.report.words import label

BADGES = {
    "better": "Better than its best member",
    "same": "Same as its best member",
    "worse": "Worse than its best member",
}
_OUTCOMES = {"better": "better than", "same": "as good as", "worse": "worse than"}


def members(evidence: Evidence) -> int:
    """How many models an ensemble has; 0 for a single one."""
    return len(mapping(evidence.metrics.get("members")))


def gain(evidence: Evidence, task: str) -> dict[str, Any]:
    """The comparison of a task with the member that was best on validation rows; empty without one."""
    found = mapping(mapping(evidence.metrics.get("gains")).get(task))
    return found if found.get("verdict") in BADGES else {}


def outcome(found: dict[str, Any]) -> str:
    """A comparison in words, to end a sentence with."""
    return f"{_OUTCOMES[found['verdict']]} {found.get('member')}, the best of its members on validation rows"


def figures(found: dict[str, Any], confidence: str) -> str:
    """Both figures, and the interval of their (paired) difference."""
    ours, other = (number(real(found.get(key))) for key in ("ours", "other"))
    text = f"{label(str(found.get('metric')))} {ours} against {other} of {found.get('member')}"
    low, high = real(found.get("low")), real(found.get("high"))
    if low is None or high is None:
        return f"{text}."
    return f"{text}; {confidence} interval of the gain {number(low)} to {number(high)}."
