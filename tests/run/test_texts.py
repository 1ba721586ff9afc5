"""A run of texts and timelines together on one tuned language model, and one of texts alone."""

import functools
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

import motet
from motet.batch import TextBatch
from motet.bundle import open_bundle
from motet.cli.app import main
from motet.config.read import config_from_dict
from motet.errors import ConfigError
from motet.gather import gather
from motet.judge import examiner_of, variants
from motet.metrics.names import main_metric
from motet.system.files import read_json
from motet.training.descent import build_descent
from motet.training.fit import Hooks, _feeds, fit, learn_facts, new_model
from tests.language.conftest import WORDS, save_tiny_bert
from tests.trained import run_settings, world_folder

SIDES = {"shoe": ["red", "shoe", "runs", "rain"], "dog": ["small", "dog", "long", "ears"]}


@functools.cache
def folder() -> Path:
    """The world of the small run, with a tiny language model and a file of texts beside it."""
    place = world_folder() / "texts"
    save_tiny_bert(place / "bert")
    random = np.random.default_rng(0)
    said = [
        (" ".join(random.permutation([*random.choice(words, 3), *random.choice(WORDS, 2)])), side)
        for _ in range(150)
        for side, words in SIDES.items()
    ]
    pl.DataFrame(said, schema=["text", "side"], orient="row").write_csv(place / "said.csv")
    return place


def settings(*tasks: str, tuning: str = "full", **changes: Any) -> dict[str, Any]:
    """Of a run of these tasks: next, click, side (texts)."""
    known = {
        "next": {"name": "next", "kind": "next_item", "positive": ["click", "rate"]},
        "click": {"name": "click", "kind": "binary", "label": "clicked", "types": ["impression"]},
        "side": {
            "name": "side",
            "kind": "multiclass",
            "label": "side",
            "texts": {"path": str(folder() / "said.csv")},
        },
    }
    language: dict[str, Any] = {"name": str(folder() / "bert"), "tuning": tuning}
    if tuning != "frozen":
        language |= {"learning_rate": 0.003, "items": 4}
    whole: dict[str, Any] = {
        "tasks": [known[name] for name in tasks],
        "model__language": language,
        "training__epochs": 2,
        "training__learning_rate": 0.01,
        "training__text_batch_size": 8,
        "report__twins": "none",
        "report__ablations": [],
        "report__baselines": ["popularity"],
    }
    found = run_settings(**whole | changes)
    for kind in ("items", "users", "events"):
        found["data"][kind]["path"] = str(world_folder() / f"{kind}.csv")
    if set(tasks) == {"side"}:
        del found["data"]
        for name in ("timeline", "sharing", "target_attention"):
            del found["model"][name]
    return found


def run_of(*tasks: str, tuning: str = "full", epochs: int = 2) -> Path:
    return _run_of(tasks, tuning, epochs)


@functools.cache
def _run_of(tasks: tuple[str, ...], tuning: str, epochs: int) -> Path:
    target = folder() / "runs" / f"{'-'.join(tasks)}-{tuning}-{epochs}"
    return motet.train(settings(*tasks, tuning=tuning, training__epochs=epochs), target).folder


@pytest.mark.parametrize("balance", ["likelihood", "pcgrad"])
def test_every_loss_sends_a_gradient_into_the_language_model(balance):
    config = config_from_dict(settings("next", "click", "side", training__balance=balance))
    material = gather(config, Path())
    model = new_model(config, material.prepared, learn_facts(config, material.prepared)).train()
    assert model.texts is not None
    language = model.texts.language
    descent = build_descent(config.training.balance, model, {task.name: 1.0 for task in config.tasks})
    reached: dict[str, float] = {}
    for batch in _feeds(config, material.prepared, None).epoch(0).since(0):
        losses = descent.losses(batch)
        for name, loss in losses.items() if balance == "likelihood" else ():
            model.zero_grad()
            loss.backward(retain_graph=True)
            reached[name] = reached.get(name, 0) + _size(language)
        if balance != "likelihood":
            model.zero_grad()
            descent.backward(losses)
            key = "side" if "side" in losses else "events"
            reached[key] = reached.get(key, 0) + _size(language)
    assert set(reached) == ({"next", "click", "side"} if balance == "likelihood" else {"events", "side"})
    assert all(size > 0 for size in reached.values()), reached


