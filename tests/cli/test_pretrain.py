"""`motet pretrain`: what it prints, what it writes, and that the next training uses it."""

import json
from pathlib import Path

import polars as pl
import pytest

from tests.language.conftest import save_tiny_bert

CONFIG = """
name: shop
data:
  items: {path: items.csv, id: id, text: [title, plot]}
model:
  language: {name: tiny, max_tokens: 24}
pretraining: {epochs: 1, held_out: 0.1}
training: {threads: 1, precision: fp32, epochs: 1}
"""
TASK = "tasks=[{name: topic, kind: multiclass, label: topic, texts: items}]"


@pytest.fixture
def shop(tmp_path, monkeypatch) -> Path:
    save_tiny_bert(tmp_path / "tiny")
    words = ["red shoe", "blue dog", "small rain", "long ears"]
    table = {
        "id": range(60),
        "title": [f"{words[n % 4]} {n}" for n in range(60)],
        "plot": [f"in the rain {n}" for n in range(60)],
        "topic": [words[n % 2] for n in range(60)],
    }
    pl.DataFrame(table).write_csv(tmp_path / "items.csv")
    (tmp_path / "motet.yaml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_held_out_texts_are_told_before_and_after(say, shop):
    done = say("pretrain", "motet.yaml")
    assert done.status == 0, done.err
    account = json.loads((shop / "models" / "shop" / "pretraining.json").read_text())
    first, perplexity = done.out.splitlines()[:2]
    assert first.split() == ["held-out", "texts", "before", "after"]
    numbers = [f"{account[when]['masked']['perplexity']:.4g}" for when in ("before", "after")]
    assert perplexity.split() == ["masked:", "perplexity", *numbers]
    assert "60 texts (60 of items); 6 of them measure" in done.err
    assert "write  model: {language: {name: models/shop}}" in done.err


def test_the_next_training_uses_it(say, shop):
    assert say("pretrain", "motet.yaml", "--set", TASK, "--out", "mine").status == 0
    done = say("train", "motet.yaml", "--set", TASK, "--set", "model.language=mine", "--run", "run")
    assert done.status == 0, done.err
    assert "pretraining is read by  motet pretrain  alone" in done.err
    assert say("classify", "run", "--text", "a red shoe").status == 0


def test_a_training_that_would_be_tested_by_what_was_read_is_refused(say, shop):
    assert say("pretrain", "motet.yaml", "--out", "mine").status == 0
    done = say("train", "motet.yaml", "--set", TASK, "--set", "model.language=mine", "--run", "run")
    assert done.status == 2
    assert "mine has read" in done.err
    assert "Pretrain it with these tasks and the same  training.seed" in done.err


def test_a_configuration_of_pretraining_alone_trains_and_checks_no_task(say, shop):
    for words in (("train", "motet.yaml", "--run", "run"), ("check", "motet.yaml")):
        done = say(*words)
        assert done.status == 2
        assert "the configuration has no tasks: only  motet pretrain  reads it" in done.err


def test_a_folder_that_is_there_is_refused_at_once(say, shop):
    (shop / "mine").mkdir()
    done = say("pretrain", "motet.yaml", "--out", "mine")
    assert done.status == 2
    assert "mine exists already. Give another folder with  --out" in done.err


def test_settings_are_changed_on_the_command_line(say, shop):
    done = say("pretrain", "motet.yaml", "--out", "mine", "--set", "pretraining.objectives=contrastive")
    assert done.status == 0, done.err
    assert list(json.loads(Path("mine/pretraining.json").read_text())["after"]) == [
        "contrastive of dropout",
        "all",
    ]
