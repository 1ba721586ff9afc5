"""The manifest of a folder: which files belong to it and the sha256 of each, checked at every opening."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from motet.errors import ArtifactError
from motet.system.files import read_json, sha256_file, write_json

NAME = "manifest.json"
FORMAT = 1


def write_manifest(folder: Path, facts: Mapping[str, Any]) -> None:
    """Hash every file of the folder and write ``manifest.json`` with the facts beside the hashes.

    Args:
        folder: The folder; it must hold no symbolic link.
        facts: What else should be known of it, for example versions and the seed. The names ``format`` and
            ``files`` are taken.

    Raises:
        ArtifactError: The folder holds a symbolic link.
    """
    assert not {"format", "files"} & set(facts), "the names format and files belong to the manifest"
    files = {name: _entry(folder / name) for name in _files(folder)}
    write_json(folder / NAME, {"format": FORMAT, **facts, "files": files})


def update_manifest(folder: Path, names: Iterable[str]) -> None:
    """Hash the named files anew, after they were rewritten on purpose; the others stay as they are."""
    manifest = read_json(folder / NAME)
    for name in names:
        manifest["files"][name] = _entry(folder / _inside(folder, name))
    write_json(folder / NAME, manifest)


def verify_manifest(folder: Path) -> dict[str, Any]:
    """Check that a folder holds exactly what its manifest says; files that it does not name are let be.

    Returns:
        The manifest.

    Raises:
        ArtifactError: The manifest is missing or of another format; it names a file outside the folder; a
            file is a symbolic link, is missing, or has changed. The message names the file.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ArtifactError(
            f"{folder} is not a folder. Give the one that a training wrote, such as runs/demo."
        )
    manifest = _read(folder / NAME)
    _files(folder)  # refuses symbolic links
    for name, entry in manifest["files"].items():
        _check(folder, name, entry)
    return manifest


def _read(path: Path) -> dict[str, Any]:
    manifest = read_json(path)
    known = isinstance(manifest, dict) and manifest.get("format") == FORMAT
    if not known or not isinstance(manifest.get("files"), dict):
        raise ArtifactError(f"{path} is of a format that this version cannot read. It reads format {FORMAT}.")
    return dict(manifest)


def _check(folder: Path, name: str, entry: Any) -> None:
    path = folder / _inside(folder, name)
    if not path.is_file():
        raise ArtifactError(
            f"{path} is missing, though {NAME} names it. Copy the folder again, or train anew."
        )
    if not isinstance(entry, dict) or sha256_file(path) != entry.get("sha256"):
        raise ArtifactError(
            f"{path} has changed since it was written: its sha256 differs from {NAME}. "
            "Copy the folder again, or train anew."
        )


def _inside(folder: Path, name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or not path.parts:
        raise ArtifactError(f"{folder / NAME} names {name!r}, which lies outside. Do not use this folder.")
    return path


def _entry(path: Path) -> dict[str, Any]:
    return {"sha256": sha256_file(path), "bytes": path.stat().st_size}


def _files(folder: Path) -> list[str]:
    """Names of all files below the folder, but for the manifest's own, in a fixed order."""
    found = []
    for root, folders, names in os.walk(folder):
        for name in folders + names:
            path = Path(root, name)
            if path.is_symlink():
                raise ArtifactError(f"{path} is a symbolic link. Put the file itself there.")
        found += [Path(root, name).relative_to(folder).as_posix() for name in names]
    return sorted(name for name in found if name != NAME)
