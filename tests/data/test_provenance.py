"""What was read, by its hashes."""

from pathlib import Path

import polars as pl

from motet.config.read import config_from_dict
from motet.data.provenance import changes, files_read, model_read, tables_read
from motet.system.files import sha256_file
from tests.worlds import tiny_config, tiny_settings, tiny_tables, tiny_world


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / name).write_text(text)


def config(**paths: object):
    return tiny_config(**{f"data__{name}__path": path for name, path in paths.items()})


def reading(name: str):
    return config_from_dict(tiny_settings() | {"model": {"language": name}})


def test_every_file_of_every_source_is_hashed_under_its_absolute_path(tmp_path, monkeypatch):
    write(tmp_path, items="i", users="u", part_1="1", part_2="22")
    monkeypatch.chdir(tmp_path)
    found = files_read(config(events="part_*"), Path())
    assert list(found) == [str(tmp_path / name) for name in ("items", "part_1", "part_2", "users")]
    assert found[str(tmp_path / "part_2")] == {"sha256": sha256_file(tmp_path / "part_2"), "bytes": 2}


def test_a_file_of_the_same_size_and_age_with_other_bytes_has_changed(tmp_path):
    import os

    write(tmp_path, items="i", users="u", events="12")
    before = files_read(config(), tmp_path)
    age = (tmp_path / "events").stat().st_mtime_ns
    write(tmp_path, events="21")
    os.utime(tmp_path / "events", ns=(age, age))
    assert changes(before, files_read(config(), tmp_path)) == [
        f"{tmp_path / 'events'} has changed (2 bytes then, 2 bytes now)"
    ]


def test_a_language_model_that_is_a_folder_is_hashed_wherever_its_path_begins(tmp_path, monkeypatch):
    for name in ("model", "model/1_Pooling"):
        (tmp_path / name).mkdir()
        write(tmp_path / name, **{"config.json": "{}"})
    write(tmp_path / "model", **{"model.safetensors": "w", "tokenizer.json": "t", "notes.svg": "s"})
    own = reading("model")
    found = model_read(own, tmp_path)
    assert sorted(Path(name).name for name in found) == [
        "config.json", "config.json", "model.safetensors", "tokenizer.json"
    ]  # fmt: skip
    monkeypatch.chdir(tmp_path / "model")
    assert model_read(reading("../model"), Path("elsewhere")).keys() != {}
    write(tmp_path / "model", **{"model.safetensors": "v"})
    (said,) = changes(found, model_read(own, tmp_path))
    assert said.endswith("model.safetensors has changed (1 bytes then, 1 bytes now)")
    assert model_read(reading("none"), tmp_path) == {}
    assert model_read(reading("all-MiniLM-L6-v2"), tmp_path) == {}


def test_a_file_that_a_pattern_finds_anew_was_not_read_then(tmp_path):
    write(tmp_path, items="i", users="u", log_1="1")
    before = files_read(config(events="log_*"), tmp_path)
    write(tmp_path, log_2="2")
    assert changes(before, files_read(config(events="log_*"), tmp_path)) == [
        f"{tmp_path / 'log_2'} was not read then"
    ]


def test_tables_in_memory_are_known_by_their_cells_columns_and_order():
    settings, world = tiny_config(), tiny_world()
    tables = tiny_tables(world, settings)
    assert tables_read(tables) == tables_read(tiny_tables(world, settings))
    from dataclasses import replace

    other = replace(tables, events=tables.events.with_columns(pl.col("@time") + 1))
    assert changes(tables_read(tables), tables_read(other)) == [
        f"the table of events has changed ({world.events.height} rows then, {world.events.height} rows now)"
    ]
    renamed = replace(tables, users=tables.users.rename({"age": "years"}))
    assert len(changes(tables_read(tables), tables_read(renamed))) == 1
