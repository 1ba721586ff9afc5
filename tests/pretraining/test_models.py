"""Models that are built otherwise: narrow word vectors, no dropout."""

from pathlib import Path

import pytest
from transformers import AlbertConfig, AlbertModel, AutoModel

from motet.config import Config
from motet.config.model import Language
from motet.errors import ConfigError
from motet.pretraining.train import pretrain
from tests.language.conftest import save_tiny_bert
from tests.pretraining.conftest import settings


@pytest.fixture(scope="module")
def albert(place) -> Path:
    """A tiny ALBERT: word vectors of width 8 in a model of width 16, and no dropout."""
    folder = save_tiny_bert(place / "albert")
    words = AutoModel.from_pretrained(folder).config.vocab_size
    size = {"embedding_size": 8, "hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 32}
    AlbertModel(AlbertConfig(vocab_size=words, num_hidden_layers=1, **size)).save_pretrained(folder)
    return folder


def of(config: Config, folder: Path) -> Config:
    language = Language(name=str(folder), max_tokens=24)
    return config.model_copy(update={"model": config.model.model_copy(update={"language": language})})


@pytest.mark.slow
def test_hidden_words_are_named_by_a_model_whose_word_vectors_are_narrow(place, albert, tmp_path):
    account = pretrain(of(settings(place, epochs=2), albert), place, tmp_path / "out")
    before, after = (account[when]["masked"]["perplexity"] for when in ("before", "after"))
    assert after < before
    again = pretrain(of(settings(place, epochs=1), tmp_path / "out"), place, tmp_path / "again")
    assert again["before"]["masked"] == pytest.approx(account["after"]["masked"], rel=1e-4)


def test_views_of_a_model_without_dropout_are_refused(place, albert, tmp_path):
    own = of(settings(place, objectives="contrastive"), albert)
    with pytest.raises(ConfigError, match=r"has no dropout.*views: columns .*views: neighbours"):
        pretrain(own, place, tmp_path / "out")
