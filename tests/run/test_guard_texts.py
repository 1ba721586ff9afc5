"""The guard of text tasks: the twin of one that is hurt is put in, the others stay, the run is one."""

from typing import Any

import numpy as np
import pytest
import torch

import motet
from motet.evaluation.retrieval import retrieval_head
from motet.guard import guard
from motet.guard.back import Back
from motet.guard.ward import Ward
from motet.training.fit import Trained
from tests.run.guard_texts_world import WITH_EVENTS, fitter, gathered, models, said_of, settings
from tests.run.guard_world import pretend
from tests.run.test_seek import settings as seek_settings

TEXTS = ("order", "seen", "find", "dogs")
TWO = ("order", "seen")


class Epochs:
    """Weights of the joint model, shifted a little, as those of other epochs."""

    def __init__(self, of: Trained, *numbers: int) -> None:
        self.of, self.numbers = of, numbers

    def epochs(self, tasks: list[str]) -> list[int]:
        return list(self.numbers)

    def weights(self, epoch: int) -> dict[str, torch.Tensor]:
        learned = self.of.model.named_parameters()
        return {name: each.detach() + 0.01 * epoch for name, each in learned if each.requires_grad}


def groups(found: Any) -> list[list[str]]:
    return [group.tasks for group in found.config.model.groups]


@pytest.mark.parametrize("hurt", TEXTS)
def test_a_text_task_that_is_hurt_is_answered_by_its_twin_and_the_others_stay(monkeypatch, hurt):
    of, before = gathered(TEXTS, "full"), models(TEXTS, "full")
    pretend(monkeypatch, hurt)
    found = guard(of, before, fitter(of))
    assert groups(found) == [[hurt]]
    ours, joint = (said_of(of, each, list(TEXTS)) for each in (found.joint, before["joint"]))
    for name in TEXTS:
        theirs = said_of(of, before[f"twin of {hurt}"], [name]) if name == hurt else joint
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)
    (said,) = found.story
    assert said.startswith(f"The guard: {hurt} lay below its twin on the validation rows (")
    assert said.endswith("and its twin itself was put in, with a language model of its own.")
    assert found.cases[hurt]["cure"] == "twin"
    sizes = [sum(p.numel() for p in each.model.parameters()) for each in (before["joint"], found.joint)]
    language = before["joint"].model.texts.language
    assert sizes[1] >= sizes[0] + sum(p.numel() for p in language.parameters())  # both are there, and counted


def test_where_all_are_hurt_no_language_model_is_kept_that_answers_nothing(monkeypatch):
    of, before = gathered(TWO, "full"), models(TWO, "full")
    pretend(monkeypatch, *TWO)
    found = guard(of, before, fitter(of))
    assert groups(found) == [["seen"]]
    assert [part.tasks for part in found.joint.model.texts.parts[1:]] == [["seen"]]
    assert found.joint.model.texts.language is before["twin of order"].model.texts.language
    for name in TWO:
        theirs = said_of(of, before[f"twin of {name}"], [name])
        np.testing.assert_array_equal(said_of(of, found.joint, [name])[name], theirs[name])


def test_with_a_frozen_language_model_a_head_is_all_that_is_put_in(monkeypatch):
    of, before = gathered(TWO, "frozen"), models(TWO, "frozen")
    pretend(monkeypatch, "order")
    found = guard(of, before, fitter(of))
    assert found.config == of.config
    assert found.cases["order"]["cure"] == "twin"
    ours, joint = (said_of(of, each, list(TWO)) for each in (found.joint, before["joint"]))
    np.testing.assert_array_equal(ours["seen"], joint["seen"])
    twin = said_of(of, before["twin of order"], ["order"])
    np.testing.assert_array_equal(ours["order"], twin["order"])
    held, theirs = (each.model.texts.head("order").linear.weight for each in
                    (found.joint, before["twin of order"]))  # fmt: skip
    assert torch.equal(held, theirs)


def test_where_no_text_task_is_hurt_nothing_is_done(monkeypatch):
    of, before = gathered(TWO, "full"), models(TWO, "full")
    pretend(monkeypatch)
    found = guard(of, before, fitter(of))
    assert found.joint is before["joint"]
    assert found.config == of.config


