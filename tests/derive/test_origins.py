"""Members that were trained on other data are refused, for a row may have trained one and test the other."""

import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import motet
from motet.cli.app import main
from motet.config.read import read_config
from motet.data.provenance import files_read
from motet.derive.members import open_members
from motet.derive.origins import origin, read_today, refuse_other_data
from motet.errors import ConfigError, DataError
from motet.system.files import read_json, write_json
from motet.system.manifest import update_manifest
from tests.derive.pair import QUICK, ensemble_of, opened, pair
from tests.trained import run_settings, world_folder, write_world

pytestmark = pytest.mark.usefixtures("members")
ONE, OTHER = {"/a/events.csv": {"sha256": "1", "bytes": 5}}, {"/a/events.csv": {"sha256": "2", "bytes": 7}}
TABLE = {"the table of events": {"sha256": "3", "rows": 9}}


def trained_on(folder: Path, *reads: dict[str, Any]) -> list[Path]:
    """Folders of runs whose manifests say what they were trained on."""
    found = [folder / f"run-{number}" for number in range(len(reads))]
    for run, read in zip(found, reads, strict=True):
        run.mkdir(parents=True)
        write_json(run / "manifest.json", {"data": read})
    return found


def moved_run(folder: Path, *, same: bool = True) -> Path:
    """The second run, as if it had read its events from a file elsewhere."""
    elsewhere = folder / "elsewhere.csv"
    shutil.copy(world_folder() / "events.csv", elsewhere)
    run = shutil.copytree(pair()[1], folder / "moved")
    manifest = read_json(run / "manifest.json")
    entry = manifest["data"].pop(str(world_folder() / "events.csv"))
    manifest["data"][str(elsewhere)] = entry if same else entry | {"sha256": "0"}
    write_json(run / "manifest.json", manifest)
    text = (run / "motet.yaml").read_text().replace(str(world_folder() / "events.csv"), str(elsewhere))
    (run / "motet.yaml").write_text(text)
    update_manifest(run, ["motet.yaml"])
    return run


def test_runs_of_todays_data_may_be_members(tmp_path):
    assert refuse_other_data(trained_on(tmp_path, ONE, ONE), ONE) == []


@pytest.mark.parametrize("reads", [(ONE, OTHER), (OTHER, ONE), (OTHER, OTHER), (OTHER,)])
def test_a_run_of_other_data_than_todays_is_named_with_its_file_and_what_to_do(tmp_path, reads):
    runs = trained_on(tmp_path, *reads)
    with pytest.raises(DataError) as refused:
        refuse_other_data(runs, ONE)
    said = str(refused.value)
    assert said.startswith(f"{runs[reads.index(OTHER)]} was trained on other data than are read now")
    assert "/a/events.csv has changed (7 bytes then, 5 bytes now)" in said
    assert (f"on which {tmp_path / f'run-{reads.index(ONE)}'} was trained" in said) if ONE in reads else True
    assert "Train it again on these data, or restore those" in said


def test_a_file_that_one_alone_read_is_named(tmp_path):
    more = ONE | {"/a/more.csv": {"sha256": "4", "bytes": 1}}
    with pytest.raises(DataError, match=r"run-0 was trained on other data.*more.csv was not read then"):
        refuse_other_data(trained_on(tmp_path, ONE, more), more)


def test_tables_in_python_are_compared_too(tmp_path):
    changed = {"the table of events": {"sha256": "4", "rows": 8}}
    runs = trained_on(tmp_path, TABLE, TABLE)
    assert refuse_other_data(runs, TABLE) == []
    with pytest.raises(DataError, match=r"the table of events has changed \(9 rows then, 8 rows now\)"):
        refuse_other_data(runs, changed)
    with pytest.raises(DataError, match="on files and on tables in Python, one each"):
        refuse_other_data(trained_on(tmp_path / "more", ONE, TABLE), TABLE)


