"""A run that finds items for a sentence: trained, saved, asked, with users and with new items."""

import functools
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

import motet
from motet.bundle import open_bundle
from motet.cli.app import main
from motet.config.read import config_from_dict
from motet.errors import ConfigError, DataError
from motet.gather import gather
from motet.system.files import read_json
from motet.use import TrainedModel
from tests.language.conftest import WORDS, save_tiny_bert
from tests.trained import world_folder

ITEMS, USERS = 72, 60
SORTS = {
    "foot": ["red", "blue", "shoe"],
    "wash": ["shampoo", "dry", "hair"],
    "pets": ["small", "dog", "ears"],
}


@functools.cache
def folder() -> Path:
    """Items of three sorts, users who each like one of them, queries in words of the sorts, a tiny model."""
    place = world_folder() / "seek"
    save_tiny_bert(place / "bert")
    random = np.random.default_rng(0)
    sorts = list(SORTS)
    others = [word for word in WORDS if not any(word in words for words in SORTS.values())]
    rows = []
    for number in range(ITEMS):
        sort = sorts[number % 3]
        title = [*random.choice(SORTS[sort], 2, replace=False), *random.choice(others, 2, replace=False)]
        rows.append(
            {"id": 1000 + number, "title": f"{' '.join(title)} {number}", "sorts": sort, "shop": "old"}
        )
    items = pl.DataFrame(rows)
    items.write_csv(place / "items.csv")
    events = []
    for user in range(USERS):
        liked = [row["id"] for row in rows if row["sorts"] == sorts[user % 3]]
        for time, item in enumerate(random.choice(liked, 8, replace=False)):
            events.append((f"u{user:02d}", int(item), 1_700_000_000 + 1000 * time + user))
    pl.DataFrame(events, schema=["who", "what", "at"], orient="row").write_csv(place / "events.csv")
    asked = [
        (
            " ".join(random.permutation([*random.choice(SORTS[row["sorts"]], 2), str(row["id"] - 1000)])),
            row["id"],
        )
        for row in rows
        for _ in range(3)
    ]
    pl.DataFrame(asked, schema=["query", "bought"], orient="row").write_csv(place / "queries.csv")
    return place


def settings(*names: str, tuning: str = "full", place: Path | None = None, **search: Any) -> dict[str, Any]:
    place = place or folder()
    tasks = {
        "search": {"name": "search", "kind": "retrieval", "texts": "items", "queries": 3} | search,
        "next": {"name": "next", "kind": "next_item"},
    }
    events = {"path": str(place / "events.csv"), "user": "who", "item": "what", "time": "at"}
    data: dict[str, Any] = {
        "items": {
            "path": str(place / "items.csv"), "id": "id", "kind": "thing", "text": ["title", "sorts"],
            "categorical": ["sorts"],
        }
    }  # fmt: skip
    if "next" in names:
        data |= {"events": events, "split": {"kind": "leave_one_out"}, "repeats": False}
    language: dict[str, Any] = {"name": str(folder() / "bert"), "tuning": tuning, "items": 8}
    if tuning != "frozen":
        language |= {"learning_rate": 0.003}
    return {
        "name": "seek",
        "data": data,
        "tasks": [tasks[name] for name in names],
        "model": {
            "language": {k: v for k, v in language.items() if k != "items" or tuning != "frozen"},
            "timeline": {"layers": 1, "width": 16, "heads": 2, "length": 8},
        },
        "training": {
            "epochs": 4, "patience": 4, "learning_rate": 0.01, "text_batch_size": 16, "batch_size": 16,
            "threads": 1, "precision": "fp32", "warmup": 2,
        },
        "evaluation": {"bootstrap": 20},
        "report": {"twins": "none", "ablations": [], "baselines": ["popularity"]},
    }  # fmt: skip


def run(*names: str, tuning: str = "full") -> Path:
    return trained(names, tuning)


@functools.cache
def trained(names: tuple[str, ...], tuning: str) -> Path:
    return motet.train(settings(*names, tuning=tuning), folder() / f"{' '.join(names)} {tuning}").folder


def items() -> pl.DataFrame:
    return pl.read_csv(folder() / "items.csv")


