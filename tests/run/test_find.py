"""A sentence instead of a user."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import motet
import motet.seek
from motet.config.model import Language
from motet.errors import ConfigError
from motet.use import TrainedModel
from tests.trained import trained_run


@pytest.fixture
def model() -> TrainedModel:
    return motet.open(trained_run())


def test_a_run_without_texts_says_why_it_cannot_read_a_sentence(model: TrainedModel):
    with pytest.raises(ConfigError, match="trained without a language model"):
        model.find("I just bought a phone")


def test_the_item_whose_text_says_the_same_comes_first(model: TrainedModel, monkeypatch: pytest.MonkeyPatch):
    bundle = model.bundle
    text_IT = torch.eye(len(bundle.catalogue))
    text_IT[0] = 0.0
    settings = bundle.config.model.model_copy(update={"language": Language()})
    read = replace(
        bundle,
        config=bundle.config.model_copy(update={"model": settings}),
        content=replace(bundle.content, text_IT=text_IT),
    )
    seventh = np.eye(len(text_IT), dtype=np.float32)[[7]]
    monkeypatch.setattr(
        motet.seek, "sentence_encoder", lambda _: SimpleNamespace(encode=lambda texts: seventh)
    )
    found = TrainedModel(read).find("the seventh", k=3)
    assert found["item"][0] == bundle.catalogue.ids[6]
    assert found["score"].to_list() == [1.0, 0.0, 0.0]


def test_an_empty_sentence_is_refused(model: TrainedModel):
    bundle = model.bundle
    settings = bundle.config.model.model_copy(update={"language": Language()})
    config = bundle.config.model_copy(update={"model": settings})
    content = replace(bundle.content, text_IT=torch.zeros(len(bundle.catalogue), 2))
    with pytest.raises(ConfigError, match="The text is empty"):
        TrainedModel(replace(bundle, config=config, content=content)).find("  ")


def test_members_that_ask_one_after_the_other_open_the_language_model_once(monkeypatch: pytest.MonkeyPatch):
    opened: list[Language] = []
    monkeypatch.setattr(motet.seek, "load_language", opened.append)
    motet.seek.sentence_encoder.cache_clear()
    for _ in range(2):
        motet.seek.sentence_encoder(Language())
    motet.seek.sentence_encoder.cache_clear()
    assert opened == [Language()]
