"""A training notices what the pretrained language model has read."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from motet.config import Config
from motet.config.model import Language
from motet.config.tasks import Multiclass
from motet.data.already_read import FILE, count_read, numbers_of, read_by, write_read
from motet.data.texts import TextRows
from motet.data.timelines import TEST, TRAIN, VALID
from motet.errors import ConfigError
from motet.features.texts_read import told_read
from motet.gather import gather
from motet.pretraining.train import pretrain
from tests.pretraining.conftest import settings


def with_task(config: Config, seed: int = 0, **settings: Any) -> Config:
    """The same with a task whose validation and test texts are items that a seed draws."""
    task = Multiclass(name="word", kind="multiclass", label="word", texts="items", **settings)
    training = config.training.model_copy(update={"seed": seed})
    return config.model_copy(update={"tasks": [task], "training": training})


def reading(config: Config, folder: Path) -> Config:
    """The same with a language model that was pretrained, without pretraining."""
    language = Language(name=str(folder), max_tokens=24)
    model = config.model.model_copy(update={"language": language})
    return config.model_copy(update={"model": model, "pretraining": None})


def test_a_training_with_another_seed_than_its_pretraining_is_refused(place, tmp_path):
    pretrain(with_task(settings(place, epochs=1), seed=0), place, tmp_path / "out")
    same = gather(with_task(reading(settings(place), tmp_path / "out"), seed=0), place)
    assert not [each for each in same.statements if "has read" in each]
    said = (
        r"has read \d+ of the \d+ test texts of word .*same  training\.seed  \(now 1\), or give  tasks\.word"
    )
    with pytest.raises(ConfigError, match=said):
        gather(with_task(reading(settings(place), tmp_path / "out"), seed=1), place)


def test_a_pretraining_without_the_task_has_read_all_and_one_that_goes_on_has_too(place, tmp_path):
    pretrain(settings(place, epochs=1), place, tmp_path / "out")
    with pytest.raises(ConfigError, match=r"has read (\d+) of the \1 test texts of word"):
        gather(with_task(reading(settings(place), tmp_path / "out")), place)
    later = with_task(reading(settings(place), tmp_path / "out"))
    later = later.model_copy(update={"pretraining": settings(place, epochs=1).pretraining})
    pretrain(later, place, tmp_path / "later")
    assert set(read_by(tmp_path / "out")) == set(read_by(tmp_path / "later"))


def rows() -> TextRows:
    part_N = np.array([TRAIN, VALID, VALID, TEST], np.int8)
    return TextRows(["train", "valid", "other", "test"], np.zeros(4, np.int64), part_N, ("a",))


def test_validation_texts_that_were_read_are_said(place, tmp_path):
    write_read(tmp_path, numbers_of(pl.Series(["train", "VA lid", "something"])))
    assert count_read(rows(), VALID, read_by(tmp_path)) == (1, 2)
    assert told_read(reading(settings(place), Path(tmp_path.name)), place, {"word": rows()}) == []
    beside = told_read(reading(settings(place), Path(tmp_path.name)), tmp_path.parent, {"word": rows()})
    (said,) = told_read(reading(settings(place), tmp_path), place, {"word": rows()})
    assert beside == [said]
    assert said.startswith("word: the language model has read 1 of the 2 validation texts")


def test_a_model_that_says_nothing_of_what_it_read_is_taken_as_it_is(place, tmp_path):
    assert not (tmp_path / FILE).exists()
    assert told_read(reading(settings(place), tmp_path), place, {"word": rows()}) == []
