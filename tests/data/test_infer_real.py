"""Inference on real files as they lie, and on the same files under meaningless names."""

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest

from motet.data.infer import infer
from motet.data.readers import read_tables

pytestmark = pytest.mark.data

EXPECTED: dict[str, dict[str, Any]] = {
    "ml-100k": {
        "events": [("user_id", "item_id", "timestamp", "rating", "rating", [])],
        "items": 2,
        "split": "leave_one_out",
        "tasks": ["next", "like", "rating"],
        "rows": 100_000,
    },
    "kuairand-pure-2w": {
        "events": [
            ("user_id", "video_id", "time_ms", "impression", None, ["duration_ms", "tab"]),
            ("user_id", "watch_seq", "last_time_ms", "history", None, []),
        ],
        "items": 1,
        "split": "time",
        "tasks": ["next", "click", "long_view", "profile_enter", "like", "comment", "follow", "play_time_ms"],
        "rows": 1_045_516,
    },
    "amazon-beauty-2014": {
        "events": [("user", "items", None, "event", None, [])],
        "items": 1,
        "split": "leave_one_out",
        "tasks": ["next"],
        "rows": 198_502,
    },
    "microlens-50k-text": {
        "events": [("user_id", "item_ids", None, "event", None, [])],
        "items": 1,
        "split": "column",
        "tasks": ["next"],
        "rows": 359_048,
    },
}


def summary(folder: Path, back: dict[str, str]) -> dict[str, Any]:
    inference = infer([folder], folder)
    config = inference.config
    return {
        "events": [
            (
                back.get(each.user, each.user),
                back.get(each.item, each.item),
                each.time and back.get(each.time, each.time),
                each.type,
                each.value and back.get(each.value, each.value),
                [back.get(column.column, column.column) for column in each.context],
            )
            for each in config.data.events
        ],
        "items": len(config.data.items),
        "split": config.data.split.kind,
        "tasks": [re.sub("^is_", "", back.get(task.name, task.name)) for task in config.tasks],
        "rows": read_tables(config.data, folder).events.collect().height,
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPECTED)
def test_real_files_are_understood_as_they_lie(data_folder, name):
    assert summary(data_folder(name), {}) == EXPECTED[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPECTED)
def test_real_files_are_understood_without_their_names(data_folder, tmp_path, name):
    back = copy_nameless(data_folder(name), tmp_path)
    assert summary(tmp_path, back) == EXPECTED[name]


def test_the_files_of_a_plain_log_alone_are_enough(data_folder):
    folder = data_folder("ml-100k")
    inference = infer([folder / f"ml-100k.{ending}" for ending in ("inter", "item", "user")], folder)
    (items,) = inference.config.data.items
    assert [each.column for each in items.text] == ["movie_title", "class"]
    assert [each.column for each in items.categorical] == ["class"]
    assert [each.column for each in items.numeric] == ["release_year"]


def copy_nameless(source: Path, target: Path) -> dict[str, str]:
    """Copy tables under the names f0, f1, ... with columns x0, x1, ...; returns new name -> old name."""
    back: dict[str, str] = {}
    files = sorted(path for path in source.iterdir() if "README" not in path.name)
    for place, path in enumerate(reversed(files)):
        raw = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
        (target / f"f{place}").write_text(nameless(raw, back))
    return back


def nameless(raw: str, back: dict[str, str]) -> str:
    first, rest = raw.split("\n", 1)
    if first.startswith("{"):
        rows = [json.loads(line) for line in raw.splitlines()]
        new = {old: renamed(old, back) for old in rows[0]}
        return "\n".join(json.dumps({new[key]: value for key, value in row.items()}) for row in rows)
    if first[0].isdigit():
        return raw
    separator = "\t" if "\t" in first else ","
    return separator.join(renamed(old, back) for old in first.split(separator)) + "\n" + rest


def renamed(old: str, back: dict[str, str]) -> str:
    new = f"x{len(back)}"
    back[new] = old.split(":")[0]
    return new
