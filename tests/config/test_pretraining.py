"""The `pretraining:` part: its short forms, and what it refuses."""

from typing import Any

import pytest

from motet.config import Config
from motet.config.read import config_from_dict, read_config, write_config
from motet.errors import ConfigError

ITEMS = {"path": "items.csv", "id": "id", "text": ["title", "plot"]}
EVENTS = {"path": "events.csv", "user": "u", "item": "i"}


def read(pretraining: Any, **parts: Any) -> Config:
    return config_from_dict({"data": {"items": ITEMS, "events": EVENTS}, "pretraining": pretraining} | parts)


@pytest.mark.parametrize(
    ("written", "weights"),
    [
        ("contrastive", {"masked": 0, "contrastive": 1, "next": 0}),
        ({"contrastive": 2}, {"masked": 0, "contrastive": 2, "next": 0}),
        ({"masked": 1, "next": 0.5}, {"masked": 1, "contrastive": 0, "next": 0.5}),
    ],
)
def test_an_objective_that_is_named_goes_without_the_others(written, weights):
    found = read({"objectives": written}).pretraining
    assert found is not None
    assert found.objectives.weights == weights


def test_words_are_hidden_unless_something_else_is_said():
    found = read({}).pretraining
    assert found is not None
    assert found.objectives.weights == {"masked": 1, "contrastive": 0, "next": 0}
    assert found.pairs == {}
    assert (found.rate, read({"scratch": {}}).pretraining.rate) == (5e-5, 1e-3)


def test_a_configuration_without_tasks_is_read_as_it_was_written(tmp_path):
    own = read({"objectives": "contrastive", "files": "more.csv"} | {"files": {"path": "more.csv"}})
    write_config(own, tmp_path / "motet.yaml")
    assert read_config(tmp_path / "motet.yaml") == own
    assert own.tasks == []


@pytest.mark.parametrize(
    ("pretraining", "said"),
    [
        ({"objectives": {"masked": 0}}, "every objective has weight 0"),
        ({"objectives": "maskd"}, "has no setting 'maskd'; did you mean 'masked'"),
        ({"views": "neighbours"}, "objective contrastive reads 'views', and has weight 0"),
        ({"objectives": "next", "mask_share": 0.3}, "objective masked reads 'mask_share'"),
        ({"scratch": {"width": 30, "heads": 4}}, "width 30 cannot be shared by 4 heads"),
        ({"scratch": {}, "words": False}, "vectors of the words are random, and must learn"),
        ({"batch_size": 1}, "write a whole number of at least 2"),
    ],
)
def test_what_does_not_fit_is_said(pretraining, said):
    with pytest.raises(ConfigError, match=said):
        read(pretraining)


@pytest.mark.parametrize(
    ("pretraining", "parts", "said"),
    [
        ({}, {"data": {"items": ITEMS | {"text": []}}}, "there is no text; declare  text:  under data.items"),
        ({}, {"model": {"language": "none"}}, "there is no language model to train"),
        (
            {"scratch": {}},
            {"model": {"language": "none"}},
            r"write  model: \{language: \{max_tokens: 128\}\} ;",
        ),
        (
            {"objectives": "contrastive", "views": "neighbours"},
            {"data": {"items": ITEMS}},
            "pretraining.views: neighbours are items with texts in a log; declare data.events",
        ),
        (
            {"objectives": "next"},
            {"data": {"items": ITEMS | {"text": "title"}}},
            "pretraining.follows: columns are pairs of two columns of a text, and no source has two",
        ),
    ],
)
def test_what_does_not_fit_the_data_is_said(pretraining, parts, said):
    with pytest.raises(ConfigError, match=said):
        read(pretraining, **parts)


def test_a_configuration_with_neither_tasks_nor_pretraining_is_refused():
    with pytest.raises(ConfigError, match="the configuration lacks 'tasks'; write a list of tasks"):
        config_from_dict({"data": {"items": ITEMS}})
