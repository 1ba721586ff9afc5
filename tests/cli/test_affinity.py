"""`motet affinity`: a matrix, its file and its drawing; and what it refuses."""

import json

from motet.cli.show import matrix


def test_the_matrix_is_printed_written_and_drawn(say, world, tmp_path):
    out = tmp_path / "aff"
    done = say("affinity", world / "small.yaml", "--out", out, "--set", "training.epochs=6")
    assert done.status == 0, done.err
    found = json.loads((out / "affinity.json").read_text())
    assert list(found["matrix"]) == ["next", "click", "stars", "type"]
    assert found["looks"] > 0
    assert sorted(task for group in found["groups"] for task in group) == ["click", "next", "stars", "type"]
    assert matrix(found["matrix"]) in done.out
    drawing = (out / "affinity.svg").read_text()
    assert drawing.startswith("<svg")
    assert "stars" in drawing


def test_one_task_has_no_affinity(say, world, tmp_path):
    task = "tasks=[{name: next, kind: next_item}]"
    done = say("affinity", world / "small.yaml", "--out", tmp_path, "--set", task)
    assert done.status == 2
    assert "declare two or more" in done.err


def test_groups_are_refused_where_they_were_written(say, world, tmp_path):
    option = "model.groups=[[click]]"
    done = say("affinity", world / "small.yaml", "--out", tmp_path, "--set", option)
    assert done.status == 2
    assert f"--set {option}: model.groups: tasks of different groups share nothing" in done.err


def test_a_training_of_few_steps_is_refused(say, world, tmp_path):
    done = say("affinity", world / "small.yaml", "--out", tmp_path, "--set", "training.epochs=1")
    assert done.status == 2
    assert "nothing was looked at" in done.err
