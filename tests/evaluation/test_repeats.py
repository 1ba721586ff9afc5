"""Several runs of one configuration as one table."""

import json
from pathlib import Path

import pytest
import yaml

from motet.errors import ArtifactError, ConfigError
from motet.evaluation.repeats import of_runs
from motet.metrics.names import Metrics

CONFIG = {
    "name": "folds",
    "data": {
        "events": {"path": "events.csv", "user": "who", "item": "what"},
        "split": {"kind": "kfold", "folds": 3, "fold": 0},
    },
    "tasks": [{"name": "next", "kind": "next_item"}],
}


def run(folder: Path, value: float | None, fold: int = 0, seed: int = 1, epochs: int = 5) -> Path:
    """A run folder that holds nothing but its configuration and one figure."""
    folder.mkdir()
    config = json.loads(json.dumps(CONFIG))
    config["data"]["split"]["fold"] = fold
    config["training"] = {"seed": seed, "epochs": epochs}
    (folder / "motet.yaml").write_text(yaml.safe_dump(config))
    parts: dict[str, Metrics] = {"test": {"hr@10": {"value": value, "low": None, "high": None, "n": 9}}}
    (folder / "metrics.json").write_text(json.dumps({"tasks": {"next": parts}}))
    return folder


def test_mean_and_spread_over_the_folds(tmp_path):
    runs = [run(tmp_path / str(fold), value, fold) for fold, value in enumerate([0.1, 0.3, 0.2])]
    found = of_runs(runs)["next"]["test"]["hr@10"]
    assert found == {"mean": pytest.approx(0.2), "sd": pytest.approx(0.1), "low": 0.1, "high": 0.3, "runs": 3}


def test_a_run_without_the_figure_does_not_count(tmp_path):
    runs = [run(tmp_path / "a", 0.1, seed=1), run(tmp_path / "b", None, seed=2)]
    found = of_runs(runs)["next"]["test"]["hr@10"]
    assert found == {"mean": 0.1, "sd": None, "low": 0.1, "high": 0.1, "runs": 1}


def test_what_the_guard_and_a_search_found_may_differ(tmp_path):
    runs = [run(tmp_path / "a", 0.1), run(tmp_path / "b", 0.3, seed=2)]
    found = yaml.safe_load((runs[1] / "motet.yaml").read_text())
    found["tasks"][0]["weight"] = 3.0
    found["model"] = {"groups": [["next"]]}
    (runs[1] / "motet.yaml").write_text(yaml.safe_dump(found))
    with pytest.raises(ConfigError, match=r"weight is 1\.0 in .* and 3\.0 in "):
        of_runs(runs)
    metrics = json.loads((runs[1] / "metrics.json").read_text())
    metrics |= {"search": {"weights": {"next": 3.0}}, "guard": {"next": {"cure": "model"}}}
    (runs[1] / "metrics.json").write_text(json.dumps(metrics))
    with pytest.raises(ConfigError, match=r"weight is 1\.0 in .* and searched in "):
        of_runs(runs)  # only one of the two was searched
    (runs[0] / "metrics.json").write_text(
        json.dumps(
            json.loads((runs[0] / "metrics.json").read_text()) | {"search": {"weights": {"next": 1.0}}}
        )
    )
    assert of_runs(runs)["next"]["test"]["hr@10"]["mean"] == pytest.approx(0.2)


def test_what_is_trained_and_kept_beside_the_joint_model_may_differ(tmp_path):
    runs = [run(tmp_path / "a", 0.1), run(tmp_path / "b", 0.3, seed=2)]
    found = yaml.safe_load((runs[1] / "motet.yaml").read_text())
    found["training"] |= {"snapshots": 2, "threads": 1, "checkpoint_minutes": 1, "loggers": ["tensorboard"]}
    found["report"] = {"twins": "none"}
    (runs[1] / "motet.yaml").write_text(yaml.safe_dump(found))
    assert of_runs(runs)["next"]["test"]["hr@10"]["mean"] == pytest.approx(0.2)


def test_missing_folds_are_named(tmp_path, capsys):
    of_runs([run(tmp_path / "a", 0.1, fold=0), run(tmp_path / "b", 0.2, fold=2)])
    assert "of 3 folds there is no run of fold 1" in capsys.readouterr().err


def test_runs_that_differ_in_something_else_are_refused(tmp_path):
    runs = [run(tmp_path / "a", 0.1), run(tmp_path / "b", 0.2, seed=2, epochs=6)]
    with pytest.raises(ConfigError, match=r"training\.epochs is 5 in .* and 6 in "):
        of_runs(runs)


def test_a_fold_given_twice_is_refused(tmp_path):
    runs = [run(tmp_path / "a", 0.1), run(tmp_path / "b", 0.1)]
    with pytest.raises(ConfigError, match=r"a and .*b have the same fold and seed"):
        of_runs(runs)


def test_what_is_no_finished_run_is_refused(tmp_path):
    (tmp_path / "b").mkdir()
    with pytest.raises(ArtifactError, match=r"there is no motet\.yaml"):
        of_runs([run(tmp_path / "a", 0.1), tmp_path / "b"])


def test_an_unknown_part_is_refused(tmp_path):
    runs = [run(tmp_path / "a", 0.1), run(tmp_path / "b", 0.1, fold=1)]
    with pytest.raises(ConfigError, match="there is no split 'holdout'"):
        of_runs(runs, "holdout")
