"""A run that tags, beside one task that classifies; the saved model, the commands, and what they refuse."""

import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import motet
from motet.cli.app import main
from motet.errors import ConfigError
from motet.system.files import read_json
from tests.language.conftest import save_tiny_bert
from tests.trained import world_folder

NAMES = ["red shoe", "small dog", "rain", "long ears"]
PEOPLE = ["anna", "bob"]
FILLED = ["runs", "long", "the", "of", "and", "in"]


@functools.cache
def folder() -> Path:
    """Sentences with tags, and a tiny language model that knows their letters."""
    place = world_folder() / "tagging"
    save_tiny_bert(place / "bert")
    random, rows = np.random.default_rng(0), []
    for number in range(200):
        item, user = random.choice(NAMES), random.choice(PEOPLE)
        text = [str(word) for word in random.choice(FILLED, 2)]
        tags = ["O", "O"]
        for word in (("take", "ITEM"), ("USER", "and", "ITEM"), ("take", "nothing"))[number % 3]:
            several = {"ITEM": str(item), "USER": str(user)}.get(word, word).split()
            kind = word.capitalize()
            text += several
            inside = [f"B-{kind}", *[f"I-{kind}"] * (len(several) - 1)]
            tags += inside if word in ("ITEM", "USER") else ["O"]
        rows.append({"text": " ".join(text), "tags": " ".join(tags), "side": str(item)})
    (place / "said.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf8")
    return place


def settings(**changes: Any) -> dict[str, Any]:
    said = str(folder() / "said.jsonl")
    tasks = [
        {"name": "mentions", "kind": "tagging", "texts": {"path": said}},
        {"name": "side", "kind": "multiclass", "label": "side", "texts": {"path": said}},
    ]
    language = {"name": str(folder() / "bert"), "tuning": "full", "learning_rate": 0.01}
    training = {"epochs": 8, "patience": 8, "learning_rate": 0.01, "text_batch_size": 16, "threads": 1}
    return {
        "tasks": tasks,
        "model": {"language": language},
        "training": training,
        "report": {"twins": "none", "ablations": []},
    } | changes


@functools.cache
def run() -> Path:
    return motet.train(settings(), folder() / "run").folder


def test_it_learns_to_tag_beside_another_task_and_beats_the_dictionary_or_comes_near():
    metrics = read_json(run() / "metrics.json")
    found = metrics["tasks"]["mentions"]["test"]["entity_f1"]
    assert found["value"] > 0.9
    assert found["low"] <= found["value"] <= found["high"]
    assert metrics["baselines"]["popularity"]["mentions"]["test"]["entity_f1"]["value"] > 0.9
    assert set(metrics["texts"]["mentions"]["types"]) == {"Item", "User"}
    assert "Which “side” it is" in (run() / "report.html").read_text("utf8")
    assert "Where “mentions” stand in a text" in (run() / "report.html").read_text("utf8")


def test_the_saved_model_says_the_same():
    model = motet.open(run())
    assert model.evaluate()["mentions"] == {
        "test": read_json(run() / "metrics.json")["tasks"]["mentions"]["test"]
    }
    found = model.tag(["runs long take red shoe", "", "of the bob,and small dog!"])
    assert found.columns == ["row", "span", "type", "start", "end", "probability"]
    texts = ["runs long take red shoe", "", "of the bob,and small dog!"]
    for row, span, _, start, end, probability in found.iter_rows():
        assert texts[row - 1][start:end] == span
        assert 0 < probability <= 1
    assert ("red shoe", "Item") in found.select("span", "type").rows()
    assert model.tag("runs long take red shoe").equals(found.filter(pl.col("row") == 1))
    assert model.tag([]).is_empty()


def test_the_command_reads_texts_and_files(capsys, tmp_path):
    assert main(["tag", str(run()), "--text", "runs long take red shoe"]) == 0
    assert capsys.readouterr().out.splitlines()[:2][0] == "row,span,type,start,end,probability"
    pl.DataFrame({"said": ["runs long take red shoe", None]}).write_csv(tmp_path / "rows.csv")
    out = tmp_path / "out.jsonl"
    command = ["tag", str(run()), "--rows", str(tmp_path / "rows.csv"), "--column", "said"]
    assert main([*command, "--out", str(out)]) == 0
    assert pl.read_ndjson(out)["span"].to_list() == ["red shoe"]
    assert main(["check", str(_written(tmp_path))]) == 0
    assert "mentions: 5 tags; train " in capsys.readouterr().out


def _written(place: Path) -> Path:
    (place / "motet.yaml").write_text(json.dumps(settings()), "utf8")
    return place / "motet.yaml"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ([], "say what to tag: either  --text 'SENTENCE'  or  --rows FILE"),
        (
            ["--text", "a", "--task", "side"],
            "'side' is no task that tags texts. Those of this run: mentions.",
        ),
    ],
)
def test_what_the_command_refuses(capsys, more, said):
    assert main(["tag", str(run()), *more]) == 2
    assert said in capsys.readouterr().err


def test_a_run_that_tags_nothing_says_so():
    with pytest.raises(ConfigError, match=r"'mentions' is no task that classifies texts"):
        motet.open(run()).classify(["a"], "mentions")
