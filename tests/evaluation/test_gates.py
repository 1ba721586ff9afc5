"""Which experts each task uses: measured on its rows, and drawn in the report."""

import pytest
import torch

from motet.data.timelines import TEST
from motet.evaluation.evaluate import Examiner
from motet.evaluation.report.blocks import figures_in
from motet.evaluation.report.sharing import experts
from motet.model import Motet
from tests.evaluation.test_report_verdicts import evidence
from tests.model.world import changed, material, model


def shared_by(kind: str) -> Motet:
    experts = {"experts": 2} if kind in ("mmoe", "cgc") else {}
    return model(changed(model__sharing={"kind": kind, "layers": [16]} | experts))


def gates(made: Motet) -> dict[str, dict[str, dict[str, float]]]:
    of = material()
    return Examiner(of.config, of.prepared.dataset, of.views).gates(made, TEST)


@pytest.mark.parametrize(
    ("kind", "names"),
    [("mmoe", ["expert 1", "expert 2"]), ("cgc", ["click 1", "click 2", "shared 1", "shared 2"]),
     ("cross_stitch", ["click", "stars"])],
)  # fmt: skip
def test_shares_of_a_task_sum_to_one(kind, names):
    found = gates(shared_by(kind))
    assert list(found) == ["click", "stars"]
    assert list(found["click"]) == names
    for shares in found.values():
        assert sum(each["mean"] for each in shares.values()) == pytest.approx(1, abs=0.35)
        assert kind == "cross_stitch" or sum(each["mean"] for each in shares.values()) == pytest.approx(1)


def test_a_gate_that_is_one_hot_is_seen_as_such():
    made = shared_by("mmoe")
    gate = made.experts.gate["of_click"]
    with torch.no_grad():
        gate.weight.zero_()
        gate.bias.copy_(torch.tensor([50.0, 0.0]))
    found = gates(made)["click"]
    assert found["expert 1"] == {"mean": pytest.approx(1), "sd": pytest.approx(0)}
    assert gates(made)["stars"]["expert 1"]["mean"] < 0.99


def test_a_shared_bottom_has_none():
    assert gates(shared_by("shared_bottom")) == {}
    assert experts(evidence(plots={"gates": {}})) is None


def test_the_report_draws_them():
    share = {"expert 1": {"mean": 0.75, "sd": 0.1}, "expert 2": {"mean": 0.25, "sd": 0.1}}
    gates = {"click": share, "stars": {"stars 1": {"mean": 1.0, "sd": 0.0}}}
    section = experts(evidence(plots={"gates": gates}))
    assert section is not None
    (figure,) = figures_in(section.blocks)
    assert figure.table.columns == ("Task", "expert 1", "expert 2", "stars 1")
    assert [[cell.text for cell in row.cells] for row in figure.table.rows] == [
        ["75.0%", "25.0%", ""],
        ["", "", "100.0%"],
    ]
    assert figure.table.rows[0].cells[0].small == "± 10.0%"


def test_experts_of_a_group_bear_its_number():
    made = model(
        changed(model__sharing={"kind": "mmoe", "layers": [16], "experts": 2}, model__groups=[["click"]])
    )
    found = gates(made)
    assert list(found["click"]) == ["expert 1 (group 1)", "expert 2 (group 1)"]
    assert list(found["stars"]) == ["expert 1", "expert 2"]