def _size(language: torch.nn.Module) -> float:
    return sum(float(p.grad.abs().sum()) for p in language.parameters() if p.grad is not None)


def test_one_optimiser_moves_the_language_model_at_a_rate_of_its_own():
    from motet.training.optimizer import build_optimizer

    config = config_from_dict(settings("next", "side"))
    material = gather(config, Path())
    model = new_model(config, material.prepared, learn_facts(config, material.prepared))
    optimizer = build_optimizer([model], 0.01, 0.01, model.own_rates())
    rate_of = {id(p): group["rate"] for group in optimizer.param_groups for p in group["params"]}
    own = {id(p) for p in model.texts.language.parameters()}
    assert {rate_of[each] for each in own} == {0.003}
    assert {rate for each, rate in rate_of.items() if each not in own} == {0.01}
    assert set(rate_of) == {id(p) for p in model.parameters() if p.requires_grad}


def test_what_a_run_says_of_items_and_texts_is_what_its_tuned_model_reads():
    """The table of the items' texts is that of the weights that were kept."""
    bundle = open_bundle(run_of("next", "click", "side"))
    language = bundle.model.texts.language
    texts = [text for text in bundle.catalogue.text_I if text]
    has = [place for place, text in enumerate(bundle.catalogue.text_I) if text]
    from motet.data.tokens import Tokens

    with torch.no_grad():
        again = language.eval().vectors(*Tokens(*language.tokens(texts)).padded(np.arange(len(texts))))
    torch.testing.assert_close(bundle.content.text_IT[has], again, atol=1e-4, rtol=0)
    frozen = open_bundle(run_of("next", "click", "side", tuning="frozen"))
    assert not torch.allclose(frozen.content.text_IT[has], again, atol=1e-2)


@pytest.mark.parametrize(
    ("tasks", "tuning"),
    [(("next", "click", "side"), "full"), (("next", "click", "side"), "frozen"),
     pytest.param(("side",), "full", marks=pytest.mark.slow),
     (("side",), "frozen"), pytest.param(("side",), "lora", marks=pytest.mark.slow),
     pytest.param(("next", "side"), "adapter", marks=pytest.mark.slow),
     pytest.param(("next", "side"), "lora", marks=pytest.mark.slow)],
)  # fmt: skip
def test_a_run_opened_again_measures_what_it_measured(tasks, tuning):
    if tuning == "lora":
        pytest.importorskip("peft")
    run = run_of(*tasks, tuning=tuning)
    told = motet.run.Run(run).metrics["tasks"]
    again = motet.open(run).evaluate()
    for task in tasks:
        for name, measure in told[task]["test"].items():
            assert again[task]["test"][name]["value"] == pytest.approx(measure["value"], abs=1e-5), (
                task,
                name,
            )


@pytest.mark.parametrize("tuning", ["full", "frozen"])
def test_it_learns_to_tell_texts_apart(tuning):
    run = run_of("side", tuning=tuning, epochs=40 if tuning == "frozen" else 12)
    told = motet.run.Run(run).metrics
    assert told["tasks"]["side"]["test"]["accuracy"]["value"] > 0.8
    assert told["baselines"]["popularity"]["side"]["test"]["accuracy"]["value"] < 0.7
    found = motet.open(run).classify(["red shoe runs in the rain", "a small dog with long ears"])
    assert found["prediction"].to_list() == ["shoe", "dog"]
    assert found["probability"].min() > 0.5


@pytest.mark.slow
def test_the_same_run_twice_is_the_same():
    config = settings("next", "side")
    runs = [motet.train(config, folder() / "runs" / f"twice-{number}") for number in (1, 2)]
    assert runs[0].metrics["tasks"] == runs[1].metrics["tasks"]


def trained(material: Any, checkpoint: Path | None = None, stop_at: int = 10**9) -> Any:
    """A joint model; with `stop_at` somebody asks to stop after so many steps."""
    asked = [0]

    def stop() -> bool:
        asked[0] += 1
        return asked[0] >= stop_at

    validate = examiner_of(material, material.config, material.prepared).validate
    return fit(
        material.config, material.prepared, validate, lambda record: None, "joint", checkpoint, Hooks(stop)
    )


