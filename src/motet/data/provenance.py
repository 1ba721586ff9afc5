"""Provenance: which files a training read, by their hashes, so that it is noticed when they change."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from motet.config import Config
from motet.config.data import DataConfig
from motet.config.tasks import Texts
from motet.data.fingerprint import fingerprint_rows
from motet.data.readers_files import find_files
from motet.data.table import Tables
from motet.errors import DataError
from motet.system.files import sha256_file
from motet.system.log import stage

MODEL_FILES = ("*.safetensors", "*.json", "*.txt", "*.model", "*/config.json")
_TABLE = "the table of "
Read = dict[str, dict[str, Any]]  # name of what was read -> its sha256 and its size


@stage("hashes of the files")
def files_read(config: Config, folder: Path) -> Read:
    """Every file that the sources name: absolute path -> ``sha256`` and ``bytes``.

    Args:
        config: A configuration.
        folder: Where its paths start.

    Raises:
        DataError: A path names no file.
    """
    return _of_files(paths_of(config), folder)


def texts_read(config: Config, folder: Path) -> Read:
    """The same of the files of text tasks alone: what is read beside tables that were given."""
    texts = config.model_copy(update={"data": DataConfig()})
    return _of_files(paths_of(texts), folder)


def model_read(config: Config, folder: Path) -> Read:
    """The same of the language model where it is a folder: its weights, its tokenizer and its settings.

    Args:
        config: A configuration.
        folder: Where its paths start.
    """
    place = folder_of_model(config, folder)
    if place is None:
        return {}
    return _of_files([str(place / each) for each in MODEL_FILES if any(place.glob(each))], folder)


def folder_of_model(config: Config, folder: Path) -> Path | None:
    """The language model's folder, absolute; None where there is no model, or another kind of name."""
    if config.model.language is None:
        return None
    name = Path(config.model.language.name).expanduser()
    place = (folder / name if (folder / name).is_dir() else name).absolute()
    return place if place.is_dir() else None


def _of_files(patterns: list[str], folder: Path) -> Read:
    files = sorted({path.absolute() for path in find_files(patterns, folder)})
    return {str(path): {"sha256": sha256_file(path), "bytes": path.stat().st_size} for path in files}


def paths_of(config: Config) -> list[str]:
    """All files that a configuration names, those of text tasks and of pretraining too."""
    data = config.data
    texts = [task.texts for task in config.text_tasks if isinstance(task.texts, Texts)]
    more = [] if config.pretraining is None else config.pretraining.files
    several = [source.path for source in (*data.items, *data.users, *data.events, *texts, *more)]
    several += [paths for each in texts for paths in (each.valid, each.test, each.unlabelled) if paths]
    return [path for paths in several for path in paths]


def refuse_gone(config: Config, run: Path) -> None:
    """Refuse to read anew what a run was trained on when a file of it is gone.

    Args:
        config: Of the run, with absolute paths.
        run: The folder of the run.

    Raises:
        DataError: It names the file.
    """
    for path in paths_of(config):
        try:
            find_files([path], run)
        except DataError:
            raise DataError(
                f"{path}: there is no such file any more, and {run} was trained on it. Put it back there, or "
                "give the tables in Python (events=..., items=..., users=...)."
            ) from None


def tables_read(tables: Tables) -> Read:
    """Tables that were given in Python: their name -> ``sha256`` of columns and cells, and ``rows``."""
    frames = {"items": tables.items, "users": tables.users, "events": tables.events}
    return {f"{_TABLE}{name}": _of_frame(frame) for name, frame in frames.items() if frame is not None}


def were_tables(read: Mapping[str, Any]) -> bool:
    """Whether what was read were tables given in Python."""
    return any(name.startswith(_TABLE) for name in read)


def _of_frame(frame: pl.DataFrame | pl.LazyFrame) -> dict[str, Any]:
    rows = frame.lazy().collect(engine="streaming")
    digest = hashlib.sha256(repr(rows.schema).encode())
    digest.update(fingerprint_rows(rows.get_columns(), 0).tobytes())
    return {"sha256": digest.hexdigest(), "rows": rows.height}


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What differs between two readings, a line each.

    >>> changes({"a": {"sha256": "1", "bytes": 5}, "b": {}}, {"a": {"sha256": "2", "bytes": 7}, "c": {}})
    ['a has changed (5 bytes then, 7 bytes now)', 'b is not read any more', 'c was not read then']
    """
    said = []
    for name in sorted({*before, *now}):
        if name not in now:
            said.append(f"{name} is not read any more")
        elif name not in before:
            said.append(f"{name} was not read then")
        elif before[name]["sha256"] != now[name]["sha256"]:
            said.append(f"{name} has changed ({_size(before[name])} then, {_size(now[name])} now)")
    return said


def _size(entry: Mapping[str, Any]) -> str:
    unit = "rows" if "rows" in entry else "bytes"
    return f"{entry[unit]:,} {unit}"
