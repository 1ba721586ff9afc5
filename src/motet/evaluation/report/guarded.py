"""What the guard found and did: tasks that sharing hurt, before and after, and what was put in."""

from typing import Any

from motet.evaluation.report.blocks import Cell, Row, Section, Table
from motet.evaluation.report.evidence import Evidence, Score, mapping
from motet.evaluation.report.numbers import number, real, signed
from motet.evaluation.report.words import label, plain

CURES = {
    "whole": "For all tasks, the joint model of another epoch",
    "mean": "For all tasks, the mean of several epochs of the joint model",
    "epoch": "The joint model of another epoch",
    "experts": "Experts of its own on the shared timeline",
    "exit": "Experts of its own on the lower layers of the shared timeline",
    "model": "A model of its own",
    "twin": "Its twin",
}
GAVE_UP = "Nothing: no cure helped"
STOPPED = "Nothing: stopped by hand"
INTRO = (
    "Tasks that were probably worse than their twins on the validation rows got another epoch of the joint "
    "model or a part of the model to themselves, with those that follow them, if that helped there. So what "
    "they gained on those rows is told a little too well; the test rows were looked at afterwards alone."
)


def guarded(evidence: Evidence) -> Section | None:
    """The tasks that the guard looked after; None if it found none or was not asked."""
    cases = mapping(evidence.metrics.get("guard"))
    if not cases:
        return None
    columns = (
        "Task",
        "What was put in",
        "Gain over the twin before",
        "and after",
        "Test before",
        "and after",
    )
    rows = tuple(_row(evidence, task, mapping(case)) for task, case in cases.items())
    table = Table(
        "Tasks that the guard looked after; the first two figures are of validation rows", columns, rows
    )
    return Section("guard", "Guard", "What the guard did", INTRO, (table,))


def is_its_twin(evidence: Evidence, task: str) -> bool:
    """Whether the guard put in the twin of a task as it is."""
    case = mapping(mapping(evidence.metrics.get("guard")).get(task))
    return case.get("cure") == "twin"


def said_of(evidence: Evidence, task: str, *, worse: bool = False) -> str:
    """A line for a task's card; empty where the guard did nothing and nothing need be said.

    `worse`: The task is below its twin on the test rows all the same, so why the guard left it there is said.
    """
    done = _did(evidence, task)
    case = mapping(mapping(evidence.metrics.get("guard")).get(task))
    stands = mapping(case.get("after") or mapping(evidence.metrics.get("guard_saw")).get(task))
    low, high = real(stands.get("low")), real(stands.get("high"))
    if not worse or low is None or high is None or (case and not case.get("cure")) or case.get("gave_up"):
        return done
    where = (
        f"on the validation rows it was not below its twin beyond noise (difference "
        f"{signed(stands.get('difference'))}, interval {signed(low)} to {signed(high)})"
    )
    return f"{done} There the guard stopped: {where}." if done else f"The guard left it as it is: {where}."


def _did(evidence: Evidence, task: str) -> str:
    case = mapping(mapping(evidence.metrics.get("guard")).get(task))
    if not case:
        return ""
    cure = CURES.get(str(case.get("cure")))
    if cure is None and case.get("stopped"):
        return "The guard was stopped by hand before it had found a cure: it shares as before."
    why = str(case.get("gave_up") or "nothing brought it up to its twin")
    if cure is None:
        return f"The guard tried to set it apart and gave up: {why}."
    before = _test(evidence, task, case)[0].value
    metric = label(evidence.main_metric(task))
    for_all = cure.removeprefix("For all tasks, ")
    if for_all != cure:
        was = "" if before is None else f"; before that it had {metric} {number(before)}"
        return f"By the guard all tasks are answered by {for_all}{was}."
    was = "" if before is None else f"; with everything shared it had {metric} {number(before)}"
    gave_up = f" There the guard gave up: {why}." if case.get("gave_up") else ""
    return f"Set apart by the guard, with {cure[0].lower()}{cure[1:]}{was}.{gave_up}"


def _row(evidence: Evidence, task: str, case: dict[str, Any]) -> Row:
    before, after = mapping(case.get("before")), mapping(case.get("after"))
    unshared, now = _test(evidence, task, case)
    nothing = STOPPED if case.get("stopped") else GAVE_UP
    put_in = Cell(
        CURES.get(str(case.get("cure")), nothing), tone="none" if case.get("cure") else "worse", number=False
    )
    cells = (
        put_in,
        Cell(signed(before.get("difference"))),
        Cell(signed(after.get("difference"))),
        Cell(number(unshared.value)),
        Cell(number(now.value)),
    )
    return Row(plain(task), cells, label(evidence.main_metric(task)))


def _test(evidence: Evidence, task: str, case: dict[str, Any]) -> tuple[Score, Score]:
    """The main metric on the test rows without the guard and with it."""
    metric = evidence.main_metric(task)
    now = evidence.joint.scores(task, evidence.split(task)).get(metric, Score())
    return Score.of(mapping(case.get("unguarded")).get(metric)), now
