"""Files and folders exist whole or not at all, and a manifest notices what changed."""

import json
import os

import numpy as np
import pytest

from motet.errors import ArtifactError
from motet.system import files
from motet.system.files import atomic_folder, plain, read_json, sha256_file, write_json, write_text
from motet.system.manifest import update_manifest, verify_manifest, write_manifest


def test_a_folder_appears_only_when_it_is_complete(tmp_path):
    target = tmp_path / "runs" / "demo"
    with atomic_folder(target) as place:
        (place / "inner").mkdir()
        (place / "inner" / "weights").write_text("1 2 3")
        assert not target.exists()
        assert place.parent == target.parent  # the same disk, so that renaming is one step
    assert (target / "inner" / "weights").read_text() == "1 2 3"
    assert os.listdir(target.parent) == ["demo"]


@pytest.mark.parametrize("end", [ValueError, KeyboardInterrupt])
def test_a_folder_that_was_not_completed_leaves_nothing(tmp_path, end):
    def fail() -> None:
        with atomic_folder(tmp_path / "run") as place:
            (place / "half").write_text("half")
            raise end

    with pytest.raises(end):
        fail()
    assert os.listdir(tmp_path) == []


def test_an_older_folder_stays_unless_it_may_be_replaced(tmp_path):
    target = tmp_path / "run"
    target.mkdir()
    (target / "old").write_text("old")
    with pytest.raises(ArtifactError, match="exists already"), atomic_folder(target):
        pass
    with atomic_folder(target, replace=True) as place:
        (place / "new").write_text("new")
    assert os.listdir(target) == ["new"]
    assert os.listdir(tmp_path) == ["run"]


def test_a_replacement_that_fails_leaves_the_older_folder(tmp_path, monkeypatch):
    target = tmp_path / "run"
    target.mkdir()
    (target / "old").write_text("old")
    renames = iter([os.replace, None, os.replace])

    def replace(source, goal):
        step = next(renames)
        if step is None:
            raise OSError("the disk is gone")
        step(source, goal)

    monkeypatch.setattr(files.os, "replace", replace)
    with pytest.raises(OSError, match="gone"), atomic_folder(target, replace=True):
        pass
    assert os.listdir(tmp_path) == ["run"]
    assert os.listdir(target) == ["old"]


def test_a_text_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "motet.yaml"
    write_text(path, "old")

    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(files.os, "replace", full)
    with pytest.raises(OSError, match="no space"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["motet.yaml"]


def test_others_may_read_what_was_written(tmp_path):
    write_text(tmp_path / "a.txt", "a")
    with atomic_folder(tmp_path / "run"):
        pass
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o666 & ~files._umask()
    assert (tmp_path / "run").stat().st_mode & 0o777 == 0o777 & ~files._umask()


def test_numbers_that_are_not_finite_become_null():
    value = {"a": float("nan"), 1: np.float32(0.5), "b": np.array([1, 2]), "c": (np.inf, {"x"}), "d": True}
    assert plain(value) == {"a": None, "1": 0.5, "b": [1, 2], "c": [None, ["x"]], "d": True}


def test_json_comes_back_as_it_was(tmp_path):
    write_json(tmp_path / "a.json", {"名": [1, 2.5, None, "x"]})
    assert read_json(tmp_path / "a.json") == {"名": [1, 2.5, None, "x"]}


def test_a_missing_or_torn_json_says_so(tmp_path):
    with pytest.raises(ArtifactError, match=r"metrics\.json is missing"):
        read_json(tmp_path / "metrics.json")
    (tmp_path / "metrics.json").write_text('{"tasks": ')
    with pytest.raises(ArtifactError, match=r"metrics\.json is not JSON"):
        read_json(tmp_path / "metrics.json")


def test_the_sha256_of_a_file_is_that_of_its_bytes(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_file(tmp_path / "abc") == known


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "run"
    (folder / "vocabulary").mkdir(parents=True)
    (folder / "vocabulary" / "items.json").write_text("[1]")
    (folder / "report.html").write_text("<p>")
    write_manifest(folder, {"seed": 3})
    return folder


def test_a_whole_folder_is_accepted_and_its_facts_come_back(run):
    manifest = verify_manifest(run)
    assert manifest["seed"] == 3
    assert set(manifest["files"]) == {"report.html", "vocabulary/items.json"}


@pytest.mark.parametrize("name", ["report.html", "vocabulary/items.json"])
def test_a_changed_or_missing_file_is_named(run, name):
    (run / name).write_text("other")
    with pytest.raises(ArtifactError, match=f"{name} has changed"):
        verify_manifest(run)
    (run / name).unlink()
    with pytest.raises(ArtifactError, match=f"{name} is missing"):
        verify_manifest(run)


def test_a_symbolic_link_is_refused_even_to_the_same_bytes(run, tmp_path):
    (tmp_path / "elsewhere").write_text("<p>")
    (run / "report.html").unlink()
    (run / "report.html").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ArtifactError, match=r"report\.html is a symbolic link"):
        verify_manifest(run)


def test_a_linked_folder_is_refused(run, tmp_path):
    (run / "vocabulary").rename(tmp_path / "outside")
    (run / "vocabulary").symlink_to(tmp_path / "outside")
    with pytest.raises(ArtifactError, match="vocabulary is a symbolic link"):
        verify_manifest(run)


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/../../secret", "a\\b", ""])
def test_a_manifest_that_points_outside_is_refused(run, name):
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["files"][name] = {"sha256": "0", "bytes": 0}
    (run / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ArtifactError, match="lies outside"):
        verify_manifest(run)


@pytest.mark.parametrize("text", ["[]", '{"format": 2, "files": {}}', '{"format": 1, "files": []}'])
def test_a_manifest_of_another_format_is_refused(run, text):
    (run / "manifest.json").write_text(text)
    with pytest.raises(ArtifactError, match="format"):
        verify_manifest(run)


def test_a_file_that_was_rewritten_on_purpose_is_hashed_anew(run):
    (run / "report.html").write_text("<p>new")
    update_manifest(run, ["report.html"])
    assert verify_manifest(run)["seed"] == 3


def test_a_file_that_the_manifest_does_not_name_is_let_be(run):
    (run / "notes.txt").write_text("mine")
    verify_manifest(run)


def test_what_is_no_folder_says_what_to_give(tmp_path):
    with pytest.raises(ArtifactError, match="is not a folder"):
        verify_manifest(tmp_path / "nowhere")
