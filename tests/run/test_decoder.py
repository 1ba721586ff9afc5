"""Runs whose language model is a decoder: frozen and tuned in every way, for texts and for items."""

import functools
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import motet
from motet.bundle import open_bundle
from motet.config.model import Language
from motet.config.read import config_from_dict
from motet.gather import gather
from motet.language.backbone import TextEncoder, load_language
from motet.language.pooling import Pooling
from motet.language.tuned import TunedLanguage
from motet.training.fit import learn_facts, new_model
from tests.language.tiny_decoder import save_tiny_decoder
from tests.run.test_texts import folder, settings, trained

TUNINGS = ["frozen", "full", "lora", "adapter"]


def slow_but(quick: str, ways: list[str] = TUNINGS) -> list[Any]:
    """Ways to tune, all but one as slow tests."""
    return [way if way == quick else pytest.param(way, marks=pytest.mark.slow) for way in ways]


@functools.cache
def decoder() -> Path:
    return save_tiny_decoder(folder() / "decoder")


def settings_of(*tasks: str, tuning: str, epochs: int = 2, **changes: Any) -> dict[str, Any]:
    found = settings(*tasks, tuning=tuning, training__epochs=epochs, training__precision="fp32")
    found["model"]["language"] |= {"name": str(decoder())} | changes
    return found


@functools.cache
def run_of(tuning: str, *tasks: str) -> Path:
    target = folder() / "runs" / f"decoder-{'-'.join(tasks)}-{tuning}"
    return motet.train(settings_of(*tasks, tuning=tuning), target).folder


@pytest.mark.parametrize("tuning", slow_but("frozen"))
def test_a_decoder_learns_to_tell_texts_apart(tuning):
    if tuning == "lora":
        pytest.importorskip("peft")
    epochs = 30 if tuning == "frozen" else 6
    changed = settings_of("side", tuning=tuning, epochs=epochs, pooling="mean")
    run = motet.train(changed, folder() / "runs" / f"decoder-learns-{tuning}")
    told = run.metrics
    accuracy = told["tasks"]["side"]["test"]["accuracy"]["value"]
    assert accuracy > told["baselines"]["popularity"]["side"]["test"]["accuracy"]["value"] + 0.15
    model = motet.open(run.folder)
    found = model.classify(["red shoe runs in the rain", "a small dog with long ears", ""])
    assert found["prediction"].to_list()[:2] == ["shoe", "dog"]
    assert model.evaluate()["side"]["test"]["accuracy"]["value"] == pytest.approx(accuracy, abs=1e-6)


@pytest.mark.parametrize("tuning", slow_but("frozen"))
def test_items_and_texts_are_read_by_one_decoder(tuning):
    if tuning == "lora":
        pytest.importorskip("peft")
    run = run_of(tuning, "next", "side")
    told = motet.run.Run(run).metrics["tasks"]
    again = motet.open(run).evaluate()
    for task in ("next", "side"):
        for name, measure in told[task]["test"].items():
            assert again[task]["test"][name]["value"] == pytest.approx(measure["value"], abs=1e-5)
    bundle = open_bundle(run)
    has = [place for place, text in enumerate(bundle.catalogue.text_I) if text]
    title = bundle.catalogue.text_I[has[0]]
    encoder = load_language(bundle.language, precision="fp32")
    near = 0.99 if tuning == "frozen" else 0.999999  # what a frozen one said may be rounded
    assert float(bundle.content.text_IT[has[0]] @ torch.from_numpy(encoder.encode([title])[0])) > near


@pytest.mark.parametrize("tuning", ["frozen", pytest.param("full", marks=pytest.mark.slow)])
def test_pooling_and_prefix_that_are_set_are_those_of_the_run(tuning):
    chosen = {"pooling": "mean", "prefix": "red "}
    run = motet.train(
        settings_of("side", tuning=tuning, **chosen), folder() / "runs" / f"decoder-set-{tuning}"
    )
    model = motet.open(run.folder)
    language = model.bundle.language
    assert language is not None
    assert TunedLanguage(language).pooling == Pooling("mean", prefix="red ")
    found = model.classify(["shoe"])["probability"][0]
    plain = motet.open(run_of(tuning, "side")).classify(["shoe"])["probability"][0]
    assert found != plain


def products_of(model: nn.Module) -> set[torch.dtype]:
    """The precisions of what linear layers say from now on, filled as they say it."""
    found: set[torch.dtype] = set()
    for part in model.modules():
        if isinstance(part, nn.Linear):
            part.register_forward_hook(lambda *said: found.add(said[-1].dtype))
    return found


@pytest.mark.parametrize(
    ("steps", "own", "learning", "reading"),
    [
        ("bf16", "auto", torch.bfloat16, torch.float32),
        pytest.param("fp32", "auto", torch.float32, torch.float32, marks=pytest.mark.slow),
        ("fp32", "bf16", torch.bfloat16, torch.bfloat16),
        ("bf16", "fp32", torch.float32, torch.float32),
    ],
)
@pytest.mark.parametrize("tuning", slow_but("full", TUNINGS[1:]))
def test_products_are_rounded_as_it_is_set_and_weights_are_not(steps, own, learning, reading, tuning):
    if tuning == "lora":
        pytest.importorskip("peft")
    raw = settings_of("side", tuning=tuning, epochs=1, precision=own)
    raw["training"]["precision"] = steps
    config = config_from_dict(raw)
    material = gather(config, Path())
    model = new_model(config, material.prepared, learn_facts(config, material.prepared)).train()
    assert model.texts is not None
    language = model.texts.language
    assert language is not None
    before = {name: p.detach().clone() for name, p in language.named_parameters() if p.requires_grad}
    found = products_of(language)
    batch = material.prepared.texts["side"].batch(material.prepared.texts["side"].rows.rows(0)[:4])
    with torch.autocast("cpu", torch.bfloat16, enabled=steps == "bf16"):
        loss = model.texts.losses(batch)["side"]
    loss.backward()
    assert found == {learning}
    assert loss.dtype == torch.float32
    found.clear()
    with torch.no_grad():
        model.texts.eval().vectors(batch)
    assert found == {reading}
    learned = trained(material).model.texts.language
    weights = {name: p for name, p in learned.named_parameters() if p.requires_grad}
    assert {p.dtype for p in learned.parameters()} == {torch.float32}
    assert any(not torch.equal(weights[name], before[name]) for name in before)
    fine = torch.cat([p.detach().flatten() for p in weights.values()])
    assert (fine != fine.bfloat16().float()).float().mean() > 0.9  # no weight was rounded


def test_a_frozen_decoder_computes_in_the_precision_that_is_set(monkeypatch):
    monkeypatch.setattr(TextEncoder, "choose_precision", lambda self: self.precision)
    for precision, kind in (("bf16", torch.bfloat16), ("fp32", torch.float32)):
        encoder = load_language(Language(name=str(decoder()), precision=precision))
        encoder.encode(["red"])
        assert (encoder.precision, encoder.model.dtype) == (precision, kind)
    assert load_language(Language(name=str(decoder()))).precision is None