@pytest.mark.parametrize("tuning", ["full", "frozen"])
def test_a_catalogue_alone_is_enough(tuning):
    place = run("search", tuning=tuning)
    metrics = read_json(place / "metrics.json")
    found = metrics["tasks"]["search"]["test"]
    assert found["recall@10"]["value"] > 2 * 10 / ITEMS
    assert any("72 items are looked for" in each for each in metrics["statements"])
    page = (place / "report.html").read_text("utf8")
    assert "Which item a text asks for, out of the whole catalogue" in page
    model = motet.open(place)
    row = items().row(0, named=True)
    first = model.find(row["title"], k=3)
    assert first.columns == ["rank", "item", "score"]
    assert first["item"][0] == row["id"]
    whole = model.find("red shoe", k=ITEMS)
    assert len(whole) == ITEMS
    assert np.exp(whole["score"].to_numpy()).sum() == pytest.approx(1.0, abs=1e-4)  # probabilities
    answer = model.answer(["red shoe"], k=2)
    texts = dict(zip(items()["id"], items()["title"], strict=True))
    assert answer["answer"].to_list() == [f"{texts[item]}. foot" for item in whole["item"][:2]]


@pytest.mark.parametrize("tuning", ["full", "frozen"])
def test_the_saved_model_says_the_same(tuning):
    place = run("search", tuning=tuning)
    test = read_json(place / "metrics.json")["tasks"]["search"]["test"]
    assert motet.open(place).evaluate()["search"] == {"test": test}


def test_a_run_with_a_log_says_the_same_of_both_tasks():
    found = motet.open(run("next", "search")).evaluate()
    wanted = read_json(run("next", "search") / "metrics.json")["tasks"]
    assert found["search"]["test"] == wanted["search"]["test"]
    assert found["next"]["test"]["ndcg@10"] == wanted["next"]["test"]["ndcg@10"]


def test_a_mistyped_word_is_found():
    model = motet.open(run("search"))
    assert model.find("shampo hiar 1", k=5)["item"].is_in(items().filter(sorts="wash")["id"].implode()).all()


def copied(place: Path, *names: str) -> Path:
    """A run on files of its own, for what changes them."""
    for name in ("items.csv", "events.csv", "queries.csv"):
        shutil.copy(folder() / name, place / name)
    return motet.train(settings(*names, place=place, tuning="frozen"), place / "run").folder


def test_new_items_are_found_and_those_that_are_gone_are_not(tmp_path):
    place = copied(tmp_path, "search")
    whole = items()
    new = pl.DataFrame({"id": [5000], "title": ["blue ears and rain 99"], "sorts": ["pets"], "shop": ["new"]})
    pl.concat([whole.filter(pl.col("id") != 1000), new]).write_csv(tmp_path / "items.csv")
    found = motet.open(place).find("blue ears rain 99", k=ITEMS)
    assert found["item"][0] == 5000
    assert len(found) == ITEMS
    assert 1000 not in found["item"]
    known = motet.open(run("search", tuning="frozen")).find("blue ears rain 99", k=ITEMS)
    assert 1000 in known["item"]


def test_a_catalogue_that_is_gone_is_that_of_the_training(tmp_path, capsys):
    place = copied(tmp_path, "search")
    asked = motet.open(place).find("small dog", k=4)
    (tmp_path / "items.csv").unlink()
    assert motet.open(place).find("small dog", k=4).equals(asked)
    assert "search: the items are those of the training" in capsys.readouterr().err


def test_what_was_read_of_the_items_is_not_read_again(monkeypatch):
    model = motet.open(run("search"))
    monkeypatch.setattr("motet.seek.answer_directions", lambda *_: pytest.fail("all of them are known"))
    assert len(model.find("red shoe", k=2)) == 2


def both() -> TrainedModel:
    found = motet.open(run("next", "search"))
    assert isinstance(found, TrainedModel)
    return found