def test_two_that_were_better_in_another_epoch_have_one_language_model_together(monkeypatch):
    of, before = gathered(TEXTS, "full"), models(TEXTS, "full")
    monkeypatch.setattr(Back, "whole", lambda self: None)
    monkeypatch.setattr(Ward, "best", {"epoch": 2})
    pretend(monkeypatch, "order", "find")
    found = guard(of, before, fitter(of), Epochs(before["joint"], 3))
    assert groups(found) == [["order", "find"]]
    assert [found.cases[name]["cure"] for name in ("order", "find")] == ["epoch", "epoch"]
    ward = Ward(of, before["joint"], {}, fitter(of), Epochs(before["joint"], 3))
    shifted = Back(ward).model((3,), ["order", "find"])
    ours, theirs = (said_of(of, each, ["order", "find"]) for each in (found.joint, shifted))
    for name, said in ours.items():
        np.testing.assert_array_equal(said, theirs[name])
    weight = found.joint.model.texts.head("order").linear.weight
    torch.testing.assert_close(
        weight, before["joint"].model.texts.head("order").linear.weight + 0.03, atol=1e-6, rtol=0
    )


def test_all_texts_may_be_answered_by_another_epoch(monkeypatch):
    of, before = gathered(TEXTS, "full"), models(TEXTS, "full")
    joint = before["joint"]
    epochs = Epochs(joint, 3)
    back = Back(Ward(of, joint, {}, fitter(of), epochs))
    monkeypatch.setattr(Ward, "best", {"epoch": 2})
    model = back.model((3,), list(TEXTS)).model
    for name in ("mean_T", "spread_T"):  # what the heads bring vectors to was found before the first step
        held = [each.texts.head("order").get_buffer(name) for each in (model, joint.model)]
        assert torch.equal(*held)
        assert held[0].any()


def test_events_stay_where_the_language_model_is_tuned_and_why_is_said(monkeypatch):
    of, before = gathered(WITH_EVENTS, "full"), models(WITH_EVENTS, "full")
    pretend(monkeypatch, "click", "order")
    found = guard(of, before, fitter(of))
    assert groups(found) == [["order"]]
    assert found.cases["click"]["cure"] is None
    assert "read the items with the tuned language model" in found.cases["click"]["gave_up"]
    assert any("click stays below its twin" in line for line in found.story)
    ours, joint = (said_of(of, each, list(WITH_EVENTS)) for each in (found.joint, before["joint"]))
    for name in ("next", "click", "seen"):
        np.testing.assert_allclose(ours[name], joint[name], rtol=1e-5, err_msg=name)
    twin = said_of(of, before["twin of order"], ["order"])
    np.testing.assert_array_equal(ours["order"], twin["order"])


def test_with_a_frozen_language_model_texts_and_events_are_both_cured(monkeypatch):
    of, before = gathered(WITH_EVENTS, "frozen"), models(WITH_EVENTS, "frozen")
    pretend(monkeypatch, "click", "order")
    found = guard(of, before, fitter(of))
    assert groups(found) == [["click"]]
    assert [found.cases[name]["cure"] for name in ("click", "order")] == ["experts", "twin"]
    assert "seen" not in found.config.model.groups[0].beside
    ours, joint = (said_of(of, each, list(WITH_EVENTS)) for each in (found.joint, before["joint"]))
    for name in ("next", "seen"):
        np.testing.assert_array_equal(ours[name], joint[name])
    assert not np.array_equal(ours["click"], joint["click"])


@pytest.mark.parametrize(
    ("tasks", "tuning"), [(TEXTS, "full"), pytest.param(WITH_EVENTS, "full", marks=pytest.mark.slow),
                          pytest.param(WITH_EVENTS, "frozen", marks=pytest.mark.slow)]
)  # fmt: skip
def test_a_guarded_run_answers_as_it_was_measured(monkeypatch, tmp_path, tasks, tuning):
    hurt = [name for name in ("order", "find") if name in tasks]
    pretend(monkeypatch, *hurt)
    run = motet.train(settings(*tasks, tuning=tuning), tmp_path / "run", guard=True)
    told, model = run.metrics, motet.open(run.folder)
    assert {name: case["cure"] for name, case in told["guard"].items()} == dict.fromkeys(hurt, "twin")
    again = model.evaluate()
    for task in tasks:
        for name, measure in told["tasks"][task]["test"].items():
            assert again[task]["test"][name]["value"] == pytest.approx(measure["value"], abs=1e-5), name
    for name in hurt:
        for metric, measure in told["twins"][name]["test"].items():
            assert told["tasks"][name]["test"][metric]["value"] == pytest.approx(measure["value"], abs=1e-6)
    text = "red dog in the rain"
    assert model.classify([text], task="order")["prediction"][0] in ("red", "dog")
    assert model.classify([text], task="seen")["prediction"][0] in ("hair", "rain")
    if "find" in tasks:
        assert model.answer([text])["answer"][0] in ("the hair", "the rain")
        assert set(model.tag([text])["type"]) <= {"Dog"}
    apart = sorted(each.name for each in run.folder.glob("language of *"))
    assert apart == ([] if tuning == "frozen" else sorted(f"language of {name}" for name in hurt))
    page = (run.folder / "report.html").read_text("utf8")
    assert "Its twin" in page
    assert "order lay below its twin" in page