@pytest.mark.parametrize(
    "stop_at", [pytest.param(3, marks=pytest.mark.slow), 25, pytest.param(40, marks=pytest.mark.slow)]
)
def test_a_tuned_training_that_was_stopped_goes_on_to_the_same_weights(tmp_path, stop_at):
    config = config_from_dict(settings("next", "side", training__checkpoint_minutes=1000.0))
    material = gather(config, Path())
    whole = trained(material).model.state_dict()
    first = trained(material, tmp_path / "checkpoint", stop_at)
    assert first.stopped
    again = trained(material, tmp_path / "checkpoint").model.state_dict()
    assert whole.keys() == again.keys()
    different = [name for name, value in whole.items() if not torch.equal(value, again[name])]
    assert not different, different


def test_what_is_kept_when_it_is_stopped_is_read_without_dropout(tmp_path):
    config = config_from_dict(settings("next", "side"))
    material = gather(config, Path())
    model = trained(material, tmp_path / "checkpoint", 30).model
    before = model.items.get_buffer("text_IT").clone()
    model.read_texts()
    torch.testing.assert_close(model.items.get_buffer("text_IT"), before, atol=0, rtol=0)


@pytest.mark.slow
def test_files_of_texts_are_watched_beside_tables_in_python():
    given = {kind: pl.read_csv(world_folder() / f"{kind}.csv") for kind in ("items", "users", "events")}
    run = motet.train(settings("click", "side", tuning="frozen"), folder() / "runs" / "tables", **given)
    read = read_json(run.folder / "manifest.json")["data"]
    assert set(read) == {
        "the table of items", "the table of users", "the table of events", str(folder() / "said.csv"),
    }  # fmt: skip
    config = settings("click", "side", tuning="frozen")
    config["tasks"][1] |= {"texts": "items", "label": "sort"}
    with pytest.raises(ConfigError, match="the texts of items are read from files, and tables were given"):
        motet.train(config, folder() / "runs" / "none", **given)


def test_a_sentence_alone_and_no_sentence_are_read():
    model = motet.open(run_of("side", epochs=12))
    assert model.classify("red shoe")["text"].to_list() == ["red shoe"]
    assert model.classify([]).is_empty()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["snapshot", "soup"])
def test_what_a_tuned_model_read_is_not_averaged(tmp_path, kind):
    changes = {"training__snapshots": 2, "training__epochs": 3, "training__monitor": "last"}
    run = motet.train(settings("next", "click", **changes), tmp_path / "run").folder
    with pytest.raises(ConfigError, match="its language model was tuned"):
        motet.ensemble([run], tmp_path / "all", kind)


def test_a_text_task_of_weight_0_costs_no_step():
    config = settings("next", "side")
    config["tasks"][1]["weight"] = 0.0
    material = gather(config_from_dict(config), Path())
    batches = list(_feeds(material.config, material.prepared, None).epoch(0).since(0))
    assert not any(isinstance(batch, TextBatch) for batch in batches)
    assert "side has weight 0: nothing is learned for it." in material.statements


def test_what_is_left_out_is_left_out_of_what_reads_events():
    whole = gather(config_from_dict(settings("next", "side", report__ablations=["text", "id"])), Path())
    found = variants(whole)
    assert [task.name for task in found["without text"][0].tasks] == ["next"]
    alone = gather(config_from_dict(settings("side", report__ablations=["text", "id"])), Path())
    assert list(variants(alone)) == ["joint"]


@pytest.mark.slow
def test_a_twin_of_a_text_task_reads_texts_alone():
    run = motet.train(settings("click", "side", report__twins="all"), folder() / "runs" / "twins")
    told = run.metrics
    assert set(told["twins"]) == {"click", "side"}
    assert set(told["transfer"]) == {"click", "side"}
    cost = told["cost"]["models"]
    own = cost["twin of side"]["parameters"]
    language = sum(p.numel() for p in open_bundle(run.folder).model.texts.language.parameters())
    assert language < own < language + 3000  # the least timeline that a model can have is there, and unread


def test_the_report_names_the_tasks_whose_texts_are_read():
    page = (run_of("side", tuning="frozen") / "report.html").read_text("utf8")
    assert "reads the texts of side" in page
    page = (run_of("next", "click", "side") / "report.html").read_text("utf8")
    assert "title, and the texts of side" in page


