"""The page of an ensemble: its members stand beside it, and the best of them in the place of a twin."""

from typing import Any

from motet.evaluation.report import render
from motet.evaluation.report.evidence import gather
from motet.evaluation.report.joined import figures, gain, members, outcome
from motet.evaluation.report.scores import measured
from motet.evaluation.report.verdicts import cards, summary

GAIN = {
    "member": "first", "metric": "auc", "verdict": "better",
    "ours": 0.8, "other": 0.7, "difference": 0.1, "low": 0.05, "high": 0.15,
}  # fmt: skip


def metrics(**changes: Any) -> dict[str, Any]:
    scores = {"test": {"auc": {"value": 0.8, "low": 0.7, "high": 0.9, "n": 9}}}
    both = {"first": {"like": scores}, "second": {"like": scores}}
    return {"tasks": {"like": scores}, "members": both, "gains": {"like": GAIN}} | changes


def evidence(**changes: Any):
    return gather(metrics(**changes), {}, "tasks: [{name: like, kind: binary, label: liked}]", {})


def test_members_are_contenders_by_their_names():
    rivals, _ = measured(evidence(), "like", "test")
    assert [(one.name, one.role) for one in rivals] == [
        ("Ensemble", "joint"), ("Member first", "member"), ("Member second", "member"),
    ]  # fmt: skip
    assert members(evidence()) == 2


def test_a_single_model_has_no_members():
    single = evidence(members={}, gains={})
    assert members(single) == 0
    assert gain(single, "like") == {}
    assert single.joint.name == "Joint model"
    assert cards(single)[0].badge == "No twin to compare"


def test_the_card_speaks_of_the_best_member():
    card = cards(evidence())[0]
    assert card.badge == "Better than its best member"
    assert card.sentence.endswith("; better than first, the best of its members on validation rows.")
    assert card.other == "Best member"
    assert card.twin == "AUC 0.8000 against 0.7000 of first; 95% interval of the gain 0.0500 to 0.1500."
    assert summary([card], 2) == "2 models put together, for 1 task."


def test_no_member_binds_what_follows_to_what_comes_first():
    config = "tasks: [{name: like, kind: binary, label: liked, after: click}]"
    assert "never more probable" not in render(metrics(), {}, config, {})
    assert "never more probable" in render(metrics(members={}, gains={}), {}, config, {})


def test_a_gain_that_was_not_tested_is_none():
    assert gain(evidence(gains={"like": GAIN | {"verdict": "untested"}}), "like") == {}
    assert outcome(GAIN | {"verdict": "same"}).startswith("as good as first")
    assert figures(GAIN | {"low": None}, "95%") == "AUC 0.8000 against 0.7000 of first."


def test_the_page_is_written_from_it():
    page = render(metrics(), {}, "tasks: [{name: like, kind: binary, label: liked}]", {})
    assert "The ensemble beside its members and simple baselines." in page
    assert "Member second" in page
