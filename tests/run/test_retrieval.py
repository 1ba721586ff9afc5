"""A run that looks for answers: measured, saved, asked, and handed over to a person where it is not sure."""

import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import motet
from motet.cli.app import main
from motet.system.files import read_json
from tests.language.conftest import WORDS, save_tiny_bert
from tests.trained import world_folder

TOPICS = {"red": "shoe", "small": "dog", "rain": "runs", "long": "ears"}  # question's word -> its answer's


@functools.cache
def folder() -> Path:
    """Questions that share no word with their answer, and a tiny language model."""
    place = world_folder() / "retrieval"
    save_tiny_bert(place / "bert")
    random, rows = np.random.default_rng(0), []
    for number in range(240):
        word = list(TOPICS)[number % 4]
        others = random.choice([each for each in WORDS if each not in {*TOPICS, *TOPICS.values()}], 3)
        rows.append(
            {"question": " ".join(random.permutation([word, *others])), "answer": f"the {TOPICS[word]}"}
        )
    rows += [{"question": rows[0]["question"], "answer": "the dog"}]
    (place / "faq.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf8")
    return place


def settings(tuning: str = "full", path: str = "", **task: Any) -> dict[str, Any]:
    texts = {"path": path or str(folder() / "faq.jsonl"), "text": "question"}
    language = {"name": str(folder() / "bert"), "tuning": tuning}
    if tuning != "frozen":
        language["learning_rate"] = 0.01
    return {
        "tasks": [{"name": "faq", "kind": "retrieval", "texts": texts, "hand_over": 0.9} | task],
        "model": {"language": language},
        "training": {"epochs": 8, "patience": 8, "learning_rate": 0.01, "text_batch_size": 16, "threads": 1},
        "report": {"twins": "none", "ablations": []},
    }


@functools.cache
def run(tuning: str) -> Path:
    return motet.train(settings(tuning), folder() / tuning).folder


@pytest.mark.parametrize("tuning", ["full", "frozen"])
def test_it_learns_what_words_do_not_say(tuning):
    metrics = read_json(run(tuning) / "metrics.json")
    ours, words = metrics["tasks"]["faq"]["test"], metrics["baselines"]["popularity"]["faq"]["test"]
    assert ours["hr@1"]["value"] > words["hr@1"]["value"] + (0.3 if tuning == "full" else 0.0)
    assert ours["mrr"]["low"] <= ours["mrr"]["value"] <= ours["mrr"]["high"]
    (said,) = (each for each in metrics["statements"] if "scale of cosines" in each)
    assert "below a confidence of" in said or "no confidence is high enough for 90%" in said
    curve = metrics["texts"]["faq"]["curve"]
    assert [each["answered"] for each in curve] == pytest.approx(
        [step / 10 for step in range(1, 11)], abs=0.03
    )
    assert curve[-1]["right"] == pytest.approx(ours["hr@1"]["value"])
    page = (run(tuning) / "report.html").read_text("utf8")
    assert "Which “answer” belongs to a question" in page
    assert "How sure it is, and how right" in page


@pytest.mark.parametrize("tuning", ["full", "frozen"])
def test_the_saved_model_says_the_same(tuning):
    model = motet.open(run(tuning))
    test = read_json(run(tuning) / "metrics.json")["tasks"]["faq"]["test"]
    assert model.evaluate()["faq"] == {"test": test}
    asked = pl.read_ndjson(folder() / "faq.jsonl")["question"].to_list()[:8]
    found = model.answer(asked, k=4)
    assert found.columns == ["row", "rank", "answer", "probability", "sure"]
    assert found["row"].to_list() == [row for row in range(1, 9) for _ in range(4)]
    sums = found.group_by("row").agg(pl.col("probability").sum())["probability"].to_list()
    assert sums == pytest.approx([1.0] * 8, abs=1e-5)  # there are four answers in all
    assert found.filter(pl.col("rank") == 1)["probability"].min() > 0.25
    assert model.answer([]).is_empty()
    assert model.answer(asked[0], k=4)["answer"].equals(found["answer"][:4])


def test_the_command_answers_and_says_when_a_person_is_to(capsys, tmp_path):
    assert main(["answer", str(run("full")), "--text", "red the and of"]) == 0
    row = capsys.readouterr().out.splitlines()[1].split(",")
    assert row[:3] == ["1", "1", "the shoe"]
    out = tmp_path / "answers.csv"
    rows = str(folder() / "faq.jsonl")
    assert main(["answer", str(run("full")), "--rows", rows, "--column", "question", "--out", str(out)]) == 0
    found = pl.read_csv(out)
    assert len(found) == 241
    sure = found.filter("sure")
    least = found.filter(~pl.col("sure"))["probability"].max()
    assert least is None or sure["probability"].min() > least
    assert main(["check", str(_written(tmp_path))]) == 0
    assert "faq: 4 answers; train " in capsys.readouterr().out


def _written(place: Path) -> Path:
    (place / "motet.yaml").write_text(json.dumps(settings()), "utf8")
    return place / "motet.yaml"


def test_a_task_that_does_not_answer_is_named(capsys):
    assert main(["answer", str(run("full")), "--text", "a", "--task", "click"]) == 2
    assert "'click' is no task that answers texts. Those of this run: faq." in capsys.readouterr().err


def test_a_relative_path_is_found_again_from_elsewhere(tmp_path, monkeypatch):
    (tmp_path / "motet.yaml").write_text(json.dumps(settings("frozen", "faq.jsonl")), "utf8")
    (tmp_path / "faq.jsonl").write_text((folder() / "faq.jsonl").read_text("utf8"), "utf8")
    found = motet.train(tmp_path / "motet.yaml", tmp_path / "run").folder
    monkeypatch.chdir("/")
    test = read_json(found / "metrics.json")["tasks"]["faq"]["test"]
    assert motet.open(found).evaluate()["faq"] == {"test": test}


def test_what_is_asked_in_pieces_is_answered_as_at_once(monkeypatch):
    from motet.evaluation import retrieval

    whole = motet.open(run("frozen"))
    asked = pl.read_ndjson(folder() / "faq.jsonl")["question"].to_list()[:30]
    first, measured = whole.answer(asked, k=2), whole.evaluate()
    monkeypatch.setattr(retrieval, "AT_ONCE", 4 * 7)  # seven questions at a time
    found = motet.open(run("frozen")).answer(asked, k=2)
    assert found.drop("probability").equals(first.drop("probability"))
    assert found["probability"].to_list() == pytest.approx(first["probability"].to_list(), abs=1e-5)
    assert motet.open(run("frozen")).evaluate() == measured


def test_without_a_share_to_reach_nobody_says_what_is_sure():
    found = motet.train(settings("frozen", hand_over=None), folder() / "frozen all").folder
    assert motet.open(found).answer(["red", None])["sure"].to_list() == [None, None]