def test_the_command_line_classifies(tmp_path, capsys):
    run = run_of("side", epochs=12)
    pl.DataFrame({"words": ["red shoe", "small dog"], "id": [7, 8]}).write_csv(tmp_path / "rows.csv")
    asked = ["classify", str(run), "--rows", str(tmp_path / "rows.csv"), "--out", str(tmp_path / "out.csv")]
    assert main([*asked, "--column", "words"]) == 0
    out = pl.read_csv(tmp_path / "out.csv")
    assert out.columns == ["words", "id", "prediction", "probability"]
    assert out["prediction"].to_list() == ["shoe", "dog"]
    capsys.readouterr()
    assert main(asked) == 2
    assert "has no column 'text'; name one with  --column: words, id" in capsys.readouterr().err
    assert main(["classify", str(run)]) == 2
    assert "--text 'SENTENCE'" in capsys.readouterr().err
    assert main(["classify", str(run), "--text", "red", "--task", "sight"]) == 2
    assert "'sight' is no task that classifies texts. Those of this run: side" in capsys.readouterr().err


def test_a_check_counts_the_texts(tmp_path, capsys):
    from motet.config.read import write_config

    write_config(config_from_dict(settings("side")), tmp_path / "motet.yaml")
    assert main(["check", str(tmp_path / "motet.yaml")]) == 0
    assert "side: 2 classes; train 2" in capsys.readouterr().out


def test_runs_with_text_tasks_are_not_put_together(tmp_path):
    runs = [run_of("side"), run_of("side", epochs=12)]
    with pytest.raises(ConfigError, match="side reads texts, and runs of text tasks cannot be put together"):
        motet.ensemble(runs, tmp_path / "both")


def test_a_sentence_is_read_by_the_tuned_model():
    run = run_of("next", "click", "side")
    model = motet.open(run)
    title = next(text for text in model.bundle.catalogue.text_I if text)
    item = model.find(title, k=1)
    assert item["score"][0] == pytest.approx(1.0, abs=1e-4)


def test_examiners_agree_in_what_is_the_main_metric_of_texts():
    config = config_from_dict(settings("side"))
    material = gather(config, Path())
    model = new_model(config, material.prepared, learn_facts(config, material.prepared))
    found = examiner_of(material, config, material.prepared).validate(model)
    assert main_metric("multiclass") in found["side"]


POOL = ["red shoe runs rain", "small dog long ears", "", "Small  DOG long ears", "red dog", None, "shoe ears"]


@pytest.mark.parametrize("tuning", ["full", "frozen"])
def test_it_asks_for_what_it_cannot_tell_and_for_no_text_twice(tuning):
    model = motet.open(run_of("side", tuning=tuning, epochs=40 if tuning == "frozen" else 12))
    found = model.label_next(POOL, k=10, by="uncertainty")
    assert found.columns == ["row", "text", "prediction", "probability"]
    assert sorted(found["row"]) == [1, 2, 5, 7]  # neither an empty text nor one again
    assert found["probability"].is_sorted()  # of two classes the margin is the probability
    asked = model.classify(found["text"].to_list())
    assert found.drop("row").equals(asked, null_equal=True)
    for by in ("both", "diversity", "random"):
        assert model.label_next(POOL, k=2, by=by).height == 2
    assert model.label_next([], k=2).is_empty()


def test_a_way_that_is_not_known_is_refused():
    with pytest.raises(ConfigError, match="by 'luck' is not known; there are both, uncertainty, diversity"):
        motet.open(run_of("side", epochs=12)).label_next(POOL, by="luck")


def test_the_command_line_keeps_the_columns_of_the_file(tmp_path, capsys):
    pool = pl.DataFrame({"id": range(7), "words": POOL, "probability": [0.0] * 7})
    pool.write_csv(tmp_path / "pool.csv")
    asked = ["label-next", str(run_of("side", epochs=12)), "--rows", str(tmp_path / "pool.csv")]
    assert main([*asked, "--column", "words", "--k", "3", "--out", str(tmp_path / "next.csv")]) == 0
    found = pl.read_csv(tmp_path / "next.csv")
    assert found.columns == ["id", "words", "prediction", "probability"]
    assert found.height == 3
    assert found["probability"].min() > 0
    for number, words in found.select("id", "words").iter_rows():
        assert POOL[number] == words
    capsys.readouterr()
    assert main([*asked, "--column", "words", "--by", "luck"]) == 2
    assert "'luck' is not known" in capsys.readouterr().err
