"""What a run leaves behind: one whole, hashed folder without a user in it."""

import json
import shutil
from pathlib import Path

import polars as pl
import pytest
from safetensors import safe_open

from motet.bundle import open_bundle
from motet.config.read import read_config
from motet.errors import ArtifactError
from motet.system.files import sha256_file
from tests.trained import NAME, TASKS, USERS, trained_run, world_folder

MODELS = ["joint", *(f"twin of {task['name']}" for task in TASKS), "without ids", "without counters"]
FILES = {
    "motet.yaml", "model.safetensors", "items.safetensors", "metrics.json", "report.html", "cleaning.json",
    "log.jsonl", "manifest.json", "vocabulary/items.parquet", "vocabulary/encodings.json",
}  # fmt: skip


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def read(name: str):
    return json.loads((trained_run() / name).read_text())


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the run, to be spoilt."""
    return Path(shutil.copytree(trained_run(), tmp_path / "copy"))


def test_a_run_holds_the_files_of_the_contract_and_no_others():
    assert files(trained_run()) == FILES


def test_every_file_is_hashed_in_the_manifest():
    manifest = read("manifest.json")
    assert set(manifest["files"]) == FILES - {"manifest.json"}
    for name, entry in manifest["files"].items():
        assert entry["sha256"] == sha256_file(trained_run() / name)


def test_the_manifest_says_name_seed_versions_and_machine():
    manifest = read("manifest.json")
    assert (manifest["name"], manifest["seed"]) == ("small", 0)
    assert {"python", "torch", "polars"} <= set(manifest["versions"])
    assert manifest["machine"]["cores"] >= 1
    assert manifest["date"].startswith("20")


@pytest.mark.parametrize("name", sorted(FILES - {"manifest.json"}))
def test_a_run_with_a_changed_file_is_not_opened(copy, name):
    with open(copy / name, "ab") as file:
        file.write(b" ")
    with pytest.raises(ArtifactError, match=rf"{name}.* has changed"):
        open_bundle(copy)


def test_a_run_with_a_missing_file_is_not_opened(copy):
    (copy / "vocabulary" / "items.parquet").unlink()
    with pytest.raises(ArtifactError, match=r"items\.parquet is missing"):
        open_bundle(copy)


def test_a_folder_that_is_no_run_is_not_opened(tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ArtifactError):
            open_bundle(folder)


def test_no_file_of_a_run_holds_a_user():
    names = [NAME.format(user).encode() for user in range(USERS)]
    for name in FILES:
        content = (trained_run() / name).read_bytes()
        found = [each for each in names if each in content]
        assert not found, (name, found)


def test_the_users_are_there_to_be_found():
    content = (world_folder() / "events.csv").read_bytes()
    assert all(NAME.format(user).encode() in content for user in range(USERS))


def test_nothing_in_a_run_is_pickled():
    for name in FILES:
        head = (trained_run() / name).read_bytes()[:4]
        assert head[:1] != b"\x80", name  # a pickle
        assert head != b"PK\x03\x04", name  # what torch.save writes
    for name in ("model.safetensors", "items.safetensors"):
        with safe_open(trained_run() / name, framework="pt") as file:
            assert len(list(file.keys())) > 0


def test_the_configuration_of_a_run_is_settled_and_can_be_read_again():
    config = read_config(trained_run() / "motet.yaml")
    assert (config.training.threads, config.training.precision) == (1, "fp32")
    assert all(Path(path).is_absolute() for source in config.data.events for path in source.path)
    assert [task.name for task in config.tasks] == [task["name"] for task in TASKS]


def test_metrics_have_the_parts_of_the_contract():
    metrics = read("metrics.json")
    assert set(metrics) == {
        "tasks", "twins", "baselines", "ablations", "transfer", "slices", "cost", "plots", "behaviour",
        "statements", "guard", "guard_saw", "search", "texts",
    }  # fmt: skip
    names = [task["name"] for task in TASKS]
    assert list(metrics["tasks"]) == list(metrics["twins"]) == list(metrics["transfer"]) == names
    assert set(metrics["tasks"]["click"]) == {"valid", "test"}
    assert set(metrics["tasks"]["click"]["test"]["auc"]) == {"value", "low", "high", "n"}
    assert set(metrics["baselines"]) == {"popularity", "item_to_item", "ease"}
    assert set(metrics["ablations"]) == {"without ids", "without counters"}
    assert list(metrics["ablations"]["without ids"]) == names


def test_every_task_has_its_metrics():
    found = {name: set(parts["test"]) for name, parts in read("metrics.json")["tasks"].items()}
    assert found["click"] == {"auc", "gauc", "log_loss", "ece"}
    assert found["stars"] == {"rmse", "mae"}
    assert found["type"] == {"accuracy", "macro_f1"}
    listed = ("hr", "ndcg", "recall", "novelty", "popularity_bias", "diversity", "coverage")
    assert found["next"] == {"mrr", *(f"{name}@{k}" for name in listed for k in (1, 5, 10))}


def test_transfer_compares_each_task_with_its_twin():
    for each in read("metrics.json")["transfer"].values():
        assert {"metric", "joint", "twin", "difference", "low", "high", "verdict"} <= set(each)
        assert each["verdict"] in ("better", "same", "worse")
    stars = read("metrics.json")["transfer"]["stars"]
    assert stars["difference"] == pytest.approx(stars["twin"] - stars["joint"])  # errors: less is better


def test_the_cost_of_a_run_is_written_down():
    cost = read("metrics.json")["cost"]
    assert {"seconds", "cpu_seconds", "peak_rss_mb", "examples"} <= set(cost)
    assert all(value > 0 for name, value in cost.items() if name != "models")
    assert list(cost["models"]) == MODELS


def test_curves_and_calibration_are_there_for_the_plots():
    found = read("metrics.json")["plots"]
    assert {point["model"] for point in found["curves"]} == set(MODELS)
    assert {point["epoch"] for point in found["curves"]} == {1, 2}
    assert list(found["calibration"]) == ["click"]
    assert [point["decile"] for point in found["popularity"]["next"]] == list(range(1, 11))


def test_the_log_has_the_losses_and_the_metrics_of_every_epoch_of_every_model():
    records = [json.loads(line) for line in (trained_run() / "log.jsonl").read_text().splitlines()]
    found = [(record["model"], record["event"], record["epoch"]) for record in records]
    assert found == [
        (name, event, epoch) for name in MODELS for epoch in (1, 2) for event in ("train", "valid")
    ]
    assert set(records[0]["loss"]) == {task["name"] for task in TASKS}


def test_the_account_of_cleaning_says_what_was_dropped():
    account = read("cleaning.json")
    assert account["rows"]["users"] == {"in": USERS + 1, "out": USERS}
    dropped = account["rows"]["events"]["in"] - account["rows"]["events"]["out"]
    assert dropped == 5  # three repeated rows, two from the year 5138
    assert {finding["rule"] for finding in account["findings"]} >= {"exact duplicates", "an id seen before"}


def test_the_vocabulary_has_the_items_by_id():
    items = pl.read_parquet(trained_run() / "vocabulary" / "items.parquet")
    assert items.columns == ["item_id", "text"]
    assert sorted(items["item_id"].to_list()) == list(range(100, 120))


def test_the_report_names_every_task():
    page = (trained_run() / "report.html").read_text()
    assert all(task["name"] in page for task in TASKS)


def test_the_working_folder_is_gone():
    beside = [path for path in trained_run().parent.iterdir() if path.name.startswith("small")]
    assert [path.name for path in beside] == ["small"]
