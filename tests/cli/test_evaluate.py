"""`motet evaluate`."""

import json
import shutil

import pytest
import yaml


def metrics(run):
    return json.loads((run / "metrics.json").read_text())["tasks"]


@pytest.mark.parametrize("split", ["test", "valid"])
def test_json_says_what_metrics_json_says(run, say, split):
    answer = say("evaluate", run, "--split", split, "--json")
    found = json.loads(answer.out)
    assert answer.status == 0
    assert list(found) == list(metrics(run))
    for task, parts in found.items():
        assert list(parts) == [split]
        for name, measure in parts[split].items():
            assert measure["value"] == pytest.approx(metrics(run)[task][split][name]["value"], abs=1e-6)


def test_without_json_there_is_a_line_for_every_metric(run, say):
    lines = say("evaluate", run).out.splitlines()
    assert lines[0] == "next (test)"
    auc = next(line for line in lines if line.split()[0] == "auc")
    assert auc.split()[1] == f"{metrics(run)['click']['test']['auc']['value']:.4f}"


def test_an_unknown_split_is_refused(run, say):
    answer = say("evaluate", run, "--split", "holdout")
    assert (answer.status, answer.out) == (2, "")
    assert "there is no split 'holdout'. Write one of train, valid, test." in answer.err


def test_a_spoilt_run_is_refused(run, say, tmp_path):
    copy = shutil.copytree(run, tmp_path / "copy")
    (copy / "metrics.json").write_text("{}")
    answer = say("evaluate", copy)
    assert answer.status == 2
    assert "metrics.json has changed since it was written" in answer.err


def test_a_log_that_is_gone_is_named(run, say, tmp_path):
    copy = shutil.copytree(run, tmp_path / "copy")
    config = (copy / "motet.yaml").read_text().replace("events.csv", "gone.csv")
    (copy / "motet.yaml").write_text(config)
    from motet.system.manifest import update_manifest

    update_manifest(copy, ["motet.yaml"])
    answer = say("evaluate", copy)
    assert answer.status == 2
    assert "gone.csv: there is no such file any more" in answer.err
    assert "Put it back there" in answer.err


def test_files_that_changed_since_the_training_are_warned_of(run, say, tmp_path):
    assert "since the training" not in say("evaluate", run).err
    copy = shutil.copytree(run, tmp_path / "copy")
    manifest = json.loads((copy / "manifest.json").read_text())
    path = next(name for name in manifest["data"] if name.endswith("events.csv"))
    manifest["data"][path]["sha256"] = "0"
    (copy / "manifest.json").write_text(json.dumps(manifest))
    answer = say("evaluate", copy, "--json")
    assert answer.status == 0
    assert list(json.loads(answer.out)) == list(metrics(run))
    assert f"warning: {copy}: since the training {path} has changed" in answer.err


def test_several_runs_give_a_mean_and_a_spread(run, say, tmp_path):
    other = shutil.copytree(run, tmp_path / "other")
    config = yaml.safe_load((other / "motet.yaml").read_text())
    config["training"]["seed"] += 1
    (other / "motet.yaml").write_text(yaml.safe_dump(config))
    answer = say("evaluate", run, other)
    line = next(line for line in answer.out.splitlines() if line.split()[0] == "auc")
    value = f"{metrics(run)['click']['test']['auc']['value']:.4f}"
    assert line.split() == ["auc", value, "sd", "0.0000", value, "to", value, "(2", "runs)"]
    assert json.loads(say("evaluate", run, other, "--json").out)["click"]["test"]["auc"]["runs"] == 2