def test_text_tasks_may_be_set_apart_by_hand(tmp_path):
    given = settings("order", "seen")
    given["model"]["groups"] = [["seen"]]
    given["report"]["twins"] = "none"
    run = motet.train(given, tmp_path / "run")
    model = motet.open(run.folder)
    first, apart = model.bundle.model.texts.parts
    assert (first.tasks[:1], apart.tasks) == (["order"], ["seen"])
    own, others = (dict(each.language.named_parameters()) for each in (apart, first))
    assert any(not torch.equal(value, others[name]) for name, value in own.items())
    told = run.metrics["tasks"]["seen"]["test"]["accuracy"]["value"]
    assert model.evaluate()["seen"]["test"]["accuracy"]["value"] == pytest.approx(told)


@pytest.mark.slow
@pytest.mark.parametrize("tuning", ["full", "frozen"])
def test_a_search_out_of_its_twin_has_a_weight_for_each_ranking_beside_it(monkeypatch, tmp_path, tuning):
    """Its twin knew of no ranking; so that weight is fitted when both are one model."""
    pretend(monkeypatch, "search")
    monkeypatch.setattr(Back, "whole", lambda self: None)
    given = seek_settings("search", "next", tuning=tuning)
    given["report"]["twins"] = "all"
    run = motet.train(given, tmp_path / "run", guard=True)
    assert run.metrics["guard"]["search"]["cure"] == "twin"
    model = motet.open(run.folder)
    assert retrieval_head(model.bundle.model, "search").get_buffer("beside_X").shape == (1,)
    told = [line for line in run.metrics["statements"] if "search: beside next" in line]
    assert len(told) == 1
    again, measured = model.evaluate()["search"]["test"], run.metrics["tasks"]["search"]["test"]
    assert again["mrr"]["value"] == pytest.approx(measured["mrr"]["value"], abs=1e-5)
    assert measured["mrr"]["value"] == pytest.approx(run.metrics["twins"]["search"]["test"]["mrr"]["value"])
    assert model.find("red shoe", k=3).height == 3


@pytest.mark.slow
def test_the_guard_acts_where_tasks_ask_for_opposite_features(tmp_path):
    """Which word is there is known after an epoch, in which order two stand is not; it decides."""
    given = settings("order", "seen", file="many", epochs=8, warmup=5, monitor="seen.accuracy")
    run = motet.train(given, tmp_path / "run", guard=True)
    told = run.metrics
    assert told["guard_saw"]["order"]["high"] < -0.1
    assert told["guard"].keys() == {"order"}
    assert told["guard"]["order"]["cure"] == "twin"
    test = told["tasks"]["order"]["test"]["macro_f1"]["value"]
    assert test > 0.1 + told["guard"]["order"]["unguarded"]["macro_f1"]["value"]
    model = motet.open(run.folder)
    right = model.classify(["red and a small dog hair", "dog and a small red hair"], task="order")
    assert right["prediction"].to_list() == ["red", "dog"]
    assert model.evaluate()["order"]["test"]["macro_f1"]["value"] == pytest.approx(test, abs=1e-5)


@pytest.mark.slow
def test_the_guard_leaves_tasks_alone_that_ask_the_same(tmp_path):
    given = settings("order", "same", file="many", epochs=8, warmup=5)
    run = motet.train(given, tmp_path / "run", guard=True)
    assert run.metrics["guard"] == {}
    assert "nothing was set apart" in " ".join(run.metrics["statements"])