def test_tables_instead_of_the_files_are_told_of_and_the_files_are_compared(tmp_path):
    (said,) = refuse_other_data(trained_on(tmp_path, ONE, ONE), TABLE)
    assert "it cannot be told whether they hold the same" in said
    with pytest.raises(DataError, match=r"were trained on different data: /a/events.csv differ\."):
        refuse_other_data(trained_on(tmp_path / "more", ONE, OTHER), TABLE)


def test_a_file_of_the_same_content_may_lie_elsewhere(tmp_path):
    runs = [pair()[0], moved_run(tmp_path)]
    now = read_today(open_members(runs).models[0], given=False)
    assert now == origin(pair()[0]) != origin(runs[1])
    assert refuse_other_data(runs, now) == []


def test_a_file_of_other_content_elsewhere_is_another_question(tmp_path):
    with pytest.raises(ConfigError, match=r"data.events.0.path.0 is .*events.csv in .*elsewhere.csv in"):
        open_members([pair()[0], moved_run(tmp_path, same=False)])


def test_an_ensemble_of_other_data_is_refused_before_anything_is_written(tmp_path):
    run = shutil.copytree(pair()[1], tmp_path / "old")
    manifest = read_json(run / "manifest.json")
    manifest["data"][str(world_folder() / "events.csv")]["sha256"] = "0"
    write_json(run / "manifest.json", manifest)
    with pytest.raises(DataError, match=r"old was trained on other data.*events.csv has changed"):
        motet.ensemble([pair()[0], run], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_manifest_of_an_ensemble_says_what_it_was_measured_on():
    folder = ensemble_of("average")
    assert origin(folder) == files_read(read_config(folder / "motet.yaml"), folder)


def test_a_file_that_is_gone_is_to_be_put_back_and_none_beside_it_is_advised(tmp_path):
    run = moved_run(tmp_path)
    (tmp_path / "elsewhere.csv").rename(tmp_path / "elsewhere-old.csv")
    for ask in (motet.open(run).evaluate, lambda: motet.ensemble([run, pair()[0]], tmp_path / "out")):
        with pytest.raises(DataError, match=r"elsewhere.csv: there is no such file any more") as refused:
            ask()
        assert f"{run} was trained on it. Put it back there, or give the tables" in str(refused.value)
        assert "elsewhere-old" not in str(refused.value)


@pytest.mark.slow
def test_runs_before_and_after_the_files_changed_are_refused(tmp_path, capsys):
    write_world(tmp_path)

    def run(name: str, seed: int) -> str:
        settings = run_settings(training__seed=seed, data__seed=0, training__epochs=1, **QUICK)
        for kind in ("items", "users", "events"):
            settings["data"][kind]["path"] = str(tmp_path / f"{kind}.csv")
        return str(motet.train(settings, tmp_path / name).folder)

    old = run("old", 0)
    events = pl.read_csv(tmp_path / "events.csv")
    swapped = pl.col("at").min() + pl.col("at").filter(pl.col("at") < 2e9).max() - pl.col("at")
    events.filter(pl.col("at") < 2e9).with_columns(at=swapped).write_csv(tmp_path / "events.csv")
    new = run("new", 1)
    assert main(["ensemble", old, new, "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert f"{old} was trained on other data than are read now, on which {new} was trained" in said


@pytest.mark.slow
def test_runs_of_tables_in_python_make_an_ensemble_of_these_tables(tmp_path):
    frames = {name: pl.read_csv(world_folder() / f"{name}.csv") for name in ("items", "users", "events")}
    runs = []
    for seed in (0, 1):
        settings = run_settings(training__seed=seed, data__seed=0, training__epochs=1, **QUICK)
        runs.append(motet.train(settings, tmp_path / f"run-{seed}", **frames).folder)
    done = motet.ensemble(runs, tmp_path / "both", "vote", **frames)
    assert origin(done.folder) == origin(runs[0])
    with pytest.raises(DataError, match="the table of events has changed"):
        motet.ensemble(runs, tmp_path / "no", **(frames | {"events": frames["events"].head(-3)}))


def test_a_run_of_files_measured_on_tables_reads_the_tables():
    assert list(read_today(opened(0), given=True)) == [
        "the table of items", "the table of users", "the table of events",
    ]  # fmt: skip