def test_words_and_a_user_together_are_the_sum_of_both():
    model = both()
    weight = float(model.bundle.model.texts.head("search").beside_X[0])
    words = model.find("red", k=ITEMS)
    user = model.recommend(["u01"], k=ITEMS)
    together = model.find("red", k=ITEMS, users=["u01"])
    assert together.columns == ["user", "rank", "item", "score"]
    assert set(together["item"]) == set(user["item"])  # what the user has is left out
    joint = user.join(words, on="item", suffix="_words")
    chance = torch.log_softmax(torch.from_numpy(joint["score"].to_numpy().astype(np.float64)), 0).numpy()
    joint = joint.with_columns(sum=joint["score_words"].cast(pl.Float64) + weight * chance)
    joint = joint.sort("sum", descending=True)
    assert together["item"].to_list() == joint["item"].to_list()
    assert np.exp(together["score"].to_numpy()).sum() == pytest.approx(1.0, abs=1e-3)
    kept = model.find("red", k=ITEMS, users=["u01"], keep_seen=True)
    assert len(kept) == ITEMS


def test_lists_of_all_users_are_the_same_in_blocks(monkeypatch):
    from motet.evaluation import retrieval

    whole = both().find("red", k=5, users="all")
    monkeypatch.setattr(retrieval, "AT_ONCE", 7 * (ITEMS + 1))  # seven users at a time
    found = both().find("red", k=5, users="all")
    assert found.drop("score").equals(whole.drop("score"))
    np.testing.assert_allclose(found["score"], whole["score"], atol=1e-5)


def test_what_is_fitted_in_blocks_is_as_at_once_and_rows_that_are_drawn_are_told(monkeypatch):
    from motet.evaluation import retrieval

    model = motet.open(run("search"))
    (first,) = model.examiner.fit_answers(model.bundle.model)
    monkeypatch.setattr(retrieval, "AT_ONCE", 3 * ITEMS)
    assert model.examiner.fit_answers(model.bundle.model) == [first]
    monkeypatch.setattr(retrieval, "FEWEST", 4)
    (drawn,) = model.examiner.fit_answers(model.bundle.model)
    assert re.search(r"; 4 of \d+ validation rows were drawn$", drawn)


def test_the_weight_of_the_user_is_fitted_on_validation_rows_and_said():
    metrics = read_json(run("next", "search") / "metrics.json")
    said = [each for each in metrics["statements"] if "beside next" in each]
    assert any(
        each.startswith("Fitted on the validation rows: search: beside next a weight of") for each in said
    )


def test_all_users_and_several_tasks_can_be_named():
    model = both()
    everybody = model.find("dog", k=2, users="all")
    assert everybody["user"].n_unique() == USERS
    assert everybody.group_by("user").len()["len"].to_list() == [2] * USERS
    assert model.find("dog", "search", 2, ["u01"]).equals(model.find("dog", "next", 2, ["u01"]))
    with pytest.raises(
        ConfigError, match=r"'click' is no task that finds items\. Those of this run: search, next"
    ):
        model.find("dog", "click")
    with pytest.raises(DataError, match="user 'nobody' has no event"):
        model.find("dog", users=["nobody"])
    with pytest.raises(ConfigError, match="The text is empty"):
        model.find(" ")


@pytest.mark.slow
def test_a_new_item_comes_to_a_user_too(tmp_path):
    place = copied(tmp_path, "next", "search")
    new = pl.DataFrame({"id": [5000], "title": ["blue ears and rain 99"], "sorts": ["pets"], "shop": ["new"]})
    pl.concat([items(), new]).write_csv(tmp_path / "items.csv")
    model = motet.open(place)
    assert model.find("blue ears rain 99", k=1)["item"].to_list() == [5000]
    found = model.find("blue ears rain 99", k=ITEMS, users=["u02"])
    assert found.filter(pl.col("item") == 5000)["rank"].item() < 10
    assert len(found) == ITEMS + 1 - 8  # without those that the user has
    with (tmp_path / "events.csv").open("a") as file:
        file.write("u02,5000,1700100000\n")
    model = motet.open(place)
    asked = {"text": "blue ears rain 99", "k": 2 * ITEMS, "users": ["u01", "u02", "u05"]}
    found = model.find(**asked)
    assert found.filter(item=5000)["user"].to_list() == ["u01", "u05"]  # u02 has it
    assert found.group_by("user", maintain_order=True).len()["len"].to_list() == [65, 64, 65]
    assert model.find(**asked, keep_seen=True).filter(item=5000)["user"].to_list() == ["u01", "u02", "u05"]


