"""Groups: tasks that share nothing with the others have a whole model of their own."""

import functools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from motet.bundle import open_bundle, save_bundle
from motet.data.timelines import TEST
from motet.evaluation.evaluate import Examiner
from motet.gather import Material, gather
from motet.model import Motet
from motet.system.manifest import write_manifest
from motet.training.fit import learn_facts
from tests.model.world import changed, material, model, training_batch
from tests.worlds import tiny_settings, tiny_tables, tiny_world

MODEL: dict[str, Any] = tiny_settings()["model"]


@functools.cache
def grouped(*groups: tuple[str, ...]) -> tuple[Motet, Material]:
    of = material()
    of = replace(of, config=changed(model=MODEL | {"groups": [list(group) for group in groups]}))
    return model(of.config, of), of


@pytest.mark.parametrize("groups", [(("click",),), (("next",), ("stars",)), (("click", "stars"),)])
def test_each_group_has_its_heads_and_a_backbone_of_its_own(groups):
    made, _ = grouped(*groups)
    assert len(made.parts) == 1 + len(groups)
    for part, names in zip(made.parts[1:], groups, strict=True):
        assert {*part.next_heads, *part.row_heads} == set(names)
        assert all(made.part(name) is part for name in names)
    weights = [id(p) for part in made.parts for p in part.backbone_parameters()]
    assert len(weights) == len(set(weights))


def test_a_loss_moves_its_own_group_alone():
    made, _ = grouped(("click",))
    made.zero_grad(set_to_none=True)
    losses = made(training_batch())
    assert set(losses) == {"next", "click", "stars"}
    losses["click"].backward()
    assert all(p.grad is None or not p.grad.any() for p in made.backbone_parameters())
    assert any(p.grad is not None and p.grad.any() for p in made.apart[0].backbone_parameters())


@pytest.mark.parametrize("groups", [(("click",),), (("next",), ("stars",))])
def test_records_are_those_of_the_parts(groups):
    made, of = grouped(*groups)
    examiner = Examiner(of.config, of.prepared.dataset, of.views)
    found = examiner.examine(made, TEST)
    assert set(found) == {"next", "click", "stars"}
    for part in made.parts:
        lone = Motet.__new__(Motet)
        lone.__dict__ = part.__dict__ | {"_modules": part._modules | {"apart": torch.nn.ModuleList()}}
        for task, record in examiner.examine(lone, TEST).items():
            if task == "next":
                np.testing.assert_array_equal(found[task].rank_T, record.rank_T)
            else:
                np.testing.assert_array_equal(found[task].prediction_N, record.prediction_N)


def test_a_saved_model_keeps_its_groups(tmp_path: Path):
    made, of = grouped(("next",), ("stars",))
    facts = learn_facts(of.config, of.prepared)
    save_bundle(tmp_path, of.config, made, of.prepared.dataset, facts, of.prepared.scaler)
    write_manifest(tmp_path, {})
    again = open_bundle(tmp_path).model
    examiner = Examiner(of.config, of.prepared.dataset, of.views)
    one, other = examiner.examine(made, TEST), examiner.examine(again, TEST)
    np.testing.assert_array_equal(one["next"].rank_T, other["next"].rank_T)
    np.testing.assert_array_equal(one["stars"].prediction_N, other["stars"].prediction_N)


LEANING = {"tasks": ["click"], "backbone": "shared", "adapter": 4}


@functools.cache
def leaning() -> tuple[Motet, Material]:
    of = material()
    of = replace(of, config=changed(model=MODEL | {"groups": [LEANING, ["stars"]]}))
    return model(of.config, of), of


def test_a_group_on_the_shared_backbone_has_no_weights_of_one():
    made, _ = leaning()
    part = made.part("click")
    assert part.timeline is made.timeline
    assert not any(
        name.startswith(("items", "events", "users", "timeline")) for name, _ in part.named_parameters()
    )
    assert [each for each in made.parts if each.leans] == [part] == made.leaning
    assert len(part.branches.paths) == 1
    assert len(made.branches.paths) == 0


def test_a_loss_of_a_leaning_group_moves_the_backbone_and_its_own_heads():
    made, _ = leaning()
    made.zero_grad(set_to_none=True)
    made(training_batch())["click"].backward()
    moved = {name.split(".")[0] for name, p in made.named_parameters() if p.grad is not None and p.grad.any()}
    assert {"timeline", "items", "apart"} <= moved
    assert "experts" not in moved
    assert "heads" not in moved


def test_a_leaning_group_answers_in_the_same_pass_and_as_it_does_alone():
    made, of = leaning()
    made.eval()
    with torch.no_grad():
        item_ID, batch = made.items(), training_batch()
        together, alone = made.predict(batch, item_ID), made.part("click").predict(batch, item_ID)
    assert set(together) == {"click"}  # next ranks, and stars has a model of its own
    np.testing.assert_array_equal(together["click"], alone["click"])
    found = Examiner(of.config, of.prepared.dataset, of.views).examine(made, TEST)
    assert set(found) == {"next", "click", "stars"}


def test_a_saved_model_keeps_what_leans_and_saves_the_backbone_once(tmp_path: Path):
    made, of = leaning()
    facts = learn_facts(of.config, of.prepared)
    save_bundle(tmp_path, of.config, made, of.prepared.dataset, facts, of.prepared.scaler)
    write_manifest(tmp_path, {})
    assert not any(name.startswith("apart.0.timeline") for name in made.state_dict())
    again = open_bundle(tmp_path)
    assert [each.backbone for each in again.config.model.groups] == ["shared", "own"]
    examiner = Examiner(of.config, of.prepared.dataset, of.views)
    one, other = examiner.examine(made, TEST), examiner.examine(again.model, TEST)
    for name in ("click", "stars"):
        np.testing.assert_array_equal(one[name].prediction_N, other[name].prediction_N)


@pytest.mark.parametrize("backbone", ["own", "shared"])
def test_a_chain_that_passes_on_may_lie_apart_where_every_task_has_parts_of_its_own(backbone):
    """The first model then makes no state for the tasks of the chain, so nothing is passed on there."""
    later = {"name": "stay", "kind": "binary", "label": "dwell >= 20", "types": ["impression"]}
    tasks = [*tiny_settings()["tasks"], later | {"after": "click", "transfer": True}]
    group = {"tasks": ["click", "stay"], "backbone": backbone}
    sharing = {"layers": [16], "adapter": 4}
    config = changed(tasks=tasks, model=MODEL | {"groups": [group], "sharing": sharing})
    of = gather(config, Path(), tiny_tables(tiny_world(), config))
    made = model(of.config, of)
    assert set(made(training_batch(of))) == {"next", "click", "stars", "stay"}
    found = Examiner(of.config, of.prepared.dataset, of.views).examine(made, TEST)
    assert len(found["stay"].prediction_N) > 0
    assert (found["stay"].prediction_N <= found["click"].prediction_N + 1e-6).all()
