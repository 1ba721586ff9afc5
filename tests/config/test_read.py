"""Good configurations: what they mean, how options change them, and that writing keeps them."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

import motet
from motet.config import Config
from motet.config.read import apply_override, config_folder, config_from_dict, read_config, write_config
from motet.config.schema import every_setting
from motet.config.tasks import Binary, Window
from motet.config.write import config_text
from motet.config.yaml_text import parse_yaml
from motet.errors import ConfigError
from tests.config.broken import GOOD

FULL = """\
name: "2024"
data:
  items:
    - path: [films/*.csv, more.csv]
      id: item
      text: [title, {column: plot, missing: constant, constant: "none: yet"}]
      categorical: [{column: genres, separator: "|", count: true}]
      numeric: [{column: year, log: false}]
    - {path: ads.parquet, id: ad, kind: ad, vectors: [picture]}
  users: {path: users.jsonl, id: user, categorical: [country]}
  events:
    - {path: events.csv, separator: "\\t", header: [u, i, t], user: u, item: i, time: t, context: [page]}
  cleaning: {strict: yes, earliest: 1997-01-01, bots_per_day: 1000}
  split: {kind: column, column: part, values: {train: "0", valid: no, test: "on"}}
  counters: {enabled: false, half_lives: [12h, 7d]}
  repeats: yes
tasks:
  - {name: next, kind: next_item, positive: [buy, "null"], items: ad, sampled: 100, history: frozen}
  - {name: again, kind: next_item, positive: "`odd name` > 3", sampled: null}
  - {name: like, kind: binary, label: 'i == "its: 3"', loss: focal, types: view, weight: 2}
  - {name: buy, kind: binary, label: {of: view, event: buy, within: 7d}}
  - name: long
    kind: regression
    label: log1p(u / 1000)
    transform: log1p
    split: {kind: time, valid: 2024-01-01, test: 2024-02-01T12:00}
  - {name: topic, kind: multiclass, label: t, max_classes: 7}
model: {language: none, timeline: {width: 64, heads: 4}, sharing: {layers: []}, target_attention: true}
training: {learning_rate: 2e-3, monitor: next.ndcg@3, threads: 2, loggers: [tensorboard]}
evaluation: {k: 3, history: frozen}
report: {twins: none, baselines: [], ablations: [id]}
"""


def read(text: str, folder: Path, *options: str) -> Config:
    (folder / "motet.yaml").write_text(text, encoding="utf-8")
    return read_config(folder / "motet.yaml", options)


def test_single_values_stand_for_lists_of_one(tmp_path):
    config = read(GOOD, tmp_path)
    assert config.data.items[0].path == ["items.csv"]
    assert [column.column for column in config.data.items[0].text] == ["title"]
    assert read(GOOD + "evaluation: {k: 10}\n", tmp_path).evaluation.k == [10]


def test_everything_that_is_not_said_has_a_default(tmp_path):
    config = read(GOOD, tmp_path)
    assert config.training.epochs == 50
    assert config.model.language is not None
    assert config.model.language.name == "all-MiniLM-L6-v2"
    assert config.data.split.kind == "leave_one_out"


def test_yaml_means_what_people_mean(tmp_path):
    config = read(FULL, tmp_path)
    assert config.name == "2024"
    assert config.data.cleaning.strict is True
    assert config.data.cleaning.earliest == "1997-01-01"
    assert config.data.split.values == {"train": "0", "valid": "no", "test": "on"}
    assert config.data.repeats is True
    assert config.data.events[0].separator == "\t"
    assert config.training.learning_rate == 0.002
    assert config.model.language is None


def test_a_task_is_the_record_of_its_kind(tmp_path):
    tasks = {task.name: task for task in read(FULL, tmp_path).tasks}
    assert isinstance(tasks["like"], Binary)
    assert tasks["like"].types == ["view"]
    assert isinstance(tasks["buy"], Binary)
    assert tasks["buy"].label == Window(of="view", event="buy", within="7d")


@pytest.mark.parametrize("name", ["all-MiniLM-L6-v2", "models/mine", "none"])
def test_the_language_model_may_be_a_bare_name(name, tmp_path):
    language = read(GOOD + f"model: {{language: {name}}}\n", tmp_path).model.language
    assert language is None if name == "none" else language is not None and language.name == name


@pytest.mark.parametrize("text", [GOOD, FULL])
def test_what_is_written_reads_as_the_same(text, tmp_path):
    config = read(text, tmp_path)
    write_config(config, tmp_path / "again.yaml")
    assert read_config(tmp_path / "again.yaml") == config


def test_what_is_written_names_every_setting_once_explained(tmp_path):
    text = config_text(read(GOOD, tmp_path))
    assert "  epochs: 50  # Passes over the timelines, at most.\n" in text
    assert text.count("# Factor of the task's loss.") == 1
    assert "    text: [title]" in text
    assert max(map(len, text.splitlines())) <= 110
    for key in ("cleaning", "counters", "scoring", "ablations", "checkpoint_minutes"):
        assert f"  {key}:" in text


texts = st.one_of(
    st.sampled_from(
        [
            "yes",
            "null",
            "~",
            "1e-3",
            "0x1F",
            "2024-01-01",
            "a: b",
            "# x",
            "- a",
            "'",
            '"',
            " ",
            "12:30",
            "=",
            "<<",
        ]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8),
)


@settings(max_examples=20, deadline=None)
@given(
    name=texts,
    column=texts,
    constant=st.one_of(texts, st.floats(allow_nan=False, allow_infinity=False)),
    rate=st.floats(1e-12, 1),
)
def test_any_text_survives_writing(name, column, constant, rate):
    raw = {
        "name": name,
        "data": {
            "items": {
                "path": "i",
                "id": column,
                "text": [{"column": column, "missing": "constant", "constant": constant}],
            },
            "events": {"path": "e", "user": name, "item": column, "ignore": [name]},
            "split": {"kind": "column", "column": column, "values": {"train": name}},
        },
        "tasks": [{"name": "n", "kind": "next_item", "positive": [name]}],
        "training": {"learning_rate": rate},
    }
    config = config_from_dict(raw)
    assert config_from_dict(parse_yaml(config_text(config), "x").value) == config


@pytest.mark.parametrize(
    ("option", "path", "value"),
    [
        ("training.epochs=3", "training.epochs", 3),
        ("training.learning_rate=1e-4", "training.learning_rate", 0.0001),
        ("tasks.0.weight=2", "tasks.0.weight", 2),
        ("tasks.like.weight=2", "tasks.1.weight", 2),
        ("tasks.like.label=stars == 5", "tasks.1.label", "stars == 5"),
        ("tasks.like.label=`stars` > 1", "tasks.1.label", "`stars` > 1"),
        ("data.events.path=[a.csv, b.csv]", "data.events.0.path", ["a.csv", "b.csv"]),
        ("data.events.0.time=when", "data.events.0.time", "when"),
        ("data.items.0.text.0.separator=,", "data.items.0.text.0.separator", ","),
        ("data.items.text.0=plot", "data.items.0.text.0.column", "plot"),
        ("data.split.kind=random", "data.split.kind", "random"),
        ("data.split={kind: kfold, fold: 1}", "data.split.fold", 1),
        ("evaluation.k=5", "evaluation.k", [5]),
        ("name=", "name", None),
        ("model.language=none", "model.language", None),
        ("model.language=mine", "model.language.name", "mine"),
        ("model.language.max_tokens=64", "model.language.max_tokens", 64),
    ],
)
def test_an_option_changes_one_setting(option, path, value, tmp_path):
    if value is None and path == "name":
        with pytest.raises(ConfigError, match="--set name=: name: found nothing; write text"):
            read(GOOD, tmp_path, option)
        return
    found = read(GOOD, tmp_path, option)
    for step in path.split("."):
        found = found[int(step)] if step.isdigit() else getattr(found, step)
    assert found == value


def test_an_option_on_a_bare_name_keeps_the_name(tmp_path):
    language = read(
        GOOD + "model: {language: mine}\n", tmp_path, "model.language.max_tokens=64"
    ).model.language
    assert language is not None
    assert (language.name, language.max_tokens) == ("mine", 64)


def test_later_options_win(tmp_path):
    assert read(GOOD, tmp_path, "training.epochs=3", "training.epochs=4").training.epochs == 4


def test_an_option_leaves_the_values_that_it_was_given_as_they_were():
    raw = {"tasks": [{"name": "like", "weight": 1}], "training": {"epochs": 1}}
    assert apply_override(raw, "training.epochs=2") == {"tasks": raw["tasks"], "training": {"epochs": 2}}
    assert apply_override(raw, "tasks.like.weight=2")["tasks"] == [{"name": "like", "weight": 2}]
    assert raw == {"tasks": [{"name": "like", "weight": 1}], "training": {"epochs": 1}}


def test_an_option_can_supply_what_an_empty_file_lacks(tmp_path):
    with pytest.raises(ConfigError, match="lacks 'tasks'"):
        read("", tmp_path, "data={events: {path: e, user: u, item: i}}")


def test_paths_stay_as_they_are_written_and_the_folder_is_known(tmp_path):
    config = read(GOOD.replace("items.csv", "../items.csv"), tmp_path)
    assert config.data.items[0].path == ["../items.csv"]
    assert config_folder(tmp_path / "motet.yaml") == tmp_path.resolve()


def test_a_configuration_is_checked_in_python_too():
    raw = parse_yaml(GOOD, "x").value
    assert config_from_dict(raw) == Config(**raw)
    with pytest.raises(ValidationError, match="there is no task 'x'"):
        Config(**raw, training={"monitor": "x.auc"})


def test_reading_a_configuration_imports_nothing_heavy():
    heavy = "{'torch', 'polars', 'transformers', 'numpy', 'pandas', 'rich', 'typer'}"
    code = f"import sys, motet.config.read, motet.config.page; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("option", ["tasks.next.priority=1", "model.user_id=true"])
def test_a_setting_that_would_do_nothing_is_not_accepted(tmp_path, option):
    with pytest.raises(ConfigError, match=option.split("=")[0].rpartition(".")[2]):
        read(GOOD, tmp_path, option)


def test_every_setting_is_read_by_some_code():
    """Each name stands in a file beside the records themselves: what nothing reads is not offered."""
    house = Path(motet.__file__).parent
    files = [path for path in house.rglob("*.py") if path.parent.name != "config"]
    code = "\n".join(path.read_text("utf-8") for path in files)
    names = {path.rpartition(".")[2].removesuffix("[]") for path, _ in every_setting(Config)}
    assert sorted(name for name in names if f".{name}" not in code) == []


@pytest.mark.parametrize(
    "split", ["{kind: time, valid: 0.2}", "{kind: kfold, fold: 1}", "{cold_users: 0.1, seed: 3}"]
)
def test_a_split_that_was_written_whole_is_read_again(split, tmp_path):
    config = read(GOOD, tmp_path, f"data.split={split}")
    write_config(config, tmp_path / "whole.yaml")
    assert read_config(tmp_path / "whole.yaml") == config
