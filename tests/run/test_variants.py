"""The models of a run: each differs from the joint one in one thing."""

from dataclasses import fields, replace
from pathlib import Path

import polars as pl
import pytest
import torch

from motet.config.read import config_from_dict
from motet.config.write import write_config
from motet.errors import ConfigError
from motet.gather import Material, gather
from motet.run import variants
from tests.model.world import changed, material
from tests.worlds import tiny_settings, tiny_tables, tiny_world

REPORT = {"twins": "all", "ablations": ["text", "id", "counters"]}


def material_with(**changes) -> Material:
    """The tiny world with texts that were read."""
    of = material()
    texts = torch.randn(len(of.prepared.dataset.catalogue), 4)
    prepared = replace(of.prepared, content=replace(of.prepared.content, text_IT=texts))
    return replace(of, prepared=prepared, config=changed(**({"report": REPORT} | changes)))


def differing(one, other) -> set[str]:
    """Fields of two records that are not the same thing."""
    return {each.name for each in fields(one) if getattr(one, each.name) is not getattr(other, each.name)}


def test_there_is_a_twin_for_every_task_and_an_ablation_for_every_part():
    assert list(variants(material_with())) == [
        "joint", "twin of next", "twin of click", "twin of stars", "without text", "without ids",
        "without counters",
    ]  # fmt: skip


def test_a_twin_differs_in_its_tasks_alone(tmp_path):
    found = variants(material_with())
    joint, data = found["joint"]
    for task in joint.tasks:
        config, prepared = found[f"twin of {task.name}"]
        assert prepared is data
        assert config.tasks == [task]
        assert config.model_copy(update={"tasks": joint.tasks}) == joint


def test_the_model_without_text_differs_in_its_texts_alone():
    found = variants(material_with())
    (joint, data), (config, prepared) = found["joint"], found["without text"]
    assert config == joint
    assert differing(prepared, data) == {"content"}
    assert differing(prepared.content, data.content) == {"text_IT"}
    assert prepared.content.text_IT is None


def test_the_model_without_ids_differs_in_its_ids_alone(tmp_path):
    found = variants(material_with())
    (joint, data), (config, prepared) = found["joint"], found["without ids"]
    assert prepared is data
    write_config(joint, tmp_path / "joint.yaml")
    write_config(config, tmp_path / "without.yaml")
    lines = [(tmp_path / name).read_text().splitlines() for name in ("joint.yaml", "without.yaml")]
    assert len([pair for pair in zip(*lines, strict=False) if pair[0] != pair[1]]) <= 1
    assert not config.model.item.id


def test_the_model_without_counters_differs_in_its_counters_alone():
    found = variants(material_with())
    (joint, data), (config, prepared) = found["joint"], found["without counters"]
    assert config == joint
    assert differing(prepared, data) == {"counter_NC", "scaler", "counter_names"}


def test_what_is_not_there_is_not_left_out_again():
    plain = replace(material(), config=changed(report=REPORT))  # no texts
    assert "without text" not in variants(plain)
    bare = replace(plain, config=changed(report=REPORT, model__item={"id": False}))
    assert "without ids" not in variants(bare)


def test_twins_are_trained_where_there_is_something_to_share():
    tasks = material().config.tasks
    single = [tasks[0].model_dump()]
    auto, none = {"twins": "auto", "ablations": []}, {"twins": "none", "ablations": []}
    assert list(variants(material_with(report=auto, tasks=single))) == ["joint"]
    assert len(variants(material_with(report=auto))) == 4
    assert list(variants(material_with(report=none))) == ["joint"]


def test_a_task_that_is_only_measured_has_no_twin():
    tasks = [task.model_dump() for task in material().config.tasks]
    tasks[1]["weight"] = 0.0
    found = variants(material_with(tasks=tasks, report={"twins": "all", "ablations": []}))
    assert list(found) == ["joint", "twin of next", "twin of stars"]


def test_labels_that_never_vary_are_said(capsys):
    tasks = [dict(task) for task in tiny_settings()["tasks"]]
    tasks[1]["label"] = "clicked >= 0"
    config = config_from_dict(tiny_settings(tasks=tasks))
    found = gather(config, Path(), tiny_tables(tiny_world(), config))
    said = "Every training row of click has the label 1: there is nothing to learn."
    assert any(line.startswith(said) for line in found.statements)
    assert said in capsys.readouterr().err


def test_a_chain_that_rows_break_is_said(capsys):
    tasks = [dict(task) for task in tiny_settings()["tasks"]]
    tasks[1]["label"] = "clicked == 0"
    tasks.append(
        {"name": "stay", "kind": "binary", "label": "clicked == 1", "types": ["impression"], "after": "click"}
    )
    config = config_from_dict(tiny_settings(tasks=tasks))
    gather(config, Path(), tiny_tables(tiny_world(), config))
    said = capsys.readouterr().err
    assert "stay is declared to come after click, but " in said
    tasks[1]["label"] = "clicked == 1"
    gather(config_from_dict(tiny_settings(tasks=tasks)), Path(), tiny_tables(tiny_world(), config))
    assert "declared to come after" not in capsys.readouterr().err


def test_a_chain_that_knows_its_end_of_clicked_rows_alone_is_refused():
    tasks = [dict(task) for task in tiny_settings()["tasks"]]
    world = tiny_world()
    known = world.events.with_columns(dwell=pl.when(pl.col("clicked") == 1).then("dwell"))
    late = {
        "name": "stay",
        "kind": "binary",
        "label": "dwell >= 20",
        "types": ["impression"],
        "after": "click",
    }
    config = config_from_dict(tiny_settings(tasks=[*tasks, late]))
    with pytest.raises(ConfigError, match=r"tasks.stay.after: all \d+ training rows .* have click = 1"):
        gather(config, Path(), tiny_tables(replace(world, events=known), config))