def test_without_a_search_the_cosine_stands_beside_a_user_with_a_weight_of_one():
    model = motet.open(run("next", tuning="frozen"))
    cosines = model.find("red", k=ITEMS)
    assert cosines["score"].max() <= 1.0
    user = model.recommend(["u01"], k=ITEMS)
    joint = user.join(cosines, on="item", suffix="_words")
    joint = joint.with_columns(sum=joint["score_words"].cast(pl.Float64) / 0.05 + joint["score"])
    best = joint.sort("sum", descending=True)["item"][:5].to_list()
    assert model.find("red", k=5, users=["u01"])["item"].to_list() == best


def test_the_command_takes_a_sentence_alone_and_with_users(capsys):
    place = str(run("next", "search"))
    assert main(["recommend", place, "--text", "small dog", "--k", "2"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "rank,item,score"
    assert main(["recommend", place, "--text", "small dog", "--users", "u01,u02", "--k", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "user,rank,item,score"
    assert len(lines) == 5
    assert main(["recommend", place, "--text", "small dog", "--users", "all", "--k", "1"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == USERS + 1
    for nobody in (",", ""):
        assert main(["recommend", place, "--text", "small dog", "--users", nobody]) == 2
        assert f"--users {nobody!r} names nobody" in capsys.readouterr().err
    assert main(["recommend", place, "--text", "small dog", "--item", "1000"]) == 2
    assert "users and a sentence together" in capsys.readouterr().err


def test_a_log_that_no_task_reads_is_told(tmp_path):
    given = settings("search")
    given["data"]["events"] = settings("next")["data"]["events"]
    said = gather(config_from_dict(given), tmp_path).statements
    assert any(
        each.startswith("search: data.events is not read, as no task is about events") for each in said
    )


def test_check_says_how_many_items_and_queries_there_are(tmp_path, capsys):
    (tmp_path / "motet.yaml").write_text(json.dumps(settings("next", "search")), "utf8")
    assert main(["check", str(tmp_path / "motet.yaml")]) == 0
    said = capsys.readouterr().out
    assert "search: 72 items; train " in said
    assert "what the log says of items (those held out, what users took) is added in training" in said


def test_queries_of_a_file_name_the_items(tmp_path):
    texts = {"path": str(folder() / "queries.csv"), "text": "query"}
    given = settings("search", tuning="frozen", texts=texts, documents="items", label="bought", queries=2)
    place = motet.train(given, tmp_path / "run").folder
    metrics = read_json(place / "metrics.json")
    assert metrics["tasks"]["search"]["test"]["recall@10"]["value"] > 0.5  # each names the number of its item
    assert motet.open(place).find("red shoe 0", k=1)["item"].to_list() == [1000]


def test_the_vectors_of_the_items_are_kept_with_the_run():
    bundle = open_bundle(run("search"))
    kept = bundle.answers["search"]
    assert kept.item_M.sort().to_list() == items()["id"].to_list()
    texts = {row["id"]: f"{row['title']}. {row['sorts']}" for row in items().iter_rows(named=True)}
    assert list(kept.texts) == [texts[item] for item in kept.item_M]
    assert kept.vector_MT.shape == (ITEMS, 16)
    tables = [name for name in bundle.model.state_dict() if "tables" in name]
    assert tables == []


@pytest.mark.slow
def test_it_goes_on_where_it_stopped(tmp_path, monkeypatch):
    """A training that is killed after its first epoch ends with the very figures of one that was not."""
    from motet.training import loop

    whole = read_json(run("search") / "metrics.json")["tasks"]["search"]
    real = loop.Loop._validate
    seen: list[int] = []

    def killed(self: loop.Loop, epoch: int) -> None:
        real(self, epoch)
        seen.append(epoch)
        if len(seen) == 2:
            raise MemoryError

    monkeypatch.setattr(loop.Loop, "_validate", killed)
    with pytest.raises(MemoryError):
        motet.train(settings("search"), tmp_path / "run")
    monkeypatch.undo()
    again = motet.train(settings("search"), tmp_path / "run")
    assert read_json(again.folder / "metrics.json")["tasks"]["search"] == whole
